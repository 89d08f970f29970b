//! Weights and inputs drawn from a name: the twin of `unit` and `fill` in
//! tools/make_unet_fixtures.py, so that fixtures need not store 35 million numbers.

use ddim_web::engine::plan::Plan;
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::weights::TensorSpec;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

/// Numbers in [-1, 1): SplitMix64 started from the FNV-1a hash of `name`, top 24 bits.
pub fn unit(name: &str) -> impl Iterator<Item = f64> + use<> {
    let hash = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    let start = name.bytes().fold(0xCBF2_9CE4_8422_2325, hash);
    (1u64..).map(move |i| {
        let z = start.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let z = z ^ (z >> 31);
        (z >> 40) as f64 / f64::from(1 << 23) - 1.0
    })
}

/// The value of every weight: near 1 for a normalisation's scale, else scaled by the fan-in.
pub fn fill(TensorSpec { name, shape }: &TensorSpec) -> Vec<f32> {
    let count = shape.iter().product();
    let values = unit(name).take(count);
    if shape.len() > 1 {
        let bound = (1.5 / shape[1..].iter().product::<usize>() as f64).sqrt();
        values.map(|v| (v * bound) as f32).collect()
    } else if name.contains("norm") && name.ends_with("weight") {
        values.map(|v| (1.0 + 0.2 * v) as f32).collect()
    } else {
        values.map(|v| (0.1 * v) as f32).collect()
    }
}

/// A tensor as it will stand in a file.
pub struct Stored {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// Every tensor of the network of `config`, f32, drawn by the rule.
pub fn tensors(config: &UnetConfig) -> Vec<Stored> {
    Plan::expected_tensors(config)
        .unwrap()
        .into_iter()
        .map(|spec| Stored {
            dtype: Dtype::F32,
            bytes: fill(&spec).iter().flat_map(|v| v.to_le_bytes()).collect(),
            name: spec.name,
            shape: spec.shape,
        })
        .collect()
}

/// The bytes of a `.safetensors` file with these tensors.
pub fn file(tensors: &[Stored]) -> Vec<u8> {
    let views = tensors.iter().map(|t| {
        (
            &t.name,
            TensorView::new(t.dtype, t.shape.clone(), &t.bytes).unwrap(),
        )
    });
    safetensors::serialize(views, None).unwrap()
}

/// A weights file for `config`, drawn by the rule.
pub fn weights(config: &UnetConfig) -> Vec<u8> {
    file(&tensors(config))
}
