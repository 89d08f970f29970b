//! Fixtures, comparison and the reference application of a step, in f64.

use ddim_web::{
    scheduler::{SchedulerClass, SchedulerConfig},
    step::{Clip, EpsFrom, Prediction, StepCoefficients, dynamic_threshold},
};
use serde_json::Value;

macro_rules! fixture {
    ($name:literal) => {
        crate::support::parse(include_str!(concat!("../fixtures/scheduler/", $name)))
    };
}
pub(crate) use fixture;

/// The cases of a fixture file, never none.
pub fn parse(text: &str) -> Vec<Value> {
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    assert!(!cases.is_empty());
    cases
}

pub fn numbers(value: &Value) -> Vec<f64> {
    let list = value.as_array().unwrap();
    list.iter().map(|n| n.as_f64().unwrap()).collect()
}

pub fn indices(value: &Value) -> Vec<usize> {
    let list = value.as_array().unwrap();
    list.iter().map(|n| n.as_u64().unwrap() as usize).collect()
}

pub fn index(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Every number within `tolerance` of the expected one, relative to that number.
pub fn assert_each_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(
            error <= tolerance * expected.abs(),
            "{what}, index {i}: expected {expected}, found {found}"
        );
    }
}

/// Every number within `tolerance` of the expected one, relative to the largest expected magnitude.
pub fn assert_image_close(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(
            error <= tolerance * scale,
            "{what}, index {i}: expected {expected}, found {found}"
        );
    }
}

/// The three lines of `step.rs`: `(x0_hat, x_prev)`.
pub fn apply(c: &StepCoefficients, x_t: &[f64], out: &[f64], z: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut x0_hat: Vec<f64> = (0..x_t.len())
        .map(|i| c.p * x_t[i] + c.q * out[i])
        .collect();
    match c.clip {
        Clip::None => {}
        Clip::Range(range) => x0_hat.iter_mut().for_each(|x| *x = x.clamp(-range, range)),
        Clip::Dynamic { ratio, max } => {
            let mut image: Vec<f32> = x0_hat.iter().map(|x| *x as f32).collect();
            dynamic_threshold(&mut image, ratio, max);
            x0_hat = image.into_iter().map(f64::from).collect();
        }
    }
    let x_prev = (0..x_t.len())
        .map(|i| {
            let source = match c.eps_from {
                EpsFrom::Out => out[i],
                EpsFrom::X0Hat => x0_hat[i],
            };
            c.a * x0_hat[i] + c.b * (c.r * x_t[i] + c.s * source) + c.sigma * z[i]
        })
        .collect();
    (x0_hat, x_prev)
}

/// What a network that knows `x_0` puts out for `x_t`.
pub fn perfect(prediction: Prediction, alpha_bar: f64, x_0: &[f64], x_t: &[f64]) -> Vec<f64> {
    let (from_x0, from_eps) = prediction.target(alpha_bar).unwrap();
    let pairs = x_0.iter().zip(x_t);
    pairs
        .map(|(x_0, x_t)| {
            let eps = (x_t - alpha_bar.sqrt() * x_0) / (1.0 - alpha_bar).sqrt();
            from_x0 * x_0 + from_eps * eps
        })
        .collect()
}

/// diffusers' defaults for `DDIMScheduler`, without clipping.
pub fn unclipped() -> SchedulerConfig {
    SchedulerConfig {
        clip_sample: false,
        ..SchedulerConfig::new(SchedulerClass::Ddim)
    }
}
