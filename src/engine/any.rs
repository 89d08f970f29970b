//! The engine that suits a device, whichever it is.

#[cfg(feature = "burn")]
use super::burn::{BurnBatch, BurnEngine};
#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
use super::cpu::{CpuBatch, CpuEngine, CpuOptions};
#[cfg(feature = "gpu")]
use super::webgpu::{GpuBatch, GpuEngine, GpuOptions, Tuning};
use super::{
    BatchSpec, Denoiser, DeviceKind, EngineError, EngineInfo, EngineKind, Results, Storage,
};
use crate::step::StepCoefficients;

/// A network on any device.
pub enum Engine {
    /// The plan on the processor.
    #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
    Cpu(Box<CpuEngine>),
    /// The plan on the graphics card.
    #[cfg(feature = "gpu")]
    Gpu(Box<GpuEngine>),
    /// burn, on either.
    #[cfg(feature = "burn")]
    Burn(Box<BurnEngine>),
}

/// A batch of [`Engine`].
pub enum Batch {
    /// The plan on the processor.
    #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
    Cpu(CpuBatch),
    /// The plan on the graphics card.
    #[cfg(feature = "gpu")]
    Gpu(Box<GpuBatch>),
    /// burn, on either.
    #[cfg(feature = "burn")]
    Burn(Box<BurnBatch>),
}

/// What is told while an engine is being made: how many of how many kernels are compiled.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize);

/// What a network is made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadOptions {
    /// Which program runs it.
    pub engine: EngineKind,
    /// Where.
    pub device: DeviceKind,
    /// For the plan on the processor: which of [`CpuEngine::instructions`], `None` for the best of them.
    #[cfg(not(target_arch = "wasm32"))]
    pub instructions: Option<&'static str>,
    /// For the plan on the processor: how the weights of a large network are stored.
    #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
    pub weights: Storage,
    /// For the plan on the graphics card.
    #[cfg(feature = "gpu")]
    pub gpu: GpuOptions,
}

impl Engine {
    /// The network of `config_json` with the weights in `safetensors`.
    ///
    /// # Errors
    /// [`EngineError`] says which file is wrong and where, or why there is no GPU.
    #[cfg_attr(not(feature = "gpu"), expect(unused_variables))]
    pub async fn load(
        config_json: &str,
        safetensors: Vec<u8>,
        options: &LoadOptions,
        progress: Progress<'_>,
    ) -> Result<Self, EngineError> {
        match (options.engine, options.device) {
            #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
            (EngineKind::Plan, DeviceKind::Cpu) => {
                let cpu = CpuOptions {
                    #[cfg(not(target_arch = "wasm32"))]
                    instructions: options.instructions,
                    storage: options.weights,
                    ..CpuOptions::default()
                };
                let engine = CpuEngine::load_with(config_json, safetensors.into(), &cpu)?;
                Ok(Self::Cpu(Box::new(engine)))
            }
            #[cfg(feature = "gpu")]
            (EngineKind::Plan, DeviceKind::Gpu) => {
                let engine =
                    GpuEngine::load(config_json, safetensors, options.gpu, progress).await?;
                Ok(Self::Gpu(Box::new(engine)))
            }
            #[cfg(not(all(feature = "gpu", any(feature = "cpu", not(target_arch = "wasm32")))))]
            (EngineKind::Plan, device) => Err(EngineError::AbsentOn(device)),
            #[cfg(feature = "burn")]
            (EngineKind::Burn, device) => {
                let engine = BurnEngine::load(config_json, &safetensors, device).await?;
                Ok(Self::Burn(Box::new(engine)))
            }
            #[cfg(not(feature = "burn"))]
            (EngineKind::Burn, _) => Err(EngineError::Absent(EngineKind::Burn)),
        }
    }

    /// How the device keeps the network's weights.
    #[allow(unreachable_patterns, reason = "of one engine alone")]
    pub fn storage(&self) -> Storage {
        match self {
            #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
            Self::Cpu(engine) => engine.storage(),
            #[cfg(feature = "gpu")]
            Self::Gpu(engine) => engine.storage(),
            _ => Storage::F32,
        }
    }

    /// Which kernels were the fastest on this graphics card, where that was measured.
    #[cfg(feature = "gpu")]
    #[allow(unreachable_patterns, reason = "of one engine alone")]
    pub fn tuning(&self) -> Option<Tuning> {
        match self {
            Self::Gpu(engine) => engine.tuning(),
            _ => None,
        }
    }
}

/// `$call` on whichever engine there is.
macro_rules! each {
    ($engine:expr, |$e:ident| $call:expr) => {
        match $engine {
            #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
            Engine::Cpu($e) => $call,
            #[cfg(feature = "gpu")]
            Engine::Gpu($e) => $call,
            #[cfg(feature = "burn")]
            Engine::Burn($e) => $call,
        }
    };
}

fn foreign() -> EngineError {
    EngineError::Device("this batch was begun on another engine".into())
}

impl Denoiser for Engine {
    type Batch = Batch;

    fn info(&self) -> &EngineInfo {
        each!(self, |engine| engine.info())
    }

    fn check(&self, spec: &BatchSpec) -> Result<(), EngineError> {
        each!(self, |engine| engine.check(spec))
    }

    fn begin(&self, spec: &BatchSpec, x_t: Vec<f32>) -> Result<Batch, EngineError> {
        Ok(match self {
            #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
            Self::Cpu(engine) => Batch::Cpu(engine.begin(spec, x_t)?),
            #[cfg(feature = "gpu")]
            Self::Gpu(engine) => Batch::Gpu(Box::new(engine.begin(spec, x_t)?)),
            #[cfg(feature = "burn")]
            Self::Burn(engine) => Batch::Burn(Box::new(engine.begin(spec, x_t)?)),
        })
    }

    #[allow(unreachable_patterns, reason = "of one engine alone")]
    async fn step(
        &self,
        batch: &mut Batch,
        t: usize,
        coefficients: &StepCoefficients,
        noise: Option<Vec<f32>>,
    ) -> Result<(), EngineError> {
        match (self, batch) {
            #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
            (Self::Cpu(e), Batch::Cpu(b)) => e.step(b, t, coefficients, noise).await,
            #[cfg(feature = "gpu")]
            (Self::Gpu(e), Batch::Gpu(b)) => e.step(b, t, coefficients, noise).await,
            #[cfg(feature = "burn")]
            (Self::Burn(e), Batch::Burn(b)) => e.step(b, t, coefficients, noise).await,
            _ => Err(foreign()),
        }
    }

    #[allow(unreachable_patterns, reason = "of one engine alone")]
    fn results(
        &self,
        batch: &mut Batch,
    ) -> impl Future<Output = Result<Results, EngineError>> + use<> {
        type Pending = std::pin::Pin<Box<dyn Future<Output = Result<Results, EngineError>>>>;
        let pending: Pending = match (self, batch) {
            #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
            (Self::Cpu(e), Batch::Cpu(b)) => Box::pin(e.results(b)),
            #[cfg(feature = "gpu")]
            (Self::Gpu(e), Batch::Gpu(b)) => Box::pin(e.results(b)),
            #[cfg(feature = "burn")]
            (Self::Burn(e), Batch::Burn(b)) => Box::pin(e.results(b)),
            _ => Box::pin(std::future::ready(Err(foreign()))),
        };
        pending
    }

    fn runs_ahead(&self) -> bool {
        each!(self, |engine| engine.runs_ahead())
    }

    async fn recover(&self) -> Result<(), EngineError> {
        each!(self, |engine| engine.recover().await)
    }

    async fn predict(
        &self,
        spec: &BatchSpec,
        x: Vec<f32>,
        timesteps: &[f32],
    ) -> Result<Vec<f32>, EngineError> {
        each!(self, |engine| engine.predict(spec, x, timesteps).await)
    }
}
