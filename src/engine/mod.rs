//! Engines: what runs one UNet on one device.
//!
//! Every engine offers the contract of [`Denoiser`]; the sampler is written against it and knows
//! no tensors. A step is linear in three tensors ([`StepCoefficients`]), so the mathematics stays
//! in scalars and `x_t` stays on the device from one step to the next.

#[cfg(any(
    feature = "cpu",
    feature = "gpu",
    feature = "burn",
    not(target_arch = "wasm32")
))]
mod any;
#[cfg(all(
    feature = "train",
    any(feature = "cpu", feature = "gpu", not(target_arch = "wasm32"))
))]
mod any_learner;
#[cfg(feature = "burn")]
mod burn;
#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
mod cpu;
mod info;
#[cfg(feature = "train")]
mod learner;
#[cfg(feature = "train")]
pub mod optimizer;
pub mod plan;
mod storage;
#[cfg(feature = "gpu")]
mod webgpu;

#[cfg(any(
    feature = "cpu",
    feature = "gpu",
    feature = "burn",
    not(target_arch = "wasm32")
))]
pub use any::{Engine, LoadOptions, Progress};
#[cfg(all(
    feature = "train",
    any(feature = "cpu", feature = "gpu", not(target_arch = "wasm32"))
))]
pub use any_learner::AnyLearner;
#[cfg(feature = "burn")]
pub use burn::BurnEngine;
#[cfg(all(feature = "train", feature = "burn", not(target_arch = "wasm32")))]
pub use burn::BurnLearner;
#[cfg(all(feature = "train", any(feature = "cpu", not(target_arch = "wasm32"))))]
pub use cpu::CpuLearner;
#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
pub use cpu::{CpuEngine, CpuOptions, Packing};
pub use info::{DeviceKind, EngineInfo, EngineKind, UnknownEngine};
#[cfg(feature = "train")]
pub use learner::{
    Gradients, Learner, LearnerState, Level, StepNumbers, TrainBatch, Update, clip_factor,
};
#[cfg(feature = "train")]
pub use optimizer::Optimizer;
pub use storage::{Storage, UnknownStorage};
#[cfg(all(feature = "gpu", feature = "train"))]
pub use webgpu::GpuLearner;
#[cfg(feature = "gpu")]
pub use webgpu::{Gpu, GpuEngine, GpuOptions, Tuning, UnknownTuning};

use crate::allocate::OutOfMemory;
use crate::step::StepCoefficients;
use crate::unet::config::ConfigError;
use crate::unet::input::InputError;
use crate::unet::weights::WeightsError;

/// What there may be no memory for.
#[cfg(any(feature = "cpu", feature = "gpu", not(target_arch = "wasm32")))]
const WEIGHTS: &str = "the network's weights";
#[cfg(all(
    feature = "train",
    any(feature = "cpu", feature = "gpu", not(target_arch = "wasm32"))
))]
const STATE: &str = "a network in training";

/// Why an engine could not be made or could not run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// `config.json` was refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The weights were refused.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The input does not fit the network.
    #[error(transparent)]
    Input(#[from] InputError),
    /// There is not enough memory.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// There is no usable GPU.
    #[error("GPU: {0}")]
    NoGpu(String),
    /// The device failed while it was working.
    #[error("device: {0}")]
    Device(String),
    /// A kernel of ours does not fit what it is used for: a mistake in this program.
    #[error("kernels/{0}")]
    Kernel(String),
    /// The device is gone; see [`Denoiser::recover`].
    #[error("the GPU was lost: {0}")]
    Lost(String),
    /// The device is gone and no other one was found.
    #[error(
        "the GPU was lost and could not be found again ({0}); try once more, or choose the CPU"
    )]
    Gone(String),
    /// This program was built without the engine that was asked for.
    #[error("engine: {0} is not part of this build")]
    Absent(EngineKind),
    /// This program was built without our engine for the device that was asked for.
    #[error("device: this build has no engine for {0}")]
    AbsentOn(DeviceKind),
}

/// A batch of images in flight: shape, and one class per image for a conditional model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSpec {
    /// `[batch, channels, height, width]`.
    pub shape: [usize; 4],
    /// One class per image; `None` for an unconditional model.
    pub labels: Option<Vec<usize>>,
}

/// What a step left, row-major `[batch, channels, height, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// The step's prediction of `x_0`, about -1 to 1; before the first step, x_t.
    pub x0_hat: Vec<f32>,
    /// The batch after the step.
    pub x_t: Vec<f32>,
}

/// One network on one device: `eps = predict(x_t, t)`, and the sampler's step on the device.
pub trait Denoiser {
    /// A batch on the device: its `x_t`, and after a step its `x0_hat`.
    type Batch;

    /// What this engine is.
    fn info(&self) -> &EngineInfo;

    /// Checks that a batch of `spec` can be run, before anything is made for it.
    ///
    /// # Errors
    /// [`EngineError::Input`] when the size or the labels do not fit the network.
    fn check(&self, spec: &BatchSpec) -> Result<(), EngineError>;

    /// Puts `x_t` (row-major, `spec.shape`) on the device.
    ///
    /// # Errors
    /// [`EngineError::Input`] when the values, the size or the labels do not fit the network.
    fn begin(&self, spec: &BatchSpec, x_t: Vec<f32>) -> Result<Self::Batch, EngineError>;

    /// Runs the network at time step `t` and moves `batch` one step along `coefficients`.
    /// `noise` has the batch's shape; it is needed where `coefficients.sigma` is not 0.
    fn step(
        &self,
        batch: &mut Self::Batch,
        t: usize,
        coefficients: &StepCoefficients,
        noise: Option<Vec<f32>>,
    ) -> impl Future<Output = Result<(), EngineError>>;

    /// What the last step left. The reading begins with this call and ends with the future: the next step may be
    /// started in between and does not change the result.
    fn results(
        &self,
        batch: &mut Self::Batch,
    ) -> impl Future<Output = Result<Results, EngineError>> + use<Self>;

    /// Whether [`Self::step`] returns before the device has finished, so that a caller gains by starting the next step
    /// before it waits for the results of the last one.
    fn runs_ahead(&self) -> bool {
        false
    }

    /// Makes the engine usable again after [`EngineError::Lost`]; batches begun before it are gone.
    ///
    /// # Errors
    /// [`EngineError::Gone`] when there is no device any more, [`EngineError::Lost`] where an engine cannot recover.
    fn recover(&self) -> impl Future<Output = Result<(), EngineError>> {
        let adapter = self.info().adapter.clone();
        async { Err(EngineError::Lost(adapter)) }
    }

    /// The network's raw output at `x`, with one time step per image.
    ///
    /// # Errors
    /// [`EngineError::Input`] when the values, the size or the labels do not fit the network.
    fn predict(
        &self,
        spec: &BatchSpec,
        x: Vec<f32>,
        timesteps: &[f32],
    ) -> impl Future<Output = Result<Vec<f32>, EngineError>>;
}
