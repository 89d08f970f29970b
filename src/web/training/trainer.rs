//! `Trainer`: a network in training.

use js_sys::Uint8Array;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

use super::options::{self, JsResumeOptions, JsTrainingOptions, Request};
use crate::allocate;
use crate::engine::{AnyLearner, DeviceKind, EngineError, Learner, Level, LoadOptions, TrainBatch};
use crate::scheduler::SchedulerConfig;
use crate::train::options::MAX_BATCH;
use crate::train::{Checkpoint, OptionError, Setup, StepReport, TrainError, Trainer};
use crate::unet::config::UnetConfig;
use crate::unet::labels::ClassLabels;
use crate::unet::weights::{Precision, to_bytes};
use crate::web::checks::{check_keys, integer};
use crate::web::lists::{byte_array, check_length, file, float_option};
use crate::web::values::{object, plain_object};
use crate::web::{WebError, js_error};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `Trainer.step()` gives. */
export interface TrainingStep {
  /** Steps done. */
  step: number;
  /** Number of the pass over the pictures, from 0. */
  epoch: number;
  /** Mean loss of the steps that were asked for, each before its change. */
  loss: number;
  /** Norm of the last one's gradient, before clipping. */
  grad_norm: number;
  /** Learning rate of the last one. */
  lr: number;
  /** Milliseconds per step. */
  ms: number;
}
/** What `Trainer.info()` gives. */
export interface TrainingInfo {
  device: "cpu" | "webgpu";
  /** The adapter's own name, or the name of the instructions. */
  adapter: string;
  parameters: number;
  /** Steps done. */
  step: number;
  /** Steps of the whole run. */
  steps: number;
  batch: number;
  /** Number of pictures. */
  images: number;
  /** [channels, height, width] of a picture. */
  shape: [number, number, number];
  /** The loss of every step done. */
  losses: number[];
}
/** What `Trainer.model()` gives: the files of a folder that diffusers and `Denoiser.load()` load. */
export interface TrainedModel {
  /** config.json. */
  config: string;
  /** scheduler_config.json. */
  scheduler: string;
  /** diffusion_pytorch_model.safetensors, with the averaged weights. */
  weights: Uint8Array<ArrayBuffer>;
  /** class_labels.json, of a network with classes. */
  class_labels?: string;
}
/** What a training step does with a picture: x_t = signal x0 + noise eps, and (c_x0 x0 + c_eps eps) is what the network should say. */
export interface TrainingLevel {
  signal: number;
  noise: number;
  c_x0: number;
  c_eps: number;
  /** Factor of the mean squared error. */
  weight: number;
}
/** What `Trainer.gradients()` takes. */
export interface GradientOptions {
  /** [batch, channels, height, width], -1 to 1. */
  x0: Float32Array;
  /** As many numbers of noise. */
  eps: Float32Array;
  /** A time step for each picture, 0 to T - 1. */
  t: number[];
  /** What happens to each picture, in place of what the scheduler and the loss say of its time step. */
  levels?: TrainingLevel[];
  /** The class of each picture, for a network with classes. */
  labels?: number[];
}
/** What `Trainer.gradients()` gives. */
export interface TrainingGradients {
  loss: number;
  /** A .safetensors file with a tensor for each parameter, named as in the weights file. */
  gradients: Uint8Array<ArrayBuffer>;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `TrainingStep`.
    #[wasm_bindgen(typescript_type = "TrainingStep")]
    pub type JsTrainingStep;
    /// TypeScript's `TrainingInfo`.
    #[wasm_bindgen(typescript_type = "TrainingInfo")]
    pub type JsTrainingInfo;
    /// TypeScript's `TrainedModel`.
    #[wasm_bindgen(typescript_type = "TrainedModel")]
    pub type JsTrainedModel;
    /// TypeScript's `GradientOptions`.
    #[wasm_bindgen(typescript_type = "GradientOptions")]
    pub type JsGradientOptions;
    /// TypeScript's `TrainingGradients`.
    #[wasm_bindgen(typescript_type = "TrainingGradients")]
    pub type JsTrainingGradients;
}

/// A network in training on a device. One call at a time; `free()` gives its memory back.
#[wasm_bindgen(js_name = Trainer)]
pub struct WebTrainer {
    pub(super) trainer: Trainer<AnyLearner>,
    /// The first part of a step, where it was computed here last: which step it belongs to, in how many parts that is
    /// made, and the part's loss.
    pub(super) part: Option<(u32, usize, f64)>,
}

/// Makes the learner on the device that `options` name.
fn maker(options: LoadOptions) -> impl AsyncFnOnce(Setup) -> Result<AnyLearner, EngineError> {
    async move |setup: Setup| AnyLearner::new(&options, &setup.config, setup.state).await
}

/// Channels, height and width of the pictures of `config`.
fn shape(config: &UnetConfig) -> [Option<usize>; 3] {
    let [height, width] = config.sample_size.map_or([None; 2], |size| size.map(Some));
    [Some(config.in_channels), height, width]
}

#[derive(Deserialize)]
struct Batch {
    t: Vec<f64>,
    levels: Option<Vec<WebLevel>>,
    labels: Option<Vec<f64>>,
}

#[derive(Deserialize)]
struct WebLevel {
    signal: f32,
    noise: f32,
    c_x0: f32,
    c_eps: f32,
    weight: f32,
}

#[derive(Serialize)]
struct Info<'a> {
    device: &'static str,
    adapter: &'a str,
    parameters: usize,
    step: u32,
    steps: u32,
    batch: usize,
    images: usize,
    shape: [usize; 3],
    losses: &'a [f32],
}

#[wasm_bindgen(js_class = Trainer)]
impl WebTrainer {
    /// A new run, from new weights or from those of a model.
    pub async fn create(options: JsTrainingOptions) -> Result<WebTrainer, WebError> {
        let request = Request::read(options)?;
        let config = UnetConfig::from_json(&request.config).map_err(js_error)?;
        let scheduler = SchedulerConfig::from_json(&request.scheduler).map_err(js_error)?;
        let (set, device) = request.set(shape(&config), config.num_class_embeds)?;
        let (options, make) = (request.options, maker(device));
        let trainer = match &request.weights {
            None => Trainer::new(&config, scheduler, options, set, make).await,
            Some(weights) => {
                Trainer::from_weights(&config, weights, scheduler, options, set, make).await
            }
        };
        Ok(Self {
            trainer: trainer.map_err(js_error)?,
            part: None,
        })
    }

    /// Goes on from the bytes that `checkpoint()` gave, with the pictures that the run began with: it goes on as if it had
    /// not been interrupted.
    pub async fn resume(
        checkpoint: Uint8Array,
        options: JsResumeOptions,
    ) -> Result<WebTrainer, WebError> {
        let checkpoint = file(&checkpoint, "checkpoint")?;
        // Its numbers, and lists of their names.
        allocate::room("a network in training", 2 * checkpoint.len() as u64).map_err(js_error)?;
        let mut checkpoint = Checkpoint::from_bytes(&checkpoint).map_err(js_error)?;
        let (set, device) = options::resume(options, &mut checkpoint)?;
        let trainer = Trainer::resume(checkpoint, set, maker(device)).await;
        Ok(Self {
            trainer: trainer.map_err(js_error)?,
            part: None,
        })
    }

    /// Makes the next `count` steps (default 1), or as many as are left. After an error the run is as it was after the last
    /// good one.
    pub async fn step(&mut self, count: Option<f64>) -> Result<JsTrainingStep, WebError> {
        let count = integer("count", count.unwrap_or(1.0), f64::from(u32::MAX))?;
        if count == 0 {
            return Err(WebError::options(
                "count: expected at least 1, found 0".into(),
            ));
        }
        // Its gradients are about to be others.
        self.part = None;
        let began = js_sys::Date::now();
        let (mut losses, mut made) = (0.0, 0.0);
        loop {
            let report = self.trainer.step().await.map_err(js_error)?;
            losses += f64::from(report.loss);
            made += 1.0;
            if made as u64 == count || self.trainer.is_over() {
                let ms = (js_sys::Date::now() - began) / made;
                return Ok(reported(&report, losses / made, ms));
            }
        }
    }

    /// What the network is trained on, with what, and how far it is.
    pub fn info(&self) -> Result<JsTrainingInfo, WebError> {
        let trainer = &self.trainer;
        let info = trainer.learner().info();
        let plain = Info {
            device: match info.device {
                DeviceKind::Cpu => "cpu",
                DeviceKind::Gpu => "webgpu",
            },
            adapter: &info.adapter,
            parameters: info.parameters,
            step: trainer.steps_done(),
            steps: trainer.options().steps,
            batch: trainer.options().batch,
            images: trainer.images(),
            shape: trainer.image_shape(),
            losses: trainer.losses(),
        };
        Ok(plain_object(&plain)?.unchecked_into())
    }

    /// The model as it is now, with the averaged weights in f16 (the default) or f32.
    pub async fn model(&mut self, precision: Option<String>) -> Result<JsTrainedModel, WebError> {
        let precision = match precision.as_deref().unwrap_or("f16") {
            "f16" => Precision::F16,
            "f32" => Precision::F32,
            other => {
                return Err(WebError::options(format!(
                    "precision: expected f16 or f32, found {other}"
                )));
            }
        };
        let weights = self.trainer.weights(precision).await.map_err(js_error)?;
        let scheduler = self.trainer.scheduler().to_json().map_err(js_error)?;
        let classes = self.trainer.classes().map(ClassLabels::to_json);
        Ok(object([
            ("config", self.trainer.config().to_json().into()),
            ("scheduler", scheduler.into()),
            ("weights", byte_array(&weights)?.into()),
            ("class_labels", classes.into()),
        ])
        .unchecked_into())
    }

    /// The loss and the gradient of every parameter for pictures, noise and time steps of one's own; nothing changes.
    pub async fn gradients(
        &mut self,
        options: JsGradientOptions,
    ) -> Result<JsTrainingGradients, WebError> {
        let batch = self.batch(options.into())?;
        self.part = None;
        let found = self.trainer.gradients(&batch).await.map_err(js_error)?;
        let params = self.trainer.learner().params();
        // The gradients as bytes, and the file.
        let numbers = found.gradients.iter().map(|tensor| tensor.len() as u64);
        let bytes = allocate::bytes::<[f32; 2]>(numbers.sum());
        allocate::room("the gradients", bytes).map_err(js_error)?;
        let file = to_bytes(params, &found.gradients, Precision::F32).map_err(js_error)?;
        Ok(object([
            ("loss", found.loss.into()),
            ("gradients", byte_array(&file)?.into()),
        ])
        .unchecked_into())
    }

    /// Everything that the run needs to go on: a .safetensors file.
    pub async fn checkpoint(&mut self) -> Result<Uint8Array, WebError> {
        let bytes = self.trainer.checkpoint().await.map_err(js_error)?;
        byte_array(&bytes)
    }

    fn batch(&self, options: JsValue) -> Result<TrainBatch, WebError> {
        check_keys(&options, &["x0", "eps", "t", "levels", "labels"])?;
        for name in ["t", "levels", "labels"] {
            check_length(&options, name, MAX_BATCH)?;
        }
        let pictures = |name| {
            let found = float_option(&options, name)?;
            found.ok_or_else(|| WebError::options(format!("{name}: expected a Float32Array")))
        };
        let (x0, eps) = (pictures("x0")?, pictures("eps")?);
        let Batch { t, levels, labels } = serde_wasm_bindgen::from_value(options)
            .map_err(|error| WebError::options(format!("options: {error}")))?;
        let objective = self.trainer.objective();
        let level = |t: &f64| {
            let steps = objective.timesteps();
            if t.fract() == 0.0 && (0.0..steps as f64).contains(t) {
                return Ok(objective.level(*t as usize));
            }
            Err(js_error(TrainError::Option(OptionError {
                option: "t",
                expected: format!("integers from 0 to {}", steps - 1),
                found: t.to_string(),
            })))
        };
        let levels = match levels {
            None => t.iter().map(level).collect::<Result<_, _>>()?,
            Some(levels) => levels.into_iter().map(Level::from).collect(),
        };
        let label = |label: f64| Ok(integer("labels", label, f64::from(u32::MAX))? as usize);
        let labels = labels
            .map(|labels| {
                labels
                    .into_iter()
                    .map(label)
                    .collect::<Result<_, WebError>>()
            })
            .transpose()?;
        let [channels, height, width] = self.trainer.image_shape();
        Ok(TrainBatch {
            shape: [t.len(), channels, height, width],
            x0,
            eps,
            timesteps: t.into_iter().map(|t| t as f32).collect(),
            levels,
            labels,
            drop_seed: 0,
        })
    }
}

impl From<WebLevel> for Level {
    fn from(level: WebLevel) -> Self {
        Self {
            signal: level.signal,
            noise: level.noise,
            c_x0: level.c_x0,
            c_eps: level.c_eps,
            weight: level.weight,
        }
    }
}

pub(super) fn reported(report: &StepReport, loss: f64, ms: f64) -> JsTrainingStep {
    object([
        ("step", report.step.into()),
        ("epoch", (report.epoch as f64).into()),
        ("loss", loss.into()),
        ("grad_norm", report.grad_norm.into()),
        ("lr", report.lr.into()),
        ("ms", ms.into()),
    ])
    .unchecked_into()
}
