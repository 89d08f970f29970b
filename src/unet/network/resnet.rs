//! The residual block: diffusers' `ResnetBlock2D`.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Dropout, DropoutConfig, GroupNorm, GroupNormConfig, Linear, LinearConfig};
use burn::tensor::activation::{gelu, mish, relu, silu};
use burn::tensor::{Device, Tensor};

use super::attention::divide;
use super::resample::{average_2x, conv3x3, nearest_2x};
use crate::unet::config::{Activation, TimeInjection, UnetConfig};

/// Whether a residual block changes resolution on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resample {
    /// It does not.
    Keep,
    /// Average pooling by two.
    Down,
    /// Nearest neighbour by two.
    Up,
}

/// Norm, activation, convolution, time embedding, norm, activation, convolution, residual.
#[derive(Module, Debug)]
pub struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Linear,
    norm2: GroupNorm,
    dropout: Option<Dropout>,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
    output_scale: f64,
    #[module(skip)]
    act: Activation,
    #[module(skip)]
    time: TimeInjection,
    #[module(skip)]
    resample: Resample,
}

impl ResnetBlock {
    /// A freshly initialised block from `inputs` to `outputs` channels; the rest is the network's.
    pub fn init(
        network: &UnetConfig,
        inputs: usize,
        outputs: usize,
        resample: Resample,
        output_scale: f64,
        device: &Device,
    ) -> Self {
        let norm = |channels| {
            GroupNormConfig::new(network.norm_num_groups, channels)
                .with_epsilon(network.norm_eps)
                .init(device)
        };
        let time_outputs = match network.time_injection {
            TimeInjection::Add => outputs,
            TimeInjection::ScaleShift => 2 * outputs,
        };
        Self {
            norm1: norm(inputs),
            conv1: conv3x3(inputs, outputs, device),
            time_emb_proj: LinearConfig::new(network.time_embed_dim, time_outputs).init(device),
            norm2: norm(outputs),
            dropout: (network.dropout > 0.0).then(|| DropoutConfig::new(network.dropout).init()),
            conv2: conv3x3(outputs, outputs, device),
            conv_shortcut: (inputs != outputs)
                .then(|| Conv2dConfig::new([inputs, outputs], [1, 1]).init(device)),
            output_scale,
            act: network.act_fn,
            time: network.time_injection,
            resample,
        }
    }

    /// `x` `[B, inputs, H, W]`, `time` `[B, time_embed_dim]` after the activation -> `[B, outputs, H', W']`.
    pub fn forward(&self, x: Tensor<4>, time: Tensor<2>) -> Tensor<4> {
        let hidden = activate(self.act, self.norm1.forward(x.clone()));
        let (x, hidden) = match self.resample {
            Resample::Keep => (x, hidden),
            Resample::Down => (average_2x(x), average_2x(hidden)),
            Resample::Up => (nearest_2x(x), nearest_2x(hidden)),
        };
        let hidden = self.conv1.forward(hidden);
        let time = self
            .time_emb_proj
            .forward(time)
            .unsqueeze_dims::<4>(&[2, 3]); // [B, C or 2C, 1, 1]
        let hidden = match self.time {
            TimeInjection::Add => self.norm2.forward(hidden + time),
            TimeInjection::ScaleShift => {
                let channels = time.dims()[1] / 2;
                let scale = time.clone().narrow(1, 0, channels);
                let shift = time.narrow(1, channels, channels);
                self.norm2.forward(hidden) * (scale + 1.0) + shift
            }
        };
        let hidden = activate(self.act, hidden);
        let hidden = match &self.dropout {
            Some(dropout) => dropout.forward(hidden),
            None => hidden,
        };
        let hidden = self.conv2.forward(hidden);
        let x = match &self.conv_shortcut {
            Some(conv) => conv.forward(x),
            None => x,
        };
        divide(x + hidden, self.output_scale)
    }
}

/// Applies the nonlinearity `kind`.
pub fn activate<const D: usize>(kind: Activation, x: Tensor<D>) -> Tensor<D> {
    match kind {
        Activation::Silu => silu(x),
        Activation::Mish => mish(x),
        Activation::Gelu => gelu(x),
        Activation::Relu => relu(x),
    }
}
