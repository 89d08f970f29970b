//! Pictures and noise as files.

use std::collections::HashMap;

use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

use super::lists::{JsBytes, JsFloats};
use crate::sample_file::{self, Sample};
use crate::web::checks::integer;
use crate::web::lists::{byte_array, file, float_array, floats};
use crate::web::values::{object, plain_object};
use crate::web::{WebError, js_error};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `from_safetensors()` gives. */
export interface Sample {
  /** [batch, channels, height, width]. */
  shape: [number, number, number, number];
  values: Float32Array;
  metadata: Record<string, string>;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `Sample`.
    #[wasm_bindgen(typescript_type = "Sample")]
    pub type JsSample;
    /// TypeScript's `number[]`.
    #[wasm_bindgen(typescript_type = "number[]")]
    pub type JsNumbers;
    /// TypeScript's `Record<string, string>`.
    #[wasm_bindgen(typescript_type = "Record<string, string>")]
    pub type JsMetadata;
}

/// The bytes of a .safetensors file with `values` as its one tensor, `sample`, of `shape`
/// [batch, channels, height, width]: what the terminal's `--latents` reads and its `--save` writes.
#[wasm_bindgen]
pub fn to_safetensors(
    values: JsFloats,
    shape: JsNumbers,
    metadata: Option<JsMetadata>,
) -> Result<Uint8Array, WebError> {
    let refused = |name: &'static str| {
        move |error: serde_wasm_bindgen::Error| WebError::options(format!("{name}: {error}"))
    };
    let shape: Vec<f64> = serde_wasm_bindgen::from_value(shape.into()).map_err(refused("shape"))?;
    let shape = shape
        .into_iter()
        .map(|side| Ok(integer("shape", side, u32::MAX.into())? as usize))
        .collect::<Result<Vec<_>, WebError>>()?;
    let metadata: HashMap<String, String> = match metadata {
        Some(metadata) => {
            serde_wasm_bindgen::from_value(metadata.into()).map_err(refused("metadata"))?
        }
        None => HashMap::new(),
    };
    let values = floats(&values, "values")?;
    let bytes = sample_file::write(&values, &shape, metadata).map_err(js_error)?;
    byte_array(&bytes)
}

/// What a .safetensors file with one tensor, `sample` [batch, channels, height, width] of f32, holds.
#[wasm_bindgen]
pub fn from_safetensors(bytes: JsBytes) -> Result<JsSample, WebError> {
    let sample = Sample::read(&file(&bytes, "bytes")?).map_err(js_error)?;
    let shape: Array = sample
        .shape
        .iter()
        .map(|side| JsValue::from(*side as u32))
        .collect();
    let sample = object([
        ("shape", shape.into()),
        ("values", float_array(&sample.values)?.into()),
        ("metadata", plain_object(&sample.metadata)?),
    ]);
    Ok(sample.unchecked_into())
}
