//! Model folders in all the layouts that [`ddim_web::model_files`] knows.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use ddim_web::model_files;
use ddim_web::unet::labels::ClassLabels;

use super::whole::{bytes, text_of};
use crate::error::CliError;

/// Name of the weights in a diffusers folder.
pub const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";
/// Name of the network's configuration in a diffusers folder.
pub const CONFIG: &str = "config.json";
/// Name of the schedule's configuration in a diffusers folder.
pub const SCHEDULER: &str = "scheduler_config.json";

/// Endings of the files that models consist of.
const PARTS: [&str; 6] = ["json", "safetensors", "bin", "pt", "pth", "ckpt"];

/// The three files of a model.
pub struct ModelFiles {
    /// Text of `config.json`.
    pub config: String,
    /// Text of `scheduler_config.json`.
    pub scheduler: String,
    /// The weights as the bytes of a `.safetensors` file.
    pub weights: Vec<u8>,
    /// What its classes are called; empty where nothing says it.
    pub classes: ClassLabels,
    /// How they were read, a sentence each.
    pub notes: Vec<String>,
}

impl ModelFiles {
    /// Reads the model in `folder`.
    ///
    /// # Errors
    /// The file that cannot be read or is missing, and why.
    pub fn read(folder: &Path) -> Result<Self, CliError> {
        let model = Self::with_or_without_schedule(folder)?;
        let scheduler = model.scheduler.ok_or_else(|| {
            CliError::Failed(format!(
                "{}: {SCHEDULER} is missing: if the model was trained as DDPM's own (1000 steps, linear betas from 0.0001 \
                 to 0.02), write a file {SCHEDULER} with {{}} in it",
                folder.display()
            ))
        })?;
        Ok(Self {
            config: model.config,
            scheduler,
            weights: model.weights,
            classes: model.classes,
            notes: model.notes,
        })
    }

    /// The same, where the schedule may be missing.
    ///
    /// # Errors
    /// The file that cannot be read or is missing, and why.
    pub fn with_or_without_schedule(folder: &Path) -> Result<model_files::ModelFiles, CliError> {
        let failed = |what: String| CliError::Failed(format!("{}: {what}", folder.display()));
        if !folder.is_dir() {
            return Err(failed("not a folder".into()));
        }
        let mut names = Vec::new();
        list(folder, "", &mut names).map_err(|error| failed(error.to_string()))?;
        let mut open = |name: &str| {
            let bytes = bytes(&folder.join(name))?;
            // The encodings of texts are told apart here, where the file is known.
            if name.ends_with(".json") {
                text_of(&bytes)?;
            }
            Ok(Cow::Owned(bytes))
        };
        model_files::read(&names, &mut open).map_err(|error| failed(error.to_string()))
    }
}

/// The files in `folder` and in the folders inside it, with slashes, that may be a part of a model; no deeper.
fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) -> std::io::Result<()> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let name = format!("{prefix}{name}");
        let ending = path.extension().and_then(|ending| ending.to_str());
        if path.is_dir() {
            folders.push((path, format!("{name}/")));
        } else if ending.is_some_and(|ending| PARTS.contains(&ending)) {
            names.push(name);
        }
    }
    if prefix.is_empty() {
        for (path, prefix) in folders {
            // A folder that may not be looked into holds no part of this model.
            let _ = list(&path, &prefix, names);
        }
        names.sort();
    }
    Ok(())
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
