//! Where the numbers of a training step lie: the layout of `webgpu/layout.rs`, with what only training has.
//!
//! A gradient has the lanes of what it is the gradient of. An attention's gradient needs two products of all pairs of
//! pixels beside it, what the sums over the batch leave in parts lies after all images.

use std::collections::HashMap;

use super::super::layout::{Lanes, Places};
use super::sums::reduced;
use crate::engine::plan::{Back, Buffer, Op, Plan, Resample, Source, Step, TrainingPlan, arrange};
use crate::unet::config::Activation;

/// What follows a normalisation where it is read.
pub type After = (Option<Activation>, Resample);

/// Where everything is.
pub struct Layout {
    /// Lanes of every buffer.
    pub lanes: Lanes,
    /// Places in one image's part of the arena.
    pub places: Places,
    /// For every normalisation of the plan what follows it.
    pub after: HashMap<usize, After>,
    /// For every step that is an attention's gradient the vectors at which its two products begin.
    pub products: HashMap<usize, [usize; 2]>,
}

impl Layout {
    /// That of `training`; `None` where no memory is as long.
    pub fn new(training: &TrainingPlan) -> Option<Self> {
        Self::living(training, training.lifetimes())
    }

    /// The same with a place for every buffer alone, so that after a step all of them are there.
    #[cfg(all(test, not(target_arch = "wasm32")))]
    pub fn apart(training: &TrainingPlan) -> Option<Self> {
        let whole = (0, training.steps.len());
        Self::living(training, vec![whole; training.plan.buffers.len()])
    }

    /// With buffers that are needed between the steps of `alive`.
    fn living(training: &TrainingPlan, mut alive: Vec<(usize, usize)>) -> Option<Self> {
        let plan = &training.plan;
        let lanes = lanes(training);
        let after = after(training);
        let mut buffers = plan.buffers.clone();
        for (i, buffer) in buffers.iter_mut().enumerate() {
            buffer.channels = 4 * lanes.blocks(whole(i, plan));
        }
        // Sums over the batch are made at the end.
        for (source, _) in reduced(training) {
            alive[source.buffer].1 = training.steps.len();
        }
        let mut scores = vec![None; plan.ops.len()];
        let mut pairs = HashMap::new();
        for (at, step) in training.steps.iter().enumerate() {
            let mut product = |[height, width]: [usize; 2], heads: usize| {
                let pixels = height * width;
                buffers.push(Buffer {
                    height: heads,
                    width: pixels,
                    channels: pixels.next_multiple_of(4),
                    offset: 0,
                });
                alive.push((at, at));
                buffers.len() - 1
            };
            match step {
                Step::Op(op) => match &plan.ops[*op] {
                    Op::Normalise { input, output, .. } => {
                        let half = |side: usize| match after[op].1 {
                            Resample::Average2x => side / 2,
                            _ => side,
                        };
                        let from = plan.buffer(*input);
                        let staged = &mut buffers[output.buffer];
                        (staged.height, staged.width) = (half(from.height), half(from.width));
                        staged.channels = 4 * lanes.blocks(*input);
                    }
                    Op::Attention { qkv, heads, .. } => {
                        let buffer = plan.buffer(*qkv);
                        scores[*op] = Some(product([buffer.height, buffer.width], *heads));
                    }
                    Op::Conv(_) => {}
                },
                Step::Back(Back::Attention { qkv, heads, .. }) => {
                    let buffer = plan.buffer(*qkv);
                    let size = [buffer.height, buffer.width];
                    pairs.insert(at, [product(size, *heads), product(size, *heads)]);
                }
                Step::Back(_) => {}
            }
        }
        let numbers = arrange(&mut buffers, &alive)?;
        let products = pairs
            .into_iter()
            .map(|(at, pair)| (at, pair.map(|buffer| buffers[buffer].offset / 4)))
            .collect();
        Some(Self {
            lanes,
            places: Places::whole(buffers, scores, numbers),
            after,
            products,
        })
    }
}

fn whole(buffer: usize, plan: &Plan) -> crate::engine::plan::View {
    crate::engine::plan::View {
        buffer,
        first: 0,
        channels: plan.buffers[buffer].channels,
    }
}

/// Every view that a step uses begins with a block of its own, and so does what is laid out like it.
fn lanes(training: &TrainingPlan) -> Lanes {
    let mut cuts = Lanes::new(&training.plan).cuts;
    for step in &training.steps {
        let (reads, writes) = training.views(step);
        for view in reads.into_iter().chain(writes) {
            cuts[view.buffer].extend([view.first, view.first + view.channels]);
        }
    }
    // A gradient comes after what it is the gradient of: once back, once forth.
    let pairs = || training.twins.iter().enumerate();
    for (own, twin) in pairs().rev() {
        let Some(twin) = twin else { continue };
        let moved: Vec<usize> = cuts[own].iter().map(|cut| cut + twin.first).collect();
        cuts[twin.buffer].extend(moved);
    }
    for (own, twin) in pairs() {
        let Some(twin) = twin else { continue };
        let end = twin.first + twin.channels;
        cuts[own] = cuts[twin.buffer]
            .iter()
            .filter(|cut| (twin.first..=end).contains(*cut))
            .map(|cut| cut - twin.first)
            .collect();
    }
    for cuts in &mut cuts {
        cuts.sort_unstable();
        cuts.dedup();
    }
    Lanes { cuts }
}

/// The nonlinearity and the change of resolution that follow each normalisation.
fn after(training: &TrainingPlan) -> HashMap<usize, After> {
    let plan = &training.plan;
    let mut readers = HashMap::new();
    for step in &training.steps {
        let source: Option<&Source> = match step {
            Step::Op(at) => match &plan.ops[*at] {
                Op::Conv(conv) => Some(&conv.source),
                _ => None,
            },
            Step::Back(Back::Weights { source, .. } | Back::Drop { source, .. }) => Some(source),
            Step::Back(_) => None,
        };
        if let Some(source) = source
            && let Some(norm) = source.norm
        {
            // A change of resolution without an average is the reader's own.
            readers.insert(norm.buffer, (source.act, source.resample));
        }
    }
    let ops = plan.ops.iter().enumerate();
    ops.filter_map(|(at, op)| match op {
        Op::Normalise { output, .. } => {
            let after = readers.get(&output.buffer).copied();
            Some((at, after.unwrap_or((None, Resample::Keep))))
        }
        _ => None,
    })
    .collect()
}
