//! The levels of the UNet: encoder levels, the middle, decoder levels.
//!
//! One struct serves diffusers' three kinds of encoder level (`DownBlock2D`, `AttnDownBlock2D`,
//! `ResnetDownsampleBlock2D`), one the three kinds of decoder level: they differ only in whether
//! attention follows each residual block and in what changes the resolution.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::attention::{Attention, AttentionConfig};
use super::resample::{DownsampleConv, UpsampleConv};
use super::resnet::{Resample, ResnetBlock};
use crate::unet::config::{BlockKind, ResampleKind, UnetConfig};

/// An encoder level.
#[derive(Module, Debug)]
pub struct DownBlock {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<Attention>,
    downsample_conv: Option<DownsampleConv>,
    downsample_resnet: Option<ResnetBlock>,
}

impl DownBlock {
    /// Level `level` of `network`, counted from the finest.
    pub fn init(network: &UnetConfig, level: usize, device: &Device) -> Self {
        let widths = &network.block_out_channels;
        let (inputs, outputs) = (widths[level.saturating_sub(1)], widths[level]);
        let kind = network.down_blocks[level];
        let last = level + 1 == widths.len();
        let layers = network.layers_per_block;
        let resnet =
            |inputs, resample| ResnetBlock::init(network, inputs, outputs, resample, 1.0, device);
        let how = kind.resampling(network.downsample, last);
        Self {
            resnets: (0..layers)
                .map(|i| resnet(if i == 0 { inputs } else { outputs }, Resample::Keep))
                .collect(),
            attentions: attentions(network, kind, outputs, layers, device),
            downsample_conv: (how == Some(ResampleKind::Conv))
                .then(|| DownsampleConv::init(outputs, network.downsample_padding, device)),
            downsample_resnet: (how == Some(ResampleKind::Resnet))
                .then(|| resnet(outputs, Resample::Down)),
        }
    }

    /// Runs the level; every intermediate result is pushed on `skips` for the decoder.
    pub fn forward(
        &self,
        mut x: Tensor<4>,
        time: &Tensor<2>,
        skips: &mut Vec<Tensor<4>>,
    ) -> Tensor<4> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x, time.clone());
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x);
            }
            skips.push(x.clone());
        }
        if let Some(down) = &self.downsample_conv {
            x = down.forward(x);
            skips.push(x.clone());
        }
        if let Some(down) = &self.downsample_resnet {
            x = down.forward(x, time.clone());
            skips.push(x.clone());
        }
        x
    }
}

/// The middle: residual block, attention, residual block (`UNetMidBlock2D`).
#[derive(Module, Debug)]
pub struct MidBlock {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<Attention>,
}

impl MidBlock {
    /// The middle block of `network`.
    pub fn init(network: &UnetConfig, device: &Device) -> Self {
        let channels = network.block_out_channels[network.block_out_channels.len() - 1];
        let scale = network.mid_block_scale_factor;
        let attention = AttentionConfig {
            channels,
            head_dim: network.attention_head_dim.unwrap_or(channels),
            groups: network.mid_attention_groups(),
            eps: network.norm_eps,
            rescale: scale,
        };
        Self {
            resnets: (0..2)
                .map(|_| {
                    ResnetBlock::init(network, channels, channels, Resample::Keep, scale, device)
                })
                .collect(),
            attentions: network
                .add_attention
                .then(|| attention.init(device))
                .into_iter()
                .collect(),
        }
    }

    /// `[B, C, H, W]` -> the same shape.
    pub fn forward(&self, mut x: Tensor<4>, time: &Tensor<2>) -> Tensor<4> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            x = resnet.forward(x, time.clone());
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x);
            }
        }
        x
    }
}

/// A decoder level.
#[derive(Module, Debug)]
pub struct UpBlock {
    resnets: Vec<ResnetBlock>,
    attentions: Vec<Attention>,
    upsample_conv: Option<UpsampleConv>,
    upsample_resnet: Option<ResnetBlock>,
}

impl UpBlock {
    /// Decoder level `level` of `network`, counted from the coarsest.
    pub fn init(network: &UnetConfig, level: usize, device: &Device) -> Self {
        let widths: Vec<usize> = network.block_out_channels.iter().rev().copied().collect();
        let last = level + 1 == widths.len();
        let outputs = widths[level];
        let previous = widths[level.saturating_sub(1)];
        let finer = widths[(level + 1).min(widths.len() - 1)];
        let kind = network.up_blocks[level];
        let layers = network.layers_per_block + 1;
        let resnet =
            |inputs, resample| ResnetBlock::init(network, inputs, outputs, resample, 1.0, device);
        let how = kind.resampling(network.upsample, last);
        Self {
            resnets: (0..layers)
                .map(|i| {
                    let from_below = if i == 0 { previous } else { outputs };
                    let from_skip = if i + 1 == layers { finer } else { outputs };
                    resnet(from_below + from_skip, Resample::Keep)
                })
                .collect(),
            attentions: attentions(network, kind, outputs, layers, device),
            upsample_conv: (how == Some(ResampleKind::Conv))
                .then(|| UpsampleConv::init(outputs, device)),
            upsample_resnet: (how == Some(ResampleKind::Resnet))
                .then(|| resnet(outputs, Resample::Up)),
        }
    }

    /// Runs the level; every residual block takes one tensor from the end of `skips`.
    pub fn forward(
        &self,
        mut x: Tensor<4>,
        time: &Tensor<2>,
        skips: &mut Vec<Tensor<4>>,
    ) -> Tensor<4> {
        for (i, resnet) in self.resnets.iter().enumerate() {
            let joined = skips
                .pop()
                .into_iter()
                .fold(x, |x, skip| Tensor::cat(vec![x, skip], 1));
            x = resnet.forward(joined, time.clone());
            if let Some(attention) = self.attentions.get(i) {
                x = attention.forward(x);
            }
        }
        if let Some(up) = &self.upsample_conv {
            x = up.forward(x);
        }
        if let Some(up) = &self.upsample_resnet {
            x = up.forward(x, time.clone());
        }
        x
    }
}

/// One attention per layer where the level has attention.
fn attentions(
    network: &UnetConfig,
    kind: BlockKind,
    channels: usize,
    layers: usize,
    device: &Device,
) -> Vec<Attention> {
    if kind != BlockKind::Attention {
        return Vec::new();
    }
    let config = AttentionConfig {
        channels,
        head_dim: network.attention_head_dim.unwrap_or(channels),
        groups: Some(network.norm_num_groups),
        eps: network.norm_eps,
        rescale: 1.0,
    };
    (0..layers).map(|_| config.init(device)).collect()
}
