//! Self-attention over the pixels of a feature map: diffusers' `Attention` as `UNet2DModel` uses it.

use burn::module::Module;
use burn::nn::{GroupNorm, GroupNormConfig, Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor};

/// Shape of an attention layer.
#[derive(Debug, Clone, Copy)]
pub struct AttentionConfig {
    /// Channels of the feature map.
    pub channels: usize,
    /// Channels of one head.
    pub head_dim: usize,
    /// Groups of the normalisation before; `None` leaves it out.
    pub groups: Option<usize>,
    /// Added to the variance in the normalisation.
    pub eps: f64,
    /// The result is divided by it.
    pub rescale: f64,
}

/// Group norm, q/k/v projections, scaled dot-product attention, output projection, residual.
#[derive(Module, Debug)]
pub struct Attention {
    group_norm: Option<GroupNorm>,
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
    head_dim: usize,
    rescale: f64,
}

impl AttentionConfig {
    /// A freshly initialised layer.
    pub fn init(&self, device: &Device) -> Attention {
        let heads = self.channels / self.head_dim;
        let inner = heads * self.head_dim;
        let project = || LinearConfig::new(self.channels, inner).init(device);
        Attention {
            group_norm: self.groups.map(|g| {
                GroupNormConfig::new(g, self.channels)
                    .with_epsilon(self.eps)
                    .init(device)
            }),
            to_q: project(),
            to_k: project(),
            to_v: project(),
            to_out: LinearConfig::new(inner, self.channels).init(device),
            heads,
            head_dim: self.head_dim,
            rescale: self.rescale,
        }
    }
}

impl Attention {
    /// `[batch, channels, height, width]` -> the same shape.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = input.dims();
        let pixels = height * width;
        let tokens = input.clone().reshape([batch, channels, pixels]);
        let tokens = match &self.group_norm {
            Some(norm) => norm.forward(tokens),
            None => tokens,
        };
        let tokens = tokens.swap_dims(1, 2); // [B, HW, C]
        let heads = |layer: &Linear| {
            let projected = layer.forward(tokens.clone());
            projected
                .reshape([batch, pixels, self.heads, self.head_dim])
                .swap_dims(1, 2) // [B, heads, HW, head_dim]
        };
        let query = heads(&self.to_q) * (self.head_dim as f64).powf(-0.5);
        let scores = softmax(query.matmul(heads(&self.to_k).transpose()), 3); // [B, heads, HW, HW]
        let mixed = scores.matmul(heads(&self.to_v)).swap_dims(1, 2);
        let mixed = mixed.reshape([batch, pixels, self.heads * self.head_dim]);
        let output = self
            .to_out
            .forward(mixed)
            .swap_dims(1, 2)
            .reshape([batch, channels, height, width]);
        divide(output + input, self.rescale)
    }
}

/// `x / by`, without a pass over the data when `by` is 1.
pub(super) fn divide(x: Tensor<4>, by: f64) -> Tensor<4> {
    if by == 1.0 { x } else { x / by }
}
