//! Numbers of schedules, losses and runs.

use js_sys::Float64Array;
use wasm_bindgen::prelude::*;

use crate::runs::numbers;
use crate::schedule::BetaSchedule;
use crate::scheduler::SchedulerConfig;
use crate::web::options::{JsSampleOptions, Options};
use crate::web::values::{object, plain_object};
use crate::web::{WebError, js_error};
use crate::weighting::eps_weights;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `numbers()` gives for each step. */
export interface StepNumbers {
  /** The time step the network is told. */
  t: number;
  /** The time step of the result; null is the image. */
  t_next: number | null;
  /** Of the level the network is told: the DDIM paper's α. */
  alpha_bar: number;
  /** sqrt((1 - alpha_bar) / alpha_bar), the noise in the variance-exploding view; null where it is infinite. */
  noise_level: number | null;
  /** Factors of DDIM, eq. 12: of x0_hat, of eps, of fresh noise. */
  a: number;
  b: number;
  sigma: number;
  /**
   * The weight of theorem 1, in nats, with the method's eta (1 for the larger noises); null where the bound is infinite.
   * In the step to x_0 it is that of a decoder with the variance of the step before, times eta squared.
   */
  gamma: number | null;
  /** q(x_next | x_t, x_0), DDIM, eq. 7; null in an inversion. */
  posterior: { of_x0: number; of_x_t: number; variance: number } | null;
  /** q(x_t | x_next, x_0), DDIM, eq. 8; null in an inversion. */
  forward: { of_x0: number; of_x_next: number; variance: number } | null;
}
/** What `levels()` gives: one number for each time step of the chain. */
export interface Levels {
  /** Variance of the step's noise (DDPM, eq. 2). */
  beta: Float64Array;
  /** What of the image's variance is left (DDPM, eq. 4). */
  alpha_bar: Float64Array;
  /** alpha_bar / (1 - alpha_bar). */
  snr: Float64Array;
}
/** What `weights()` gives: what a squared error of eps weighs in each loss, for each time step of the chain. */
export interface Weights {
  /** L_simple of a network that predicts eps: 1 (DDPM, eq. 14). */
  simple: Float64Array;
  /**
   * gamma of the variational bound, in nats: without eta that of DDPM, eq. 12, with the scheduler's variance; with an
   * eta that of DDIM, theorem 1. Infinite where eta or alpha_bar is 0; at t = 0 it is that of a decoder.
   */
  bound: Float64Array;
  /** min(SNR, 5) / SNR (Hang et al. 2023). */
  min_snr: Float64Array;
  /** L_simple of a network that predicts x_0: 1 / SNR. */
  x0: Float64Array;
  /** L_simple of a network that predicts v: 1 + 1 / SNR. */
  v: Float64Array;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `StepNumbers[]`.
    #[wasm_bindgen(typescript_type = "StepNumbers[]")]
    pub type JsStepNumbers;
    /// TypeScript's `Levels`.
    #[wasm_bindgen(typescript_type = "Levels")]
    pub type JsLevels;
    /// TypeScript's `Weights`.
    #[wasm_bindgen(typescript_type = "Weights")]
    pub type JsWeights;
}

/// The numbers of every step of the run that `sampler(options)` would make: noise levels and factors. Needs no network.
#[wasm_bindgen(js_name = numbers)]
pub fn run_numbers(options: JsSampleOptions) -> Result<JsStepNumbers, WebError> {
    let (scheduler, options) = Options::read(options.into())?;
    let steps = numbers::numbers(&scheduler, &options.trajectory).map_err(js_error)?;
    let steps: Vec<_> = steps.iter().map(|step| step.to_json()).collect();
    Ok(plain_object(&steps)?.unchecked_into())
}

/// The chain of a scheduler_config.json: beta, alpha_bar and the signal-to-noise ratio of every time step.
#[wasm_bindgen]
pub fn levels(scheduler_json: &str) -> Result<JsLevels, WebError> {
    let scheduler = SchedulerConfig::from_json(scheduler_json).map_err(js_error)?;
    let schedule = scheduler.schedule().map_err(js_error)?;
    let snr: Vec<f64> = (0..schedule.len()).map(|t| schedule.snr(t)).collect();
    let levels = object([
        ("beta", array(schedule.betas())),
        ("alpha_bar", array(schedule.alpha_bars())),
        ("snr", array(&snr)),
    ]);
    Ok(levels.unchecked_into())
}

/// The names that `beta_schedule` may have in a scheduler_config.json.
#[wasm_bindgen]
pub fn beta_schedules() -> Vec<String> {
    BetaSchedule::ALL.map(|kind| kind.name().into()).into()
}

/// What a squared error of eps weighs in each loss, for every time step; see `Weights` for what `eta` (0 to 1) does.
#[wasm_bindgen]
pub fn weights(scheduler_json: &str, eta: Option<f64>) -> Result<JsWeights, WebError> {
    let scheduler = SchedulerConfig::from_json(scheduler_json).map_err(js_error)?;
    let schedule = scheduler.schedule().map_err(js_error)?;
    let variance = scheduler.variance_type.variance();
    let found = eps_weights(&schedule, variance, eta).map_err(js_error)?;
    let weights = object([
        ("simple", array(&found.simple)),
        ("bound", array(&found.bound)),
        ("min_snr", array(&found.min_snr)),
        ("x0", array(&found.x0)),
        ("v", array(&found.v)),
    ]);
    Ok(weights.unchecked_into())
}

fn array(values: &[f64]) -> JsValue {
    Float64Array::from(values).into()
}
