//! The learner that suits a device, whichever it is.

use std::pin::Pin;

use super::burn::BurnLearner;
use super::{
    EngineError, EngineInfo, EngineKind, Gradients, Learner, LearnerState, LoadOptions,
    StepNumbers, TrainBatch, Update,
};
use crate::unet::config::UnetConfig;
use crate::unet::weights::TensorSpec;

/// A network in training on any device.
pub enum AnyLearner {
    /// burn, on either.
    Burn(Box<BurnLearner>),
}

impl AnyLearner {
    /// The network of `config` in `state`, for steps of `batch` images of `size` = `[height, width]`.
    ///
    /// # Errors
    /// [`EngineError`] when `state` does not fit the network, or says why there is no GPU.
    pub async fn new(
        options: &LoadOptions,
        config: &UnetConfig,
        _size: [usize; 2],
        _batch: usize,
        state: LearnerState,
    ) -> Result<Self, EngineError> {
        match options.engine {
            EngineKind::Burn => {
                let learner = BurnLearner::new(config, state, options.device).await?;
                Ok(Self::Burn(Box::new(learner)))
            }
            EngineKind::Plan => Err(EngineError::Absent(EngineKind::Plan)),
        }
    }
}

/// `$call` on whichever learner there is.
macro_rules! each {
    ($learner:expr, |$l:ident| $call:expr) => {
        match $learner {
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
