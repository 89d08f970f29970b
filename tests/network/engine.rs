//! The fixtures' networks on the engines that there are.

#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
use ddim_web::engine::{BatchSpec, CpuEngine, CpuOptions, Packing, Storage};
use ddim_web::engine::{Denoiser, DeviceKind, Engine, EngineKind, LoadOptions};
#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
use safetensors::Dtype;

use crate::fixture::Fixture;
#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
use crate::{fixture::THREE_LEVELS, rule};

impl Fixture {
    /// On the engine that a page takes by default.
    pub async fn engine(&self, device: DeviceKind) -> Engine {
        self.load(EngineKind::Plan, device).await
    }

    async fn load(&self, engine: EngineKind, device: DeviceKind) -> Engine {
        let options = LoadOptions {
            engine,
            device,
            #[cfg(not(target_arch = "wasm32"))]
            instructions: None,
            #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
            weights: ddim_web::engine::Storage::F32,
            #[cfg(feature = "gpu")]
            gpu: ddim_web::engine::GpuOptions::default(),
        };
        Engine::load(self.config, self.weights(), &options, &mut |_, _| {})
            .await
            .unwrap()
    }

    /// `engine` answers as diffusers does, for batches of 1 and 3.
    pub async fn assert_parity(&self, engine: EngineKind, device: DeviceKind) {
        let engine = self.load(engine, device).await;
        assert_eq!(engine.info().device, device);
        self.assert_answers(&engine).await;
    }
}

// A large network keeps the weights of its file as they are, and puts them in order block by block in each step.
#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
crate::test!(
    weights_of_16_bits_unpacked_in_each_step_are_those_of_32_bits_to_the_bit,
    async {
        let mut halves = rule::tensors(&THREE_LEVELS.unet_config());
        for tensor in &mut halves {
            let numbers = (tensor.bytes.chunks_exact(4))
                .map(|b| half::f16::from_f32(f32::from_le_bytes(b.try_into().unwrap())));
            tensor.bytes = numbers.flat_map(half::f16::to_le_bytes).collect();
            tensor.dtype = Dtype::F16;
        }
        let mut wide = rule::tensors(&THREE_LEVELS.unet_config());
        for (tensor, half) in wide.iter_mut().zip(&halves) {
            let numbers = (half.bytes.chunks_exact(2))
                .map(|b| half::f16::from_le_bytes(b.try_into().unwrap()).to_f32());
            tensor.bytes = numbers.flat_map(f32::to_le_bytes).collect();
        }
        let (shape, x) = THREE_LEVELS.tensor("x3");
        let (_, times) = THREE_LEVELS.tensor("t3");
        let spec = BatchSpec {
            shape: shape.try_into().unwrap(),
            labels: None,
        };
        let answer = async |tensors: &[rule::Stored], packing| {
            let options = CpuOptions {
                packing,
                ..CpuOptions::default()
            };
            let file = rule::file(tensors).into();
            let engine = CpuEngine::load_with(THREE_LEVELS.config, file, &options).unwrap();
            let numbers = engine.predict(&spec, x.clone(), &times).await.unwrap();
            (engine.storage(), numbers)
        };
        let (kept, found) = answer(&halves, Packing::EachStep).await;
        assert_eq!(kept, Storage::F16);
        let (_, expected) = answer(&wide, Packing::Once).await;
        assert!(expected.iter().any(|v| v.abs() > 0.01));
        let bits = |numbers: Vec<f32>| numbers.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(found), bits(expected));
    }
);
