//! The beginning of a `.safetensors` file, which says what the file holds before the rest of it is there.

use crate::tensor_file;
use crate::unet::weights::{self, Announced, WeightsError};

/// What a file that begins with `start` announces, and whether it has as many bytes as that takes, where its `size` is known.
/// `start` holds the header, or all there is.
///
/// # Errors
/// [`WeightsError::NotSafetensors`], as for the whole file.
pub fn tensors(start: &[u8], size: Option<u64>) -> Result<Vec<Announced>, WeightsError> {
    let bytes = size.unwrap_or(start.len() as u64);
    let announced = tensor_file::announced(start, size);
    announced.map_err(|error| weights::refused(start, bytes, error))
}
