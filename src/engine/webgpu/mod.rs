//! The engine on the GPU: replays a [`Plan`] with WGSL kernels of our own, through WebGPU in the browser and through
//! Vulkan, Metal or DirectX elsewhere.
//!
//! Everything that lies between the operations of all images is one buffer, the arena; what changes from step to step
//! (scalars, the timestep's features, noise) is written into place, so that a step is one list of dispatches and one
//! submission that is the same every time. x_t stays on the device.

mod device;
mod layout;
mod pack;
mod program;
mod signal;
mod state;
mod template;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use device::Gpu;
use device::bytes;
use layout::Lanes;
use pack::Place;
use program::Program;
use state::{Part, Shape, scalars};

use super::plan::Plan;
use super::{BatchSpec, Denoiser, DeviceKind, EngineError, EngineInfo};
use crate::step::{Clip, EpsFrom, StepCoefficients, dynamic_threshold};
use crate::unet::config::{TimeEmbedding, UnetConfig};
use crate::unet::input::{self, InputError};
use crate::unet::weights;

/// A network on the GPU.
pub struct GpuEngine {
    gpu: Gpu,
    config: UnetConfig,
    lanes: Lanes,
    ops: Vec<Place>,
    weights: Vec<wgpu::Buffer>,
    /// `time_proj.weight` of a network with Fourier features.
    frequencies: Option<Vec<f32>>,
    info: EngineInfo,
    /// The program that was asked for last.
    program: Mutex<Option<Arc<Program>>>,
    submissions: AtomicU64,
}

/// A batch whose x_t is on the device.
pub struct GpuBatch {
    spec: BatchSpec,
    program: Arc<Program>,
    shape: Shape,
    state: wgpu::Buffer,
    /// x_t and x0_hat after a step, for the host to read.
    staging: wgpu::Buffer,
    /// Somebody began to read `staging` and may never have finished: the future may have been dropped.
    reading: AtomicBool,
    /// One for each piece of the weights.
    groups: Vec<wgpu::BindGroup>,
    /// x_t and x0_hat, once they were read.
    read: Mutex<Option<Arc<Vec<f32>>>>,
}

impl GpuEngine {
    /// The network of `config_json` with the weights in `safetensors` on the best GPU there is.
    ///
    /// # Errors
    /// [`EngineError`] says which file is wrong and where, or why there is no GPU.
    pub async fn load(config_json: &str, safetensors: &[u8]) -> Result<Self, EngineError> {
        // A file that is wrong is worth saying before a missing GPU is.
        UnetConfig::from_json(config_json)?;
        Self::on(&Gpu::open().await?, config_json, safetensors)
    }

    /// The network of `config_json` with the weights in `safetensors` on `gpu`.
    ///
    /// # Errors
    /// [`EngineError`] says which file is wrong and where, or what the device lacks.
    pub fn on(gpu: &Gpu, config_json: &str, safetensors: &[u8]) -> Result<Self, EngineError> {
        let config = UnetConfig::from_json(config_json)?;
        // The order of the operations, and with it the weights, is the same for every size.
        let smallest = [1 << (config.block_out_channels.len() - 1); 2];
        let plan = Plan::new(&config, config.sample_size.unwrap_or(smallest))?;
        let mut tensors = weights::tensors(&plan.params, safetensors)?;
        let lanes = Lanes::new(&plan);
        let limits = gpu.limits();
        let most = limits
            .max_buffer_size
            .min(limits.max_storage_buffer_binding_size)
            / 4;
        let packed = pack::pack(&plan, &lanes, &tensors, most as usize);
        program::compile(gpu, &plan, &lanes, &packed)?;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let weights = packed
            .pieces
            .iter()
            .map(|piece| {
                let buffer = gpu.buffer("weights", piece.len(), usage)?;
                gpu.queue().write_buffer(&buffer, 0, &bytes(piece));
                Ok(buffer)
            })
            .collect::<Result<_, EngineError>>()?;
        let frequencies = tensors
            .remove("time_proj.weight")
            .filter(|_| config.time_embedding == TimeEmbedding::Fourier);
        let numbers = |p: &weights::TensorSpec| p.shape.iter().product::<usize>();
        let info = EngineInfo {
            device: DeviceKind::Gpu,
            adapter: gpu.name().to_string(),
            parameters: plan.params.iter().map(numbers).sum(),
            in_channels: config.in_channels,
            out_channels: config.out_channels,
            sample_size: config.sample_size,
            classes: config.num_class_embeds,
            unknown_keys: config.unknown_keys.clone(),
        };
        Ok(Self {
            gpu: gpu.clone(),
            lanes,
            ops: packed.ops,
            weights,
            frequencies,
            info,
            program: Mutex::default(),
            submissions: AtomicU64::new(0),
            config,
        })
    }

    /// Kernels that one step of a batch starts.
    pub fn dispatches(&self, batch: &GpuBatch) -> usize {
        batch.program.dispatches()
    }

    /// Command buffers that were handed to the device so far.
    pub fn submissions(&self) -> u64 {
        self.submissions.load(Ordering::Relaxed)
    }

    fn program(&self, size: [usize; 2], batch: usize) -> Result<Arc<Program>, EngineError> {
        let mut last = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = last
            .as_ref()
            .filter(|p| p.plan.size == size && p.batch == batch)
        {
            return Ok(program.clone());
        }
        // Its memory is free before the next one's is asked for, unless a batch still runs on it.
        *last = None;
        let plan = Plan::new(&self.config, size)?;
        let program = Arc::new(Program::new(
            &self.gpu,
            plan,
            batch,
            &self.lanes,
            &self.ops,
        )?);
        *last = Some(program.clone());
        Ok(program)
    }

    /// The network at the batch's x_t and then `part` of the step along `c`.
    fn forward(
        &self,
        batch: &GpuBatch,
        timesteps: &[f32],
        c: &StepCoefficients,
        noisy: bool,
        part: Part,
    ) -> Result<(), EngineError> {
        input::check_timesteps(&self.config, batch.spec.shape[0], timesteps)?;
        let program = &batch.program;
        let features: Vec<Vec<f32>> = timesteps
            .iter()
            .map(|t| program.plan.time_features(*t, self.frequencies.as_deref()))
            .collect();
        let (at, head) = program.head(batch.spec.labels.as_deref(), &features);
        self.gpu
            .queue()
            .write_buffer(&program.arena, at, &bytes(&head));
        let divisors: Vec<f32> = timesteps
            .iter()
            .map(|t| program.plan.output_divisor(*t))
            .collect();
        let scalars = scalars(c, &divisors, noisy, part);
        self.submit(batch, &scalars, |encoder| {
            program.encode(encoder, &batch.groups)
        })
    }

    /// One submission: what `encode` puts into it, and the copy that the host may read.
    fn submit(
        &self,
        batch: &GpuBatch,
        scalars: &[u8],
        encode: impl FnOnce(&mut wgpu::CommandEncoder),
    ) -> Result<(), EngineError> {
        if batch.reading.swap(false, Ordering::Relaxed) {
            batch.staging.unmap();
        }
        let queue = self.gpu.queue();
        queue.write_buffer(&batch.state, 0, scalars);
        let mut encoder = self
            .gpu
            .device()
            .create_command_encoder(&Default::default());
        encode(&mut encoder);
        let from = batch.shape.x_t() as u64 * 4;
        let size = batch.staging.size();
        encoder.copy_buffer_to_buffer(&batch.state, from, &batch.staging, 0, size);
        queue.submit([encoder.finish()]);
        self.submissions.fetch_add(1, Ordering::Relaxed);
        *batch.read.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.gpu.check()
    }

    /// x_t and then x0_hat.
    async fn results(&self, batch: &GpuBatch) -> Result<Arc<Vec<f32>>, EngineError> {
        let known = batch
            .read
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(known) = known {
            return Ok(known);
        }
        batch.reading.store(true, Ordering::Relaxed);
        let read = Arc::new(self.gpu.read(&batch.staging).await?);
        batch.reading.store(false, Ordering::Relaxed);
        *batch.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(read.clone());
        Ok(read)
    }

    /// A quantile needs a sort: x0_hat is read back, thresholded on the host, put back and used.
    async fn threshold(
        &self,
        batch: &GpuBatch,
        c: &StepCoefficients,
        noisy: bool,
        (ratio, max): (f64, f64),
    ) -> Result<(), EngineError> {
        let results = self.results(batch).await?;
        let mut x0_hat = results[batch.shape.input()..].to_vec();
        let image = x0_hat.len() / batch.spec.shape[0];
        for pixels in x0_hat.chunks_exact_mut(image) {
            dynamic_threshold(pixels, ratio, max);
        }
        let at = batch.shape.x0_hat() as u64 * 4;
        self.gpu
            .queue()
            .write_buffer(&batch.state, at, &bytes(&x0_hat));
        let ones = vec![1.0; batch.spec.shape[0]];
        let scalars = scalars(c, &ones, noisy, Part::Move);
        let program = &batch.program;
        self.submit(batch, &scalars, |encoder| {
            program.encode_step(encoder, &batch.groups)
        })
    }
}

fn check_length(spec: &BatchSpec, values: &[f32]) -> Result<(), EngineError> {
    let expected = spec.shape.iter().product();
    if values.len() == expected {
        return Ok(());
    }
    Err(InputError::Length {
        shape: spec.shape,
        expected,
        found: values.len(),
    }
    .into())
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
        check_length(spec, &x_t)?;
        let [count, inputs, height, width] = spec.shape;
        let program = self.program([height, width], count)?;
        let shape = Shape {
            batch: count,
            inputs,
            outputs: self.config.out_channels,
            pixels: height * width,
        };
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC;
        let state = self.gpu.buffer("a batch", shape.len(), usage)?;
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let results = shape.input() + shape.output();
        let staging = self.gpu.buffer("a batch's results", results, usage)?;
        let groups = self
            .weights
            .iter()
            .map(|weights| {
                self.gpu
                    .bind([&program.arena, weights, &program.parameters, &state])
            })
            .collect();
        let at = shape.x_t() as u64 * 4;
        self.gpu.queue().write_buffer(&state, at, &bytes(&x_t));
        self.gpu.check()?;
        // Before the first step x0_hat is x_t, as far as there are channels.
        let mut known = x_t.clone();
        known.extend(
            x_t.iter()
                .copied()
                .chain(std::iter::repeat(0.0))
                .take(shape.output()),
        );
        Ok(GpuBatch {
            spec: spec.clone(),
            program,
            shape,
            state,
            staging,
            reading: AtomicBool::new(false),
            groups,
            read: Mutex::new(Some(Arc::new(known))),
        })
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
            check_length(&batch.spec, &noise)?;
            let at = batch.shape.noise() as u64 * 4;
            self.gpu
                .queue()
                .write_buffer(&batch.state, at, &bytes(&noise));
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

    async fn x0_hat(&self, batch: &GpuBatch) -> Result<Vec<f32>, EngineError> {
        Ok(self.results(batch).await?[batch.shape.input()..].to_vec())
    }

    async fn x_t(&self, batch: &GpuBatch) -> Result<Vec<f32>, EngineError> {
        Ok(self.results(batch).await?[..batch.shape.input()].to_vec())
    }

    async fn predict(
        &self,
        spec: &BatchSpec,
        x: Vec<f32>,
        timesteps: &[f32],
    ) -> Result<Vec<f32>, EngineError> {
        let batch = self.begin(spec, x)?;
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
        self.forward(&batch, timesteps, &out, false, Part::Predict)?;
        self.x0_hat(&batch).await
    }
}
