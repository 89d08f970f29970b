//! Numbers as pictures: one image, a batch as a grid, and PNG files.

use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage, imageops};

use crate::error::CliError;
use crate::files::whole::write_atomically;

/// Pixels between two images of a grid.
pub const GAP: u32 = 2;
/// A grid's smaller images are enlarged until they are at least this high and wide.
const MIN_SIDE: u32 = 64;

/// -1…1 -> 0…255.
pub fn level(value: f32) -> u8 {
    ((value.clamp(-1.0, 1.0) + 1.0) * 127.5).round() as u8
}

/// The smallest whole factor that makes both sides at least `min_side` long. Sides are above 0.
pub fn enlargement([height, width]: [usize; 2], min_side: u32) -> u32 {
    min_side.div_ceil(height.min(width) as u32)
}

/// One image `[C, H, W]` in about -1…1, enlarged `scale` times. One channel is grey; of more than three the
/// first three are red, green and blue.
pub fn tile(image: &[f32], [channels, height, width]: [usize; 3], scale: u32) -> RgbImage {
    let channel =
        |c: usize, at: usize| level(image[if channels < 3 { 0 } else { c } * height * width + at]);
    RgbImage::from_fn(width as u32 * scale, height as u32 * scale, |x, y| {
        let at = (y / scale) as usize * width + (x / scale) as usize;
        Rgb([channel(0, at), channel(1, at), channel(2, at)])
    })
}

/// Width and height of what [`grid`] makes of `batch` images.
pub fn grid_size([batch, _, height, width]: [usize; 4]) -> [u64; 2] {
    let columns = (batch as f64).sqrt().ceil() as u64;
    let rows = (batch as u64).div_ceil(columns);
    let scale = u64::from(enlargement([height, width], MIN_SIDE));
    let side = |tiles: u64, side: usize| tiles * (side as u64 * scale + u64::from(GAP));
    [side(columns, width), side(rows, height)].map(|side| side + u64::from(GAP))
}

/// Most bytes of one picture.
const MAX_BYTES: u128 = 1 << 32;

/// Refuses a picture of this width and height that there is no memory for: before the images on it are made.
///
/// # Errors
/// [`CliError::Usage`] says how much it would take.
pub fn check_room([width, height]: [u64; 2]) -> Result<(), CliError> {
    let bytes = 3 * u128::from(width) * u128::from(height);
    let fits = bytes <= MAX_BYTES && Vec::<u8>::new().try_reserve_exact(bytes as usize).is_ok();
    if fits {
        Ok(())
    } else {
        Err(CliError::Usage(format!(
            "out: a picture of {height} × {width} pixels takes {} MB of memory, which is more than there is: make fewer or smaller images",
            bytes / 1_000_000
        )))
    }
}

/// A batch `[B, C, H, W]` in about -1…1 as one picture, as square as possible, enlarged by a whole factor.
pub fn grid(values: &[f32], [batch, channels, height, width]: [usize; 4]) -> RgbImage {
    let columns = (batch as f64).sqrt().ceil() as u32;
    let rows = (batch as u32).div_ceil(columns);
    let scale = enlargement([height, width], MIN_SIDE);
    let (tile_h, tile_w) = (height as u32 * scale, width as u32 * scale);
    let mut sheet = RgbImage::from_pixel(
        columns * (tile_w + GAP) + GAP,
        rows * (tile_h + GAP) + GAP,
        Rgb([255; 3]),
    );
    for (i, image) in values.chunks_exact(channels * height * width).enumerate() {
        let (column, row) = (i as u32 % columns, i as u32 / columns);
        imageops::replace(
            &mut sheet,
            &tile(image, [channels, height, width], scale),
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
