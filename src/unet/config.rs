//! The configuration of a UNet: diffusers' `config.json` of `UNet2DModel`, read as it is.
//!
//! The only place that knows that JSON. [`UnetConfig::from_json`] checks every field, so that
//! building a network from a `UnetConfig` cannot fail.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{self, FieldError, Fields};

/// Why a `config.json` was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The text is not a JSON object.
    #[error("config.json: not a JSON object: {0}")]
    Json(String),
    /// A field has a value that the network cannot be built from.
    #[error("config.json: {0}")]
    Field(#[from] FieldError),
}

/// One level of the encoder or the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// Residual blocks, resampled by a convolution: `DownBlock2D`, `UpBlock2D`.
    Plain,
    /// Residual blocks, each followed by attention: `AttnDownBlock2D`, `AttnUpBlock2D`.
    Attention,
    /// Residual blocks, resampled by a residual block: `ResnetDownsampleBlock2D`, `ResnetUpsampleBlock2D`.
    Resnet,
}

impl BlockKind {
    /// What changes the resolution after a level of this kind; the last level keeps it.
    pub(crate) fn resampling(
        self,
        of_attention_levels: ResampleKind,
        last: bool,
    ) -> Option<ResampleKind> {
        (!last).then_some(match self {
            Self::Plain => ResampleKind::Conv,
            Self::Attention => of_attention_levels,
            Self::Resnet => ResampleKind::Resnet,
        })
    }
}

/// How an attention level changes resolution (`downsample_type`, `upsample_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResampleKind {
    /// A strided convolution down, nearest neighbour and a convolution up.
    Conv,
    /// A residual block with average pooling down, nearest neighbour up.
    Resnet,
}

/// The nonlinearity of the residual blocks (`act_fn`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x·sigmoid(x)`, also written `swish`.
    Silu,
    /// `x·tanh(softplus(x))`.
    Mish,
    /// `x·Φ(x)` with the exact error function.
    Gelu,
    /// `max(x, 0)`.
    Relu,
}

/// How the time step becomes a vector (`time_embedding_type`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TimeEmbedding {
    /// Sinusoids, as in DDPM: diffusers' `Timesteps`.
    Positional {
        /// Cosines first when set.
        flip_sin_to_cos: bool,
        /// Subtracted from the number of frequencies in the exponent's denominator.
        freq_shift: f64,
    },
    /// Random Fourier features of `ln t`: diffusers' `GaussianFourierProjection`. The network's output is divided by `t`.
    Fourier,
}

/// How the time embedding enters a residual block (`resnet_time_scale_shift`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeInjection {
    /// Added before the second normalisation (`default`).
    Add,
    /// Scales and shifts what the second normalisation gives (`scale_shift`).
    ScaleShift,
}

/// A checked `UNet2DModel` configuration. Field names are diffusers' own.
///
/// ```
/// use ddim_web::unet::config::UnetConfig;
///
/// let config = UnetConfig::from_json(
///     r#"{"sample_size": 32, "in_channels": 3, "out_channels": 3, "block_out_channels": [32, 64],
///         "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
///         "up_block_types": ["AttnUpBlock2D", "UpBlock2D"]}"#,
/// )?;
/// assert_eq!(config.sample_size, Some([32, 32]));
/// # Ok::<(), ddim_web::unet::config::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct UnetConfig {
    /// Height and width of the images the model was trained on, where the file says so.
    pub sample_size: Option<[usize; 2]>,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Whether the input is mapped from [0, 1] to [-1, 1] first.
    pub center_input_sample: bool,
    /// How the time step becomes a vector.
    pub time_embedding: TimeEmbedding,
    /// Width of the time embedding.
    pub time_embed_dim: usize,
    /// The encoder's levels, finest first.
    pub down_blocks: Vec<BlockKind>,
    /// Whether there is a `UNetMidBlock2D`.
    pub mid_block: bool,
    /// The decoder's levels, coarsest first.
    pub up_blocks: Vec<BlockKind>,
    /// Channels of each level, finest first.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks per encoder level (a decoder level has one more).
    pub layers_per_block: usize,
    /// The middle block's outputs are divided by it.
    pub mid_block_scale_factor: f64,
    /// 1: symmetric padding of strided convolutions; 0: one row below and one column at the right.
    pub downsample_padding: usize,
    /// How attention levels go down.
    pub downsample: ResampleKind,
    /// How attention levels go up.
    pub upsample: ResampleKind,
    /// Probability of zeroing an element inside a residual block while training.
    pub dropout: f64,
    /// Nonlinearity of the residual blocks.
    pub act_fn: Activation,
    /// Channels per attention head; `None` is one head.
    pub attention_head_dim: Option<usize>,
    /// Groups of every group normalisation.
    pub norm_num_groups: usize,
    /// Groups of the middle attention's normalisation where it differs.
    pub attn_norm_num_groups: Option<usize>,
    /// Added to the variance in every group normalisation.
    pub norm_eps: f64,
    /// How the time embedding enters a residual block.
    pub time_injection: TimeInjection,
    /// Whether the middle block has attention.
    pub add_attention: bool,
    /// Number of classes, where the model is conditional.
    pub num_class_embeds: Option<usize>,
    /// Keys of the file that mean nothing to this reader, sorted.
    pub unknown_keys: Vec<String>,
}

/// Upper bounds that keep a hostile file from asking for absurd amounts of memory.
const MAX_CHANNELS: u64 = 8192;
const MAX_LEVELS: usize = 8;
const MAX_LAYERS: u64 = 16;
const MAX_SIDE: u64 = 4096;
/// Most classes of a network.
pub const MAX_CLASSES: u64 = 1_000_000;

impl UnetConfig {
    /// Reads diffusers' `config.json`. Missing optional keys take `UNet2DModel`'s defaults;
    /// the keys that decide the shape of the network must be there.
    ///
    /// # Errors
    /// [`ConfigError`] names the field, what was expected and what was found.
    pub fn from_json(text: &str) -> Result<Self, ConfigError> {
        let object = json::object(text).map_err(ConfigError::Json)?;
        let mut fields = Fields::new(&object);
        let config = Self::from_fields(&mut fields)?;
        Ok(Self {
            unknown_keys: fields.unknown(),
            ..config
        })
    }

    /// Groups of the middle attention's normalisation; `None` leaves it out. With scale_shift diffusers does so unless
    /// it is given its own number.
    pub(crate) fn mid_attention_groups(&self) -> Option<usize> {
        match self.time_injection {
            TimeInjection::Add => Some(self.attn_norm_num_groups.unwrap_or(self.norm_num_groups)),
            TimeInjection::ScaleShift => self.attn_norm_num_groups,
        }
    }

    /// The smallest height and width that the network takes.
    pub fn smallest_size(&self) -> [usize; 2] {
        [1 << (self.block_out_channels.len() - 1); 2]
    }

    fn from_fields(f: &mut Fields) -> Result<Self, FieldError> {
        f.one_of("_class_name", Some("UNet2DModel"), &[("UNet2DModel", ())])?;
        let sample_size = sample_size(f)?;
        let block_out_channels: Vec<usize> = f.list(
            "block_out_channels",
            "1 to 8 integers from 1 to 8192",
            |v| {
                v.as_u64()
                    .filter(|c| (1..=MAX_CHANNELS).contains(c))
                    .map(|c| c as usize)
            },
        )?;
        let levels = block_out_channels.len();
        if !(1..=MAX_LEVELS).contains(&levels) {
            return Err(f.reject("block_out_channels", "1 to 8 integers from 1 to 8192"));
        }
        // diffusers would fail at the first step only.
        let factor = 1 << (levels - 1);
        if sample_size.is_some_and(|size| size.iter().any(|side| side % factor != 0)) {
            let halvings = levels - 1;
            return Err(f.reject(
                "sample_size",
                &format!(
                    "multiples of {factor}, because the network halves its images {halvings} times"
                ),
            ));
        }
        let down_blocks = blocks(
            f,
            "down_block_types",
            levels,
            &[
                ("DownBlock2D", BlockKind::Plain),
                ("AttnDownBlock2D", BlockKind::Attention),
                ("ResnetDownsampleBlock2D", BlockKind::Resnet),
            ],
        )?;
        let up_blocks = blocks(
            f,
            "up_block_types",
            levels,
            &[
                ("UpBlock2D", BlockKind::Plain),
                ("AttnUpBlock2D", BlockKind::Attention),
                ("ResnetUpsampleBlock2D", BlockKind::Resnet),
            ],
        )?;
        let norm_num_groups = f.integer("norm_num_groups", Some(32), 1..=MAX_CHANNELS)?;
        if block_out_channels.iter().any(|c| c % norm_num_groups != 0) {
            return Err(f.reject(
                "norm_num_groups",
                &format!("a divisor of each of block_out_channels {block_out_channels:?}"),
            ));
        }
        let attn_norm_num_groups = f.optional_integer("attn_norm_num_groups", 1..=MAX_CHANNELS)?;
        let coarsest = block_out_channels[levels - 1];
        if attn_norm_num_groups.is_some_and(|g| !coarsest.is_multiple_of(g)) {
            return Err(f.reject("attn_norm_num_groups", &format!("a divisor of {coarsest}")));
        }
        let attention_head_dim = match f.value("attention_head_dim") {
            None => Some(8),
            Some(_) => f.optional_integer("attention_head_dim", 1..=MAX_CHANNELS)?,
        };
        let add_attention = f.boolean("add_attention", true)?;
        let mid_block = f.one_of(
            "mid_block_type",
            Some("UNetMidBlock2D"),
            &[("UNetMidBlock2D", true), ("null", false)],
        )?;
        if let Some(head) = attention_head_dim {
            let attends = |(i, kind): (usize, &BlockKind)| {
                (*kind == BlockKind::Attention).then_some(block_out_channels[i])
            };
            let mut widths: Vec<usize> =
                down_blocks.iter().enumerate().filter_map(attends).collect();
            widths.extend(up_blocks.iter().rev().enumerate().filter_map(attends));
            if mid_block && add_attention {
                widths.push(coarsest);
            }
            if widths.iter().any(|width| head > *width) {
                return Err(f.reject(
                    "attention_head_dim",
                    "at most the channels of every level with attention",
                ));
            }
        }
        let time_embedding = match f.one_of(
            "time_embedding_type",
            Some("positional"),
            &[("positional", false), ("fourier", true)],
        )? {
            true => {
                f.boolean("flip_sin_to_cos", true)?;
                f.number("freq_shift", Some(0.0), -1e6..=1e6)?;
                TimeEmbedding::Fourier
            }
            false => TimeEmbedding::Positional {
                flip_sin_to_cos: f.boolean("flip_sin_to_cos", true)?,
                freq_shift: f.number("freq_shift", Some(0.0), -1e6..=1e6)?,
            },
        };
        if let TimeEmbedding::Positional { freq_shift, .. } = time_embedding
            && freq_shift == (block_out_channels[0] / 2) as f64
        {
            return Err(f.reject(
                "freq_shift",
                "another number than half of block_out_channels[0]",
            ));
        }
        let time_embed_dim = f
            .optional_integer("time_embedding_dim", 1..=4 * MAX_CHANNELS)?
            .unwrap_or(block_out_channels[0] * 4);
        if f.value("class_embed_type").is_some_and(|v| !v.is_null()) {
            return Err(f.reject(
                "class_embed_type",
                "null (a table of num_class_embeds vectors)",
            ));
        }
        // diffusers reads it only for a learned time embedding, which is refused above.
        f.value("num_train_timesteps");
        let resample = [
            ("conv", ResampleKind::Conv),
            ("resnet", ResampleKind::Resnet),
        ];
        Ok(Self {
            sample_size,
            in_channels: f.integer("in_channels", Some(3), 1..=64)?,
            out_channels: f.integer("out_channels", Some(3), 1..=64)?,
            center_input_sample: f.boolean("center_input_sample", false)?,
            time_embedding,
            time_embed_dim,
            down_blocks,
            mid_block,
            up_blocks,
            layers_per_block: f.integer("layers_per_block", Some(2), 1..=MAX_LAYERS)?,
            mid_block_scale_factor: f.number("mid_block_scale_factor", Some(1.0), 1e-3..=1e3)?,
            downsample_padding: f.integer("downsample_padding", Some(1), 0..=1)?,
            downsample: f.one_of("downsample_type", Some("conv"), &resample)?,
            upsample: f.one_of("upsample_type", Some("conv"), &resample)?,
            dropout: f.number("dropout", Some(0.0), 0.0..=0.99)?,
            act_fn: f.one_of(
                "act_fn",
                Some("silu"),
                &[
                    ("silu", Activation::Silu),
                    ("swish", Activation::Silu),
                    ("mish", Activation::Mish),
                    ("gelu", Activation::Gelu),
                    ("relu", Activation::Relu),
                ],
            )?,
            attention_head_dim,
            norm_num_groups,
            attn_norm_num_groups,
            norm_eps: f.number("norm_eps", Some(1e-5), 0.0..=1.0)?,
            time_injection: f.one_of(
                "resnet_time_scale_shift",
                Some("default"),
                &[
                    ("default", TimeInjection::Add),
                    ("scale_shift", TimeInjection::ScaleShift),
                ],
            )?,
            add_attention,
            num_class_embeds: f.optional_integer("num_class_embeds", 1..=MAX_CLASSES)?,
            unknown_keys: Vec::new(),
            block_out_channels,
        })
    }

    /// Writes a `config.json` that diffusers' `UNet2DModel.from_pretrained` reads.
    pub fn to_json(&self) -> String {
        let resample = |kind| match kind {
            ResampleKind::Conv => "conv",
            ResampleKind::Resnet => "resnet",
        };
        let (embedding, flip_sin_to_cos, freq_shift) = match self.time_embedding {
            TimeEmbedding::Positional {
                flip_sin_to_cos,
                freq_shift,
            } => ("positional", flip_sin_to_cos, freq_shift),
            TimeEmbedding::Fourier => ("fourier", true, 0.0),
        };
        let names = |blocks: &[BlockKind], of: [&'static str; 3]| -> Vec<&'static str> {
            blocks
                .iter()
                .map(|kind| match kind {
                    BlockKind::Plain => of[0],
                    BlockKind::Attention => of[1],
                    BlockKind::Resnet => of[2],
                })
                .collect()
        };
        let file = ConfigFile {
            class_name: "UNet2DModel",
            sample_size: self.sample_size.map(Size::of),
            in_channels: self.in_channels,
            out_channels: self.out_channels,
            center_input_sample: self.center_input_sample,
            time_embedding_type: embedding,
            time_embedding_dim: self.time_embed_dim,
            // diffusers keeps freq_shift as an integer; a whole number must be written as one.
            freq_shift: if freq_shift.fract() == 0.0 {
                Value::from(freq_shift as i64)
            } else {
                Value::from(freq_shift)
            },
            flip_sin_to_cos,
            down_block_types: names(
                &self.down_blocks,
                ["DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D"],
            ),
            mid_block_type: self.mid_block.then_some("UNetMidBlock2D"),
            up_block_types: names(
                &self.up_blocks,
                ["UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"],
            ),
            block_out_channels: &self.block_out_channels,
            layers_per_block: self.layers_per_block,
            mid_block_scale_factor: self.mid_block_scale_factor,
            downsample_padding: self.downsample_padding,
            downsample_type: resample(self.downsample),
            upsample_type: resample(self.upsample),
            dropout: self.dropout,
            act_fn: match self.act_fn {
                Activation::Silu => "silu",
                Activation::Mish => "mish",
                Activation::Gelu => "gelu",
                Activation::Relu => "relu",
            },
            attention_head_dim: self.attention_head_dim,
            norm_num_groups: self.norm_num_groups,
            attn_norm_num_groups: self.attn_norm_num_groups,
            norm_eps: self.norm_eps,
            resnet_time_scale_shift: match self.time_injection {
                TimeInjection::Add => "default",
                TimeInjection::ScaleShift => "scale_shift",
            },
            add_attention: self.add_attention,
            num_class_embeds: self.num_class_embeds,
        };
        serde_json::to_string_pretty(&file).unwrap_or_default() + "\n"
    }
}

/// The file as diffusers writes it.
#[derive(Serialize)]
struct ConfigFile<'a> {
    #[serde(rename = "_class_name")]
    class_name: &'static str,
    sample_size: Option<Size>,
    in_channels: usize,
    out_channels: usize,
    center_input_sample: bool,
    time_embedding_type: &'static str,
    time_embedding_dim: usize,
    freq_shift: Value,
    flip_sin_to_cos: bool,
    down_block_types: Vec<&'static str>,
    mid_block_type: Option<&'static str>,
    up_block_types: Vec<&'static str>,
    block_out_channels: &'a [usize],
    layers_per_block: usize,
    mid_block_scale_factor: f64,
    downsample_padding: usize,
    downsample_type: &'static str,
    upsample_type: &'static str,
    dropout: f64,
    act_fn: &'static str,
    attention_head_dim: Option<usize>,
    norm_num_groups: usize,
    attn_norm_num_groups: Option<usize>,
    norm_eps: f64,
    resnet_time_scale_shift: &'static str,
    add_attention: bool,
    num_class_embeds: Option<usize>,
}

/// As diffusers has it: one number where height and width are the same.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Size {
    Square(u64),
    Rectangle([u64; 2]),
}

impl Size {
    fn of([height, width]: [usize; 2]) -> Self {
        if height == width {
            Self::Square(height as u64)
        } else {
            Self::Rectangle([height as u64, width as u64])
        }
    }
}

fn sample_size(f: &mut Fields) -> Result<Option<[usize; 2]>, FieldError> {
    let Some(value) = f.value("sample_size").filter(|v| !v.is_null()) else {
        return Ok(None);
    };
    let expected = "an integer or [height, width], each from 1 to 4096";
    let [h, w] = match serde_json::from_value(value.clone()) {
        Ok(Size::Square(side)) => [side, side],
        Ok(Size::Rectangle(sides)) => sides,
        Err(_) => return Err(f.reject("sample_size", expected)),
    };
    if !(1..=MAX_SIDE).contains(&h) || !(1..=MAX_SIDE).contains(&w) {
        return Err(f.reject("sample_size", expected));
    }
    Ok(Some([h as usize, w as usize]))
}

fn blocks(
    f: &mut Fields,
    name: &'static str,
    levels: usize,
    known: &[(&'static str, BlockKind)],
) -> Result<Vec<BlockKind>, FieldError> {
    let names: Vec<&str> = known.iter().map(|(n, _)| *n).collect();
    let expected = format!(
        "{levels} block types (as many as block_out_channels), each {}",
        names.join(", ")
    );
    let kinds = f.list(name, &expected, |v| {
        let text = v.as_str()?;
        // What blocks were called in the first releases of diffusers.
        let text = text.strip_prefix("UNetRes").unwrap_or(text);
        known
            .iter()
            .find(|(n, _)| *n == text)
            .map(|(_, kind)| *kind)
    })?;
    if kinds.len() != levels {
        return Err(f.reject(name, &expected));
    }
    Ok(kinds)
}
