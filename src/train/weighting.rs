//! The text forms of a [`Loss`], for the command line and checkpoints.

use std::{fmt, str::FromStr};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::option_error::OptionError;
use crate::schedule::quoted;
pub use crate::weighting::Loss;
use crate::weighting::MIN_SNR;

impl Loss {
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
        // As JSON has numbers: the tables of the standard library's reader would be a tenth of what a browser loads.
        let limit = |text: &str| serde_json::from_str(text.strip_prefix("min-snr=")?).ok();
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

impl Serialize for Loss {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Loss {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
