//! Reading the options of a run in training from JavaScript.

use js_sys::Reflect;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use crate::engine::{EngineKind, LoadOptions};
use crate::images::ImageSet;
use crate::train::{Checkpoint, Labels, TrainOptions, TrainingSet};
use crate::unet::labels::ClassLabels;
use crate::web::checks::{MAX_SAFE, check_keys, integer};
use crate::web::lists::{check_length, file};
use crate::web::{WebError, device, js_error};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** The pictures that a run learns from. */
export interface TrainingImages {
  /** Where it runs; without WebGPU in this browser, "cpu". Default cpu. */
  device?: "webgpu" | "cpu";
  /** Pixels of 8 bits, [count, channels, height, width] row by row. */
  images: Uint8Array;
  /** Default: as many as fill the pixels. */
  count?: number;
  /** 1 (grey) or 3 (red, green, blue). Default: config.json's in_channels. */
  channels?: number;
  /** Default: that of config.json. */
  height?: number;
  /** Default: that of config.json. */
  width?: number;
  /** The class of each picture, 0 to num_class_embeds - 1, for a network with classes. */
  labels?: number[];
}
/** How a run changes the weights; of a run that is resumed, what is not given stays as it was. */
export interface TrainingSteps {
  /** Steps of the whole run. Default 10000. */
  steps?: number;
  /** Learning rate, above 0 and at most 1. Default 0.001. */
  lr?: number;
  /** The first steps, over which the learning rate rises linearly. Default 100. */
  warmup?: number;
  /** The last steps, over which the learning rate falls linearly to 0. Default: seven tenths of all. */
  decay_steps?: number;
  /** Decay of the average of the weights, which is what a model is made of. Default 0.999. */
  ema?: number;
  /** Largest norm of the gradient; 0 turns clipping off. Default 1. */
  clip?: number;
}
/** What `Trainer.create()` takes. */
export interface TrainingOptions extends TrainingImages, TrainingSteps {
  /** The text of config.json: any network that can be sampled from. */
  config: string;
  /** The text of scheduler_config.json: the chain, and what the network's output means. */
  scheduler: string;
  /** The bytes of a .safetensors file to begin with. Default: new weights, drawn from the seed. */
  weights?: Uint8Array;
  /** Pictures per step, 1 to 4096. Default 16. */
  batch?: number;
  /** By which rule the weights change: Muon for the matrices inside the network and Adam for the rest, or Adam. Default muon; with weights adam. */
  optimizer?: "muon" | "adam";
  /** What a time step's error weighs: simple, bound, min-snr or min-snr=LIMIT. Default min-snr. */
  loss?: string;
  /** 0 to 2^53 - 1. Default 0. */
  seed?: number;
  /**
   * The text of class_labels.json: what the classes are called, and which one stands for none (null_class_id). Default:
   * their numbers; the last one stands for none where only it has no pictures.
   */
  class_labels?: string;
  /** The share of the pictures whose class is not told, so that the model can be guided. Default 0.1 with a null_class_id. */
  label_dropout?: number;
}
/** What `Trainer.resume()` takes: the pictures and labels that the run began with, and what is to be different from now on. */
export interface ResumeOptions extends TrainingImages, TrainingSteps {}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `TrainingOptions`.
    #[wasm_bindgen(typescript_type = "TrainingOptions")]
    pub type JsTrainingOptions;
    /// TypeScript's `ResumeOptions`.
    #[wasm_bindgen(typescript_type = "ResumeOptions")]
    pub type JsResumeOptions;
}

/// Where a run in training takes place and what it learns from.
#[derive(Deserialize)]
struct Images {
    device: Option<String>,
    count: Option<f64>,
    channels: Option<f64>,
    height: Option<f64>,
    width: Option<f64>,
    labels: Option<Vec<f64>>,
}

/// What may be different after a checkpoint.
#[derive(Deserialize)]
struct Steps {
    steps: Option<f64>,
    lr: Option<f64>,
    warmup: Option<f64>,
    decay_steps: Option<f64>,
    ema: Option<f64>,
    clip: Option<f64>,
}

/// What may not.
#[derive(Deserialize)]
struct Beginning {
    config: String,
    scheduler: String,
    batch: Option<f64>,
    optimizer: Option<String>,
    loss: Option<String>,
    seed: Option<f64>,
    class_labels: Option<String>,
    label_dropout: Option<f64>,
}

/// Names of the fields of the first two, and of the pixels.
const RESUME_KEYS: [&str; 13] = [
    "device",
    "images",
    "labels",
    "count",
    "channels",
    "height",
    "width",
    "steps",
    "lr",
    "warmup",
    "decay_steps",
    "ema",
    "clip",
];

/// And of the last, and of the weights.
const BEGIN_KEYS: [&str; 9] = [
    "config",
    "scheduler",
    "weights",
    "batch",
    "optimizer",
    "loss",
    "seed",
    "class_labels",
    "label_dropout",
];

/// Most labels that are read.
const MAX_LABELS: usize = 1 << 22;

/// Pictures per step where nobody says: half a minute for the first hundred steps of a small network on one core.
const BATCH: usize = 16;

/// A run that begins.
pub struct Request {
    /// config.json.
    pub config: String,
    /// scheduler_config.json.
    pub scheduler: String,
    /// The weights to begin with.
    pub weights: Option<Vec<u8>>,
    /// The settings.
    pub options: TrainOptions,
    /// What the classes are called, where somebody says it.
    class_labels: Option<ClassLabels>,
    given: JsValue,
}

impl Request {
    /// Of `Trainer.create`.
    ///
    /// # Errors
    /// A JavaScript `Error` that names the option, what was expected and what was found.
    pub fn read(options: JsTrainingOptions) -> Result<Self, WebError> {
        let given: JsValue = options.into();
        check_keys(&given, &[&BEGIN_KEYS[..], &RESUME_KEYS[..]].concat())?;
        let Beginning {
            config,
            scheduler,
            batch,
            optimizer,
            loss,
            seed,
            class_labels,
            label_dropout,
        } = from(&given)?;
        let weights = bytes(&given, "weights")?;
        let defaults = TrainOptions::beginning(weights.is_some());
        let mut options = TrainOptions {
            batch: whole("batch", batch)?.map_or(BATCH, |batch| batch as usize),
            optimizer: optimizer
                .map_or(Ok(defaults.optimizer), |optimizer| optimizer.parse())
                .map_err(js_error)?,
            seed: integer("seed", seed.unwrap_or(0.0), MAX_SAFE)?,
            loss: loss
                .map_or(Ok(defaults.loss), |loss| loss.parse())
                .map_err(js_error)?,
            label_dropout,
            ..defaults
        };
        let class_labels = class_labels.map(|text| ClassLabels::from_json(&text));
        change(&given, &mut options)?;
        Ok(Self {
            config,
            scheduler,
            weights,
            options,
            class_labels: class_labels.transpose().map_err(js_error)?,
            given,
        })
    }

    /// What a network of `classes` classes learns from, and where; `defaults` are the pictures' channels, height and width
    /// where nobody says.
    ///
    /// # Errors
    /// As for [`Request::read`].
    pub fn set(
        &self,
        defaults: [Option<usize>; 3],
        classes: Option<usize>,
    ) -> Result<(TrainingSet, LoadOptions), WebError> {
        set(&self.given, defaults, classes, self.class_labels.as_ref())
    }
}

/// Of `Trainer.resume`: changes the options of `checkpoint` and reads the pictures, as [`Request::set`].
///
/// # Errors
/// As for [`Request::read`].
pub fn resume(
    given: JsResumeOptions,
    checkpoint: &mut Checkpoint,
) -> Result<(TrainingSet, LoadOptions), WebError> {
    let given: JsValue = given.into();
    check_keys(&given, &RESUME_KEYS)?;
    change(&given, &mut checkpoint.options)?;
    set(
        &given,
        checkpoint.data.shape.map(Some),
        checkpoint.config.num_class_embeds,
        checkpoint.classes.as_ref(),
    )
}

fn from<T: for<'d> Deserialize<'d>>(given: &JsValue) -> Result<T, WebError> {
    serde_wasm_bindgen::from_value(given.clone())
        .map_err(|error| WebError::options(format!("options: {error}")))
}

fn whole(name: &str, value: Option<f64>) -> Result<Option<u32>, WebError> {
    let most = f64::from(u32::MAX);
    let read = |value| Ok(integer(name, value, most)? as u32);
    value.map(read).transpose()
}

fn change(given: &JsValue, options: &mut TrainOptions) -> Result<(), WebError> {
    let found: Steps = from(given)?;
    let TrainOptions {
        steps,
        lr,
        warmup,
        decay_steps,
        ema,
        clip,
        ..
    } = options;
    for (name, to, value) in [
        ("steps", steps, found.steps),
        ("warmup", warmup, found.warmup),
    ] {
        *to = whole(name, value)?.unwrap_or(*to);
    }
    *decay_steps = whole("decay_steps", found.decay_steps)?.or(*decay_steps);
    for (to, value) in [(lr, found.lr), (ema, found.ema), (clip, found.clip)] {
        *to = value.unwrap_or(*to);
    }
    options.check().map_err(js_error)
}

/// The bytes in the option `name`.
fn bytes(given: &JsValue, name: &'static str) -> Result<Option<Vec<u8>>, WebError> {
    // What throws when it is looked at is not there.
    let value = Reflect::get(given, &name.into()).unwrap_or(JsValue::UNDEFINED);
    if value.is_undefined() || value.is_null() {
        return Ok(None);
    }
    file(&value, name).map(Some)
}

fn set(
    given: &JsValue,
    defaults: [Option<usize>; 3],
    classes: Option<usize>,
    class_labels: Option<&ClassLabels>,
) -> Result<(TrainingSet, LoadOptions), WebError> {
    check_length(given, "labels", MAX_LABELS)?;
    let Images {
        device,
        count,
        channels,
        height,
        width,
        labels,
    } = from(given)?;
    let device = device::read(device.as_deref().unwrap_or("cpu"), "pkg/training/")?;
    let pixels = bytes(given, "images")?
        .ok_or_else(|| WebError::options("images: expected an Uint8Array, found none".into()))?;
    let mut shape = [0; 3];
    let named = [("channels", channels), ("height", height), ("width", width)];
    for ((to, (name, value)), default) in shape.iter_mut().zip(named).zip(defaults) {
        let value = whole(name, value)?.map(|value| value as usize).or(default);
        *to = value.ok_or_else(|| {
            WebError::options(format!(
                "{name}: config.json does not say, so it has to be given"
            ))
        })?;
    }
    let [channels, height, width] = shape;
    let count = match whole("count", count)? {
        Some(count) => count as usize,
        // What is left over is refused with the rest.
        None => {
            let image = channels.saturating_mul(height).saturating_mul(width);
            pixels.len() / image.max(1)
        }
    };
    let images = ImageSet::new(count, channels, height, width, pixels).map_err(js_error)?;
    let options = LoadOptions {
        engine: EngineKind::Plan,
        device,
        #[cfg(feature = "cpu")]
        weights: crate::engine::Storage::F32,
        #[cfg(feature = "gpu")]
        gpu: Default::default(),
    };
    let labels = labels
        .map(|labels| read_labels(&labels, classes, class_labels))
        .transpose()?;
    Ok((TrainingSet { images, labels }, options))
}

/// `labels` for a network of `classes` classes.
fn read_labels(
    labels: &[f64],
    classes: Option<usize>,
    class_labels: Option<&ClassLabels>,
) -> Result<Labels, WebError> {
    let label = |label: &f64| Ok(integer("labels", *label, f64::from(u32::MAX))? as usize);
    let of_images = labels
        .iter()
        .map(label)
        .collect::<Result<Vec<_>, WebError>>()?;
    if let Some(classes) = class_labels {
        return Ok(Labels {
            of_images,
            classes: classes.clone(),
        });
    }
    // A label that the network does not have is refused with the rest.
    let last = of_images.iter().max().copied().unwrap_or(0);
    let last = last.min(classes.unwrap_or(0).saturating_sub(1));
    let names = (0..=last).map(|class| class.to_string()).collect();
    Labels::new(of_images, names, classes).map_err(js_error)
}
