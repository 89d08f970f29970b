//! What a network needs of a computer, told by its `config.json` alone.

use super::ModelError;
use crate::engine::plan::{Footprint, Plan};
use crate::unet::config::UnetConfig;

/// What one picture at a time takes.
///
/// ```
/// use ddim_web::model_files::Needs;
///
/// let needs = Needs::of(
///     r#"{"sample_size": 32, "in_channels": 3, "out_channels": 3, "block_out_channels": [32, 64],
///         "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
///         "up_block_types": ["AttnUpBlock2D", "UpBlock2D"]}"#,
/// )?;
/// let [in_32_bits, in_16_bits] = needs.card;
/// assert_eq!(in_32_bits.most(), 2 * in_16_bits.most());
/// # Ok::<(), ddim_web::model_files::ModelError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Trained numbers.
    pub parameters: usize,
    /// Multiply-adds of one step of one picture.
    pub multiply_adds: u64,
    /// Memory on the processor, with weights of 32 bits and of 16 in their file.
    pub processor: [Footprint; 2],
    /// Memory on the graphics card, with numbers of 32 bits and of 16.
    pub card: [Footprint; 2],
    /// Channels, height and width of a picture; `None` where `config.json` does not say how large pictures are.
    pub picture: Option<[usize; 3]>,
    /// Classes of a conditional network.
    pub classes: Option<usize>,
}

impl Needs {
    /// Those of the network of `config`, the text of its `config.json`, at its own size, or the smallest it takes.
    ///
    /// # Errors
    /// [`ModelError::Config`] and [`ModelError::Network`].
    pub fn of(config: &str) -> Result<Self, ModelError> {
        let config = UnetConfig::from_json(config)?;
        let size = config.sample_size.unwrap_or(config.smallest_size());
        let plan = Plan::new(&config, size).map_err(ModelError::Network)?;
        let picture = |[height, width]: [usize; 2]| [config.out_channels, height, width];
        Ok(Self {
            parameters: plan.parameters(),
            multiply_adds: plan.multiply_adds(),
            processor: [4, 2].map(|bytes| plan.on_processor(bytes)),
            card: [4, 2].map(|bytes| plan.on_card(bytes)),
            picture: config.sample_size.map(picture),
            classes: config.num_class_embeds,
        })
    }
}
