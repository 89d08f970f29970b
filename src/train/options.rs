//! The settings of a run.

use serde::{Deserialize, Serialize};

use super::option_error::OptionError;
use super::weighting::Loss;
use crate::engine::optimizer::Optimizer;
use crate::weighting::MIN_SNR;

/// The largest batch accepted.
pub const MAX_BATCH: usize = 4096;

/// How a network is trained. docs/training.md tells what the defaults were chosen by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainOptions {
    /// Steps of the whole run, counted from its first beginning.
    pub steps: u32,
    /// Images per step.
    pub batch: usize,
    /// By which rule the weights change. Checkpoints from before there was a choice have none, and go on with Adam.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// Learning rate.
    pub lr: f64,
    /// The first steps, over which the learning rate rises linearly to `lr`.
    pub warmup: u32,
    /// The last steps, over which the learning rate falls linearly to 0: `None` is seven tenths of them, see
    /// [`Self::decay`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decay_steps: Option<u32>,
    /// Decay of the average of the weights.
    pub ema: f64,
    /// Largest norm of the gradient; 0 turns clipping off.
    pub clip: f64,
    /// Seed of everything random.
    pub seed: u64,
    /// What is minimised. Checkpoints from before there was a choice have none.
    #[serde(default)]
    pub loss: Loss,
    /// The share of the images whose class is not told, so that the network can be guided (Ho & Salimans 2022):
    /// `None` is [`LABEL_DROPOUT`](super::labels::LABEL_DROPOUT) where the network has a class that stands for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_dropout: Option<f64>,
}

/// The defaults of a run that begins with weights drawn at random.
impl Default for TrainOptions {
    fn default() -> Self {
        Self::beginning(false)
    }
}

impl TrainOptions {
    /// The defaults of a run that begins with the weights of a model, or with such as are drawn at random. From those of
    /// a model it is Adam that changes them, since Muon was no better there.
    pub fn beginning(with_model: bool) -> Self {
        Self {
            steps: 10_000,
            batch: 64,
            optimizer: if with_model {
                Optimizer::Adam
            } else {
                Optimizer::Muon
            },
            lr: 1e-3,
            warmup: 100,
            decay_steps: None,
            ema: 0.999,
            clip: 1.0,
            seed: 0,
            loss: Loss::MinSnr { limit: MIN_SNR },
            label_dropout: None,
        }
    }

    /// The last steps, over which the learning rate falls.
    pub fn decay(&self) -> u32 {
        let share = || self.steps - (u64::from(self.steps) * 3 / 10) as u32;
        self.decay_steps.unwrap_or_else(share)
    }

    /// Checks every option.
    ///
    /// # Errors
    /// [`OptionError`] names the first that no run can have.
    pub fn check(&self) -> Result<(), OptionError> {
        let refuse = |option, expected: String, found: String| {
            Err(OptionError {
                option,
                expected,
                found,
            })
        };
        if self.steps == 0 {
            return refuse("steps", "at least 1".into(), "0".into());
        }
        if !(1..=MAX_BATCH).contains(&self.batch) {
            return refuse("batch", format!("1 to {MAX_BATCH}"), self.batch.to_string());
        }
        if !(self.lr > 0.0 && self.lr <= 1.0) {
            return refuse(
                "lr",
                "a number above 0 and at most 1".into(),
                self.lr.to_string(),
            );
        }
        if let Some(decay) = self.decay_steps.filter(|decay| *decay > self.steps) {
            return refuse(
                "decay-steps",
                format!("at most {} (steps)", self.steps),
                decay.to_string(),
            );
        }
        if !(0.0..1.0).contains(&self.ema) {
            return refuse(
                "ema",
                "a number from 0 to below 1".into(),
                self.ema.to_string(),
            );
        }
        if !(self.clip >= 0.0 && self.clip.is_finite()) {
            return refuse(
                "clip",
                "a finite number, at least 0".into(),
                self.clip.to_string(),
            );
        }
        if let Some(share) = self
            .label_dropout
            .filter(|share| !(0.0..1.0).contains(share))
        {
            return refuse(
                "label-dropout",
                "a number from 0 to below 1".into(),
                share.to_string(),
            );
        }
        self.loss.check()
    }
}
