//! The engine on the CPU: replays a [`Plan`] with loops of our own.
//!
//! Images of a batch run side by side on all threads, each in memory of its own that is asked for once. A batch that
//! is smaller than the number of threads shares them within each operation.

mod attention;
mod conv;
mod geometry;
mod kernels;
mod memory;
mod pack;
mod program;
mod staging;
mod task;
#[cfg(all(test, not(target_arch = "wasm32")))]
pub(super) mod tests;
mod threads;
#[cfg(feature = "train")]
mod train;
mod unpack;
mod vector;
mod winograd;

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use kernels::Kernels;
use memory::Workspace;
pub use pack::Packing;
use pack::Weights;
use program::Program;
#[cfg(feature = "train")]
pub use train::CpuLearner;

use super::plan::Plan;
use super::{
    BatchSpec, Denoiser, DeviceKind, EngineError, EngineInfo, EngineKind, Results, Storage,
};
use crate::allocate;
use crate::step::{Clip, StepCoefficients};
use crate::unet::config::UnetConfig;
use crate::unet::input;
use crate::unet::weights_file::WeightsFile;

/// What there is no memory for.
const BATCH: &str = "a batch of images";

/// A network on the CPU.
///
/// ```no_run
/// # fn load() -> Result<(), Box<dyn std::error::Error>> {
/// use ddim_web::engine::{CpuEngine, Denoiser};
///
/// let config = std::fs::read_to_string("config.json")?;
/// let weights = std::fs::read("diffusion_pytorch_model.safetensors")?;
/// println!("{} parameters", CpuEngine::load(&config, &weights)?.info().parameters);
/// # Ok(())
/// # }
/// ```
pub struct CpuEngine {
    config: UnetConfig,
    weights: Arc<Weights>,
    /// The tensor [`Plan::frequencies`], where there is one.
    frequencies: Option<Vec<f32>>,
    kernels: Kernels,
    info: EngineInfo,
    /// The program of the size, and for the number of threads, that was asked for last.
    program: Mutex<Option<Arc<Program>>>,
}

/// How a network is loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CpuOptions<'a> {
    /// One of [`CpuEngine::instructions`]; `None` for the best of them.
    pub instructions: Option<&'a str>,
    /// When weights are put in the order of the inner loops.
    pub packing: Packing,
    /// How weights are stored that are put in order in each step: [`Storage::F16`] rounds those of 32 bits.
    pub storage: Storage,
}

/// A batch and the memory that it runs in.
pub struct CpuBatch {
    spec: BatchSpec,
    program: Arc<Program>,
    workspaces: Vec<Workspace>,
    x_t: Vec<f32>,
    x0_hat: Vec<f32>,
    out: Vec<f32>,
}

impl CpuEngine {
    /// The network of `config_json` with the weights in `safetensors`.
    ///
    /// # Errors
    /// [`EngineError`] says which file is wrong and where.
    pub fn load(config_json: &str, safetensors: &[u8]) -> Result<Self, EngineError> {
        Self::load_with(config_json, safetensors.into(), &CpuOptions::default())
    }

    /// The names of the sets of vector instructions that this processor has, the best first.
    pub fn instructions() -> Vec<&'static str> {
        let names = Kernels::available().into_iter().map(|set| set.name);
        names.collect()
    }

    /// As [`CpuEngine::load`], with the instructions of this name, one of [`CpuEngine::instructions`].
    ///
    /// # Errors
    /// As for [`CpuEngine::load`], and [`EngineError::Device`] when this processor has no such instructions.
    pub fn load_with_instructions(
        config_json: &str,
        safetensors: &[u8],
        instructions: &str,
    ) -> Result<Self, EngineError> {
        let options = CpuOptions {
            instructions: Some(instructions),
            ..CpuOptions::default()
        };
        Self::load_with(config_json, safetensors.into(), &options)
    }

    /// As [`CpuEngine::load`], as `options` say. A large network keeps the bytes that it is given, or a copy of those that
    /// are lent.
    ///
    /// # Errors
    /// As for [`CpuEngine::load_with_instructions`], and [`EngineError::Device`] when a weight is too large for 16 bits.
    pub fn load_with(
        config_json: &str,
        safetensors: Cow<'_, [u8]>,
        options: &CpuOptions,
    ) -> Result<Self, EngineError> {
        let kernels = options
            .instructions
            .map_or_else(|| Ok(Kernels::best()), named)?;
        let config = UnetConfig::from_json(config_json)?;
        // Which of two ways to compute a convolution is the faster one depends on the size.
        let plan = Plan::trained(&config)?;
        let mut file = WeightsFile::new(&plan.params, safetensors)?;
        let wait = options.packing.waits(&plan);
        if wait && options.storage == Storage::F16 {
            file = file.halve().map_err(Storage::overflow)?;
        }
        let ops = pack::pack(&plan, &file, kernels.rows, wait)?;
        let frequencies = plan.frequencies.map(|at| file.tensor(at.0)).transpose()?;
        let file = if wait { Some(file.into_owned()) } else { None };
        let weights = Arc::new(Weights { ops, file });
        let info = EngineInfo::new(
            EngineKind::Plan,
            DeviceKind::Cpu,
            kernels.name.to_string(),
            &config,
            plan.parameters(),
        );
        Ok(Self {
            config,
            weights,
            frequencies,
            kernels,
            info,
            program: Mutex::new(None),
        })
    }

    /// How weights are kept: those of a network that is not large are always [`Storage::F32`].
    pub fn storage(&self) -> Storage {
        let file = self.weights.file.as_ref();
        file.map_or(Storage::F32, WeightsFile::storage)
    }

    fn program(&self, size: [usize; 2]) -> Result<Arc<Program>, EngineError> {
        let threads = threads::available();
        let mut last = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = last
            .as_ref()
            .filter(|program| program.plan.size == size && program.threads == threads)
        {
            return Ok(program.clone());
        }
        let plan = Plan::new(&self.config, size)?;
        // Its memory is free before the next one's is asked for, unless a batch still runs on it.
        *last = None;
        let program = Arc::new(Program::new(plan, self.weights.clone(), self.kernels)?);
        *last = Some(program.clone());
        Ok(program)
    }

    /// The network's output for `batch.x_t` into `batch.out`.
    fn forward(&self, batch: &mut CpuBatch, timesteps: &[f32]) -> Result<(), EngineError> {
        input::check_timesteps(&self.config, batch.spec.shape[0], timesteps)?;
        let [_, channels, height, width] = batch.spec.shape;
        let (image, out) = (
            channels * height * width,
            self.config.out_channels * height * width,
        );
        let (program, labels) = (&batch.program, batch.spec.labels.as_deref());
        let one = |i: usize, workspace: &mut Workspace, out: &mut [f32], threads: usize| {
            let t = timesteps[i];
            let features = program.plan.time_features(t, self.frequencies.as_deref());
            let class = labels.map(|labels| labels[i]);
            let x = &batch.x_t[i * image..][..image];
            program.run(workspace, &features, class, x, out, threads);
            let divisor = program.plan.output_divisor(t);
            if divisor != 1.0 {
                out.iter_mut().for_each(|v| *v /= divisor);
            }
        };
        threads::images(&mut batch.workspaces, &mut batch.out, out, one);
        Ok(())
    }
}

/// The inner loops for the instructions of this name.
fn named(instructions: &str) -> Result<Kernels, EngineError> {
    Kernels::named(instructions).ok_or_else(|| {
        let there = CpuEngine::instructions().join(", ");
        EngineError::Device(format!(
            "this processor has no instructions {instructions}; it has {there}"
        ))
    })
}

impl Denoiser for CpuEngine {
    type Batch = CpuBatch;

    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn check(&self, spec: &BatchSpec) -> Result<(), EngineError> {
        let labels = spec.labels.as_deref();
        input::check(&self.config, spec.shape, labels)?;
        let [count, channels, height, width] = spec.shape;
        let program = self.program([height, width])?;
        let workspaces = program.missing(count.min(threads::available()));
        // x_t, x0_hat and the network's output.
        let outputs = allocate::volume(&[count, self.config.out_channels, height, width]);
        let inputs = allocate::volume(&[2, count, channels, height, width]);
        let batch = allocate::bytes::<f32>(inputs.saturating_add(outputs));
        Ok(allocate::room(BATCH, workspaces.saturating_add(batch))?)
    }

    fn begin(&self, spec: &BatchSpec, x_t: Vec<f32>) -> Result<CpuBatch, EngineError> {
        self.check(spec)?;
        input::check_length(spec.shape, x_t.len())?;
        let [count, _, height, width] = spec.shape;
        let program = self.program([height, width])?;
        let numbers = allocate::volume(&[count, self.config.out_channels, height, width]);
        Ok(CpuBatch {
            workspaces: (0..count.min(threads::available()))
                .map(|_| program.workspace())
                .collect::<Result<_, _>>()?,
            program,
            out: allocate::zeros(BATCH, numbers)?,
            x0_hat: allocate::copied(BATCH, &x_t)?,
            x_t,
            spec: spec.clone(),
        })
    }

    async fn step(
        &self,
        batch: &mut CpuBatch,
        t: usize,
        c: &StepCoefficients,
        noise: Option<Vec<f32>>,
    ) -> Result<(), EngineError> {
        let count = batch.spec.shape[0];
        self.forward(batch, &vec![t as f32; count])?;
        if let Some(noise) = &noise {
            input::check_length(batch.spec.shape, noise.len())?;
        }
        let CpuBatch {
            x_t, x0_hat, out, ..
        } = batch;
        if let Clip::Dynamic { .. } = c.clip {
            // The magnitudes of one image are sorted.
            allocate::room(BATCH, allocate::bytes::<f32>((x_t.len() / count) as u64))?;
        }
        c.apply(count, x_t, x0_hat, out, noise.as_deref());
        Ok(())
    }

    fn results(
        &self,
        batch: &mut CpuBatch,
    ) -> impl Future<Output = Result<Results, EngineError>> + use<> {
        let copied = |numbers| allocate::copied("the results of a step", numbers);
        let results = copied(&batch.x0_hat).and_then(|x0_hat| {
            let x_t = copied(&batch.x_t)?;
            Ok(Results { x0_hat, x_t })
        });
        std::future::ready(results.map_err(EngineError::from))
    }

    async fn predict(
        &self,
        spec: &BatchSpec,
        x: Vec<f32>,
        timesteps: &[f32],
    ) -> Result<Vec<f32>, EngineError> {
        let mut batch = self.begin(spec, x)?;
        self.forward(&mut batch, timesteps)?;
        batch.program.give_back(batch.workspaces);
        Ok(batch.out)
    }
}
