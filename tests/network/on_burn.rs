//! The fixtures' networks on burn.

use ddim_web::engine::{BurnEngine, DeviceKind};

use crate::fixture::Fixture;

impl Fixture {
    pub async fn engine(&self, device: DeviceKind) -> BurnEngine {
        BurnEngine::load(self.config, &self.weights(), device)
            .await
            .unwrap()
    }

    pub async fn assert_parity(&self, device: DeviceKind) {
        self.assert_answers(&self.engine(device).await).await;
    }
}
