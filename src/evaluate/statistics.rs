//! Features of many images, and their mean and covariance.

use nalgebra::{DMatrix, DVector};

/// The most features of one image.
pub const MAX_DIMENSION: usize = 4096;

/// Rows that are added to a covariance at once: bounds the memory.
const BLOCK: usize = 1024;

/// Why numbers are no usable set of features.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StatisticsError {
    /// Not a matrix with rows of features.
    #[error(
        "features: expected [images, 1 to {MAX_DIMENSION} features], found {values} numbers in rows of {dimension}"
    )]
    Shape {
        /// Numbers given.
        values: usize,
        /// Length of a row.
        dimension: usize,
    },
    /// A covariance of fewer images than features has no full rank, and the distance would say little.
    #[error("features: expected more images than the {dimension} features of each, found {found}")]
    TooFew {
        /// Features of one image.
        dimension: usize,
        /// Images given.
        found: usize,
    },
    /// A NaN or an infinity.
    #[error("features: expected finite numbers, found {value} for image {image}")]
    NotFinite {
        /// Which image, from 0.
        image: usize,
        /// The number.
        value: f32,
    },
    /// Two sets whose images have different numbers of features.
    #[error("features: expected {expected} features per image as in the real ones, found {found}")]
    Dimension {
        /// Features of the reference.
        expected: usize,
        /// Features of the other set.
        found: usize,
    },
    /// Numbers so large that their squares are no longer numbers.
    #[error("features: the numbers are too large for a Fréchet distance")]
    Overflow,
}

/// Features `[count, dimension]`, row-major, all finite, more images than features.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureSet {
    values: Vec<f32>,
    dimension: usize,
}

impl FeatureSet {
    /// `values` is row-major `[images, dimension]`.
    ///
    /// # Errors
    /// [`StatisticsError`] when the rows do not fit, are too few, or hold a number that is not finite.
    pub fn new(values: Vec<f32>, dimension: usize) -> Result<Self, StatisticsError> {
        if !(1..=MAX_DIMENSION).contains(&dimension) || !values.len().is_multiple_of(dimension) {
            return Err(StatisticsError::Shape {
                values: values.len(),
                dimension,
            });
        }
        let found = values.len() / dimension;
        if found <= dimension {
            return Err(StatisticsError::TooFew { dimension, found });
        }
        match values.iter().position(|v| !v.is_finite()) {
            Some(at) => Err(StatisticsError::NotFinite {
                image: at / dimension,
                value: values[at],
            }),
            None => Ok(Self { values, dimension }),
        }
    }

    /// Number of images.
    pub fn count(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// Features of one image.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// All of them, row-major `[count, dimension]`.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The features of image `index`.
    ///
    /// # Panics
    /// When `index >= count()`.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dimension..][..self.dimension]
    }
}

/// Mean and covariance of features.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// `[dimension]`.
    pub mean: DVector<f64>,
    /// `[dimension, dimension]`, divided by the number of images less one (NumPy's `cov`).
    pub covariance: DMatrix<f64>,
}

impl Statistics {
    /// Those of all images of `features`.
    pub fn of(features: &FeatureSet) -> Self {
        Self::of_images(features, &(0..features.count()).collect::<Vec<_>>())
    }

    /// Those of the images `indices`, of which each counts as often as it occurs; at least one, whose covariance is
    /// then 0.
    ///
    /// # Panics
    /// When an index is not below `features.count()`.
    pub fn of_images(features: &FeatureSet, indices: &[usize]) -> Self {
        let dimension = features.dimension;
        let mut mean = DVector::<f64>::zeros(dimension);
        for index in indices {
            for (sum, value) in mean.iter_mut().zip(features.row(*index)) {
                *sum += f64::from(*value);
            }
        }
        mean /= indices.len() as f64;
        let mut covariance = DMatrix::<f64>::zeros(dimension, dimension);
        for block in indices.chunks(BLOCK) {
            // [dimension, block]
            let centred = DMatrix::from_fn(dimension, block.len(), |d, i| {
                f64::from(features.row(block[i])[d]) - mean[d]
            });
            covariance.gemm(1.0, &centred, &centred.transpose(), 1.0);
        }
        covariance /= (indices.len() - 1).max(1) as f64;
        Self { mean, covariance }
    }
}
