//! Files: model folders, tensors, and writing without leaving half a file behind.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::cli::CliError;

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
    String::from_utf8(read(path)?).map_err(|e| CliError::Failed(format!("{}: {e}", path.display())))
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

/// Reads the tensor `sample` `[B, C, H, W]` (f32) of a `.safetensors` file: at least one image of finite numbers.
///
/// # Errors
/// The path, what was expected and what was found.
pub fn read_sample(path: &Path) -> Result<([usize; 4], Vec<f32>), CliError> {
    let failed = |what: String| CliError::Failed(format!("{}: {what}", path.display()));
    let bytes = read(path)?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|e| failed(format!("expected a .safetensors file: {e}")))?;
    let view = file.tensor("sample").map_err(|_| {
        failed(format!(
            "expected a tensor named sample, found {:?}",
            file.names()
        ))
    })?;
    let shape: [usize; 4] = view.shape().try_into().map_err(|_| {
        failed(format!(
            "sample: expected [batch, channels, height, width], found {:?}",
            view.shape()
        ))
    })?;
    if view.dtype() != Dtype::F32 {
        return Err(failed(format!(
            "sample: expected F32, found {:?}",
            view.dtype()
        )));
    }
    if shape.contains(&0) {
        return Err(failed(format!(
            "sample: expected at least one image, found {shape:?}"
        )));
    }
    let values: Vec<f32> = view
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    match values.iter().find(|v| !v.is_finite()) {
        Some(value) => Err(failed(format!(
            "sample: expected finite numbers, found {value}"
        ))),
        None => Ok((shape, values)),
    }
}

/// Writes `values` as the tensor `sample` of a `.safetensors` file.
///
/// # Errors
/// The path, and what the system said.
pub fn write_sample(path: &Path, shape: [usize; 4], values: &[f32]) -> Result<(), CliError> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, shape.to_vec(), &bytes).map_err(CliError::failed)?;
    let file = safetensors::serialize([("sample", view)], None).map_err(CliError::failed)?;
    write_atomically(path, &file)
}
