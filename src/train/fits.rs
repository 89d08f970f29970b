//! Whether a network can learn from a set of images.

use super::error::TrainError;
use super::labels::TrainingSet;
use crate::unet::config::UnetConfig;
use crate::unet::input;

/// Checks that `config` is a network for the images and classes of `set`, `batch` images at once.
///
/// # Errors
/// [`TrainError`] names the key, the size or the class that does not fit.
pub fn fits(config: &UnetConfig, set: &TrainingSet, batch: usize) -> Result<(), TrainError> {
    let [channels, height, width] = set.images.shape();
    let refuse = |field, expected: String, found: String| {
        Err(TrainError::Network {
            field,
            expected,
            found,
        })
    };
    for (field, found) in [
        ("in_channels", config.in_channels),
        ("out_channels", config.out_channels),
    ] {
        if found != channels {
            return refuse(
                field,
                format!("{channels}, as the images have"),
                found.to_string(),
            );
        }
    }
    if let Some(size) = config.sample_size.filter(|size| *size != [height, width]) {
        return refuse(
            "sample_size",
            format!("[{height}, {width}], as the images have"),
            format!("{size:?}"),
        );
    }
    match (config.num_class_embeds, &set.labels) {
        (None, None) => {}
        (Some(classes), Some(labels)) => labels.check(set.images.count(), classes)?,
        (Some(classes), None) => {
            return refuse(
                "num_class_embeds",
                "null, because the images have no labels".into(),
                classes.to_string(),
            );
        }
        (None, Some(_)) => {
            return refuse(
                "num_class_embeds",
                "a number of classes, because the images have labels".into(),
                "null".into(),
            );
        }
    }
    let labels = config.num_class_embeds.map(|_| vec![0; batch]);
    input::check(config, [batch, channels, height, width], labels.as_deref())?;
    Ok(input::check_timesteps(config, 1, &[0.0])?)
}
