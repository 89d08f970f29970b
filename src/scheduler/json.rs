//! Reading and writing the text of `scheduler_config.json`.

use serde_json::{Map, Value, json};

use super::{SchedulerClass, SchedulerConfig, SchedulerError, VarianceType};
use crate::{
    json::{self, FieldError, Fields},
    schedule::BetaSchedule,
    step::Prediction,
    timesteps::Tau,
};

/// diffusers' other classes with betas of a DDPM chain: other ways to walk what the same network has learned.
const OTHERS: [&str; 17] = [
    "PNDMScheduler",
    "LMSDiscreteScheduler",
    "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler",
    "HeunDiscreteScheduler",
    "KDPM2DiscreteScheduler",
    "KDPM2AncestralDiscreteScheduler",
    "DPMSolverMultistepScheduler",
    "DPMSolverSinglestepScheduler",
    "DPMSolverSDEScheduler",
    "DEISMultistepScheduler",
    "UniPCMultistepScheduler",
    "SASolverScheduler",
    "DDPMParallelScheduler",
    "DDIMParallelScheduler",
    "RePaintScheduler",
    "DPMSolverMultistepInverseScheduler",
];

impl SchedulerConfig {
    /// Reads the text of a `scheduler_config.json`.
    ///
    /// Missing keys have diffusers' defaults and a missing `_class_name` means `DDIMScheduler`, which also stands for
    /// other classes with such betas ([`SchedulerConfig::stands_for`]). A value of the
    /// wrong type, an unknown name and an impossible number are errors that name the key; unknown keys are
    /// kept ([`SchedulerConfig::unknown_keys`]).
    pub fn from_json(text: &str) -> Result<Self, SchedulerError> {
        let object = json::object(text).map_err(SchedulerError::Json)?;
        let mut keys = Fields::new(&object);
        let config = Self::from_fields(&mut keys)?;
        let config = Self {
            extra: keys.rest(),
            ..config
        };
        config.schedule()?;
        config.check_clipping()?;
        Ok(config)
    }

    fn from_fields(keys: &mut Fields) -> Result<Self, FieldError> {
        let other = keys
            .value("_class_name")
            .and_then(|name| OTHERS.into_iter().find(|other| name == other));
        let class = match other {
            Some(_) => SchedulerClass::Ddim,
            None => keys.one_of(
                "_class_name",
                Some(SchedulerClass::Ddim.name()),
                &SchedulerClass::ALL.map(|class| (class.name(), class)),
            )?,
        };
        let default = Self::new(class);
        Ok(Self {
            class,
            stands_for: other,
            num_train_timesteps: count(keys, "num_train_timesteps", default.num_train_timesteps)?,
            beta_start: number(keys, "beta_start", default.beta_start)?,
            beta_end: number(keys, "beta_end", default.beta_end)?,
            beta_schedule: keys.one_of(
                "beta_schedule",
                Some(default.beta_schedule.name()),
                &BetaSchedule::ALL.map(|kind| (kind.name(), kind)),
            )?,
            trained_betas: numbers(keys, "trained_betas")?,
            clip_sample: keys.boolean("clip_sample", default.clip_sample)?,
            clip_sample_range: number(keys, "clip_sample_range", default.clip_sample_range)?,
            set_alpha_to_one: keys.boolean("set_alpha_to_one", default.set_alpha_to_one)?,
            steps_offset: count(keys, "steps_offset", default.steps_offset)?,
            prediction_type: prediction(keys)?,
            thresholding: keys.boolean("thresholding", default.thresholding)?,
            dynamic_thresholding_ratio: number(
                keys,
                "dynamic_thresholding_ratio",
                default.dynamic_thresholding_ratio,
            )?,
            sample_max_value: number(keys, "sample_max_value", default.sample_max_value)?,
            timestep_spacing: keys.one_of(
                "timestep_spacing",
                Some(&default.timestep_spacing.to_string()),
                &[
                    ("leading", Tau::Leading),
                    ("trailing", Tau::Trailing),
                    ("linspace", Tau::Linspace),
                ],
            )?,
            rescale_betas_zero_snr: keys
                .boolean("rescale_betas_zero_snr", default.rescale_betas_zero_snr)?,
            variance_type: match keys.value("variance_type") {
                // Where a class does not use it, diffusers may write null.
                Some(Value::Null) if class != SchedulerClass::Ddpm => default.variance_type,
                _ => keys.one_of(
                    "variance_type",
                    Some(default.variance_type.name()),
                    &VarianceType::ALL.map(|kind| (kind.name(), kind)),
                )?,
            },
            extra: Map::new(),
        })
    }

    /// The text of a `scheduler_config.json` that diffusers' class of that name reads.
    ///
    /// A schedule that the class does not know by name is written out as `trained_betas`; a key that it does
    /// not know is written only where it differs from the default.
    pub fn to_json(&self) -> Result<String, SchedulerError> {
        let (beta_schedule, trained_betas) = if self.class.knows_schedule(self.beta_schedule) {
            (self.beta_schedule, self.trained_betas.clone())
        } else {
            // rescaling these again, when the flag is read back, changes nothing
            let betas = self.schedule()?.betas().to_vec();
            (BetaSchedule::Linear, Some(betas))
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
}

impl SchedulerClass {
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

/// `prediction_type`, or what diffusers had before 0.9: `predict_epsilon`, where false means x_0.
fn prediction(keys: &mut Fields) -> Result<Prediction, FieldError> {
    let old = keys.read(
        "predict_epsilon",
        "true, false or null",
        Some(None),
        |value| {
            if value.is_null() {
                Some(None)
            } else {
                value.as_bool().map(Some)
            }
        },
    )?;
    let default = match old {
        Some(false) => Prediction::Sample,
        Some(true) | None => Prediction::Epsilon,
    };
    keys.one_of(
        "prediction_type",
        Some(default.name()),
        &Prediction::ALL.map(|prediction| (prediction.name(), prediction)),
    )
}

fn number(keys: &mut Fields, key: &'static str, default: f64) -> Result<f64, FieldError> {
    keys.read(key, "a number", Some(default), Value::as_f64)
}

fn count(keys: &mut Fields, key: &'static str, default: usize) -> Result<usize, FieldError> {
    keys.read(
        key,
        "a whole number, not negative",
        Some(default),
        |value| usize::try_from(value.as_u64()?).ok(),
    )
}

fn numbers(keys: &mut Fields, key: &'static str) -> Result<Option<Vec<f64>>, FieldError> {
    keys.read(
        key,
        "null or a list of numbers",
        Some(None),
        |value| match value {
            Value::Null => Some(None),
            value => Some(Some(
                value
                    .as_array()?
                    .iter()
                    .map(Value::as_f64)
                    .collect::<Option<_>>()?,
            )),
        },
    )
}
