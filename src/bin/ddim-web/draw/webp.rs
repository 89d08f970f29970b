//! Animated WebP: the container around lossless frames.
//!
//! The `image` crate encodes single pictures only. An animation is the same `VP8L` data, one `ANMF` chunk per
//! frame (WebP Container Specification, RFC 9649, section 2.7.1.1).

use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageError, RgbImage};

/// Longest side of a lossless picture (RFC 9649, section 3.4: 14 bits).
pub const MAX_SIDE: u32 = 1 << 14;

/// Bit of the flags in `VP8X` that announces an animation.
const ANIMATION: u8 = 1 << 1;
/// Flag of a frame: it replaces what was there.
const DO_NOT_BLEND: u8 = 1 << 1;
/// Length of a file's header: `RIFF`, size, `WEBP`.
const RIFF_HEADER: usize = 12;

/// Pictures of one size with how long each is shown, repeated for ever.
///
/// # Errors
/// What the encoder of a frame reports, such as a side above [`MAX_SIDE`].
pub fn animated(
    frames: impl Iterator<Item = (RgbImage, u32)>,
    [width, height]: [u32; 2],
) -> Result<Vec<u8>, ImageError> {
    let mut header = vec![ANIMATION, 0, 0, 0];
    header.extend(less_one(width));
    header.extend(less_one(height));
    let white_and_endless = [255, 255, 255, 255, 0, 0];

    let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
    chunk(&mut file, b"VP8X", &header);
    chunk(&mut file, b"ANIM", &white_and_endless);
    for (picture, milliseconds) in frames {
        // Left and top, halved: 0.
        let mut frame = vec![0; 6];
        frame.extend(less_one(width));
        frame.extend(less_one(height));
        frame.extend(&milliseconds.to_le_bytes()[..3]);
        frame.push(DO_NOT_BLEND);
        frame.extend(vp8l(&picture)?);
        chunk(&mut file, b"ANMF", &frame);
    }
    let size = (file.len() - 8) as u32;
    file[4..8].copy_from_slice(&size.to_le_bytes());
    Ok(file)
}

/// Appends a chunk: name, length, data, and a byte to make the length even.
fn chunk(file: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    file.extend(name);
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file.resize(file.len().next_multiple_of(2), 0);
}

/// A side as the format has it: 24 bits, less one.
fn less_one(side: u32) -> [u8; 3] {
    let [low, middle, high, _] = (side - 1).to_le_bytes();
    [low, middle, high]
}

/// The chunk `VP8L` of `picture`, with its name, its length and its padding.
fn vp8l(picture: &RgbImage) -> Result<Vec<u8>, ImageError> {
    let mut file = Vec::new();
    WebPEncoder::new_lossless(&mut file).encode(
        picture,
        picture.width(),
        picture.height(),
        ExtendedColorType::Rgb8,
    )?;
    // A simple lossless file is its header and this one chunk.
    Ok(file.split_off(RIFF_HEADER))
}
