//! The noise of a sampler, as an argument: a number, or the paper's larger noise.

use std::fmt;
use std::str::FromStr;

use ddim_web::step::Method;

/// A value of `--eta` where the larger noise has a place beside the numbers: a row of the DDIM paper's table 1.
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
