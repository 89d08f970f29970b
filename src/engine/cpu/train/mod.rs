//! Training on the CPU: the backward half of the plan, and how the weights change.

mod adam;
mod attention;
mod back;
mod grid;
mod list;
mod muon;
mod operation;
mod parts;
mod pixels;
mod reduce;
mod sums;
mod tensors;
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
mod through;
mod tiles;
mod weights;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use adam::State;
use list::{BatchMemory, List};
use muon::Muon;
use operation::Weights;
use tensors::{Layout, Tensors};

use super::kernels::Kernels;
use super::threads;
use crate::allocate::{self, OutOfMemory};
use crate::engine::learner::{
    Gradients, Learner, LearnerState, StepNumbers, TrainBatch, Update, clip_factor,
};
use crate::engine::optimizer::Optimizer;
use crate::engine::plan::{Op, Plan, TrainingPlan};
use crate::engine::{DeviceKind, EngineError, EngineInfo, EngineKind, STATE};
use crate::unet::config::UnetConfig;
use crate::unet::input;
use crate::unet::weights::{TensorSpec, WeightsError};

/// A network in training on the CPU.
///
/// Its results do not depend on the number of threads: every sum over the batch is made by one thread, from the first
/// image to the last.
pub struct CpuLearner {
    config: UnetConfig,
    params: Vec<TensorSpec>,
    kernels: Kernels,
    info: EngineInfo,
    layout: Layout,
    state: State,
    gradients: Vec<f32>,
    squares: Vec<f64>,
    muon: Muon,
    /// What Adam changes: of all weights, and of those that Muon leaves.
    chunks: [Vec<Range<usize>>; 2],
    /// The list for the shape of batch that was there last.
    current: Option<Current>,
    /// A step was not finite, and its numbers have not been handed out.
    stopped: Arc<AtomicBool>,
}

/// A list, its weights and its memory.
struct Current {
    list: List,
    packed: Vec<Weights>,
    /// Whether `packed` is what the weights are now.
    fresh: bool,
    memory: BatchMemory,
}

impl CpuLearner {
    /// The network of `config` in the state `state`, with the best instructions that this processor has.
    ///
    /// # Errors
    /// [`EngineError::Weights`] when the state is that of another network, [`EngineError::Input`] when the network is
    /// too large for any image.
    pub fn new(config: UnetConfig, state: &LearnerState) -> Result<Self, EngineError> {
        Self::with_kernels(config, state, Kernels::best())
    }

    /// As [`CpuLearner::new`], with the instructions of this name, one of [`CpuEngine::instructions`].
    ///
    /// # Errors
    /// As for [`CpuLearner::new`], and [`EngineError::Device`] when this processor has no such instructions.
    ///
    /// [`CpuEngine::instructions`]: crate::engine::CpuEngine::instructions
    pub fn with_instructions(
        config: UnetConfig,
        state: &LearnerState,
        instructions: &str,
    ) -> Result<Self, EngineError> {
        Self::with_kernels(config, state, super::named(instructions)?)
    }

    fn with_kernels(
        config: UnetConfig,
        state: &LearnerState,
        kernels: Kernels,
    ) -> Result<Self, EngineError> {
        input::check_trainable(&config)?;
        let plan = Plan::trained(&config)?;
        let layout = Layout::new(&plan.params);
        for tensors in [
            &state.values,
            &state.average,
            &state.moment_1,
            &state.moment_2,
        ] {
            fits(&plan.params, tensors)?;
        }
        let info = EngineInfo::new(
            EngineKind::Plan,
            DeviceKind::Cpu,
            kernels.name.to_string(),
            &config,
            plan.parameters(),
        );
        let muon = Muon::new(&plan.params)?;
        let length = layout.length;
        Ok(Self {
            config,
            kernels,
            info,
            chunks: [
                adam::chunks(std::iter::once(0..length)),
                adam::chunks(muon.others(length)),
            ],
            muon,
            state: State {
                values: layout.flat(&state.values)?,
                average: layout.flat(&state.average)?,
                moment_1: layout.flat(&state.moment_1)?,
                moment_2: layout.flat(&state.moment_2)?,
            },
            gradients: allocate::zeros(STATE, layout.length as u64)?,
            squares: Vec::new(),
            layout,
            params: plan.params,
            current: None,
            stopped: Arc::default(),
        })
    }

    /// Whether all weights can be handed out `times` times.
    fn room(&self, times: u64) -> Result<(), OutOfMemory> {
        let bytes = allocate::bytes::<f32>(self.layout.length as u64);
        allocate::room(STATE, bytes.saturating_mul(times))
    }

    /// The list for `batch`, with the weights as they are now.
    fn prepare(&mut self, batch: &TrainBatch) -> Result<(), EngineError> {
        let [images, _, height, width] = batch.shape;
        let threads = threads::available();
        let fits = |current: &Current| {
            let list = &current.list;
            list.images == images
                && list.plan.plan.size == [height, width]
                && list.threads == threads
        };
        if !self.current.as_ref().is_some_and(fits) {
            // Before there is memory for another one.
            self.current = None;
            let plan = TrainingPlan::new(&self.config, [height, width])?;
            let one = |op: &Op| {
                let single = match op {
                    Op::Conv(conv) => plan.vectors[conv.source.view.buffer],
                    Op::Normalise { .. } | Op::Attention { .. } => false,
                };
                Weights::new(&plan.plan, op, single, self.kernels)
            };
            let packed: Vec<Weights> = plan.plan.ops.iter().map(one).collect::<Result<_, _>>()?;
            let list = List::new(plan, &self.layout, &packed, images, self.kernels)?;
            self.current = Some(Current {
                memory: list.memory()?,
                list,
                packed,
                fresh: false,
            });
        }
        Ok(())
    }

    /// The loss of `batch`; its gradients into `self.gradients`.
    fn run(&mut self, batch: &TrainBatch) -> Result<f64, EngineError> {
        batch.check(&self.config)?;
        self.prepare(batch)?;
        Ok(self.carry_out(batch))
    }

    /// The same for a batch that was prepared for.
    fn carry_out(&mut self, batch: &TrainBatch) -> f64 {
        let Some(current) = &mut self.current else {
            unreachable!("it was prepared");
        };
        let tensors = Tensors {
            layout: &self.layout,
            flat: &self.state.values,
        };
        let Current {
            list,
            packed,
            fresh,
            memory,
        } = current;
        let frequencies = list.plan.plan.frequencies.map(|at| tensors.get(at));
        let (kernels, gradients) = (self.kernels, &mut self.gradients);
        threads::inside(|| {
            if !*fresh {
                let ops = &list.plan.plan.ops;
                threads::each_mut(packed, |at, packed| {
                    packed.fill(&ops[at], kernels, |param| tensors.get(param));
                });
                *fresh = true;
            }
            list.run(memory, packed, tensors, frequencies, batch, gradients)
        })
    }

    fn make_step(
        &mut self,
        batch: &TrainBatch,
        update: &Update,
    ) -> Result<StepNumbers, EngineError> {
        let loss = self.run(batch)?;
        Ok(self.change(loss as f32, update))
    }

    /// Changes the weights along the gradients that are there, those of a batch whose loss is `loss`.
    fn change(&mut self, loss: f32, update: &Update) -> StepNumbers {
        let (state, gradients, squares) = (&mut self.state, &self.gradients, &mut self.squares);
        let (muon, kernels) = (&mut self.muon, self.kernels);
        let norm = threads::inside(|| adam::norm(gradients, squares));
        let numbers = StepNumbers {
            loss,
            grad_norm: norm as f32,
        };
        if !numbers.finite() {
            self.stopped.store(true, Ordering::SeqCst);
        } else if !self.stopped.load(Ordering::SeqCst) {
            let clip = clip_factor(norm, update.clip) as f32;
            let [all, others] = &self.chunks;
            threads::inside(|| match update.optimizer {
                Optimizer::Adam => state.change(all, gradients, clip, update),
                Optimizer::Muon => {
                    state.change(others, gradients, clip, update);
                    muon.change(kernels, state, gradients, clip, update);
                }
            });
            if let Some(current) = &mut self.current {
                current.fresh = false;
            }
        }
        numbers
    }
}

/// Whether `tensors` are those of a network with `params`.
fn fits(params: &[TensorSpec], tensors: &[Vec<f32>]) -> Result<(), WeightsError> {
    let mut error = (Vec::new(), Vec::new(), Vec::new());
    for (i, param) in params.iter().enumerate() {
        match tensors.get(i) {
            None => error.0.push(param.name.clone()),
            Some(tensor) if tensor.len() != param.shape.iter().product::<usize>() => {
                error
                    .2
                    .push((param.name.clone(), param.shape.clone(), vec![tensor.len()]));
            }
            Some(_) => {}
        }
    }
    for i in params.len()..tensors.len() {
        error.1.push(format!("tensor {i}"));
    }
    let (missing, extra, misshapen) = error;
    if missing.is_empty() && extra.is_empty() && misshapen.is_empty() {
        return Ok(());
    }
    Err(WeightsError::Mismatch {
        missing,
        extra,
        misshapen,
    })
}

/// Lets steps change something again once it is gone: with the numbers of a step, or without anyone who wants them.
struct HandedOut {
    stopped: Arc<AtomicBool>,
    finite: bool,
}

impl Drop for HandedOut {
    fn drop(&mut self) {
        if !self.finite {
            self.stopped.store(false, Ordering::SeqCst);
        }
    }
}

impl Learner for CpuLearner {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn params(&self) -> &[TensorSpec] {
        &self.params
    }

    async fn gradients(&mut self, batch: &TrainBatch) -> Result<Gradients, EngineError> {
        let loss = self.run(batch)? as f32;
        self.room(1)?;
        Ok(Gradients {
            loss,
            gradients: self.layout.split(&self.gradients),
        })
    }

    fn step(
        &mut self,
        batch: &TrainBatch,
        update: &Update,
    ) -> impl Future<Output = Result<StepNumbers, EngineError>> + use<> {
        let numbers = self.make_step(batch, update);
        let handed_out = HandedOut {
            stopped: self.stopped.clone(),
            finite: numbers.as_ref().map_or(true, StepNumbers::finite),
        };
        async move {
            drop(handed_out);
            numbers
        }
    }

    async fn state(&mut self) -> Result<LearnerState, EngineError> {
        self.room(4)?;
        let state = &self.state;
        Ok(LearnerState {
            values: self.layout.split(&state.values),
            average: self.layout.split(&state.average),
            moment_1: self.layout.split(&state.moment_1),
            moment_2: self.layout.split(&state.moment_2),
        })
    }
}
