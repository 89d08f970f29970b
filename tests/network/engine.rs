//! The fixtures' networks on the engines that there are.

use ddim_web::engine::{Denoiser, DeviceKind, Engine, EngineKind, LoadOptions};

use crate::fixture::Fixture;

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
