//! The difference of two measurements that share their noise or their images, and what it may be by chance.
//!
//! What two cells share cancels in their difference, so its interval is narrower than those of the cells suggest: that
//! intervals touch does not mean that cells cannot be told apart.

use super::bootstrap::Estimate;
use super::fit::mean_and_error;
use super::student::two_sided;

/// The probability that any of the pairs compared together is told apart by chance alone.
pub const LEVEL: f64 = 0.05;

/// A difference and its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The difference.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
    /// Degrees of freedom of the standard error.
    pub freedom: usize,
}

impl Difference {
    /// The interval that holds the true differences of all of `pairs` (at least 1) pairs together with probability
    /// 0.95 at least: Student's, at the level of Bonferroni. It is built on the standard error because so few
    /// resamples lie in the tails that it asks for that their quantiles would say little.
    pub fn interval(&self, pairs: usize) -> (f64, f64) {
        let reach = two_sided(LEVEL / pairs.max(1) as f64, self.freedom) * self.error;
        (self.value - reach, self.value + reach)
    }
}

/// What a cell is compared by.
#[derive(Debug, Clone, PartialEq)]
pub enum Evidence {
    /// One number for each image; image i is the same in all cells.
    Images(Vec<f64>),
    /// A distance; sample i began with the same noise in all cells.
    Distance(Estimate),
}

impl Evidence {
    /// How far this is above `other`; `None` where the two are of different kinds or number, or of fewer than two
    /// images.
    pub fn minus(&self, other: &Self) -> Option<Difference> {
        match (self, other) {
            (Self::Images(a), Self::Images(b)) if a.len() == b.len() => {
                let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
                let (value, error) = mean_and_error(&differences);
                Some(Difference {
                    value,
                    error: error?,
                    freedom: differences.len() - 1,
                })
            }
            (Self::Distance(a), Self::Distance(b)) if a.images == b.images => Some(a.minus(b)),
            _ => None,
        }
    }
}
