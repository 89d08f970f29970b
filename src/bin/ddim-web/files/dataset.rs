//! Images from a folder: IDX files as MNIST has them, or pictures; with their classes, where somebody says where those
//! stand.

use std::path::{Path, PathBuf};

use ddim_web::images::ImageSet;
use ddim_web::unet::labels::ClassLabels;

use super::folder::{self, FolderSet};
use super::idx;
use crate::args::background::Colour;
use crate::args::labels::LabelSource;
use crate::error::CliError;
use crate::terminal::remark;

/// Sides of training images are multiples of this: every network of this program can halve them three times.
pub const MULTIPLE: usize = 8;

/// The images of a folder.
pub struct Dataset {
    /// Those that could be read.
    pub images: ImageSet,
    /// How many pictures could not.
    pub skipped: usize,
}

/// The training images of `folder`, square, with sides that are multiples of 8. `size` is their height and width, which
/// they are given as [`target`] says; without it those of the first one. Transparent parts are put on `background`.
/// Remarks go to standard error.
///
/// # Errors
/// The folder or file, and what is wrong with it.
pub fn read(folder: &Path, size: Option<u32>, background: Colour) -> Result<Dataset, CliError> {
    let (source, set) = unlabelled(folder, size, background)?;
    Ok(Dataset {
        images: finished(&source, set.images)?,
        skipped: set.total - set.kept.len(),
    })
}

/// Images, each of a class.
pub struct Labelled {
    /// The images.
    pub images: ImageSet,
    /// The class of each.
    pub labels: Vec<usize>,
    /// What the classes are called, from 0 on.
    pub names: Vec<String>,
}

/// As [`read`], with the class of every image from `source`. Folders are called as `known` says, whose network has as
/// many classes as the number beside it.
///
/// # Errors
/// As for [`read`]; the label file, or the folder whose name is no class or that has no pictures.
pub fn read_labelled(
    folder: &Path,
    size: Option<u32>,
    background: Colour,
    source: &LabelSource,
    known: Option<(&ClassLabels, usize)>,
) -> Result<Labelled, CliError> {
    let (place, set, labels, names) = match source {
        LabelSource::Folders => {
            let found = folder::by_class(folder, known)?;
            let set = folder::read(folder, &found.paths, size, background)?;
            (folder.to_path_buf(), set, found.labels, found.names)
        }
        LabelSource::File(path) => {
            let labels = idx::read_labels(path)?;
            let (place, set) = unlabelled(folder, size, background)?;
            if labels.len() != set.total {
                return Err(named(
                    path,
                    format!(
                        "expected labels of the {} images of {}, found {}",
                        set.total,
                        place.display(),
                        labels.len()
                    ),
                ));
            }
            let classes = labels.iter().max().map_or(0, |last| usize::from(*last) + 1);
            let names = (0..classes).map(|class| class.to_string()).collect();
            let labels = labels.into_iter().map(usize::from).collect();
            (place, set, labels, names)
        }
    };
    Ok(Labelled {
        labels: set.kept.iter().map(|i| labels[*i]).collect(),
        images: finished(&place, set.images)?,
        names,
    })
}

/// The images of `folder` as they are, and the file or folder that they stand in.
fn unlabelled(
    folder: &Path,
    size: Option<u32>,
    background: Colour,
) -> Result<(PathBuf, FolderSet), CliError> {
    folder::check(folder)?;
    if let Some(path) = idx::train(folder) {
        let images = idx::read(&path, size)?;
        return Ok((path, FolderSet::whole(images)));
    }
    let paths = folder::pictures_in(folder)?;
    if paths.is_empty() {
        return Err(named(
            folder,
            format!(
                "no {}[.gz] and no PNG, JPEG, WebP or GIF pictures in it",
                idx::TRAIN
            ),
        ));
    }
    let set = folder::read(folder, &paths, size, background)?;
    Ok((folder.to_path_buf(), set))
}

/// The images of `folder` that no model is trained on (t10k-images-idx3-ubyte[.gz]), as [`read`] gives the others;
/// `None` where there is no such file.
///
/// # Errors
/// The file, and what is wrong with it.
pub fn read_test(folder: &Path, size: Option<u32>) -> Result<Option<ImageSet>, CliError> {
    idx::test(folder)
        .map(|path| finished(&path, idx::read(&path, size)?))
        .transpose()
}

/// To which `[height, width]` images of the size `found` are cut and scaled for a `size` that somebody asked for. They
/// stay as they are where there is none, or where black around them, up to a multiple of 8, makes them as large.
pub(super) fn target(found: [u32; 2], size: Option<u32>) -> [u32; 2] {
    let padded = padded_side(found.map(|side| side as usize));
    size.filter(|side| *side as usize != padded)
        .map_or(found, |side| [side; 2])
}

/// The side of the square that images of `[height, width]` `found` become with black around them.
pub(super) fn padded_side(found: [usize; 2]) -> usize {
    found[0].max(found[1]).next_multiple_of(MULTIPLE)
}

/// `set`, which was read from `folder`, with as many channels as images of `shape` `[C, H, W]` have; says so where that
/// changes them.
///
/// # Errors
/// [`CliError::Failed`] when the images have another size.
pub fn fitted(set: ImageSet, folder: &Path, shape: [usize; 3]) -> Result<ImageSet, CliError> {
    let set = match (set.shape()[0], shape[0]) {
        (1, 3) => {
            remark(format_args!("{}: grey made colour", folder.display()));
            set.with_channels(3).map_err(|e| named(folder, e))?
        }
        (3, 1) => {
            remark(format_args!("{}: colour made grey", folder.display()));
            set.with_channels(1).map_err(|e| named(folder, e))?
        }
        _ => set,
    };
    if set.shape() == shape {
        Ok(set)
    } else {
        Err(named(
            folder,
            format!(
                "expected images {shape:?} (channels, height, width) as the model's, found {:?}",
                set.shape()
            ),
        ))
    }
}

/// Pads the images of `source` and says what they are.
fn finished(source: &Path, set: ImageSet) -> Result<ImageSet, CliError> {
    let [channels, height, width] = set.shape();
    let set = set.padded(MULTIPLE).map_err(|e| named(source, e))?;
    let [_, side, _] = set.shape();
    let padded = if [height, width] == [side, side] {
        String::new()
    } else {
        format!(", padded to {side} × {side}")
    };
    let colour = if channels == 1 { "grey" } else { "colour" };
    remark(format_args!(
        "{}: {} {colour} images of {height} × {width}{padded}",
        source.display(),
        set.count()
    ));
    Ok(set)
}

pub(super) fn named(path: &Path, error: impl std::fmt::Display) -> CliError {
    CliError::Failed(format!("{}: {error}", path.display()))
}
