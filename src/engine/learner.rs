//! The contract of training: what takes one step of it on one device.
//!
//! A step is linear in three tensors, as a sampler's is: `x_t = a x_0 + b eps`, `target = c x_0 + d eps`,
//! `loss = weight (out - target)²` with five scalars per picture ([`Level`]), so that the mathematics of schedules and
//! losses stays on the host. Clipping, the change of the weights ([`Optimizer`]) and their average happen where the weights
//! are.

use std::ops::Range;

use super::optimizer::Optimizer;
use super::plan::drop_seed_from;
use super::{EngineError, EngineInfo};
use crate::unet::config::UnetConfig;
use crate::unet::input::{self, InputError};
use crate::unet::weights::TensorSpec;

/// Added to the norm before dividing by it, as in `torch.nn.utils.clip_grad_norm_`.
const CLIP_EPS: f64 = 1e-6;

/// The factor by which all gradients are multiplied so that their common norm is at most `max_norm`:
/// the rule of `torch.nn.utils.clip_grad_norm_`. A `max_norm` of 0 turns clipping off.
pub fn clip_factor(norm: f64, max_norm: f64) -> f64 {
    if max_norm == 0.0 {
        1.0
    } else {
        (max_norm / (norm + CLIP_EPS)).min(1.0)
    }
}

/// What a training step does with one picture at its time step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// a of `x_t = a x_0 + b eps` (DDPM, eq. 4).
    pub signal: f32,
    /// b.
    pub noise: f32,
    /// c of `target = c x_0 + d eps`.
    pub c_x0: f32,
    /// d.
    pub c_eps: f32,
    /// The factor of the squared error (gamma of DDIM, eq. 5, as far as it is not in the target).
    pub weight: f32,
}

/// What one training step sees.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainBatch {
    /// `[batch, channels, height, width]`.
    pub shape: [usize; 4],
    /// Pictures, row-major, -1 to 1.
    pub x0: Vec<f32>,
    /// Standard normal noise of the same shape.
    pub eps: Vec<f32>,
    /// What the network is told about the time step of each picture.
    pub timesteps: Vec<f32>,
    /// What happens to each picture there.
    pub levels: Vec<Level>,
    /// One class per picture for a conditional network.
    pub labels: Option<Vec<usize>>,
    /// What dropout draws from.
    pub drop_seed: u32,
}

impl TrainBatch {
    /// The images `range` as a batch of their own. Each counts in it as much as in the whole batch and drops the same
    /// numbers, so that the losses and the gradients of all parts add up to those of the whole.
    ///
    /// # Panics
    /// When there are no such images.
    pub fn part(&self, range: Range<usize>) -> Self {
        let [count, channels, height, width] = self.shape;
        let image = channels * height * width;
        let numbers = range.start * image..range.end * image;
        let share = range.len() as f32 / count as f32;
        let level = |level: &Level| Level {
            weight: level.weight * share,
            ..*level
        };
        Self {
            shape: [range.len(), channels, height, width],
            x0: self.x0[numbers.clone()].to_vec(),
            eps: self.eps[numbers].to_vec(),
            timesteps: self.timesteps[range.clone()].to_vec(),
            levels: self.levels[range.clone()].iter().map(level).collect(),
            labels: self.labels.as_ref().map(|l| l[range.clone()].to_vec()),
            drop_seed: drop_seed_from(self.drop_seed, range.start),
        }
    }

    /// Checks that it is one for the network of `config`.
    ///
    /// # Errors
    /// [`InputError`] names what does not fit.
    pub fn check(&self, config: &UnetConfig) -> Result<(), InputError> {
        let count = self.shape[0];
        input::check_trainable(config)?;
        input::check(config, self.shape, self.labels.as_deref())?;
        for values in [&self.x0, &self.eps] {
            input::check_length(self.shape, values.len())?;
        }
        input::check_timesteps(config, count, &self.timesteps)?;
        if self.levels.len() == count {
            Ok(())
        } else {
            Err(InputError::Timesteps {
                expected: count,
                found: self.levels.len(),
            })
        }
    }
}

/// How the weights change in one step: by Adam with PyTorch's defaults for the rest (betas 0.9 and 0.999, eps 1e-8), or
/// by Muon with those of `torch.optim.Muon`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// By which rule.
    pub optimizer: Optimizer,
    /// Steps done before this one.
    pub done: u32,
    /// The learning rate.
    pub lr: f64,
    /// Largest norm of all gradients together; 0 turns clipping off.
    pub clip: f64,
    /// Decay of the average of the weights: `average = decay average + (1 - decay) values`.
    pub decay: f64,
}

/// What a step says of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepNumbers {
    /// The batch's loss before the change: the weighted squared error, mean over pictures, channels and pixels.
    pub loss: f32,
    /// Norm of all gradients together, before clipping.
    pub grad_norm: f32,
}

impl StepNumbers {
    /// Whether the step was made. One whose loss or gradient is not a number changes nothing.
    pub fn finite(&self) -> bool {
        self.loss.is_finite() && self.grad_norm.is_finite()
    }
}

/// Everything that training changes. Tensors are in the order of [`Learner::params`], row-major in the shapes of
/// diffusers' weights file.
#[derive(Debug, Clone, PartialEq)]
pub struct LearnerState {
    /// The weights.
    pub values: Vec<Vec<f32>>,
    /// Their average.
    pub average: Vec<Vec<f32>>,
    /// Adam's first moment; of a matrix that Muon changes its momentum.
    pub moment_1: Vec<Vec<f32>>,
    /// Adam's second moment; where Muon changes a matrix, what Adam left, or 0.
    pub moment_2: Vec<Vec<f32>>,
}

impl LearnerState {
    /// The beginning of a run from `values`.
    pub fn new(values: Vec<Vec<f32>>) -> Self {
        let zeros: Vec<Vec<f32>> = values.iter().map(|v| vec![0.0; v.len()]).collect();
        Self {
            average: values.clone(),
            moment_1: zeros.clone(),
            moment_2: zeros,
            values,
        }
    }
}

/// The loss of a batch and the gradient of every parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients {
    /// As in [`StepNumbers::loss`].
    pub loss: f32,
    /// In the order of [`Learner::params`]; zeros for one that is not trained.
    pub gradients: Vec<Vec<f32>>,
}

/// One network in training on one device.
pub trait Learner {
    /// What runs it.
    fn info(&self) -> &EngineInfo;

    /// Its parameters, as a weights file names them.
    fn params(&self) -> &[TensorSpec];

    /// The loss and the gradients of `batch`; the weights stay as they are.
    ///
    /// # Errors
    /// [`EngineError::Input`] when the batch does not fit the network, others when the device fails.
    fn gradients(
        &mut self,
        batch: &TrainBatch,
    ) -> impl Future<Output = Result<Gradients, EngineError>>;

    /// Makes one step. It begins with this call; the future is for its numbers, and the next step may begin before
    /// they are there. Once a step was not finite ([`StepNumbers::finite`]), neither it nor those begun after it
    /// change anything, until its numbers have been handed out.
    ///
    /// # Errors
    /// [`EngineError::Input`] when the batch does not fit the network, others when the device fails.
    fn step(
        &mut self,
        batch: &TrainBatch,
        update: &Update,
    ) -> impl Future<Output = Result<StepNumbers, EngineError>> + use<Self>;

    /// Everything that training changes, after all steps begun so far.
    ///
    /// # Errors
    /// When the device fails.
    fn state(&mut self) -> impl Future<Output = Result<LearnerState, EngineError>>;
}
