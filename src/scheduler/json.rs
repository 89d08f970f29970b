//! Reading and writing the text of `scheduler_config.json`.

use serde_json::{Map, Value, json};

use super::{SchedulerClass, SchedulerConfig, SchedulerError, VarianceType};
use crate::{
    schedule::{BetaSchedule, quoted},
    step::Prediction,
    timesteps::Spacing,
};

impl SchedulerConfig {
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
