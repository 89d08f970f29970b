//! Why a run could not start or go on.

use super::MAX_BATCH;
use crate::engine::EngineError;
use crate::scheduler::SchedulerError;

/// Why a run could not start or go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SamplerError {
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The batch is empty or absurdly large.
    #[error("batch: expected 1 to {MAX_BATCH}, found {found}")]
    Batch {
        /// What was asked for.
        found: usize,
    },
    /// The schedule cannot be walked like this.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
    /// Inversion goes from an image to noise, so it cannot start from a seed.
    #[error("method: inversion starts from images: give them as latents")]
    NoImages,
    /// Only x_T can be drawn from a seed.
    #[error("from: the images at time step {t} have to be given as latents")]
    NoState {
        /// Where the run begins.
        t: usize,
    },
    /// `config.json` does not say how large the images are, and nobody else did.
    #[error("sample_size: config.json does not give it, so the height and width must be given")]
    NoSize,
    /// The network does not predict images of its input's shape.
    #[error("out_channels: sampling needs as many as in_channels ({expected}), found {found}")]
    Channels {
        /// `in_channels`.
        expected: usize,
        /// `out_channels`.
        found: usize,
    },
    /// The prediction stopped being a number.
    #[error(
        "x0_hat at t = {t}: expected finite numbers, found {found}: the weights do not fit these settings"
    )]
    Diverged {
        /// The time step.
        t: usize,
        /// The first such value.
        found: f32,
    },
    /// The known part of an image that starts from pictures as a whole.
    #[error(
        "known: inversion starts from whole images, there is nothing to be made: leave known and mask out"
    )]
    KnownInversion,
    /// Neither one picture nor one for each image.
    #[error(
        "known: expected one picture of {image} values or one for each of {batch} images, found {found} values"
    )]
    Known {
        /// Values of one image.
        image: usize,
        /// Images.
        batch: usize,
        /// Values given.
        found: usize,
    },
    /// A mask of another size.
    #[error("mask: expected height × width = {expected} values, found {found}")]
    Mask {
        /// Pixels of one image.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// A mask that is not between known and unknown.
    #[error("mask: expected numbers from 0 (to be made) to 1 (known), found {found}")]
    MaskValue {
        /// The first such value.
        found: f32,
    },
    /// Guidance of a network without classes.
    #[error(
        "guidance: this network has no classes to be guided by: leave guidance and null_label out"
    )]
    Unconditional,
    /// Guidance by no number.
    #[error("guidance: expected a finite number, found {found}")]
    Guidance {
        /// The weight given.
        found: f64,
    },
    /// A class that the network does not have.
    #[error("null_label: expected a class from 0 to {last}, found {found}")]
    NullLabel {
        /// The last class.
        last: usize,
        /// The class given.
        found: usize,
    },
    /// The run is over.
    #[error("this run is over: start a new one")]
    Over,
}
