//! How much values look like noise.

use wasm_bindgen::prelude::*;

use super::lists::JsFloats;
use crate::normality::normality;
use crate::web::checks::integer;
use crate::web::lists::floats;
use crate::web::values::object;
use crate::web::{WebError, js_error};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `statistics()` gives; standard normal noise has mean 0, variance 1 and norm 1, and about 0 in what can be null. */
export interface Statistics {
  /** How many values. */
  count: number;
  mean: number;
  /** The mean of the squared deviations from the mean. */
  variance: number;
  /** The third standardised moment; null where all values are the same. */
  skewness: number | null;
  /** The fourth standardised moment less 3; null where all values are the same. */
  excess_kurtosis: number | null;
  /** Pearson's correlation of pixels with their right neighbours; null where there are none, or all are the same. */
  correlation_right: number | null;
  /** The same with the neighbours below. */
  correlation_down: number | null;
  /** The Kolmogorov–Smirnov distance from N(0, 1), 0 to 1. */
  ks: number;
  /** How probable so large a distance is for as many independent values of N(0, 1) (its limit for many values). */
  ks_p: number;
  /** |x| / sqrt(n). */
  norm: number;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `Statistics`.
    #[wasm_bindgen(typescript_type = "Statistics")]
    pub type JsStatistics;
}

/// How much `values`, one or several pictures [channels, height, width], look like independent standard normal noise.
#[wasm_bindgen]
pub fn statistics(
    values: JsFloats,
    channels: f64,
    height: f64,
    width: f64,
) -> Result<JsStatistics, WebError> {
    let side = |name, value| -> Result<_, WebError> {
        Ok(integer(name, value, u32::MAX.into())? as usize)
    };
    let shape = [
        side("channels", channels)?,
        side("height", height)?,
        side("width", width)?,
    ];
    let found = normality(&floats(&values, "values")?, shape).map_err(js_error)?;
    let or_null = |value: Option<f64>| value.map_or(JsValue::NULL, JsValue::from);
    let statistics = object([
        ("count", (found.count as u32).into()),
        ("mean", found.mean.into()),
        ("variance", found.variance.into()),
        ("skewness", or_null(found.skewness)),
        ("excess_kurtosis", or_null(found.excess_kurtosis)),
        ("correlation_right", or_null(found.correlation_right)),
        ("correlation_down", or_null(found.correlation_down)),
        ("ks", found.ks.into()),
        ("ks_p", found.ks_p.into()),
        ("norm", found.norm.into()),
    ]);
    Ok(statistics.unchecked_into())
}
