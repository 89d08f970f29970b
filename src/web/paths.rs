//! Paths between noises.

use js_sys::Float32Array;
use wasm_bindgen::prelude::*;

use super::options::integer;
use super::{WebError, js_error};
use crate::noise::MAX_GRID_SIDE;
use crate::runs::paths;

/// All x_T between `ends`, row by row ([rows * columns, channels, height, width]): between two in one row, between four
/// (top left, top right, bottom left, bottom right) in a grid. Spherical (DDIM, eq. 67).
#[wasm_bindgen]
pub fn between(ends: Vec<Float32Array>, rows: f64, columns: f64) -> Result<Float32Array, WebError> {
    let ends: Vec<Vec<f32>> = ends.iter().map(Float32Array::to_vec).collect();
    let rows = integer("rows", rows, MAX_GRID_SIDE as f64)? as usize;
    let columns = integer("columns", columns, MAX_GRID_SIDE as f64)? as usize;
    let noises = paths::between(&ends, rows, columns).map_err(js_error)?;
    Ok(Float32Array::from(noises.as_slice()))
}
