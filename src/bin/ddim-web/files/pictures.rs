//! Single pictures, made to fit a model.

use std::path::{Path, PathBuf};

use ddim_web::images::ImageSet;

use crate::args::background::Colour;
use crate::error::CliError;
use crate::files::dataset::{MULTIPLE, padded_side};
use crate::files::decode::{Decoded, decode, fill};
use crate::terminal::remark;

/// The pictures that could be read.
pub struct Pictures {
    /// The files' names, without their folders.
    pub names: Vec<String>,
    /// `[B, C, H, W]`, -1…1.
    pub values: Vec<f32>,
    /// How many could not be read.
    pub skipped: usize,
}

impl Pictures {
    /// Reads `paths` as images of `shape` `[C, H, W]`. Pictures of another size or with another number of
    /// channels are changed, transparent parts put on `background`, unreadable ones left out; all of it is said on
    /// standard error.
    ///
    /// # Errors
    /// [`CliError::Failed`] when no picture can be read, or the model has neither 1 nor 3 channels.
    pub fn read(
        paths: &[PathBuf],
        shape: [usize; 3],
        background: Colour,
    ) -> Result<Self, CliError> {
        if shape[0] != 1 && shape[0] != 3 {
            return Err(CliError::Failed(format!(
                "in_channels: pictures need a model with 1 or 3, found {}",
                shape[0]
            )));
        }
        let mut pictures = Self {
            names: Vec::new(),
            values: Vec::new(),
            skipped: 0,
        };
        for path in paths {
            let decoded = decode(path, background);
            match decoded.and_then(|decoded| fitting(path, decoded, shape, background)) {
                Ok(values) => {
                    pictures.values.extend(values);
                    let name = path.file_name().unwrap_or(path.as_os_str());
                    pictures.names.push(name.to_string_lossy().into_owned());
                }
                Err(error) => {
                    remark(format_args!("{}: skipped: {error}", path.display()));
                    pictures.skipped += 1;
                }
            }
        }
        if pictures.names.is_empty() {
            return Err(CliError::Failed(format!(
                "none of the {} pictures can be read",
                paths.len()
            )));
        }
        Ok(pictures)
    }
}

/// `picture` as an image of `shape` `[C, H, W]`, -1…1. What training images get where that gives the right size
/// (black around them, up to a multiple of 8), cut and scaled otherwise.
fn fitting(
    path: &Path,
    decoded: Decoded,
    shape: [usize; 3],
    background: Colour,
) -> Result<Vec<f32>, String> {
    let picture = decoded.picture;
    let [channels, height, width] = shape;
    let found = [picture.height() as usize, picture.width() as usize];
    let padded = padded_side(found);
    let mut changes = Vec::new();
    if decoded.turned {
        changes.push("turned as its EXIF data says".to_string());
    }
    if decoded.filled {
        changes.push(format!("transparent parts put on {background}"));
    }
    let colour = picture.color().has_color();
    if colour && channels == 1 {
        changes.push("colour made grey".to_string());
    } else if !colour && channels == 3 {
        changes.push("grey made colour".to_string());
    }
    let picture = if found == [height, width] {
        picture
    } else if [padded, padded] == [height, width] {
        changes.push(format!(
            "{} × {} padded with black to {height} × {width}",
            found[0], found[1]
        ));
        picture
    } else {
        changes.push(format!(
            "{} × {} cut and scaled to {height} × {width}",
            found[0], found[1]
        ));
        fill(&picture, width as u32, height as u32)?
    };
    if !changes.is_empty() {
        remark(format_args!("{}: {}", path.display(), changes.join(", ")));
    }
    let (rows, columns) = (picture.height() as usize, picture.width() as usize);
    let pixels = if channels == 1 {
        picture.into_luma8().into_raw()
    } else {
        let interleaved = picture.into_rgb8();
        let plane = |c: usize| interleaved.iter().skip(c).step_by(3).copied();
        (0..3).flat_map(plane).collect()
    };
    let set = ImageSet::new(1, channels, rows, columns, pixels).map_err(|e| e.to_string())?;
    let set = if [rows, columns] == [height, width] {
        set
    } else {
        set.padded(MULTIPLE).map_err(|e| e.to_string())?
    };
    Ok(set.scaled(&[0]))
}
