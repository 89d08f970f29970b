//! What diffusers answered: tests/fixtures/unet, made by tools/make_unet_fixtures.py.

use ddim_web::engine::{BatchSpec, BurnEngine, Denoiser, DeviceKind};
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

    pub async fn engine(&self, device: DeviceKind) -> BurnEngine {
        BurnEngine::load(self.config, &rule::weights(&self.unet_config()), device)
            .await
            .unwrap()
    }

    /// Runs the images of batch `batch` one time step each and compares with diffusers' answer.
    pub async fn assert_parity(&self, device: DeviceKind) {
        let engine = self.engine(device).await;
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
    assert_eq!(found.len(), expected.len());
    let worst = found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    // `!(<=)` also catches NaN.
    assert!(
        worst <= tolerance && found.iter().all(|v| v.is_finite()),
        "max abs error {worst}, allowed {tolerance}"
    );
}
