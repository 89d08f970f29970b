//! Values on their way to JavaScript.

use js_sys::{Object, Reflect};
use serde::Serialize;
use wasm_bindgen::JsValue;

use super::{Kind, WebError};

/// `value` as plain objects and arrays; what is `None` is null.
///
/// # Errors
/// What only a number in a file can spoil that is larger than JavaScript counts.
pub fn plain_object(value: &impl Serialize) -> Result<JsValue, WebError> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(|error| WebError {
            kind: Kind::Config,
            message: error.to_string(),
        })
}

/// An object with these fields.
pub fn object<const N: usize>(fields: [(&str, JsValue); N]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object
}
