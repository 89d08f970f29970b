//! Whole files: read to the end, written whole or not at all.

use std::ffi::OsStr;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::CliError;

/// All bytes of a file. Not of a device or pipe, which may have no end, or nothing to read for ever.
///
/// # Errors
/// The path, and what the system said.
pub fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    bytes(path).map_err(|what| CliError::Failed(format!("{}: {what}", path.display())))
}

/// As [`read`], for whoever names the file otherwise.
///
/// # Errors
/// What the system said.
pub fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    if is_device(path) {
        return Err("expected a file, found a device or pipe".into());
    }
    fs::read(path).map_err(|e| e.to_string())
}

/// The text of a file.
///
/// # Errors
/// As [`read`], and when it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, CliError> {
    let bytes = read(path)?;
    text_of(&bytes)
        .map(Into::into)
        .map_err(|what| CliError::Failed(format!("{}: {what}", path.display())))
}

/// The text that `bytes` are.
///
/// # Errors
/// What they are instead of UTF-8.
pub fn text_of(bytes: &[u8]) -> Result<&str, String> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err("expected UTF-8, found UTF-16: save it as UTF-8".into());
    }
    std::str::from_utf8(bytes).map_err(|e| e.to_string())
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
    let target = end_of_links(path).map_err(|e| failed(e.to_string()))?;
    // The folders that are missing are made later, in the last one that is there.
    let folder = target
        .ancestors()
        .map(folder_of)
        .find(|folder| folder.exists())
        .unwrap_or(Path::new("."));
    let probe = folder.join(format!(".ddim-web-{:016x}", random()));
    fs::File::create_new(&probe)
        .and_then(|_| fs::remove_file(&probe))
        .map_err(|e| failed(format!("cannot be written: {e}")))
}

/// Writes `bytes` under another name beside `path`, then renames: `path` is whole or untouched, and keeps its
/// permissions. What a link leads to is replaced, not the link; a device or pipe is written to.
///
/// # Errors
/// The path, and what the system said.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let failed = |e: io::Error| CliError::Failed(format!("{}: {e}", path.display()));
    if is_device(path) {
        return fs::write(path, bytes).map_err(failed);
    }
    let target = end_of_links(path).map_err(failed)?;
    let folder = folder_of(&target);
    fs::create_dir_all(folder).map_err(failed)?;
    let name = target
        .file_name()
        .ok_or_else(|| CliError::Failed(format!("{}: not a file name", path.display())))?;
    let mut prefix = name.to_os_string();
    prefix.push(PARTIAL);
    sweep(folder, &prefix);
    let mut partial = prefix;
    partial.push(format!("{}-{:016x}", std::process::id(), random()));
    let partial = target.with_file_name(partial);
    let renamed = write_new(&partial, bytes, &target)
        .and_then(|()| fs::rename(&partial, &target))
        .map_err(failed);
    if renamed.is_err() {
        // The first error is the one worth reporting.
        let _ = fs::remove_file(&partial);
    } else if let Ok(folder) = fs::File::open(folder) {
        // So that the new name outlives a power cut; where a folder cannot be synced, nothing is lost by it.
        let _ = folder.sync_all();
    }
    renamed
}

/// Stands between a file's name and what makes the name of its unfinished version unique.
pub(super) const PARTIAL: &str = ".partial-";

/// How old an unfinished file is when nobody can be writing it any more.
pub(super) const ABANDONED: Duration = Duration::from_secs(3600);

/// `bytes` in a file that nobody else has, with the permissions of `like` where that is there.
fn write_new(path: &Path, bytes: &[u8], like: &Path) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    if let Ok(like) = fs::metadata(like) {
        file.set_permissions(like.permissions())?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

/// Where the links that begin at `path` end, whether or not there is a file.
fn end_of_links(path: &Path) -> io::Result<PathBuf> {
    /// As many as Linux follows.
    const MOST: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..MOST {
        match fs::read_link(&path) {
            Ok(next) => path = folder_of(&path).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}

/// Removes what a killed run left of a file whose unfinished versions begin with `prefix`.
fn sweep(folder: &Path, prefix: &OsStr) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let prefix = prefix.as_encoded_bytes();
    for entry in entries.flatten() {
        let is_ours = entry.file_name().as_encoded_bytes().starts_with(prefix);
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if is_ours && age().is_some_and(|age| age > ABANDONED) {
            // Somebody else may have done it, or may not want it done.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A number that nobody can foresee: the keys of the standard library's hash maps are random.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0)
}
