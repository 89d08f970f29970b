//! What is checked of every object of options and of every number in it.

use js_sys::Object;
use wasm_bindgen::prelude::*;

use super::WebError;

/// The largest integer that a JavaScript number counts to without gaps: 2^53 - 1.
pub const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

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
