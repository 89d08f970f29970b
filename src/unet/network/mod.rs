//! The network in burn, layer by layer: what is trained, and the reference for every engine.
//!
//! Field names follow diffusers' module tree, so that a parameter's path is its tensor's name
//! but for the few differences that [`tensors`] knows.

mod attention;
mod blocks;
mod embedding;
mod resample;
mod resnet;
mod tensors;

use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::{Embedding, EmbeddingConfig, GroupNorm, GroupNormConfig};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Int, Tensor, TensorData};

#[cfg(all(feature = "train", not(target_arch = "wasm32")))]
pub(crate) use tensors::transpose;

use blocks::{DownBlock, MidBlock, UpBlock};
use embedding::{FourierProjection, TimestepEmbedding};

use crate::unet::config::{TimeEmbedding, UnetConfig};

/// A UNet on one device.
#[derive(Module, Debug)]
pub struct Unet {
    conv_in: Conv2d,
    time_proj: Option<FourierProjection>,
    time_embedding: TimestepEmbedding,
    class_embedding: Option<Embedding>,
    down_blocks: Vec<DownBlock>,
    mid_block: Option<MidBlock>,
    up_blocks: Vec<UpBlock>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    #[module(skip)]
    config: UnetConfig,
}

impl Unet {
    /// A freshly initialised network; burn draws a parameter's values when they are first needed.
    pub fn init(config: &UnetConfig, device: &Device) -> Self {
        let levels = config.block_out_channels.len();
        let finest = config.block_out_channels[0];
        let (time_proj, time_features) = match config.time_embedding {
            TimeEmbedding::Positional { .. } => (None, finest),
            TimeEmbedding::Fourier => (Some(FourierProjection::init(finest, device)), 2 * finest),
        };
        Self {
            conv_in: resample::conv3x3(config.in_channels, finest, device),
            time_proj,
            time_embedding: TimestepEmbedding::init(time_features, config.time_embed_dim, device),
            class_embedding: config
                .num_class_embeds
                .map(|classes| EmbeddingConfig::new(classes, config.time_embed_dim).init(device)),
            down_blocks: (0..levels)
                .map(|level| DownBlock::init(config, level, device))
                .collect(),
            mid_block: config.mid_block.then(|| MidBlock::init(config, device)),
            up_blocks: (0..levels)
                .map(|level| UpBlock::init(config, level, device))
                .collect(),
            conv_norm_out: GroupNormConfig::new(config.norm_num_groups, finest)
                .with_epsilon(config.norm_eps)
                .init(device),
            conv_out: resample::conv3x3(finest, config.out_channels, device),
            config: config.clone(),
        }
    }

    /// The configuration it was built from.
    pub fn config(&self) -> &UnetConfig {
        &self.config
    }

    /// Runs the network.
    ///
    /// `sample` `[B, in_channels, H, W]`, one time step per image, one class per image where the
    /// model has classes -> `[B, out_channels, H, W]`.
    ///
    /// # Panics
    /// On inputs that [`input::check`](crate::unet::input::check) or [`input::check_timesteps`](crate::unet::input::check_timesteps) refuse.
    pub fn forward(
        &self,
        sample: Tensor<4>,
        timesteps: &[f32],
        labels: Option<&[usize]>,
    ) -> Tensor<4> {
        let device = sample.device();
        let config = &self.config;
        let sample = if config.center_input_sample {
            sample * 2.0 - 1.0
        } else {
            sample
        };

        let features = embedding::features(
            config.time_embedding,
            self.time_proj.as_ref(),
            timesteps,
            config.block_out_channels[0],
            &device,
        );
        let mut time = self.time_embedding.forward(features);
        if let (Some(table), Some(labels)) = (&self.class_embedding, labels) {
            let ids: Vec<i32> = labels.iter().map(|l| *l as i32).collect();
            let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, labels.len()]), &device);
            time = time + table.forward(ids).squeeze_dim::<2>(0);
        }
        // Every residual block starts from the activated embedding: done once here.
        let time = resnet::activate(config.act_fn, time); // [B, time_embed_dim]

        let mut x = self.conv_in.forward(sample);
        let mut skips = vec![x.clone()];
        for block in &self.down_blocks {
            x = block.forward(x, &time, &mut skips);
        }
        if let Some(mid) = &self.mid_block {
            x = mid.forward(x, &time);
        }
        for block in &self.up_blocks {
            x = block.forward(x, &time, &mut skips);
        }
        let x = self.conv_out.forward(silu(self.conv_norm_out.forward(x)));
        match config.time_embedding {
            TimeEmbedding::Positional { .. } => x,
            TimeEmbedding::Fourier => {
                x / Tensor::<1>::from_data(TensorData::from(timesteps), &device).reshape([
                    timesteps.len(),
                    1,
                    1,
                    1,
                ])
            }
        }
    }
}
