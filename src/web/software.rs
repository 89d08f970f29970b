//! Whether a graphics adapter is worth its while: what a package with both engines tells.

use js_sys::Reflect;
use wasm_bindgen::prelude::*;

use super::adapter::TEXTS;
use crate::engine::Gpu;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A `GPUAdapterInfo`, or what a browser has of it. */
export interface AdapterDescription {
  vendor?: string;
  architecture?: string;
  device?: string;
  description?: string;
  isFallbackAdapter?: boolean;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `AdapterDescription`.
    #[wasm_bindgen(typescript_type = "AdapterDescription")]
    pub type JsAdapterDescription;
}

/// Whether an adapter is a program on the processor, which is slower there than this package's own code for it.
/// Takes a `GPUAdapterInfo`, of which anything may be missing.
#[wasm_bindgen]
pub fn is_software_adapter(info: &JsAdapterDescription) -> bool {
    let get = |name: &str| Reflect::get(info.as_ref(), &name.into()).unwrap_or(JsValue::UNDEFINED);
    let texts = TEXTS.map(|name| get(name).as_string().unwrap_or_default());
    Gpu::is_software(&texts, get("isFallbackAdapter").is_truthy())
}
