//! What the classes of a model are called.

use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::unet::config::MAX_CLASSES;
use crate::unet::labels::ClassLabels;
use crate::web::checks::integer;
use crate::web::values::plain_object;
use crate::web::{WebError, js_error};

#[wasm_bindgen]
extern "C" {
    /// TypeScript's object of names.
    #[wasm_bindgen(typescript_type = "{labels: (string|null)[], null_label: number|null}")]
    pub type JsClassLabels;
}

/// Reads `class_labels.json` of a network of `classes` classes: the name of each, null for one without, and the class that
/// stands for none of them.
#[wasm_bindgen]
pub fn class_labels(text: &str, classes: f64) -> Result<JsClassLabels, WebError> {
    #[derive(Serialize)]
    struct Found<'a> {
        labels: Vec<Option<&'a str>>,
        null_label: Option<usize>,
    }
    let classes = integer("classes", classes, MAX_CLASSES as f64)? as usize;
    let read = ClassLabels::from_json(text).map_err(js_error)?;
    read.check(classes).map_err(js_error)?;
    let found = Found {
        labels: (0..classes).map(|class| read.name(class)).collect(),
        null_label: read.null_class(),
    };
    Ok(plain_object(&found)?.unchecked_into())
}
