//! The discrete case of DDIM (Song et al. 2021, appendix A): data that are one of K classes, such as letters.
//!
//! A value is the vector of K probabilities that stands for it: a class is 1 in one place, the network's guess
//! `f(x_t)` has the probabilities of its softmax, and `1_K` has 1 / K everywhere. Data of several dimensions are
//! several such vectors.
//!
//! Here `alpha` is the paper's alpha_t, from 1 (the data) down to 0 (nothing but chance): the place of what is
//! `alpha_bar` elsewhere, but a probability of keeping x_0 and not a square of its factor.

use thiserror::Error;

/// The probabilities of one vector may miss a sum of 1 by this much: what a softmax in 32 bits leaves.
const SUM_TOLERANCE: f64 = 1e-4;

/// Why there is no such distribution.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum DiscreteError {
    /// A level outside its range.
    #[error("{field}: expected a number {expected}, found {found}")]
    Alpha {
        /// `alpha` or `alpha_before`.
        field: &'static str,
        /// The condition it breaks, in words.
        expected: &'static str,
        /// The value given.
        found: f64,
    },
    /// With this sigma one of the three weights of eq. 19 would be below 0.
    #[error(
        "sigma: expected a number from 0 to {max} = (1 - alpha_before) / (1 - alpha), found {found}"
    )]
    Sigma {
        /// [`largest_sigma`].
        max: f64,
        /// The sigma given.
        found: f64,
    },
    /// x_t has another number of classes than x_0.
    #[error("x_t: expected x_0's {expected} classes, found {found}")]
    Classes {
        /// Classes of x_0.
        expected: usize,
        /// Classes of x_t.
        found: usize,
    },
    /// A vector that holds a negative number or NaN.
    #[error("{field}: expected probabilities from 0 to 1, found {found}")]
    Probability {
        /// `x_0` or `x_t`.
        field: &'static str,
        /// The first such number.
        found: f64,
    },
    /// A vector whose sum is not 1.
    #[error("{field}: expected probabilities whose sum is 1, found the sum {found}")]
    Sum {
        /// `x_0` or `x_t`.
        field: &'static str,
        /// The sum.
        found: f64,
    },
}

/// `q(x_t | x_0) = Cat(alpha x_0 + (1 - alpha) 1_K)` (DDIM, eq. 17): the K probabilities of x_t.
///
/// `alpha` is in `0..=1` and `x_0` has K probabilities, K from 1.
///
/// # Errors
/// [`DiscreteError`] names what is outside its range.
pub fn marginal(alpha: f64, x_0: &[f64]) -> Result<Vec<f64>, DiscreteError> {
    if !(0.0..=1.0).contains(&alpha) {
        return Err(DiscreteError::Alpha {
            field: "alpha",
            expected: "from 0 to 1",
            found: alpha,
        });
    }
    check_probabilities("x_0", x_0)?;
    let uniform = (1.0 - alpha) / x_0.len() as f64;
    Ok(x_0.iter().map(|x_0| alpha * x_0 + uniform).collect())
}

/// The largest sigma of a [`Posterior`], `(1 - alpha_before) / (1 - alpha)`, which is the least random: x_{t-1} is then
/// either x_t or x_0, never a new draw.
///
/// `alpha` is that of x_t, in `0..1`, `alpha_before` that of x_{t-1}, in `alpha..=1`.
///
/// # Errors
/// [`DiscreteError::Alpha`] for other levels.
pub fn largest_sigma(alpha: f64, alpha_before: f64) -> Result<f64, DiscreteError> {
    let (field, expected, found) = if !(0.0..1.0).contains(&alpha) {
        (
            "alpha",
            "from 0 to below 1, since x_t must hold noise",
            alpha,
        )
    } else if !(alpha..=1.0).contains(&alpha_before) {
        (
            "alpha_before",
            "from alpha to 1, since the step removes noise",
            alpha_before,
        )
    } else {
        // eq. 19 also needs sigma <= alpha_before / alpha, but that is at least 1, and this at most 1.
        return Ok((1.0 - alpha_before) / (1.0 - alpha));
    };
    Err(DiscreteError::Alpha {
        field,
        expected,
        found,
    })
}

/// q_sigma(x_{t-1} | x_t, x_0) as a mixture (DDIM, eq. 18): x_{t-1} is x_t, or x_0, or drawn from all classes alike.
/// The three weights are probabilities.
///
/// Whatever sigma is, x_{t-1} has the distribution of eq. 17 if x_t has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Posterior {
    /// That of x_t: sigma.
    pub of_x_t: f64,
    /// That of x_0: `alpha_before - sigma alpha`. It is also the weight of the classification loss in the bound:
    /// `KL(q_sigma || p) <= of_x0 KL(x_0 || f)`, divergences being convex (DDIM, appendix A).
    pub of_x0: f64,
    /// That of 1_K: `(1 - alpha_before) - (1 - alpha) sigma`.
    pub of_uniform: f64,
}

impl Posterior {
    /// The posterior of the step from level `alpha`, in `0..1`, to level `alpha_before`, in `alpha..=1`, which is 1 for
    /// the data. `sigma` is from 0, where x_{t-1} does not depend on x_t, to [`largest_sigma`].
    ///
    /// # Errors
    /// [`DiscreteError::Alpha`] and [`DiscreteError::Sigma`] outside those ranges.
    pub fn new(alpha: f64, alpha_before: f64, sigma: f64) -> Result<Self, DiscreteError> {
        let max = largest_sigma(alpha, alpha_before)?;
        if !(0.0..=max).contains(&sigma) {
            return Err(DiscreteError::Sigma { max, found: sigma });
        }
        // At the ends of the range rounding can take a weight below 0.
        Ok(Self {
            of_x_t: sigma,
            of_x0: (alpha_before - sigma * alpha).max(0.0),
            of_uniform: ((1.0 - alpha_before) - (1.0 - alpha) * sigma).max(0.0),
        })
    }

    /// The K probabilities of x_{t-1} (DDIM, eq. 19). With the network's f(x_t) for `x_0` they are the generative
    /// `p(x_{t-1} | x_t)` (eq. 20).
    ///
    /// # Errors
    /// [`DiscreteError`] unless `x_0` and `x_t` are the probabilities of equally many classes.
    pub fn probabilities(&self, x_0: &[f64], x_t: &[f64]) -> Result<Vec<f64>, DiscreteError> {
        if x_t.len() != x_0.len() {
            return Err(DiscreteError::Classes {
                expected: x_0.len(),
                found: x_t.len(),
            });
        }
        check_probabilities("x_0", x_0)?;
        check_probabilities("x_t", x_t)?;
        let uniform = self.of_uniform / x_0.len() as f64;
        let mix = |(x_0, x_t): (&f64, &f64)| self.of_x_t * x_t + self.of_x0 * x_0 + uniform;
        Ok(x_0.iter().zip(x_t).map(mix).collect())
    }
}

/// `KL(Cat(p) || Cat(q))` in nats; infinite where q is 0 and p is not. As long as the shorter of the two.
pub fn kl(p: &[f64], q: &[f64]) -> f64 {
    let possible = p.iter().zip(q).filter(|(p, _)| **p > 0.0);
    possible.map(|(p, q)| p * libm::log(p / q)).sum()
}

fn check_probabilities(field: &'static str, values: &[f64]) -> Result<(), DiscreteError> {
    if let Some(&found) = values.iter().find(|p| p.is_nan() || **p < 0.0) {
        return Err(DiscreteError::Probability { field, found });
    }
    let found: f64 = values.iter().sum();
    if (found - 1.0).abs() <= SUM_TOLERANCE {
        Ok(())
    } else {
        Err(DiscreteError::Sum { field, found })
    }
}
