//! One run at a time in a folder of results.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::error::CliError;

const NAME: &str = ".ddim-web.lock";

/// Keeps other runs out of a folder until it is dropped, or the process ends in whatever way.
pub struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Makes `folder` where it is missing, and locks it.
    ///
    /// # Errors
    /// [`CliError::Failed`] when another run has it, which is named, or the folder cannot be written to.
    pub fn take(folder: &Path) -> Result<Self, CliError> {
        let path = folder.join(NAME);
        let failed = |what: String| CliError::Failed(format!("{}: {what}", folder.display()));
        fs::create_dir_all(folder).map_err(|e| failed(e.to_string()))?;
        loop {
            let mut file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(|e| failed(e.to_string()))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(failed(format!(
                        "another run is at work here ({}): wait for it, or choose another --out",
                        holder(file)
                    )));
                }
                Err(TryLockError::Error(error)) => return Err(failed(error.to_string())),
            }
            // The last holder may have removed its file after it was opened here.
            if is_at(&file, &path) {
                let holder = format!("process {}\n", std::process::id());
                file.set_len(0)
                    .and_then(|()| file.write_all(holder.as_bytes()))
                    .map_err(|e| failed(e.to_string()))?;
                return Ok(Self { path, file });
            }
        }
    }
}

/// Who wrote its name into `file`.
fn holder(file: File) -> String {
    let mut holder = String::new();
    // Who it is only helps to find it.
    let _ = file.take(100).read_to_string(&mut holder);
    match holder.trim() {
        "" => "unknown".into(),
        holder => holder.into(),
    }
}

/// Whether `path` leads to `file`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |found: fs::Metadata| (found.dev(), found.ino());
    let (file, path) = (file.metadata().map(place), fs::metadata(path).map(place));
    matches!((file, path), (Ok(file), Ok(path)) if file == path)
}

/// Elsewhere a file that is open cannot be removed.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still locked. Where it stays, it does no harm: the next run locks it again.
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}
