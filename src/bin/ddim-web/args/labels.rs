//! Where the classes of images stand.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the classes of images stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelSource {
    /// Every class is a folder in the folder of the images.
    Folders,
    /// An IDX file of labels.
    File(PathBuf),
}

impl FromStr for LabelSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "folders" => Self::Folders,
            path => Self::File(path.into()),
        })
    }
}
