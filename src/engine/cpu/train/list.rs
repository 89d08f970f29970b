//! A training step for one size of batch: what each item of the list needs, and the whole list from pictures to
//! gradients.
//!
//! What happens to each image on its own is carried out for some images on each thread, as far as the list goes before a sum over the
//! batch stands in it; then that sum is made, with every number of it on one thread. So nothing depends on the number
//! of threads.

use std::ops::Range;

use super::super::kernels::Kernels;
use super::super::memory::{Memory, Numbers, Places, Room};
use super::super::program::Image;
use super::super::threads;
use super::attention::AttentionGradientTask;
use super::back::Facts;
use super::operation::{OpTask, Weights};
use super::reduce::Gradients;
use super::sums;
use super::tensors::{Layout, Tensors};
use super::weights::{Shape, WeightTask};
use crate::allocate::{self, OutOfMemory};
use crate::engine::learner::TrainBatch;
use crate::engine::plan::{Back, Param, Step, TrainingPlan, View, drop_seed};

/// One network for one shape of batch and one number of threads.
#[derive(Debug)]
pub struct List {
    /// What it carries out.
    pub plan: TrainingPlan,
    /// Images of a batch.
    pub images: usize,
    /// Threads that there is room for.
    pub threads: usize,
    kernels: Kernels,
    places: Places,
    stretches: Vec<Stretch>,
    /// Numbers of one thread's room, of the grids of a gradient of weights, of its sums, of what a thread needs for it.
    lengths: [usize; 4],
}

/// Memory for a [`List`].
#[derive(Debug)]
pub struct BatchMemory {
    images: Numbers,
    rooms: Numbers,
    grids: Numbers,
    sums: Numbers,
    sum_rooms: Numbers,
}

/// Items for each image on its own, and then sums over the batch.
#[derive(Debug, Default)]
struct Stretch {
    items: Vec<Item>,
    sums: Vec<Sum>,
}

/// Something that happens to each image.
#[derive(Debug)]
enum Item {
    /// An operation of the plan, by number.
    Op(usize, Box<OpTask>),
    /// One that only training has, by its step.
    Back(usize, Option<AttentionGradientTask>),
    /// For the sum of this number that follows: what it reads.
    Grids(usize),
}

/// Something that is summed over the batch.
#[derive(Debug)]
enum Sum {
    Weights(Box<WeightTask>),
    Reduce { source: View, params: Vec<Param> },
    Classes { source: View, table: Param },
}

impl List {
    /// `plan` for a batch of `images`, for as many threads as there are.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(
        plan: TrainingPlan,
        layout: &Layout,
        packed: &[Weights],
        images: usize,
        kernels: Kernels,
    ) -> Result<Self, OutOfMemory> {
        let threads = threads::available();
        let within = if threads::side_by_side(threads, images) {
            1
        } else {
            threads
        };
        let mut alive = plan.lifetimes();
        let mut stretches = vec![Stretch::default()];
        let mut pending = Vec::new();
        let mut lengths = [0; 4];
        let last = plan.steps.len() - 1;
        for (at, step) in plan.steps.iter().enumerate() {
            let mut room = Room::new(within);
            let stretch = stretches.last_mut().expect("there is always one");
            match step {
                Step::Op(op) => {
                    let task = OpTask::new(
                        &plan.plan,
                        &plan.plan.ops[*op],
                        &packed[*op],
                        kernels,
                        &mut room,
                    )?;
                    stretch.items.push(Item::Op(*op, Box::new(task)));
                }
                Step::Back(Back::Weights {
                    source,
                    gradient,
                    kernel,
                    stride,
                    padding,
                    weights,
                }) => {
                    let shape = Shape {
                        source: *source,
                        gradient: *gradient,
                        kernel: *kernel,
                        stride: *stride,
                        padding: *padding,
                        weights,
                    };
                    let task =
                        WeightTask::new(&plan.plan, layout, &shape, images, kernels, &mut room)?;
                    for (length, needed) in lengths[1..].iter_mut().zip(task.lengths()) {
                        *length = needed.max(*length);
                    }
                    // Sums of vectors wait, so that images are left as seldom as can be.
                    stretch.items.push(Item::Grids(pending.len()));
                    pending.push((at, Sum::Weights(Box::new(task))));
                    for (since, sum) in &pending {
                        sum.keep(*since, at, &mut alive);
                    }
                    stretch.sums.extend(pending.drain(..).map(|(_, sum)| sum));
                    stretches.push(Stretch::default());
                }
                Step::Back(Back::Reduce { source, params }) => {
                    let (source, params) = (*source, params.clone());
                    pending.push((at, Sum::Reduce { source, params }));
                }
                Step::Back(Back::Classes { source, table }) => {
                    let (source, table) = (*source, *table);
                    pending.push((at, Sum::Classes { source, table }));
                }
                Step::Back(back) => {
                    let task = match back {
                        Back::Attention {
                            qkv,
                            heads,
                            head_dim,
                            ..
                        } => {
                            let buffer = plan.plan.buffer(*qkv);
                            let pixels = buffer.height * buffer.width;
                            let task = AttentionGradientTask::new(
                                pixels, *heads, *head_dim, kernels, &mut room,
                            )?;
                            Some(task)
                        }
                        _ => None,
                    };
                    stretch.items.push(Item::Back(at, task));
                }
            }
            lengths[0] = lengths[0].max(room.length);
        }
        for (since, sum) in &pending {
            sum.keep(*since, last, &mut alive);
        }
        if let Some(stretch) = stretches.last_mut() {
            stretch.sums.extend(pending.into_iter().map(|(_, sum)| sum));
        }
        Ok(Self {
            places: Places::arranged(&plan.plan, alive, &[])?,
            plan,
            images,
            threads,
            kernels,
            stretches,
            lengths,
        })
    }

    /// Memory for a batch.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn memory(&self) -> Result<BatchMemory, OutOfMemory> {
        let [room, grids, sums, sum_room] = self.lengths;
        let zeros = |count: usize, length: usize| {
            Numbers::zeros(
                "a training step's batch",
                allocate::volume(&[count, length]),
            )
        };
        Ok(BatchMemory {
            images: zeros(self.images, self.places.length())?,
            rooms: zeros(self.workers(self.threads), room)?,
            grids: zeros(1, grids)?,
            sums: zeros(1, sums)?,
            sum_rooms: zeros(self.threads, sum_room)?,
        })
    }

    /// How many of `threads` threads have a room of their own.
    fn workers(&self, threads: usize) -> usize {
        if threads::side_by_side(threads, self.images) {
            threads
        } else {
            1
        }
    }

    /// The loss of `batch`, whose shape must be this list's; the gradient of every parameter into `gradients`.
    pub fn run(
        &self,
        memory: &mut BatchMemory,
        packed: &[Weights],
        tensors: Tensors,
        frequencies: Option<&[f32]>,
        batch: &TrainBatch,
        gradients: &mut [f32],
    ) -> f64 {
        // However many there are by now: rooms were cut for these.
        let threads = self.threads;
        assert!(memory.rooms.len() >= self.workers(threads) * self.lengths[0]);
        let sum_places = sums::Places {
            grids: memory.grids.memory(),
            sums: memory.sums.memory(),
            rooms: memory.sum_rooms.memory(),
            room: self.lengths[3],
        };
        let rooms = memory.rooms.memory();
        let images = memory.images.memory();
        let image = |index: usize, threads: usize| Image {
            plan: &self.plan.plan,
            places: &self.places,
            kernels: self.kernels,
            memory: images.from(index * self.places.length()),
            file: None,
            threads,
        };
        let gradients = Gradients {
            layout: tensors.layout,
            flat: Memory::of(gradients),
        };
        for (number, stretch) in self.stretches.iter().enumerate() {
            let some = |worker: usize, images: Range<usize>, threads: usize| {
                let room = rooms.from(worker * self.lengths[0]);
                if number == 0 {
                    for index in images.clone() {
                        // SAFETY: every image is worked on once at a time, and nothing else is written before the
                        // first operation.
                        unsafe { self.begin(&image(index, threads), batch, index, frequencies) };
                    }
                }
                // One item after the other, so that its weights are read for many images before they are pushed out of
                // the cache.
                for item in &stretch.items {
                    for index in images.clone() {
                        let image = image(index, threads);
                        let facts = self.facts(batch, index);
                        // SAFETY: every image is worked on once at a time, and a worker has a room of its own. Tasks
                        // were made for the same items, with the room that they need; grids are long enough for any
                        // sum, and each image has a part of them.
                        unsafe {
                            match item {
                                Item::Op(at, task) => {
                                    let op = &self.plan.plan.ops[*at];
                                    image.operate(op, &packed[*at], task, facts.class, room);
                                }
                                Item::Back(at, task) => {
                                    if let Step::Back(back) = &self.plan.steps[*at] {
                                        image.back(back, task.as_ref(), &facts, tensors, room);
                                    }
                                }
                                Item::Grids(sum) => {
                                    if let Sum::Weights(task) = &stretch.sums[*sum] {
                                        let mut to = sum_places.grids;
                                        for grid in task.grids() {
                                            image.lay_on_grid(grid, index, to, room);
                                            to = to.from(grid.length());
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
            };
            threads::workers(threads, self.images, some);
            for sum in &stretch.sums {
                // SAFETY: no image is being worked on, and what a sum reads is kept until here. Every parameter has
                // one sum.
                unsafe {
                    match sum {
                        Sum::Weights(task) => {
                            task.run(self.kernels, &sum_places, threads, gradients.flat)
                        }
                        Sum::Reduce { source, params } => {
                            let images = (0..self.images).map(|index| image(index, 1));
                            gradients.reduce(images, *source, params);
                        }
                        Sum::Classes { source, table } => {
                            let classes = batch.labels.as_deref().unwrap_or_default();
                            let images = (0..self.images).map(|index| image(index, 1));
                            gradients.classes(images.zip(classes.iter().copied()), *source, *table);
                        }
                    }
                }
            }
        }
        // SAFETY: everything is done.
        let loss = |index: usize| unsafe { f64::from(image(index, 1).read(self.plan.loss)[0]) };
        (0..self.images).map(loss).sum()
    }

    fn facts(&self, batch: &TrainBatch, index: usize) -> Facts {
        let plan = &self.plan.plan;
        let output = plan.buffer(plan.output);
        Facts {
            class: batch.labels.as_ref().map(|labels| labels[index]),
            weight: batch.levels[index].weight,
            divisor: plan.output_divisor(batch.timesteps[index]),
            drop_seed: drop_seed(batch.drop_seed, index),
            numbers: self.images * output.height * output.width * plan.output.channels,
        }
    }

    /// Puts image `index` of `batch` where the list looks for it.
    ///
    /// # Safety
    /// Nothing else may use the image's memory meanwhile.
    unsafe fn begin(
        &self,
        image: &Image,
        batch: &TrainBatch,
        index: usize,
        frequencies: Option<&[f32]>,
    ) {
        let plan = &self.plan.plan;
        // SAFETY: all three are alive before the first operation, so that they lie apart.
        let (features, input, target) = unsafe {
            (
                image.write(plan.features),
                image.write(plan.input),
                image.write(self.plan.target),
            )
        };
        features.copy_from_slice(&plan.time_features(batch.timesteps[index], frequencies));
        let level = batch.levels[index];
        let (first, length) = (index * input.len(), input.len());
        let pictures = &batch.x0[first..first + length];
        let noises = &batch.eps[first..first + length];
        for (i, (x0, eps)) in pictures.iter().zip(noises).enumerate() {
            let x_t = level.signal * x0 + level.noise * eps;
            input[i] = if plan.config.center_input_sample {
                2.0 * x_t - 1.0
            } else {
                x_t
            };
            target[i] = level.c_x0 * x0 + level.c_eps * eps;
        }
    }
}

impl Sum {
    /// What it reads is alive since step `from` at least until step `to`.
    fn keep(&self, from: usize, to: usize, alive: &mut [(usize, usize)]) {
        let source = match self {
            // Their grids were made at once.
            Self::Weights(_) => return,
            Self::Reduce { source, .. } | Self::Classes { source, .. } => source,
        };
        debug_assert!(from <= to);
        let last = &mut alive[source.buffer].1;
        *last = to.max(*last);
    }
}
