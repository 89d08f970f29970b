//! The learning rate.

use super::options::TrainOptions;

/// The learning rate of step `step` (from 0): `lr`, rising linearly over the first `warmup` steps and
/// falling linearly over the last [`TrainOptions::decay`].
pub fn learning_rate(options: &TrainOptions, step: u32) -> f64 {
    let rise = (f64::from(step) + 1.0) / f64::from(options.warmup.max(1));
    let left = f64::from(options.steps.saturating_sub(step));
    let fall = match options.decay() {
        0 => 1.0,
        decay => left / f64::from(decay),
    };
    options.lr * rise.min(1.0) * fall.min(1.0)
}
