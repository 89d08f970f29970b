//! A step in parts: several learners that share no memory, as a browser's workers, each compute the gradients of some
//! images; one of them adds them up, changes the weights and hands them out.

use super::CpuLearner;
use crate::engine::EngineError;
use crate::engine::learner::{StepNumbers, TrainBatch, Update};
use crate::unet::input::InputError;

impl CpuLearner {
    /// The loss and the gradients, all parameters one after the other, of `batch`, a [part](TrainBatch::part).
    ///
    /// # Errors
    /// As for [`Learner::gradients`](crate::engine::Learner::gradients).
    pub fn part(&mut self, batch: &TrainBatch) -> Result<(f64, &[f32]), EngineError> {
        let loss = self.run(batch)?;
        Ok((loss, &self.gradients))
    }

    /// Adds another part's `gradients` to those that are there.
    ///
    /// # Errors
    /// [`EngineError::Input`] when they are not as many as there are parameters.
    pub fn add(&mut self, gradients: &[f32]) -> Result<(), EngineError> {
        self.as_many(gradients)?;
        let sums = self.gradients.iter_mut().zip(gradients);
        sums.for_each(|(sum, gradient)| *sum += gradient);
        Ok(())
    }

    /// Changes the weights along the gradients that are there, of a batch whose loss is `loss`. What is not finite
    /// changes nothing.
    pub fn finish(&mut self, loss: f64, update: &Update) -> StepNumbers {
        let numbers = self.change(loss as f32, update);
        self.stopped
            .store(false, std::sync::atomic::Ordering::SeqCst);
        numbers
    }

    /// The weights, all parameters one after the other.
    pub fn values(&self) -> &[f32] {
        &self.state.values
    }

    /// Takes the `values` of another learner.
    ///
    /// # Errors
    /// [`EngineError::Input`] when they are not as many as there are parameters.
    pub fn set_values(&mut self, values: &[f32]) -> Result<(), EngineError> {
        self.as_many(values)?;
        self.state.values.copy_from_slice(values);
        if let Some(current) = &mut self.current {
            current.fresh = false;
        }
        Ok(())
    }

    fn as_many(&self, numbers: &[f32]) -> Result<(), EngineError> {
        let (expected, found) = (self.layout.length, numbers.len());
        if expected == found {
            return Ok(());
        }
        Err(EngineError::Input(InputError::Length {
            shape: [1, 1, 1, expected],
            expected,
            found,
        }))
    }
}
