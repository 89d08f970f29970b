//! diffusers' `scheduler_config.json`, and the trajectory it describes.
//!
//! The only reader of that file. Keys, defaults and behaviour are those of `DDPMScheduler`,
//! `DDIMScheduler` and `DDIMInverseScheduler` in diffusers 0.42. Three things differ on purpose:
//! the timestep before `tau[i]` is `tau[i-1]` (diffusers' DDIM takes `t - T/S`), the last step of ancestral
//! sampling adds no noise whatever its timestep (diffusers adds some unless `t = 0`), and `fixed_large_log`
//! is `fixed_large` (diffusers takes the square root of a negative number).

use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::{
    schedule::{BetaSchedule, NoiseSchedule, ScheduleError, quoted},
    step::{Clip, Method, Prediction, Step, StepCoefficients, StepError, Variance},
    timesteps::{Spacing, TimestepsError, timesteps},
};

/// Why a configuration cannot be read or used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SchedulerError {
    #[error("scheduler_config.json: not valid JSON: {0}")]
    Json(String),
    #[error("scheduler_config.json: {key}: expected {expected}, found {found}")]
    Value {
        key: String,
        expected: &'static str,
        found: String,
    },
    #[error(
        "scheduler_config.json: trained_betas: expected num_train_timesteps = {expected} numbers, found {found}"
    )]
    TrainedBetas { expected: usize, found: usize },
    #[error("scheduler: {0}")]
    Schedule(#[from] ScheduleError),
    #[error("scheduler: {0}")]
    Timesteps(#[from] TimestepsError),
    #[error("scheduler: {0}")]
    Step(#[from] StepError),
}

/// `_class_name`: whose defaults hold and which keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SchedulerClass {
    Ddpm,
    Ddim,
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

    fn knows_key(self, key: &str) -> bool {
        match key {
            "variance_type" => self == Self::Ddpm,
            "set_alpha_to_one" => self != Self::Ddpm,
            "thresholding" | "dynamic_thresholding_ratio" | "sample_max_value" => {
                self != Self::DdimInverse
            }
            _ => true,
        }
    }

    fn knows_schedule(self, kind: BetaSchedule) -> bool {
        match kind {
            BetaSchedule::Linear | BetaSchedule::ScaledLinear | BetaSchedule::SquaredcosCapV2 => {
                true
            }
            BetaSchedule::Sigmoid | BetaSchedule::Laplace => self == Self::Ddpm,
            BetaSchedule::Quad | BetaSchedule::Const | BetaSchedule::Jsd => false,
        }
    }
}

/// `variance_type` of `DDPMScheduler`. The `_log` forms are the same numbers reached through a logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VarianceType {
    FixedSmall,
    FixedSmallLog,
    FixedLarge,
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
/// [`SchedulerConfig::from_json`] and [`SchedulerConfig::trajectory`] check the numbers, so a value set by
/// hand in between is checked too.
#[derive(Debug, Clone, PartialEq)]
pub struct SchedulerConfig {
    pub class: SchedulerClass,
    pub num_train_timesteps: usize,
    pub beta_start: f64,
    pub beta_end: f64,
    pub beta_schedule: BetaSchedule,
    /// Replaces the three fields above when given; `num_train_timesteps` long.
    pub trained_betas: Option<Vec<f64>>,
    pub clip_sample: bool,
    pub clip_sample_range: f64,
    /// Whether sampling ends at `alpha_bar = 1` or at `alpha_bar(0)`; ancestral sampling always ends at 1.
    pub set_alpha_to_one: bool,
    pub steps_offset: usize,
    pub prediction_type: Prediction,
    /// Takes precedence over `clip_sample`.
    pub thresholding: bool,
    pub dynamic_thresholding_ratio: f64,
    pub sample_max_value: f64,
    pub timestep_spacing: Spacing,
    pub rescale_betas_zero_snr: bool,
    pub variance_type: VarianceType,
    /// Keys that this crate does not know, kept as they were read.
    pub extra: Map<String, Value>,
}

impl SchedulerConfig {
    /// diffusers' defaults for a class: T = 1000, linear betas from 1e-4 to 0.02, clipping to ±1.
    pub fn new(class: SchedulerClass) -> Self {
        Self {
            class,
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
            timestep_spacing: Spacing::Leading,
            rescale_betas_zero_snr: false,
            variance_type: VarianceType::FixedSmall,
            extra: Map::new(),
        }
    }

    /// Reads the text of a `scheduler_config.json`.
    ///
    /// Missing keys have diffusers' defaults and a missing `_class_name` means `DDIMScheduler`. A value of the
    /// wrong type, an unknown name and an impossible number are errors that name the key; unknown keys are
    /// kept ([`SchedulerConfig::unknown_keys`]).
    pub fn from_json(text: &str) -> Result<Self, SchedulerError> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| SchedulerError::Json(error.to_string()))?;
        let Value::Object(keys) = value else {
            return Err(wrong("(the file)", "an object with keys", &value));
        };
        let mut keys = Keys(keys);
        let class = keys.name(
            "_class_name",
            "DDPMScheduler, DDIMScheduler or DDIMInverseScheduler",
            &SchedulerClass::ALL.map(|class| (class.name(), class)),
            SchedulerClass::Ddim,
        )?;
        let default = Self::new(class);
        let config = Self {
            class,
            num_train_timesteps: keys.count("num_train_timesteps", default.num_train_timesteps)?,
            beta_start: keys.number("beta_start", default.beta_start)?,
            beta_end: keys.number("beta_end", default.beta_end)?,
            beta_schedule: keys.name(
                "beta_schedule",
                "linear, scaled_linear, squaredcos_cap_v2, sigmoid, laplace, quad, const or jsd",
                &BetaSchedule::ALL.map(|kind| (kind.name(), kind)),
                default.beta_schedule,
            )?,
            trained_betas: keys.numbers("trained_betas")?,
            clip_sample: keys.flag("clip_sample", default.clip_sample)?,
            clip_sample_range: keys.number("clip_sample_range", default.clip_sample_range)?,
            set_alpha_to_one: keys.flag("set_alpha_to_one", default.set_alpha_to_one)?,
            steps_offset: keys.count("steps_offset", default.steps_offset)?,
            prediction_type: keys.name(
                "prediction_type",
                "epsilon, sample or v_prediction",
                &Prediction::ALL.map(|prediction| (prediction.name(), prediction)),
                default.prediction_type,
            )?,
            thresholding: keys.flag("thresholding", default.thresholding)?,
            dynamic_thresholding_ratio: keys.number(
                "dynamic_thresholding_ratio",
                default.dynamic_thresholding_ratio,
            )?,
            sample_max_value: keys.number("sample_max_value", default.sample_max_value)?,
            timestep_spacing: keys.name(
                "timestep_spacing",
                "leading, trailing or linspace",
                &[
                    ("leading", Spacing::Leading),
                    ("trailing", Spacing::Trailing),
                    ("linspace", Spacing::Linspace),
                ],
                default.timestep_spacing,
            )?,
            rescale_betas_zero_snr: keys
                .flag("rescale_betas_zero_snr", default.rescale_betas_zero_snr)?,
            variance_type: keys.name(
                "variance_type",
                "fixed_small, fixed_small_log, fixed_large or fixed_large_log (learned variances are not supported)",
                &VarianceType::ALL.map(|kind| (kind.name(), kind)),
                default.variance_type,
            )?,
            extra: keys.0,
        };
        config.schedule()?;
        config.check_clipping()?;
        Ok(config)
    }

    /// The keys that were read but mean nothing here, sorted. Those that begin with `_` are diffusers' own
    /// bookkeeping and not listed.
    pub fn unknown_keys(&self) -> Vec<String> {
        let unknown = self.extra.keys().filter(|key| !key.starts_with('_'));
        unknown.cloned().collect()
    }

    /// The text of a `scheduler_config.json` that diffusers' class of that name reads.
    ///
    /// A schedule that the class does not know by name is written out as `trained_betas`; a key that it does
    /// not know is written only where it differs from the default.
    pub fn to_json(&self) -> Result<String, SchedulerError> {
        let (beta_schedule, trained_betas) = if self.class.knows_schedule(self.beta_schedule) {
            (self.beta_schedule, self.trained_betas.clone())
        } else {
            let plain = Self {
                rescale_betas_zero_snr: false,
                ..self.clone()
            };
            (
                BetaSchedule::Linear,
                Some(plain.schedule()?.betas().to_vec()),
            )
        };
        let default = Self::new(self.class).values(BetaSchedule::Linear, None);
        let mut keys = self.extra.clone();
        for (key, value) in self.values(beta_schedule, trained_betas.as_deref()) {
            if self.class.knows_key(&key) || default.get(&key) != Some(&value) {
                keys.insert(key, value);
            }
        }
        Ok(format!("{:#}\n", Value::Object(keys)))
    }

    fn values(
        &self,
        beta_schedule: BetaSchedule,
        trained_betas: Option<&[f64]>,
    ) -> Map<String, Value> {
        let pairs = [
            ("_class_name", json!(self.class.name())),
            ("num_train_timesteps", json!(self.num_train_timesteps)),
            ("beta_start", json!(self.beta_start)),
            ("beta_end", json!(self.beta_end)),
            ("beta_schedule", json!(beta_schedule.name())),
            ("trained_betas", json!(trained_betas)),
            ("clip_sample", json!(self.clip_sample)),
            ("clip_sample_range", json!(self.clip_sample_range)),
            ("set_alpha_to_one", json!(self.set_alpha_to_one)),
            ("steps_offset", json!(self.steps_offset)),
            ("prediction_type", json!(self.prediction_type.name())),
            ("thresholding", json!(self.thresholding)),
            (
                "dynamic_thresholding_ratio",
                json!(self.dynamic_thresholding_ratio),
            ),
            ("sample_max_value", json!(self.sample_max_value)),
            ("timestep_spacing", json!(self.timestep_spacing.to_string())),
            ("rescale_betas_zero_snr", json!(self.rescale_betas_zero_snr)),
            ("variance_type", json!(self.variance_type.name())),
        ];
        pairs
            .map(|(key, value)| (key.to_owned(), value))
            .into_iter()
            .collect()
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
            SchedulerClass::DdimInverse => Method::Inversion,
        }
    }

    /// How x0_hat is clipped. Inversion knows no thresholding, as in diffusers.
    pub fn clip(&self, method: Method) -> Clip {
        if self.thresholding && method != Method::Inversion {
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

    fn check_clipping(&self) -> Result<(), SchedulerError> {
        Clip::Range(self.clip_sample_range).check()?;
        Clip::Dynamic {
            ratio: self.dynamic_thresholding_ratio,
            max: self.sample_max_value,
        }
        .check()?;
        Ok(())
    }

    /// Every step of one run, in the order in which they are taken.
    pub fn trajectory(&self, options: &TrajectoryOptions) -> Result<Trajectory, SchedulerError> {
        self.check_clipping()?;
        let schedule = self.schedule()?;
        let spacing = options.spacing.as_ref().unwrap_or(&self.timestep_spacing);
        let tau = timesteps(spacing, schedule.len(), options.steps, self.steps_offset)?;
        let method = options.method;
        let ancestral = matches!(method, Method::DdpmAncestral(_) | Method::DdpmNoisy);
        let clean = if self.set_alpha_to_one || ancestral {
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

/// What to run.
#[derive(Debug, Clone, PartialEq)]
pub struct TrajectoryOptions {
    pub method: Method,
    /// `None` takes the configuration's `timestep_spacing`.
    pub spacing: Option<Spacing>,
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
            spacing: None,
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
    pub coefficients: StepCoefficients,
}

impl TrajectoryStep {
    /// Whether the step adds fresh noise.
    pub fn needs_noise(&self) -> bool {
        self.coefficients.sigma > 0.0
    }
}

/// The keys of the file that have not been read yet.
struct Keys(Map<String, Value>);

impl Keys {
    fn read<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        default: T,
        convert: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, SchedulerError> {
        match self.0.remove(key) {
            None => Ok(default),
            Some(value) => convert(&value).ok_or_else(|| wrong(key, expected, &value)),
        }
    }

    fn flag(&mut self, key: &'static str, default: bool) -> Result<bool, SchedulerError> {
        self.read(key, "true or false", default, Value::as_bool)
    }

    fn number(&mut self, key: &'static str, default: f64) -> Result<f64, SchedulerError> {
        self.read(key, "a number", default, Value::as_f64)
    }

    fn count(&mut self, key: &'static str, default: usize) -> Result<usize, SchedulerError> {
        self.read(key, "a whole number, not negative", default, |value| {
            value.as_u64().and_then(|n| usize::try_from(n).ok())
        })
    }

    fn numbers(&mut self, key: &'static str) -> Result<Option<Vec<f64>>, SchedulerError> {
        self.read(
            key,
            "null or a list of numbers",
            None,
            |value| match value {
                Value::Null => Some(None),
                Value::Array(list) => {
                    Some(Some(list.iter().map(Value::as_f64).collect::<Option<_>>()?))
                }
                _ => None,
            },
        )
    }

    fn name<T: Clone>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        names: &[(&str, T)],
        default: T,
    ) -> Result<T, SchedulerError> {
        self.read(key, expected, default, |value| {
            let text = value.as_str()?;
            let known = names.iter().find(|(name, _)| *name == text);
            known.map(|(_, value)| value.clone())
        })
    }
}

fn wrong(key: &str, expected: &'static str, found: &Value) -> SchedulerError {
    let found = match found {
        Value::String(text) => quoted(text),
        Value::Array(list) => format!("a list of {} entries", list.len()),
        Value::Object(_) => "an object".to_owned(),
        simple => simple.to_string(),
    };
    SchedulerError::Value {
        key: key.to_owned(),
        expected,
        found,
    }
}
