//! What a scheduler_config.json says, for pages that let people choose one.

use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::values::plain_object;
use super::{WebError, js_error};
use crate::scheduler::SchedulerConfig;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `scheduler_info()` gives. */
export interface SchedulerInfo {
  /** Length T of the chain the model was trained on. */
  num_train_timesteps: number;
  /** The spacing of time steps that a run takes when it is given no tau. */
  timestep_spacing: string;
  /** Keys of scheduler_config.json that are ignored. */
  unknown_keys: string[];
  /** What is worth knowing of how it was read, a sentence each. */
  notes: string[];
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `SchedulerInfo`.
    #[wasm_bindgen(typescript_type = "SchedulerInfo")]
    pub type JsSchedulerInfo;
}

/// What a scheduler_config.json says, or why it cannot be used.
#[wasm_bindgen]
pub fn scheduler_info(scheduler_json: &str) -> Result<JsSchedulerInfo, WebError> {
    #[derive(Serialize)]
    struct Info {
        num_train_timesteps: usize,
        timestep_spacing: String,
        unknown_keys: Vec<String>,
        notes: Vec<String>,
    }
    let scheduler = SchedulerConfig::from_json(scheduler_json).map_err(js_error)?;
    let info = Info {
        num_train_timesteps: scheduler.num_train_timesteps,
        timestep_spacing: scheduler.timestep_spacing.to_string(),
        unknown_keys: scheduler.unknown_keys(),
        notes: scheduler.notes(),
    };
    Ok(plain_object(&info)?.unchecked_into())
}
