//! The variational bound on the negative log-likelihood, term by term (DDPM, Ho et al. 2020, eq. 5), and the weights
//! with which a loss on the network's output is that bound (DDPM, eq. 12; L_gamma of DDIM, Song et al. 2021, eq. 5 and
//! theorem 1).
//!
//! ```text
//! bound = L_T + Σ_{t=1}^{T-1} term(t) + term(0)         Bound::prior, Bound::term
//! ```
//!
//! Indices count from 0: `term(t)` is the papers' L_t, the divergence at the step from index `t` to `t - 1`, and
//! `term(0)` their L_0. Each is a mean over noise, of which the caller draws as much as it wants. Nats per image;
//! [`bits_per_dimension`] converts.

use std::f64::consts::LN_2;

use thiserror::Error;

use crate::gaussian::{Posterior, discretised_log_likelihood, kl, level};
use crate::schedule::NoiseSchedule;
use crate::step::{Clip, Method, Prediction, Step, StepError, Variance};

/// Why a term cannot be computed.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum BoundError {
    /// x_0, x_t and the network's output differ in length.
    #[error(
        "bound: expected x_t and the network's output of x_0's {expected} values, found {x_t} and {out}"
    )]
    Lengths {
        /// Values in x_0.
        expected: usize,
        /// Values in x_t.
        x_t: usize,
        /// Values in the network's output.
        out: usize,
    },
    /// The network's output does not determine x_0 here, or eta is outside `0..=1`.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A step of a thinned chain that does not lead to an earlier index.
    #[error("before: expected an index below t = {t}, found {found}")]
    Before {
        /// The index that the step starts from.
        t: usize,
        /// The index given.
        found: usize,
    },
    /// Two Gaussians without noise whose means differ are infinitely far apart.
    #[error(
        "eta: expected a number above 0, since the bound is infinite without noise, found {found}"
    )]
    WithoutNoise {
        /// The eta given: 0, or too small for the weight to be a finite number.
        found: f64,
    },
}

/// The bound of one model: the chain, what the network's output means, and the variance of the reverse steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// The forward process; the reverse process has all of its T steps.
    pub schedule: NoiseSchedule,
    /// What the network's output means.
    pub prediction: Prediction,
    /// The variance of the reverse process, see [`reverse_variance`].
    pub variance: Variance,
    /// Whether x0_hat is clipped to -1…1, as the official DDPM code does when it evaluates.
    pub clip_x0_hat: bool,
}

impl Bound {
    /// L_T, `KL(q(x_T | x_0) || N(0, 1))`, in nats. `x_0` is one image on the scale -1…1.
    pub fn prior(&self, x_0: &[f32]) -> f64 {
        let alpha_bar = self.schedule.alpha_bar(self.schedule.len() - 1);
        let squares: f64 = x_0.iter().map(|x| f64::from(*x).powi(2)).sum();
        kl(alpha_bar * squares, x_0.len(), 1.0 - alpha_bar, 1.0)
    }

    /// The term of index `t` for one draw of x_t, in nats.
    ///
    /// - `t >= 1`: `KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t))`. The mean of p is that of q with x0_hat for x_0;
    ///   the variances differ for [`Variance::FixedLarge`].
    /// - `t = 0`: `-ln p(x_0 | x_1)` of the discretised decoder (DDPM, eq. 13), around x0_hat.
    ///
    /// `x_0` is one image of 8 bits on the scale -1…1 (at index 0 each value counts as the nearest level), `x_t` its
    /// noised version ([`crate::gaussian::diffused`]) and `out` what the network makes of x_t at timestep `t`, all
    /// `[channels, height, width]`.
    ///
    /// # Errors
    /// [`BoundError::Lengths`]; [`BoundError::Step`] where alpha_bar is 0 and the network predicts eps.
    ///
    /// # Panics
    /// When `t` is not below the length of the schedule.
    pub fn term(&self, t: usize, x_0: &[f32], x_t: &[f32], out: &[f32]) -> Result<f64, BoundError> {
        let pairs = self.guesses(t, x_0, x_t, out)?;
        let variance = reverse_variance(&self.schedule, t, self.variance);
        if t == 0 {
            let decoder = |(x_0, x0_hat)| discretised_log_likelihood(level(x_0), x0_hat, variance);
            return Ok(-pairs.map(decoder).sum::<f64>());
        }
        let squares: f64 = pairs
            .map(|(x_0, x0_hat)| (f64::from(x_0) - x0_hat).powi(2))
            .sum();
        let posterior = Posterior::ddpm(&self.schedule, t);
        let distance = posterior.of_x0.powi(2) * squares;
        Ok(kl(distance, x_0.len(), posterior.variance, variance))
    }

    /// `‖x_0 - x0_hat‖²`, x0_hat being what the network makes of x_t at index `t`; the arguments are those of
    /// [`Self::term`].
    ///
    /// # Errors
    /// Those of [`Self::term`].
    ///
    /// # Panics
    /// When `t` is not below the length of the schedule.
    pub fn squared_error(
        &self,
        t: usize,
        x_0: &[f32],
        x_t: &[f32],
        out: &[f32],
    ) -> Result<f64, BoundError> {
        let pairs = self.guesses(t, x_0, x_t, out)?;
        let squares = pairs.map(|(x_0, x0_hat)| (f64::from(x_0) - x0_hat).powi(2));
        Ok(squares.sum())
    }

    /// Every value of x_0 with that of x0_hat.
    fn guesses<'a>(
        &self,
        t: usize,
        x_0: &'a [f32],
        x_t: &'a [f32],
        out: &'a [f32],
    ) -> Result<impl Iterator<Item = (f32, f64)> + use<'a>, BoundError> {
        if x_t.len() != x_0.len() || out.len() != x_0.len() {
            return Err(BoundError::Lengths {
                expected: x_0.len(),
                x_t: x_t.len(),
                out: out.len(),
            });
        }
        let (of_x_t, of_out) = self.prediction.x0_from(self.schedule.alpha_bar(t))?;
        let clip = self.clip_x0_hat;
        let guesses = x_t.iter().zip(out).map(move |(x_t, out)| {
            let x0_hat = of_x_t * f64::from(*x_t) + of_out * f64::from(*out);
            if clip {
                x0_hat.clamp(-1.0, 1.0)
            } else {
                x0_hat
            }
        });
        Ok(x_0.iter().copied().zip(guesses))
    }
}

/// `nats` per image of `dimensions` values, in bits per dimension.
pub fn bits_per_dimension(nats: f64, dimensions: usize) -> f64 {
    nats / (dimensions as f64 * LN_2)
}

/// The variance of the reverse step at index `t`: `beta_tilde` or `beta` (DDPM, section 3.2).
///
/// At index 0, where `beta_tilde` is 0 and `beta` far from the best, both choices take `beta_tilde` of index 1, as the
/// official DDPM code does; a chain of one step has only `beta`.
///
/// # Panics
/// When `t >= schedule.len()`.
pub fn reverse_variance(schedule: &NoiseSchedule, t: usize, variance: Variance) -> f64 {
    let small = match t {
        0 if schedule.len() == 1 => return schedule.betas()[0],
        0 => return Posterior::ddpm(schedule, 1).variance,
        t => Posterior::ddpm(schedule, t).variance,
    };
    match variance {
        Variance::FixedSmall => small,
        Variance::FixedLarge => schedule.betas()[t],
    }
}

/// gamma_t of the bound: `gamma ‖target - out‖²` is the part of `term(t)` that depends on the network, in nats,
/// without clipping. At index 0 it is that part of the decoder's density, before it is discretised.
///
/// For a network that predicts eps this is DDPM, eq. 12:
/// `beta² / (2 sigma² (1 - beta) (1 - alpha_bar))`, sigma² being [`reverse_variance`]. For the other predictions it is
/// the weight that makes the same loss of their squared error. [`gamma_ddim`] has it for the chains of DDIM.
///
/// # Errors
/// [`StepError::EpsilonAtZeroSnr`] for eps where alpha_bar is 0, where no finite weight does it.
///
/// # Panics
/// When `t >= schedule.len()`.
pub fn gamma_bound(
    schedule: &NoiseSchedule,
    t: usize,
    variance: Variance,
    prediction: Prediction,
) -> Result<f64, StepError> {
    // ‖x_0 - x0_hat‖² = of_out² ‖target - out‖²
    let (_, of_out) = prediction.x0_from(schedule.alpha_bar(t))?;
    let of_x0 = Posterior::ddpm(schedule, t).of_x0;
    Ok((of_x0 * of_out).powi(2) / (2.0 * reverse_variance(schedule, t, variance)))
}

/// gamma of DDIM, theorem 1, for any eta above 0 and the step from index `t` to `before` (`None`: to x_0) of any
/// thinned chain: `gamma ‖target - out‖²` is the divergence in nats of q_sigma (eq. 7) from the same with x0_hat for
/// x_0, both of variance `sigma(eta)²` (eq. 16), without clipping.
///
/// It is `c² of_out² / (2 sigma²)`, with c the factor of x_0 in the mean of q_sigma ([`Posterior::ddim`]) and of_out
/// that of the network's output in x0_hat; for eps, `c² (1 - alpha_bar) / (2 sigma² alpha_bar)`. (The paper's
/// `1 / (2 d sigma² alpha_bar)` leaves c² (1 - alpha_bar) out and divides by the dimension d.) On the whole chain with
/// eta = 1 it is [`gamma_bound`] with [`Variance::FixedSmall`].
///
/// In the step to x_0, sigma(eta) is 0 and c is 1. There the model is a decoder (the paper's sigma_1, which it adds so
/// that every image has a density), whose variance is taken to be eta² [`reverse_variance`] at index 0.
///
/// # Errors
/// [`BoundError::WithoutNoise`] when eta is 0, [`BoundError::Before`] when `before >= t`, and [`BoundError::Step`] when
/// eta is outside `0..=1`, or for eps where alpha_bar is 0.
///
/// # Panics
/// When `t >= schedule.len()`.
pub fn gamma_ddim(
    schedule: &NoiseSchedule,
    t: usize,
    before: Option<usize>,
    eta: f64,
    prediction: Prediction,
) -> Result<f64, BoundError> {
    if let Some(found) = before.filter(|before| *before >= t) {
        return Err(BoundError::Before { t, found });
    }
    let alpha_bar = schedule.alpha_bar(t);
    // The sampler's own step has sigma, and the mean as a x0_hat + b eps.
    let step = Step {
        alpha_bar,
        alpha_bar_told: alpha_bar,
        alpha_bar_next: before.map_or(1.0, |before| schedule.alpha_bar(before)),
        last: false,
        prediction,
        clip: Clip::None,
        use_clipped_model_output: false,
    };
    let coefficients = step.coefficients(Method::Ddim { eta })?;
    let (of_x0, variance) = match before {
        // eps = (x_t - sqrt(alpha_bar) x_0) / sqrt(1 - alpha_bar)
        Some(_) => (
            coefficients.a - coefficients.b * schedule.snr(t).sqrt(),
            coefficients.sigma.powi(2),
        ),
        None => (
            1.0,
            eta * eta * reverse_variance(schedule, 0, Variance::FixedSmall),
        ),
    };
    let gamma = (of_x0 * coefficients.q).powi(2) / (2.0 * variance);
    if gamma.is_finite() {
        Ok(gamma)
    } else {
        Err(BoundError::WithoutNoise { found: eta })
    }
}

/// The min-SNR weight of a network's squared error at index `t` (Hang et al. 2023, arXiv 2303.09556, section 3.4):
/// `min(SNR, limit)` for x_0, that over SNR for eps, that over SNR + 1 for v. All three are the same loss on x_0.
///
/// # Panics
/// When `t >= schedule.len()`.
pub fn gamma_min_snr(
    schedule: &NoiseSchedule,
    t: usize,
    limit: f64,
    prediction: Prediction,
) -> f64 {
    let snr = schedule.snr(t);
    match prediction {
        // min(SNR, limit) / SNR, also where SNR is 0
        Prediction::Epsilon if snr <= limit => 1.0,
        Prediction::Epsilon => limit / snr,
        Prediction::Sample => snr.min(limit),
        Prediction::VPrediction => snr.min(limit) / (snr + 1.0),
    }
}
