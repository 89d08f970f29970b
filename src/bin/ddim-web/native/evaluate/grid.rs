//! The axes of the paper's tables: eta, tau and S.

use std::fmt;
use std::str::FromStr;

use ddim_web::scheduler::TrajectoryOptions;
use ddim_web::step::Method;
use ddim_web::timesteps::Spacing;

/// A row of table 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Eta {
    /// DDIM with this eta, in 0…1.
    Value(f64),
    /// The larger noise of appendix D.3.
    SigmaHat,
}

const SIGMA_HAT: &str = "sigma_hat";

impl Eta {
    /// How it samples.
    pub fn method(self) -> Method {
        match self {
            Self::Value(eta) => Method::Ddim { eta },
            Self::SigmaHat => Method::SigmaHat,
        }
    }

    /// The word as the tables print it.
    pub fn symbol(word: &str) -> &str {
        if word == SIGMA_HAT { "σ̂" } else { word }
    }
}

impl fmt::Display for Eta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(eta) => write!(f, "{eta}"),
            Self::SigmaHat => f.write_str(SIGMA_HAT),
        }
    }
}

impl FromStr for Eta {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|eta| (0.0..=1.0).contains(eta));
        match number {
            // -0 is 0, and has to have the same name.
            Some(eta) => Ok(Self::Value(f64::abs(eta))),
            None if text == SIGMA_HAT => Ok(Self::SigmaHat),
            None => Err(format!("expected a number from 0 to 1 or {SIGMA_HAT}")),
        }
    }
}

/// The paper's two ways to choose tau (appendix D.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Tau {
    /// tau_i = floor(c i)
    Linear,
    /// tau_i = floor(c i²)
    Quadratic,
}

impl Tau {
    /// `steps` steps of `method` along it.
    pub fn trajectory(self, method: Method, steps: usize) -> TrajectoryOptions {
        TrajectoryOptions {
            spacing: Some(match self {
                Self::Linear => Spacing::PaperLinear,
                Self::Quadratic => Spacing::PaperQuadratic,
            }),
            ..TrajectoryOptions::new(method, steps)
        }
    }
}

impl fmt::Display for Tau {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linear => "linear",
            Self::Quadratic => "quadratic",
        })
    }
}
