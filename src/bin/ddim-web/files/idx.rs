//! Images and labels of IDX files, as MNIST has them.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use ddim_web::images::{Collector, ImageSet, MAX_BYTES, labels_from_idx};
use flate2::read::GzDecoder;
use image::imageops::FilterType;
use image::{DynamicImage, GrayImage, Luma};

use super::dataset::{named, target};
use crate::error::CliError;
use crate::files::whole::is_device;
use crate::terminal::remark;

/// The name of the training images.
pub const TRAIN: &str = "train-images-idx3-ubyte";
const TEST: &str = "t10k-images-idx3-ubyte";

/// The file of the training images of `folder`.
pub fn train(folder: &Path) -> Option<PathBuf> {
    find(folder, TRAIN)
}

/// The file of the images of `folder` that no model is trained on.
pub fn test(folder: &Path) -> Option<PathBuf> {
    find(folder, TEST)
}

/// The file `name` or `name.gz` of `folder`.
fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    [folder.join(name), folder.join(format!("{name}.gz"))]
        .into_iter()
        .find(|path| path.is_file())
}

/// The images of the file at `path`, of a height and width as [`target`] says; says so where that changes them.
///
/// # Errors
/// The file, and what is wrong with it; or that images of `size` are too large.
pub fn read(path: &Path, size: Option<u32>) -> Result<ImageSet, CliError> {
    let images = ImageSet::from_idx(bytes(path)?).map_err(|e| named(path, e))?;
    // Not above MAX_SIDE.
    let found = [1, 2].map(|axis| images.shape()[axis] as u32);
    let [height, width] = target(found, size);
    if [height, width] == found {
        return Ok(images);
    }
    let mut collector = Collector::new(images.count(), height as usize, width as usize)
        .map_err(|e| named(path, e))?;
    for i in 0..images.count() {
        let pixels = images.image(i);
        let image = GrayImage::from_fn(found[1], found[0], |x, y| {
            Luma([pixels[(y * found[1] + x) as usize]])
        });
        let image = DynamicImage::from(image).resize_to_fill(width, height, FilterType::CatmullRom);
        collector
            .push(&image.into_rgb8())
            .map_err(|e| named(path, e))?;
    }
    remark(format_args!(
        "{}: images cut and scaled from {} × {} to {height} × {width}",
        path.display(),
        found[0],
        found[1]
    ));
    collector.finish().map_err(|e| named(path, e))
}

/// The labels of the file at `path`.
///
/// # Errors
/// The file, and what is wrong with it.
pub fn read_labels(path: &Path) -> Result<Vec<u8>, CliError> {
    labels_from_idx(&bytes(path)?).map_err(|e| named(path, e))
}

/// The bytes of an IDX file, unpacked where it is packed.
fn bytes(path: &Path) -> Result<Vec<u8>, CliError> {
    if is_device(path) {
        return Err(named(path, "expected a file, found a device or pipe"));
    }
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
    Ok(bytes)
}
