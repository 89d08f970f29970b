//! Whether a network can learn from a set of images.

use super::error::TrainError;
use crate::images::ImageSet;
use crate::unet::config::UnetConfig;
use crate::unet::input;

/// Checks that `config` is an unconditional network for `images`, `batch` at once.
///
/// # Errors
/// [`TrainError`] names the key, or the size, that does not fit.
pub fn fits(config: &UnetConfig, images: &ImageSet, batch: usize) -> Result<(), TrainError> {
    let [channels, height, width] = images.shape();
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
    if let Some(classes) = config.num_class_embeds {
        return refuse(
            "num_class_embeds",
            "null, because training is without classes".into(),
            classes.to_string(),
        );
    }
    input::check(config, [batch, channels, height, width], None)?;
    Ok(input::check_timesteps(config, 1, &[0.0])?)
}
