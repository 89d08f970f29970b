//! Images and noise as numbers: `.safetensors` files with one tensor, `sample` [B,C,H,W].

use std::collections::HashMap;
use std::path::Path;

use ddim_web::sample_file::{self, Sample};

use super::whole::{read, write_atomically};
use crate::error::CliError;

/// Reads the tensor `sample` `[B, C, H, W]` (f32) of a `.safetensors` file: at least one image of finite numbers.
///
/// # Errors
/// The path, what was expected and what was found.
pub fn read_sample(path: &Path) -> Result<([usize; 4], Vec<f32>), CliError> {
    let sample = Sample::read(&read(path)?)
        .map_err(|error| CliError::Failed(format!("{}: {error}", path.display())))?;
    Ok((sample.shape, sample.values))
}

/// Writes `values` as the tensor `sample` of a `.safetensors` file.
///
/// # Errors
/// The path, and what the system said.
pub fn write_sample(path: &Path, shape: [usize; 4], values: &[f32]) -> Result<(), CliError> {
    let file = sample_file::write(values, &shape, HashMap::new()).map_err(CliError::failed)?;
    write_atomically(path, &file)
}
