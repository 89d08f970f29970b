//! `Sampler`: one run, step by step.

use std::rc::Rc;

use wasm_bindgen::prelude::*;

use crate::allocate;
use crate::engine::Engine;
use crate::sampler::{SampleOptions, Sampler};
use crate::scheduler::SchedulerConfig;
use crate::web::checks::integer;
use crate::web::lists::float_array;
use crate::web::values::object;
use crate::web::{WebError, js_error};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `Sampler.next()` gives; images are [batch, channels, height, width], about -1 to 1. */
export interface Step {
  /** Whether this was the last step; x_t is the result then. */
  done: boolean;
  /** Which step, from 0. */
  index: number;
  /** The time step the network was run at. */
  t: number;
  x0_hat: Float32Array;
  x_t: Float32Array;
}
/** What `Sampler.dissect()` gives: a step's result is `predicted + direction + noise` (DDIM, eq. 12). */
export interface Dissection {
  /** Which step, from 0. */
  index: number;
  /** The time step the network was run at. */
  t: number;
  /** The time step of the result; null is the image. */
  t_next: number | null;
  /** Factor of x0_hat. */
  a: number;
  /** Factor of eps. */
  b: number;
  /** Factor of fresh noise. */
  sigma: number;
  x0_hat: Float32Array;
  /** a x0_hat, the "predicted x_0". */
  predicted: Float32Array;
  /** b eps, the "direction pointing to x_t". */
  direction: Float32Array;
  /** sigma z, the "random noise". */
  noise: Float32Array;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `Step`.
    #[wasm_bindgen(typescript_type = "Step")]
    pub type JsStep;
    /// TypeScript's `Dissection`.
    #[wasm_bindgen(typescript_type = "Dissection")]
    pub type JsDissection;
}

/// One run. Stop by not asking for the next step; `free()` gives its memory back.
#[wasm_bindgen(js_name = Sampler)]
pub struct WebSampler {
    engine: Rc<Engine>,
    run: Sampler<Engine>,
    unknown_keys: Vec<String>,
}

impl WebSampler {
    pub(super) fn start(
        engine: Rc<Engine>,
        scheduler: &SchedulerConfig,
        options: SampleOptions,
    ) -> Result<Self, WebError> {
        let run = Sampler::new(engine.as_ref(), scheduler, options).map_err(js_error)?;
        Ok(Self {
            engine,
            run,
            unknown_keys: scheduler.unknown_keys(),
        })
    }
}

#[wasm_bindgen(js_class = Sampler)]
impl WebSampler {
    /// Number of steps of the whole run.
    #[wasm_bindgen(getter)]
    pub fn total(&self) -> usize {
        self.run.total()
    }

    /// [batch, channels, height, width].
    #[wasm_bindgen(getter)]
    pub fn shape(&self) -> Vec<usize> {
        self.run.shape().to_vec()
    }

    /// Keys of scheduler_config.json that were ignored.
    #[wasm_bindgen(getter)]
    pub fn unknown_keys(&self) -> Vec<String> {
        self.unknown_keys.clone()
    }

    /// How often the graphics card was lost and found again.
    #[wasm_bindgen(getter)]
    pub fn recoveries(&self) -> usize {
        self.run.recoveries()
    }

    /// Makes the next `count` steps (default 1), or as many as are left, and gives the last one.
    pub async fn next(&mut self, count: Option<f64>) -> Result<JsStep, WebError> {
        let count = integer("count", count.unwrap_or(1.0), f64::from(u32::MAX))? as usize;
        let engine = self.engine.clone();
        let step = self
            .run
            .advance(engine.as_ref(), count)
            .await
            .map_err(js_error)?;
        Ok(object([
            ("done", step.done.into()),
            ("index", (step.index as u32).into()),
            ("t", (step.t as u32).into()),
            ("x0_hat", float_array(&step.x0_hat)?.into()),
            ("x_t", float_array(&step.x_t)?.into()),
        ])
        .unchecked_into())
    }

    /// The last step that `next` gave, as the three terms that it adds up (DDIM, eq. 12); nothing before the first.
    pub fn dissect(&mut self) -> Result<Option<JsDissection>, WebError> {
        // The noise, twice where it is shared, what is made of it, and the four parts.
        let numbers = allocate::volume(&self.run.shape()).saturating_mul(7);
        let bytes = allocate::bytes::<f32>(numbers);
        allocate::room("what a step adds up", bytes).map_err(js_error)?;
        let Some(found) = self.run.dissect() else {
            return Ok(None);
        };
        let c = found.coefficients;
        let images = |values: &[f32]| float_array(values).map(JsValue::from);
        let dissection = object([
            ("index", (found.index as u32).into()),
            ("t", (found.t as u32).into()),
            (
                "t_next",
                found.t_next.map_or(JsValue::NULL, |t| (t as u32).into()),
            ),
            ("a", c.a.into()),
            ("b", c.b.into()),
            ("sigma", c.sigma.into()),
            ("x0_hat", images(&found.x0_hat)?),
            ("predicted", images(&found.predicted)?),
            ("direction", images(&found.direction)?),
            ("noise", images(&found.noise)?),
        ]);
        Ok(Some(dissection.unchecked_into()))
    }
}
