//! From a configuration to the steps of one run.

use super::{SchedulerConfig, SchedulerError};
use crate::{
    step::{Clip, Method, Step, StepCoefficients},
    timesteps::{Tau, timesteps},
};

/// What to run.
#[derive(Debug, Clone, PartialEq)]
pub struct TrajectoryOptions {
    /// The sampler, or inversion.
    pub method: Method,
    /// `None` takes the configuration's `timestep_spacing`.
    pub tau: Option<Tau>,
    /// The number of steps S, from 1 to T; ignored by spacings that fix their own number.
    pub steps: usize,
    /// `None` takes the configuration's clipping.
    pub clip: Option<Clip>,
    /// See [`Step::use_clipped_model_output`].
    pub use_clipped_model_output: bool,
}

impl TrajectoryOptions {
    /// `steps` steps of `method`, everything else as configured.
    pub fn new(method: Method, steps: usize) -> Self {
        Self {
            method,
            tau: None,
            steps,
            clip: None,
            use_clipped_model_output: false,
        }
    }
}

/// The steps of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    /// Never empty. `t` falls; in an inversion it rises.
    pub steps: Vec<TrajectoryStep>,
}

/// One step of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrajectoryStep {
    /// The timestep that the network is told.
    pub t: usize,
    /// The timestep whose noise level the result has; `None` is x_0. An inversion step has `Some(t)`: the
    /// network is told the level that is being stepped to, so that sampling retraces the same calls.
    pub t_next: Option<usize>,
    /// The scalars that the engine applies.
    pub coefficients: StepCoefficients,
}

impl TrajectoryStep {
    /// Whether the step adds fresh noise.
    pub fn needs_noise(&self) -> bool {
        self.coefficients.sigma > 0.0
    }
}

impl SchedulerConfig {
    /// Every step of one run, in the order in which they are taken.
    pub fn trajectory(&self, options: &TrajectoryOptions) -> Result<Trajectory, SchedulerError> {
        let schedule = self.schedule()?;
        let rule = options.tau.as_ref().unwrap_or(&self.timestep_spacing);
        let tau = timesteps(rule, schedule.len(), options.steps, self.steps_offset)?;
        let method = options.method;
        let clean = if self.set_alpha_to_one || method.is_ancestral() {
            1.0
        } else {
            schedule.alpha_bar(0)
        };
        let level = |t: Option<usize>| t.map_or(clean, |t| schedule.alpha_bar(t));
        let step = |t: usize, from: Option<usize>, to: Option<usize>| {
            let step = Step {
                alpha_bar: level(from),
                alpha_bar_next: level(to),
                last: to.is_none(),
                prediction: self.prediction_type,
                clip: options.clip.unwrap_or_else(|| self.clip(method)),
                use_clipped_model_output: options.use_clipped_model_output,
            };
            Ok(TrajectoryStep {
                t,
                t_next: to,
                coefficients: step.coefficients(method)?,
            })
        };
        let below = |i: usize| i.checked_sub(1).map(|i| tau[i]);
        let steps: Result<_, SchedulerError> = if method == Method::Inversion {
            let upwards = tau.iter().enumerate();
            upwards.map(|(i, &t)| step(t, below(i), Some(t))).collect()
        } else {
            let downwards = tau.iter().enumerate().rev();
            downwards
                .map(|(i, &t)| step(t, Some(t), below(i)))
                .collect()
        };
        Ok(Trajectory { steps: steps? })
    }
}
