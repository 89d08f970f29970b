//! Adam (Kingma & Ba 2015), gradient clipping and the learning rate, each with PyTorch's numbers.

use burn::optim::{Adam as Rule, AdamConfig, AdamState, AdaptiveMomentumState, Optimizer};
use burn::tensor::Tensor;

use super::options::TrainOptions;

/// Added to the norm before dividing by it, as in `torch.nn.utils.clip_grad_norm_`.
const CLIP_EPS: f64 = 1e-6;

/// The learning rate of step `step` (from 0): `lr`, rising linearly over the first `warmup` steps and
/// falling linearly over the last `decay_steps`.
pub fn learning_rate(options: &TrainOptions, step: u32) -> f64 {
    let rise = (f64::from(step) + 1.0) / f64::from(options.warmup.max(1));
    let left = f64::from(options.steps.saturating_sub(step));
    let fall = if options.decay_steps == 0 {
        1.0
    } else {
        left / f64::from(options.decay_steps)
    };
    options.lr * rise.min(1.0) * fall.min(1.0)
}

/// The factor by which all gradients are multiplied so that their common norm is at most `max_norm`:
/// the rule of `torch.nn.utils.clip_grad_norm_`. A `max_norm` of 0 turns clipping off.
pub fn clip_factor(norm: f64, max_norm: f64) -> f64 {
    if max_norm == 0.0 {
        1.0
    } else {
        (max_norm / (norm + CLIP_EPS)).min(1.0)
    }
}

/// The square of the common norm of all gradients, `[1]`; `None` when there is no gradient.
pub fn squared_norm(gradients: &[Option<Tensor<1>>]) -> Option<Tensor<1>> {
    let squares: Vec<Tensor<1>> = gradients
        .iter()
        .flatten()
        .map(|g| g.clone().square().sum())
        .collect();
    (!squares.is_empty()).then(|| Tensor::cat(squares, 0).sum())
}

/// Adam over a list of flat tensors, with PyTorch's defaults: betas 0.9 and 0.999, eps 1e-8.
#[derive(Clone)]
pub struct Adam {
    rule: Rule,
    /// First moment of every parameter.
    pub moment_1: Vec<Tensor<1>>,
    /// Second moment of every parameter.
    pub moment_2: Vec<Tensor<1>>,
}

impl Adam {
    /// The state with these moments, one of each per parameter; zeros before the first step.
    pub fn new(moment_1: Vec<Tensor<1>>, moment_2: Vec<Tensor<1>>) -> Self {
        let rule = AdamConfig::new()
            .with_beta_1(0.9)
            .with_beta_2(0.999)
            .with_epsilon(1e-8)
            .build();
        Self {
            rule,
            moment_1,
            moment_2,
        }
    }

    /// One step; `done` is the number of steps before it. The gradients are multiplied by `scale` first.
    /// A parameter without a gradient stays as it is.
    pub fn step(
        &mut self,
        lr: f64,
        scale: f64,
        done: u32,
        values: Vec<Tensor<1>>,
        gradients: Vec<Option<Tensor<1>>>,
    ) -> Vec<Tensor<1>> {
        let mut next = Vec::with_capacity(values.len());
        for (i, (value, gradient)) in values.into_iter().zip(gradients).enumerate() {
            let Some(gradient) = gradient else {
                next.push(value);
                continue;
            };
            let moments = AdaptiveMomentumState::new(
                done as usize,
                self.moment_1[i].clone(),
                self.moment_2[i].clone(),
            );
            let (value, state) =
                self.rule
                    .step(lr, value, gradient * scale, Some(AdamState::new(moments)));
            if let Some(AdamState { momentum }) = state {
                self.moment_1[i] = momentum.moment_1;
                self.moment_2[i] = momentum.moment_2;
            }
            next.push(value);
        }
        next
    }
}
