//! One picture file, as a viewer shows it: turned as it says, whole or not at all, and without transparency.

use std::path::Path;

use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::whole;
use crate::args::background::Colour;

/// A picture, and what was done to it that nobody asked for.
pub struct Decoded {
    /// Without an alpha channel.
    pub picture: DynamicImage,
    /// Whether it was turned or mirrored, as its EXIF data says.
    pub turned: bool,
    /// Whether transparent parts were put on the background.
    pub filled: bool,
}

/// The most bytes of pixels that are unpacked: a picture of 2 MB can stand for a thousand times as many.
const MOST: u64 = 512 << 20;

/// The picture in `path`, whatever its name says about the format; of an animation the first frame.
///
/// # Errors
/// What is wrong with the file.
pub fn decode(path: &Path, background: Colour) -> Result<Decoded, String> {
    let bytes = whole::bytes(path)?;
    let reader = ImageReader::new(std::io::Cursor::new(&bytes));
    let reader = reader.with_guessed_format().map_err(|e| e.to_string())?;
    if reader.format() == Some(ImageFormat::Jpeg) && !has_end(&bytes) {
        return Err("cut off: the end of the picture is missing".into());
    }
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let unpacked = decoder.total_bytes();
    if unpacked > MOST {
        let (width, height) = decoder.dimensions();
        let (needed, most) = (unpacked.div_ceil(1 << 20), MOST >> 20);
        return Err(format!(
            "its {height} × {width} pixels take {needed} MiB, of which there may be {most}"
        ));
    }
    // A picture with damaged EXIF data is still a picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?;
    picture.apply_orientation(orientation);
    let (picture, filled) = opaque(picture, background);
    Ok(Decoded {
        picture,
        turned: orientation != Orientation::NoTransforms,
        filled,
    })
}

/// `picture` scaled until it fills `width` × `height`, and cut to that around its middle.
///
/// # Errors
/// That it is too long and thin: it is scaled before it is cut.
pub fn fill(picture: &DynamicImage, width: u32, height: u32) -> Result<DynamicImage, String> {
    let (wide, high) = (f64::from(picture.width()), f64::from(picture.height()));
    let scale = (f64::from(width) / wide).max(f64::from(height) / high);
    let bytes = scale * wide * scale * high * f64::from(picture.color().bytes_per_pixel());
    if bytes > MOST as f64 {
        return Err(format!(
            "{high} × {wide} pixels are too long and thin to be cut and scaled to {height} × {width}"
        ));
    }
    Ok(picture.resize_to_fill(width, height, FilterType::CatmullRom))
}

/// Whether a JPEG file has its end marker: the decoder fills what is missing with grey and says nothing.
///
/// Only what follows the header of a scan counts, since thumbnails in the segments before it have ends of their own.
/// Within a scan the two bytes stand for nothing else (ITU-T T.81, B.1.1.5).
fn has_end(bytes: &[u8]) -> bool {
    const END: [u8; 2] = [0xFF, 0xD9];
    const SCAN: u8 = 0xDA;
    let mut at = 2;
    while let Some(&[0xFF, marker, high, low]) = bytes.get(at..at + 4) {
        if marker == 0xFF {
            at += 1; // a fill byte
            continue;
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker == SCAN {
            let scan = bytes.get(at..).unwrap_or_default();
            return scan.windows(2).any(|pair| pair == END);
        }
    }
    false
}

/// `picture` on `background`, and whether any of it shows: colours of transparent pixels are anything at all.
fn opaque(picture: DynamicImage, background: Colour) -> (DynamicImage, bool) {
    if !picture.color().has_alpha() {
        return (picture, false);
    }
    let coloured = picture.color().has_color();
    let mut pixels = picture.into_rgba8();
    let mut filled = false;
    for pixel in pixels.pixels_mut() {
        let [rgb @ .., alpha] = &mut pixel.0;
        if *alpha < u8::MAX {
            filled = true;
            let (over, under) = (u32::from(*alpha), u32::from(u8::MAX - *alpha));
            for (channel, ground) in rgb.iter_mut().zip(background.0) {
                let sum = u32::from(*channel) * over + u32::from(ground) * under;
                *channel = ((sum + 127) / 255) as u8;
            }
        }
    }
    let rgb = DynamicImage::ImageRgba8(pixels).into_rgb8();
    let picture = if coloured || (filled && !background.is_grey()) {
        DynamicImage::ImageRgb8(rgb)
    } else {
        DynamicImage::ImageLuma8(DynamicImage::ImageRgb8(rgb).into_luma8())
    };
    (picture, filled)
}
