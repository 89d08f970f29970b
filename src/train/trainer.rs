//! The state machine: one training step at a time.

mod begin;
mod look;
mod told;

use self::look::Seen;
use super::batch::Batches;
use super::checkpoint::DataId;
use super::ema;
use super::error::TrainError;
use super::labels::TrainingSet;
use super::loss::Objective;
use super::options::TrainOptions;
use super::rate::learning_rate;
use crate::allocate;
use crate::engine::{
    EngineError, Gradients, Learner, LearnerState, StepNumbers, TrainBatch, Update,
};
use crate::scheduler::SchedulerConfig;
use crate::unet::config::UnetConfig;
use crate::unet::weights::TensorSpec;

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Steps done, this one included.
    pub step: u32,
    /// Number of the pass over the images, from 0.
    pub epoch: u64,
    /// Its loss, before the step's change.
    pub loss: f32,
    /// Its learning rate.
    pub lr: f64,
    /// Norm of the gradient before clipping.
    pub grad_norm: f32,
}

/// What a [`Learner`] is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// The network.
    pub config: UnetConfig,
    /// Where it begins.
    pub state: LearnerState,
}

/// A run.
///
/// ```no_run
/// # async fn run(
/// #     config: ddim_web::unet::config::UnetConfig,
/// #     images: ddim_web::images::ImageSet,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use ddim_web::engine::CpuLearner;
/// use ddim_web::scheduler::{SchedulerClass, SchedulerConfig};
/// use ddim_web::step::Prediction;
/// use ddim_web::train::{Setup, TrainOptions, Trainer};
///
/// let scheduler = SchedulerConfig {
///     prediction_type: Prediction::Sample,
///     ..SchedulerConfig::new(SchedulerClass::Ddim)
/// };
/// let options = TrainOptions { steps: 1000, ..TrainOptions::default() };
/// let learner = async |setup: Setup| CpuLearner::new(setup.config, &setup.state);
/// let mut trainer = Trainer::new(&config, scheduler, options, images, learner).await?;
/// while !trainer.is_over() {
///     println!("loss {}", trainer.step().await?.loss);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Trainer<L> {
    learner: L,
    config: UnetConfig,
    objective: Objective,
    batches: Batches,
    set: TrainingSet,
    data: DataId,
    /// The class that stands for none, and the share of the images that are told it.
    forgotten: Option<(usize, f64)>,
    scheduler: SchedulerConfig,
    options: TrainOptions,
    step: u32,
    losses: Vec<f32>,
    /// What the next step sees, where it is made already.
    next: Option<Seen>,
}

impl<L: Learner> Trainer<L> {
    /// Makes one step. After an error the run is as it was before. The future has to be awaited to its end.
    ///
    /// # Errors
    /// [`TrainError::Over`] after the last step, [`TrainError::NotFinite`] when the loss or the gradient is
    /// not a number, [`TrainError::Device`] when the device fails.
    pub async fn step(&mut self) -> Result<StepReport, TrainError> {
        let update = self.update()?;
        let step = self.step;
        let seen = match self.next.take().filter(|next| next.step == step) {
            Some(seen) => seen,
            None => {
                self.room_for_batch()?;
                self.look(step)
            }
        };
        let numbers = self.learner.step(&seen.batch, &update);
        // The device is at work: time to draw what the next step sees.
        if step + 1 < self.options.steps && self.room_for_batch().is_ok() {
            self.next = Some(self.look(step + 1));
        }
        let numbers = numbers.await?;
        self.keep(seen.epoch, &update, numbers)
    }

    /// How the next step changes the weights.
    pub(super) fn update(&self) -> Result<Update, TrainError> {
        if self.is_over() {
            return Err(TrainError::Over {
                steps: self.options.steps,
            });
        }
        let step = self.step;
        Ok(Update {
            optimizer: self.options.optimizer,
            done: step,
            lr: learning_rate(&self.options, step),
            clip: self.options.clip,
            decay: ema::decay_at(self.options.ema, step),
        })
    }

    /// Counts a step, unless its numbers say that it changed nothing.
    pub(super) fn keep(
        &mut self,
        epoch: u64,
        update: &Update,
        numbers: StepNumbers,
    ) -> Result<StepReport, TrainError> {
        for (what, found) in [("loss", numbers.loss), ("gradient", numbers.grad_norm)] {
            if !found.is_finite() {
                return Err(TrainError::NotFinite {
                    step: update.done + 1,
                    what,
                    found,
                });
            }
        }
        self.losses.push(numbers.loss);
        self.step = update.done + 1;
        Ok(StepReport {
            step: self.step,
            epoch,
            loss: numbers.loss,
            lr: update.lr,
            grad_norm: numbers.grad_norm,
        })
    }

    /// The loss and the gradients of `batch`; nothing changes.
    ///
    /// # Errors
    /// [`TrainError::Device`] when it does not fit the network, or when the device fails.
    pub async fn gradients(&mut self, batch: &TrainBatch) -> Result<Gradients, TrainError> {
        batch.check(&self.config)?;
        Ok(self.learner.gradients(batch).await?)
    }
}

/// Checks that `times` as many numbers as `params` have can be asked for next.
fn room(params: &[TensorSpec], times: u64) -> Result<(), EngineError> {
    let numbers = params.iter().map(|param| param.numbers() as u64);
    let numbers = numbers.fold(0, u64::saturating_add).saturating_mul(times);
    Ok(allocate::room(
        "a network in training",
        allocate::bytes::<f32>(numbers),
    )?)
}
