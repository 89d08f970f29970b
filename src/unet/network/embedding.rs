//! The time embedding: a time step becomes a vector that every residual block sees.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Distribution, Tensor, TensorData};

use crate::unet::config::TimeEmbedding;
use crate::unet::sinusoids::sinusoids;

/// The fixed random frequencies of diffusers' `GaussianFourierProjection`.
#[derive(Module, Debug)]
pub struct FourierProjection {
    /// `[width]`, drawn once from N(0, 16²) and never trained.
    pub weight: Param<Tensor<1>>,
}

impl FourierProjection {
    /// Draws new frequencies.
    pub fn init(width: usize, device: &Device) -> Self {
        let weight = Tensor::random([width], Distribution::Normal(0.0, 16.0), device);
        Self {
            weight: Param::from_tensor(weight).set_require_grad(false),
        }
    }

    /// `[batch]` -> `[batch, 2·width]`: sine and cosine of `2π·w·ln t`.
    pub fn forward(&self, timesteps: Tensor<1>) -> Tensor<2> {
        let log_t = timesteps.log().unsqueeze_dim::<2>(1);
        let angles = log_t * self.weight.val().unsqueeze_dim::<2>(0) * std::f64::consts::TAU;
        Tensor::cat(vec![angles.clone().sin(), angles.cos()], 1)
    }
}

/// Two linear layers with SiLU between: diffusers' `TimestepEmbedding`.
#[derive(Module, Debug)]
pub struct TimestepEmbedding {
    linear_1: Linear,
    linear_2: Linear,
}

impl TimestepEmbedding {
    /// A freshly initialised embedding from `inputs` features to `width`.
    pub fn init(inputs: usize, width: usize, device: &Device) -> Self {
        Self {
            linear_1: LinearConfig::new(inputs, width).init(device),
            linear_2: LinearConfig::new(width, width).init(device),
        }
    }

    /// `[batch, inputs]` -> `[batch, width]`.
    pub fn forward(&self, features: Tensor<2>) -> Tensor<2> {
        self.linear_2.forward(silu(self.linear_1.forward(features)))
    }
}

/// The features of `timesteps` that the time embedding reads: `[batch, features]`.
pub fn features(
    kind: TimeEmbedding,
    fourier: Option<&FourierProjection>,
    timesteps: &[f32],
    width: usize,
    device: &Device,
) -> Tensor<2> {
    match (kind, fourier) {
        (_, Some(fourier)) => {
            fourier.forward(Tensor::from_data(TensorData::from(timesteps), device))
        }
        (
            TimeEmbedding::Positional {
                flip_sin_to_cos,
                freq_shift,
            },
            None,
        ) => {
            let rows = sinusoids(timesteps, width, flip_sin_to_cos, freq_shift);
            Tensor::from_data(TensorData::new(rows, [timesteps.len(), width]), device)
        }
        (TimeEmbedding::Fourier, None) => {
            unreachable!("Unet::init makes the projection for this kind")
        }
    }
}
