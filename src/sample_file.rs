//! Pictures and noise as the bytes of a `.safetensors` file with one tensor, `sample` [B, C, H, W] of f32: what the
//! terminal's `--save` writes and its `--latents` reads, and a page's download.

use std::collections::HashMap;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError};
use thiserror::Error;

use crate::allocate::{OutOfMemory, bytes as bytes_of, reserved, room};
use crate::json::{brief, few};
use crate::tensor_file::TensorFile;

/// Why bytes are not such a file, or numbers do not make one. One line each.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SampleFileError {
    /// Not a `.safetensors` file, or a damaged one.
    #[error("expected a .safetensors file: {0}")]
    File(String),
    /// No tensor of that name.
    #[error("expected a tensor named sample, found {}", few(found))]
    Absent {
        /// The names there are.
        found: Vec<String>,
    },
    /// Not the four dimensions of pictures.
    #[error("sample: expected [batch, channels, height, width], found {}", brief(&format!("{found:?}")))]
    Shape {
        /// The dimensions.
        found: Vec<usize>,
    },
    /// Numbers of another type.
    #[error("sample: expected F32, found {found}")]
    Type {
        /// The type's name.
        found: String,
    },
    /// No numbers at all.
    #[error("sample: expected at least one image, found {found:?}")]
    Empty {
        /// The dimensions.
        found: [usize; 4],
    },
    /// A NaN or an infinity.
    #[error("sample: expected finite numbers, found {found}")]
    NotFinite {
        /// The first such value.
        found: String,
    },
    /// There is no memory for them.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// The numbers do not fill the shape.
    #[error("sample: expected the values of {shape:?}, found {found}")]
    Length {
        /// The dimensions.
        shape: [usize; 4],
        /// Values given.
        found: usize,
    },
}

/// What such a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// `[batch, channels, height, width]`, all 1 or more.
    pub shape: [usize; 4],
    /// Finite numbers, row by row.
    pub values: Vec<f32>,
    /// What else the file says, by name.
    pub metadata: HashMap<String, String>,
}

impl Sample {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`SampleFileError`].
    pub fn read(bytes: &[u8]) -> Result<Self, SampleFileError> {
        let damaged = |error: SafeTensorError| SampleFileError::File(brief(&error.to_string()));
        let file = TensorFile::read(bytes).map_err(damaged)?;
        let tensor = file
            .tensor("sample")
            .ok_or_else(|| SampleFileError::Absent {
                found: file.names().map(Into::into).collect(),
            })?;
        let shape = dimensions(&tensor.shape)?;
        if tensor.dtype != Dtype::F32 {
            return Err(SampleFileError::Type {
                found: format!("{:?}", tensor.dtype),
            });
        }
        let mut values: Vec<f32> = reserved("sample", tensor.data.len() as u64 / 4)?;
        let numbers = tensor.data.chunks_exact(4);
        values.extend(numbers.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
        if let Some(found) = values.iter().find(|v| !v.is_finite()) {
            return Err(SampleFileError::NotFinite {
                found: found.to_string(),
            });
        }
        Ok(Self {
            shape,
            values,
            metadata: (file.metadata.into_iter())
                .map(|(name, text)| (name.into_owned(), text.into_owned()))
                .collect(),
        })
    }
}

/// The bytes of a file with `values`; `metadata` is left out where it is empty.
///
/// # Errors
/// [`SampleFileError`] when `shape` is not that of `values`.
pub fn write(
    values: &[f32],
    shape: &[usize],
    metadata: HashMap<String, String>,
) -> Result<Vec<u8>, SampleFileError> {
    let shape = dimensions(shape)?;
    let count = shape
        .iter()
        .try_fold(1usize, |n, side| n.checked_mul(*side));
    if count != Some(values.len()) {
        return Err(SampleFileError::Length {
            shape,
            found: values.len(),
        });
    }
    let refused = |error: SafeTensorError| SampleFileError::File(brief(&error.to_string()));
    // As bytes, and as those of a file.
    room("sample", bytes_of::<f32>(2 * values.len() as u64))?;
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, shape.to_vec(), &bytes).map_err(refused)?;
    let metadata = (!metadata.is_empty()).then_some(metadata);
    safetensors::serialize([("sample", view)], metadata).map_err(refused)
}

/// `shape` as that of at least one image.
fn dimensions(shape: &[usize]) -> Result<[usize; 4], SampleFileError> {
    let shape: [usize; 4] = shape.try_into().map_err(|_| SampleFileError::Shape {
        found: shape.to_vec(),
    })?;
    if shape.contains(&0) {
        return Err(SampleFileError::Empty { found: shape });
    }
    Ok(shape)
}
