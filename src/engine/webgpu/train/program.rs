//! A training step for one size of images and batch: everything that does not change from step to step.

use super::super::clock::Clock;
use super::super::device::{Gpu, STRIDE};
use super::super::draft::{Drafter, Style, ZEROS};
use super::super::readback::{Filled, Readback};
use super::super::state::Shape;
use super::super::storage::bytes;
use super::layout::Layout;
use super::masters::Masters;
use super::muon::Muon;
use super::state::{RESULTS, TrainState};
use super::steps::{SQUARES, Steps};
use super::sums;
use super::task::{Bound, Task};
use crate::allocate;
use crate::engine::optimizer::Optimizer;
use crate::engine::plan::{Plan, TrainingPlan};
use crate::engine::{EngineError, TrainBatch, Update};

/// What a device may have no room for.
pub const ARENA: &str = "a training step's intermediate results";

/// What is trained, on the device: a buffer for each piece.
pub struct Trained {
    /// Values, their average and both moments; behind those of the first piece whether steps change nothing.
    pub all: Vec<wgpu::Buffer>,
    /// The last batch's gradients.
    pub gradients: Vec<wgpu::Buffer>,
}

/// The program of a batch.
pub struct Program {
    /// Height and width, and images.
    pub shape: ([usize; 2], usize),
    /// The rule by which it changes the weights.
    pub optimizer: Optimizer,
    plan: Plan,
    state: TrainState,
    /// Groups of images that are computed one after the other, because the arena of all is too large for one binding.
    groups: usize,
    numbers: wgpu::Buffer,
    /// What is uploaded for all groups; each is copied in its turn.
    uploads: Option<wgpu::Buffer>,
    /// Gradients; then the loss and their norm alone; then those and the change of the weights.
    runs: [Vec<Dispatch>; 3],
    bindings: Vec<[wgpu::BindGroup; 3]>,
    readback: Readback,
    /// What the operations wrote.
    #[cfg(all(test, not(target_arch = "wasm32")))]
    pub arena: wgpu::Buffer,
}

struct Dispatch {
    pipeline: wgpu::ComputePipeline,
    groups: [u32; 3],
    bound: usize,
    piece: usize,
    offset: u32,
    name: String,
}

/// How a program is made.
#[derive(Debug, Clone, Copy)]
pub struct Making {
    /// How its kernels are.
    pub style: Style,
    /// Invocations that keep the device busy.
    pub busy: usize,
    /// Most bytes of intermediate results.
    pub memory: u64,
    /// By which rule it changes the weights.
    pub optimizer: Optimizer,
}

/// What a submission does besides computing gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Then<'a> {
    /// Nothing.
    Stay,
    /// It changes the weights.
    Change(&'a Update),
}

impl Program {
    /// The program for `batch` images of `training`'s size, whose numbers lie as `layout` says.
    ///
    /// # Errors
    /// [`EngineError::Device`] when the device is too small for a single image, [`EngineError::Kernel`] for a kernel
    /// of ours.
    pub fn new(
        gpu: &Gpu,
        training: TrainingPlan,
        layout: &Layout,
        batch: usize,
        masters: &Masters,
        trained: &Trained,
        making: Making,
    ) -> Result<Self, EngineError> {
        let muon = match making.optimizer {
            Optimizer::Adam => None,
            Optimizer::Muon => Some(Muon::new(masters, &training.plan.params)),
        };
        let steps = |images: usize| {
            let plan = &training.plan;
            let [height, width] = plan.size;
            Steps {
                training: &training,
                layout,
                masters,
                drafter: Drafter {
                    plan,
                    lanes: &layout.lanes,
                    places: &layout.places,
                    batch: images,
                    style: making.style,
                    masters: true,
                },
                state: TrainState {
                    shape: Shape {
                        batch: images,
                        inputs: plan.config.in_channels,
                        outputs: 0,
                        pixels: height * width,
                        features: 4 * layout.lanes.blocks(plan.features),
                    },
                    images: batch.next_multiple_of(images),
                    parts: masters.pieces.len() * SQUARES,
                    sums: sums::length(&training, layout),
                    muon: muon.as_ref().map_or(0, Muon::numbers),
                },
                busy: making.busy,
            }
        };
        let limits = gpu.limits();
        let most = gpu.most().min(making.memory) / 16;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let spare = most.saturating_sub(ZEROS + steps(batch).scratch());
        let at_once = (spare / layout.places.image).clamp(1, batch);
        let groups = batch.div_ceil(at_once);
        let steps = steps(batch.div_ceil(groups));
        let state = steps.state;
        // Before kernels are told places, which they count in 32 bits.
        let size = steps
            .drafter
            .vectors()
            .saturating_add(steps.scratch() as u64);
        let size = size.saturating_mul(16);
        gpu.fits(ARENA, size)?;
        let runs = [
            steps.gradients()?,
            steps.update(false, None)?,
            steps.update(true, muon.as_ref())?,
        ];
        let row = limits.max_compute_workgroups_per_dimension as usize;
        if let Some(task) = runs
            .iter()
            .flatten()
            .find(|t| t.groups.iter().any(|n| *n > row))
        {
            return Err(EngineError::Device(format!(
                "batch or size too large: a step would take {:?} workgroups, {} takes {row} in a row",
                task.groups,
                gpu.name()
            )));
        }
        let storage = wgpu::BufferUsages::STORAGE;
        let copied = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let arena = gpu.buffer(ARENA, size, storage | wgpu::BufferUsages::COPY_SRC)?;
        let numbers = gpu.buffer("a training batch", 4 * state.len() as u64, storage | copied)?;
        let table = 4 * state.table() as u64;
        gpu.queue()
            .write_buffer(&numbers, table, &bytes(&steps.table()));
        if let Some(muon) = &muon {
            let at = 4 * state.muon() as u64;
            gpu.queue().write_buffer(&numbers, at, &bytes(&muon.table));
        }
        let uploads = match groups {
            1 => None,
            _ => {
                let size = allocate::volume(&[4, groups, state.uploaded()]);
                Some(gpu.buffer("a training batch", size, copied)?)
            }
        };
        let (parameters, runs) = compiled(gpu, runs)?;
        let bindings = trained.all.iter().zip(&trained.gradients);
        let bindings = bindings
            .zip(&masters.pieces)
            .map(|((all, gradients), size)| {
                let values = wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: all,
                    offset: 0,
                    size: wgpu::BufferSize::new(16 * *size as u64),
                });
                let whole = wgpu::Buffer::as_entire_binding;
                let bind = |a, b, c| gpu.bind_resources([a, b, whole(&parameters), c]);
                [
                    bind(whole(&arena), values, whole(&numbers)),
                    bind(whole(&arena), whole(&numbers), whole(gradients)),
                    bind(whole(all), whole(gradients), whole(&numbers)),
                ]
            })
            .collect();
        gpu.check()?;
        Ok(Self {
            shape: (training.plan.size, batch),
            optimizer: making.optimizer,
            plan: training.plan,
            state,
            groups,
            numbers,
            uploads,
            runs,
            bindings,
            readback: Readback::new(gpu, RESULTS),
            #[cfg(all(test, not(target_arch = "wasm32")))]
            arena,
        })
    }

    /// Kernels that a step starts.
    pub fn dispatches(&self) -> usize {
        self.groups * self.runs[0].len() + self.runs[2].len()
    }

    /// One submission: the gradients of `batch` and what comes `then`.
    ///
    /// # Errors
    /// [`EngineError`] when the device failed or is gone.
    pub fn submit(
        &self,
        gpu: &Gpu,
        frequencies: Option<&[f32]>,
        batch: &TrainBatch,
        then: Then<'_>,
    ) -> Result<Filled, EngineError> {
        gpu.check()?;
        let update = match then {
            Then::Stay => None,
            Then::Change(update) => Some(update),
        };
        let buffer = self.readback.take()?;
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        let length = 4 * self.state.uploaded() as u64;
        for group in 0..self.groups {
            let first = group * self.state.shape.batch;
            let numbers = self.state.uploaded() as u64;
            allocate::room("a training batch", allocate::bytes::<f32>(numbers))?;
            let upload = self
                .state
                .upload(&self.plan, frequencies, batch, update, first);
            let upload = bytes(&upload);
            match &self.uploads {
                None => gpu.queue().write_buffer(&self.numbers, 0, &upload),
                Some(uploads) => {
                    let at = group as u64 * length;
                    gpu.queue().write_buffer(uploads, at, &upload);
                    encoder.copy_buffer_to_buffer(uploads, at, &self.numbers, 0, length);
                }
            }
            self.encode(&self.runs[0], &mut encoder);
        }
        self.encode(&self.runs[1 + usize::from(update.is_some())], &mut encoder);
        let results = 4 * self.state.results() as u64;
        encoder.copy_buffer_to_buffer(&self.numbers, results, &buffer, 0, buffer.size());
        let submission = gpu.queue().submit([encoder.finish()]);
        Ok(Filled { buffer, submission })
    }

    /// The numbers of a submission: loss, norm, status.
    pub fn read(
        &self,
        filled: Filled,
    ) -> impl Future<Output = Result<Vec<f32>, EngineError>> + use<> {
        self.readback.read(filled)
    }

    /// Seconds of every kernel of a step, each measured alone by running it `times` times more than once; what it
    /// computes is of no use then.
    ///
    /// # Errors
    /// [`EngineError`] when the device failed or is gone.
    pub async fn times(
        &self,
        gpu: &Gpu,
        times: usize,
    ) -> Result<Vec<(String, [u32; 3], f64)>, EngineError> {
        let mut all = Vec::new();
        for dispatch in self.runs[0].iter().chain(&self.runs[2]) {
            let run = async |times: usize| {
                let mut encoder = gpu.device().create_command_encoder(&Default::default());
                self.encode(std::iter::repeat_n(dispatch, times), &mut encoder);
                let commands = encoder.finish();
                let clock = Clock::start();
                let submission = gpu.queue().submit([commands]);
                gpu.finish(submission).await?;
                Ok::<_, EngineError>(clock.seconds())
            };
            run(1).await?;
            let once = run(1).await?;
            let seconds = (run(1 + times).await? - once) / times as f64;
            all.push((dispatch.name.clone(), dispatch.groups, seconds));
        }
        Ok(all)
    }

    fn encode<'a>(
        &self,
        run: impl IntoIterator<Item = &'a Dispatch>,
        encoder: &mut wgpu::CommandEncoder,
    ) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        let mut last = None;
        for dispatch in run {
            if last != Some(&dispatch.pipeline) {
                pass.set_pipeline(&dispatch.pipeline);
                last = Some(&dispatch.pipeline);
            }
            let binding = &self.bindings[dispatch.piece][dispatch.bound];
            pass.set_bind_group(0, binding, &[dispatch.offset]);
            let [x, y, z] = dispatch.groups;
            pass.dispatch_workgroups(x, y, z);
        }
    }
}

/// The parameters of all tasks, [`STRIDE`] bytes apart, and their kernels.
fn compiled(
    gpu: &Gpu,
    runs: [Vec<Task>; 3],
) -> Result<(wgpu::Buffer, [Vec<Dispatch>; 3]), EngineError> {
    let stride = STRIDE as usize;
    let count: usize = runs.iter().map(Vec::len).sum();
    let mut all = vec![0; count * stride];
    let mut next = 0;
    let runs = runs.map(|tasks| {
        let dispatch = |task: Task| {
            let at = next;
            next += stride;
            let to = all[at..at + stride].chunks_exact_mut(4);
            for (to, value) in to.zip(&task.parameters) {
                to.copy_from_slice(&value.to_le_bytes());
            }
            Dispatch {
                pipeline: gpu.pipeline(&task.code),
                groups: task.groups.map(|n| n as u32),
                bound: match task.bound {
                    Bound::Network => 0,
                    Bound::Gradients => 1,
                    Bound::Update => 2,
                },
                piece: task.piece,
                offset: at as u32,
                name: task.name,
            }
        };
        tasks.into_iter().map(dispatch).collect()
    });
    let uniform = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
    let parameters = gpu.buffer("parameters", all.len() as u64, uniform)?;
    gpu.queue().write_buffer(&parameters, 0, &all);
    Ok((parameters, runs))
}
