//! A step by several workers that share no memory: each computes the gradients of its part of the batch, one of them
//! adds them up in order, changes the weights and hands them to the others. The same number of parts gives the same bits.

use super::error::TrainError;
use super::trainer::{StepReport, Trainer};
use crate::engine::{AnyLearner, CpuLearner, EngineError};

impl Trainer<AnyLearner> {
    /// The loss and the gradients of part `part` of `parts` of the batch of `step`, counted from 0.
    ///
    /// # Errors
    /// [`TrainError::Device`] when there is no such part, or on another device than the processor.
    pub fn part(
        &mut self,
        step: u32,
        part: usize,
        parts: usize,
    ) -> Result<(f64, &[f32]), TrainError> {
        let batch = self.options().batch;
        if part >= parts || parts > batch {
            return Err(refuse(format!(
                "expected a part below {parts} of at most {batch}, found {part}"
            )));
        }
        let edge = |i: usize| batch * i / parts;
        self.room_for_batch()?;
        let images = self.seen(step).part(edge(part)..edge(part + 1));
        Ok(self.processor()?.part(&images)?)
    }

    /// Makes the next step with the part that was computed here last, the first, and with the `others`: the loss and the
    /// gradients of each, in order. After an error the run is as it was before.
    ///
    /// # Errors
    /// [`TrainError::NotFinite`] when the loss or the gradient is not a number, [`TrainError::Over`] after the last step.
    pub fn finish<'a>(
        &mut self,
        first: f64,
        others: impl IntoIterator<Item = (f64, &'a [f32])>,
    ) -> Result<StepReport, TrainError> {
        let update = self.update()?;
        let learner = self.processor()?;
        let mut loss = first;
        for (more, gradients) in others {
            loss += more;
            learner.add(gradients)?;
        }
        let numbers = learner.finish(loss, &update);
        let step = self.steps_done();
        // The pass over the images in which the batch begins.
        let epoch = u64::from(step) * self.options().batch as u64 / self.images() as u64;
        self.keep(epoch, &update, numbers)
    }

    /// The weights, all parameters one after the other.
    ///
    /// # Errors
    /// [`TrainError::Device`] on another device than the processor.
    pub fn values(&mut self) -> Result<&[f32], TrainError> {
        Ok(self.processor()?.values())
    }

    /// Takes the weights of whoever changed them.
    ///
    /// # Errors
    /// [`TrainError::Device`] when they are not this network's, or on another device than the processor.
    pub fn set_values(&mut self, values: &[f32]) -> Result<(), TrainError> {
        Ok(self.processor()?.set_values(values)?)
    }

    fn processor(&mut self) -> Result<&mut CpuLearner, TrainError> {
        let learner = self.learner_mut().cpu();
        learner.ok_or_else(|| refuse("only the processor makes a step in parts".into()))
    }
}

fn refuse(what: String) -> TrainError {
    TrainError::Device(EngineError::Device(what))
}
