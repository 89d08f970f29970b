//! The GPU of this process or page: found once, kept, shared by every engine.

use std::sync::OnceLock;

use burn::tensor::Device;

use crate::engine::EngineError;

/// A ready device and the name its adapter gives itself.
#[derive(Debug, Clone)]
pub struct Gpu {
    /// burn's handle.
    pub device: Device,
    /// The adapter's name.
    pub name: String,
}

static GPU: OnceLock<Gpu> = OnceLock::new();

/// The GPU; asks for an adapter at the first call only, because burn's runtime cannot be set up twice.
///
/// # Errors
/// [`EngineError::NoGpu`] says what is missing.
pub async fn gpu() -> Result<Gpu, EngineError> {
    if let Some(gpu) = GPU.get() {
        return Ok(gpu.clone());
    }
    #[cfg(target_arch = "wasm32")]
    require_timestamps().await?;
    match Device::wgpu_options().init_with_setup_async().await {
        Ok((device, setup)) => {
            let name = describe(&setup.adapter.get_info());
            Ok(GPU.get_or_init(|| Gpu { device, name }).clone())
        }
        // Another call may have finished the set-up while this one was waiting.
        Err(error) => GPU
            .get()
            .cloned()
            .ok_or_else(|| EngineError::NoGpu(error.to_string())),
    }
}

fn describe(info: &wgpu::AdapterInfo) -> String {
    let parts = [
        info.name.as_str(),
        info.driver.as_str(),
        info.driver_info.as_str(),
    ];
    match parts.iter().find(|part| !part.is_empty()) {
        Some(part) => (*part).to_string(),
        None => format!("{:?} adapter", info.backend),
    }
}

/// burn's WebGPU runtime panics on an adapter without timestamps, and a panic ends the module.
#[cfg(target_arch = "wasm32")]
async fn require_timestamps() -> Result<(), EngineError> {
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    };
    let adapter = wgpu::Instance::default()
        .request_adapter(&options)
        .await
        .map_err(|error| {
            EngineError::NoGpu(format!("this browser offers no WebGPU adapter ({error})"))
        })?;
    if adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
        return Ok(());
    }
    let name = describe(&adapter.get_info());
    Err(EngineError::NoGpu(format!(
        "the adapter {name} has no timestamp queries, which the GPU engine needs"
    )))
}
