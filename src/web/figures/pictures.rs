//! Pictures on their way to noise, mixed, and compared.

use js_sys::Float32Array;
use wasm_bindgen::prelude::*;

use super::lists::JsFloats;
use crate::runs::chain::Chain;
use crate::runs::{mean_squared_error, partial};
use crate::scheduler::SchedulerConfig;
use crate::web::checks::{MAX_SAFE, integer};
use crate::web::lists::{float_array, floats};
use crate::web::{Kind, WebError, js_error};

/// x_t of `images` (several of `image` values each, -1 to 1), drawn from q(x_t | x_0) (DDPM, eq. 4). `from: t` in the
/// options of a run begins there. The noise of image i is that of image first_image + i of a run with this seed.
#[wasm_bindgen]
pub fn noised(
    scheduler_json: &str,
    t: f64,
    images: JsFloats,
    image: f64,
    seed: f64,
    first_image: Option<f64>,
) -> Result<Float32Array, WebError> {
    let scheduler = SchedulerConfig::from_json(scheduler_json).map_err(js_error)?;
    let most = f64::from(u32::MAX);
    let t = integer("t", t, most)? as usize;
    let image = integer("image", image, most)? as usize;
    let seed = integer("seed", seed, MAX_SAFE)?;
    let first = integer("first_image", first_image.unwrap_or(0.0), most)? as u32;
    let images = floats(&images, "images")?;
    let x_t = partial::noised(&scheduler, t, &images, image, seed, first).map_err(js_error)?;
    float_array(&x_t)
}

/// The mean of q(x_{t-1} | x_t, x_0) (DDPM, eq. 7) for pictures `x_t` and `x_0` of one size: x_0 itself at t = 0.
#[wasm_bindgen]
pub fn posterior_mean(
    scheduler_json: &str,
    t: f64,
    x_t: JsFloats,
    x_0: JsFloats,
) -> Result<Float32Array, WebError> {
    let scheduler = SchedulerConfig::from_json(scheduler_json).map_err(js_error)?;
    let t = integer("t", t, f64::from(u32::MAX))? as usize;
    let (x_t, x_0) = (floats(&x_t, "x_t")?, floats(&x_0, "x_0")?);
    let mean = partial::posterior_mean(&scheduler, t, &x_t, &x_0).map_err(js_error)?;
    float_array(&mean)
}

/// `frames` mixtures of two noised pictures on the straight line between them, both ends among them (DDPM, figure 8).
#[wasm_bindgen]
pub fn mixed(a: JsFloats, b: JsFloats, frames: f64) -> Result<Float32Array, WebError> {
    let (a, b) = (floats(&a, "a")?, floats(&b, "b")?);
    let frames = integer("frames", frames, 1024.0)? as usize;
    let row = partial::mixed(&a, &b, frames).map_err(js_error)?;
    float_array(&row)
}

/// A picture that becomes noise step by step (DDPM, eq. 2). The noise of every step is independent of that of all others
/// and of every run's. `free()` gives its memory back.
#[wasm_bindgen(js_name = Chain)]
pub struct WebChain {
    chain: Chain,
}

#[wasm_bindgen(js_class = Chain)]
impl WebChain {
    /// Begins at `image`, one picture, -1 to 1. Pictures of other seeds or numbers have other noise.
    #[wasm_bindgen(constructor)]
    pub fn new(
        scheduler_json: &str,
        image: JsFloats,
        seed: f64,
        first_image: Option<f64>,
    ) -> Result<WebChain, WebError> {
        let scheduler = SchedulerConfig::from_json(scheduler_json).map_err(js_error)?;
        let seed = integer("seed", seed, MAX_SAFE)?;
        let first = integer("first_image", first_image.unwrap_or(0.0), u32::MAX.into())? as u32;
        let image = floats(&image, "image")?;
        let chain = Chain::new(&scheduler, image, seed, first).map_err(js_error)?;
        Ok(Self { chain })
    }

    /// x_t, by single steps from the last one asked for, or from the picture where that lies beyond `t` (0 to T - 1). One
    /// `t` has one x_t, whatever was asked for before.
    pub fn advance(&mut self, t: f64) -> Result<Float32Array, WebError> {
        let t = integer("t", t, u32::MAX.into())? as usize;
        let x_t = self.chain.advance(t).map_err(js_error)?;
        float_array(x_t)
    }
}

/// The reconstruction error of a picture (DDIM, table 2): the mean squared error per value, the values (-1 to 1) scaled
/// to 0 to 1, as the terminal's `evaluate --reconstruction` has it.
#[wasm_bindgen]
pub fn reconstruction_error(a: JsFloats, b: JsFloats) -> Result<f64, WebError> {
    let (a, b) = (floats(&a, "a")?, floats(&b, "b")?);
    if a.is_empty() || a.len() != b.len() {
        return Err(WebError {
            kind: Kind::Input,
            message: format!(
                "reconstruction_error: expected two pictures of one size, found {} and {} values",
                a.len(),
                b.len()
            ),
        });
    }
    Ok(mean_squared_error(&a, &b))
}
