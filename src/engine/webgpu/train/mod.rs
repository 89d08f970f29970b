//! Training on the GPU: a [`TrainingPlan`] as one list of dispatches and one submission a step.
//!
//! Weights, their average, both moments and the gradients stay on the device, in one layout; a step is forward, loss,
//! backward, the gradient's norm, clipping, Adam or Muon and the average. The host uploads pictures and noise, and reads
//! three numbers without waiting for them. No sum depends on an order that a device chooses, so the same step gives the
//! same bits.

mod kernels;
mod layout;
mod masters;
mod muon;
mod products;
mod program;
mod state;
mod steps;
mod sums;
mod task;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;

use super::device::{Gpu, Kind};
use super::measure;
use super::readback::Readback;
use super::storage::bytes;
use crate::allocate;
use crate::engine::STATE;
use crate::engine::optimizer::Optimizer;
use crate::engine::plan::{Param, Plan, TrainingPlan};
use crate::engine::{
    DeviceKind, EngineError, EngineInfo, EngineKind, Gradients, Learner, LearnerState, StepNumbers,
    TrainBatch, Update,
};
use crate::unet::config::UnetConfig;
use crate::unet::weights::{TensorSpec, WeightsError};
use layout::Layout;
use masters::Masters;
use program::{Making, Program, Then, Trained};
use steps::{COPIES, pitch};

/// A network in training on the GPU.
pub struct GpuLearner {
    gpu: Gpu,
    config: UnetConfig,
    info: EngineInfo,
    params: Vec<TensorSpec>,
    /// Tensors that are not trained.
    fixed: Vec<Option<Vec<f32>>>,
    /// One of them, as [`Plan::frequencies`].
    frequencies: Option<Param>,
    masters: Masters,
    trained: Trained,
    making: Making,
    program: Option<Program>,
}

impl GpuLearner {
    /// The network of `config` in `state` on `gpu`.
    ///
    /// # Errors
    /// [`EngineError`] says what does not fit the network, or what the device lacks.
    pub async fn new(
        gpu: &Gpu,
        config: &UnetConfig,
        state: &LearnerState,
    ) -> Result<Self, EngineError> {
        let plan = Plan::trained(config)?;
        let training = TrainingPlan::new(config, plan.size)?;
        let params = plan.params.clone();
        for tensors in parts(state) {
            check(&params, tensors)?;
        }
        let layout = laid_out(gpu, &training)?;
        let most = (gpu.most() / (16 * COPIES as u64)).saturating_sub(16);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let masters = Masters::new(&training, &layout.lanes, most);
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC;
        let mut trained = Trained {
            all: Vec::new(),
            gradients: Vec::new(),
        };
        for size in &masters.pieces {
            // With the flag that stops steps.
            let all = 16 * (COPIES as u64 * pitch(*size) as u64 + 1);
            trained
                .all
                .push(gpu.buffer("weights in training", all, usage)?);
            trained
                .gradients
                .push(gpu.buffer("gradients", 16 * *size as u64, usage)?);
        }
        let style = measure::style_of_training(gpu, &plan).await?;
        let info = EngineInfo::new(
            EngineKind::Plan,
            DeviceKind::Gpu,
            gpu.name().to_string(),
            config,
            plan.parameters(),
        );
        let fixed = masters.tensors.iter().zip(&state.values);
        let fixed = fixed
            .map(|(tensor, values)| tensor.is_none().then(|| values.clone()))
            .collect();
        let this = Self {
            gpu: gpu.clone(),
            config: config.clone(),
            info,
            params,
            fixed,
            frequencies: plan.frequencies,
            masters,
            trained,
            making: Making {
                style,
                busy: match gpu.kind() {
                    Kind::Hardware => 131_072,
                    Kind::Software => 512,
                },
                memory: u64::MAX,
                optimizer: Optimizer::default(),
            },
            program: None,
        };
        this.load(state)?;
        gpu.check()?;
        Ok(this)
    }

    /// With at most `bytes` for what lies between the operations, unless a single image needs more: a batch that takes
    /// more is computed in groups, with the same result up to rounding. Without it, as many as the device binds at once.
    pub fn within(mut self, bytes: u64) -> Self {
        self.making.memory = bytes;
        self.program = None;
        self
    }

    /// Kernels that a step of the last batch's size starts; 0 before the first.
    pub fn dispatches(&self) -> usize {
        self.program.as_ref().map_or(0, Program::dispatches)
    }

    /// Seconds and workgroups of every kernel of a step of the last batch's size, by name, each measured alone with
    /// `times` runs; none before the first step. The network that is trained is of no use afterwards.
    ///
    /// # Errors
    /// [`EngineError`] when the device failed or is gone.
    pub async fn times(&self, times: usize) -> Result<Vec<(String, [u32; 3], f64)>, EngineError> {
        match &self.program {
            Some(program) => program.times(&self.gpu, times).await,
            None => Ok(Vec::new()),
        }
    }

    /// The tiles of its convolutions.
    pub fn tuning(&self) -> super::tuning::Tuning {
        self.making.style.tuning
    }

    fn load(&self, state: &LearnerState) -> Result<(), EngineError> {
        for (copy, tensors) in parts(state).into_iter().enumerate() {
            for (piece, size) in self.masters.pieces.iter().enumerate() {
                let mut numbers = allocate::zeros(STATE, 4 * *size as u64)?;
                for (tensor, values) in self.masters.tensors.iter().zip(tensors) {
                    let Some(tensor) = tensor.as_ref().filter(|t| t.piece == piece) else {
                        continue;
                    };
                    allocate::room(STATE, allocate::bytes::<usize>(values.len() as u64))?;
                    for (at, value) in tensor.places().into_iter().zip(values) {
                        numbers[at] = *value;
                    }
                }
                let at = 16 * copy * pitch(*size);
                let queue = self.gpu.queue();
                queue.write_buffer(&self.trained.all[piece], at as u64, &bytes(&numbers));
            }
        }
        Ok(())
    }

    /// Whether all numbers can be handed out `times` times, with places for one tensor more.
    fn room(&self, times: u64) -> Result<(), EngineError> {
        let numbers = self.info.parameters as u64;
        let bytes = allocate::bytes::<f32>(numbers).saturating_mul(times);
        let places = allocate::bytes::<usize>(numbers);
        Ok(allocate::room(STATE, bytes.saturating_add(places))?)
    }

    /// The tensors in `pieces`, each from `first` vectors on.
    fn tensors(
        &self,
        pieces: &[Vec<f32>],
        first: impl Fn(usize) -> usize,
    ) -> Vec<Option<Vec<f32>>> {
        let tensor = |tensor: &Option<masters::Tensor>| {
            tensor.as_ref().map(|tensor| {
                let numbers = &pieces[tensor.piece];
                let from = 4 * first(self.masters.pieces[tensor.piece]);
                tensor
                    .places()
                    .into_iter()
                    .map(|at| numbers[from + at])
                    .collect()
            })
        };
        self.masters.tensors.iter().map(tensor).collect()
    }

    /// `tensors`, with what is not trained as it is, or as zeros.
    fn filled(&self, tensors: Vec<Option<Vec<f32>>>, values: bool) -> Vec<Vec<f32>> {
        let pairs = tensors.into_iter().zip(&self.fixed);
        pairs
            .map(|(tensor, fixed)| {
                tensor.unwrap_or_else(|| match fixed {
                    Some(fixed) if values => fixed.clone(),
                    Some(fixed) => vec![0.0; fixed.len()],
                    None => Vec::new(),
                })
            })
            .collect()
    }

    fn frequencies(&self) -> Option<&[f32]> {
        self.fixed[self.frequencies?.0].as_deref()
    }

    /// Everything of `buffers`, after all that was submitted so far.
    async fn download(&self, buffers: &[wgpu::Buffer]) -> Result<Vec<Vec<f32>>, EngineError> {
        let mut pieces = Vec::new();
        for buffer in buffers {
            let readback = Readback::new(&self.gpu, buffer.size() as usize / 4);
            let copy = readback.take()?;
            let device = self.gpu.device();
            let mut encoder = device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(buffer, 0, &copy, 0, copy.size());
            let submission = self.gpu.queue().submit([encoder.finish()]);
            let filled = super::readback::Filled {
                buffer: copy,
                submission,
            };
            pieces.push(readback.read(filled).await?);
        }
        Ok(pieces)
    }

    /// The program for `batch`, and for changing the weights by `optimizer`.
    fn prepare(
        &mut self,
        batch: &TrainBatch,
        optimizer: Option<Optimizer>,
    ) -> Result<(), EngineError> {
        batch.check(&self.config)?;
        let [count, _, height, width] = batch.shape;
        let shape = ([height, width], count);
        let fits = |p: &Program| {
            p.shape == shape && optimizer.is_none_or(|optimizer| p.optimizer == optimizer)
        };
        if self.program.as_ref().is_some_and(fits) {
            return Ok(());
        }
        let training = TrainingPlan::new(&self.config, [height, width])?;
        let layout = laid_out(&self.gpu, &training)?;
        // The old one's memory is free before the new one's is asked for.
        self.program = None;
        let program = Program::new(
            &self.gpu,
            training,
            &layout,
            count,
            &self.masters,
            &self.trained,
            Making {
                optimizer: optimizer.unwrap_or_default(),
                ..self.making
            },
        )?;
        self.program = Some(program);
        Ok(())
    }

    fn submit<'a>(
        &'a mut self,
        batch: &TrainBatch,
        then: Then<'_>,
    ) -> Result<(&'a Program, super::readback::Filled), EngineError> {
        let optimizer = match then {
            Then::Stay => None,
            Then::Change(update) => Some(update.optimizer),
        };
        self.prepare(batch, optimizer)?;
        let this: &Self = self;
        match &this.program {
            Some(program) => {
                let filled = program.submit(&this.gpu, this.frequencies(), batch, then)?;
                Ok((program, filled))
            }
            None => unreachable!("it was made in the line above"),
        }
    }

    fn begin(
        &mut self,
        batch: &TrainBatch,
        update: &Update,
    ) -> Result<impl Future<Output = Result<StepNumbers, EngineError>> + use<>, EngineError> {
        let gpu = self.gpu.clone();
        let flag = self.trained.all[0].clone();
        let at = 16 * (COPIES * pitch(self.masters.pieces[0])) as u64;
        let (program, filled) = self.submit(batch, Then::Change(update))?;
        let reading = program.read(filled);
        Ok(async move {
            let read = reading.await?;
            let (loss, grad_norm, status) = (read[0], read[1], read[2]);
            if status == 1.0 {
                // Those that begin from now on count again.
                gpu.queue().write_buffer(&flag, at, &[0; 4]);
            }
            Ok(StepNumbers {
                loss: if status == 2.0 { f32::NAN } else { loss },
                grad_norm,
            })
        })
    }
}

impl Learner for GpuLearner {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn params(&self) -> &[TensorSpec] {
        &self.params
    }

    async fn gradients(&mut self, batch: &TrainBatch) -> Result<Gradients, EngineError> {
        let (program, filled) = self.submit(batch, Then::Stay)?;
        let loss = program.read(filled).await?[0];
        let pieces = self.download(&self.trained.gradients).await?;
        self.room(1)?;
        let gradients = self.tensors(&pieces, |_| 0);
        Ok(Gradients {
            loss,
            gradients: self.filled(gradients, false),
        })
    }

    fn step(
        &mut self,
        batch: &TrainBatch,
        update: &Update,
    ) -> impl Future<Output = Result<StepNumbers, EngineError>> + use<> {
        let begun = self.begin(batch, update);
        async move { begun?.await }
    }

    async fn state(&mut self) -> Result<LearnerState, EngineError> {
        let pieces = self.download(&self.trained.all).await?;
        self.room(COPIES as u64)?;
        let part = |copy: usize, values: bool| {
            let tensors = self.tensors(&pieces, |size| copy * pitch(size));
            self.filled(tensors, values)
        };
        Ok(LearnerState {
            values: part(0, true),
            average: part(1, true),
            moment_1: part(2, false),
            moment_2: part(3, false),
        })
    }
}

/// Where the numbers of a step lie on `gpu`.
fn laid_out(gpu: &Gpu, training: &TrainingPlan) -> Result<Layout, EngineError> {
    Layout::new(training).ok_or_else(|| gpu.refusal(program::ARENA, u64::MAX))
}

/// In the order in which the device keeps them.
fn parts(state: &LearnerState) -> [&[Vec<f32>]; COPIES] {
    [
        &state.values,
        &state.average,
        &state.moment_1,
        &state.moment_2,
    ]
}

/// Whether `tensors` are those of `params`.
fn check(params: &[TensorSpec], tensors: &[Vec<f32>]) -> Result<(), EngineError> {
    let missing = params.iter().skip(tensors.len());
    let pairs = params.iter().zip(tensors);
    let misshapen = pairs
        .filter(|(param, tensor)| param.shape.iter().product::<usize>() != tensor.len())
        .map(|(param, tensor)| (param.name.clone(), param.shape.clone(), vec![tensor.len()]));
    let error = WeightsError::Mismatch {
        missing: missing.map(|param| param.name.clone()).collect(),
        extra: (params.len()..tensors.len())
            .map(|i| format!("tensor {i}"))
            .collect(),
        misshapen: misshapen.collect(),
    };
    match &error {
        WeightsError::Mismatch {
            missing,
            extra,
            misshapen,
        } if missing.is_empty() && extra.is_empty() && misshapen.is_empty() => Ok(()),
        _ => Err(EngineError::Weights(error)),
    }
}
