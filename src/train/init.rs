//! The weights that a run starts from.
//!
//! Drawn on the host from the run's seed, so that the same seed starts from the same weights on every
//! device. The distributions are those of PyTorch's layers, which diffusers keeps.

use std::collections::HashMap;

use burn::tensor::Device;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::noise::gaussian;
use crate::random::{Purpose, stream, symmetric};
use crate::unet::Unet;
use crate::unet::config::UnetConfig;
use crate::unet::weights::{TensorSpec, WeightsError};

/// Standard deviation of the frequencies of diffusers' `GaussianFourierProjection`.
const FOURIER_SCALE: f32 = 16.0;

/// A network of `config` on `device` with the first weights of `seed`.
///
/// # Errors
/// [`WeightsError`] when the device does not take a tensor.
pub fn network(config: &UnetConfig, seed: u64, device: &Device) -> Result<Unet, WeightsError> {
    let specs = Unet::expected_tensors(config);
    let fan_in: HashMap<&str, usize> = specs
        .iter()
        .filter_map(|s| {
            Some((
                s.name.strip_suffix(".weight")?,
                s.shape.get(1..)?.iter().product(),
            ))
        })
        .collect();
    let bytes: Vec<Vec<u8>> = specs
        .iter()
        .enumerate()
        .map(|(i, spec)| {
            values(spec, &fan_in, seed, i as u32)
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect()
        })
        .collect();
    let mut views = Vec::with_capacity(specs.len());
    for (spec, bytes) in specs.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, spec.shape.clone(), bytes);
        views.push((
            &spec.name,
            view.map_err(|e| WeightsError::NotSafetensors(e.to_string()))?,
        ));
    }
    let file = safetensors::serialize(views, None)
        .map_err(|e| WeightsError::NotSafetensors(e.to_string()))?;
    Unet::from_safetensors(config, &file, device)
}

fn values(spec: &TensorSpec, fan_in: &HashMap<&str, usize>, seed: u64, index: u32) -> Vec<f32> {
    let count = spec.shape.iter().product();
    let (layer, kind) = spec.name.rsplit_once('.').unwrap_or((&spec.name, ""));
    let normal = |scale: f32| {
        let mut values = vec![0.0; count];
        gaussian(seed, index, u32::MAX, &mut values);
        values.iter().map(|v| v * scale).collect()
    };
    match layer {
        // The network starts from the prediction 0, as in the code of Ho et al.
        "conv_out" => vec![0.0; count],
        "time_proj" => normal(FOURIER_SCALE),
        "class_embedding" => normal(1.0),
        _ if layer.contains("norm") => vec![if kind == "weight" { 1.0 } else { 0.0 }; count],
        // Linear layers and convolutions: uniform in ±1/sqrt(fan-in), weight and bias alike.
        _ => {
            let bound = 1.0 / (fan_in.get(layer).copied().unwrap_or(1) as f64).sqrt();
            let mut bits = stream(seed, Purpose::Weights, u64::from(index));
            (0..count)
                .map(|_| (symmetric(&mut bits) * bound) as f32)
                .collect()
        }
    }
}
