//! The Gaussians of the two papers: steps of the forward process, posteriors, their distances and densities.
//!
//! "DDPM" is Ho et al. 2020 (arXiv 2006.11239), "DDIM" Song et al. 2021 (arXiv 2010.02502). Every covariance is a
//! multiple of the identity, so a distribution over images is a factor or two and one variance. Timesteps are
//! counted from 0: index `t` is the papers' `t + 1`, and the state before index 0 is the image x_0 itself.
//!
//! [`crate::step`] has the same posteriors as coefficients of a sampler, where x_0 is a network's guess; here x_0 is
//! known, which is what the bound ([`crate::bound`]) and the proofs need.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use thiserror::Error;

use crate::schedule::NoiseSchedule;

/// No Gaussian q_sigma has this sigma.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("sigma: expected a number from 0 to {max}, found {found}")]
pub struct SigmaError {
    /// `sqrt(1 - alpha_bar)` of the state that the step leads to: all the noise that it has.
    pub max: f64,
    /// The sigma given.
    pub found: f64,
}

/// One step of the forward process, `q(x_t | x_{t-1}) = N(scale x_{t-1}, variance)` (DDPM, eq. 2):
/// `(scale, variance) = (sqrt(1 - beta), beta)`.
///
/// All steps up to `t` at once are [`NoiseSchedule::signal_and_noise`] (DDPM, eq. 4).
///
/// # Panics
/// When `t >= schedule.len()`.
pub fn forward_step(schedule: &NoiseSchedule, t: usize) -> (f64, f64) {
    let beta = schedule.betas()[t];
    ((1.0 - beta).sqrt(), beta)
}

/// x_t of one or several images in closed form (DDPM, eq. 4), `eps` being standard normal:
/// `sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps`. As long as the shorter of the two.
///
/// # Panics
/// When `t >= schedule.len()`.
pub fn diffused(schedule: &NoiseSchedule, t: usize, x_0: &[f32], eps: &[f32]) -> Vec<f32> {
    let (signal, noise) = schedule.signal_and_noise(t);
    let mix =
        |(x_0, eps): (&f32, &f32)| (signal * f64::from(*x_0) + noise * f64::from(*eps)) as f32;
    x_0.iter().zip(eps).map(mix).collect()
}

/// `alpha_bar` of the state before index `t`: 1 for the image itself.
fn alpha_bar_before(schedule: &NoiseSchedule, before: Option<usize>) -> f64 {
    before.map_or(1.0, |t| schedule.alpha_bar(t))
}

/// `q(x_{t-1} | x_t, x_0) = N(of_x0 x_0 + of_x_t x_t, variance)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Posterior {
    /// Factor of x_0 in the mean.
    pub of_x0: f64,
    /// Factor of x_t in the mean.
    pub of_x_t: f64,
    /// Variance of every dimension.
    pub variance: f64,
}

impl Posterior {
    /// The posterior of the forward process at index `t` (DDPM, eq. 6 and 7); its variance is `beta_tilde`.
    ///
    /// At index 0 it is x_0 with variance 0.
    ///
    /// # Panics
    /// When `t >= schedule.len()`.
    pub fn ddpm(schedule: &NoiseSchedule, t: usize) -> Self {
        let beta = schedule.betas()[t];
        let now = schedule.alpha_bar(t);
        let before = alpha_bar_before(schedule, t.checked_sub(1));
        Self {
            of_x0: before.sqrt() * beta / (1.0 - now),
            of_x_t: (1.0 - beta).sqrt() * (1.0 - before) / (1.0 - now),
            variance: (1.0 - before) / (1.0 - now) * beta,
        }
    }

    /// q_sigma from index `t` to index `before` (`None`: to x_0) of any thinned chain (DDIM, eq. 7):
    ///
    /// ```text
    /// mean = sqrt(alpha_bar') x_0 + sqrt(1 - alpha_bar' - sigma^2) (x_t - sqrt(alpha_bar) x_0) / sqrt(1 - alpha_bar)
    /// ```
    ///
    /// with `alpha_bar` at `t` and `alpha_bar'` at `before`. Whatever sigma is, x at `before` has the distribution
    /// of eq. 4 if x_t has (lemma 1).
    ///
    /// # Errors
    /// [`SigmaError`] when sigma is not in `0..=sqrt(1 - alpha_bar')`.
    ///
    /// # Panics
    /// When `t` or `before` is not below `schedule.len()`.
    pub fn ddim(
        schedule: &NoiseSchedule,
        t: usize,
        before: Option<usize>,
        sigma: f64,
    ) -> Result<Self, SigmaError> {
        let now = schedule.alpha_bar(t);
        let before = alpha_bar_before(schedule, before);
        let max = (1.0 - before).sqrt();
        if !(0.0..=max).contains(&sigma) {
            return Err(SigmaError { max, found: sigma });
        }
        // 1 - alpha_bar' - sigma^2, which is exactly 0 at the largest sigma
        let rest = (max - sigma) * (max + sigma);
        let of_x_t = (rest / (1.0 - now)).sqrt();
        Ok(Self {
            of_x0: before.sqrt() - of_x_t * now.sqrt(),
            of_x_t,
            variance: sigma * sigma,
        })
    }

    /// The mean of one dimension.
    pub fn mean(&self, x_0: f64, x_t: f64) -> f64 {
        self.of_x0 * x_0 + self.of_x_t * x_t
    }
}

/// A step of the forward process to which q_sigma belongs,
/// `q_sigma(x_t | x_{t-1}, x_0) = N(of_x0 x_0 + of_x_before x_{t-1}, variance)` (DDIM, eq. 8).
///
/// x_t depends on x_0 beside x_{t-1}: the process is not a Markov chain, but for the sigma of eta = 1, where it is
/// DDPM's ([`forward_step`]).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Forward {
    /// Factor of x_0 in the mean.
    pub of_x0: f64,
    /// Factor of x_{t-1} in the mean.
    pub of_x_before: f64,
    /// Variance of every dimension.
    pub variance: f64,
}

impl Forward {
    /// The step from index `before` (`None`: from x_0) to index `t` of any thinned chain. It is Bayes' rule for
    /// [`Posterior::ddim`] (DDIM, eq. 7) and the two marginals of eq. 4:
    ///
    /// ```text
    /// mean     = sqrt(alpha_bar) x_0 + gain (x_{t-1} - sqrt(alpha_bar') x_0)
    /// variance = sigma^2 (1 - alpha_bar) / (1 - alpha_bar')
    /// gain     = sqrt((1 - alpha_bar' - sigma^2) (1 - alpha_bar)) / (1 - alpha_bar')
    /// ```
    ///
    /// with `alpha_bar` at `t` and `alpha_bar'` at `before`. From x_0 it is `q(x_t | x_0)`, all in `of_x0`.
    ///
    /// # Errors
    /// [`SigmaError`] when sigma is not in `0..=sqrt(1 - alpha_bar')`.
    ///
    /// # Panics
    /// When `t` or `before` is not below `schedule.len()`.
    pub fn ddim(
        schedule: &NoiseSchedule,
        t: usize,
        before: Option<usize>,
        sigma: f64,
    ) -> Result<Self, SigmaError> {
        let posterior = Posterior::ddim(schedule, t, before, sigma)?;
        let now = schedule.alpha_bar(t);
        let Some(before) = before else {
            return Ok(Self {
                of_x0: now.sqrt(),
                of_x_before: 0.0,
                variance: 1.0 - now,
            });
        };
        let before = schedule.alpha_bar(before);
        let ratio = (1.0 - now) / (1.0 - before);
        let gain = posterior.of_x_t * ratio;
        Ok(Self {
            of_x0: now.sqrt() - gain * before.sqrt(),
            of_x_before: gain,
            variance: posterior.variance * ratio,
        })
    }

    /// The mean of one dimension.
    pub fn mean(&self, x_0: f64, x_before: f64) -> f64 {
        self.of_x0 * x_0 + self.of_x_before * x_before
    }
}

/// `KL(N(mean_1, variance_1) || N(mean_2, variance_2))` in nats, over `dimensions` dimensions that share a variance.
///
/// `squared_distance` is that of the two means, summed over the dimensions. Both variances must be above 0;
/// otherwise the result is infinite or NaN.
pub fn kl(squared_distance: f64, dimensions: usize, variance_1: f64, variance_2: f64) -> f64 {
    let ratio = variance_1 / variance_2;
    let excess = ratio - 1.0;
    // ln(ratio), with all its digits also where it is nearly 0
    let ln_ratio = if excess.abs() < 0.5 {
        libm::log1p(excess)
    } else {
        libm::log(ratio)
    };
    let spread = excess - ln_ratio;
    0.5 * (dimensions as f64 * spread + squared_distance / variance_2)
}

/// `ln N(x; mean, variance)` of one dimension; `variance` must be above 0.
pub fn log_density(x: f64, mean: f64, variance: f64) -> f64 {
    -0.5 * (libm::log(2.0 * PI * variance) + (x - mean).powi(2) / variance)
}

/// The log-likelihood of one value of an 8-bit image under `N(mean, variance)`, in nats: the Gaussian's mass between
/// the midpoints to the neighbouring levels, up to infinity at both ends (DDPM, eq. 13).
///
/// `level` is the byte, `mean` is on the scale where byte 0 is -1 and byte 255 is 1. `variance` must be above 0.
/// Exact in the tails too, where the mass itself is too small for a number.
pub fn discretised_log_likelihood(level: u8, mean: f64, variance: f64) -> f64 {
    let deviation = variance.sqrt();
    // DDPM's delta_+ of one level and delta_- of the next are the same number.
    let edge = |k: u8| ((2.0 * f64::from(k) + 1.0) / 255.0 - 1.0 - mean) / deviation;
    let low = level.checked_sub(1).map_or(f64::NEG_INFINITY, edge);
    let high = if level == u8::MAX {
        f64::INFINITY
    } else {
        edge(level)
    };
    log_mass(low, high)
}

/// The byte of a pixel on the scale -1 to 1: the nearest level.
pub fn level(pixel: f32) -> u8 {
    ((f64::from(pixel) + 1.0) * 127.5).round() as u8
}

/// `ln(cdf(high) - cdf(low))` of the standard normal distribution, `low < high`.
fn log_mass(low: f64, high: f64) -> f64 {
    // The lower tail has the numbers with more digits.
    let (low, high) = if low > 0.0 {
        (-high, -low)
    } else {
        (low, high)
    };
    if high > 0.0 {
        let mass = libm::erf(high * FRAC_1_SQRT_2) - libm::erf(low * FRAC_1_SQRT_2);
        return libm::log(0.5 * mass);
    }
    let top = log_lower_tail(high);
    top + libm::log(-libm::expm1(log_lower_tail(low) - top))
}

/// `ln cdf(z)` of the standard normal distribution for `z <= 0`.
fn log_lower_tail(z: f64) -> f64 {
    /// From here on the series below is exact to 1e-15 of the result; cdf itself underflows at -38.
    const FAR: f64 = -30.0;
    if z > FAR {
        return libm::log(0.5 * libm::erfc(-z * FRAC_1_SQRT_2));
    }
    // Mills' ratio: cdf(z) = density(z) / -z · (1 - 1/z² + 3/z⁴ - 15/z⁶ + 105/z⁸ - 945/z¹⁰ …)
    let u = 1.0 / (z * z);
    let series = -u * (1.0 - u * (3.0 - u * (15.0 - u * (105.0 - u * 945.0))));
    -0.5 * z * z - libm::log(-z) - 0.5 * libm::log(2.0 * PI) + libm::log1p(series)
}
