//! What the papers' figures are made of, beside runs of a network: numbers of a run, noised and mixed pictures,
//! neighbours.

use js_sys::Float32Array;
use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::denoiser::{JsSampleOptions, plain_object};
use super::options::{Options, integer};
use super::{WebError, js_error};
use crate::runs::nearest::Nearest;
use crate::runs::{numbers, partial};
use crate::scheduler::SchedulerConfig;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `StepNumbers[]`.
    #[wasm_bindgen(typescript_type = "StepNumbers[]")]
    pub type JsStepNumbers;
    /// TypeScript's `{index: number, distance: number}[][]`.
    #[wasm_bindgen(typescript_type = "{index: number, distance: number}[][]")]
    pub type JsNeighbours;
}

/// The numbers of every step of the run that `sampler(options)` would make: noise levels and factors. Needs no network.
#[wasm_bindgen(js_name = numbers)]
pub fn run_numbers(options: JsSampleOptions) -> Result<JsStepNumbers, WebError> {
    let (scheduler, options) = Options::read(options.into())?;
    let steps = numbers::numbers(&scheduler, &options.trajectory).map_err(js_error)?;
    let steps: Vec<_> = steps.iter().map(|step| step.to_json()).collect();
    Ok(plain_object(&steps)?.unchecked_into())
}

/// x_t of `images` (several of `image` values each, -1 to 1), drawn from q(x_t | x_0) (DDPM, eq. 4). `from: t` in the
/// options of a run begins there. The noise of image i is that of image first_image + i of a run with this seed.
#[wasm_bindgen]
pub fn noised(
    scheduler_json: &str,
    t: f64,
    images: Vec<f32>,
    image: f64,
    seed: f64,
    first_image: Option<f64>,
) -> Result<Float32Array, WebError> {
    let scheduler = SchedulerConfig::from_json(scheduler_json).map_err(js_error)?;
    let most = f64::from(u32::MAX);
    let t = integer("t", t, most)? as usize;
    let image = integer("image", image, most)? as usize;
    let seed = integer("seed", seed, super::options::MAX_SAFE)?;
    let first = integer("first_image", first_image.unwrap_or(0.0), most)? as u32;
    let x_t = partial::noised(&scheduler, t, &images, image, seed, first).map_err(js_error)?;
    Ok(Float32Array::from(x_t.as_slice()))
}

/// `frames` mixtures of two noised pictures on the straight line between them, both ends among them (DDPM, figure 8).
#[wasm_bindgen]
pub fn mixed(a: Vec<f32>, b: Vec<f32>, frames: f64) -> Result<Float32Array, WebError> {
    let frames = integer("frames", frames, 1024.0)? as usize;
    let row = partial::mixed(&a, &b, frames).map_err(js_error)?;
    Ok(Float32Array::from(row.as_slice()))
}

/// For each of `images` the nearest of `pictures` by Euclidean distance, both rows of `width` values (pixels or
/// features) one after the other (DDPM, appendix D).
#[wasm_bindgen]
pub fn nearest(
    images: Vec<f32>,
    pictures: Vec<f32>,
    width: f64,
    neighbours: f64,
) -> Result<JsNeighbours, WebError> {
    #[derive(Serialize)]
    struct Neighbour {
        index: usize,
        distance: f64,
    }
    let most = f64::from(u32::MAX);
    let width = integer("width", width, most)? as usize;
    let neighbours = integer("neighbours", neighbours, most)? as usize;
    let mut search = Nearest::new(&images, width, neighbours).map_err(js_error)?;
    search.add(&pictures).map_err(js_error)?;
    let found = search.found().map_err(js_error)?.into_iter();
    let found: Vec<Vec<Neighbour>> = found
        .map(|row| {
            let row = row.into_iter();
            row.map(|n| Neighbour {
                index: n.index,
                distance: n.distance,
            })
            .collect()
        })
        .collect();
    Ok(plain_object(&found)?.unchecked_into())
}
