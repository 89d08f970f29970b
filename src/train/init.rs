//! The weights that a run starts from.
//!
//! Drawn on the host from the run's seed, so that the same seed starts from the same weights on every
//! device. The distributions are those of PyTorch's layers, which diffusers keeps.

use std::collections::HashMap;

use crate::engine::plan::Plan;
use crate::noise::gaussian;
use crate::random::{Purpose, stream, symmetric};
use crate::unet::config::UnetConfig;
use crate::unet::input::InputError;
use crate::unet::weights::{self, TensorSpec, WeightsError};

/// A vector for every class, which is added to that of the time step.
const CLASSES: &str = "class_embedding.weight";

/// Standard deviation of the frequencies of diffusers' `GaussianFourierProjection`.
const FOURIER_SCALE: f32 = 16.0;

/// The first weights of `seed` for a network of `config`, in the order of [`Plan::expected_tensors`].
///
/// # Errors
/// [`InputError`] when the network is too large for any image.
pub fn values(config: &UnetConfig, seed: u64) -> Result<Vec<Vec<f32>>, InputError> {
    let specs = Plan::expected_tensors(config)?;
    let fan_in: HashMap<&str, usize> = specs
        .iter()
        .filter_map(|s| {
            Some((
                s.name.strip_suffix(".weight")?,
                s.shape.get(1..)?.iter().product(),
            ))
        })
        .collect();
    // Each where it belongs, since a sort would be larger than all else here in what a browser loads.
    let mut order = Vec::with_capacity(specs.len());
    for (i, spec) in specs.iter().enumerate() {
        let own = place(&spec.name);
        let at = order.partition_point(|(place, _)| *place <= own);
        order.insert(at, (own, i));
    }
    let mut values = vec![Vec::new(); specs.len()];
    for (index, (_, i)) in order.into_iter().enumerate() {
        values[i] = tensor(&specs[i], &fan_in, seed, index as u32);
    }
    Ok(values)
}

/// The weights in `safetensors`, in the order of `specs`. Where they know no classes and `specs` does, no class adds
/// anything yet: the network begins as the one that it was, whatever class it is told.
///
/// # Errors
/// [`WeightsError`] when they are not those of `specs`.
pub fn from_weights(
    specs: &[TensorSpec],
    safetensors: &[u8],
) -> Result<Vec<Vec<f32>>, WeightsError> {
    let file = weights::parse(safetensors)?;
    let knows = file.names().any(|name| name.ends_with(CLASSES));
    drop(file);
    let expected: Vec<TensorSpec> = specs
        .iter()
        .filter(|spec| knows || spec.name != CLASSES)
        .cloned()
        .collect();
    let mut found = weights::tensors(&expected, safetensors)?;
    let of = |spec: &TensorSpec| {
        let none = || vec![0.0; spec.numbers()];
        found.remove(&spec.name).unwrap_or_else(none)
    };
    Ok(specs.iter().map(of).collect())
}

/// Sorts a plan's tensors as diffusers' modules have them, which numbers the streams that they are drawn from: an
/// encoder's or decoder's level has all its residual blocks before its attention. What is equal stays as it is.
fn place(name: &str) -> (usize, usize, usize) {
    const PARTS: [&str; 7] = [
        "conv_in",
        "time_proj",
        "time_embedding",
        "class_embedding",
        "down_blocks",
        "mid_block",
        "up_blocks",
    ];
    let mut words = name.split('.');
    let part = words.next().unwrap_or_default();
    let part = PARTS.iter().position(|p| *p == part).unwrap_or(PARTS.len());
    let mut next = words.next();
    let level = next.and_then(|word| word.parse().ok());
    if level.is_some() {
        next = words.next();
    }
    let kind = match next {
        Some("resnets") => 0,
        Some("attentions") => 1,
        _ => 2,
    };
    (part, level.unwrap_or(0), kind)
}

fn tensor(spec: &TensorSpec, fan_in: &HashMap<&str, usize>, seed: u64, index: u32) -> Vec<f32> {
    let count = spec.numbers();
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
