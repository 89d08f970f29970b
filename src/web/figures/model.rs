//! What somebody has of a model, as the files that `Denoiser.load()` takes.

use std::borrow::Cow;

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::prelude::*;

use crate::model_files::{self, ModelFiles};
use crate::web::lists::{byte_array, file};
use crate::web::values::object;
use crate::web::{WebError, js_error};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `read_model()` gives. */
export interface ReadModel {
  /** The text of config.json. */
  config: string;
  /** The text of scheduler_config.json; null where there is none: see `proposed_scheduler()`. */
  scheduler: string | null;
  /** The bytes of a .safetensors file. */
  weights: Uint8Array<ArrayBuffer>;
  /** Names of the classes, from class 0 on, empty texts for those without one; none where nobody gives them names. */
  labels: string[];
  /** The class that stands for none, which guidance needs; null where nobody says it. */
  null_label: number | null;
  /** What is worth knowing of how all of it was read, a sentence each. */
  notes: string[];
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `ReadModel`.
    #[wasm_bindgen(typescript_type = "ReadModel")]
    pub type JsReadModel;
    /// TypeScript's `Record<string, Uint8Array>`.
    #[wasm_bindgen(typescript_type = "Record<string, Uint8Array>")]
    pub type JsModelFiles;
}

/// The model in files by their names (paths with slashes, as a dropped folder has them), or in one .zip archive: a folder
/// of diffusers in any of its layouts, .safetensors or PyTorch's .bin and .pt, in one file or in shards. Nothing in a file
/// is run; what is no model of this program's is refused with the reason.
#[wasm_bindgen]
pub fn read_model(files: &JsModelFiles) -> Result<JsReadModel, WebError> {
    let files: &Object = files.unchecked_ref();
    let names: Vec<String> = Object::keys(files)
        .iter()
        .filter_map(|name| name.as_string())
        .collect();
    let bytes = |name: &str| {
        // What throws when it is looked at is no file.
        let given = Reflect::get(files, &name.into()).unwrap_or(JsValue::UNDEFINED);
        file(&given, "file")
    };
    // That of a file which was not to be had, before it is a text within another error.
    let mut refused = None;
    let model = match &names[..] {
        [name] if name.to_ascii_lowercase().ends_with(".zip") => {
            model_files::read_zip(&bytes(name)?)
        }
        _ => model_files::read(&names, &mut |name| match bytes(name) {
            Ok(bytes) => Ok(Cow::Owned(bytes)),
            Err(error) => {
                let reason = error.message.clone();
                refused = Some(error.kind);
                Err(reason)
            }
        }),
    };
    match model {
        Ok(model) => given(model),
        Err(error) => {
            let mut error = js_error(error);
            error.kind = refused.unwrap_or(error.kind);
            Err(error)
        }
    }
}

fn given(model: ModelFiles) -> Result<JsReadModel, WebError> {
    let texts =
        |list: &[String]| -> JsValue { list.iter().map(JsValue::from).collect::<Array>().into() };
    let classes = &model.classes;
    let last = classes.iter().last().map_or(0, |(class, _)| class + 1);
    let names = (0..last).map(|class| classes.name(class).unwrap_or_default());
    let labels: Array = names.map(JsValue::from).collect();
    let model = object([
        ("config", model.config.into()),
        (
            "scheduler",
            model.scheduler.map_or(JsValue::NULL, JsValue::from),
        ),
        ("weights", byte_array(&model.weights)?.into()),
        ("labels", labels.into()),
        (
            "null_label",
            classes.null_class().map_or(JsValue::NULL, JsValue::from),
        ),
        ("notes", texts(&model.notes)),
    ]);
    Ok(model.unchecked_into())
}

/// The text of the scheduler_config.json to propose for a model that has none: linear betas from 0.0001 to 0.02 in 1000
/// steps, as DDPM's own models have.
#[wasm_bindgen]
pub fn proposed_scheduler() -> String {
    model_files::proposed_scheduler()
}
