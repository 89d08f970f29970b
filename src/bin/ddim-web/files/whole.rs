//! Whole files: read to the end, written whole or not at all.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::error::CliError;

/// All bytes of a file. Not of a device or pipe, which may have no end, or nothing to read for ever.
///
/// # Errors
/// The path, and what the system said.
pub fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |what: String| CliError::Failed(format!("{}: {what}", path.display()));
    if is_device(path) {
        return Err(failed("expected a file, found a device or pipe".into()));
    }
    fs::read(path).map_err(|e| failed(e.to_string()))
}

/// The text of a file.
///
/// # Errors
/// As [`read`], and when it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, CliError> {
    let failed = |what: String| CliError::Failed(format!("{}: {what}", path.display()));
    let bytes = read(path)?;
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err(failed(
            "expected UTF-8, found UTF-16: save it as UTF-8".into(),
        ));
    }
    String::from_utf8(bytes).map_err(|e| failed(e.to_string()))
}

/// The folder that `path` stands in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether `path` is there and neither a file nor a folder: a device such as /dev/null, or a pipe.
pub fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Refuses a path that cannot become a file, before work is done for it. Leaves nothing behind.
///
/// # Errors
/// The path, and what is in the way.
pub fn check_writable(path: &Path) -> Result<(), CliError> {
    let failed = |what: String| CliError::Failed(format!("{}: {what}", path.display()));
    if path.is_dir() || path.file_name().is_none() {
        return Err(failed("expected the name of a file, found a folder".into()));
    }
    if is_device(path) {
        return Ok(());
    }
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    // The folders that are missing are made later, in the last one that is there.
    let folder = target
        .ancestors()
        .map(folder_of)
        .find(|folder| folder.exists())
        .unwrap_or(Path::new("."));
    let probe = folder.join(format!(".ddim-web-{}", std::process::id()));
    fs::File::create(&probe)
        .and_then(|_| fs::remove_file(&probe))
        .map_err(|e| failed(format!("cannot be written: {e}")))
}

/// Writes `bytes` under another name beside `path`, then renames: `path` is whole or untouched. What a link leads to
/// is replaced, not the link; a device or pipe is written to.
///
/// # Errors
/// The path, and what the system said.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let failed = |e: std::io::Error| CliError::Failed(format!("{}: {e}", path.display()));
    if is_device(path) {
        return fs::write(path, bytes).map_err(failed);
    }
    fs::create_dir_all(folder_of(path)).map_err(failed)?;
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let mut name = target
        .file_name()
        .ok_or_else(|| CliError::Failed(format!("{}: not a file name", path.display())))?
        .to_os_string();
    name.push(format!(".partial-{}", std::process::id()));
    let partial = target.with_file_name(name);
    let written = fs::File::create(&partial).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let renamed = written
        .and_then(|()| fs::rename(&partial, &target))
        .map_err(failed);
    if renamed.is_err() {
        // The first error is the one worth reporting.
        let _ = fs::remove_file(&partial);
    }
    renamed
}
