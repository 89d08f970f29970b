//! Changing the resolution by two: diffusers' `Downsample2D` and `Upsample2D`.

use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::module::{avg_pool2d, interpolate};
use burn::tensor::ops::{AvgPoolOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor};

/// Nearest neighbour, twice as high and wide.
pub fn nearest_2x(x: Tensor<4>) -> Tensor<4> {
    let options = InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([2.0, 2.0]);
    interpolate(x, options)
}

/// Mean of each 2×2 square.
pub fn average_2x(x: Tensor<4>) -> Tensor<4> {
    avg_pool2d(x, AvgPoolOptions::new([2, 2]).with_stride([2, 2]))
}

/// A 3×3 convolution with stride 2.
#[derive(Module, Debug)]
pub struct DownsampleConv {
    conv: Conv2d,
}

impl DownsampleConv {
    /// `padding` 1 is symmetric; 0 adds one row below and one column at the right, as diffusers does.
    pub fn init(channels: usize, padding: usize, device: &Device) -> Self {
        let padding = PaddingConfig2d::Explicit(padding, padding, 1, 1);
        Self {
            conv: Conv2dConfig::new([channels, channels], [3, 3])
                .with_stride([2, 2])
                .with_padding(padding)
                .init(device),
        }
    }

    /// `[B, C, H, W]` -> `[B, C, H/2, W/2]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.conv.forward(x)
    }
}

/// Nearest neighbour, then a 3×3 convolution.
#[derive(Module, Debug)]
pub struct UpsampleConv {
    conv: Conv2d,
}

impl UpsampleConv {
    /// A freshly initialised layer.
    pub fn init(channels: usize, device: &Device) -> Self {
        Self {
            conv: conv3x3(channels, channels, device),
        }
    }

    /// `[B, C, H, W]` -> `[B, C, 2H, 2W]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.conv.forward(nearest_2x(x))
    }
}

/// A 3×3 convolution that keeps the resolution.
pub fn conv3x3(inputs: usize, outputs: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new([inputs, outputs], [3, 3])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .init(device)
}
