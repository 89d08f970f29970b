//! `RateDistortion`: what each time step of one picture costs, term by term.

use std::rc::Rc;

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use crate::engine::{Denoiser, Engine};
use crate::runs::rate::{Rate, RateOptions, curve};
use crate::sampler::SamplerError;
use crate::scheduler::SchedulerConfig;
use crate::unet::input::{InputError, check_length};
use crate::web::checks::{MAX_SAFE, check_keys, integer};
use crate::web::lists::float_option;
use crate::web::values::plain_object;
use crate::web::{WebError, js_error};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `Denoiser.rate_distortion()` takes. */
export interface RateOptions {
  /** The text of scheduler_config.json. */
  scheduler: string;
  /** The picture, [channels, height, width] of config.json, -1 to 1. */
  image: Float32Array;
  /** How many time steps, 2 to T; fewer than all are drawn from equal parts of the chain. Default: all. */
  terms?: number;
  /** Seed of the noise. Default 0. */
  seed?: number;
  /** The picture's class, for a conditional model. */
  label?: number;
}
/** A point of the curve (DDPM, figure 5, algorithms 3 and 4). */
export interface RatePoint {
  /** The time step of the state that has arrived. */
  t: number;
  /** Bits per dimension sent so far. */
  rate: number;
  /** Root mean squared error of the picture predicted from that state, on the scale 0 to 255. */
  distortion: number;
  /** Bits per dimension of the part of the chain that this point stands for: with all time steps, of what is sent next. */
  cost: number;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `RateOptions`.
    #[wasm_bindgen(typescript_type = "RateOptions")]
    pub type JsRateOptions;
    /// TypeScript's `RatePoint[]`.
    #[wasm_bindgen(typescript_type = "RatePoint[]")]
    pub type JsRatePoints;
}

/// The options as JavaScript writes them.
#[derive(Deserialize)]
struct Options {
    scheduler: String,
    terms: Option<f64>,
    #[serde(default)]
    seed: f64,
    label: Option<f64>,
}

const KEYS: [&str; 5] = ["scheduler", "image", "terms", "seed", "label"];

/// The rate-distortion curve of one picture (DDPM, figure 5), in pieces from x_T down to x_0. `free()` gives its memory
/// back.
#[wasm_bindgen(js_name = RateDistortion)]
pub struct WebRate {
    engine: Rc<Engine>,
    rate: Rate,
    sent: f64,
}

impl WebRate {
    pub(super) fn start(engine: Rc<Engine>, options: JsRateOptions) -> Result<Self, WebError> {
        let value: JsValue = options.into();
        check_keys(&value, &KEYS)?;
        let image = float_option(&value, "image")?
            .ok_or_else(|| WebError::options("image: expected a Float32Array".into()))?;
        let options: Options = serde_wasm_bindgen::from_value(value)
            .map_err(|error| WebError::options(format!("options: {error}")))?;
        let scheduler = SchedulerConfig::from_json(&options.scheduler).map_err(js_error)?;
        let most = f64::from(u32::MAX);
        let terms = match options.terms {
            Some(terms) => integer("terms", terms, most)? as usize,
            None => scheduler.num_train_timesteps,
        };
        let class = options
            .label
            .map(|label| integer("label", label, most))
            .transpose()?;
        let info = engine.info();
        let [height, width] = info
            .sample_size
            .ok_or(SamplerError::NoSize)
            .map_err(js_error)?;
        let shape = [info.in_channels, height, width];
        check_length([1, shape[0], height, width], image.len()).map_err(js_error)?;
        if image.iter().any(|v| !v.is_finite()) {
            return Err(js_error(InputError::NotFinite));
        }
        let rate = Rate::new(
            &scheduler,
            RateOptions {
                x_0: image,
                shape,
                class: class.map(|class| class as usize),
                terms,
                seed: integer("seed", options.seed, MAX_SAFE)?,
                image: 0,
            },
        )
        .map_err(js_error)?;
        let sent = rate.prior();
        Ok(Self { engine, rate, sent })
    }
}

#[derive(Serialize)]
struct Point {
    t: usize,
    rate: f64,
    distortion: f64,
    cost: f64,
}

#[wasm_bindgen(js_class = RateDistortion)]
impl WebRate {
    /// Number of points of the whole curve.
    #[wasm_bindgen(getter)]
    pub fn total(&self) -> usize {
        self.rate.total()
    }

    /// The next few points, in falling order of t; an empty list after the last.
    pub async fn next(&mut self) -> Result<JsRatePoints, WebError> {
        let terms = self
            .rate
            .next(self.engine.as_ref())
            .await
            .map_err(js_error)?;
        let points = curve(self.sent, terms.iter().copied(), 0);
        let costs = terms.iter().map(|term| term.share * term.bits[0]);
        self.sent += costs.clone().sum::<f64>();
        let points: Vec<Point> = points
            .into_iter()
            .zip(costs)
            .map(|(point, cost)| Point {
                t: point.t,
                rate: point.rate,
                distortion: point.distortion,
                cost,
            })
            .collect();
        Ok(plain_object(&points)?.unchecked_into())
    }
}
