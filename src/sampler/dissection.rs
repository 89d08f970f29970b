//! One step taken apart: the three terms that DDIM, eq. 12 adds up.

use crate::scheduler::TrajectoryStep;
use crate::step::StepCoefficients;

/// A step's result as the sum of its three terms; images are `[B, C, H, W]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dissection {
    /// Which step, from 0.
    pub index: usize,
    /// The time step that the network was told.
    pub t: usize,
    /// The time step of the result; `None` is the image.
    pub t_next: Option<usize>,
    /// The factors a, b and sigma of the three terms, and how x0_hat and eps came about.
    pub coefficients: StepCoefficients,
    /// The prediction of x_0.
    pub x0_hat: Vec<f32>,
    /// `a x0_hat`: the "predicted x_0" of eq. 12.
    pub predicted: Vec<f32>,
    /// `b eps`: the "direction pointing to x_t". It is what the result has beside the other two.
    pub direction: Vec<f32>,
    /// `sigma z`: the "random noise".
    pub noise: Vec<f32>,
}

impl Dissection {
    /// Takes `step` apart, which gave `x0_hat` and `x_next` with the noise `z` (empty where it added none).
    pub(super) fn new(
        index: usize,
        step: &TrajectoryStep,
        x0_hat: &[f32],
        x_next: &[f32],
        z: &[f32],
    ) -> Self {
        let StepCoefficients { a, sigma, .. } = step.coefficients;
        let scaled = |factor: f64, values: &[f32]| -> Vec<f32> {
            let product = |v: &f32| (factor * f64::from(*v)) as f32;
            values.iter().map(product).collect()
        };
        let predicted = scaled(a, x0_hat);
        let noise = if z.is_empty() {
            vec![0.0; x0_hat.len()]
        } else {
            scaled(sigma, z)
        };
        let others = predicted.iter().zip(&noise);
        let direction = x_next
            .iter()
            .zip(others)
            .map(|(x, (predicted, noise))| x - predicted - noise)
            .collect();
        Self {
            index,
            t: step.t,
            t_next: step.t_next,
            coefficients: step.coefficients,
            x0_hat: x0_hat.to_vec(),
            predicted,
            direction,
            noise,
        }
    }
}
