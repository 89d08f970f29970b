//! Pictures of a folder: which there are, and all of them as one set.

use std::fs;
use std::path::{Path, PathBuf};

use ddim_web::images::{Collector, ImageSet, MAX_SIDE};
use ddim_web::unet::labels::ClassLabels;

use super::dataset::{named, target};
use crate::args::background::Colour;
use crate::error::CliError;
use crate::files::decode::{Decoded, decode, fill};
use crate::terminal::remark;

const PICTURES: [&str; 6] = ["png", "jpg", "jpeg", "jfif", "webp", "gif"];
/// Endings of pictures that this program cannot read.
const OTHERS: [&str; 10] = [
    "avif", "bmp", "heic", "heif", "ico", "jxl", "ppm", "svg", "tif", "tiff",
];
/// Names of unreadable pictures that are printed one by one.
const NAMED: usize = 10;

/// Pictures that were read, out of those that were asked for.
pub struct FolderSet {
    /// The pictures.
    pub images: ImageSet,
    /// Which of those that were asked for they are: the others cannot be read.
    pub kept: Vec<usize>,
    /// How many were asked for.
    pub total: usize,
}

impl FolderSet {
    /// All that were asked for.
    pub fn whole(images: ImageSet) -> Self {
        let total = images.count();
        Self {
            images,
            kept: (0..total).collect(),
            total,
        }
    }
}

/// The pictures in `paths`, which stand in `folder` or in the folders in it, of a height and width as [`target`] says of
/// the first one.
///
/// # Errors
/// The folder or file, and what is wrong with it.
pub fn read(
    folder: &Path,
    paths: &[PathBuf],
    size: Option<u32>,
    background: Colour,
) -> Result<FolderSet, CliError> {
    let mut chosen = None;
    let (mut collector, mut kept, mut resized, mut unreadable) = (None, Vec::new(), 0, 0);
    let (mut turned, mut filled) = (0, 0);
    let mut skip = |path: &Path, error: String| {
        unreadable += 1;
        if unreadable <= NAMED {
            remark(format_args!("{}: skipped: {error}", path.display()));
        }
    };
    for (i, path) in paths.iter().enumerate() {
        let decoded = match decode(path, background) {
            Ok(decoded) => decoded,
            Err(error) => {
                skip(path, error);
                continue;
            }
        };
        let Decoded { picture, .. } = decoded;
        let [height, width] =
            *chosen.get_or_insert_with(|| target([picture.height(), picture.width()], size));
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
            match fill(&picture, width, height) {
                Ok(picture) => {
                    resized += 1;
                    picture
                }
                Err(error) => {
                    skip(path, error);
                    continue;
                }
            }
        };
        turned += usize::from(decoded.turned);
        filled += usize::from(decoded.filled);
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
        kept.push(i);
    }
    if unreadable > NAMED {
        remark(format_args!(
            "{}: {unreadable} pictures skipped in all",
            folder.display()
        ));
    }
    let count = kept.len();
    let Some((collector, [height, width])) = collector.zip(chosen) else {
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
    let images = collector.finish().map_err(|e| named(folder, e))?;
    Ok(FolderSet {
        images,
        kept,
        total: paths.len(),
    })
}

/// Refuses what is no folder.
///
/// # Errors
/// Its path.
pub fn check(folder: &Path) -> Result<(), CliError> {
    if folder.is_dir() {
        Ok(())
    } else {
        Err(named(folder, "not a folder"))
    }
}

/// The pictures that stand in `folder` itself, sorted; says what else there is that somebody may have meant.
///
/// # Errors
/// What the system said.
pub fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let Contents {
        pictures,
        folders,
        others,
    } = Contents::of(folder)?;
    say_others(folder, others);
    if !folders.is_empty() {
        remark(format_args!(
            "{}: {} folders inside, which are not looked into",
            folder.display(),
            folders.len()
        ));
    }
    Ok(pictures)
}

/// The pictures in the folders of a folder.
pub struct ByClass {
    /// The pictures, class by class.
    pub paths: Vec<PathBuf>,
    /// The class of each.
    pub labels: Vec<usize>,
    /// What the classes are called, from 0 on.
    pub names: Vec<String>,
}

/// The pictures in the folders of `folder`: a folder's name is the class of what stands in it. The classes are numbered
/// as the names are sorted, or as `known` says, whose network has as many classes as the number beside it.
///
/// # Errors
/// The folder that has no pictures, or whose name is no class.
pub fn by_class(folder: &Path, known: Option<(&ClassLabels, usize)>) -> Result<ByClass, CliError> {
    check(folder)?;
    let Contents {
        pictures, folders, ..
    } = Contents::of(folder)?;
    if folders.is_empty() {
        return Err(named(
            folder,
            "no folders in it, whose names would be the classes",
        ));
    }
    if !pictures.is_empty() {
        remark(format_args!(
            "{}: {} pictures outside of its folders have no class and are left out",
            folder.display(),
            pictures.len()
        ));
    }
    let (mut paths, mut labels, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for class in &folders {
        let name = class.file_name().unwrap_or_default().to_string_lossy();
        let label = match known {
            Some((known, classes)) => known.find(&name, classes).map_err(|e| named(class, e))?,
            None => names.len(),
        };
        let Contents {
            pictures, others, ..
        } = Contents::of(class)?;
        say_others(class, others);
        if pictures.is_empty() {
            return Err(named(
                class,
                "no PNG, JPEG, WebP or GIF pictures of this class in it",
            ));
        }
        labels.extend(std::iter::repeat_n(label, pictures.len()));
        paths.extend(pictures);
        names.push(name.into_owned());
    }
    Ok(ByClass {
        paths,
        labels,
        names,
    })
}

/// What stands in a folder, each list sorted; nothing that is hidden.
struct Contents {
    pictures: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    /// Pictures of formats that are not read.
    others: usize,
}

impl Contents {
    fn of(folder: &Path) -> Result<Self, CliError> {
        let (mut pictures, mut others, mut folders) = (Vec::new(), 0, Vec::new());
        for entry in fs::read_dir(folder).map_err(|e| named(folder, e))? {
            let path = entry.map_err(|e| named(folder, e))?.path();
            let hidden = path
                .file_name()
                .is_some_and(|n| n.to_string_lossy().starts_with('.'));
            if hidden {
                continue;
            }
            let ending = path
                .extension()
                .and_then(|e| e.to_str())
                .map(str::to_lowercase);
            let ends_in = |list: &[&str]| ending.as_deref().is_some_and(|e| list.contains(&e));
            if path.is_dir() {
                folders.push(path);
            } else if ends_in(&PICTURES) && path.is_file() {
                pictures.push(path);
            } else if ends_in(&OTHERS) {
                others += 1;
            }
        }
        pictures.sort();
        folders.sort();
        Ok(Self {
            pictures,
            folders,
            others,
        })
    }
}

fn say_others(folder: &Path, others: usize) {
    if others > 0 {
        remark(format_args!(
            "{}: {others} files of other picture formats are not read (PNG, JPEG, WebP and GIF are)",
            folder.display()
        ));
    }
}
