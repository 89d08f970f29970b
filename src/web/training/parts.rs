//! A step of `Trainer` that several workers make together: what the engine on the processor can do.

use js_sys::Float32Array;
use wasm_bindgen::prelude::*;

use super::trainer::{JsTrainingStep, WebTrainer, reported};
use crate::web::lists::{float_array, floats};
use crate::web::values::object;
use crate::web::{WebError, js_error};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `Trainer.part()` gives. */
export interface TrainingPart {
  loss: number;
  gradients: Float32Array<ArrayBuffer>;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `TrainingPart`.
    #[wasm_bindgen(typescript_type = "TrainingPart")]
    pub type JsTrainingPart;
}

#[wasm_bindgen(js_class = Trainer)]
impl WebTrainer {
    /// The loss and the gradients of part `index` of `parts` of the batch of `step`, counted from 0, on the CPU: for
    /// several workers that make a step together. The first part's stay here for `finish`, and only its loss is given.
    pub fn part(
        &mut self,
        step: u32,
        index: usize,
        parts: usize,
    ) -> Result<JsTrainingPart, WebError> {
        self.part = None;
        let (loss, gradients) = self.trainer.part(step, index, parts).map_err(js_error)?;
        let gradients = match index {
            0 => Float32Array::new_with_length(0),
            _ => float_array(gradients)?,
        };
        if index == 0 {
            self.part = Some((step, parts, loss));
        }
        Ok(object([("loss", loss.into()), ("gradients", gradients.into())]).unchecked_into())
    }

    /// Makes the step whose first part was computed here last, with the other parts in order.
    pub fn finish(
        &mut self,
        losses: Vec<f64>,
        gradients: Vec<Float32Array>,
    ) -> Result<JsTrainingStep, WebError> {
        let (parts, first) = match self.part.take() {
            Some((step, parts, loss)) if step == self.trainer.steps_done() => (parts, loss),
            _ => {
                return Err(WebError::options(
                    "finish: expected a step whose first part was computed here".into(),
                ));
            }
        };
        for (name, found) in [("losses", losses.len()), ("gradients", gradients.len())] {
            if found + 1 != parts {
                return Err(WebError::options(format!(
                    "{name}: expected those of {} parts beside the first, found {found}",
                    parts - 1
                )));
            }
        }
        let others = gradients.iter().map(|part| floats(part, "gradients"));
        let others: Vec<Vec<f32>> = others.collect::<Result<_, _>>()?;
        let others = losses.into_iter().zip(others.iter().map(Vec::as_slice));
        let report = self.trainer.finish(first, others).map_err(js_error)?;
        Ok(reported(&report, f64::from(report.loss), 0.0))
    }

    /// The weights, all parameters one after the other: for the workers that make a step together.
    pub fn values(&mut self) -> Result<Float32Array, WebError> {
        float_array(self.trainer.values().map_err(js_error)?)
    }

    /// Takes the weights that another worker's `values()` gave.
    pub fn set_values(&mut self, values: &Float32Array) -> Result<(), WebError> {
        let values = floats(values, "values")?;
        self.trainer.set_values(&values).map_err(js_error)
    }
}
