//! Sets of images: 8-bit pixels in memory, and the IDX format of MNIST.

mod collector;
mod error;
mod labels;

pub use collector::Collector;
pub use error::ImageError;
pub use labels::labels_from_idx;

/// The largest height or width accepted.
pub const MAX_SIDE: usize = 4096;

/// The most bytes that one set may hold: 16 GiB.
pub const MAX_BYTES: u64 = 1 << 34;

const HEADER: usize = 16;

/// Images of one shape, 8 bits per value.
///
/// ```
/// use ddim_web::images::ImageSet;
///
/// // Two grey pictures of 2×2.
/// let images = ImageSet::new(2, 1, 2, 2, vec![0, 85, 170, 255, 9, 9, 9, 9])?;
/// assert_eq!(images.image(1), [9, 9, 9, 9]);
/// assert_eq!(images.scaled(&[0])[3], 1.0);
/// # Ok::<(), ddim_web::images::ImageError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSet {
    count: usize,
    channels: usize,
    height: usize,
    width: usize,
    pixels: Vec<u8>,
}

impl ImageSet {
    /// `pixels` is row-major `[count, channels, height, width]`; `channels` is 1 (grey) or 3 (red, green, blue).
    ///
    /// # Errors
    /// [`ImageError`] when a number is out of range or the pixels do not fill the shape.
    pub fn new(
        count: usize,
        channels: usize,
        height: usize,
        width: usize,
        pixels: Vec<u8>,
    ) -> Result<Self, ImageError> {
        let size = |what, found: usize, expected: &str| ImageError::Size {
            what,
            expected: expected.into(),
            found: found as u64,
        };
        if count == 0 {
            return Err(size("count", count, "at least 1"));
        }
        if channels != 1 && channels != 3 {
            return Err(size("channels", channels, "1 or 3"));
        }
        for (what, side) in [("height", height), ("width", width)] {
            if !(1..=MAX_SIDE).contains(&side) {
                return Err(size(what, side, &format!("1 to {MAX_SIDE}")));
            }
        }
        // count < 2^64 and the rest < 2^26: the product fits 128 bits.
        let bytes = count as u128 * (channels * height * width) as u128;
        if bytes > u128::from(MAX_BYTES) {
            let found = u64::try_from(bytes).unwrap_or(u64::MAX);
            return Err(ImageError::Size {
                what: "bytes",
                expected: format!("at most {MAX_BYTES}"),
                found,
            });
        }
        if pixels.len() as u128 != bytes {
            let (expected, found) = (bytes as u64, pixels.len() as u64);
            return Err(ImageError::Length {
                count,
                channels,
                height,
                width,
                expected,
                found,
            });
        }
        Ok(Self {
            count,
            channels,
            height,
            width,
            pixels,
        })
    }

    /// Reads an IDX file of grey images (Yann LeCun's MNIST page; Fashion-MNIST has the same format):
    /// the number 0x00000803, then count, rows and columns as big-endian 32-bit numbers, then pixels.
    ///
    /// # Errors
    /// [`ImageError`] says what is wrong with the header or the length.
    pub fn from_idx(mut bytes: Vec<u8>) -> Result<Self, ImageError> {
        match bytes[..] {
            [0x1F, 0x8B, ..] => {
                return Err(ImageError::Magic(
                    "gzip-compressed data: unpack it first".into(),
                ));
            }
            [0, 0, 8, 1, ..] => return Err(ImageError::Magic("00000801, a file of labels".into())),
            [0, 0, 8, 3, ..] => {}
            _ => {
                let start: String = bytes.iter().take(4).map(|b| format!("{b:02x}")).collect();
                return Err(ImageError::Magic(if start.is_empty() {
                    "an empty file".into()
                } else {
                    start
                }));
            }
        }
        if bytes.len() < HEADER {
            return Err(ImageError::Header { found: bytes.len() });
        }
        let word = |at: usize| {
            bytes[at..at + 4]
                .iter()
                .fold(0usize, |word, byte| word << 8 | usize::from(*byte))
        };
        let [count, height, width] = [4, 8, 12].map(word);
        // In place: there may be no room for another copy.
        bytes.drain(..HEADER);
        Self::new(count, 1, height, width, bytes)
    }

    /// The same images in the middle of a square whose side is a multiple of `multiple`, with black around them.
    ///
    /// # Errors
    /// [`ImageError::Size`] when the square would be too large.
    pub fn padded(self, multiple: usize) -> Result<Self, ImageError> {
        let side = self.height.max(self.width).next_multiple_of(multiple);
        if [self.height, self.width] == [side, side] {
            return Ok(self);
        }
        let planes = self.count * self.channels;
        if side > MAX_SIDE || planes as u128 * (side * side) as u128 > u128::from(MAX_BYTES) {
            let expected = format!("at most {MAX_SIDE}, and at most {MAX_BYTES} bytes in all");
            return Err(ImageError::Size {
                what: "side after padding",
                expected,
                found: side as u64,
            });
        }
        let (top, left) = ((side - self.height) / 2, (side - self.width) / 2);
        let (area, width) = (self.height * self.width, self.width);
        // In place, from the end on, where nothing is written over before it has moved.
        let mut pixels = self.pixels;
        room(&mut pixels, planes * (side * side - area))?;
        pixels.resize(planes * side * side, 0);
        for plane in (0..planes).rev() {
            let to = plane * side * side;
            for y in (0..self.height).rev() {
                let (from, start) = (plane * area + y * width, to + (top + y) * side + left);
                pixels.copy_within(from..from + width, start);
                pixels[start + width..to + (top + y + 1) * side].fill(0);
                pixels[to + (top + y) * side..start].fill(0);
            }
            pixels[to..to + top * side].fill(0);
            pixels[to + (top + self.height) * side..to + side * side].fill(0);
        }
        Self::new(self.count, self.channels, side, side, pixels)
    }

    /// The same images with 1 or 3 `channels`: grey is the luminance of Rec. 709, colour made of grey has three equal
    /// channels.
    ///
    /// # Errors
    /// [`ImageError`] for another number of channels, or more than [`MAX_BYTES`].
    pub fn with_channels(self, channels: usize) -> Result<Self, ImageError> {
        let area = self.height * self.width;
        let pixels = match (self.channels, channels) {
            (1, 3) => (self.pixels.chunks_exact(area))
                .flat_map(|plane| [plane; 3].into_iter().flatten().copied())
                .collect(),
            (3, 1) => (self.pixels.chunks_exact(3 * area))
                .flat_map(|image| {
                    let [red, green, blue] = [0, 1, 2].map(|c| &image[c * area..][..area]);
                    let weighted = move |i: usize| {
                        2126 * u32::from(red[i])
                            + 7152 * u32::from(green[i])
                            + 722 * u32::from(blue[i])
                    };
                    (0..area).map(move |i| ((weighted(i) + 5_000) / 10_000) as u8)
                })
                .collect(),
            _ => self.pixels,
        };
        Self::new(self.count, channels, self.height, self.width, pixels)
    }

    /// Number of images.
    pub fn count(&self) -> usize {
        self.count
    }

    /// `[channels, height, width]` of one image.
    pub fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// The pixels of image `index`, row-major `[channels, height, width]`.
    ///
    /// # Panics
    /// When `index >= count()`.
    pub fn image(&self, index: usize) -> &[u8] {
        let len = self.channels * self.height * self.width;
        &self.pixels[index * len..(index + 1) * len]
    }

    /// The images `indices`, scaled from 0…255 to -1…1 (DDPM, section 3.3): `[indices, channels, height, width]`.
    ///
    /// # Panics
    /// When an index is not below `count()`.
    pub fn scaled(&self, indices: &[usize]) -> Vec<f32> {
        indices
            .iter()
            .flat_map(|i| self.image(*i))
            .map(|p| f32::from(*p) / 127.5 - 1.0)
            .collect()
    }

    /// A number that differs between two sets with near certainty: 64-bit FNV-1a of shape and pixels.
    pub fn fingerprint(&self) -> u64 {
        let shape = [self.count, self.channels, self.height, self.width];
        let shape = shape.map(|n| (n as u64).to_le_bytes());
        fnv1a([shape.as_flattened(), &self.pixels].into_iter())
    }
}

/// Room for `more` bytes behind `pixels`, and for no others.
fn room(pixels: &mut Vec<u8>, more: usize) -> Result<(), ImageError> {
    pixels
        .try_reserve_exact(more)
        .map_err(|_| ImageError::Room {
            bytes: pixels.len().saturating_add(more),
        })
}

/// 64-bit FNV-1a (Fowler, Noll & Vo) of pieces.
pub(crate) fn fnv1a<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> u64 {
    // A browser exchanges slow code for fast between two calls, never within one.
    const PIECE: usize = 1 << 12;
    let pieces = pieces.flat_map(|bytes| bytes.chunks(PIECE));
    pieces.fold(0xCBF2_9CE4_8422_2325, more)
}

#[inline(never)]
fn more(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}
