//! The text forms of an [`Optimizer`], for the command line and JavaScript.

use std::{fmt, str::FromStr};

use super::option_error::OptionError;
pub use crate::engine::optimizer::Optimizer;
use crate::schedule::quoted;

impl fmt::Display for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Adam => "adam",
            Self::Muon => "muon",
        })
    }
}

impl FromStr for Optimizer {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "adam" => Ok(Self::Adam),
            "muon" => Ok(Self::Muon),
            text => Err(OptionError {
                option: "optimizer",
                expected: "adam or muon".into(),
                found: quoted(text),
            }),
        }
    }
}
