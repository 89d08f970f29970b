//! From a configuration to the steps of one run.

use super::{SchedulerConfig, SchedulerError};
use crate::{
    step::{Clip, Convention, Method, Step, StepCoefficients},
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
    /// The time step of the state that goes in, 0 to T - 1; `None` is x_T, and in an inversion the image. The run
    /// visits it and what tau has beyond it.
    pub from: Option<usize>,
    /// The time step of the state that comes out, 0 to T - 1; `None` is the image, and in an inversion x_T. The run
    /// visits what tau has before it.
    pub to: Option<usize>,
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
            from: None,
            to: None,
        }
    }
}

/// The steps of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    /// Never empty. `t` falls; in an inversion it rises.
    pub steps: Vec<TrajectoryStep>,
    /// How many steps a run from x_T has before these. The noise of a step goes by its number in the whole run, so that
    /// a run in two parts adds what the whole one would.
    pub before: usize,
}

/// One step of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrajectoryStep {
    /// The timestep that the network is told.
    pub t: usize,
    /// The timestep whose noise level the result has; `None` is x_0.
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
    ///
    /// # Errors
    /// [`SchedulerError`] names what cannot be walked: tau, a level that it does not reach, or a step.
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
        let step = |told: usize, from: Option<usize>, to: Option<usize>| {
            let step = Step {
                alpha_bar: level(from),
                alpha_bar_told: schedule.alpha_bar(told),
                alpha_bar_next: level(to),
                last: to.is_none(),
                prediction: self.prediction_type,
                clip: options.clip.unwrap_or_else(|| self.clip(method)),
                use_clipped_model_output: options.use_clipped_model_output,
            };
            Ok(TrajectoryStep {
                t: told,
                t_next: to,
                coefficients: step.coefficients(method)?,
            })
        };
        let levels = levels(&tau, options, schedule.len())?;
        let steps: Result<_, SchedulerError> = levels
            .windows(2)
            .map(|pair| match (method, pair[0], pair[1]) {
                // At pure noise a predicted x_0 or v says nothing of the noise in the state.
                (Method::Inversion(Convention::Retrace), from, Some(to))
                    if schedule.alpha_bar(to) > 0.0 =>
                {
                    step(to, from, Some(to))
                }
                // The image has no time step of its own; 0 is the nearest.
                (_, from, to) => step(from.unwrap_or(0), from, to),
            })
            .collect();
        let skipped = |from| tau.iter().filter(|t| **t > from).count();
        let before = match options.from {
            Some(from) if !method.is_inversion() => skipped(from),
            _ => 0,
        };
        Ok(Trajectory {
            steps: steps?,
            before,
        })
    }
}

/// Refuses a time step that a chain of `length` steps does not have.
pub(crate) fn check_level(
    field: &'static str,
    found: usize,
    length: usize,
) -> Result<(), SchedulerError> {
    if found < length {
        return Ok(());
    }
    Err(SchedulerError::Level {
        field,
        expected: format!("0 to {}", length - 1),
        found,
    })
}

/// The levels that a run visits, two at least; `None` is the image.
fn levels(
    tau: &[usize],
    options: &TrajectoryOptions,
    length: usize,
) -> Result<Vec<Option<usize>>, SchedulerError> {
    for (field, given) in [("from", options.from), ("to", options.to)] {
        given.map_or(Ok(()), |t| check_level(field, t, length))?;
    }
    let up = options.method.is_inversion();
    let noise = if up { options.to } else { options.from };
    let image = if up { options.from } else { options.to };
    let noise = noise.or(tau.last().copied()).unwrap_or(length - 1);
    if let Some(image) = image.filter(|image| *image >= noise) {
        let (field, expected, found) = match (up, options.to.is_some()) {
            (false, _) => (
                "to",
                format!("less than {noise}, where the run begins"),
                image,
            ),
            (true, true) => (
                "to",
                format!("more than {image}, where the run begins"),
                noise,
            ),
            (true, false) => ("from", format!("less than {noise}, where tau ends"), image),
        };
        return Err(SchedulerError::Level {
            field,
            expected,
            found,
        });
    }
    let between = tau
        .iter()
        .copied()
        .filter(|t| *t < noise && image.is_none_or(|image| *t > image))
        .map(Some);
    let mut levels: Vec<Option<usize>> = [image]
        .into_iter()
        .chain(between)
        .chain([Some(noise)])
        .collect();
    if !up {
        levels.reverse();
    }
    Ok(levels)
}
