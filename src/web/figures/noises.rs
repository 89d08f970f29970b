//! Noises and paths between them.

use js_sys::Float32Array;
use wasm_bindgen::prelude::*;

use super::lists::{JsFloatLists, float_lists};
use crate::allocate::{volume, zeros};
use crate::noise::{MAX_GRID_SIDE, fill_gaussians};
use crate::runs::{paths, rules};
use crate::web::checks::{MAX_SAFE, integer};
use crate::web::lists::float_array;
use crate::web::{WebError, js_error};

/// The most noises that others lie between.
const CORNERS: usize = 4;

/// x_T of the pictures `first_image`, `first_image + 1` … of a run with this seed, `count` of them with `image` values
/// each ([count, channels, height, width]).
#[wasm_bindgen]
pub fn noise(
    seed: f64,
    first_image: f64,
    count: f64,
    image: f64,
) -> Result<Float32Array, WebError> {
    let most = f64::from(u32::MAX);
    let seed = integer("seed", seed, MAX_SAFE)?;
    let first = integer("first_image", first_image, most)? as u32;
    let count = integer("count", count, most)? as usize;
    let image = integer("image", image, most)? as usize;
    rules::values(count, image).map_err(js_error)?;
    let mut x_t = zeros("noise", volume(&[count, image])).map_err(js_error)?;
    fill_gaussians(seed, first, 0, image, &mut x_t);
    float_array(&x_t)
}

/// All x_T between `ends`, row by row ([rows * columns, channels, height, width]): between two in one row, between four
/// (top left, top right, bottom left, bottom right) in a grid. Spherical (DDIM, eq. 67).
#[wasm_bindgen]
pub fn between(ends: JsFloatLists, rows: f64, columns: f64) -> Result<Float32Array, WebError> {
    let ends = float_lists(&ends, "ends", CORNERS)?;
    let rows = integer("rows", rows, MAX_GRID_SIDE as f64)? as usize;
    let columns = integer("columns", columns, MAX_GRID_SIDE as f64)? as usize;
    let noises = paths::between(&ends, rows, columns).map_err(js_error)?;
    float_array(&noises)
}

/// The x_T that the grid of `between` has at the place `u` (from left to right) and `v` (from top to bottom), both from 0
/// to 1; between two `ends`, `v` is left out.
#[wasm_bindgen]
pub fn at(ends: JsFloatLists, u: f64, v: Option<f64>) -> Result<Float32Array, WebError> {
    let ends = float_lists(&ends, "ends", CORNERS)?;
    let noise = paths::at(&ends, u, v.unwrap_or(0.0)).map_err(js_error)?;
    float_array(&noise)
}
