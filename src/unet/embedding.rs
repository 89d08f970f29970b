//! The time embedding: a time step becomes a vector that every residual block sees.

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::silu;
use burn::tensor::{Device, Distribution, Tensor, TensorData};

use super::config::TimeEmbedding;

/// Longest period of the sinusoids (Vaswani et al. 2017, section 3.5).
const MAX_PERIOD: f64 = 10_000.0;

/// Sinusoids of each time step, `[batch, width]` row by row: diffusers' `get_timestep_embedding`.
///
/// Computed on the host in f32 with the same order of operations, because at t ≈ 1000 the
/// rounding of a frequency moves a sine by 6e-5. An odd width ends with a zero.
pub fn sinusoids(
    timesteps: &[f32],
    width: usize,
    flip_sin_to_cos: bool,
    freq_shift: f64,
) -> Vec<f32> {
    let half = width / 2;
    let denominator = (half as f64 - freq_shift) as f32;
    let mut rows = Vec::with_capacity(timesteps.len() * width);
    for t in timesteps {
        let angle = |i: usize| t * libm::expf(-(MAX_PERIOD.ln() as f32) * i as f32 / denominator);
        let sines = (0..half).map(|i| libm::sinf(angle(i)));
        let cosines = (0..half).map(|i| libm::cosf(angle(i)));
        if flip_sin_to_cos {
            rows.extend(cosines.chain(sines));
        } else {
            rows.extend(sines.chain(cosines));
        }
        rows.extend((2 * half..width).map(|_| 0.0));
    }
    rows
}

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
