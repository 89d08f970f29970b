//! Reading the options of a run from JavaScript, with errors that name the option.

use serde::Deserialize;
use wasm_bindgen::prelude::*;

use super::checks::{MAX_SAFE, check_keys, integer};
use super::lists::{check_length, float_option};
use super::{WebError, js_error};
use crate::runs::rules;
use crate::sampler::{Guidance, Known, MAX_BATCH, SampleOptions};
use crate::scheduler::{SchedulerConfig, TrajectoryOptions};
use crate::step::Clip;
use crate::timesteps::Tau;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `Denoiser.sampler()` takes. */
export interface SampleOptions {
  /** The text of scheduler_config.json. */
  scheduler: string;
  /** Number of steps S. Default 50, or T where that is less. */
  steps?: number;
  /** 0 (deterministic) to 1 (DDPM); used by the method "ddim". Default 0. */
  eta?: number;
  /** leading, trailing, linspace, uniform, quad, paper-linear, paper-quadratic, ddimN, "10,15,20" or "list:0,5,10". Default: the scheduler's own. */
  tau?: string;
  /**
   * ddim, sigma_hat, ddpm_noisy, ddpm_fixed_small, ddpm_fixed_large or probability_flow; inversion goes from the
   * images given as latents to noise, and inversion_strict does so by Euler steps of the DDIM paper's eq. 14 taken
   * literally, which lose more in few steps. Default ddim.
   */
  method?: string;
  /** 0 to 2^53 - 1. Default 0. */
  seed?: number;
  /** Number of images. Default 1. */
  batch?: number;
  /** The noise of image i of the batch is that of image first_image + i, however images are cut into batches. Default 0. */
  first_image?: number;
  /** All images get the noise of the first, so that only their latents and labels differ. Default false. */
  same_noise?: boolean;
  /** false leaves x0_hat as it is where the scheduler would clip it; inversion needs that, since a clipped step cannot be undone. Default true: as the scheduler says. */
  clip?: boolean;
  /** One class per image, for a conditional model. */
  labels?: number[];
  /** Height and width; default: those of config.json. */
  size?: [number, number];
  /** x_T, [batch, channels, height, width] row by row, instead of seeded noise; with `from`, x_t. */
  latents?: Float32Array;
  /** Begin at this time step, 0 to T - 1, with the images given as latents: the run visits it and what tau has beyond. */
  from?: number;
  /** End at this time step instead of at x_0 (in an inversion, of x_T). */
  to?: number;
  /**
   * Pictures of which a part is kept and the rest made to match, [1 or batch, channels, height, width]: inpainting. The
   * known part of every state, the first one too, is drawn from q(x_t | x_0) (DDPM, eq. 4), with seeded noise that
   * no step uses; the result has the pictures' own pixels there. Needs `mask`; not for inversion.
   */
  known?: Float32Array;
  /** [height, width]: 1 where pixels are known, 0 where they are to be made; numbers in between mix both. */
  mask?: Float32Array | Uint8Array;
  /**
   * w of classifier-free guidance (Ho & Salimans 2022): the network's output is (1 + w) times that with the labels less w
   * times that with `null_label`. 0 is the run without it, and takes twice as long.
   */
  guidance?: number;
  /** The class that stands for none, for guidance. */
  null_label?: number;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `SampleOptions`.
    #[wasm_bindgen(typescript_type = "SampleOptions")]
    pub type JsSampleOptions;
}

/// The options as JavaScript writes them, without pictures: numbers are f64 until they are checked.
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
    from: Option<f64>,
    to: Option<f64>,
    #[serde(default)]
    same_noise: bool,
    guidance: Option<f64>,
    null_label: Option<f64>,
}

/// Names of the fields above, and of the pictures.
const KEYS: [&str; 19] = [
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
    "known",
    "mask",
    "guidance",
    "null_label",
];

fn one() -> f64 {
    1.0
}

impl Options {
    /// The scheduler and the options of `value`.
    ///
    /// # Errors
    /// A JavaScript `Error` that names the option, what was expected and what was found.
    pub fn read(value: JsValue) -> Result<(SchedulerConfig, SampleOptions), WebError> {
        check_keys(&value, &KEYS)?;
        check_length(&value, "labels", MAX_BATCH)?;
        let [latents, known, mask] = [
            float_option(&value, "latents")?,
            float_option(&value, "known")?,
            float_option(&value, "mask")?,
        ];
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
        let whole = |name, value: Option<f64>| -> Result<_, WebError> {
            value
                .map(|value| Ok(integer(name, value, f64::from(u32::MAX))? as usize))
                .transpose()
        };
        let known = rules::together(("known", known), ("mask", mask));
        let null_label = whole("null_label", options.null_label)?;
        let guidance = rules::together(("guidance", options.guidance), ("null_label", null_label));
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
                from: whole("from", options.from)?,
                to: whole("to", options.to)?,
                ..TrajectoryOptions::new(method, steps)
            },
            seed: integer("seed", options.seed, MAX_SAFE)?,
            first_image: integer("first_image", options.first_image, f64::from(u32::MAX))? as u32,
            same_noise: options.same_noise,
            batch: integer("batch", options.batch, f64::from(u32::MAX))? as usize,
            size,
            labels,
            latents,
            known: known
                .map_err(js_error)?
                .map(|(x_0, mask)| Known { x_0, mask }),
            guidance: guidance
                .map_err(js_error)?
                .map(|(weight, null_label)| Guidance { weight, null_label }),
        };
        rules::steps(&scheduler, &read.trajectory).map_err(js_error)?;
        Ok((scheduler, read))
    }
}
