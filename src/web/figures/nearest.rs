//! Neighbours of pictures.

use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::lists::JsFloats;
use crate::runs::nearest::Nearest;
use crate::web::checks::integer;
use crate::web::lists::floats;
use crate::web::values::plain_object;
use crate::web::{WebError, js_error};

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `{index: number, distance: number}[][]`.
    #[wasm_bindgen(typescript_type = "{index: number, distance: number}[][]")]
    pub type JsNeighbours;
}

/// For each of `images` the nearest of `pictures` by Euclidean distance, both rows of `width` values (pixels or
/// features) one after the other (DDPM, appendix D).
#[wasm_bindgen]
pub fn nearest(
    images: JsFloats,
    pictures: JsFloats,
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
    let (images, pictures) = (floats(&images, "images")?, floats(&pictures, "pictures")?);
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
