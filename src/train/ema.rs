//! The exponential moving average of the weights, which samples better than the weights themselves
//! (DDPM, Ho et al. 2020, appendix B).

use burn::tensor::Tensor;

/// The decay after `updates` earlier updates: `min(decay, (1 + n) / (10 + n))`, so that the random first
/// weights are forgotten quickly (the rule of TensorFlow's `ExponentialMovingAverage`).
pub fn decay_at(decay: f64, updates: u32) -> f64 {
    let n = f64::from(updates);
    decay.min((1.0 + n) / (10.0 + n))
}

/// `shadow <- decay · shadow + (1 - decay) · values`, tensor by tensor.
pub fn update(shadow: &mut [Tensor<1>], values: &[Tensor<1>], decay: f64) {
    for (shadow, value) in shadow.iter_mut().zip(values) {
        *shadow = shadow.clone() + (value.clone() - shadow.clone()) * (1.0 - decay);
    }
}
