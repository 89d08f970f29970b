//! Whole folders: built under another name, and put in place when they are complete.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::whole::{ABANDONED, PARTIAL, folder_of, random};
use crate::error::CliError;

/// A folder that is being built. Dropped before it is put in place, it leaves nothing.
pub struct Partial {
    target: PathBuf,
    path: PathBuf,
}

impl Partial {
    /// Begins what shall be `target`: beside it, or in it where it is there, so that it lies on the same disk.
    ///
    /// # Errors
    /// The path, and what the system said.
    pub fn new(target: &Path) -> Result<Self, CliError> {
        let failed = |e: io::Error| CliError::Failed(format!("{}: {e}", target.display()));
        // "a/.." and the like have no name.
        let target = std::path::absolute(target).map_err(failed)?;
        let place = if target.is_dir() {
            target.clone()
        } else {
            let place = folder_of(&target).to_path_buf();
            fs::create_dir_all(&place).map_err(failed)?;
            place
        };
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!(".{name}{PARTIAL}");
        sweep(&place, &prefix);
        let path = place.join(format!("{prefix}{}-{:016x}", std::process::id(), random()));
        fs::create_dir(&path).map_err(failed)?;
        Ok(Self { target, path })
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it in place. Of a target that is there, the entries `names` are replaced, one after the other and the last
    /// ones last, and all others are left alone; when one of them cannot be, those before it are put back.
    ///
    /// # Errors
    /// The path, and what the system said.
    pub fn put_in_place(self, names: &[&str]) -> Result<(), CliError> {
        let failed = |e: io::Error| CliError::Failed(format!("{}: {e}", self.target.display()));
        if !self.target.is_dir() {
            return fs::rename(&self.path, &self.target).map_err(failed);
        }
        let old = self.path.join(".old");
        fs::create_dir(&old).map_err(failed)?;
        for (done, name) in names.iter().enumerate() {
            let Err(error) = self.exchange(&old, name) else {
                continue;
            };
            for name in names[..done].iter().rev() {
                // As far as the system lets it; the error to report is the first.
                let _ = fs::rename(self.target.join(name), self.path.join(name));
                let _ = fs::rename(old.join(name), self.target.join(name));
            }
            return Err(failed(error));
        }
        Ok(())
    }

    /// Puts the entry `name` in place, and what stood there into `old`.
    fn exchange(&self, old: &Path, name: &str) -> io::Result<()> {
        let place = self.target.join(name);
        let was_there = fs::symlink_metadata(&place).is_ok();
        if was_there {
            fs::rename(&place, old.join(name))?;
        }
        fs::rename(self.path.join(name), &place).inspect_err(|_| {
            if was_there {
                // The first error is the one worth reporting.
                let _ = fs::rename(old.join(name), &place);
            }
        })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Not there any more once it is in place.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes what killed runs left of folders whose unfinished versions begin with `prefix`.
fn sweep(place: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(place) else {
        return;
    };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(prefix);
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if is_ours && age().is_some_and(|age| age > ABANDONED) {
            // Somebody else may have done it.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
