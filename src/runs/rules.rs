//! What is refused before any work, in the same words for page and terminal: settings that would be taken, and would
//! not do what they say.

use crate::scheduler::{SchedulerConfig, SchedulerError, TrajectoryOptions};
use crate::step::{Clip, Method, StepError};
use crate::timesteps::Tau;

/// Most images of one job.
pub const MAX_IMAGES: usize = 16_384;

/// Most values in all images of a job: 2 GiB, and in a browser, whose module has 4 GiB for everything, 512 MiB.
const MAX_VALUES: usize = if cfg!(target_arch = "wasm32") {
    1 << 27
} else {
    1 << 29
};

/// Why settings are refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The method or its eta is none that there is.
    #[error(transparent)]
    Method(#[from] StepError),
    /// The model's schedule cannot be walked like this.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
    /// An eta for a method that has none.
    #[error("eta: only the method ddim has one, found {eta} with {method}")]
    Eta {
        /// The eta.
        eta: f64,
        /// The method's name.
        method: String,
    },
    /// Inversion that would clip: what a clipped step cuts off cannot be brought back.
    #[error(
        "method: inversion cannot undo clipped steps, and scheduler_config.json has {key}: add --no-clip (in \
         JavaScript, clip: false)"
    )]
    InversionClips {
        /// The key that makes the scheduler clip.
        key: &'static str,
    },
    /// The DDIM code's noisy DDPM without its clipping.
    #[error(
        "clip: ddpm_noisy always clips, that is its definition: leave out --no-clip (in JavaScript, clip: false)"
    )]
    NoisyClips,
    /// The DDIM code's range(0, T, T // S), where S does not divide T.
    #[error(
        "steps: tau uniform has {found} steps instead of {asked}, because {asked} does not divide {length}: choose a \
         number that does, or another tau"
    )]
    Uniform {
        /// S.
        asked: usize,
        /// The steps there would be.
        found: usize,
        /// T.
        length: usize,
    },
    /// A step that the run does not have.
    #[error("step: expected 1 to {total}, found {found}")]
    Step {
        /// Steps of the run.
        total: usize,
        /// The step, counted from 1.
        found: usize,
    },
    /// No images, or absurdly many.
    #[error("count: expected 1 to {MAX_IMAGES} images, found {found}")]
    Count {
        /// What was asked for.
        found: usize,
    },
    /// More images than memory is likely to hold.
    #[error("count: expected at most {most} images of {image} values, found {found}")]
    Values {
        /// Images there may be.
        most: usize,
        /// Values of one image.
        image: usize,
        /// What was asked for.
        found: usize,
    },
    /// More than memory holds.
    #[error(
        "count: {megabytes} MB of memory are needed for the images, which is more than there is: make fewer"
    )]
    Room {
        /// What they take.
        megabytes: usize,
    },
    /// Half of a setting.
    #[error("{given}: needs {missing} beside it")]
    Alone {
        /// What there is.
        given: &'static str,
        /// What there is not.
        missing: &'static str,
    },
}

/// The method `name` with `eta`.
///
/// # Errors
/// [`Refusal::Method`] for a name that there is none of and an eta outside 0…1, [`Refusal::Eta`] for an eta that the
/// method would not use.
pub fn method(name: &str, eta: f64) -> Result<Method, Refusal> {
    let method = Method::from_name(name, eta)?;
    if eta != 0.0 && !matches!(method, Method::Ddim { .. }) {
        return Err(Refusal::Eta {
            eta,
            method: name.into(),
        });
    }
    Ok(method)
}

/// The number of steps S where nobody says it: 50, or T where that is less.
pub fn default_steps(scheduler: &SchedulerConfig) -> usize {
    const STEPS: usize = 50;
    STEPS.min(scheduler.num_train_timesteps)
}

/// Number of steps of `options` with the schedule of `scheduler`.
///
/// # Errors
/// [`Refusal`] when the schedule cannot be walked like this, or not in as many steps.
pub fn steps(scheduler: &SchedulerConfig, options: &TrajectoryOptions) -> Result<usize, Refusal> {
    let asked = options.steps;
    let found = scheduler.trajectory(options)?.steps.len();
    let rule = options.tau.as_ref().unwrap_or(&scheduler.timestep_spacing);
    if *rule == Tau::Uniform && found > asked {
        return Err(Refusal::Uniform {
            asked,
            found,
            length: scheduler.num_train_timesteps,
        });
    }
    Ok(found)
}

/// Refuses to clip where that makes no sense, or not to clip where that is none: `clip` is what is asked for, `None`
/// the scheduler's own.
///
/// # Errors
/// [`Refusal::InversionClips`] and [`Refusal::NoisyClips`].
pub fn clip(
    scheduler: &SchedulerConfig,
    method: Method,
    clip: Option<Clip>,
) -> Result<(), Refusal> {
    match (method, clip) {
        (Method::DdpmNoisy, Some(Clip::None)) => Err(Refusal::NoisyClips),
        (Method::Inversion(_), None) => match scheduler.clipping_key() {
            Some(key) => Err(Refusal::InversionClips { key }),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Two settings, each with its name, that mean nothing without each other.
///
/// # Errors
/// [`Refusal::Alone`] when only one of them is there.
pub fn together<A, B>(
    (a, given_a): (&'static str, Option<A>),
    (b, given_b): (&'static str, Option<B>),
) -> Result<Option<(A, B)>, Refusal> {
    match (given_a, given_b) {
        (Some(a), Some(b)) => Ok(Some((a, b))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(Refusal::Alone {
            given: a,
            missing: b,
        }),
        (None, Some(_)) => Err(Refusal::Alone {
            given: b,
            missing: a,
        }),
    }
}

/// Refuses an absurd number of images.
///
/// # Errors
/// [`Refusal::Count`].
pub fn count(found: usize) -> Result<(), Refusal> {
    if (1..=MAX_IMAGES).contains(&found) {
        Ok(())
    } else {
        Err(Refusal::Count { found })
    }
}

/// Values in `found` images of `image` values, as long as memory is likely to hold them.
///
/// # Errors
/// [`Refusal::Values`].
pub fn values(found: usize, image: usize) -> Result<usize, Refusal> {
    found
        .checked_mul(image)
        .filter(|total| *total <= MAX_VALUES)
        .ok_or(Refusal::Values {
            most: MAX_VALUES / image.max(1),
            image,
            found,
        })
}

/// Memory for `found` images of `image` values, all 0, asked for before they are made.
///
/// # Errors
/// [`Refusal::Values`], and [`Refusal::Room`] where there is not as much.
pub fn images(found: usize, image: usize) -> Result<Vec<f32>, Refusal> {
    let values = values(found, image)?;
    let mut images = Vec::new();
    images
        .try_reserve_exact(values)
        .map_err(|_| Refusal::Room {
            megabytes: values * size_of::<f32>() / 1_000_000,
        })?;
    images.resize(values, 0.0);
    Ok(images)
}
