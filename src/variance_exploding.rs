//! The variance-exploding view (DDIM, Song et al. 2021, section 4.3): noise is added to an image that keeps its size.
//!
//! ```text
//! x_bar = x_t / sqrt(alpha_bar) = x_0 + sigma eps      sigma = sqrt((1 - alpha_bar) / alpha_bar)
//! ```
//!
//! In these coordinates DDIM with eta = 0 is Euler's method for `d x_bar = eps d sigma` (eq. 13 and 14). By proposition
//! 1, with the optimal network that is the probability flow of Song et al. 2021 (arXiv 2011.13456, eq. 13) for their
//! variance-exploding SDE, `d x_bar = g dw` with `g² = d sigma² / dt`: the same curve, cut into other steps by eq. 15.
//!
//! This sigma is a noise level; it is not that of eq. 16, the noise which one step adds.

use thiserror::Error;

/// No [`Level`] belongs to this number.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("{field}: expected {expected}, found {found}")]
pub struct LevelError {
    /// `alpha_bar` or `sigma`.
    pub field: &'static str,
    /// The condition it breaks, in words.
    pub expected: &'static str,
    /// The value given.
    pub found: f64,
}

/// A noise level, under both of its names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    sigma: f64,
}

impl Level {
    /// The level of `alpha_bar`, a number above 0 and up to 1.
    ///
    /// # Errors
    /// [`LevelError`] for other numbers, among them 0: pure noise has an infinite sigma.
    pub fn from_alpha_bar(alpha_bar: f64) -> Result<Self, LevelError> {
        let variance = (1.0 - alpha_bar) / alpha_bar;
        // Infinite also for the few numbers above 0 whose reciprocal is.
        if (0.0..=1.0).contains(&alpha_bar) && variance.is_finite() {
            let sigma = variance.sqrt();
            Ok(Self { sigma })
        } else {
            Err(LevelError {
                field: "alpha_bar",
                expected: "a number above 0 and up to 1 (pure noise has no variance-exploding view)",
                found: alpha_bar,
            })
        }
    }

    /// The level of `sigma`, a number from 0.
    ///
    /// # Errors
    /// [`LevelError`] for negative numbers, and for those with an infinite square.
    pub fn from_sigma(sigma: f64) -> Result<Self, LevelError> {
        if sigma >= 0.0 && (sigma * sigma).is_finite() {
            Ok(Self { sigma })
        } else {
            Err(LevelError {
                field: "sigma",
                expected: "a number from 0 with a finite square",
                found: sigma,
            })
        }
    }

    /// The deviation of the noise in x_bar, `sqrt((1 - alpha_bar) / alpha_bar)`.
    pub fn sigma(self) -> f64 {
        self.sigma
    }

    /// `1 / (1 + sigma²)`, above 0 and up to 1.
    pub fn alpha_bar(self) -> f64 {
        1.0 / (1.0 + self.sigma * self.sigma)
    }

    /// The factor from x_t to x_bar, `1 / sqrt(alpha_bar) = sqrt(1 + sigma²)`; its reciprocal leads back.
    pub fn scale(self) -> f64 {
        (1.0 + self.sigma * self.sigma).sqrt()
    }

    /// The score of x_bar's distribution, `∇ ln p(x_bar)`, from the optimal network's eps: `-eps / sigma` (DDIM,
    /// appendix B, from denoising score matching). Infinite or NaN at sigma = 0, where eps does not tell.
    pub fn score(self, eps: f64) -> f64 {
        -eps / self.sigma
    }

    /// eps from the score: `-sigma score`.
    pub fn eps(self, score: f64) -> f64 {
        -self.sigma * score
    }
}

/// `d x_bar / dt` by DDIM, eq. 14: `eps d sigma / dt`.
pub fn ode(eps: f64, sigma_rate: f64) -> f64 {
    eps * sigma_rate
}

/// `d x_bar / dt` of the probability flow: `-g² score / 2`, with `variance_rate` = g² = `d sigma² / dt`.
pub fn probability_flow(score: f64, variance_rate: f64) -> f64 {
    -0.5 * variance_rate * score
}

/// The factor of eps in Euler's step of eq. 14 in sigma, from `s` to `s_next`: `x_bar' = x_bar + factor eps` (DDIM,
/// eq. 13). It is the step of DDIM with eta = 0.
pub fn euler_in_sigma(s: f64, s_next: f64) -> f64 {
    s_next - s
}

/// The factor of eps in Euler's step of the probability flow in time, from `s` to `s_next`: `x_bar' = x_bar + factor
/// eps` (DDIM, eq. 15). `s` must be above 0; from an image itself the factor is infinite.
pub fn euler_in_variance(s: f64, s_next: f64) -> f64 {
    0.5 * (s_next * s_next - s * s) / s
}
