//! The samplers, by name.

use std::{fmt, str::FromStr};

use super::StepError;
use crate::schedule::quoted;

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
    /// An Euler step in time of the probability flow ODE, in its variance-exploding form (DDIM, eq. 15). Deterministic.
    /// The step to x_0 is that of DDIM: eq. 15 would leave half of the noise in the image.
    ProbabilityFlow,
    /// The ODE of DDIM, eq. 14 run upwards, from image to noise.
    Inversion(Convention),
}

/// What the network is told in a step from image to noise. Eq. 14 is exact only for infinitely small steps, so that
/// there are two ways to cut it; both become the ODE as S grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Convention {
    /// The level that the step goes to: sampling with the same tau then asks the network at the same time steps. The
    /// default: in few steps it loses less there and back, it comes closer to the ODE's own x_T, and for a network that
    /// predicts eps it is diffusers' `DDIMInverseScheduler`. A step to pure noise (`alpha_bar` = 0), of which the network
    /// cannot say anything, is [`Convention::Strict`].
    #[default]
    Retrace,
    /// The level that the state has: an Euler step of eq. 14 taken literally (eq. 13 with the step reversed). The image
    /// itself, which has no time step, counts as time step 0.
    Strict,
}

impl Convention {
    /// Both, the default first.
    pub const ALL: [Self; 2] = [Self::Retrace, Self::Strict];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retrace => "retrace",
            Self::Strict => "strict",
        }
    }
}

impl fmt::Display for Convention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Method {
    /// Every method, in the order in which error messages list them; DDIM with eta = 0.
    pub const ALL: [Self; 8] = [
        Self::Ddim { eta: 0.0 },
        Self::SigmaHat,
        Self::DdpmNoisy,
        Self::DdpmAncestral(Variance::FixedSmall),
        Self::DdpmAncestral(Variance::FixedLarge),
        Self::ProbabilityFlow,
        Self::Inversion(Convention::Retrace),
        Self::Inversion(Convention::Strict),
    ];

    pub(super) fn accepted() -> String {
        let [all @ .., last] = Self::ALL.map(|method| method.name());
        format!("{} or {last}", all.join(", "))
    }

    /// The method of that name. `eta`, in `0..=1` for all of them, is used by `ddim`, must be 0 for
    /// inversion, and does not matter to the others, whose noise is fixed.
    pub fn from_name(name: &str, eta: f64) -> Result<Self, StepError> {
        let method: Self = name.parse()?;
        if method.is_inversion() && eta != 0.0 {
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
            Self::Ddim { .. } | Self::SigmaHat | Self::ProbabilityFlow | Self::Inversion(_) => {
                false
            }
        }
    }

    /// Whether it goes from image to noise.
    pub fn is_inversion(&self) -> bool {
        matches!(self, Self::Inversion(_))
    }

    /// The name, without eta.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ddim { .. } => "ddim",
            Self::SigmaHat => "sigma_hat",
            Self::DdpmNoisy => "ddpm_noisy",
            Self::DdpmAncestral(Variance::FixedSmall) => "ddpm_fixed_small",
            Self::DdpmAncestral(Variance::FixedLarge) => "ddpm_fixed_large",
            Self::ProbabilityFlow => "probability_flow",
            Self::Inversion(Convention::Retrace) => "inversion",
            Self::Inversion(Convention::Strict) => "inversion_strict",
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

pub(super) fn checked_eta(found: f64) -> Result<f64, StepError> {
    if (0.0..=1.0).contains(&found) {
        Ok(found)
    } else {
        Err(StepError::Eta { found })
    }
}
