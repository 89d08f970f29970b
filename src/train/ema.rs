//! The exponential moving average of the weights, which samples better than the weights themselves
//! (DDPM, Ho et al. 2020, appendix B).

/// The decay after `updates` earlier updates: `min(decay, (1 + n) / (10 + n))`, so that the random first
/// weights are forgotten quickly (the rule of TensorFlow's `ExponentialMovingAverage`).
pub fn decay_at(decay: f64, updates: u32) -> f64 {
    let n = f64::from(updates);
    decay.min((1.0 + n) / (10.0 + n))
}
