//! Nonlinearities, and their derivatives.

use crate::unet::config::Activation;

pub(super) fn forward(act: Activation, x: f64) -> f64 {
    match act {
        Activation::Silu => x * sigmoid(x),
        Activation::Mish => x * x.exp().ln_1p().tanh(),
        Activation::Gelu => x * normal_below(x),
        Activation::Relu => x.max(0.0),
    }
}

#[cfg(feature = "train")]
pub(super) fn derivative(act: Activation, x: f64) -> f64 {
    match act {
        Activation::Silu => {
            let s = sigmoid(x);
            s + x * s * (1.0 - s)
        }
        // ln(1 + e^x) has the derivative sigmoid(x), tanh(y) has 1 - tanh(y)².
        Activation::Mish => {
            let t = x.exp().ln_1p().tanh();
            t + x * (1.0 - t * t) * sigmoid(x)
        }
        Activation::Gelu => {
            let density = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
            normal_below(x) + x * density
        }
        Activation::Relu => {
            if x > 0.0 {
                1.0
            } else {
                0.0
            }
        }
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The probability that a standard normal number is below `x`.
fn normal_below(x: f64) -> f64 {
    0.5 * (1.0 + libm::erf(x / std::f64::consts::SQRT_2))
}
