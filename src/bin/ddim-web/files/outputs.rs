//! The files that a subcommand is told to write: refused before any work when they cannot all be written.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::CliError;
use crate::files::whole::{check_writable, folder_of, is_device};

/// The files of one subcommand.
pub struct Outputs<'a> {
    /// `--out`: a PNG.
    pub out: &'a Path,
    /// `--save`: a .safetensors file.
    pub save: Option<&'a Path>,
    /// `--animate`: a film; [`super::animation::Animation`] knows the endings.
    pub animate: Option<&'a Path>,
    /// Files that the subcommand reads.
    pub inputs: &'a [PathBuf],
}

impl Outputs<'_> {
    /// Checks the names, and that the places can be written to. Leaves nothing behind.
    ///
    /// # Errors
    /// [`CliError::Usage`] when an ending announces another format, or one file would overwrite another;
    /// [`CliError::Failed`] for a place that cannot be written to.
    pub fn check(&self) -> Result<(), CliError> {
        ending("out", self.out, "png")?;
        if let Some(path) = self.save {
            ending("save", path, "safetensors")?;
        }
        let inputs: Vec<PathBuf> = self.inputs.iter().map(|path| place(path)).collect();
        let files = [
            ("out", Some(self.out)),
            ("save", self.save),
            ("animate", self.animate),
        ];
        let mut taken: Vec<(&str, PathBuf)> = Vec::new();
        for (option, path) in files {
            // What is written to a device overwrites nothing.
            let Some(path) = path.filter(|path| !is_device(path)) else {
                continue;
            };
            let (place, shown) = (place(path), path.display());
            if let Some((other, _)) = taken.iter().find(|(_, taken)| *taken == place) {
                return Err(CliError::Usage(format!(
                    "{option}: expected another file than --{other}, found {shown} for both"
                )));
            }
            if inputs.contains(&place) {
                return Err(CliError::Usage(format!(
                    "{option}: {shown} is one of the files to read: expected another name"
                )));
            }
            check_writable(path)?;
            taken.push((option, place));
        }
        Ok(())
    }
}

/// Refuses a name that announces another format; none is no announcement.
fn ending(option: &str, path: &Path, expected: &str) -> Result<(), CliError> {
    match path.extension() {
        Some(found) if !found.eq_ignore_ascii_case(expected) => Err(CliError::Usage(format!(
            "{option}: expected a name that ends in .{expected}, found {}",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// One name for each file, whatever way leads to it.
fn place(path: &Path) -> PathBuf {
    let beside = || {
        Some(
            fs::canonicalize(folder_of(path))
                .ok()?
                .join(path.file_name()?),
        )
    };
    let there = fs::canonicalize(path).ok().or_else(beside);
    there.unwrap_or_else(|| std::path::absolute(path).unwrap_or_else(|_| path.into()))
}
