//! Animated pictures: GIF, animated PNG, animated WebP.

use std::path::{Path, PathBuf};

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, DynamicImage, Frame, RgbImage};

use crate::draw::webp;
use crate::error::CliError;
use crate::files::whole::write_atomically;

/// How a GIF with more than 256 colours is reduced, from 1 (best) to 30 (fastest).
const GIF_SPEED: i32 = 10;

/// The file format, by the extension of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Gif,
    Png,
    WebP,
}

/// A file that becomes an animation.
#[derive(Debug, Clone)]
pub struct Animation {
    path: PathBuf,
    format: Format,
}

impl Animation {
    /// What `--animate` asks for.
    ///
    /// # Errors
    /// [`CliError::Usage`] when the extension is none that can be written.
    pub fn new(path: &Path) -> Result<Self, CliError> {
        let extension = path.extension().map(|e| e.to_ascii_lowercase());
        let format = match extension.as_ref().and_then(|e| e.to_str()) {
            Some("gif") => Format::Gif,
            Some("png" | "apng") => Format::Png,
            Some("webp") => Format::WebP,
            _ => {
                return Err(CliError::Usage(format!(
                    "animate: expected a name that ends in .gif, .webp or .png, found {}",
                    path.display()
                )));
            }
        };
        Ok(Self {
            path: path.to_path_buf(),
            format,
        })
    }

    /// Refuses frames of this width and height that the format does not have, before they are made.
    ///
    /// # Errors
    /// [`CliError::Usage`] says how large they may be.
    pub fn check(&self, [width, height]: [u64; 2]) -> Result<(), CliError> {
        let longest = self.longest();
        if width.max(height) > u64::from(longest) {
            return Err(CliError::Usage(format!(
                "animate: expected at most {longest} pixels a side in this format, found {height} × {width}: make fewer \
                 or smaller images"
            )));
        }
        Ok(())
    }

    /// The longest side of a frame.
    fn longest(&self) -> u32 {
        match self.format {
            Format::Gif => u32::from(u16::MAX),
            Format::Png => i32::MAX as u32,
            Format::WebP => webp::MAX_SIDE,
        }
    }

    /// Writes `frames`, pictures of one size with how many milliseconds each is shown, repeated for ever.
    ///
    /// # Errors
    /// The path, and what went wrong.
    pub fn write(
        &self,
        frames: impl ExactSizeIterator<Item = (RgbImage, u32)>,
    ) -> Result<(), CliError> {
        let mut frames = frames.peekable();
        let failed = |what: String| CliError::Failed(format!("{}: {what}", self.path.display()));
        let Some((first, _)) = frames.peek() else {
            return Err(failed("no frames".into()));
        };
        let size = [first.width(), first.height()];
        self.check(size.map(u64::from))?;
        let bytes = match self.format {
            Format::Gif => gif(&mut frames),
            Format::Png => png(&mut frames, size),
            Format::WebP => webp::animated(&mut frames, size).map_err(|e| e.to_string()),
        };
        write_atomically(&self.path, &bytes.map_err(failed)?)
    }
}

/// Frames that are made as they are asked for.
type Frames<'a> = &'a mut dyn ExactSizeIterator<Item = (RgbImage, u32)>;

fn gif(frames: Frames<'_>) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new_with_speed(&mut bytes, GIF_SPEED);
    encoder
        .set_repeat(Repeat::Infinite)
        .map_err(|e| e.to_string())?;
    for (picture, milliseconds) in frames {
        let pixels = DynamicImage::ImageRgb8(picture).into_rgba8();
        let delay = Delay::from_numer_denom_ms(milliseconds, 1);
        encoder
            .encode_frame(Frame::from_parts(pixels, 0, 0, delay))
            .map_err(|e| e.to_string())?;
    }
    drop(encoder);
    Ok(bytes)
}

fn png(frames: Frames<'_>, size: [u32; 2]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    write_png(frames, size, &mut bytes).map_err(|e| e.to_string())?;
    Ok(bytes)
}

fn write_png(
    frames: Frames<'_>,
    [width, height]: [u32; 2],
    to: &mut Vec<u8>,
) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(to, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_animated(frames.len() as u32, 0)?;
    let mut writer = encoder.write_header()?;
    for (picture, milliseconds) in frames {
        let milliseconds = u16::try_from(milliseconds).unwrap_or(u16::MAX);
        writer.set_frame_delay(milliseconds, 1000)?;
        writer.write_image_data(&picture)?;
    }
    writer.finish()
}
