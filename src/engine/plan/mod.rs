//! A network as a flat list of fused operations over buffers whose places are decided in advance.
//!
//! [`Plan::new`] lowers a [`UnetConfig`] for one image size; running a step is replaying [`Plan::ops`]. Nothing here
//! knows a device: an executor brings the kernels and decides how it stores weights. All buffers are those of one
//! image, channels last `[height, width, channels]`; images of a batch are independent of each other.
//!
//! What the list saves over a network written layer by layer: a normalisation is two numbers per channel that the
//! next convolution applies while it loads, together with the nonlinearity; bias, time embedding, residual and scale
//! are added while it stores; a decoder's input is never joined by a copy, because both parts were written side by
//! side; the time embeddings of all blocks are one matrix product.

#[cfg(feature = "train")]
mod backward;
#[cfg_attr(
    not(feature = "gpu"),
    expect(dead_code, reason = "without its engine only what it takes is told")
)]
pub(in crate::engine) mod card;
mod fold;
mod footprint;
mod lower;
mod memory;
mod print;
#[cfg(feature = "train")]
mod print_training;
mod reference;
#[cfg(feature = "train")]
mod training;

#[cfg(all(feature = "train", any(feature = "cpu", not(target_arch = "wasm32"))))]
pub(in crate::engine) use fold::merged;
#[cfg(any(feature = "cpu", feature = "gpu", not(target_arch = "wasm32")))]
pub(in crate::engine) use fold::small_kernel;
pub(in crate::engine) use fold::upsamples;
pub use footprint::Footprint;
#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
pub(in crate::engine) use footprint::{BLOCK, TILES_TOGETHER};
#[cfg(all(
    feature = "train",
    any(feature = "gpu", feature = "cpu", not(target_arch = "wasm32"))
))]
pub(in crate::engine) use memory::arrange;
#[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
pub(in crate::engine) use memory::arrange_spans;
#[cfg(feature = "train")]
pub use reference::gradients;
pub use reference::{ImageState, Reference};
#[cfg(feature = "train")]
pub use training::{
    Back, NormGradient, Step, Through, TrainingPlan, drop_seed, drop_seed_from, kept,
};

use crate::unet::config::{Activation, UnetConfig};
use crate::unet::input::InputError;
use crate::unet::weights::TensorSpec;

/// A lowered network.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What it was lowered from.
    pub config: UnetConfig,
    /// Height and width of the image.
    pub size: [usize; 2],
    /// Every tensor of the weights file, in the order in which the list needs them.
    pub params: Vec<TensorSpec>,
    /// Every buffer that an operation reads or writes.
    pub buffers: Vec<Buffer>,
    /// The operations, in order.
    pub ops: Vec<Op>,
    /// The frequencies of the timestep's features, of a network with Fourier features.
    pub frequencies: Option<Param>,
    /// The features of the timestep go here before the first operation, see [`Plan::features`].
    pub features: View,
    /// x_t goes here before the first operation, in -1…1 where the network centres its input itself.
    pub input: View,
    /// The network's output is here after the last operation; see [`Plan::output_divisor`].
    pub output: View,
    /// Numbers that one image needs when buffers that are never alive together share their place.
    pub arena: usize,
}

/// Index of a tensor in [`Plan::params`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param(pub usize);

/// One intermediate result of one image, `[height, width, channels]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffer {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Numbers per pixel.
    pub channels: usize,
    /// First number in the arena: a multiple of [`ALIGNMENT`].
    pub offset: usize,
}

impl Buffer {
    /// Numbers in it; `usize::MAX` where no memory has as many, which is in no plan.
    pub fn len(&self) -> usize {
        self.height
            .saturating_mul(self.width)
            .saturating_mul(self.channels)
    }

    /// Whether it holds nothing, which a plan's buffers never do.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Buffers begin at multiples of this many numbers: 256 bytes, what WebGPU asks of a binding.
pub const ALIGNMENT: usize = 64;

/// Some channels of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Index in [`Plan::buffers`].
    pub buffer: usize,
    /// The first channel.
    pub first: usize,
    /// How many.
    pub channels: usize,
}

/// How an operation looks at its input's resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resample {
    /// As it is.
    Keep,
    /// Twice as high and wide, nearest neighbour.
    Nearest2x,
    /// Half as high and wide, the mean of each 2×2 square (of values already normalised and activated).
    Average2x,
    /// Twice as high and wide, zeros between: what stood in row and column i stands in 2 i, or in 2 i + 1. Only
    /// gradients are read like that, those of a convolution with a stride of 2.
    Insert2x {
        /// 2 i + 1.
        odd: bool,
    },
}

/// What a convolution reads: `resample(act(scale x + shift))`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Source {
    /// x.
    pub view: View,
    /// Scale and shift of every channel as [`Op::Normalise`] made them, `[2, channels]`.
    pub norm: Option<View>,
    /// The nonlinearity.
    pub act: Option<Activation>,
    /// The change of resolution.
    pub resample: Resample,
}

impl Source {
    /// `view` as it is.
    pub fn plain(view: View) -> Self {
        Self {
            view,
            norm: None,
            act: None,
            resample: Resample::Keep,
        }
    }
}

/// What is added to a convolution's result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Residual {
    /// Nothing.
    None,
    /// Another result of the same shape.
    Add(Source),
    /// Another result through a 1×1 convolution of its own.
    Project {
        /// What it reads.
        source: Source,
        /// `[outputs, inputs, 1, 1]`.
        weight: Param,
        /// `[outputs]`.
        bias: Param,
    },
    /// The row of the image's class in a table `[classes, outputs]`.
    Class(Param),
}

/// A convolution, or a linear layer (kernel 1) on every pixel:
/// `output = scale (weight * source + bias + time + residual)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    /// What it reads.
    pub source: Source,
    /// 1 or 3.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
    /// Rows and columns of zeros above and at the left; below and at the right there are as many as the output needs.
    pub padding: usize,
    /// `[outputs, inputs, kernel, kernel]` or `[outputs, inputs]`; several stand one below the other.
    pub weights: Vec<Param>,
    /// Whether inputs and outputs of `weights` change places and kernels are turned by half a circle: the gradient of
    /// a convolution's input out of that of its output. There are no biases then.
    pub transposed: bool,
    /// `[outputs]`, one for each of `weights`.
    pub biases: Vec<Param>,
    /// One number per output channel, the same for all pixels.
    pub time: Option<View>,
    /// What is added.
    pub residual: Residual,
    /// The factor of everything.
    pub scale: f32,
    /// Where it goes.
    pub output: View,
}

impl Conv {
    /// Whether `param` is added to the result as it is.
    pub fn is_bias(&self, param: Param) -> bool {
        let of_residual = matches!(self.residual, Residual::Project { bias, .. } if bias == param);
        of_residual || self.biases.contains(&param)
    }

    /// The weights of the residual's 1×1 convolution, and the channels that it reads, where there is one.
    pub fn projected(&self) -> Option<(Param, usize)> {
        match self.residual {
            Residual::Project { source, weight, .. } => Some((weight, source.view.channels)),
            Residual::None | Residual::Add(_) | Residual::Class(_) => None,
        }
    }
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Group normalisation (Wu & He 2018) as one scale and one shift per channel, `[2, channels]`:
    /// `scale x + shift = weight (x - mean) / sqrt(variance + eps) + bias`.
    Normalise {
        /// x.
        input: View,
        /// Channels of a group share mean and variance.
        groups: usize,
        /// Added to the variance.
        eps: f64,
        /// `[channels]`.
        weight: Param,
        /// `[channels]`.
        bias: Param,
        /// `(1 + s) (…) + b`, with s and then b of every channel here.
        modulation: Option<View>,
        /// `[2 channels]`: all scales, then all shifts.
        output: View,
    },
    /// A convolution or linear layer.
    Conv(Conv),
    /// Scaled dot-product attention between all pixels, head by head.
    Attention {
        /// Queries, keys and values of every pixel, `[3, heads, head_dim]`.
        qkv: View,
        /// Number of heads.
        heads: usize,
        /// Channels of each.
        head_dim: usize,
        /// `[heads, head_dim]` of every pixel.
        output: View,
    },
}

impl Plan {
    /// The buffer that `view` is a part of.
    pub fn buffer(&self, view: View) -> &Buffer {
        &self.buffers[view.buffer]
    }

    /// Number of trained numbers in the network.
    pub fn parameters(&self) -> usize {
        let numbers = self.params.iter().map(TensorSpec::numbers);
        numbers.fold(0, usize::saturating_add)
    }

    /// The tensors that a weights file for `config` holds, in the order of [`Plan::params`].
    ///
    /// # Errors
    /// [`InputError`] when the network is too large for any image.
    pub fn expected_tensors(config: &UnetConfig) -> Result<Vec<TensorSpec>, InputError> {
        Ok(Self::new(config, config.smallest_size())?.params)
    }
}
