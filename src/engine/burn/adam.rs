//! Adam (Kingma & Ba 2015), Muon in its place where a run has it, and the average of the weights, over flat tensors.

use burn::optim::{Adam as Rule, AdamConfig, AdamState, AdaptiveMomentumState, Optimizer as _};
use burn::tensor::Tensor;

use super::muon;
use crate::engine::Update;
use crate::engine::optimizer::Optimizer;

/// The square of the common norm of all gradients, `[1]`; `None` when there is no gradient.
pub fn squared_norm(gradients: &[Option<Tensor<1>>]) -> Option<Tensor<1>> {
    let squares: Vec<Tensor<1>> = gradients
        .iter()
        .flatten()
        .map(|g| g.clone().square().sum())
        .collect();
    (!squares.is_empty()).then(|| Tensor::cat(squares, 0).sum())
}

/// `average <- decay · average + (1 - decay) · values`, tensor by tensor.
pub fn update_average(average: &mut [Tensor<1>], values: &[Tensor<1>], decay: f64) {
    for (average, value) in average.iter_mut().zip(values) {
        *average = average.clone() + (value.clone() - average.clone()) * (1.0 - decay);
    }
}

/// Adam over a list of flat tensors, with PyTorch's defaults: betas 0.9 and 0.999, eps 1e-8.
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

    /// One step of parameters with these `values`, of which Muon takes `matrices`. The gradients are multiplied by
    /// `scale` first. A parameter without a gradient stays as it is.
    pub fn step(
        &mut self,
        update: &Update,
        scale: f64,
        matrices: &[Option<[usize; 2]>],
        values: Vec<Tensor<1>>,
        gradients: Vec<Option<Tensor<1>>>,
    ) -> Vec<Tensor<1>> {
        let mut next = Vec::with_capacity(values.len());
        for (i, (value, gradient)) in values.into_iter().zip(gradients).enumerate() {
            let Some(gradient) = gradient else {
                next.push(value);
                continue;
            };
            let matrix = match update.optimizer {
                Optimizer::Adam => None,
                Optimizer::Muon => matrices[i],
            };
            if let Some(shape) = matrix {
                let momentum = &mut self.moment_1[i];
                next.push(muon::step(
                    update.lr,
                    shape,
                    value,
                    gradient * scale,
                    momentum,
                ));
                continue;
            }
            let moments = AdaptiveMomentumState::new(
                update.done as usize,
                self.moment_1[i].clone(),
                self.moment_2[i].clone(),
            );
            let (value, state) = self.rule.step(
                update.lr,
                value,
                gradient * scale,
                Some(AdamState::new(moments)),
            );
            if let Some(AdamState { momentum }) = state {
                self.moment_1[i] = momentum.moment_1;
                self.moment_2[i] = momentum.moment_2;
            }
            next.push(value);
        }
        next
    }
}
