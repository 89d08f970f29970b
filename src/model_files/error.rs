//! Why files are no model that can be run.

use super::layout::LayoutError;
use super::torch::TorchError;
use super::zip::ZipError;
use crate::allocate::OutOfMemory;
use crate::scheduler::SchedulerError;
use crate::unet::config::ConfigError;
use crate::unet::input::InputError;
use crate::unet::weights::WeightsError;

/// Why files are no model that can be run. One line each, of at most 500 characters.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file is missing.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A file could not be had.
    #[error("{name}: {reason}")]
    Open {
        /// The file.
        name: String,
        /// What whoever opened it says.
        reason: String,
    },
    /// The network is none of this program's.
    #[error("this is {0}")]
    Family(&'static str),
    /// `config.json` was refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The network is too large for any picture.
    #[error("config.json: {0}")]
    Network(InputError),
    /// `scheduler_config.json` was refused.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
    /// The weights were refused.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A file of PyTorch was refused.
    #[error("{name}: {source}")]
    Torch {
        /// The file.
        name: String,
        /// What is wrong with it.
        source: TorchError,
    },
    /// A list of shards was refused.
    #[error("{name}: {what}")]
    Shards {
        /// The file.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// An archive was refused.
    #[error(transparent)]
    Zip(#[from] ZipError),
    /// There is no memory for it.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
}
