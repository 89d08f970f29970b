//! Engines: what runs one UNet on one device.
//!
//! Every engine offers the contract of [`Denoiser`]; the sampler is written against it and knows
//! no tensors. A step is linear in three tensors ([`StepCoefficients`]), so the mathematics stays
//! in scalars and `x_t` stays on the device from one step to the next.

mod any;
mod burn;
mod cpu;
mod gpu;
pub mod plan;
mod webgpu;

pub use any::Engine;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use burn::download;
pub use burn::{BurnEngine, open_device};
pub use cpu::CpuEngine;
pub use webgpu::{Gpu, GpuEngine};

use crate::step::StepCoefficients;
use crate::unet::config::ConfigError;
use crate::unet::input::InputError;
use crate::unet::weights::WeightsError;

/// Where a network runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// The processor.
    Cpu,
    /// WebGPU in the browser, Vulkan, Metal or DirectX elsewhere.
    Gpu,
}

/// Why an engine could not be made or could not run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
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
    /// There is no usable GPU.
    #[error("GPU: {0}")]
    NoGpu(String),
    /// The device failed while it was working.
    #[error("device: {0}")]
    Device(String),
    /// The device is gone; an engine on it cannot go on.
    #[error("the GPU was lost: {0}")]
    Lost(String),
}

/// What an engine is and runs on.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineInfo {
    /// Where it runs.
    pub device: DeviceKind,
    /// The adapter's own name, or the name of the CPU backend.
    pub adapter: String,
    /// Number of trained numbers in the network.
    pub parameters: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width, where `config.json` says so.
    pub sample_size: Option<[usize; 2]>,
    /// Number of classes of a conditional model.
    pub classes: Option<usize>,
    /// Keys of `config.json` that were ignored.
    pub unknown_keys: Vec<String>,
}

/// A batch of images in flight: shape, and one class per image for a conditional model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSpec {
    /// `[batch, channels, height, width]`.
    pub shape: [usize; 4],
    /// One class per image; `None` for an unconditional model.
    pub labels: Option<Vec<usize>>,
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

    /// Reads back the last step's prediction of `x_0`, row-major `[B, C, H, W]`, about -1 to 1.
    fn x0_hat(&self, batch: &Self::Batch) -> impl Future<Output = Result<Vec<f32>, EngineError>>;

    /// Reads back the batch as it is now, row-major `[B, C, H, W]`.
    fn x_t(&self, batch: &Self::Batch) -> impl Future<Output = Result<Vec<f32>, EngineError>>;

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
