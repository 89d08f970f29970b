//! What kind each typed error of the layers below is.

use super::error::{HasKind, Kind};
use crate::allocate::OutOfMemory;
use crate::bound::BoundError;
#[cfg(feature = "gpu")]
use crate::engine::UnknownStorage;
use crate::engine::{EngineError, UnknownEngine};
#[cfg(feature = "train")]
use crate::images::ImageError;
#[cfg(feature = "figures")]
use crate::model_files::{ModelError, layout::LayoutError};
use crate::noise::NoiseError;
use crate::normality::NormalityError;
use crate::runs::marginals::MarginalError;
use crate::runs::nearest::NearestError;
use crate::runs::partial::PartialError;
use crate::runs::paths::PathError;
use crate::runs::rate::RateError;
use crate::runs::rules::Refusal;
use crate::sample_file::SampleFileError;
use crate::sampler::SamplerError;
use crate::scheduler::SchedulerError;
use crate::step::StepError;
use crate::timesteps::TimestepsError;
#[cfg(feature = "train")]
use crate::train::{CheckpointError, OptionError, TrainError};
use crate::unet::config::ConfigError;
use crate::unet::input::InputError;
use crate::unet::labels::LabelsError;
use crate::unet::weights::WeightsError;

impl HasKind for OutOfMemory {
    fn kind(&self) -> Kind {
        Kind::Memory
    }
}

impl HasKind for ConfigError {
    fn kind(&self) -> Kind {
        Kind::Config
    }
}

#[cfg(feature = "figures")]
impl HasKind for ModelError {
    fn kind(&self) -> Kind {
        match self {
            Self::Config(error) => error.kind(),
            Self::Scheduler(error) => error.kind(),
            Self::Weights(error) => error.kind(),
            Self::Layout(LayoutError::NoConfig) | Self::Family(_) | Self::Network(_) => {
                Kind::Config
            }
            Self::Layout(_) | Self::Torch { .. } | Self::Shards { .. } => Kind::Weights,
            Self::Open { .. } | Self::Zip(_) => Kind::Input,
        }
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

impl HasKind for LabelsError {
    fn kind(&self) -> Kind {
        match self {
            Self::Unknown { .. } => Kind::Options,
            Self::Json(_)
            | Self::Field(_)
            | Self::Name { .. }
            | Self::Twice { .. }
            | Self::Same { .. }
            | Self::Class { .. } => Kind::Config,
        }
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
            Self::Memory(_) => Kind::Memory,
            Self::NoGpu(_) | Self::Device(_) | Self::Kernel(_) => Kind::Device,
            Self::Lost(_) | Self::Gone(_) => Kind::Lost,
            Self::Absent(_) | Self::AbsentOn(_) => Kind::Options,
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
            | Self::Values { .. }
            | Self::Room { .. }
            | Self::Alone { .. } => Kind::Options,
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
            Self::Batch { .. }
            | Self::NoImages
            | Self::NoState { .. }
            | Self::NoSize
            | Self::KnownInversion
            | Self::MaskValue { .. }
            | Self::Unconditional
            | Self::Guidance { .. }
            | Self::NullLabel { .. } => Kind::Options,
            Self::Known { .. } | Self::Mask { .. } => Kind::Input,
            Self::Channels { .. } => Kind::Config,
            Self::Diverged { .. } => Kind::Diverged,
            Self::Over => Kind::Over,
        }
    }
}

impl HasKind for MarginalError {
    fn kind(&self) -> Kind {
        match self {
            Self::Scheduler(error) => error.kind(),
            Self::Refused(error) => error.kind(),
            Self::Inversion { .. } => Kind::Options,
            Self::NotFinite { .. } => Kind::Input,
        }
    }
}

impl HasKind for NormalityError {
    fn kind(&self) -> Kind {
        Kind::Input
    }
}

impl HasKind for SampleFileError {
    fn kind(&self) -> Kind {
        Kind::Input
    }
}

#[cfg(feature = "train")]
impl HasKind for ImageError {
    fn kind(&self) -> Kind {
        Kind::Input
    }
}

#[cfg(feature = "train")]
impl HasKind for OptionError {
    fn kind(&self) -> Kind {
        Kind::Options
    }
}

#[cfg(feature = "train")]
impl HasKind for CheckpointError {
    fn kind(&self) -> Kind {
        match self {
            Self::NotACheckpoint(_)
            | Self::Hash
            | Self::Losses { .. }
            | Self::Group { .. }
            | Self::Write(_) => Kind::Weights,
            Self::Config(error) => error.kind(),
            Self::Network(error) => error.kind(),
            Self::Scheduler(error) => error.kind(),
            Self::Classes(error) => error.kind(),
            Self::Options(error) => error.kind(),
        }
    }
}

#[cfg(feature = "train")]
impl HasKind for TrainError {
    fn kind(&self) -> Kind {
        match self {
            Self::Option(error) => error.kind(),
            Self::Checkpoint(error) => error.kind(),
            Self::Scheduler(error) => error.kind(),
            Self::Weights(error) => error.kind(),
            Self::Input(error) => error.kind(),
            Self::Network { .. } | Self::Labels { .. } | Self::Data { .. } => Kind::Input,
            Self::Classes(error) => error.kind(),
            Self::NotFinite { .. } => Kind::Diverged,
            Self::Device(error) => error.kind(),
            Self::Over { .. } => Kind::Over,
        }
    }
}
