//! Which loss: the weight gamma_t of each timestep in L_gamma (DDIM, Song et al. 2021, eq. 5).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::option_error::OptionError;
use crate::bound::{gamma_bound, gamma_min_snr};
use crate::schedule::{NoiseSchedule, quoted};
use crate::step::{Prediction, StepError, Variance};

/// The limit of [`Loss::MinSnr`] that Hang et al. (2023) recommend.
const MIN_SNR: f64 = 5.0;

/// A choice of gamma. [`Loss::weights`] says what each is in numbers.
///
/// Text forms, also in checkpoints: `simple`, `bound`, `min-snr` (the limit is then 5), `min-snr=LIMIT`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Loss {
    /// L_simple (DDPM, Ho et al. 2020, eq. 14): every timestep counts the same.
    #[default]
    Simple,
    /// The variational bound (DDPM, eq. 12).
    Bound,
    /// Min-SNR (Hang et al. 2023, section 3.4).
    MinSnr {
        /// The signal-to-noise ratio above which timesteps count no more; finite and above 0.
        limit: f64,
    },
}

impl Loss {
    /// The factor of an image's mean squared error, for every timestep, when timesteps are drawn uniformly.
    ///
    /// - [`Loss::Simple`]: 1, on whatever the network predicts.
    /// - [`Loss::Bound`]: `T gamma_t` of [`gamma_bound`], so that the loss is an estimate of the sum over t, the part
    ///   of the bound that the network can lower, in nats per dimension.
    /// - [`Loss::MinSnr`]: [`gamma_min_snr`], at most 1 for eps.
    ///
    /// The last two are defined by the error in eps and converted: for x_0 and v they are the same loss of x0_hat.
    ///
    /// # Errors
    /// [`StepError::EpsilonAtZeroSnr`] for the bound of eps in a schedule that ends at alpha_bar = 0.
    pub fn weights(
        self,
        schedule: &NoiseSchedule,
        prediction: Prediction,
        variance: Variance,
    ) -> Result<Vec<f64>, StepError> {
        let steps = schedule.len();
        let weight = |t| match self {
            Self::Simple => Ok(1.0),
            Self::Bound => {
                let gamma = gamma_bound(schedule, t, variance, prediction)?;
                Ok(steps as f64 * gamma)
            }
            Self::MinSnr { limit } => Ok(gamma_min_snr(schedule, t, limit, prediction)),
        };
        (0..steps).map(weight).collect()
    }

    /// Refuses a limit that is not finite and above 0.
    ///
    /// # Errors
    /// [`OptionError`] names it.
    pub fn check(self) -> Result<(), OptionError> {
        match self {
            Self::MinSnr { limit } if !(limit.is_finite() && limit > 0.0) => Err(OptionError {
                option: "loss",
                expected: "min-snr=LIMIT with a finite LIMIT above 0".into(),
                found: limit.to_string(),
            }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple => f.write_str("simple"),
            Self::Bound => f.write_str("bound"),
            Self::MinSnr { limit } => write!(f, "min-snr={limit}"),
        }
    }
}

impl FromStr for Loss {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let limit = |text: &str| text.strip_prefix("min-snr=")?.parse().ok();
        let loss = match text {
            "simple" => Self::Simple,
            "bound" => Self::Bound,
            "min-snr" => Self::MinSnr { limit: MIN_SNR },
            text => Self::MinSnr {
                limit: limit(text).ok_or_else(|| OptionError {
                    option: "loss",
                    expected: "simple, bound, min-snr or min-snr=LIMIT".into(),
                    found: quoted(text),
                })?,
            },
        };
        loss.check()?;
        Ok(loss)
    }
}

impl TryFrom<String> for Loss {
    type Error = OptionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Loss> for String {
    fn from(loss: Loss) -> Self {
        loss.to_string()
    }
}
