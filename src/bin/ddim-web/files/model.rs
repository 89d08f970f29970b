//! Model folders as diffusers writes them.

use std::path::{Path, PathBuf};

use super::whole::{read, read_text};
use crate::error::CliError;

/// Name of the weights in a diffusers folder.
pub const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";
/// Name of the network's configuration in a diffusers folder.
pub const CONFIG: &str = "config.json";
/// Name of the schedule's configuration in a diffusers folder.
pub const SCHEDULER: &str = "scheduler_config.json";

/// The three files of a model.
pub struct ModelFiles {
    /// Text of `config.json`.
    pub config: String,
    /// Text of `scheduler_config.json`.
    pub scheduler: String,
    /// Bytes of the weights.
    pub weights: Vec<u8>,
}

impl ModelFiles {
    /// Reads a folder that holds the three files, or a diffusers pipeline with `unet/` and `scheduler/`.
    ///
    /// # Errors
    /// The file that cannot be read, and why.
    pub fn read(folder: &Path) -> Result<Self, CliError> {
        if !folder.is_dir() {
            return Err(CliError::Failed(format!(
                "{}: not a folder",
                folder.display()
            )));
        }
        Ok(Self {
            config: read_text(&place(folder, "unet", CONFIG))?,
            scheduler: read_text(&place(folder, "scheduler", SCHEDULER))?,
            weights: read(&place(folder, "unet", WEIGHTS))?,
        })
    }
}

/// Where the model in `folder` has its file `name`: in the part of a diffusers pipeline, or in the folder itself.
pub fn place(folder: &Path, part: &str, name: &str) -> PathBuf {
    let inside = folder.join(part).join(name);
    if inside.exists() {
        inside
    } else {
        folder.join(name)
    }
}
