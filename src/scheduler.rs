//! diffusers' `scheduler_config.json`, and the trajectory it describes.
//!
//! The only reader of that file. Keys, defaults and behaviour are those of `DDPMScheduler`,
//! `DDIMScheduler` and `DDIMInverseScheduler` in diffusers 0.42. Four things differ on purpose:
//! the timestep before `tau[i]` is `tau[i-1]` (diffusers' DDIM takes `t - T/S`), the last step of ancestral
//! sampling adds no noise whatever its timestep (diffusers adds some unless `t = 0`), `fixed_large_log`
//! is `fixed_large` (diffusers takes the square root of a negative number), and inversion reads a predicted x_0 or v
//! at the level that the network was told (diffusers at the level of the state, which is another one there, so that
//! eps is wrong; for a predicted eps both are the same).

mod json;
mod trajectory;

use serde_json::{Map, Value};
use thiserror::Error;

pub(crate) use self::trajectory::check_level;
pub use self::trajectory::{Trajectory, TrajectoryOptions, TrajectoryStep};
use crate::{
    json::FieldError,
    schedule::{BetaSchedule, NoiseSchedule, ScheduleError},
    step::{Clip, Convention, Method, Prediction, StepError, Variance},
    timesteps::{Tau, TimestepsError},
};

/// Why a configuration cannot be read or used.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SchedulerError {
    /// The text is not a JSON object; holds the parser's message.
    #[error("scheduler_config.json: not a JSON object: {0}")]
    Json(String),
    /// A key whose value has the wrong type or is an unknown name.
    #[error("scheduler_config.json: {0}")]
    Field(#[from] FieldError),
    /// `trained_betas` is not as long as the training chain.
    #[error(
        "scheduler_config.json: trained_betas: expected num_train_timesteps = {expected} numbers, found {found}"
    )]
    TrainedBetas {
        /// `num_train_timesteps`.
        expected: usize,
        /// The length of the list.
        found: usize,
    },
    /// The noise schedule cannot be built.
    #[error("scheduler: {0}")]
    Schedule(#[from] ScheduleError),
    /// The list of timesteps cannot be made.
    #[error("scheduler: {0}")]
    Timesteps(#[from] TimestepsError),
    /// The run begins or ends at a level that it cannot have.
    #[error("{field}: expected a time step of {expected}, found {found}")]
    Level {
        /// `from` or `to`, as in [`TrajectoryOptions`]; `t` where there is only one.
        field: &'static str,
        /// What it may be.
        expected: String,
        /// The time step given.
        found: usize,
    },
    /// A step cannot be computed, or a clipping value is impossible.
    #[error("scheduler: {0}")]
    Step(#[from] StepError),
}

/// `_class_name`: whose defaults hold and which keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchedulerClass {
    /// `DDPMScheduler`: ancestral sampling.
    Ddpm,
    /// `DDIMScheduler`: DDIM, from noise to image.
    Ddim,
    /// `DDIMInverseScheduler`: DDIM run upwards, from image to noise.
    DdimInverse,
}

impl SchedulerClass {
    const ALL: [Self; 3] = [Self::Ddpm, Self::Ddim, Self::DdimInverse];

    /// The class's name in diffusers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ddpm => "DDPMScheduler",
            Self::Ddim => "DDIMScheduler",
            Self::DdimInverse => "DDIMInverseScheduler",
        }
    }
}

/// `variance_type` of `DDPMScheduler`. The `_log` forms are the same numbers reached through a logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VarianceType {
    /// `fixed_small`: [`Variance::FixedSmall`].
    FixedSmall,
    /// `fixed_small_log`: [`Variance::FixedSmall`].
    FixedSmallLog,
    /// `fixed_large`: [`Variance::FixedLarge`].
    FixedLarge,
    /// `fixed_large_log`: [`Variance::FixedLarge`], where diffusers takes the root of a negative number.
    FixedLargeLog,
}

impl VarianceType {
    const ALL: [Self; 4] = [
        Self::FixedSmall,
        Self::FixedSmallLog,
        Self::FixedLarge,
        Self::FixedLargeLog,
    ];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::FixedSmall => "fixed_small",
            Self::FixedSmallLog => "fixed_small_log",
            Self::FixedLarge => "fixed_large",
            Self::FixedLargeLog => "fixed_large_log",
        }
    }

    /// The variance that is meant.
    pub fn variance(self) -> Variance {
        match self {
            Self::FixedSmall | Self::FixedSmallLog => Variance::FixedSmall,
            Self::FixedLarge | Self::FixedLargeLog => Variance::FixedLarge,
        }
    }
}

/// A scheduler's settings; the fields are diffusers' keys.
///
/// [`SchedulerConfig::from_json`] checks every number, [`SchedulerConfig::trajectory`] those that it uses, so a
/// value set by hand in between is checked too.
///
/// ```
/// use ddim_web::scheduler::SchedulerConfig;
///
/// let json = r#"{"_class_name": "DDIMScheduler", "beta_schedule": "squaredcos_cap_v2"}"#;
/// let scheduler = SchedulerConfig::from_json(json)?;
/// assert_eq!(scheduler.num_train_timesteps, 1000);
/// assert_eq!(scheduler.schedule()?.len(), 1000);
/// # Ok::<(), ddim_web::scheduler::SchedulerError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SchedulerConfig {
    /// `_class_name`.
    pub class: SchedulerClass,
    /// The file's `_class_name` where that is another one, in whose place DDIM samples.
    pub stands_for: Option<&'static str>,
    /// The length T of the training chain, 1 to [`MAX_TRAIN_TIMESTEPS`](crate::schedule::MAX_TRAIN_TIMESTEPS).
    pub num_train_timesteps: usize,
    /// Where the betas start, in the schedules that use it; above 0 and below 1.
    pub beta_start: f64,
    /// Where the betas end, in the schedules that use it; above 0 and below 1.
    pub beta_end: f64,
    /// The rule for the betas.
    pub beta_schedule: BetaSchedule,
    /// Replaces the three fields above when given; `num_train_timesteps` long.
    pub trained_betas: Option<Vec<f64>>,
    /// Whether x0_hat is clamped to ± `clip_sample_range`.
    pub clip_sample: bool,
    /// The largest magnitude that `clip_sample` leaves in x0_hat; finite and above 0.
    pub clip_sample_range: f64,
    /// Whether sampling ends at `alpha_bar = 1` or at `alpha_bar(0)`; ancestral sampling always ends at 1.
    pub set_alpha_to_one: bool,
    /// Added to every timestep of [`Tau::Leading`]; other spacings ignore it.
    pub steps_offset: usize,
    /// What the network's output means.
    pub prediction_type: Prediction,
    /// Whether x0_hat is dynamically thresholded ([`Clip::Dynamic`]). Takes precedence over `clip_sample`.
    pub thresholding: bool,
    /// The quantile of `|x0_hat|` that `thresholding` takes as its threshold, in `0..=1`.
    pub dynamic_thresholding_ratio: f64,
    /// The largest threshold that `thresholding` may take; finite and above 0.
    pub sample_max_value: f64,
    /// How tau is chosen. The file knows `leading`, `trailing` and `linspace` only.
    pub timestep_spacing: Tau,
    /// Whether the betas are rescaled so that the last `alpha_bar` is 0 (Lin et al. 2023, algorithm 1).
    pub rescale_betas_zero_snr: bool,
    /// The variance of the noise that [`SchedulerClass::Ddpm`] adds.
    pub variance_type: VarianceType,
    /// Keys that this crate does not know, kept as they were read.
    pub extra: Map<String, Value>,
}

impl SchedulerConfig {
    /// diffusers' defaults for a class: T = 1000, linear betas from 1e-4 to 0.02, clipping to ±1.
    pub fn new(class: SchedulerClass) -> Self {
        Self {
            class,
            stands_for: None,
            num_train_timesteps: 1000,
            beta_start: 0.0001,
            beta_end: 0.02,
            beta_schedule: BetaSchedule::Linear,
            trained_betas: None,
            clip_sample: true,
            clip_sample_range: 1.0,
            set_alpha_to_one: true,
            steps_offset: 0,
            prediction_type: Prediction::Epsilon,
            thresholding: false,
            dynamic_thresholding_ratio: 0.995,
            sample_max_value: 1.0,
            timestep_spacing: Tau::Leading,
            rescale_betas_zero_snr: false,
            variance_type: VarianceType::FixedSmall,
            extra: Map::new(),
        }
    }

    /// The keys that were read but mean nothing here, sorted. Those that begin with `_` are diffusers' own
    /// bookkeeping and not listed.
    pub fn unknown_keys(&self) -> Vec<String> {
        let unknown = self.extra.keys().filter(|key| !key.starts_with('_'));
        unknown.cloned().collect()
    }

    /// What is worth knowing of how the file was read, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let told = self.stands_for.map(|class| {
            format!("scheduler_config.json: {class} is not part of this program; its noise levels are sampled with DDIM")
        });
        told.into_iter().collect()
    }

    /// The noise schedule, rescaled to zero terminal SNR where the configuration says so.
    pub fn schedule(&self) -> Result<NoiseSchedule, SchedulerError> {
        let schedule = match &self.trained_betas {
            Some(betas) if betas.len() != self.num_train_timesteps => {
                return Err(SchedulerError::TrainedBetas {
                    expected: self.num_train_timesteps,
                    found: betas.len(),
                });
            }
            Some(betas) => NoiseSchedule::from_betas(betas.clone())?,
            None => NoiseSchedule::new(
                self.beta_schedule,
                self.num_train_timesteps,
                self.beta_start,
                self.beta_end,
            )?,
        };
        Ok(if self.rescale_betas_zero_snr {
            schedule.rescale_zero_terminal_snr()?
        } else {
            schedule
        })
    }

    /// The method that diffusers runs for this class: DDPM with the configured variance, DDIM with eta = 0,
    /// or inversion.
    pub fn default_method(&self) -> Method {
        match self.class {
            SchedulerClass::Ddpm => Method::DdpmAncestral(self.variance_type.variance()),
            SchedulerClass::Ddim => Method::Ddim { eta: 0.0 },
            SchedulerClass::DdimInverse => Method::Inversion(Convention::Retrace),
        }
    }

    /// How x0_hat is clipped. Inversion knows no thresholding, as in diffusers.
    pub fn clip(&self, method: Method) -> Clip {
        if self.thresholding && !method.is_inversion() {
            Clip::Dynamic {
                ratio: self.dynamic_thresholding_ratio,
                max: self.sample_max_value,
            }
        } else if self.clip_sample {
            Clip::Range(self.clip_sample_range)
        } else {
            Clip::None
        }
    }

    /// The key that makes sampling clip x0_hat, if there is one.
    pub fn clipping_key(&self) -> Option<&'static str> {
        if self.thresholding {
            Some("thresholding")
        } else if self.clip_sample {
            Some("clip_sample")
        } else {
            None
        }
    }

    fn check_clipping(&self) -> Result<(), SchedulerError> {
        Clip::Range(self.clip_sample_range).check()?;
        Clip::Dynamic {
            ratio: self.dynamic_thresholding_ratio,
            max: self.sample_max_value,
        }
        .check()?;
        Ok(())
    }
}
