//! Small networks drawn at random: every field that changes the network takes every kind of value.

use ddim_web::unet::config::UnetConfig;
use serde_json::{Value, json};

use crate::rule;

/// A network and the size of its images.
pub struct Drawn {
    /// Which one.
    pub seed: u32,
    /// diffusers' `config.json`.
    pub json: String,
    /// What it says.
    pub config: UnetConfig,
    /// Height and width.
    pub size: [usize; 2],
}

/// Heights and widths for networks of 1, 2 and 3 levels.
const SIZES: [&[[usize; 2]]; 3] = [
    &[[33, 47], [28, 28], [12, 20], [7, 5], [1, 9]],
    &[[28, 28], [12, 20], [6, 8], [14, 2]],
    &[[28, 28], [12, 20], [8, 16], [4, 12]],
];

/// Pixels times the square of the channels, at most: a forward pass takes milliseconds.
const WORK: usize = 40_000;

/// The network with number `seed`.
pub fn draw(seed: u32) -> Drawn {
    draw_within(seed, SIZES, WORK)
}

/// The same with heights and widths of `sizes` and at most `work`: pixels times the square of the channels.
pub fn draw_within(seed: u32, sizes: [&[[usize; 2]]; 3], work: usize) -> Drawn {
    let mut dice = Dice(Box::new(rule::unit(&format!("network {seed}"))));
    let levels = 1 + dice.below(3);
    let size = dice.pick(sizes[levels - 1]);
    let pixels = size[0] * size[1];
    let groups = dice.pick(&[1, 3, 4, 8]);
    let channels: Vec<usize> = (0..levels)
        .map(|level| {
            let fits = |c: usize| (pixels >> (2 * level)) * c * c <= work;
            let multiples = (groups..=40).step_by(groups);
            let wide = |c: &usize| *c >= 4;
            let of: Vec<usize> = multiples
                .filter(wide)
                .enumerate()
                .filter_map(|(i, c)| (i == 0 || fits(c)).then_some(c))
                .collect();
            dice.pick(&of)
        })
        .collect();
    let coarsest = channels[levels - 1];
    let narrowest = channels.iter().copied().min().unwrap();
    // The scores of many heads over many pixels would take longer than everything else.
    let least = if pixels > 500 {
        narrowest.div_ceil(2)
    } else {
        1
    };
    let head_dim = dice.maybe(|dice| least + dice.below(narrowest - least + 1));
    let divisors: Vec<usize> = (1..=coarsest)
        .filter(|g| coarsest.is_multiple_of(*g))
        .collect();
    let attention_groups = dice.maybe(|dice| dice.pick(&divisors));
    let classes = dice.maybe(|dice| 1 + dice.below(5));
    let time_width = dice.maybe(|dice| dice.pick(&[10, 17, 32]));
    let resampling = ["conv", "resnet"];
    let config = json!({
        "_class_name": "UNet2DModel",
        "sample_size": size,
        "in_channels": 1 + dice.below(4),
        "out_channels": 1 + dice.below(4),
        "center_input_sample": dice.below(2) == 0,
        "time_embedding_type": dice.pick(&["positional", "positional", "fourier"]),
        "time_embedding_dim": time_width,
        "freq_shift": dice.below(2),
        "flip_sin_to_cos": dice.below(2) == 0,
        "down_block_types": (0..levels).map(|_| dice.pick(&[
            "DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D",
        ])).collect::<Vec<_>>(),
        "mid_block_type": dice.pick(&[json!("UNetMidBlock2D"), json!("UNetMidBlock2D"), Value::Null]),
        "up_block_types": (0..levels).map(|_| dice.pick(&[
            "UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D",
        ])).collect::<Vec<_>>(),
        "block_out_channels": channels,
        "layers_per_block": 1 + dice.below(2),
        "mid_block_scale_factor": dice.pick(&[1.0, std::f64::consts::SQRT_2, 0.5]),
        "downsample_padding": dice.below(2),
        "downsample_type": dice.pick(&resampling),
        "upsample_type": dice.pick(&resampling),
        "dropout": dice.pick(&[0.0, 0.1]),
        "act_fn": dice.pick(&["silu", "swish", "mish", "gelu", "relu"]),
        "attention_head_dim": head_dim,
        "norm_num_groups": groups,
        "attn_norm_num_groups": attention_groups,
        "norm_eps": dice.pick(&[1e-6, 1e-5, 1e-3]),
        "resnet_time_scale_shift": dice.pick(&["default", "scale_shift"]),
        "add_attention": dice.below(4) != 0,
        "num_class_embeds": classes,
    });
    let json = config.to_string();
    let config = UnetConfig::from_json(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    Drawn {
        seed,
        json,
        config,
        size,
    }
}

/// Numbers in [-1, 1), and what is decided by them.
struct Dice(Box<dyn Iterator<Item = f64>>);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        ((self.0.next().unwrap() + 1.0) / 2.0 * n as f64) as usize
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn maybe<T>(&mut self, some: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| some(self))
    }
}
