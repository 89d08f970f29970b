//! What the network's output means, and how x_0 and eps follow from it.

use std::{fmt, str::FromStr};

use super::StepError;
use crate::schedule::quoted;

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
