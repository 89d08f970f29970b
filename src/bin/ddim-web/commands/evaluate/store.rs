//! Results on disk, one file for each cell, so that an evaluation can be interrupted and go on.
//!
//! A cell is found again by all of its settings, among them fingerprints of the weights, the data and the
//! classifier: a result that was made with anything else is never used.

use std::fs;
use std::path::{Path, PathBuf};

use ddim_web::evaluate::fingerprint;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::CliError;
use crate::files::whole::{self, write_atomically};

const MANIFEST: &str = "evaluation.json";
const CELLS: &str = "cells";

/// The setting that says what numbers a result has. Cells of another format are left alone, and made again.
pub const FORMAT: &str = "format";

/// Everything that a result depends on, by name; sorted.
pub type Settings = Map<String, Value>;

/// A result and what it depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Everything that the result depends on.
    pub settings: Settings,
    /// Its numbers.
    pub result: Value,
    /// The file that it was read from.
    #[serde(skip)]
    pub path: PathBuf,
}

/// What the folder is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name of the model's folder.
    pub name: String,
    /// Fingerprint of its three files.
    pub model: String,
    /// Number of trained numbers in it.
    pub parameters: usize,
    /// What a conditional model was asked for, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// The commands that results were made with.
    pub commands: Vec<String>,
}

/// The folder of an evaluation.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// What it is about.
    pub manifest: Manifest,
}

impl Store {
    /// Opens `folder` for the model of `manifest`; adds its commands to those that were run before. Writes nothing
    /// before [`Store::begin`].
    ///
    /// # Errors
    /// [`CliError::Usage`] when the folder is about another model; [`CliError::Failed`] when a file is damaged.
    pub fn open(folder: &Path, manifest: Manifest) -> Result<Self, CliError> {
        let path = folder.join(MANIFEST);
        let mut kept = if path.exists() {
            read::<Manifest>(&path)?
        } else {
            manifest.clone()
        };
        if kept.model != manifest.model {
            return Err(CliError::Usage(format!(
                "{}: holds an evaluation of other weights (model {} with fingerprint {}, now {} with {}): choose another --out",
                folder.display(),
                kept.name,
                kept.model,
                manifest.name,
                manifest.model
            )));
        }
        if kept.asked != manifest.asked {
            let told = |asked: Option<String>| asked.unwrap_or_else(|| "no class".into());
            return Err(CliError::Usage(format!(
                "{}: holds an evaluation of {}, now {}: choose another --out",
                folder.display(),
                told(kept.asked),
                told(manifest.asked)
            )));
        }
        for command in manifest.commands {
            if !kept.commands.contains(&command) {
                kept.commands.push(command);
            }
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            manifest: kept,
        })
    }

    /// Writes what the folder is about.
    ///
    /// # Errors
    /// [`CliError::Failed`] when it cannot be written.
    pub fn begin(&self) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(&self.manifest).map_err(CliError::failed)?;
        write_atomically(&self.path(MANIFEST), text.as_bytes())
    }

    /// `name` in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whether the cell of these settings is there.
    ///
    /// # Errors
    /// [`CliError::Failed`] when its file is damaged.
    pub fn has(&self, settings: &Settings) -> Result<bool, CliError> {
        let path = self.path(CELLS).join(format!("{}.json", key(settings)));
        Ok(path.exists() && read::<Cell>(&path)?.settings == *settings)
    }

    /// Keeps a result; the file is whole or not there.
    ///
    /// # Errors
    /// [`CliError::Failed`] when it cannot be written.
    pub fn put(&self, settings: Settings, result: Value) -> Result<(), CliError> {
        let path = self.path(CELLS).join(format!("{}.json", key(&settings)));
        let cell = Cell {
            settings,
            result,
            path,
        };
        let text = serde_json::to_string_pretty(&cell).map_err(CliError::failed)?;
        write_atomically(&cell.path, text.as_bytes())
    }

    /// All cells of `section` whose setting [`FORMAT`] is `format`, in the order of their settings.
    ///
    /// # Errors
    /// [`CliError::Failed`] when a file is damaged.
    pub fn all(&self, section: &str, format: Option<u64>) -> Result<Vec<Cell>, CliError> {
        let folder = self.path(CELLS);
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let failed = |e: std::io::Error| CliError::Failed(format!("{}: {e}", folder.display()));
        let mut cells = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            // Half-written files of a killed run end otherwise.
            if name.is_some_and(|n| n.starts_with(&format!("{section}-")) && n.ends_with(".json")) {
                cells.push(Cell {
                    path: path.clone(),
                    ..read(&path)?
                });
            }
        }
        cells.retain(|cell: &Cell| cell.settings.get(FORMAT).and_then(Value::as_u64) == format);
        cells.sort_by_cached_key(|cell| order(&cell.settings));
        Ok(cells)
    }
}

/// Name of the file of `settings`: what a reader looks for, then a fingerprint of everything.
pub fn key(settings: &Settings) -> String {
    let text = Value::Object(settings.clone()).to_string();
    let mut parts = Vec::new();
    for name in ["section", "eta", "tau", "steps"] {
        match settings.get(name) {
            Some(Value::String(word)) => parts.push(word.clone()),
            Some(value) => parts.push(value.to_string()),
            None => {}
        }
    }
    parts.push(format!("{:016x}", fingerprint([text.as_bytes()])));
    parts.join("-")
}

/// Cells with fewer steps come first; the rest is a matter of taste, but must not depend on the file system.
fn order(settings: &Settings) -> (u64, String) {
    let steps = settings.get("steps").and_then(Value::as_u64);
    (
        steps.unwrap_or(0),
        Value::Object(settings.clone()).to_string(),
    )
}

fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, CliError> {
    serde_json::from_slice(&whole::read(path)?).map_err(|error| damaged(path, &error))
}

/// What is said of a file that does not hold what its section writes.
pub fn damaged(path: &Path, error: &serde_json::Error) -> CliError {
    CliError::Failed(format!(
        "{}: damaged ({error}): delete it to have it made again",
        path.display()
    ))
}
