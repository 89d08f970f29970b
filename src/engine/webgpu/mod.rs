//! The engine on the GPU: replays a [`Plan`](super::plan::Plan) with WGSL kernels of our own, through WebGPU in the
//! browser and through Vulkan, Metal or DirectX elsewhere.
//!
//! Everything that lies between the operations of all images is one buffer, the arena (several where the device binds
//! none that is as long); what changes from step to step
//! (scalars, the timestep's features, noise) is written into place, so that a step is one list of dispatches and one
//! submission that is the same every time. x_t stays on the device; what the host reads of a step is copied by the
//! same submission, so that the next one need not wait for the reading.

mod batch;
mod clock;
mod conv;
mod device;
mod draft;
mod measure;
mod network;
mod pack;
mod program;
mod readback;
mod signal;
mod source;
mod state;
mod storage;
mod template;
#[cfg(test)]
mod tests;
mod tile;
#[cfg(feature = "train")]
mod train;
mod tuning;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Storage;
use super::plan::card as layout;
pub use batch::GpuBatch;
pub use device::Gpu;
use network::Network;
use signal::Signal;
use state::{Part, scalars};
#[cfg(feature = "train")]
pub use train::GpuLearner;
pub use tuning::{Tuning, UnknownTuning};

use super::{
    BatchSpec, Denoiser, DeviceKind, EngineError, EngineInfo, EngineKind, Progress, Results,
};
use crate::step::{Clip, EpsFrom, StepCoefficients, dynamic_threshold};
use crate::unet::config::UnetConfig;
use crate::unet::input;

/// What a caller of [`GpuEngine::load`] may choose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GpuOptions {
    /// What [`GpuEngine::tuning`] said on the same device before; without it the device is measured.
    pub tuning: Option<Tuning>,
    /// How numbers are stored.
    pub storage: Storage,
}

/// A network on the GPU.
pub struct GpuEngine {
    config: UnetConfig,
    storage: Storage,
    /// The weights file, from which the network is made anew when its device is lost.
    safetensors: Vec<u8>,
    info: EngineInfo,
    network: Mutex<Arc<Network>>,
    /// While somebody recovers, who waits for the end of it.
    recovering: Mutex<Option<Vec<Signal<()>>>>,
    submissions: AtomicU64,
}

impl GpuEngine {
    /// The network of `config_json` with the weights in `safetensors` on the best GPU there is. `progress` hears how
    /// many of how many kernels are compiled.
    ///
    /// # Errors
    /// [`EngineError`] says which file is wrong and where, or why there is no GPU.
    pub async fn load(
        config_json: &str,
        safetensors: Vec<u8>,
        options: GpuOptions,
        progress: Progress<'_>,
    ) -> Result<Self, EngineError> {
        // A file that is wrong is worth saying before a missing GPU is.
        UnetConfig::from_json(config_json)?;
        let gpu = Gpu::open_tuned(options.tuning).await?;
        Self::on(&gpu, config_json, safetensors, options.storage, progress).await
    }

    /// The same on `gpu`.
    ///
    /// # Errors
    /// [`EngineError`] says which file is wrong and where, or what the device lacks.
    pub async fn on(
        gpu: &Gpu,
        config_json: &str,
        safetensors: Vec<u8>,
        storage: Storage,
        progress: Progress<'_>,
    ) -> Result<Self, EngineError> {
        let config = UnetConfig::from_json(config_json)?;
        let network = Network::new(gpu, &config, &safetensors, storage, progress).await?;
        Ok(Self {
            info: EngineInfo::new(
                EngineKind::Plan,
                DeviceKind::Gpu,
                gpu.name().to_string(),
                &config,
                network.parameters,
            ),
            config,
            storage,
            safetensors,
            network: Mutex::new(Arc::new(network)),
            recovering: Mutex::default(),
            submissions: AtomicU64::new(0),
        })
    }

    /// Which kernels were the fastest on this device: `None` where that was never measured, because every network so
    /// far was too small for it to matter or the device has nothing to choose from.
    pub fn tuning(&self) -> Option<Tuning> {
        self.network().gpu.tuning()
    }

    /// How the device keeps weights and feature maps.
    pub fn storage(&self) -> Storage {
        self.storage
    }

    /// Kernels that one step of a batch starts.
    pub fn dispatches(&self, batch: &GpuBatch) -> usize {
        batch.program.dispatches()
    }

    /// Bytes of every buffer that the weights lie in, and of every one for what lies between the operations of `batch`.
    pub fn buffers(&self, batch: &GpuBatch) -> [Vec<u64>; 2] {
        let weights = batch.network.weights.iter();
        [
            weights.map(wgpu::Buffer::size).collect(),
            batch.program.banks(),
        ]
    }

    /// Steps that were handed to the device so far, each as one submission.
    pub fn submissions(&self) -> u64 {
        self.submissions.load(Ordering::Relaxed)
    }

    fn network(&self) -> Arc<Network> {
        self.network
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The network at the batch's x_t and then `part` of the step along `c`.
    fn forward(
        &self,
        batch: &mut GpuBatch,
        timesteps: &[f32],
        c: &StepCoefficients,
        noisy: bool,
        part: Part,
    ) -> Result<(), EngineError> {
        input::check_timesteps(&self.config, batch.spec.shape[0], timesteps)?;
        let program = &batch.program;
        let frequencies = batch.network.frequencies.as_deref();
        let features: Vec<Vec<f32>> = timesteps
            .iter()
            .map(|t| program.plan.time_features(*t, frequencies))
            .collect();
        let divisors: Vec<f32> = timesteps
            .iter()
            .map(|t| program.plan.output_divisor(*t))
            .collect();
        let scalars = scalars(c, &divisors, noisy, part);
        batch.write(0, &batch.shape.head(scalars, &features));
        self.submit(batch, 0)
    }

    fn submit(&self, batch: &mut GpuBatch, first: usize) -> Result<(), EngineError> {
        batch.submit(first)?;
        self.submissions.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// A quantile needs a sort: x0_hat is read back, thresholded on the host, put back and used.
    async fn threshold(
        &self,
        batch: &mut GpuBatch,
        c: &StepCoefficients,
        noisy: bool,
        (ratio, max): (f64, f64),
    ) -> Result<(), EngineError> {
        let mut x0_hat = batch.results().await?.x0_hat;
        let count = batch.spec.shape[0];
        let image = x0_hat.len() / count;
        for pixels in x0_hat.chunks_exact_mut(image) {
            dynamic_threshold(pixels, ratio, max);
        }
        batch.write(batch.shape.x0_hat(), &x0_hat);
        batch.write(0, &scalars(c, &vec![1.0; count], noisy, Part::Move));
        let last = batch.program.dispatches() - 1;
        self.submit(batch, last)
    }
}

/// Whoever has it recovers; who waits hears of its end.
struct Turn<'a>(&'a Mutex<Option<Vec<Signal<()>>>>);

impl<'a> Turn<'a> {
    /// The turn, or what tells that it is over.
    fn take(recovering: &'a Mutex<Option<Vec<Signal<()>>>>) -> Result<Self, Signal<()>> {
        let mut waiting = recovering.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *waiting {
            Some(waiting) => {
                waiting.push(Signal::new());
                Err(waiting[waiting.len() - 1].clone())
            }
            None => {
                *waiting = Some(Vec::new());
                Ok(Self(recovering))
            }
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        waiting
            .into_iter()
            .flatten()
            .for_each(|signal| signal.send(()));
    }
}

impl Denoiser for GpuEngine {
    type Batch = GpuBatch;

    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn check(&self, spec: &BatchSpec) -> Result<(), EngineError> {
        Ok(input::check(
            &self.config,
            spec.shape,
            spec.labels.as_deref(),
        )?)
    }

    fn begin(&self, spec: &BatchSpec, x_t: Vec<f32>) -> Result<GpuBatch, EngineError> {
        self.check(spec)?;
        input::check_length(spec.shape, x_t.len())?;
        GpuBatch::new(&self.network(), spec, &x_t)
    }

    async fn step(
        &self,
        batch: &mut GpuBatch,
        t: usize,
        c: &StepCoefficients,
        noise: Option<Vec<f32>>,
    ) -> Result<(), EngineError> {
        let noisy = noise.is_some();
        if let Some(noise) = noise {
            input::check_length(batch.spec.shape, noise.len())?;
            batch.write(batch.shape.noise(), &noise);
        }
        let timesteps = vec![t as f32; batch.spec.shape[0]];
        match c.clip {
            Clip::None | Clip::Range(_) => self.forward(batch, &timesteps, c, noisy, Part::Whole),
            Clip::Dynamic { ratio, max } => {
                self.forward(batch, &timesteps, c, noisy, Part::Predict)?;
                self.threshold(batch, c, noisy, (ratio, max)).await
            }
        }
    }

    fn results(
        &self,
        batch: &mut GpuBatch,
    ) -> impl Future<Output = Result<Results, EngineError>> + use<> {
        batch.results()
    }

    fn runs_ahead(&self) -> bool {
        true
    }

    async fn recover(&self) -> Result<(), EngineError> {
        // Of several runs that lost it the first one makes it anew for all.
        let _turn = loop {
            if !self.network().gpu.is_lost() {
                return Ok(());
            }
            match Turn::take(&self.recovering) {
                Ok(turn) => break turn,
                Err(other) => other.receive().await,
            }
        };
        let gpu = Gpu::open_tuned(self.tuning())
            .await
            .map_err(|error| match error {
                EngineError::NoGpu(reason) => EngineError::Gone(reason),
                other => other,
            })?;
        let (config, weights) = (&self.config, &self.safetensors);
        let network = Network::new(&gpu, config, weights, self.storage, &mut |_, _| {}).await?;
        *self.network.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(network);
        Ok(())
    }

    async fn predict(
        &self,
        spec: &BatchSpec,
        x: Vec<f32>,
        timesteps: &[f32],
    ) -> Result<Vec<f32>, EngineError> {
        let mut batch = self.begin(spec, x)?;
        // x0_hat = out.
        let out = StepCoefficients {
            p: 0.0,
            q: 1.0,
            clip: Clip::None,
            r: 0.0,
            s: 0.0,
            eps_from: EpsFrom::Out,
            a: 0.0,
            b: 0.0,
            sigma: 0.0,
        };
        self.forward(&mut batch, timesteps, &out, false, Part::Predict)?;
        Ok(batch.results().await?.x0_hat)
    }
}
