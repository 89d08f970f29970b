//! The beginning of a `.safetensors` file, which says what the file holds before the rest of it is there.

use safetensors::tensor::Metadata;
use safetensors::{SafeTensorError, tensor::TensorInfo};

use crate::unet::weights::{self, Announced, WeightsError};

/// Bytes of the length that the file begins with.
const LENGTH: usize = 8;

/// What a file that begins with `start` announces, and whether it has as many bytes as that takes, where its `size` is known.
/// `start` holds the header, or all there is.
///
/// # Errors
/// [`WeightsError::NotSafetensors`], as for the whole file.
pub fn tensors(start: &[u8], size: Option<u64>) -> Result<Vec<Announced>, WeightsError> {
    let bytes = size.unwrap_or(start.len() as u64);
    let refused = |error| weights::refused(start, bytes, error);
    let (length, rest) = start
        .split_first_chunk::<LENGTH>()
        .ok_or_else(|| refused(SafeTensorError::HeaderTooSmall))?;
    let length = u64::from_le_bytes(*length);
    let header = usize::try_from(length)
        .ok()
        .and_then(|length| rest.get(..length))
        .ok_or_else(|| refused(SafeTensorError::InvalidHeaderLength))?;
    let header: Metadata = serde_json::from_slice(header)
        .map_err(|error| refused(SafeTensorError::InvalidHeaderDeserialization(error)))?;
    let whole = LENGTH as u64 + length + header.data_len() as u64;
    if size.is_some_and(|size| size != whole) {
        return Err(refused(SafeTensorError::MetadataIncompleteBuffer));
    }
    let announced = |(name, info): (String, &TensorInfo)| Announced {
        name,
        dtype: info.dtype,
        shape: info.shape.clone(),
    };
    Ok(header.tensors().into_iter().map(announced).collect())
}
