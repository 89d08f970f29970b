//! What the network can run on: checked before anything is allocated.

use super::config::{BlockKind, TimeEmbedding, UnetConfig};

/// Most numbers in one tensor of a forward pass: 512 MiB of f32. More would end a browser's
/// module, whose memory is 4 GiB, without a word.
pub const MAX_NUMBERS: usize = 1 << 27;

/// Why the network cannot run on an input.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The values do not fill the shape.
    #[error(
        "input: expected [batch, channels, height, width] = {shape:?} = {expected} values, found {found}"
    )]
    Length {
        /// The shape.
        shape: [usize; 4],
        /// Its product.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// The shape is not one that the network takes.
    #[error(
        "input: expected [batch, {channels}, height, width] with a batch of 1 or more, found {found:?}"
    )]
    Shape {
        /// Channels of the network's input.
        channels: usize,
        /// The shape given.
        found: [usize; 4],
    },
    /// The network does not say something of every channel of its input, so nothing is known that it could learn.
    #[error("out_channels: training needs as many as in_channels ({expected}), found {found}")]
    OutChannels {
        /// `in_channels`.
        expected: usize,
        /// `out_channels`.
        found: usize,
    },
    /// A value is NaN or infinite.
    #[error("input: expected finite numbers, found NaN or an infinity")]
    NotFinite,
    /// A side cannot be halved as often as the network does.
    #[error(
        "input: height and width must be multiples of {factor} for this network, found {height}×{width}"
    )]
    Side {
        /// 2 to the number of halvings.
        factor: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// A tensor on the way would be absurdly large.
    #[error(
        "batch or size too large: {what} of [batch, channels, height, width] = {shape:?} would have more than {MAX_NUMBERS} numbers"
    )]
    TooLarge {
        /// Which tensor.
        what: &'static str,
        /// The shape of the input.
        shape: [usize; 4],
    },
    /// The time step is not a number that the embedding can take.
    #[error("t: expected {expected}, found {found}")]
    Timestep {
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: f32,
    },
    /// There must be one time step per image.
    #[error("t: expected one for each of {expected} images, found {found}")]
    Timesteps {
        /// Images.
        expected: usize,
        /// Time steps.
        found: usize,
    },
    /// A conditional model needs one class per image, an unconditional one none.
    #[error("class labels: expected {expected}, found {found}")]
    Labels {
        /// What they should be.
        expected: String,
        /// What they are.
        found: String,
    },
}

/// Checks that the network of `config` can be trained: whether it is the noise, the picture or both, what it is to say
/// has the channels of the picture.
///
/// # Errors
/// [`InputError::OutChannels`].
pub fn check_trainable(config: &UnetConfig) -> Result<(), InputError> {
    let (expected, found) = (config.in_channels, config.out_channels);
    if expected == found {
        Ok(())
    } else {
        Err(InputError::OutChannels { expected, found })
    }
}

/// Checks that the network of `config` can run on images of `shape` `[batch, channels, height, width]`,
/// with one class per image where the model has classes.
///
/// # Errors
/// [`InputError`] names what does not fit.
pub fn check(
    config: &UnetConfig,
    shape: [usize; 4],
    labels: Option<&[usize]>,
) -> Result<(), InputError> {
    let [batch, channels, height, width] = shape;
    if batch == 0 || channels != config.in_channels {
        return Err(InputError::Shape {
            channels: config.in_channels,
            found: shape,
        });
    }
    let levels = config.block_out_channels.len();
    let factor = 1 << (levels - 1);
    if height == 0 || width == 0 || height % factor != 0 || width % factor != 0 {
        return Err(InputError::Side {
            factor,
            height,
            width,
        });
    }
    let fits = |what, sides: &[usize]| {
        let product = sides
            .iter()
            .try_fold(1usize, |n, side| n.checked_mul(*side));
        match product {
            Some(numbers) if numbers <= MAX_NUMBERS => Ok(()),
            _ => Err(InputError::TooLarge { what, shape }),
        }
    };
    fits("the input", &shape)?;
    fits("the output", &[batch, config.out_channels, height, width])?;
    for (level, &features) in config.block_out_channels.iter().enumerate() {
        let (rows, columns) = (height >> level, width >> level);
        fits("a feature map", &[batch, features, rows, columns])?;
        let attends = config.down_blocks[level] == BlockKind::Attention
            || config.up_blocks[levels - 1 - level] == BlockKind::Attention
            || (level + 1 == levels && config.mid_block && config.add_attention);
        if attends {
            let heads = features / config.attention_head_dim.unwrap_or(features);
            fits(
                "the attention scores",
                &[batch, heads, rows, columns, rows, columns],
            )?;
        }
    }
    check_labels(config, batch, labels)
}

/// Checks that `found` values fill `shape`.
///
/// # Errors
/// [`InputError::Length`] says how many it takes.
pub fn check_length(shape: [usize; 4], found: usize) -> Result<(), InputError> {
    let expected = shape.into_iter().fold(1, usize::saturating_mul);
    if found == expected {
        Ok(())
    } else {
        Err(InputError::Length {
            shape,
            expected,
            found,
        })
    }
}

/// Checks that the network of `config` can be asked about `timesteps`, one for each of `batch` images.
///
/// # Errors
/// [`InputError::Timestep`] for the first that does not fit, [`InputError::Timesteps`] for their number.
pub fn check_timesteps(
    config: &UnetConfig,
    batch: usize,
    timesteps: &[f32],
) -> Result<(), InputError> {
    if timesteps.len() != batch {
        return Err(InputError::Timesteps {
            expected: batch,
            found: timesteps.len(),
        });
    }
    let (smallest, expected) = match config.time_embedding {
        TimeEmbedding::Positional { .. } => (f32::MIN, "a finite number"),
        TimeEmbedding::Fourier => (
            f32::MIN_POSITIVE,
            "a number above 0, because this network reads its logarithm",
        ),
    };
    match timesteps.iter().find(|t| !t.is_finite() || **t < smallest) {
        Some(t) => Err(InputError::Timestep {
            expected,
            found: *t,
        }),
        None => Ok(()),
    }
}

fn check_labels(
    config: &UnetConfig,
    batch: usize,
    labels: Option<&[usize]>,
) -> Result<(), InputError> {
    match (config.num_class_embeds, labels) {
        (None, None) => Ok(()),
        (Some(classes), Some(labels))
            if labels.len() == batch && labels.iter().all(|label| *label < classes) =>
        {
            Ok(())
        }
        (classes, labels) => Err(InputError::Labels {
            expected: match classes {
                Some(classes) => format!("{batch} from 0 to {}, one per image", classes - 1),
                None => "none, because this network is unconditional".into(),
            },
            found: labels.map_or("none".into(), |l| format!("{l:?}")),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_no_browser_holds_is_refused() {
        let config = r#"{
            "sample_size": 8, "in_channels": 1, "out_channels": 64, "norm_num_groups": 1, "layers_per_block": 1,
            "block_out_channels": [4], "down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"],
            "add_attention": false
        }"#;
        let config = UnetConfig::from_json(config).unwrap();
        assert_eq!(check(&config, [2, 1, 1024, 1024], None), Ok(()));
        // 2^32 numbers, which 32 bits count as none.
        let refused = check(&config, [64, 1, 1024, 1024], None);
        let expected = InputError::TooLarge {
            what: "the output",
            shape: [64, 1, 1024, 1024],
        };
        assert_eq!(refused, Err(expected));
    }
}
