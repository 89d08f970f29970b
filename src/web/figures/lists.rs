//! Lists of the page's mathematics on their way from JavaScript: see `web::lists`.

use js_sys::{Array, Float64Array};
use wasm_bindgen::prelude::*;

use crate::allocate::zeros;
use crate::web::lists::{array, check_list, floats};
use crate::web::{WebError, js_error};

#[wasm_bindgen]
extern "C" {
    /// `Float64Array`, made of another array.
    #[wasm_bindgen(js_name = Float64Array, extends = js_sys::Object)]
    type Doubles;
    #[wasm_bindgen(constructor, catch, js_class = "Float64Array")]
    fn of(numbers: &JsValue) -> Result<Doubles, JsValue>;
    /// TypeScript's `Float32Array`.
    #[wasm_bindgen(typescript_type = "Float32Array")]
    pub type JsFloats;
    /// TypeScript's `Float32Array[]`.
    #[wasm_bindgen(typescript_type = "Float32Array[]")]
    pub type JsFloatLists;
    /// TypeScript's `Float64Array`.
    #[wasm_bindgen(typescript_type = "Float64Array")]
    pub type JsDoubles;
    /// TypeScript's `Uint8Array`.
    #[wasm_bindgen(typescript_type = "Uint8Array")]
    pub type JsBytes;
}

/// As [`floats`], of 64 bits.
///
/// # Errors
/// As for [`floats`].
pub fn doubles(from: &JsValue, name: &'static str) -> Result<Vec<f64>, WebError> {
    let make = |list: &JsValue| Doubles::of(list).map(JsCast::unchecked_into);
    let Some(from) = array::<Float64Array>(from, "Float64Array", make) else {
        return Err(WebError::options(format!(
            "{name}: expected a Float64Array"
        )));
    };
    let mut numbers = zeros(name, u64::from(from.length())).map_err(js_error)?;
    from.copy_to(&mut numbers);
    Ok(numbers)
}

/// The lists in `from`, which is called `name`, of which there may be `most`.
///
/// # Errors
/// Where it is no array of at most so many, and as for [`floats`].
pub fn float_lists(
    from: &JsValue,
    name: &'static str,
    most: usize,
) -> Result<Vec<Vec<f32>>, WebError> {
    check_list(from, name, most)?;
    if !Array::is_array(from) {
        return Err(WebError::options(format!("{name}: expected an array")));
    }
    let lists: &Array = from.unchecked_ref();
    lists.iter().map(|list| floats(&list, name)).collect()
}
