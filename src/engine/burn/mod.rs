//! The engine on burn: any burn device, WebGPU through burn-wgpu, the CPU through burn-flex.

#[cfg(all(feature = "train", not(target_arch = "wasm32")))]
mod adam;
#[cfg(feature = "burn-gpu")]
mod device;
#[cfg(all(feature = "train", not(target_arch = "wasm32")))]
mod learner;
#[cfg(all(feature = "train", not(target_arch = "wasm32")))]
mod muon;
#[cfg(all(feature = "train", not(target_arch = "wasm32")))]
mod params;

#[cfg(all(feature = "train", not(target_arch = "wasm32")))]
pub use learner::BurnLearner;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::{BatchSpec, Denoiser, DeviceKind, EngineError, EngineInfo, EngineKind, Results};
use crate::json::brief;
use crate::step::{Clip, EpsFrom, StepCoefficients, dynamic_threshold};
use crate::unet::Unet;
use crate::unet::config::UnetConfig;
use crate::unet::input;

/// A UNet on a burn device.
pub struct BurnEngine {
    unet: Unet,
    device: Device,
    info: EngineInfo,
}

/// A batch whose tensors live on the engine's device.
pub struct BurnBatch {
    spec: BatchSpec,
    x_t: Tensor<4>,
    x0_hat: Tensor<4>,
}

/// burn's handle of the device, and the name of its adapter or CPU backend.
///
/// # Errors
/// [`EngineError::NoGpu`] says why there is no GPU.
pub async fn open_device(kind: DeviceKind) -> Result<(Device, String), EngineError> {
    Ok(match kind {
        DeviceKind::Cpu => (Device::flex(), "burn-flex".to_string()),
        #[cfg(not(feature = "burn-gpu"))]
        DeviceKind::Gpu => {
            return Err(EngineError::NoGpu(
                "this build has burn on the processor only".into(),
            ));
        }
        #[cfg(feature = "burn-gpu")]
        DeviceKind::Gpu => {
            let gpu = device::gpu().await?;
            (gpu.device, gpu.name)
        }
    })
}

impl BurnEngine {
    /// Builds the network of `config_json` with the weights in `safetensors` on `kind`.
    ///
    /// # Errors
    /// [`EngineError`] says which file is wrong and where, or why there is no GPU.
    pub async fn load(
        config_json: &str,
        safetensors: &[u8],
        kind: DeviceKind,
    ) -> Result<Self, EngineError> {
        let config = UnetConfig::from_json(config_json)?;
        let (device, adapter) = open_device(kind).await?;
        let unet = Unet::from_safetensors(&config, safetensors, &device)?;
        Ok(Self::new(unet, device, kind, adapter))
    }

    /// Wraps a network that is already on `device`.
    pub fn new(unet: Unet, device: Device, kind: DeviceKind, adapter: String) -> Self {
        let parameters = unet.num_params();
        let info = EngineInfo::new(EngineKind::Burn, kind, adapter, unet.config(), parameters);
        Self { unet, device, info }
    }

    fn upload(&self, spec: &BatchSpec, values: Vec<f32>) -> Result<Tensor<4>, EngineError> {
        input::check_length(spec.shape, values.len())?;
        Ok(Tensor::from_data(
            TensorData::new(values, spec.shape),
            &self.device,
        ))
    }

    fn run(
        &self,
        spec: &BatchSpec,
        x: Tensor<4>,
        timesteps: &[f32],
    ) -> Result<Tensor<4>, EngineError> {
        input::check_timesteps(self.unet.config(), spec.shape[0], timesteps)?;
        Ok(self.unet.forward(x, timesteps, spec.labels.as_deref()))
    }

    async fn clip(
        &self,
        x0_hat: Tensor<4>,
        clip: Clip,
        batch: usize,
    ) -> Result<Tensor<4>, EngineError> {
        match clip {
            Clip::None => Ok(x0_hat),
            Clip::Range(range) => Ok(x0_hat.clamp(-range, range)),
            // A quantile needs a sort: read back, threshold on the host, put back.
            Clip::Dynamic { ratio, max } => {
                let shape = x0_hat.dims();
                let mut values = download(x0_hat).await?;
                let image = values.len() / batch;
                for pixels in values.chunks_exact_mut(image) {
                    dynamic_threshold(pixels, ratio, max);
                }
                Ok(Tensor::from_data(
                    TensorData::new(values, shape),
                    &self.device,
                ))
            }
        }
    }
}

/// The values of a tensor, row by row.
///
/// # Errors
/// [`EngineError::Device`] when the device fails.
async fn download<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, EngineError> {
    let data = tensor
        .into_data_async()
        .await
        .map_err(|error| EngineError::Device(brief(&format!("{error:?}"))))?;
    data.try_into_vec()
        .map_err(|error| EngineError::Device(brief(&format!("{error:?}"))))
}

impl Denoiser for BurnEngine {
    type Batch = BurnBatch;

    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn check(&self, spec: &BatchSpec) -> Result<(), EngineError> {
        Ok(input::check(
            self.unet.config(),
            spec.shape,
            spec.labels.as_deref(),
        )?)
    }

    fn begin(&self, spec: &BatchSpec, x_t: Vec<f32>) -> Result<BurnBatch, EngineError> {
        self.check(spec)?;
        let x_t = self.upload(spec, x_t)?;
        Ok(BurnBatch {
            spec: spec.clone(),
            x0_hat: x_t.clone(),
            x_t,
        })
    }

    async fn step(
        &self,
        batch: &mut BurnBatch,
        t: usize,
        c: &StepCoefficients,
        noise: Option<Vec<f32>>,
    ) -> Result<(), EngineError> {
        let x_t = batch.x_t.clone();
        let out = self.run(
            &batch.spec,
            x_t.clone(),
            &vec![t as f32; batch.spec.shape[0]],
        )?;
        let x0_hat = x_t.clone() * c.p + out.clone() * c.q;
        let x0_hat = self.clip(x0_hat, c.clip, batch.spec.shape[0]).await?;
        let eps = match c.eps_from {
            EpsFrom::Out => x_t * c.r + out * c.s,
            EpsFrom::X0Hat => x_t * c.r + x0_hat.clone() * c.s,
        };
        let mut x_prev = x0_hat.clone() * c.a + eps * c.b;
        if let Some(noise) = noise {
            x_prev = x_prev + self.upload(&batch.spec, noise)? * c.sigma;
        }
        batch.x_t = x_prev;
        batch.x0_hat = x0_hat;
        Ok(())
    }

    fn results(
        &self,
        batch: &mut BurnBatch,
    ) -> impl Future<Output = Result<Results, EngineError>> + use<> {
        let (x0_hat, x_t) = (batch.x0_hat.clone(), batch.x_t.clone());
        async {
            Ok(Results {
                x0_hat: download(x0_hat).await?,
                x_t: download(x_t).await?,
            })
        }
    }

    async fn predict(
        &self,
        spec: &BatchSpec,
        x: Vec<f32>,
        timesteps: &[f32],
    ) -> Result<Vec<f32>, EngineError> {
        self.check(spec)?;
        let x = self.upload(spec, x)?;
        download(self.run(spec, x, timesteps)?).await
    }
}
