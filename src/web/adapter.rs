//! Graphics adapters as browsers describe them.

use js_sys::{Object, Reflect};
use wasm_bindgen::prelude::*;

/// What a `GPUAdapterInfo` says in words.
pub(super) const TEXTS: [&str; 4] = ["vendor", "architecture", "device", "description"];

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
