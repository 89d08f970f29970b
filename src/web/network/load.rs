//! Reading the options of `Denoiser.load` from JavaScript.

use js_sys::{Function, Object, Reflect};
use serde::Deserialize;
use wasm_bindgen::prelude::*;

#[cfg(feature = "gpu")]
use crate::engine::GpuOptions;
use crate::engine::{LoadOptions, Storage};
use crate::web::checks::check_keys;
use crate::web::{WebError, device, js_error};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `Denoiser.load()` takes beside the files and the device. */
export interface LoadOptions {
  /** plan, or burn in a build that has it. Default plan. */
  engine?: "plan" | "burn";
  /**
   * How the graphics card stores weights and feature maps: f16 needs its feature shader-f16. On the CPU, how the weights of
   * a large network are stored. Default f32.
   */
  storage?: "f32" | "f16";
  /** What `Denoiser.tuning()` said on the same graphics card before; without it, it is measured for up to 0.2 s. */
  tuning?: string;
  /** Hears how many of how many kernels are compiled. */
  progress?: (done: number, total: number) => void;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `LoadOptions`.
    #[wasm_bindgen(typescript_type = "LoadOptions")]
    pub type JsLoadOptions;
}

#[derive(Default, Deserialize)]
struct Texts {
    engine: Option<String>,
    storage: Option<String>,
    #[cfg(feature = "gpu")]
    tuning: Option<String>,
}

/// Names of all options, in every package: those of the graphics card say nothing of the processor.
const KEYS: [&str; 4] = ["engine", "storage", "tuning", "progress"];

/// What is loaded where, and who hears of it.
pub struct Request {
    /// How the engine is made.
    pub options: LoadOptions,
    progress: Option<Function>,
}

impl Request {
    /// The request for `device` with `options`.
    ///
    /// # Errors
    /// A JavaScript `Error` that names the option, what was expected and what was found.
    pub fn read(device: &str, options: Option<JsLoadOptions>) -> Result<Self, WebError> {
        let device = device::read(device, "pkg/")?;
        let given = options.map_or_else(|| Object::new().into(), JsValue::from);
        check_keys(&given, &KEYS)?;
        // What throws when it is looked at is not there.
        let progress = Reflect::get(&given, &"progress".into())
            .ok()
            .and_then(|value| value.dyn_into().ok());
        let texts: Texts = serde_wasm_bindgen::from_value(given)
            .map_err(|error| WebError::options(format!("options: {error}")))?;
        let engine = texts.engine.map_or(Ok(Default::default()), |t| t.parse());
        let storage = texts.storage.map_or(Ok(Default::default()), |t| t.parse());
        let storage: Storage = storage.map_err(js_error)?;
        Ok(Self {
            options: LoadOptions {
                engine: engine.map_err(js_error)?,
                device,
                #[cfg(feature = "cpu")]
                weights: storage,
                #[cfg(feature = "gpu")]
                gpu: GpuOptions {
                    // Kept by another version, perhaps: then the device is measured again.
                    tuning: texts.tuning.and_then(|text| text.parse().ok()),
                    storage,
                },
            },
            progress,
        })
    }

    /// Tells that `done` of `total` kernels are compiled.
    pub fn tell(&self, done: usize, total: usize) {
        if let Some(progress) = &self.progress {
            // What a listener throws is its own affair.
            let _ = progress.call2(&JsValue::NULL, &done.into(), &total.into());
        }
    }
}
