//! What diffusers answered: tests/fixtures/unet, made by tools/make_unet_fixtures.py.

use ddim_web::engine::{BatchSpec, Denoiser};
use ddim_web::unet::config::UnetConfig;
use safetensors::SafeTensors;

use crate::rule;

/// One architecture: diffusers' config.json, and tensors x, t, out for batches of 1 and 3.
#[derive(Clone, Copy)]
pub struct Fixture {
    pub config: &'static str,
    tensors: &'static [u8],
}

macro_rules! fixture {
    ($name:literal) => {
        Fixture {
            config: include_str!(concat!("../fixtures/unet/", $name, ".json")),
            tensors: include_bytes!(concat!("../fixtures/unet/", $name, ".safetensors")),
        }
    };
}

pub const CIFAR10: Fixture = fixture!("cifar10-32");
pub const THREE_LEVELS: Fixture = fixture!("three-levels");
pub const SCALE_SHIFT: Fixture = fixture!("scale-shift-heads");
pub const GREY_28: Fixture = fixture!("grey-28");
pub const FOURIER: Fixture = fixture!("fourier");
pub const CLASSES: Fixture = fixture!("classes");
pub const NO_MIDDLE: Fixture = fixture!("no-middle");

impl Fixture {
    pub fn tensor(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let file = SafeTensors::deserialize(self.tensors).unwrap();
        let view = file.tensor(name).unwrap();
        let values = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        (view.shape().to_vec(), values)
    }

    pub fn unet_config(&self) -> UnetConfig {
        UnetConfig::from_json(self.config).unwrap()
    }

    pub fn weights(&self) -> Vec<u8> {
        rule::weights(&self.unet_config())
    }

    /// Gives `engine` the images of batches of 1 and 3, a time step for each, and compares with diffusers' answers.
    pub async fn assert_answers<D: Denoiser>(&self, engine: &D) {
        for batch in [1, 3] {
            let (shape, x) = self.tensor(&format!("x{batch}"));
            let (_, times) = self.tensor(&format!("t{batch}"));
            let (_, expected) = self.tensor(&format!("out{batch}"));
            let shape: [usize; 4] = shape.try_into().unwrap();
            let labels = engine
                .info()
                .classes
                .map(|_| (0..batch).map(|i| i * 3).collect());
            let spec = BatchSpec { shape, labels };
            let found = engine.predict(&spec, x, &times).await.unwrap();
            assert_close(&found, &expected, 1e-4);
        }
    }
}

/// Every pair differs by at most `tolerance`.
pub fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    let worst = largest_difference(found, expected);
    assert!(
        worst <= tolerance,
        "max abs error {worst}, allowed {tolerance}"
    );
}

/// The largest difference of a pair; infinite when a number found is not finite.
pub fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    if !found.iter().all(|v| v.is_finite()) {
        return f32::INFINITY;
    }
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max)
}
