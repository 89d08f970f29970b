//! Pictures that come one by one and become a set.

use super::{ImageError, ImageSet, MAX_BYTES, room};

/// Pictures of one size that come one by one and become a set, which holds each pixel once at any time.
pub struct Collector {
    height: usize,
    width: usize,
    /// `[images, 3, pixels]`.
    pixels: Vec<u8>,
    grey: bool,
}

impl Collector {
    /// For about `expected` pictures of this height and width, for which room is asked for at once.
    ///
    /// # Errors
    /// [`ImageError::Room`] where there is none, [`ImageError::Size`] for more than [`MAX_BYTES`].
    pub fn new(expected: usize, height: usize, width: usize) -> Result<Self, ImageError> {
        let bytes = [height, width]
            .into_iter()
            .fold(expected.saturating_mul(3), usize::saturating_mul);
        if bytes as u64 > MAX_BYTES {
            return Err(ImageError::Size {
                what: "bytes",
                expected: format!("at most {MAX_BYTES}"),
                found: bytes as u64,
            });
        }
        let mut pixels = Vec::new();
        room(&mut pixels, bytes)?;
        Ok(Self {
            height,
            width,
            pixels,
            grey: true,
        })
    }

    /// Adds a picture: red, green and blue of each pixel, row by row.
    ///
    /// # Errors
    /// [`ImageError::Length`] when these are not the bytes of one picture.
    pub fn push(&mut self, rgb: &[u8]) -> Result<(), ImageError> {
        let (height, width) = (self.height, self.width);
        if rgb.len() != 3 * height * width {
            return Err(ImageError::Length {
                count: 1,
                channels: 3,
                height,
                width,
                expected: (3 * height * width) as u64,
                found: rgb.len() as u64,
            });
        }
        room(&mut self.pixels, rgb.len())?;
        self.grey &= rgb.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]);
        for channel in 0..3 {
            let plane = rgb.iter().skip(channel).step_by(3);
            self.pixels.extend(plane);
        }
        Ok(())
    }

    /// The set: with one channel where every picture is grey.
    ///
    /// # Errors
    /// Those of [`ImageSet::new`].
    pub fn finish(self) -> Result<ImageSet, ImageError> {
        let (area, mut pixels) = (self.height * self.width, self.pixels);
        let count = pixels.len() / (3 * area).max(1);
        let channels = if self.grey { 1 } else { 3 };
        if self.grey {
            for image in 0..count {
                pixels.copy_within(3 * image * area..(3 * image + 1) * area, image * area);
            }
            pixels.truncate(count * area);
        }
        pixels.shrink_to_fit();
        ImageSet::new(count, channels, self.height, self.width, pixels)
    }
}
