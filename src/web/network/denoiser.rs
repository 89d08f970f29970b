//! `Denoiser`: a network on a device.

use std::rc::Rc;

use js_sys::Float32Array;
use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::load::{JsLoadOptions, Request};
use super::rate::{JsRateOptions, WebRate};
use super::sampler::WebSampler;
use crate::engine::plan::Plan;
use crate::engine::{BatchSpec, Denoiser, DeviceKind, Engine};
use crate::sampler::{MAX_BATCH, SamplerError};
use crate::unet::config::UnetConfig;
use crate::unet::input::InputError;
use crate::unet::weights::remarks;
use crate::web::checks::integer;
use crate::web::lists::{check_list, file_or_blob, float_array, floats};
use crate::web::options::{JsSampleOptions, Options};
use crate::web::values::plain_object;
use crate::web::{WebError, js_error};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `Denoiser.info()` gives. */
export interface Info {
  /** The program that runs the network. */
  engine: "plan" | "burn";
  device: "cpu" | "webgpu";
  /** The adapter's own name, or the name of the CPU backend. */
  adapter: string;
  parameters: number;
  in_channels: number;
  out_channels: number;
  /** [height, width], or null where config.json does not say. */
  sample_size: [number, number] | null;
  /** Number of classes of a conditional model, or null. */
  classes: number | null;
  /** Keys of config.json that were ignored. */
  unknown_keys: string[];
  /** What is worth knowing of how the weights were read, a sentence each. */
  notes: string[];
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `Info`.
    #[wasm_bindgen(typescript_type = "Info")]
    pub type JsInfo;
    /// TypeScript's `{name: string, shape: number[]}[]`.
    #[wasm_bindgen(typescript_type = "{name: string, shape: number[]}[]")]
    pub type JsTensorSpecs;
    /// TypeScript's `Float32Array`.
    #[wasm_bindgen(typescript_type = "Float32Array")]
    pub type JsPictures;
    /// TypeScript's `Uint8Array | Blob`.
    #[wasm_bindgen(typescript_type = "Uint8Array | Blob")]
    pub type JsWeights;
    /// TypeScript's `Uint32Array`.
    #[wasm_bindgen(typescript_type = "Uint32Array")]
    pub type JsLabels;
}

/// A network on a device.
#[wasm_bindgen(js_name = Denoiser)]
pub struct WebDenoiser {
    engine: Rc<Engine>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Info<'a> {
    engine: String,
    device: &'static str,
    adapter: &'a str,
    parameters: usize,
    in_channels: usize,
    out_channels: usize,
    sample_size: Option<[usize; 2]>,
    classes: Option<usize>,
    unknown_keys: &'a [String],
    notes: &'a [String],
}

#[wasm_bindgen(js_class = Denoiser)]
impl WebDenoiser {
    /// Builds the network of `config_json` (diffusers' config.json) with a .safetensors file on
    /// `device`, "webgpu" or "cpu". A Blob is read piece by piece, so that nobody else has its bytes in
    /// memory.
    pub async fn load(
        config_json: String,
        weights: JsWeights,
        device: String,
        options: Option<JsLoadOptions>,
    ) -> Result<WebDenoiser, WebError> {
        let request = Request::read(&device, options)?;
        let mut progress = |done, total| request.tell(done, total);
        let weights = file_or_blob(&weights, "weights").await?;
        let notes = remarks(&weights);
        let engine = Engine::load(&config_json, weights, &request.options, &mut progress)
            .await
            .map_err(js_error)?;
        Ok(Self {
            engine: Rc::new(engine),
            notes,
        })
    }

    /// Which kernels were the fastest on this graphics card, to be kept and handed to the next `load` as `tuning`;
    /// nothing where that was not measured.
    pub fn tuning(&self) -> Option<String> {
        #[cfg(feature = "gpu")]
        return self.engine.tuning().map(|tuning| tuning.to_string());
        #[cfg(not(feature = "gpu"))]
        None
    }

    /// How the device keeps the network's weights, "f32" or "f16", whatever was asked for.
    pub fn storage(&self) -> String {
        self.engine.storage().to_string()
    }

    /// What the network is and runs on.
    pub fn info(&self) -> Result<JsInfo, WebError> {
        let info = self.engine.info();
        let plain = Info {
            engine: info.engine.to_string(),
            device: match info.device {
                DeviceKind::Cpu => "cpu",
                DeviceKind::Gpu => "webgpu",
            },
            adapter: &info.adapter,
            parameters: info.parameters,
            in_channels: info.in_channels,
            out_channels: info.out_channels,
            sample_size: info.sample_size,
            classes: info.classes,
            unknown_keys: &info.unknown_keys,
            notes: &self.notes,
        };
        Ok(plain_object(&plain)?.unchecked_into())
    }

    /// The network's raw output at `x` ([batch, in_channels, height, width] of config.json's
    /// sample_size) and time step `t`; `labels` has one class per image of a conditional model.
    pub async fn predict(
        &self,
        x: JsPictures,
        batch: f64,
        t: f32,
        labels: Option<JsLabels>,
    ) -> Result<Float32Array, WebError> {
        let engine = self.engine.clone();
        let info = engine.info();
        let batch = integer("batch", batch, MAX_BATCH as f64)? as usize;
        let [height, width] = info
            .sample_size
            .ok_or(SamplerError::NoSize)
            .map_err(js_error)?;
        let shape = [batch, info.in_channels, height, width];
        let labels = labels
            .map(|labels| {
                check_list(&labels, "labels", MAX_BATCH)?;
                serde_wasm_bindgen::from_value(labels.into())
                    .map_err(|error| WebError::options(format!("labels: {error}")))
            })
            .transpose()?;
        let x = floats(&x, "x")?;
        if x.iter().any(|v| !v.is_finite()) {
            return Err(js_error(InputError::NotFinite));
        }
        let spec = BatchSpec { shape, labels };
        let output = engine
            .predict(&spec, x, &vec![t; batch])
            .await
            .map_err(js_error)?;
        float_array(&output)
    }

    /// Prepares a run; nothing is computed before its `next()`.
    pub fn sampler(&self, options: JsSampleOptions) -> Result<WebSampler, WebError> {
        let (scheduler, options) = Options::read(options.into())?;
        WebSampler::start(self.engine.clone(), &scheduler, options)
    }

    /// Prepares the rate-distortion curve of a picture; nothing is computed before its `next()`.
    pub fn rate_distortion(&self, options: JsRateOptions) -> Result<WebRate, WebError> {
        WebRate::start(self.engine.clone(), options)
    }
}

/// Name and shape of every tensor that a weights file for this config.json holds.
#[wasm_bindgen]
pub fn expected_tensors(config_json: &str) -> Result<JsTensorSpecs, WebError> {
    #[derive(Serialize)]
    struct Spec {
        name: String,
        shape: Vec<usize>,
    }
    let config = UnetConfig::from_json(config_json).map_err(js_error)?;
    let specs: Vec<Spec> = Plan::expected_tensors(&config)
        .map_err(js_error)?
        .into_iter()
        .map(|s| Spec {
            name: s.name,
            shape: s.shape,
        })
        .collect();
    Ok(plain_object(&specs)?.unchecked_into())
}
