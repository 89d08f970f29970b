//! Graphics adapters as browsers describe them.

use js_sys::{Object, Reflect};
use wasm_bindgen::prelude::*;

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

/// What a `GPUAdapterInfo` says in words.
const TEXTS: [&str; 4] = ["vendor", "architecture", "device", "description"];

/// Whether an adapter is a program on the processor, which is slower there than this package's own code for it.
/// Takes a `GPUAdapterInfo`, of which anything may be missing.
#[wasm_bindgen]
pub fn is_software_adapter(info: &JsAdapterDescription) -> bool {
    let get = |name: &str| Reflect::get(info.as_ref(), &name.into()).unwrap_or(JsValue::UNDEFINED);
    let texts = TEXTS.map(|name| get(name).as_string().unwrap_or_default());
    Gpu::is_software(&texts, get("isFallbackAdapter").is_truthy())
}

/// Gives every adapter a description, be it empty: wgpu reads `adapter.info` and its texts unasked, and an exception in
/// there never settles the promise that waits for the device. Chrome 113 to 126 has no `info`.
pub fn complete_descriptions() {
    let global = js_sys::global();
    let prototype = |class: &str| {
        let class = Reflect::get(&global, &class.into()).ok()?;
        Reflect::get(&class, &"prototype".into())
            .ok()?
            .dyn_into::<Object>()
            .ok()
    };
    let complete = |object: &Object, name: &str, value: &JsValue| {
        if !Reflect::has(object, &name.into()).unwrap_or(true) {
            // Where a browser forbids it, its adapters stay as they are.
            let _ = Reflect::set(object, &name.into(), value);
        }
    };
    if let Some(adapter) = prototype("GPUAdapter") {
        let empty = Object::new();
        for name in TEXTS {
            complete(&empty, name, &"".into());
        }
        complete(&adapter, "info", &empty);
    }
    if let Some(info) = prototype("GPUAdapterInfo") {
        for name in TEXTS {
            complete(&info, name, &"".into());
        }
    }
}
