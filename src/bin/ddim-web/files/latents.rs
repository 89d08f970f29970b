//! Images and noise as numbers: `.safetensors` files with one tensor, `sample` [B,C,H,W].

use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::whole::{read, write_atomically};
use crate::error::CliError;

/// Reads the tensor `sample` `[B, C, H, W]` (f32) of a `.safetensors` file: at least one image of finite numbers.
///
/// # Errors
/// The path, what was expected and what was found.
pub fn read_sample(path: &Path) -> Result<([usize; 4], Vec<f32>), CliError> {
    let failed = |what: String| CliError::Failed(format!("{}: {what}", path.display()));
    let bytes = read(path)?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|e| failed(format!("expected a .safetensors file: {e}")))?;
    let view = file.tensor("sample").map_err(|_| {
        failed(format!(
            "expected a tensor named sample, found {:?}",
            file.names()
        ))
    })?;
    let shape: [usize; 4] = view.shape().try_into().map_err(|_| {
        failed(format!(
            "sample: expected [batch, channels, height, width], found {:?}",
            view.shape()
        ))
    })?;
    if view.dtype() != Dtype::F32 {
        return Err(failed(format!(
            "sample: expected F32, found {:?}",
            view.dtype()
        )));
    }
    if shape.contains(&0) {
        return Err(failed(format!(
            "sample: expected at least one image, found {shape:?}"
        )));
    }
    let values: Vec<f32> = view
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    match values.iter().find(|v| !v.is_finite()) {
        Some(value) => Err(failed(format!(
            "sample: expected finite numbers, found {value}"
        ))),
        None => Ok((shape, values)),
    }
}

/// Writes `values` as the tensor `sample` of a `.safetensors` file.
///
/// # Errors
/// The path, and what the system said.
pub fn write_sample(path: &Path, shape: [usize; 4], values: &[f32]) -> Result<(), CliError> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, shape.to_vec(), &bytes).map_err(CliError::failed)?;
    let file = safetensors::serialize([("sample", view)], None).map_err(CliError::failed)?;
    write_atomically(path, &file)
}
