//! Reading the options of a run from JavaScript, with errors that name the option.

use js_sys::Object;
use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};

use super::{WebError, js_error};
use crate::runs::rules;
use crate::sampler::SampleOptions;
use crate::scheduler::{SchedulerConfig, TrajectoryOptions};
use crate::step::Clip;
use crate::timesteps::Tau;

/// The options as JavaScript writes them: numbers are f64 until they are checked.
#[derive(Deserialize)]
pub struct Options {
    scheduler: String,
    steps: Option<f64>,
    #[serde(default)]
    eta: f64,
    tau: Option<String>,
    method: Option<String>,
    #[serde(default)]
    seed: f64,
    #[serde(default = "one")]
    batch: f64,
    #[serde(default)]
    first_image: f64,
    clip: Option<bool>,
    labels: Option<Vec<f64>>,
    size: Option<[f64; 2]>,
    latents: Option<Vec<f32>>,
    from: Option<f64>,
    to: Option<f64>,
    #[serde(default)]
    same_noise: bool,
}

/// Names of the fields above.
const KEYS: [&str; 15] = [
    "scheduler",
    "steps",
    "eta",
    "tau",
    "method",
    "seed",
    "batch",
    "first_image",
    "clip",
    "labels",
    "size",
    "latents",
    "from",
    "to",
    "same_noise",
];

fn one() -> f64 {
    1.0
}

/// The largest integer that a JavaScript number counts to without gaps: 2^53 - 1.
pub const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

impl Options {
    /// The scheduler and the options of `value`.
    ///
    /// # Errors
    /// A JavaScript `Error` that names the option, what was expected and what was found.
    pub fn read(value: JsValue) -> Result<(SchedulerConfig, SampleOptions), WebError> {
        check_keys(&value, &KEYS)?;
        let options: Self = serde_wasm_bindgen::from_value(value)
            .map_err(|error| WebError::options(format!("options: {error}")))?;
        let scheduler = SchedulerConfig::from_json(&options.scheduler).map_err(js_error)?;
        let method = rules::method(options.method.as_deref().unwrap_or("ddim"), options.eta)
            .map_err(js_error)?;
        // Where the scheduler does not clip there is nothing to switch on: `true` is its own rule, as nothing is.
        let clip = (options.clip == Some(false)).then_some(Clip::None);
        rules::clip(&scheduler, method, clip).map_err(js_error)?;
        let tau = options
            .tau
            .map(|tau| tau.parse::<Tau>())
            .transpose()
            .map_err(js_error)?;
        let level = |name, t: Option<f64>| -> Result<_, WebError> {
            t.map(|t| Ok(integer(name, t, f64::from(u32::MAX))? as usize))
                .transpose()
        };
        let steps = match options.steps {
            Some(steps) => integer("steps", steps, f64::from(u32::MAX))? as usize,
            None => rules::default_steps(&scheduler),
        };
        let labels = options
            .labels
            .map(|labels| {
                labels
                    .into_iter()
                    .map(|l| Ok(integer("labels", l, f64::from(u32::MAX))? as usize))
                    .collect::<Result<_, WebError>>()
            })
            .transpose()?;
        let size = match options.size {
            Some([h, w]) => Some([
                integer("size", h, 65_536.0)? as usize,
                integer("size", w, 65_536.0)? as usize,
            ]),
            None => None,
        };
        let read = SampleOptions {
            trajectory: TrajectoryOptions {
                tau,
                clip,
                from: level("from", options.from)?,
                to: level("to", options.to)?,
                ..TrajectoryOptions::new(method, steps)
            },
            seed: integer("seed", options.seed, MAX_SAFE)?,
            first_image: integer("first_image", options.first_image, f64::from(u32::MAX))? as u32,
            same_noise: options.same_noise,
            batch: integer("batch", options.batch, f64::from(u32::MAX))? as usize,
            size,
            labels,
            latents: options.latents,
        };
        rules::steps(&scheduler, &read.trajectory).map_err(js_error)?;
        Ok((scheduler, read))
    }
}

/// Refuses an object with a key that is not `known`: serde-wasm-bindgen does not look at those.
///
/// # Errors
/// A JavaScript `Error` that names the first such key, and the known ones.
pub fn check_keys(options: &JsValue, known: &[&str]) -> Result<(), WebError> {
    let keys = options
        .dyn_ref::<Object>()
        .map(Object::keys)
        .unwrap_or_default();
    let mut keys = keys.iter().filter_map(|key| key.as_string());
    match keys.find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(unknown) => Err(WebError::options(format!(
            "options: unknown key {unknown}, expected one of {}",
            known.join(", ")
        ))),
    }
}

/// `value` as an integer from 0 to `max`, or an error that names the option.
pub fn integer(name: &str, value: f64, max: f64) -> Result<u64, WebError> {
    if value.fract() == 0.0 && (0.0..=max).contains(&value) {
        Ok(value as u64)
    } else {
        Err(WebError::options(format!(
            "{name}: expected an integer from 0 to {max}, found {value}"
        )))
    }
}
