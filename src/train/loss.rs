//! The objective: L_gamma of DDIM (Song et al. 2021, eq. 5), the squared error of the network's prediction at a random
//! time step, weighted by time step. [`Loss`] has the weights; all 1 is L_simple of DDPM (Ho et al. 2020, eq. 14).

use super::draw::Draw;
use super::weighting::Loss;
use crate::engine::{Level, TrainBatch};
use crate::scheduler::{SchedulerConfig, SchedulerError};
use crate::step::Prediction;

/// Noise levels, targets and weights of every time step, and how often each is drawn.
#[derive(Debug, Clone)]
pub struct Objective {
    levels: Vec<Level>,
    draw: Draw,
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
        let variance = scheduler.variance_type.variance();
        let weights = loss.weights(&schedule, prediction, variance)?;
        let weights_of_v = loss.weights(&schedule, Prediction::VPrediction, variance)?;
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
            draw: Draw::new(&weights_of_v),
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

    /// What happens to a picture at time step `t`: the forward process in closed form (DDPM, eq. 4; DDIM, eq. 4), what a
    /// perfect network puts out there, and how much its error counts.
    ///
    /// # Panics
    /// When `t` is not below T.
    pub fn level(&self, t: usize) -> Level {
        self.levels[t]
    }

    /// The batch of the pictures `x0` of `[channels, height, width]` with the noise `eps`, one time step each.
    ///
    /// # Panics
    /// When a `t` is not below T.
    pub fn batch(
        &self,
        [channels, height, width]: [usize; 3],
        x0: Vec<f32>,
        eps: Vec<f32>,
        t: &[usize],
    ) -> TrainBatch {
        TrainBatch {
            shape: [t.len(), channels, height, width],
            x0,
            eps,
            timesteps: t.iter().map(|t| *t as f32).collect(),
            levels: t.iter().map(|t| self.level(*t)).collect(),
            labels: None,
            drop_seed: 0,
        }
    }

    /// [`Self::batch`] with time steps drawn by `places` in `[0, 1)`, and their weights divided by how much more often
    /// than evenly each is drawn ([`Draw`]).
    pub fn drawn(
        &self,
        image: [usize; 3],
        x0: Vec<f32>,
        eps: Vec<f32>,
        places: &[f64],
    ) -> TrainBatch {
        let t: Vec<usize> = places.iter().map(|u| self.draw.timestep(*u)).collect();
        let mut batch = self.batch(image, x0, eps, &t);
        for (level, t) in batch.levels.iter_mut().zip(t) {
            level.weight *= self.draw.factor(t) as f32;
        }
        batch
    }
}
