//! Images from a folder: IDX files as MNIST has them, or pictures.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use ddim_web::images::{Collector, ImageSet, MAX_BYTES, MAX_SIDE};
use flate2::read::GzDecoder;
use image::imageops::FilterType;

use crate::args::background::Colour;
use crate::error::CliError;
use crate::files::decode::decode;
use crate::terminal::remark;

/// Sides of training images are multiples of this: every network of this program can halve them three times.
pub const MULTIPLE: usize = 8;
const IDX: &str = "train-images-idx3-ubyte";
const IDX_TEST: &str = "t10k-images-idx3-ubyte";
const PICTURES: [&str; 6] = ["png", "jpg", "jpeg", "jfif", "webp", "gif"];
/// Endings of pictures that this program cannot read.
const OTHERS: [&str; 10] = [
    "avif", "bmp", "heic", "heif", "ico", "jxl", "ppm", "svg", "tif", "tiff",
];
/// Names of unreadable pictures that are printed one by one.
const NAMED: usize = 10;

/// The images of a folder.
pub struct Dataset {
    /// Those that could be read.
    pub images: ImageSet,
    /// How many pictures could not.
    pub skipped: usize,
}

/// The training images of `folder`, square, with sides that are multiples of 8. `size` is the height and width to which
/// pictures are cut and scaled; without it that of the first one. Transparent parts are put on `background`. Remarks go
/// to standard error.
///
/// # Errors
/// The folder or file, and what is wrong with it.
pub fn read(folder: &Path, size: Option<u32>, background: Colour) -> Result<Dataset, CliError> {
    if !folder.is_dir() {
        return Err(CliError::Failed(format!(
            "{}: not a folder",
            folder.display()
        )));
    }
    let (source, set, skipped) = match idx(folder, IDX) {
        Some(path) => {
            let set = read_idx(&path)?;
            (path, set, 0)
        }
        None => {
            let (set, skipped) = read_pictures(folder, size, background)?;
            (folder.to_path_buf(), set, skipped)
        }
    };
    Ok(Dataset {
        images: finished(&source, set)?,
        skipped,
    })
}

/// The images of `folder` that no model is trained on (t10k-images-idx3-ubyte[.gz]), as [`read`] gives the others;
/// `None` where there is no such file.
///
/// # Errors
/// The file, and what is wrong with it.
pub fn read_test(folder: &Path) -> Result<Option<ImageSet>, CliError> {
    idx(folder, IDX_TEST)
        .map(|path| finished(&path, read_idx(&path)?))
        .transpose()
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

/// The file `name` or `name.gz` of `folder`.
fn idx(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.gz"))]
        .into_iter()
        .find(|path| path.is_file())
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

fn named(path: &Path, error: impl std::fmt::Display) -> CliError {
    CliError::Failed(format!("{}: {error}", path.display()))
}

fn read_idx(path: &Path) -> Result<ImageSet, CliError> {
    let file = fs::File::open(path).map_err(|e| named(path, e))?;
    let source: Box<dyn Read> = if path.extension().is_some_and(|e| e == "gz") {
        Box::new(GzDecoder::new(file))
    } else {
        Box::new(file)
    };
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to notice that there are too many.
    source
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| named(path, e))?;
    ImageSet::from_idx(bytes).map_err(|e| named(path, e))
}

/// The pictures of `folder`, and how many could not be read.
fn read_pictures(
    folder: &Path,
    size: Option<u32>,
    background: Colour,
) -> Result<(ImageSet, usize), CliError> {
    let paths = pictures_in(folder)?;
    if paths.is_empty() {
        return Err(named(
            folder,
            format!("no {IDX}[.gz] and no PNG, JPEG, WebP or GIF pictures in it"),
        ));
    }

    let mut target = size.map(|side| (side, side));
    let (mut collector, mut count, mut resized, mut unreadable) = (None, 0, 0, 0);
    let (mut turned, mut filled) = (0, 0);
    for path in &paths {
        let picture = match decode(path, background) {
            Ok(decoded) => {
                turned += usize::from(decoded.turned);
                filled += usize::from(decoded.filled);
                decoded.picture
            }
            Err(error) => {
                unreadable += 1;
                if unreadable <= NAMED {
                    remark(format_args!("{}: skipped: {error}", path.display()));
                }
                continue;
            }
        };
        let (width, height) = *target.get_or_insert((picture.width(), picture.height()));
        if width.max(height) as usize > MAX_SIDE {
            return Err(named(
                path,
                format!(
                    "expected at most {MAX_SIDE} pixels a side, found {height} × {width}: use --size"
                ),
            ));
        }
        let picture = if (picture.width(), picture.height()) == (width, height) {
            picture
        } else {
            resized += 1;
            picture.resize_to_fill(width, height, FilterType::CatmullRom)
        };
        let into = match &mut collector {
            Some(collector) => collector,
            // Before the others are read: it is known now what they take.
            None => collector.insert(
                Collector::new(paths.len(), height as usize, width as usize)
                    .map_err(|e| named(folder, format!("{e}: use --size")))?,
            ),
        };
        into.push(&picture.into_rgb8())
            .map_err(|e| named(folder, e))?;
        count += 1;
    }
    if unreadable > NAMED {
        remark(format_args!(
            "{}: {unreadable} pictures skipped in all",
            folder.display()
        ));
    }
    let Some((collector, (width, height))) = collector.zip(target) else {
        return Err(named(
            folder,
            format!("none of its {} pictures can be read", paths.len()),
        ));
    };
    for (changed, how) in [
        (turned, "turned as their EXIF data says".to_string()),
        (
            filled,
            format!("with transparent parts put on {background}"),
        ),
        (resized, format!("cut and scaled to {height} × {width}")),
    ] {
        if changed > 0 {
            let folder = folder.display();
            remark(format_args!(
                "{folder}: {changed} of {count} pictures {how}"
            ));
        }
    }
    let set = collector.finish().map_err(|e| named(folder, e))?;
    Ok((set, unreadable))
}

/// The pictures that stand in `folder` itself, sorted; says what else there is that somebody may have meant.
fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let (mut pictures, mut others, mut folders) = (Vec::new(), 0, 0);
    for entry in fs::read_dir(folder).map_err(|e| named(folder, e))? {
        let path = entry.map_err(|e| named(folder, e))?.path();
        let hidden = path
            .file_name()
            .is_some_and(|n| n.to_string_lossy().starts_with('.'));
        let ending = path
            .extension()
            .and_then(|e| e.to_str())
            .map(str::to_lowercase);
        let ends_in = |list: &[&str]| ending.as_deref().is_some_and(|e| list.contains(&e));
        if path.is_dir() {
            folders += usize::from(!hidden);
        } else if ends_in(&PICTURES) && path.is_file() {
            pictures.push(path);
        } else if ends_in(&OTHERS) {
            others += 1;
        }
    }
    pictures.sort();
    for (count, what) in [
        (
            others,
            "files of other picture formats are not read (PNG, JPEG, WebP and GIF are)",
        ),
        (folders, "folders inside, which are not looked into"),
    ] {
        if count > 0 {
            remark(format_args!("{}: {count} {what}", folder.display()));
        }
    }
    Ok(pictures)
}
