//! Why training cannot begin or go on.

use super::checkpoint::{CheckpointError, DataId};
use super::option_error::OptionError;
use crate::engine::EngineError;
use crate::scheduler::SchedulerError;
use crate::unet::input::InputError;
use crate::unet::labels::LabelsError;
use crate::unet::weights::WeightsError;

/// Why a run cannot begin or go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// An option was refused.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// The checkpoint was refused.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The schedule was refused.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
    /// The weights could not be read or written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The images do not fit the network.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The network is not one that this trainer trains.
    #[error("config.json: {field}: expected {expected}, found {found}")]
    Network {
        /// The key.
        field: &'static str,
        /// What it has to be for these images.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The labels are not those of these images, or not those of this network.
    #[error("labels: expected {expected}, found {found}")]
    Labels {
        /// What they have to be.
        expected: String,
        /// What they are.
        found: String,
    },
    /// The names of the classes were refused.
    #[error(transparent)]
    Classes(#[from] LabelsError),
    /// The images are not those that the run began with.
    #[error("data: the run began with {expected}, found {found}")]
    Data {
        /// Those of the checkpoint.
        expected: DataId,
        /// Those given.
        found: DataId,
    },
    /// The run left the numbers. Nothing of this step was kept.
    #[error(
        "step {step}: expected a finite {what}, found {found}: lower the learning rate and resume from the last checkpoint"
    )]
    NotFinite {
        /// The step, counted from 1.
        step: u32,
        /// The loss, or the gradient's norm.
        what: &'static str,
        /// What it is.
        found: f32,
    },
    /// The device failed while it was working.
    #[error(transparent)]
    Device(#[from] EngineError),
    /// All steps are done.
    #[error("the run is over: all {steps} steps are done")]
    Over {
        /// The number of steps.
        steps: u32,
    },
}
