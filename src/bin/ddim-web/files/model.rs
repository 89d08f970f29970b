//! Models in all the layouts that [`ddim_web::model_files`] knows: folders, and zip archives of such.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use ddim_web::model_files;
use ddim_web::model_files::layout;
use ddim_web::model_files::zip::{Entry, Zip, is_zip};
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
    /// Reads the model in the folder or archive `path`.
    ///
    /// # Errors
    /// The file that cannot be read or is missing, and why.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        Self::of(&Source::open(path)?)
    }

    /// The model in `source`.
    ///
    /// # Errors
    /// The file that cannot be read or is missing, and why.
    pub fn of(source: &Source) -> Result<Self, CliError> {
        let model = source.model()?;
        let scheduler = model.scheduler.ok_or_else(|| source.no_scheduler())?;
        Ok(Self {
            config: model.config,
            scheduler,
            weights: model.weights,
            classes: model.classes,
            notes: model.notes,
        })
    }
}

/// What somebody names as a model: a folder, or a zip archive of one.
pub struct Source {
    path: PathBuf,
    archive: Option<Archive>,
    /// Its files, with slashes.
    names: Vec<String>,
}

/// An archive, whose list has been read.
struct Archive {
    bytes: Vec<u8>,
    /// What is in it, by name.
    entries: BTreeMap<String, Entry>,
}

impl Source {
    /// Looks at what is there.
    ///
    /// # Errors
    /// The path, and that it is neither, or why it cannot be read.
    pub fn open(path: &Path) -> Result<Self, CliError> {
        let failed = |what: &dyn Display| CliError::Failed(format!("{}: {what}", path.display()));
        let mut names = Vec::new();
        let mut archive = None;
        if path.is_file() {
            let bytes = bytes(path).map_err(|error| failed(&error))?;
            if !is_zip(&bytes) {
                return Err(failed(&"not a folder, nor a .zip archive"));
            }
            let zip = Zip::new(&bytes).map_err(|error| failed(&error))?;
            let entries: BTreeMap<String, Entry> = (zip.entries().iter())
                .map(|entry| (entry.name.clone(), entry.clone()))
                .collect();
            names.extend(entries.keys().cloned());
            archive = Some(Archive { bytes, entries });
        } else if path.is_dir() {
            list(path, "", &mut names).map_err(|error| failed(&error))?;
        } else {
            return Err(failed(&"not a folder"));
        }
        Ok(Self {
            path: path.into(),
            archive,
            names,
        })
    }

    /// What the folder or archive is called, without `.zip`.
    ///
    /// # Errors
    /// The path, and what the system said.
    pub fn name(&self) -> Result<String, CliError> {
        let real = self.real()?;
        let name = if self.archive.is_some() {
            real.file_stem()
        } else {
            real.file_name()
        };
        Ok(name.map_or("model".into(), |name| name.to_string_lossy().into_owned()))
    }

    /// Where it is, without links.
    ///
    /// # Errors
    /// The path, and what the system said.
    pub fn real(&self) -> Result<PathBuf, CliError> {
        fs::canonicalize(&self.path).map_err(|error| self.failed(&error))
    }

    /// All of the model; its schedule may be missing.
    ///
    /// # Errors
    /// The file that cannot be read or is missing, and why.
    pub fn model(&self) -> Result<model_files::ModelFiles, CliError> {
        model_files::read(&self.names, &mut |name| self.part(name))
            .map_err(|error| self.failed(&error))
    }

    /// The text of `config.json` alone.
    ///
    /// # Errors
    /// As [`Self::model`].
    pub fn config(&self) -> Result<String, CliError> {
        let found = layout::config(&self.all(), &mut Vec::new());
        self.text(found.map_err(|error| self.failed(&error))?)
    }

    /// The text of `scheduler_config.json` alone.
    ///
    /// # Errors
    /// As [`Self::model`], and where there is none.
    pub fn scheduler(&self) -> Result<String, CliError> {
        let found = layout::scheduler(&self.all()).map_err(|error| self.failed(&error))?;
        self.text(found.ok_or_else(|| self.no_scheduler())?)
    }

    /// The file `name` that lies beside the model: a card, pictures.
    ///
    /// # Errors
    /// The file, and why it cannot be read.
    pub fn beside(&self, name: &str) -> Result<Option<Vec<u8>>, CliError> {
        let read = |name: &str| self.part(name).map(Cow::into_owned);
        let found = if self.archive.is_some() {
            let all = self.all();
            let home = layout::config(&all, &mut Vec::new()).map_or("", layout::folder);
            layout::near(&all, home, name).map(read)
        } else {
            self.path.join(name).exists().then(|| read(name))
        };
        let failed = |what| CliError::Failed(format!("{}: {what}", self.path.join(name).display()));
        found.transpose().map_err(failed)
    }

    fn all(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    fn text(&self, name: &str) -> Result<String, CliError> {
        let failed = |what| CliError::Failed(format!("{}: {what}", self.path.join(name).display()));
        let bytes = self.part(name).map_err(failed)?;
        text_of(&bytes).map(Into::into).map_err(failed)
    }

    /// The bytes of one of its files.
    fn part(&self, name: &str) -> Result<Cow<'_, [u8]>, String> {
        let bytes = match &self.archive {
            Some(archive) => {
                let entry = archive.entries.get(name).ok_or("not in the archive")?;
                (entry.read(&archive.bytes)).map_err(|error| error.to_string())?
            }
            None => Cow::Owned(bytes(&self.path.join(name))?),
        };
        // The encodings of texts are told apart here, where the file is known.
        if name.ends_with(".json") {
            text_of(&bytes)?;
        }
        Ok(bytes)
    }

    fn failed(&self, what: &dyn Display) -> CliError {
        CliError::Failed(format!("{}: {what}", self.path.display()))
    }

    fn no_scheduler(&self) -> CliError {
        self.failed(&format_args!(
            "{SCHEDULER} is missing: if the model was trained as DDPM's own (1000 steps, linear betas from 0.0001 to \
             0.02), write a file {SCHEDULER} with {{}} in it"
        ))
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
