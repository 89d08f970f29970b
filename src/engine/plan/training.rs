//! A training step as a list: the forward operations, the loss, and the gradient of every parameter.
//!
//! [`TrainingPlan::new`] lowers a network like [`Plan::new`] and then derives the backward half (`backward.rs`). A
//! gradient that is a convolution again, or a normalisation made a second time, is an [`Op`] like any other, so that
//! an engine runs it with the kernels it has; [`Back`] has the rest, one rule each. Nothing here knows a device.
//!
//! Every buffer is written once per channel: a gradient with two parts is a new buffer that the operation with the
//! last part writes, with the other part added. So lifetimes decide alone what shares a place.

use super::backward;
use super::memory::arrange;
use super::{Op, Param, Plan, Resample, Source, View};
use crate::unet::config::{Activation, UnetConfig};
use crate::unet::input::{self, InputError};

/// A lowered training step.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingPlan {
    /// The network, with the buffers of the gradients after its own, and with the operations of the backward half
    /// that are [`Op`]s after its own. [`Self::steps`] has the order; its `arena` and offsets are those of sampling
    /// and mean nothing here.
    pub plan: Plan,
    /// How many of the plan's operations are the forward half.
    pub forward: usize,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// What a perfect network puts out goes here before the first step: like [`Plan::output`].
    pub target: View,
    /// The image's part of the loss is here after the last step: one number.
    pub loss: View,
    /// For every buffer the view whose gradient it is, so that engines lay both out alike; `None` for a buffer that is
    /// none.
    pub twins: Vec<Option<View>>,
    /// Whether a buffer is a vector made of the timestep's features alone (or the gradient of one), not a feature map.
    pub vectors: Vec<bool>,
}

/// One item of the list.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    clippy::large_enum_variant,
    reason = "a list has some hundred of them, and rules read better without boxes"
)]
pub enum Step {
    /// An operation of [`TrainingPlan::plan`], by number.
    Op(usize),
    /// One that only training has.
    Back(Back),
}

/// An operation of the backward half. Gradients are those of the batch's loss.
#[derive(Debug, Clone, PartialEq)]
pub enum Back {
    /// With `o` the network's output divided by `d` ([`Plan::output_divisor`]), `target` as [`TrainingPlan::target`],
    /// `w` the image's weight and `n` the numbers of the whole batch's output:
    /// `loss = w/n Σ (o - target)²`, `gradient = 2 w/(n d) (o - target)`.
    Loss {
        /// [`Plan::output`].
        output: View,
        /// [`TrainingPlan::target`].
        target: View,
        /// One number per image.
        loss: View,
        /// Of the output.
        gradient: View,
    },
    /// The gradient of a convolution's weights, summed over the batch:
    /// `weights[o][i][tap] = Σ_images Σ_pixels gradient[o] source[i][tap]`.
    Weights {
        /// What the convolution read.
        source: Source,
        /// Of its result.
        gradient: View,
        /// 1 or 3.
        kernel: usize,
        /// 1 or 2.
        stride: usize,
        /// As in [`super::Conv::padding`].
        padding: usize,
        /// Several stand one below the other, as in [`super::Conv::weights`].
        weights: Vec<Param>,
    },
    /// `output[c] = Σ_pixels gradient[c]` of one image: the gradient of what a convolution added to every pixel.
    Sum {
        /// A feature map or a vector.
        gradient: View,
        /// A vector of as many channels.
        output: View,
    },
    /// `params = Σ_images source`, one after the other.
    Reduce {
        /// A vector.
        source: View,
        /// Their lengths together are its channels.
        params: Vec<Param>,
    },
    /// `table[class of the image] = Σ_images of that class source`; 0 for the other rows.
    Classes {
        /// A vector.
        source: View,
        /// `[classes, channels]`.
        table: Param,
    },
    /// The gradient of a [`Source`]: through resampling, nonlinearity and normalisation.
    Through(Through),
    /// The gradient of attention.
    Attention {
        /// Queries, keys and values, as in [`Op::Attention`].
        qkv: View,
        /// Number of heads.
        heads: usize,
        /// Channels of each.
        head_dim: usize,
        /// Of its result.
        gradient: View,
        /// Of `qkv`.
        output: View,
    },
    /// `output = a + b`.
    Add {
        /// The one.
        a: View,
        /// The other.
        b: View,
        /// Their sum.
        output: View,
    },
    /// Dropout: `output = keep(source) / (1 - p)`, where each number is kept with probability `1 - p` of
    /// `config.dropout`. The gradient goes through the same operation, with the same `layer`.
    Drop {
        /// What it reads.
        source: Source,
        /// Which numbers are kept is a function of the step's seed, the image, this number and the place
        /// `[channel][row][column]`; see [`kept`].
        layer: u32,
        /// Of the same shape.
        output: View,
    },
}

/// `output = add + scale d(source)/dx gradient`, where `source = resample(act(norm(x)))`.
#[derive(Debug, Clone, PartialEq)]
pub struct Through {
    /// x. Not read without `norm` and `act`.
    pub input: View,
    /// What normalised it.
    pub norm: Option<NormGradient>,
    /// The nonlinearity.
    pub act: Option<Activation>,
    /// The change of resolution.
    pub resample: Resample,
    /// The factor.
    pub scale: f32,
    /// Of the source, at the source's resolution.
    pub gradient: View,
    /// What is added: another part of the same gradient.
    pub add: Option<View>,
    /// Of x.
    pub output: View,
}

/// A normalisation as its gradient sees it: `u = (1 + s) (weight xhat + bias) + b` with `xhat = (x - mean) / deviation`,
/// see [`Op::Normalise`].
#[derive(Debug, Clone, PartialEq)]
pub struct NormGradient {
    /// Channels of a group share mean and variance.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f64,
    /// `[channels]`.
    pub weight: Param,
    /// `[channels]`.
    pub bias: Param,
    /// s and then b of every channel.
    pub modulation: Option<View>,
    /// Of the modulation, laid out like it.
    pub modulation_gradient: Option<View>,
    /// The image's part of the gradients of `weight` and then of `bias`: `[2, channels]`.
    pub affine_gradient: View,
}

impl TrainingPlan {
    /// The training step of `config` for images of `size` = `[height, width]`.
    ///
    /// # Errors
    /// [`InputError`] when the network cannot be trained, or cannot run on that size.
    pub fn new(config: &UnetConfig, size: [usize; 2]) -> Result<Self, InputError> {
        input::check_trainable(config)?;
        Ok(backward::derive(Plan::new(config, size)?))
    }

    /// The step at which each buffer is first written and last read; what comes from outside is written before the
    /// first, and the loss is read after the last.
    pub fn lifetimes(&self) -> Vec<(usize, usize)> {
        let mut alive = vec![(usize::MAX, 0); self.plan.buffers.len()];
        let mut touch = |view: View, at: usize| {
            let (first, last) = &mut alive[view.buffer];
            *first = (*first).min(at);
            *last = (*last).max(at);
        };
        for view in [self.plan.features, self.plan.input, self.target] {
            touch(view, 0);
        }
        for (at, step) in self.steps.iter().enumerate() {
            let (reads, writes) = self.views(step);
            reads
                .into_iter()
                .chain(writes)
                .for_each(|view| touch(view, at));
        }
        touch(self.loss, self.steps.len());
        alive
    }

    /// Numbers that one image needs when buffers that are never alive together share their place, and numbers when
    /// nothing does; `usize::MAX` are more than any memory has.
    pub fn memory(&self) -> [usize; 2] {
        let mut buffers = self.plan.buffers.clone();
        let shared = arrange(&mut buffers, &self.lifetimes()).unwrap_or(usize::MAX);
        let lengths = buffers.iter().map(super::Buffer::len);
        [shared, lengths.fold(0, usize::saturating_add)]
    }

    /// Every view that a step reads, and every one that it writes.
    pub fn views(&self, step: &Step) -> (Vec<View>, Vec<View>) {
        match step {
            Step::Op(at) => {
                let op: &Op = &self.plan.ops[*at];
                (op.reads(), vec![op.writes()])
            }
            Step::Back(back) => (back.reads(), back.writes()),
        }
    }
}

impl Back {
    /// Every view it reads.
    pub fn reads(&self) -> Vec<View> {
        let of = |source: &Source| [Some(source.view), source.norm].into_iter().flatten();
        match self {
            Self::Loss { output, target, .. } => vec![*output, *target],
            Self::Weights {
                source, gradient, ..
            } => of(source).chain([*gradient]).collect(),
            Self::Sum { gradient, .. } => vec![*gradient],
            Self::Reduce { source, .. } | Self::Classes { source, .. } => vec![*source],
            Self::Attention { qkv, gradient, .. } => vec![*qkv, *gradient],
            Self::Add { a, b, .. } => vec![*a, *b],
            Self::Drop { source, .. } => of(source).collect(),
            Self::Through(through) => {
                let looks = through.norm.is_some() || through.act.is_some();
                let modulation = through.norm.as_ref().and_then(|norm| norm.modulation);
                [
                    looks.then_some(through.input),
                    modulation,
                    Some(through.gradient),
                    through.add,
                ]
                .into_iter()
                .flatten()
                .collect()
            }
        }
    }

    /// Every view it writes.
    pub fn writes(&self) -> Vec<View> {
        match self {
            Self::Loss { loss, gradient, .. } => vec![*loss, *gradient],
            Self::Weights { .. } | Self::Reduce { .. } | Self::Classes { .. } => Vec::new(),
            Self::Sum { output, .. }
            | Self::Attention { output, .. }
            | Self::Add { output, .. }
            | Self::Drop { output, .. } => vec![*output],
            Self::Through(through) => {
                let norm = through.norm.as_ref();
                [
                    Some(through.output),
                    norm.map(|norm| norm.affine_gradient),
                    norm.and_then(|norm| norm.modulation_gradient),
                ]
                .into_iter()
                .flatten()
                .collect()
            }
        }
    }
}

/// Whether dropout with probability `p` keeps the number `place` of a picture: one that is the same on every engine.
/// `seed` is that of the step and the image, see [`drop_seed`].
pub fn kept(seed: u32, layer: u32, place: u32, p: f64) -> bool {
    let word = mixed(mixed(seed ^ layer.wrapping_mul(0x9e37_79b9)) ^ place);
    // 24 bits, which a f32 holds exactly, as WGSL has no f64.
    (word >> 8) as f32 / 16_777_216.0 >= p as f32
}

/// The seed of one image of a step whose own is `seed`.
pub fn drop_seed(seed: u32, image: usize) -> u32 {
    mixed(drop_seed_from(seed, image))
}

/// The seed of a batch that begins with image `first` of the batch of `seed`.
pub fn drop_seed_from(seed: u32, first: usize) -> u32 {
    seed.wrapping_add((first as u32).wrapping_mul(0x85eb_ca6b))
}

/// A mixing of 32 bits in which every bit of the word decides about every bit of the result: "lowbias32" of Ellis'
/// hash-prospector.
fn mixed(mut word: u32) -> u32 {
    word ^= word >> 16;
    word = word.wrapping_mul(0x7feb_352d);
    word ^= word >> 15;
    word = word.wrapping_mul(0x846c_a68b);
    word ^ (word >> 16)
}
