//! Lists on their way from JavaScript and to it.
//!
//! What JavaScript hands over as a list would be put into this module's memory before anybody looks at it, and one that is
//! too long for that ends the module. So lists come as JavaScript's own and are copied here.

use js_sys::{Array, ArrayBuffer, Float32Array, Reflect, Symbol, Uint8Array};
use wasm_bindgen::prelude::*;

#[cfg(feature = "network")]
use super::values::object;
use super::{WebError, js_error};
use crate::allocate::zeros;

#[wasm_bindgen]
extern "C" {
    /// `Float32Array`, made of another array.
    #[wasm_bindgen(js_name = Float32Array, extends = js_sys::Object)]
    type Numbers;
    #[wasm_bindgen(constructor, catch, js_class = "Float32Array")]
    fn of(numbers: &JsValue) -> Result<Numbers, JsValue>;
    /// `Float32Array`, whose constructor throws where there is no memory.
    #[wasm_bindgen(js_name = Float32Array, extends = js_sys::Object)]
    type Floats;
    #[wasm_bindgen(constructor, catch, js_class = "Float32Array")]
    fn new(length: u32) -> Result<Floats, JsValue>;
    /// `Uint8Array`, the same.
    #[wasm_bindgen(js_name = Uint8Array, extends = js_sys::Object)]
    type Bytes;
    #[wasm_bindgen(constructor, catch, js_class = "Uint8Array")]
    fn new(length: u32) -> Result<Bytes, JsValue>;
}

#[cfg(feature = "network")]
#[wasm_bindgen]
extern "C" {
    /// What the browser holds outside of anybody's memory.
    type Blob;
    #[wasm_bindgen(method, getter)]
    fn size(this: &Blob) -> f64;
    #[wasm_bindgen(method)]
    fn stream(this: &Blob) -> Stream;
    type Stream;
    #[wasm_bindgen(method, catch, js_name = getReader)]
    fn reader(this: &Stream, options: &JsValue) -> Result<Reader, JsValue>;
    type Reader;
    #[wasm_bindgen(method, catch)]
    async fn read(this: &Reader, into: &Uint8Array) -> Result<Piece, JsValue>;
    type Piece;
    #[wasm_bindgen(method, getter)]
    fn value(this: &Piece) -> Option<Uint8Array>;
}

/// That JavaScript has no memory for so many bytes.
fn refused(bytes: u64) -> WebError {
    WebError {
        kind: super::Kind::Memory,
        message: format!(
            "memory: the result needs {} MiB, more than this browser gives; use a smaller batch or size",
            bytes.div_ceil(1 << 20)
        ),
    }
}

/// `numbers` as an array of JavaScript's.
///
/// # Errors
/// Where there is no memory for it.
#[cfg(any(
    feature = "network",
    feature = "figures",
    all(feature = "training", feature = "cpu")
))]
pub fn float_array(numbers: &[f32]) -> Result<Float32Array, WebError> {
    let array = Floats::new(numbers.len() as u32).map_err(|_| refused(4 * numbers.len() as u64))?;
    let array: Float32Array = JsValue::from(array).unchecked_into();
    array.copy_from(numbers);
    Ok(array)
}

/// `file` as an array of JavaScript's.
///
/// # Errors
/// Where there is no memory for it.
#[cfg(any(feature = "figures", feature = "training"))]
pub fn byte_array(file: &[u8]) -> Result<Uint8Array, WebError> {
    let array = Bytes::new(file.len() as u32).map_err(|_| refused(file.len() as u64))?;
    let array: Uint8Array = JsValue::from(array).unchecked_into();
    array.copy_from(file);
    Ok(array)
}

/// The bytes of `from`, which is called `name`.
///
/// # Errors
/// Where it is no array of bytes, or there is no memory for them.
pub fn file(from: &JsValue, name: &'static str) -> Result<Vec<u8>, WebError> {
    let Some(from) = view::<Uint8Array>(from, "Uint8Array") else {
        return Err(WebError::options(format!("{name}: expected an Uint8Array")));
    };
    let mut bytes = zeros(name, u64::from(from.length())).map_err(js_error)?;
    from.copy_to(&mut bytes);
    Ok(bytes)
}

/// The bytes of `from`, which is called `name`: an array of them, or a Blob.
///
/// # Errors
/// As for [`file`], and where the Blob cannot be read any more.
#[cfg(feature = "network")]
pub async fn file_or_blob(from: &JsValue, name: &'static str) -> Result<Vec<u8>, WebError> {
    /// Bytes that are there twice.
    const PIECE: u32 = 1 << 20;
    let tag = Reflect::get(from, &Symbol::to_string_tag()).ok();
    let tag = tag.and_then(|tag| tag.as_string());
    // A File is one.
    if !matches!(tag.as_deref(), Some("Blob" | "File")) {
        return file(from, name);
    }
    let blob: &Blob = from.unchecked_ref();
    let mut bytes = zeros(name, blob.size() as u64).map_err(js_error)?;
    let lost = || {
        WebError::options(format!(
            "{name}: the file could not be read; was it changed or moved?"
        ))
    };
    // One buffer for all pieces, where the browser has that: what is made for each of them piles up until somebody looks.
    let stream = blob.stream();
    let options = object([("mode", "byob".into())]);
    let reader = stream.reader(&options);
    let reader = reader.or_else(|_| stream.reader(&JsValue::UNDEFINED));
    let reader = reader.map_err(|_| lost())?;
    let mut piece = Uint8Array::new_with_length(PIECE);
    let mut rest = &mut bytes[..];
    while !rest.is_empty() {
        let read = reader.read(&Uint8Array::new(&piece.buffer())).await.ok();
        piece = read.and_then(|read| read.value()).ok_or_else(lost)?;
        let length = piece.length() as usize;
        if length == 0 || length > rest.len() {
            return Err(lost());
        }
        let (to, more) = rest.split_at_mut(length);
        piece.copy_to(to);
        rest = more;
    }
    Ok(bytes)
}

/// `value` as the array of numbers that it calls itself, whichever page's or worker's it is.
fn view<'a, T: JsCast>(value: &'a JsValue, name: &str) -> Option<&'a T> {
    let tag = Reflect::get(value, &Symbol::to_string_tag()).ok()?;
    let is = ArrayBuffer::is_view(value) && tag.as_string()? == name;
    is.then(|| value.unchecked_ref())
}

/// `from` as an array of the class `name`: itself, or what `make` makes of another array of numbers.
pub(super) fn array<A: JsCast + Clone>(
    from: &JsValue,
    name: &str,
    make: impl FnOnce(&JsValue) -> Result<A, JsValue>,
) -> Option<A> {
    if let Some(array) = view::<A>(from, name) {
        return Some(array.clone());
    }
    let is_list = ArrayBuffer::is_view(from) || Array::is_array(from);
    is_list.then(|| make(from).ok()).flatten()
}

/// The numbers of `from`, which is called `name`: an array of 32-bit floats, or any other of numbers.
///
/// # Errors
/// Where it is none, or there is no memory for them.
pub fn floats(from: &JsValue, name: &'static str) -> Result<Vec<f32>, WebError> {
    let make = |list: &JsValue| Numbers::of(list).map(JsCast::unchecked_into);
    let Some(from) = array::<Float32Array>(from, "Float32Array", make) else {
        return Err(WebError::options(format!(
            "{name}: expected a Float32Array"
        )));
    };
    let mut numbers = zeros(name, u64::from(from.length())).map_err(js_error)?;
    from.copy_to(&mut numbers);
    Ok(numbers)
}

/// The numbers of the option `name` of `options`, if it is given.
///
/// # Errors
/// As for [`floats`].
pub fn float_option(options: &JsValue, name: &'static str) -> Result<Option<Vec<f32>>, WebError> {
    // What throws when it is looked at is not there.
    let value = Reflect::get(options, &name.into()).unwrap_or(JsValue::UNDEFINED);
    if value.is_undefined() || value.is_null() {
        return Ok(None);
    }
    floats(&value, name).map(Some)
}

/// Refuses a list in the option `name` of `options` that has more than `most` items.
///
/// # Errors
/// A JavaScript `Error` that names the option.
pub fn check_length(options: &JsValue, name: &str, most: usize) -> Result<(), WebError> {
    let value = Reflect::get(options, &name.into()).unwrap_or(JsValue::UNDEFINED);
    check_list(&value, name, most)
}

/// Refuses a `list`, which is called `name`, that has more than `most` items.
///
/// # Errors
/// A JavaScript `Error` that names it.
pub fn check_list(list: &JsValue, name: &str, most: usize) -> Result<(), WebError> {
    let length = Reflect::get(list, &"length".into()).ok();
    match length.and_then(|length| length.as_f64()) {
        Some(length) if length > most as f64 => Err(WebError::options(format!(
            "{name}: expected at most {most}, found {length}"
        ))),
        _ => Ok(()),
    }
}
