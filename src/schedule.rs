//! Noise schedules: how fast the forward process turns an image into noise.
//!
//! `alpha_bar(t)` is the product of `1 - beta` up to and including `t` (DDPM, Ho et al. 2020, eq. 4).
//! The DDIM paper (Song et al. 2021) writes the same quantity as `alpha_t`; this crate always says
//! `alpha_bar`. Timesteps are counted from 0, as in the reference code: index `t` is the papers' `t + 1`.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// The longest chain accepted. Published models use 1000 to 4000 steps.
pub const MAX_TRAIN_TIMESTEPS: usize = 1_000_000;

/// The betas of `squaredcos_cap_v2` and `laplace` are capped here, so that `1 - beta` stays positive
/// (Nichol & Dhariwal 2021, section 3.2).
const MAX_BETA: f64 = 0.999;

/// Why a schedule cannot be built.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// No schedule has this name.
    #[error("beta_schedule: expected one of {accepted}, found {found}", accepted = BetaSchedule::accepted())]
    UnknownName {
        /// The name given, quoted and cut to 60 characters.
        found: String,
    },
    /// A chain with no steps, or with more than [`MAX_TRAIN_TIMESTEPS`].
    #[error("{field}: expected 1 to {MAX_TRAIN_TIMESTEPS} steps, found {found}")]
    Length {
        /// `num_train_timesteps` or `trained_betas`.
        field: &'static str,
        /// The number of steps given.
        found: usize,
    },
    /// An end of a named schedule that is not strictly between 0 and 1.
    #[error("{field}: expected a number above 0 and below 1, found {found}")]
    Beta {
        /// `beta_start` or `beta_end`.
        field: &'static str,
        /// The beta given.
        found: f64,
    },
    /// An explicit beta that is not above 0 and below 1; only the last may be 1.
    #[error(
        "trained_betas: expected numbers above 0 and below 1 (the last may be 1), found {found} at index {index}"
    )]
    TrainedBeta {
        /// Its place in the list, from 0.
        index: usize,
        /// The beta given.
        found: f64,
    },
    /// `alpha_bar` is not strictly falling once rounded to 64 bits.
    #[error(
        "beta_schedule: alpha_bar stops falling at t = {t} (it is {alpha_bar}): the betas are too {size} for 64-bit numbers"
    )]
    Degenerate {
        /// The first timestep, from 0, whose `alpha_bar` is not below the one before.
        t: usize,
        /// `alpha_bar` at `t`.
        alpha_bar: f64,
        /// `small` when `1 - beta` rounds to 1, `large` when `alpha_bar` is already 0.
        size: &'static str,
    },
    /// One timestep cannot both keep its `alpha_bar` and have it become 0 (Lin et al. 2023, algorithm 1).
    #[error("rescale_betas_zero_snr: needs at least 2 timesteps, found {found}")]
    RescaleTooShort {
        /// The length of the chain, T.
        found: usize,
    },
}

/// A named rule for the betas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BetaSchedule {
    /// Evenly spaced betas (DDPM, section 4).
    Linear,
    /// Evenly spaced square roots of beta (latent diffusion); the same numbers as [`BetaSchedule::Quad`].
    ScaledLinear,
    /// The cosine schedule (Nichol & Dhariwal 2021, eq. 17).
    SquaredcosCapV2,
    /// A logistic curve from `beta_start` to `beta_end` (GeoDiff; diffusers' `DDPMScheduler`).
    Sigmoid,
    /// The Laplace schedule of diffusers' `DDPMScheduler`.
    Laplace,
    /// Evenly spaced square roots of beta (ermongroup/ddim).
    Quad,
    /// `beta_end` everywhere (ermongroup/ddim).
    Const,
    /// `1/T, 1/(T-1), …, 1` (Sohl-Dickstein et al. 2015; ermongroup/ddim). Ends at `alpha_bar = 0`.
    Jsd,
}

impl BetaSchedule {
    /// Every schedule, in the order in which error messages list them.
    pub const ALL: [Self; 8] = [
        Self::Linear,
        Self::ScaledLinear,
        Self::SquaredcosCapV2,
        Self::Sigmoid,
        Self::Laplace,
        Self::Quad,
        Self::Const,
        Self::Jsd,
    ];

    /// The name in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::ScaledLinear => "scaled_linear",
            Self::SquaredcosCapV2 => "squaredcos_cap_v2",
            Self::Sigmoid => "sigmoid",
            Self::Laplace => "laplace",
            Self::Quad => "quad",
            Self::Const => "const",
            Self::Jsd => "jsd",
        }
    }

    fn accepted() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    fn betas(self, len: usize, start: f64, end: f64) -> Vec<f64> {
        match self {
            Self::Linear => linspace(start, end, len).collect(),
            Self::ScaledLinear | Self::Quad => linspace(start.sqrt(), end.sqrt(), len)
                .map(|root| root * root)
                .collect(),
            Self::SquaredcosCapV2 => betas_from_curve(len, |u| {
                libm::cos((u + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).powi(2)
            }),
            Self::Sigmoid => linspace(-6.0, 6.0, len)
                .map(|x| (end - start) / (1.0 + libm::exp(-x)) + start)
                .collect(),
            Self::Laplace => betas_from_curve(len, |u| {
                let side = if u <= 0.5 { 1.0 } else { -1.0 };
                let log_snr = -0.5 * side * libm::log(1.0 - 2.0 * (0.5 - u).abs() + 1e-6);
                let snr = libm::exp(log_snr);
                (snr / (1.0 + snr)).sqrt()
            }),
            Self::Const => vec![end; len],
            Self::Jsd => (0..len).map(|t| 1.0 / (len - t) as f64).collect(),
        }
    }
}

impl fmt::Display for BetaSchedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for BetaSchedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| ScheduleError::UnknownName {
                found: quoted(text),
            })
    }
}

/// The betas of the forward process and their running products.
///
/// Holds `1 > alpha_bar(0) > alpha_bar(1) > … > alpha_bar(T-1) >= 0`; only the last may be 0
/// (zero terminal SNR).
///
/// ```
/// use ddim_web::schedule::{BetaSchedule, NoiseSchedule};
///
/// let schedule = NoiseSchedule::new(BetaSchedule::Linear, 1000, 1e-4, 0.02)?;
/// let (signal, noise) = schedule.signal_and_noise(999);
/// assert!((signal.powi(2) + noise.powi(2) - 1.0).abs() < 1e-12 && noise > 0.99);
/// # Ok::<(), ddim_web::schedule::ScheduleError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseSchedule {
    betas: Vec<f64>,
    alpha_bars: Vec<f64>,
}

impl NoiseSchedule {
    /// A named schedule over `num_train_timesteps` steps.
    ///
    /// `beta_start` and `beta_end` must lie strictly between 0 and 1, also for the schedules that do
    /// not use them (`squaredcos_cap_v2`, `laplace`, `jsd`; `const` uses only `beta_end`).
    pub fn new(
        kind: BetaSchedule,
        num_train_timesteps: usize,
        beta_start: f64,
        beta_end: f64,
    ) -> Result<Self, ScheduleError> {
        check_length("num_train_timesteps", num_train_timesteps)?;
        for (field, found) in [("beta_start", beta_start), ("beta_end", beta_end)] {
            if !(found > 0.0 && found < 1.0) {
                return Err(ScheduleError::Beta { field, found });
            }
        }
        Self::accumulate(kind.betas(num_train_timesteps, beta_start, beta_end))
    }

    /// A schedule from explicit betas (diffusers' `trained_betas`): above 0 and below 1, except that
    /// the last may be 1.
    pub fn from_betas(betas: Vec<f64>) -> Result<Self, ScheduleError> {
        check_length("trained_betas", betas.len())?;
        let last = betas.len() - 1;
        for (index, &found) in betas.iter().enumerate() {
            if !(found > 0.0 && (found < 1.0 || (found == 1.0 && index == last))) {
                return Err(ScheduleError::TrainedBeta { index, found });
            }
        }
        Self::accumulate(betas)
    }

    /// Shifts and scales `sqrt(alpha_bar)` so that the last one is exactly 0 and the first is kept
    /// (Lin et al. 2023, algorithm 1).
    pub fn rescale_zero_terminal_snr(self) -> Result<Self, ScheduleError> {
        let found = self.len();
        if found < 2 {
            return Err(ScheduleError::RescaleTooShort { found });
        }
        let first = self.alpha_bars[0].sqrt();
        let last = self.alpha_bars[found - 1].sqrt();
        let scaled = self
            .alpha_bars
            .iter()
            .map(|alpha_bar| ((alpha_bar.sqrt() - last) * first / (first - last)).powi(2));
        let mut previous = 1.0;
        let betas = scaled
            .map(|alpha_bar| 1.0 - alpha_bar / std::mem::replace(&mut previous, alpha_bar))
            .collect();
        Self::accumulate(betas)
    }

    fn accumulate(betas: Vec<f64>) -> Result<Self, ScheduleError> {
        let mut alpha_bars = Vec::with_capacity(betas.len());
        let mut previous = 1.0;
        for (t, beta) in betas.iter().enumerate() {
            let alpha_bar = previous * (1.0 - beta);
            if alpha_bar.is_nan() || alpha_bar >= previous {
                let size = if alpha_bar > 0.0 { "small" } else { "large" };
                return Err(ScheduleError::Degenerate { t, alpha_bar, size });
            }
            alpha_bars.push(alpha_bar);
            previous = alpha_bar;
        }
        Ok(Self { betas, alpha_bars })
    }

    /// The number of timesteps T.
    #[expect(clippy::len_without_is_empty, reason = "a schedule is never empty")]
    pub fn len(&self) -> usize {
        self.betas.len()
    }

    /// The variances beta, T of them.
    pub fn betas(&self) -> &[f64] {
        &self.betas
    }

    /// The running products of `1 - beta`, T of them, falling.
    pub fn alpha_bars(&self) -> &[f64] {
        &self.alpha_bars
    }

    /// `alpha_bar` at index `t`.
    ///
    /// # Panics
    /// When `t >= len()`. Lists made by [`crate::timesteps::timesteps`] for this length never are.
    pub fn alpha_bar(&self, t: usize) -> f64 {
        self.alpha_bars[t]
    }

    /// The two factors of `x_t = sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps` (DDPM, eq. 4; DDIM, eq. 4).
    ///
    /// # Panics
    /// When `t >= len()`.
    pub fn signal_and_noise(&self, t: usize) -> (f64, f64) {
        let alpha_bar = self.alpha_bar(t);
        (alpha_bar.sqrt(), (1.0 - alpha_bar).sqrt())
    }

    /// The signal-to-noise ratio `alpha_bar / (1 - alpha_bar)`.
    ///
    /// # Panics
    /// When `t >= len()`.
    pub fn snr(&self, t: usize) -> f64 {
        let alpha_bar = self.alpha_bar(t);
        alpha_bar / (1.0 - alpha_bar)
    }
}

fn check_length(field: &'static str, found: usize) -> Result<(), ScheduleError> {
    if (1..=MAX_TRAIN_TIMESTEPS).contains(&found) {
        Ok(())
    } else {
        Err(ScheduleError::Length { field, found })
    }
}

/// `len` evenly spaced numbers, both ends included; only `start` when `len` is 1.
pub(crate) fn linspace(start: f64, end: f64, len: usize) -> impl Iterator<Item = f64> {
    let step = (end - start) / (len.max(2) - 1) as f64;
    (0..len).map(move |i| {
        if i > 0 && i + 1 == len {
            end
        } else {
            start + step * i as f64
        }
    })
}

/// Betas whose running product follows `curve`, a falling function of `u = t / T` on [0, 1].
fn betas_from_curve(len: usize, curve: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..len)
        .map(|t| {
            let here = curve(t as f64 / len as f64);
            let next = curve((t + 1) as f64 / len as f64);
            (1.0 - next / here).min(MAX_BETA)
        })
        .collect()
}

/// Text from a user, quoted for a one-line message: control characters escaped, long text cut.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?} (cut)", &text[..end]),
        None => format!("{text:?}"),
    }
}
