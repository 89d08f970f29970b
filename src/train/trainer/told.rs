//! What a run says of itself, and what it leaves behind.

use super::{Trainer, room};
use crate::engine::Learner;
use crate::scheduler::SchedulerConfig;
use crate::train::checkpoint::Checkpoint;
use crate::train::error::TrainError;
use crate::train::loss::Objective;
use crate::train::options::TrainOptions;
use crate::unet::config::UnetConfig;
use crate::unet::labels::ClassLabels;
use crate::unet::weights::Precision;

impl<L: Learner> Trainer<L> {
    /// What is minimised.
    pub fn objective(&self) -> &Objective {
        &self.objective
    }

    /// Whether all steps are done.
    pub fn is_over(&self) -> bool {
        self.step >= self.options.steps
    }

    /// Steps done.
    pub fn steps_done(&self) -> u32 {
        self.step
    }

    /// The loss of every step done, since the run's first beginning.
    pub fn losses(&self) -> &[f32] {
        &self.losses
    }

    /// The settings.
    pub fn options(&self) -> &TrainOptions {
        &self.options
    }

    /// The network's configuration.
    pub fn config(&self) -> &UnetConfig {
        &self.config
    }

    /// What trains it.
    pub fn learner(&self) -> &L {
        &self.learner
    }

    /// What trains it, to do parts of a step.
    #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
    pub(in crate::train) fn learner_mut(&mut self) -> &mut L {
        &mut self.learner
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.learner.info().parameters
    }

    /// `[channels, height, width]` of the images.
    pub fn image_shape(&self) -> [usize; 3] {
        self.set.images.shape()
    }

    /// Number of images.
    pub fn images(&self) -> usize {
        self.set.images.count()
    }

    /// What the network's classes are called, where it has some.
    pub fn classes(&self) -> Option<&ClassLabels> {
        self.set.labels.as_ref().map(|labels| &labels.classes)
    }

    /// The schedule and the meaning of the network's output.
    pub fn scheduler(&self) -> &SchedulerConfig {
        &self.scheduler
    }

    /// The run as it is now. [`Checkpoint::weights`] has the averaged weights, the ones to sample with.
    ///
    /// # Errors
    /// [`TrainError::Device`] when the device fails.
    pub async fn snapshot(&mut self) -> Result<Checkpoint, TrainError> {
        Ok(Checkpoint {
            config: self.config.clone(),
            scheduler: self.scheduler.clone(),
            options: self.options.clone(),
            step: self.step,
            data: self.data.clone(),
            classes: self.classes().cloned(),
            losses: self.losses.clone(),
            state: self.learner.state().await?,
        })
    }

    /// The averaged weights as diffusers' `diffusion_pytorch_model.safetensors`.
    ///
    /// # Errors
    /// [`TrainError::Weights`] when one is not finite or too large for `precision`, [`TrainError::Device`] when the
    /// device fails.
    pub async fn weights(&mut self, precision: Precision) -> Result<Vec<u8>, TrainError> {
        let snapshot = self.snapshot().await?;
        // The average as bytes, and the file.
        room(self.learner.params(), 2)?;
        snapshot.weights(precision)
    }

    /// The whole run as the bytes of a file that [`Checkpoint::from_bytes`] reads.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] when a tensor is not finite, [`TrainError::Device`] when the device fails.
    pub async fn checkpoint(&mut self) -> Result<Vec<u8>, TrainError> {
        let snapshot = self.snapshot().await?;
        // Files of four groups, one of them while it is made, and all of them in one.
        room(self.learner.params(), 10)?;
        Ok(snapshot.to_bytes()?)
    }
}
