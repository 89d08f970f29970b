//! DDIM's family of processes in one dimension.

use js_sys::{Array, Float64Array};
use wasm_bindgen::prelude::*;

use super::lists::{JsDoubles, doubles};
use crate::runs::marginals;
use crate::web::checks::{MAX_SAFE, integer};
use crate::web::options::{JsSampleOptions, Options};
use crate::web::values::object;
use crate::web::{WebError, js_error};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `marginals()` gives. */
export interface Marginals {
  /** The time steps, falling. */
  t: number[];
  /** x_t of every point, an array for each time step. */
  x: Float64Array[];
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `Marginals`.
    #[wasm_bindgen(typescript_type = "Marginals")]
    pub type JsMarginals;
}

/// The points `x_0` at every time step of the run of `options` (its scheduler, tau, eta …), drawn downwards: x_T of
/// q(x_T | x_0), then each state of q_sigma(x_next | x_t, x_0) (DDIM, eq. 7). By lemma 1 every eta gives the marginals
/// N(sqrt(alpha_bar) x_0, 1 - alpha_bar), along other paths. Needs no network.
#[wasm_bindgen]
pub fn marginals(
    options: JsSampleOptions,
    x_0: JsDoubles,
    seed: f64,
) -> Result<JsMarginals, WebError> {
    let (scheduler, options) = Options::read(options.into())?;
    let seed = integer("seed", seed, MAX_SAFE)?;
    let x_0 = doubles(&x_0, "x_0")?;
    let states = marginals::marginals(&scheduler, &options.trajectory, &x_0, seed);
    let states = states.map_err(js_error)?;
    let t: Array = states.iter().map(|s| JsValue::from(s.t as u32)).collect();
    let x: Array = states
        .iter()
        .map(|s| Float64Array::from(s.x_t.as_slice()))
        .collect();
    Ok(object([("t", t.into()), ("x", x.into())]).unchecked_into())
}
