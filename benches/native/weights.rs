//! Random weights for what is measured, the same in every bench.

use ddim_web::engine::plan::Plan;
use ddim_web::noise::gaussian;
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::weights::{Precision, Stored, TensorSpec, serialize};

fn tensors(config: &UnetConfig) -> Vec<TensorSpec> {
    Plan::expected_tensors(config).expect("a network that can be planned")
}

/// Weights of the size that PyTorch initialises with, tensor by tensor in the order of the plan.
pub fn random(config: &UnetConfig) -> Vec<Vec<f32>> {
    let one = |(i, spec): (u32, TensorSpec)| {
        let mut values = vec![0.0; spec.shape.iter().product()];
        gaussian(1, i, 0, &mut values);
        let norm = spec.name.contains("norm") && spec.name.ends_with(".weight");
        let fan_in: usize = match spec.shape.get(1..) {
            Some(rest) if !rest.is_empty() => rest.iter().product(),
            _ => 10_000,
        };
        let scale = (3.0 * fan_in as f32).sqrt().recip();
        let centre = f32::from(u8::from(norm));
        values.iter_mut().for_each(|v| *v = centre + scale * *v);
        values
    };
    (0..).zip(tensors(config)).map(one).collect()
}

/// `values` as the bytes of a weights file.
pub fn file(config: &UnetConfig, values: &[Vec<f32>]) -> Vec<u8> {
    let stored = tensors(config)
        .into_iter()
        .zip(values)
        .map(|(spec, values)| {
            let stored = Stored::new(&spec.name, spec.shape, values, Precision::F32);
            (spec.name, stored.expect("gaussian numbers are finite"))
        });
    serialize(stored.collect()).expect("every tensor has a name of its own")
}
