//! The Fréchet distance between two Gaussians (Heusel et al. 2017, arXiv 1706.08500, eq. 6), fitted to features.
//!
//! `d² = |m1 - m2|² + tr(S1 + S2 - 2 (S1^½ S2 S1^½)^½)`. The product under the root is symmetric and positive,
//! so that an eigendecomposition gives its root without complex numbers; `tr (S1 S2)^½` is the same number.
//! Like the papers' tables, everything here is `d²`, under the name of distance.

use nalgebra::{DMatrix, SymmetricEigen};

use super::statistics::{FeatureSet, Statistics, StatisticsError};

/// Sweeps of the eigenvalue iteration, per row of the matrix; a few are enough for any finite matrix.
const SWEEPS: usize = 100;

/// What distances are measured from: the statistics of the real images.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    statistics: Statistics,
    root: DMatrix<f64>, // S1^½
}

impl Reference {
    /// Prepares distances from `statistics`.
    ///
    /// # Errors
    /// [`StatisticsError::Overflow`] when the covariance is not a matrix of numbers.
    pub fn new(statistics: Statistics) -> Result<Self, StatisticsError> {
        let SymmetricEigen {
            eigenvectors,
            eigenvalues,
        } = eigen(statistics.covariance.clone())?;
        let roots = DMatrix::from_diagonal(&eigenvalues.map(|value| value.max(0.0).sqrt()));
        Ok(Self {
            root: &eigenvectors * roots * eigenvectors.transpose(),
            statistics,
        })
    }

    /// Refuses features that cannot be compared with these.
    ///
    /// # Errors
    /// [`StatisticsError::Dimension`].
    pub fn check(&self, features: &FeatureSet) -> Result<(), StatisticsError> {
        let (expected, found) = (self.root.nrows(), features.dimension());
        if expected == found {
            Ok(())
        } else {
            Err(StatisticsError::Dimension { expected, found })
        }
    }

    /// The distance to `other`, which has as many features; never below 0.
    ///
    /// # Errors
    /// [`StatisticsError::Overflow`] when the numbers are too large.
    pub fn distance(&self, other: &Statistics) -> Result<f64, StatisticsError> {
        let means = (&self.statistics.mean - &other.mean).norm_squared();
        let roots = eigen(self.product(other))?;
        let roots = roots.eigenvalues.map(|v| v.max(0.0).sqrt());
        let traces = self.statistics.covariance.trace() + other.covariance.trace();
        let distance = means + traces - 2.0 * roots.sum();
        if distance.is_finite() {
            Ok(distance.max(0.0))
        } else {
            Err(StatisticsError::Overflow)
        }
    }

    /// S1^½ S2 S1^½.
    pub(super) fn product(&self, other: &Statistics) -> DMatrix<f64> {
        let product = &self.root * &other.covariance * &self.root;
        // Rounding leaves the two triangles unequal in the last bits.
        (&product + product.transpose()) * 0.5
    }

    /// S1^½.
    pub(super) fn root(&self) -> &DMatrix<f64> {
        &self.root
    }

    /// m1 and S1.
    pub(super) fn statistics(&self) -> &Statistics {
        &self.statistics
    }
}

/// Eigenvalues and eigenvectors of a symmetric matrix.
pub(super) fn eigen(
    matrix: DMatrix<f64>,
) -> Result<SymmetricEigen<f64, nalgebra::Dyn>, StatisticsError> {
    if matrix.iter().any(|v| !v.is_finite()) {
        return Err(StatisticsError::Overflow);
    }
    let sweeps = SWEEPS * matrix.nrows();
    SymmetricEigen::try_new(matrix, f64::EPSILON, sweeps).ok_or(StatisticsError::Overflow)
}
