//! What somebody has of a model, as the files that `Denoiser.load()` takes.

use std::borrow::Cow;

use js_sys::{Array, Object, Reflect};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::engine::plan::Footprint;
use crate::model_files::{self, ModelError, ModelFiles, Needs};
use crate::unet::config::UnetConfig;
use crate::unet::labels::ClassLabels;
use crate::web::lists::{byte_array, file};
use crate::web::values::{object, plain_object};
use crate::web::{Kind, WebError, js_error};

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
  /** Names of the network's classes, from class 0 on, empty texts for those without one; none where nobody gives them names. */
  labels: string[];
  /** The class that stands for none, which guidance needs; null where nobody says it. */
  null_label: number | null;
  /** What is worth knowing of how all of it was read, a sentence each. */
  notes: string[];
}

/** What `outline_model()` gives: all of a model but its weights. */
export interface ModelOutline extends Omit<ReadModel, "weights"> {
  /** Names of the files that hold the weights: one, or several shards. */
  weights: string[];
}

/** What `network_needs()` gives. */
export interface NetworkNeeds {
  /** Trained numbers. */
  parameters: number;
  /** Multiply-adds of one step of one picture. */
  multiply_adds: number;
  /** Channels, height and width of a picture; null where config.json does not say how large pictures are. */
  picture: [number, number, number] | null;
  /** Classes of a conditional network, null of another one. */
  classes: number | null;
  /** Bytes that an instance takes on the processor to make one picture at a time, with a file of 32-bit weights. */
  memory_cpu_f32: number;
  /** The same with weights of 16 bits. */
  memory_cpu_f16: number;
  /** Bytes that it takes on the graphics card, in numbers of 32 bits. */
  memory_gpu_f32: number;
  /** The same in numbers of 16 bits. */
  memory_gpu_f16: number;
}

/** The beginning of a file of weights. */
export interface WeightsStart {
  /** The first bytes, the header of the .safetensors file among them. */
  start: Uint8Array;
  /** Bytes of the whole file, where they are known. */
  size?: number;
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
    /// What `outline_model` gives.
    #[wasm_bindgen(typescript_type = "ModelOutline | { wanted: string }")]
    pub type JsOutline;
    /// TypeScript's `NetworkNeeds`.
    #[wasm_bindgen(typescript_type = "NetworkNeeds")]
    pub type JsNeeds;
    /// TypeScript's `WeightsStart[]`.
    #[wasm_bindgen(typescript_type = "WeightsStart[]")]
    pub type JsWeightsStarts;
}

/// Files by their names, as JavaScript has them.
struct Files<'f> {
    files: &'f Object,
    /// The first one that was asked for and is not among them.
    wanted: Option<String>,
    /// The kind of the error of one that is no file, before that is a text within another one.
    refused: Option<Kind>,
}

impl<'f> Files<'f> {
    fn new(files: &'f JsModelFiles) -> Self {
        Self {
            files: files.unchecked_ref(),
            wanted: None,
            refused: None,
        }
    }

    fn names(&self) -> Vec<String> {
        let names = Object::keys(self.files);
        names.iter().filter_map(|name| name.as_string()).collect()
    }

    /// The bytes of the file `name`.
    fn open(&mut self, name: &str) -> Result<Cow<'static, [u8]>, String> {
        let given = given_under(self.files, name);
        if given.is_undefined() {
            self.wanted.get_or_insert_with(|| name.into());
            return Err("not there".into());
        }
        file(&given, "file").map(Cow::Owned).map_err(|error| {
            self.refused = Some(error.kind);
            error.message
        })
    }

    /// What became of reading them.
    fn told<T>(&self, read: Result<T, ModelError>) -> Result<T, WebError> {
        read.map_err(|error| {
            let refused = self
                .refused
                .filter(|_| matches!(error, ModelError::Open { .. }));
            let error = js_error(error);
            WebError {
                kind: refused.unwrap_or(error.kind),
                ..error
            }
        })
    }
}

/// The model in files by their names (paths with slashes, as a dropped folder has them), or in one .zip archive: a folder
/// of diffusers in any of its layouts, .safetensors or PyTorch's .bin and .pt, in one file or in shards. Nothing in a file
/// is run; what is no model of this program's is refused with the reason.
#[wasm_bindgen]
pub fn read_model(files: &JsModelFiles) -> Result<JsReadModel, WebError> {
    let mut files = Files::new(files);
    let names = files.names();
    let model = match &names[..] {
        [name] if name.to_ascii_lowercase().ends_with(".zip") => {
            model_files::read_zip(&file(&given_under(files.files, name), "file")?)
        }
        _ => model_files::read(&names, &mut |name| files.open(name)),
    };
    given(files.told(model)?)
}

/// What is known of the model in files with these names before its weights are there. Where a file is needed that is not
/// among `files` yet, its name comes back as `wanted`: add it, and ask again. Of a .safetensors file the first bytes will
/// do, its header among them.
#[wasm_bindgen]
pub fn outline_model(names: Vec<String>, files: &JsModelFiles) -> Result<JsOutline, WebError> {
    let mut files = Files::new(files);
    let outline = model_files::outline(&names, &mut |name| files.open(name));
    if let Some(name) = files.wanted {
        return Ok(object([("wanted", name.into())]).unchecked_into());
    }
    let outline = files.told(outline)?;
    let weights: Array = outline.weights.iter().map(JsValue::from).collect();
    let parts = parts(
        outline.config,
        outline.scheduler,
        &outline.classes,
        &outline.notes,
    );
    // Setting a property of a fresh object cannot fail.
    let _ = Reflect::set(&parts, &"weights".into(), &weights);
    Ok(parts.unchecked_into())
}

/// Whether weights that are announced like this are those of the network of this config.json, in one .safetensors file or
/// in shards; what is worth knowing of how they will be read, a sentence each.
#[wasm_bindgen]
pub fn check_weights(config_json: &str, files: &JsWeightsStarts) -> Result<Vec<String>, WebError> {
    let files: &Array = files.unchecked_ref();
    let start = |given: JsValue| {
        let given: Object = given.unchecked_into();
        let size = given_under(&given, "size").as_f64();
        let start = file(&given_under(&given, "start"), "start")?;
        Ok((start, size.map(|size| size as u64)))
    };
    let starts: Vec<(Vec<u8>, Option<u64>)> =
        files.iter().map(start).collect::<Result<_, WebError>>()?;
    let starts: Vec<_> = (starts.iter())
        .map(|(start, size)| (start.as_slice(), *size))
        .collect();
    model_files::fit(config_json, &starts).map_err(js_error)
}

/// What the network of this config.json needs of a computer.
#[wasm_bindgen]
pub fn network_needs(config_json: &str) -> Result<JsNeeds, WebError> {
    #[derive(Serialize)]
    struct Told {
        parameters: usize,
        multiply_adds: f64,
        picture: Option<[usize; 3]>,
        classes: Option<usize>,
        memory_cpu_f32: f64,
        memory_cpu_f16: f64,
        memory_gpu_f32: f64,
        memory_gpu_f16: f64,
    }
    let needs = Needs::of(config_json).map_err(js_error)?;
    // JavaScript's integers end long before those of what no computer has.
    let bytes = |footprint: Footprint| footprint.most() as f64;
    let [cpu_f32, cpu_f16] = needs.processor.map(bytes);
    let [gpu_f32, gpu_f16] = needs.card.map(bytes);
    let told = Told {
        parameters: needs.parameters,
        multiply_adds: needs.multiply_adds as f64,
        picture: needs.picture,
        classes: needs.classes,
        memory_cpu_f32: cpu_f32,
        memory_cpu_f16: cpu_f16,
        memory_gpu_f32: gpu_f32,
        memory_gpu_f16: gpu_f16,
    };
    Ok(plain_object(&told)?.unchecked_into())
}

/// What stands under `name`; what throws when it is looked at is nothing.
fn given_under(files: &Object, name: &str) -> JsValue {
    Reflect::get(files, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

fn given(model: ModelFiles) -> Result<JsReadModel, WebError> {
    let parts = parts(model.config, model.scheduler, &model.classes, &model.notes);
    let weights = byte_array(&model.weights)?;
    // Setting a property of a fresh object cannot fail.
    let _ = Reflect::set(&parts, &"weights".into(), &weights);
    Ok(parts.unchecked_into())
}

/// All but the weights.
fn parts(
    config: String,
    scheduler: Option<String>,
    classes: &ClassLabels,
    notes: &[String],
) -> Object {
    let known = UnetConfig::from_json(&config).ok();
    let known = known.and_then(|config| config.num_class_embeds);
    // A file may name a class whose number no list of names has room for.
    let last = classes.iter().last().map_or(0, |(class, _)| class);
    let named = last.saturating_add(1).min(known.unwrap_or(0));
    let names = (0..named).map(|class| classes.name(class).unwrap_or_default());
    let labels: Array = names.map(JsValue::from).collect();
    let notes: Array = notes.iter().map(JsValue::from).collect();
    object([
        ("config", config.into()),
        ("scheduler", scheduler.map_or(JsValue::NULL, JsValue::from)),
        ("labels", labels.into()),
        (
            "null_label",
            classes.null_class().map_or(JsValue::NULL, JsValue::from),
        ),
        ("notes", notes.into()),
    ])
}

/// The text of the scheduler_config.json to propose for a model that has none: linear betas from 0.0001 to 0.02 in 1000
/// steps, as DDPM's own models have.
#[wasm_bindgen]
pub fn proposed_scheduler() -> String {
    model_files::proposed_scheduler()
}
