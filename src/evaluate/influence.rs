//! The first derivative of the Fréchet distance with respect to each image: its influence function (Hampel 1974).
//!
//! With `M = S1^½ S2 S1^½` and `u = x - m2` for an image x,
//!
//! ```text
//! influence(x) = 2 (m2 - m1)·u + uᵀ A u - tr(A S2),    A = 1 - S1^½ M^-½ S1^½
//! ```
//!
//! from `d tr M^½ = ½ tr(M^-½ dM)`. It vanishes where both Gaussians are the same, which is why resampling alone says
//! too much there ([`super::bootstrap`]). Directions in which the images do not vary at all have no derivative, and
//! resamples of them do not vary there either, so M^-½ leaves them out.

use nalgebra::DMatrix;

use super::frechet::{Reference, eigen};
use super::statistics::{FeatureSet, Statistics, StatisticsError};

/// Eigenvalues below this share of the largest count as 0: rounding leaves about 1e-16.
const NONE: f64 = 1e-12;

/// Images whose terms are computed at once: bounds the memory.
const BLOCK: usize = 1024;

impl Reference {
    /// The influence of every image of `features` on its distance, whose mean is 0. `of` are the statistics of
    /// `features`, which has as many features as this.
    ///
    /// # Errors
    /// [`StatisticsError::Overflow`] when the numbers are too large.
    pub fn influence(
        &self,
        features: &FeatureSet,
        of: &Statistics,
    ) -> Result<Vec<f64>, StatisticsError> {
        let dimension = features.dimension();
        let decomposed = eigen(self.product(of))?;
        let least = NONE * decomposed.eigenvalues.max();
        let inverse = decomposed
            .eigenvalues
            .map(|v| if v > least { 1.0 / v.sqrt() } else { 0.0 });
        let vectors = &decomposed.eigenvectors;
        let inverse = vectors * DMatrix::from_diagonal(&inverse) * vectors.transpose(); // M^-½
        let curved = DMatrix::identity(dimension, dimension) - self.root() * inverse * self.root();
        let straight = (&of.mean - &self.statistics().mean) * 2.0;

        let mut influence = Vec::with_capacity(features.count());
        let images: Vec<usize> = (0..features.count()).collect();
        for block in images.chunks(BLOCK) {
            // [dimension, block]
            let centred = DMatrix::from_fn(dimension, block.len(), |d, i| {
                f64::from(features.row(block[i])[d]) - of.mean[d]
            });
            let turned = &curved * &centred;
            let terms = centred.column_iter().zip(turned.column_iter());
            influence.extend(terms.map(|(u, turned)| straight.dot(&u) + u.dot(&turned)));
        }
        // tr(A S2) is the mean of the second terms; the first ones have the mean 0.
        let mean = influence.iter().sum::<f64>() / influence.len() as f64;
        influence.iter_mut().for_each(|value| *value -= mean);
        if influence.iter().all(|value| value.is_finite()) {
            Ok(influence)
        } else {
            Err(StatisticsError::Overflow)
        }
    }
}
