//! What JavaScript catches: an `Error` with the Rust message and a `kind`, so that nobody has to read messages.
//!
//! Here alone a kind is derived from the typed errors of the layers below.

use js_sys::{Error, Reflect};
use wasm_bindgen::JsValue;

use crate::bound::BoundError;
#[cfg(feature = "gpu")]
use crate::engine::UnknownStorage;
use crate::engine::{EngineError, UnknownEngine};
use crate::noise::NoiseError;
use crate::runs::nearest::NearestError;
use crate::runs::partial::PartialError;
use crate::runs::paths::PathError;
use crate::runs::rate::RateError;
use crate::runs::rules::Refusal;
use crate::sampler::SamplerError;
use crate::scheduler::SchedulerError;
use crate::step::StepError;
use crate::timesteps::TimestepsError;
use crate::unet::config::ConfigError;
use crate::unet::input::InputError;
use crate::unet::weights::WeightsError;

/// What went wrong: TypeScript's `ErrorKind`, which says what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// config.json.
    Config,
    /// scheduler_config.json.
    Scheduler,
    /// The weights file.
    Weights,
    /// An option of a call.
    Options,
    /// The numbers that the network was given.
    Input,
    /// The graphics card cannot be had, or failed.
    Device,
    /// The graphics card is gone.
    Lost,
    /// The prediction stopped being a number.
    Diverged,
    /// The run has ended before.
    Over,
}

impl Kind {
    /// The value of `kind`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Scheduler => "scheduler",
            Self::Weights => "weights",
            Self::Options => "options",
            Self::Input => "input",
            Self::Device => "device",
            Self::Lost => "lost",
            Self::Diverged => "diverged",
            Self::Over => "over",
        }
    }
}

/// A typed error that knows its kind.
pub trait HasKind: std::error::Error {
    /// What went wrong.
    fn kind(&self) -> Kind;
}

impl HasKind for ConfigError {
    fn kind(&self) -> Kind {
        Kind::Config
    }
}

impl HasKind for WeightsError {
    fn kind(&self) -> Kind {
        Kind::Weights
    }
}

impl HasKind for InputError {
    fn kind(&self) -> Kind {
        Kind::Input
    }
}

impl HasKind for UnknownEngine {
    fn kind(&self) -> Kind {
        Kind::Options
    }
}

#[cfg(feature = "gpu")]
impl HasKind for UnknownStorage {
    fn kind(&self) -> Kind {
        Kind::Options
    }
}

impl HasKind for EngineError {
    fn kind(&self) -> Kind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Weights(error) => error.kind(),
            Self::Input(error) => error.kind(),
            Self::NoGpu(_) | Self::Device(_) | Self::Kernel(_) => Kind::Device,
            Self::Lost(_) | Self::Gone(_) => Kind::Lost,
            Self::Absent(_) => Kind::Options,
        }
    }
}

impl HasKind for SchedulerError {
    fn kind(&self) -> Kind {
        match self {
            Self::Json(_) | Self::Field(_) | Self::TrainedBetas { .. } | Self::Schedule(_) => {
                Kind::Scheduler
            }
            Self::Level { .. } => Kind::Options,
            Self::Timesteps(error) => error.kind(),
            Self::Step(error) => error.kind(),
        }
    }
}

impl HasKind for TimestepsError {
    fn kind(&self) -> Kind {
        match self {
            Self::TrainTimesteps { .. } | Self::Offset { .. } => Kind::Scheduler,
            Self::UnknownName { .. }
            | Self::Steps { .. }
            | Self::OutOfRange { .. }
            | Self::NotAscending { .. }
            | Self::NoStride { .. }
            | Self::Section { .. } => Kind::Options,
        }
    }
}

impl HasKind for StepError {
    fn kind(&self) -> Kind {
        match self {
            Self::UnknownMethod { .. } | Self::Eta { .. } | Self::InversionEta { .. } => {
                Kind::Options
            }
            Self::UnknownPrediction { .. }
            | Self::AlphaBar { .. }
            | Self::EpsilonAtZeroSnr
            | Self::SampleAtCleanImage
            | Self::ClipRange { .. }
            | Self::ThresholdRatio { .. }
            | Self::ThresholdMax { .. } => Kind::Scheduler,
        }
    }
}

impl HasKind for Refusal {
    fn kind(&self) -> Kind {
        match self {
            Self::Method(error) => error.kind(),
            Self::Scheduler(error) => error.kind(),
            Self::Eta { .. }
            | Self::InversionClips { .. }
            | Self::NoisyClips
            | Self::Uniform { .. }
            | Self::Step { .. }
            | Self::Count { .. }
            | Self::Values { .. } => Kind::Options,
        }
    }
}

impl HasKind for PathError {
    fn kind(&self) -> Kind {
        match self {
            Self::Ends { .. } | Self::Frames { .. } => Kind::Options,
            Self::Noise(error) => error.kind(),
        }
    }
}

impl HasKind for PartialError {
    fn kind(&self) -> Kind {
        match self {
            Self::Scheduler(error) => error.kind(),
            Self::Frames { .. } => Kind::Options,
            Self::Refused(error) => error.kind(),
            Self::Images { .. } | Self::Lengths { .. } => Kind::Input,
        }
    }
}

impl HasKind for NearestError {
    fn kind(&self) -> Kind {
        match self {
            Self::Width { .. } | Self::NotFinite { .. } => Kind::Input,
            Self::None | Self::Neighbours { .. } => Kind::Options,
        }
    }
}

impl HasKind for BoundError {
    fn kind(&self) -> Kind {
        match self {
            Self::Lengths { .. } => Kind::Input,
            Self::Step(error) => error.kind(),
            Self::Before { .. } | Self::WithoutNoise { .. } => Kind::Options,
        }
    }
}

impl HasKind for RateError {
    fn kind(&self) -> Kind {
        match self {
            Self::Terms { .. } => Kind::Options,
            Self::Scheduler(error) => error.kind(),
            Self::Engine(error) => error.kind(),
            Self::Bound(error) => error.kind(),
            Self::Diverged { .. } => Kind::Diverged,
        }
    }
}

impl HasKind for NoiseError {
    fn kind(&self) -> Kind {
        match self {
            Self::Weight { .. } | Self::Grid { .. } => Kind::Options,
            Self::Lengths { .. } | Self::NotFinite | Self::Opposite => Kind::Input,
        }
    }
}

impl HasKind for SamplerError {
    fn kind(&self) -> Kind {
        match self {
            Self::Engine(error) => error.kind(),
            Self::Scheduler(error) => error.kind(),
            Self::Batch { .. } | Self::NoImages | Self::NoState { .. } | Self::NoSize => {
                Kind::Options
            }
            Self::Channels { .. } => Kind::Config,
            Self::Diverged { .. } => Kind::Diverged,
            Self::Over => Kind::Over,
        }
    }
}

/// An error on its way to JavaScript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebError {
    /// What went wrong.
    pub kind: Kind,
    /// The same in one line that names the thing.
    pub message: String,
}

impl WebError {
    /// An option that cannot be used.
    pub fn options(message: String) -> Self {
        Self {
            kind: Kind::Options,
            message,
        }
    }
}

impl From<WebError> for JsValue {
    fn from(WebError { kind, message }: WebError) -> Self {
        let error = Error::new(&message);
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&error, &"kind".into(), &kind.name().into());
        error.into()
    }
}

/// Any error of the layers below, on its way to JavaScript.
pub fn js_error(error: impl HasKind) -> WebError {
    WebError {
        kind: error.kind(),
        message: error.to_string(),
    }
}
