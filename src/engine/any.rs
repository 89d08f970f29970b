//! The engine that suits a device, whichever it is.

use super::burn::BurnBatch;
use super::cpu::CpuBatch;
use super::{BatchSpec, BurnEngine, CpuEngine, Denoiser, DeviceKind, EngineError, EngineInfo};
use crate::step::StepCoefficients;

/// A network on any device.
pub enum Engine {
    /// On the processor.
    Cpu(Box<CpuEngine>),
    /// On the graphics card.
    Burn(Box<BurnEngine>),
}

/// A batch of [`Engine`].
pub enum Batch {
    /// On the processor.
    Cpu(CpuBatch),
    /// On the graphics card.
    Burn(Box<BurnBatch>),
}

impl Engine {
    /// The network of `config_json` with the weights in `safetensors` on `kind`.
    ///
    /// # Errors
    /// [`EngineError`] says which file is wrong and where, or why there is no GPU.
    pub async fn load(
        config_json: &str,
        safetensors: &[u8],
        kind: DeviceKind,
    ) -> Result<Self, EngineError> {
        Ok(match kind {
            DeviceKind::Cpu => Self::Cpu(Box::new(CpuEngine::load(config_json, safetensors)?)),
            DeviceKind::Gpu => Self::Burn(Box::new(
                BurnEngine::load(config_json, safetensors, kind).await?,
            )),
        })
    }
}

/// `$call` on whichever engine and batch there are; a batch runs on the engine that began it.
macro_rules! both {
    ($engine:expr, $batch:expr, |$e:ident, $b:ident| $call:expr) => {
        match ($engine, $batch) {
            (Engine::Cpu($e), Batch::Cpu($b)) => $call,
            (Engine::Burn($e), Batch::Burn($b)) => $call,
            _ => Err(EngineError::Device(
                "this batch was begun on another engine".into(),
            )),
        }
    };
}

impl Denoiser for Engine {
    type Batch = Batch;

    fn info(&self) -> &EngineInfo {
        match self {
            Self::Cpu(engine) => engine.info(),
            Self::Burn(engine) => engine.info(),
        }
    }

    fn check(&self, spec: &BatchSpec) -> Result<(), EngineError> {
        match self {
            Self::Cpu(engine) => engine.check(spec),
            Self::Burn(engine) => engine.check(spec),
        }
    }

    fn begin(&self, spec: &BatchSpec, x_t: Vec<f32>) -> Result<Batch, EngineError> {
        Ok(match self {
            Self::Cpu(engine) => Batch::Cpu(engine.begin(spec, x_t)?),
            Self::Burn(engine) => Batch::Burn(Box::new(engine.begin(spec, x_t)?)),
        })
    }

    async fn step(
        &self,
        batch: &mut Batch,
        t: usize,
        coefficients: &StepCoefficients,
        noise: Option<Vec<f32>>,
    ) -> Result<(), EngineError> {
        both!(self, batch, |e, b| e.step(b, t, coefficients, noise).await)
    }

    async fn x0_hat(&self, batch: &Batch) -> Result<Vec<f32>, EngineError> {
        both!(self, batch, |e, b| e.x0_hat(b).await)
    }

    async fn x_t(&self, batch: &Batch) -> Result<Vec<f32>, EngineError> {
        both!(self, batch, |e, b| e.x_t(b).await)
    }

    async fn predict(
        &self,
        spec: &BatchSpec,
        x: Vec<f32>,
        timesteps: &[f32],
    ) -> Result<Vec<f32>, EngineError> {
        match self {
            Self::Cpu(engine) => engine.predict(spec, x, timesteps).await,
            Self::Burn(engine) => engine.predict(spec, x, timesteps).await,
        }
    }
}
