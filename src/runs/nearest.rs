//! Which pictures of a set are the nearest: whether a model repeats what it was trained on (DDPM, appendix D).

use crate::allocate::{OutOfMemory, reserved};

/// Why the nearest pictures cannot be found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NearestError {
    /// The values are not a whole number of pictures.
    #[error("{what}: expected a multiple of the {width} values of one picture, found {found}")]
    Width {
        /// `images` or `pictures`.
        what: &'static str,
        /// Values of one picture.
        width: usize,
        /// Values given.
        found: usize,
    },
    /// A NaN or an infinity, which is near to nothing.
    #[error("{what}: expected finite numbers, found {found}")]
    NotFinite {
        /// `images` or `pictures`.
        what: &'static str,
        /// The first such value.
        found: f32,
    },
    /// There is no memory for so many.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// No neighbours.
    #[error("neighbours: expected at least 1, found 0")]
    None,
    /// More neighbours than pictures.
    #[error("neighbours: expected 1 to {most}, found {found}")]
    Neighbours {
        /// Pictures there are.
        most: usize,
        /// What was asked for.
        found: usize,
    },
}

/// A neighbour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Which picture of the set, from 0.
    pub index: usize,
    /// The Euclidean distance.
    pub distance: f64,
}

/// The nearest pictures found so far, for each of some images. Pictures can come in pieces, so that a large set need
/// not be in memory as numbers.
#[derive(Debug, Clone)]
pub struct Nearest<'a> {
    images: &'a [f32],
    width: usize,
    neighbours: usize,
    seen: usize,
    found: Vec<Vec<Neighbour>>,
}

impl<'a> Nearest<'a> {
    /// Looks for the nearest `neighbours` of each of `images`: rows of `width` values, pixels or features.
    ///
    /// # Errors
    /// [`NearestError`] when the rows do not fit, or no neighbour is asked for.
    pub fn new(images: &'a [f32], width: usize, neighbours: usize) -> Result<Self, NearestError> {
        check("images", images, width)?;
        if neighbours == 0 {
            return Err(NearestError::None);
        }
        let count = images.len() / width;
        let mut found = reserved("neighbours", count as u64)?;
        found.resize(count, Vec::new());
        Ok(Self {
            images,
            width,
            neighbours,
            seen: 0,
            found,
        })
    }

    /// Looks at more pictures, which are counted on from those before.
    ///
    /// # Errors
    /// [`NearestError`] when they do not fit, or there is no memory for their neighbours.
    pub fn add(&mut self, pictures: &[f32]) -> Result<(), NearestError> {
        check("pictures", pictures, self.width)?;
        for picture in pictures.chunks_exact(self.width) {
            let rows = self.images.chunks_exact(self.width).zip(&mut self.found);
            for (image, found) in rows {
                let distance = distance(image, picture);
                // Of equal ones the earlier stays first.
                let place = found.partition_point(|n| n.distance <= distance);
                if place < self.neighbours {
                    found.truncate(self.neighbours - 1);
                    if found.len() == found.capacity() {
                        let more = found.len().max(4) as u64;
                        let mut larger = reserved("neighbours", found.len() as u64 + more)?;
                        larger.append(found);
                        *found = larger;
                    }
                    let index = self.seen;
                    found.insert(place, Neighbour { index, distance });
                }
            }
            self.seen += 1;
        }
        Ok(())
    }

    /// The neighbours of every image, the nearest first.
    ///
    /// # Errors
    /// [`NearestError::Neighbours`] when there were not as many pictures.
    pub fn found(self) -> Result<Vec<Vec<Neighbour>>, NearestError> {
        if self.neighbours > self.seen {
            return Err(NearestError::Neighbours {
                most: self.seen,
                found: self.neighbours,
            });
        }
        Ok(self.found)
    }
}

fn check(what: &'static str, values: &[f32], width: usize) -> Result<(), NearestError> {
    let found = values.len();
    if width == 0 || !found.is_multiple_of(width) {
        return Err(NearestError::Width { what, width, found });
    }
    match values.iter().find(|v| !v.is_finite()) {
        Some(&found) => Err(NearestError::NotFinite { what, found }),
        None => Ok(()),
    }
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
    squares.sum::<f64>().sqrt()
}
