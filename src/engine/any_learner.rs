//! The learner that suits a device, whichever it is.

use std::pin::Pin;

#[cfg(all(feature = "burn", not(target_arch = "wasm32")))]
use super::burn::BurnLearner;
#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
use super::cpu::CpuLearner;
#[cfg(feature = "gpu")]
use super::webgpu::{Gpu, GpuLearner};
use super::{
    DeviceKind, EngineError, EngineInfo, EngineKind, Gradients, Learner, LearnerState, LoadOptions,
    StepNumbers, TrainBatch, Update,
};
use crate::unet::config::UnetConfig;
use crate::unet::weights::TensorSpec;

/// A network in training on any device.
pub enum AnyLearner {
    /// The plan on the processor.
    #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
    Cpu(Box<CpuLearner>),
    /// The plan on the graphics card.
    #[cfg(feature = "gpu")]
    Gpu(Box<GpuLearner>),
    /// burn, on either.
    #[cfg(all(feature = "burn", not(target_arch = "wasm32")))]
    Burn(Box<BurnLearner>),
}

impl AnyLearner {
    /// The network of `config` in `state`.
    ///
    /// # Errors
    /// [`EngineError`] when `state` does not fit the network, or says why there is no GPU.
    pub async fn new(
        options: &LoadOptions,
        config: &UnetConfig,
        state: LearnerState,
    ) -> Result<Self, EngineError> {
        match (options.engine, options.device) {
            #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
            (EngineKind::Plan, DeviceKind::Cpu) => {
                #[cfg(not(target_arch = "wasm32"))]
                let learner = match options.instructions {
                    None => CpuLearner::new(config.clone(), &state)?,
                    Some(name) => CpuLearner::with_instructions(config.clone(), &state, name)?,
                };
                #[cfg(target_arch = "wasm32")]
                let learner = CpuLearner::new(config.clone(), &state)?;
                Ok(Self::Cpu(Box::new(learner)))
            }
            #[cfg(feature = "gpu")]
            (EngineKind::Plan, DeviceKind::Gpu) => {
                let gpu = Gpu::open_tuned(options.gpu.tuning).await?;
                let learner = GpuLearner::new(&gpu, config, &state).await?;
                Ok(Self::Gpu(Box::new(learner)))
            }
            #[cfg(not(all(feature = "gpu", any(feature = "cpu", not(target_arch = "wasm32")))))]
            (EngineKind::Plan, device) => Err(EngineError::AbsentOn(device)),
            #[cfg(all(feature = "burn", not(target_arch = "wasm32")))]
            (EngineKind::Burn, device) => {
                let learner = BurnLearner::new(config, state, device).await?;
                Ok(Self::Burn(Box::new(learner)))
            }
            #[cfg(not(all(feature = "burn", not(target_arch = "wasm32"))))]
            (EngineKind::Burn, _) => Err(EngineError::Absent(EngineKind::Burn)),
        }
    }
}

#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
impl AnyLearner {
    /// The one on the processor, which can do a step in parts.
    pub fn cpu(&mut self) -> Option<&mut CpuLearner> {
        match self {
            Self::Cpu(learner) => Some(learner),
            #[cfg(any(feature = "gpu", all(feature = "burn", not(target_arch = "wasm32"))))]
            _ => None,
        }
    }
}

/// `$call` on whichever learner there is.
macro_rules! each {
    ($learner:expr, |$l:ident| $call:expr) => {
        match $learner {
            #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
            AnyLearner::Cpu($l) => $call,
            #[cfg(feature = "gpu")]
            AnyLearner::Gpu($l) => $call,
            #[cfg(all(feature = "burn", not(target_arch = "wasm32")))]
            AnyLearner::Burn($l) => $call,
        }
    };
}

impl Learner for AnyLearner {
    fn info(&self) -> &EngineInfo {
        each!(self, |learner| learner.info())
    }

    fn params(&self) -> &[TensorSpec] {
        each!(self, |learner| learner.params())
    }

    async fn gradients(&mut self, batch: &TrainBatch) -> Result<Gradients, EngineError> {
        each!(self, |learner| learner.gradients(batch).await)
    }

    fn step(
        &mut self,
        batch: &TrainBatch,
        update: &Update,
    ) -> impl Future<Output = Result<StepNumbers, EngineError>> + use<> {
        type Pending = Pin<Box<dyn Future<Output = Result<StepNumbers, EngineError>>>>;
        let pending: Pending = each!(self, |learner| Box::pin(learner.step(batch, update)));
        pending
    }

    async fn state(&mut self) -> Result<LearnerState, EngineError> {
        each!(self, |learner| learner.state().await)
    }
}
