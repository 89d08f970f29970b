//! The objective: L_gamma of DDIM (Song et al. 2021, eq. 5), the squared error of the network's prediction at a random
//! time step, weighted by time step. [`Loss`] has the weights; all 1 is L_simple of DDPM (Ho et al. 2020, eq. 14).

use burn::tensor::{Device, Tensor, TensorData};

use super::weighting::Loss;
use crate::scheduler::{SchedulerConfig, SchedulerError};
use crate::unet::Unet;

/// Noise levels, targets and weights of every time step.
#[derive(Debug, Clone)]
pub struct Objective {
    levels: Vec<Level>,
}

/// `x_t = signal x_0 + noise eps`, `target = c_x0 x_0 + c_eps eps`.
#[derive(Debug, Clone, Copy)]
struct Level {
    signal: f32,
    noise: f32,
    c_x0: f32,
    c_eps: f32,
    weight: f32,
}

impl Objective {
    /// The objective of a network whose output means `scheduler.prediction_type`. The bound is that of reverse steps
    /// with `scheduler.variance_type`.
    ///
    /// # Errors
    /// [`SchedulerError`] when there is no such schedule, or no such weight for eps at its last step ([`Loss::weights`]).
    pub fn new(scheduler: &SchedulerConfig, loss: Loss) -> Result<Self, SchedulerError> {
        let schedule = scheduler.schedule()?;
        let prediction = scheduler.prediction_type;
        let weights = loss.weights(&schedule, prediction, scheduler.variance_type.variance())?;
        let level = |(t, weight): (usize, f64)| {
            let (signal, noise) = schedule.signal_and_noise(t);
            let (c_x0, c_eps) = prediction.target(schedule.alpha_bar(t))?;
            Ok(Level {
                signal: signal as f32,
                noise: noise as f32,
                c_x0: c_x0 as f32,
                c_eps: c_eps as f32,
                weight: weight as f32,
            })
        };
        Ok(Self {
            levels: weights
                .into_iter()
                .enumerate()
                .map(level)
                .collect::<Result<_, SchedulerError>>()?,
        })
    }

    /// Number of time steps T.
    pub fn timesteps(&self) -> usize {
        self.levels.len()
    }

    /// The forward process in closed form (DDPM, eq. 4; DDIM, eq. 4): `x_t` `[B, C, H, W]`.
    ///
    /// `x0` and `eps` are `[B, C, H, W]`, `t` has one time step below T per image.
    pub fn x_t(&self, x0: Tensor<4>, eps: Tensor<4>, t: &[usize]) -> Tensor<4> {
        let device = x0.device();
        x0 * self.column(t, |l| l.signal, &device) + eps * self.column(t, |l| l.noise, &device)
    }

    /// What a perfect network puts out for `x_t`: `[B, C, H, W]`.
    pub fn target(&self, x0: Tensor<4>, eps: Tensor<4>, t: &[usize]) -> Tensor<4> {
        let device = x0.device();
        x0 * self.column(t, |l| l.c_x0, &device) + eps * self.column(t, |l| l.c_eps, &device)
    }

    /// The loss of one batch: the weighted squared error, mean over images, channels and pixels, `[1]`.
    ///
    /// # Panics
    /// When a `t` is not below T, or on inputs that [`crate::unet::input::check`] refuses.
    pub fn loss(&self, unet: &Unet, x0: Tensor<4>, eps: Tensor<4>, t: &[usize]) -> Tensor<1> {
        let times: Vec<f32> = t.iter().map(|t| *t as f32).collect();
        let out = unet.forward(self.x_t(x0.clone(), eps.clone(), t), &times, None);
        let weights = self.column(t, |l| l.weight, &x0.device());
        ((out - self.target(x0, eps, t)).square() * weights).mean()
    }

    /// One number per image, `[B, 1, 1, 1]`.
    fn column(&self, t: &[usize], of: impl Fn(&Level) -> f32, device: &Device) -> Tensor<4> {
        let values: Vec<f32> = t.iter().map(|t| of(&self.levels[*t])).collect();
        Tensor::from_data(TensorData::new(values, [t.len(), 1, 1, 1]), device)
    }
}
