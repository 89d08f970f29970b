//! Images as PNG: a batch as a grid.

use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage, imageops};

use super::cli::CliError;
use super::files::write_atomically;

/// Pixels between two images of a grid.
const GAP: u32 = 2;
/// A grid's smaller images are enlarged until they are at least this high and wide.
const MIN_SIDE: u32 = 64;

/// -1…1 -> 0…255.
fn level(value: f32) -> u8 {
    ((value.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8
}

/// A batch `[B, C, H, W]` in about -1…1 as one picture, as square as possible, enlarged by a whole factor.
/// One channel is grey; of more than three the first three are red, green and blue.
pub fn grid(values: &[f32], [batch, channels, height, width]: [usize; 4]) -> RgbImage {
    let columns = (batch as f64).sqrt().ceil() as u32;
    let rows = (batch as u32).div_ceil(columns);
    let scale = MIN_SIDE.div_ceil(height.min(width) as u32);
    let (tile_h, tile_w) = (height as u32 * scale, width as u32 * scale);
    let mut sheet = RgbImage::from_pixel(
        columns * (tile_w + GAP) + GAP,
        rows * (tile_h + GAP) + GAP,
        Rgb([255; 3]),
    );
    for (i, image) in values.chunks_exact(channels * height * width).enumerate() {
        let channel = |c: usize, at: usize| {
            level(image[if channels < 3 { 0 } else { c } * height * width + at])
        };
        let tile = RgbImage::from_fn(tile_w, tile_h, |x, y| {
            let at = (y / scale) as usize * width + (x / scale) as usize;
            Rgb([channel(0, at), channel(1, at), channel(2, at)])
        });
        let (column, row) = (i as u32 % columns, i as u32 / columns);
        imageops::replace(
            &mut sheet,
            &tile,
            i64::from(GAP + column * (tile_w + GAP)),
            i64::from(GAP + row * (tile_h + GAP)),
        );
    }
    sheet
}

/// Writes `picture` as PNG; the file is whole or untouched.
///
/// # Errors
/// The path, and what went wrong.
pub fn write_png(path: &Path, picture: &RgbImage) -> Result<(), CliError> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|e| CliError::Failed(format!("{}: {e}", path.display())))?;
    write_atomically(path, bytes.get_ref())
}
