//! The text forms of an [`Optimizer`], for the command line and JavaScript.

use std::{fmt, str::FromStr};

use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Serialize};

use super::option_error::OptionError;
pub use crate::engine::optimizer::Optimizer;
use crate::schedule::quoted;

impl fmt::Display for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl FromStr for Optimizer {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name: StrDeserializer<'_, Error> = text.into_deserializer();
        Self::deserialize(name).map_err(|_| OptionError {
            option: "optimizer",
            expected: "adam or muon".into(),
            found: quoted(text),
        })
    }
}
