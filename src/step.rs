//! One step of a sampler as a handful of scalars.
//!
//! Every sampler here is linear in three tensors (the state `x_t`, the network's output `out` and fresh
//! noise `z`) apart from clipping, so a step is fully described by [`StepCoefficients`]:
//!
//! ```text
//! x0_hat = clip(p x_t + q out)
//! eps    = r x_t + s (out or x0_hat)
//! x_prev = a x0_hat + b eps + sigma z
//! ```
//!
//! Engines apply them; they need to know nothing about schedules. Equation numbers: "DDIM" is Song et al.
//! 2021 (arXiv 2010.02502), "DDPM" is Ho et al. 2020 (arXiv 2006.11239).

mod clip;

use std::{fmt, str::FromStr};

use thiserror::Error;

pub use self::clip::{Clip, dynamic_threshold, dynamic_threshold_scale};
use crate::schedule::quoted;

/// Why a step cannot be computed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StepError {
    /// No [`Prediction`] has this name.
    #[error("prediction_type: expected epsilon, sample or v_prediction, found {found}")]
    UnknownPrediction {
        /// The name given, quoted and cut to 60 characters.
        found: String,
    },
    /// No [`Method`] has this name.
    #[error("method: expected {accepted}, found {found}", accepted = Method::accepted())]
    UnknownMethod {
        /// The name given, quoted and cut to 60 characters.
        found: String,
    },
    /// An eta outside `0..=1`.
    #[error("eta: expected a number from 0 to 1, found {found}")]
    Eta {
        /// The eta given.
        found: f64,
    },
    /// An eta other than 0 for [`Method::Inversion`].
    #[error("eta: inversion is deterministic, expected 0, found {found}")]
    InversionEta {
        /// The eta given.
        found: f64,
    },
    /// A noise level outside `0..=1`, or on the wrong side of the other one for the method.
    #[error("{field}: expected {expected}, found {found}")]
    AlphaBar {
        /// `alpha_bar` or `alpha_bar_next`, as in [`Step`].
        field: &'static str,
        /// The condition it breaks, in words.
        expected: &'static str,
        /// The value given.
        found: f64,
    },
    /// DDIM, eq. 9 divides by `sqrt(alpha_bar)`, which is 0 here.
    #[error(
        "prediction_type: epsilon cannot give x_0 where alpha_bar is 0 (zero terminal SNR); use v_prediction or sample, \
         or a list of timesteps that leaves the last one out"
    )]
    EpsilonAtZeroSnr,
    /// eps from x_0 divides by `sqrt(1 - alpha_bar)`, which is 0 here.
    #[error(
        "prediction_type: sample cannot give the noise of a clean image (alpha_bar = 1); set set_alpha_to_one to false to invert"
    )]
    SampleAtCleanImage,
    /// A [`Clip::Range`] that is not positive and finite.
    #[error("clip_sample_range: expected a finite number above 0, found {found}")]
    ClipRange {
        /// The range given.
        found: f64,
    },
    /// A quantile of [`Clip::Dynamic`] outside `0..=1`.
    #[error("dynamic_thresholding_ratio: expected a number from 0 to 1, found {found}")]
    ThresholdRatio {
        /// The ratio given.
        found: f64,
    },
    /// An upper limit of [`Clip::Dynamic`] that is not positive and finite.
    #[error("sample_max_value: expected a finite number above 0, found {found}")]
    ThresholdMax {
        /// The limit given.
        found: f64,
    },
}

/// What the network's output means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prediction {
    /// The noise eps (DDPM, eq. 11).
    Epsilon,
    /// The clean image x_0.
    Sample,
    /// `v = sqrt(alpha_bar) eps - sqrt(1 - alpha_bar) x_0` (Salimans & Ho 2022, section 4).
    VPrediction,
}

impl Prediction {
    /// Every prediction type.
    pub const ALL: [Self; 3] = [Self::Epsilon, Self::Sample, Self::VPrediction];

    /// `(c_x, c_out)` with `x0_hat = c_x x_t + c_out out` (DDIM, eq. 9 for epsilon).
    ///
    /// `alpha_bar` is in `0..=1`; 0 with [`Prediction::Epsilon`] is an error, not an infinity.
    pub fn x0_from(self, alpha_bar: f64) -> Result<(f64, f64), StepError> {
        let (signal, noise) = signal_and_noise(alpha_bar)?;
        match self {
            Self::Epsilon if signal == 0.0 => Err(StepError::EpsilonAtZeroSnr),
            Self::Epsilon => Ok((1.0 / signal, -noise / signal)),
            Self::Sample => Ok((0.0, 1.0)),
            Self::VPrediction => Ok((signal, -noise)),
        }
    }

    /// `(c_x, c_out)` with `eps = c_x x_t + c_out out`.
    ///
    /// `alpha_bar` is in `0..=1`; 1 with [`Prediction::Sample`] is an error, not an infinity.
    pub fn eps_from(self, alpha_bar: f64) -> Result<(f64, f64), StepError> {
        let (signal, noise) = signal_and_noise(alpha_bar)?;
        match self {
            Self::Epsilon => Ok((0.0, 1.0)),
            Self::Sample if noise == 0.0 => Err(StepError::SampleAtCleanImage),
            Self::Sample => Ok((1.0 / noise, -signal / noise)),
            Self::VPrediction => Ok((noise, signal)),
        }
    }

    /// `(c_x0, c_eps)` with `c_x0 x_0 + c_eps eps` being what a perfect network puts out: the target of training.
    pub fn target(self, alpha_bar: f64) -> Result<(f64, f64), StepError> {
        let (signal, noise) = signal_and_noise(alpha_bar)?;
        Ok(match self {
            Self::Epsilon => (0.0, 1.0),
            Self::Sample => (1.0, 0.0),
            Self::VPrediction => (-noise, signal),
        })
    }

    /// The name in `scheduler_config.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Epsilon => "epsilon",
            Self::Sample => "sample",
            Self::VPrediction => "v_prediction",
        }
    }
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Prediction {
    type Err = StepError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|prediction| prediction.name() == text)
            .ok_or_else(|| StepError::UnknownPrediction {
                found: quoted(text),
            })
    }
}

/// The variance of the noise that ancestral sampling adds (DDPM, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variance {
    /// The posterior's, `beta_tilde` (DDPM, eq. 7).
    FixedSmall,
    /// `beta_t` of the thinned chain, `1 - alpha_bar_t / alpha_bar_prev`.
    FixedLarge,
}

/// How to get from one noise level to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// DDIM, eq. 12 with sigma(eta) of eq. 16.
    Ddim {
        /// The share of noise, in `0..=1`: 0 is deterministic, 1 is DDPM.
        eta: f64,
    },
    /// DDIM paper, appendix D.3: the mean of eta = 1 with the larger noise sigma-hat.
    SigmaHat,
    /// `--sample_type ddpm_noisy` of ermongroup/ddim: x0_hat is clipped to ±1 whatever the
    /// configuration says, the noise is the larger one.
    DdpmNoisy,
    /// DDPM, algorithm 2, through the posterior mean of eq. 7 (diffusers' `DDPMScheduler`).
    DdpmAncestral(Variance),
    /// DDIM run upwards, from image to noise (diffusers' `DDIMInverseScheduler`).
    Inversion,
}

impl Method {
    /// Every method, in the order in which error messages list them; DDIM with eta = 0.
    pub const ALL: [Self; 6] = [
        Self::Ddim { eta: 0.0 },
        Self::SigmaHat,
        Self::DdpmNoisy,
        Self::DdpmAncestral(Variance::FixedSmall),
        Self::DdpmAncestral(Variance::FixedLarge),
        Self::Inversion,
    ];

    fn accepted() -> String {
        let [all @ .., last] = Self::ALL.map(|method| method.name());
        format!("{} or {last}", all.join(", "))
    }

    /// The method of that name. `eta`, in `0..=1` for all of them, is used by `ddim`, must be 0 for
    /// `inversion`, and does not matter to the others, whose noise is fixed.
    pub fn from_name(name: &str, eta: f64) -> Result<Self, StepError> {
        let method = name.parse()?;
        if method == Self::Inversion && eta != 0.0 {
            return Err(StepError::InversionEta { found: eta });
        }
        let eta = checked_eta(eta)?;
        Ok(match method {
            Self::Ddim { .. } => Self::Ddim { eta },
            method => method,
        })
    }

    /// Whether it is DDPM's own sampling, which ends at the image itself (`alpha_bar` = 1) whatever the scheduler says.
    pub fn is_ancestral(&self) -> bool {
        match self {
            Self::DdpmAncestral(_) | Self::DdpmNoisy => true,
            Self::Ddim { .. } | Self::SigmaHat | Self::Inversion => false,
        }
    }

    /// The name, without eta.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ddim { .. } => "ddim",
            Self::SigmaHat => "sigma_hat",
            Self::DdpmNoisy => "ddpm_noisy",
            Self::DdpmAncestral(Variance::FixedSmall) => "ddpm_fixed_small",
            Self::DdpmAncestral(Variance::FixedLarge) => "ddpm_fixed_large",
            Self::Inversion => "inversion",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Method {
    type Err = StepError;

    /// `ddim` has eta = 0; use [`Method::from_name`] for another.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|method| method.name() == text)
            .ok_or_else(|| StepError::UnknownMethod {
                found: quoted(text),
            })
    }
}

/// What `s` multiplies in `eps = r x_t + s (…)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EpsFrom {
    /// The network's output: eps is the network's own, whatever clipping did.
    Out,
    /// The clipped x0_hat: eps is re-derived from it.
    X0Hat,
}

/// One step, ready for an engine. The [module documentation](self) has the three lines it stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepCoefficients {
    /// Factor of x_t in x0_hat ([`Prediction::x0_from`]).
    pub p: f64,
    /// Factor of the network's output in x0_hat.
    pub q: f64,
    /// What is done to x0_hat before it is used.
    pub clip: Clip,
    /// Factor of x_t in eps ([`Prediction::eps_from`]).
    pub r: f64,
    /// Factor in eps of what `eps_from` names.
    pub s: f64,
    /// Whether eps is the network's own or re-derived from the clipped x0_hat.
    pub eps_from: EpsFrom,
    /// Factor of x0_hat in the result: `sqrt(alpha_bar_next)` (DDIM, eq. 12).
    pub a: f64,
    /// Factor of eps in the result: `sqrt(1 - alpha_bar_next - sigma^2)` (DDIM, eq. 12), with the sigma of
    /// eq. 16 even where the noise added is larger or left out.
    pub b: f64,
    /// Factor of the fresh noise z in the result; exactly 0 when the step adds none.
    pub sigma: f64,
}

/// The two noise levels that a step joins, and how the network's output is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// `alpha_bar` of the state that goes in.
    pub alpha_bar: f64,
    /// `alpha_bar` of the state that comes out: 1 for the image itself.
    pub alpha_bar_next: f64,
    /// The last step of a sampling run. Ancestral sampling adds no noise there (DDPM, algorithm 2: z = 0).
    pub last: bool,
    /// What the network's output means.
    pub prediction: Prediction,
    /// What is done to x0_hat; [`Method::DdpmNoisy`] clips to ±1 instead.
    pub clip: Clip,
    /// Re-derive eps from the clipped x0_hat also in DDIM (diffusers' `use_clipped_model_output`).
    /// The ancestral methods always do, since their mean is written in x0_hat and x_t.
    pub use_clipped_model_output: bool,
}

impl Step {
    /// The scalars of this step.
    ///
    /// Errors name the field that makes it impossible: eta, a clip value, an `alpha_bar` outside `0..=1` or
    /// on the wrong side of the other, or a prediction type that does not determine x_0 or eps there.
    pub fn coefficients(&self, method: Method) -> Result<StepCoefficients, StepError> {
        let clip = match method {
            Method::DdpmNoisy => Clip::Range(1.0),
            _ => self.clip,
        };
        clip.check()?;
        self.check_levels(method)?;
        let (b, sigma) = self.direction_and_noise(method)?;
        let rederived = match method {
            Method::DdpmNoisy | Method::DdpmAncestral(_) => true,
            Method::Ddim { .. } | Method::SigmaHat => self.use_clipped_model_output,
            Method::Inversion => false,
        };
        let (p, q) = self.prediction.x0_from(self.alpha_bar)?;
        let (eps_from, (r, s)) = if rederived {
            let given_x0 = Prediction::Sample.eps_from(self.alpha_bar)?;
            (EpsFrom::X0Hat, given_x0)
        } else {
            (EpsFrom::Out, self.prediction.eps_from(self.alpha_bar)?)
        };
        Ok(StepCoefficients {
            p,
            q,
            clip,
            r,
            s,
            eps_from,
            a: self.alpha_bar_next.sqrt(),
            b,
            sigma,
        })
    }

    /// The factor of eps and that of fresh noise.
    ///
    /// `x_prev = sqrt(next) x0_hat + sqrt(1 - next - sigma^2) eps + sigma z` (DDIM, eq. 12). The posterior
    /// mean of DDPM, eq. 7, written in x0_hat and eps instead of x0_hat and x_t, is the same line with the
    /// sigma of eta = 1; the methods differ only in the sigma that multiplies z.
    fn direction_and_noise(&self, method: Method) -> Result<(f64, f64), StepError> {
        let (now, next) = (self.alpha_bar, self.alpha_bar_next);
        let beta = 1.0 - now / next; // of the thinned chain
        let share = beta / (1.0 - now);
        let posterior = (1.0 - next) * share; // DDIM, eq. 16 at eta = 1; DDPM, eq. 7
        let unless_last = |variance: f64| if self.last { 0.0 } else { variance };
        let (eta, variance) = match method {
            Method::Inversion => (0.0, 0.0),
            Method::Ddim { eta } => (checked_eta(eta)?, eta * eta * posterior),
            Method::DdpmAncestral(Variance::FixedSmall) => (1.0, unless_last(posterior)),
            // DDIM, D.3: sigma-hat^2 = 1 - alpha_t / alpha_{t-1}
            Method::SigmaHat | Method::DdpmNoisy | Method::DdpmAncestral(Variance::FixedLarge) => {
                (1.0, unless_last(beta))
            }
        };
        let kept = if eta == 0.0 {
            1.0
        } else {
            (1.0 - eta * eta * share).max(0.0)
        };
        Ok((((1.0 - next) * kept).sqrt(), variance.sqrt()))
    }

    fn check_levels(&self, method: Method) -> Result<(), StepError> {
        let (now, next) = (self.alpha_bar, self.alpha_bar_next);
        let (field, expected, found) = if !(0.0..=1.0).contains(&now) {
            ("alpha_bar", "a number from 0 to 1", now)
        } else if !(0.0..=1.0).contains(&next) {
            ("alpha_bar_next", "a number from 0 to 1", next)
        } else if method == Method::Inversion {
            if next <= now {
                return Ok(());
            }
            (
                "alpha_bar_next",
                "at most alpha_bar, since inversion adds noise",
                next,
            )
        } else if now == 1.0 {
            (
                "alpha_bar",
                "a number below 1, since the state must hold noise",
                now,
            )
        } else if next >= now && next > 0.0 {
            return Ok(());
        } else {
            (
                "alpha_bar_next",
                "at least alpha_bar and above 0, since sampling removes noise",
                next,
            )
        };
        Err(StepError::AlphaBar {
            field,
            expected,
            found,
        })
    }
}

fn checked_eta(found: f64) -> Result<f64, StepError> {
    if (0.0..=1.0).contains(&found) {
        Ok(found)
    } else {
        Err(StepError::Eta { found })
    }
}

fn signal_and_noise(alpha_bar: f64) -> Result<(f64, f64), StepError> {
    if (0.0..=1.0).contains(&alpha_bar) {
        Ok((alpha_bar.sqrt(), (1.0 - alpha_bar).sqrt()))
    } else {
        Err(StepError::AlphaBar {
            field: "alpha_bar",
            expected: "a number from 0 to 1",
            found: alpha_bar,
        })
    }
}
