//! Which tiles are fastest on a device: measured with a few convolutions while a network is loaded, in less than 0.2 s.
//!
//! No timestamps of the device are needed: the same kernel runs so often that the clock of the host is good enough.

use super::clock::Clock;
use super::device::{Gpu, Kind};
use super::draft::Style;
use super::layout::{Lanes, Slot};
use super::program::Program;
use super::tile::{Tile, named};
use super::tuning::Tuning;
use crate::engine::EngineError;
use crate::engine::Storage;
use crate::engine::plan::{Buffer, Conv, Op, Plan, Residual, Source, View};
use crate::unet::config::UnetConfig;

/// A network with fewer multiply-adds per image is not worth a measurement: what it could save in the steps of a whole
/// run is less than the measurement takes. Its time goes into starting kernels anyway.
const WORTH: u64 = 100_000_000;

/// Seconds after which no further tile is tried.
const BUDGET: f64 = 0.15;

/// Seconds that one timing takes at least: browsers round their clocks to as much as a millisecond.
const WINDOW: f64 = 0.006;

/// Most runs in one timing.
const MOST: usize = 256;

/// Multiply-adds per image from which a run of training is longer than its measurement.
#[cfg(feature = "train")]
const WORTH_TRAINING: u64 = 10_000_000;

/// Seconds after which no further tile is tried for training.
#[cfg(feature = "train")]
const BUDGET_OF_TRAINING: f64 = 0.6;

/// What to choose from for a batch of feature maps in training.
#[cfg(feature = "train")]
const HUGE: Choice = Choice {
    images: 32,
    side: 32,
    channels: 128,
    tiles: &[
        "b64x64", "a128x64", "b128x64", "a128x128", "b128x128", "b32x32",
    ],
};

/// What to choose from for one size of feature map; the first is taken where nothing is measured.
pub(super) struct Choice {
    /// Images.
    pub images: usize,
    /// Height and width of the measured feature map.
    pub side: usize,
    /// Its channels, and those of the result; a multiple of four.
    pub channels: usize,
    /// Names of the tiles.
    pub tiles: &'static [&'static str],
}

/// Choices for large and small feature maps.
fn choices(kind: Kind) -> [Choice; 2] {
    match kind {
        // Barriers are slow on a processor, and its caches are what workgroup memory would be; of the tiles that share
        // nothing this one was the fastest on both such devices that were tried. To compile others takes longer there
        // than a network could gain.
        Kind::Software => [
            Choice {
                images: 1,
                side: 32,
                channels: 32,
                tiles: &["r4x2"],
            },
            Choice {
                images: 1,
                side: 8,
                channels: 64,
                tiles: &["r4x2"],
            },
        ],
        Kind::Hardware => [
            Choice {
                images: 1,
                side: 32,
                channels: 128,
                tiles: &["r4x1", "b64x64", "b32x32", "b128x64"],
            },
            Choice {
                images: 1,
                side: 8,
                channels: 256,
                tiles: &["r2x1", "b16x32", "b16x16", "b32x32"],
            },
        ],
    }
}

/// How the kernels of the network of `plan` are made on `gpu`, which is measured if it was not before.
///
/// # Errors
/// [`EngineError`] when the device is lost.
pub async fn style(gpu: &Gpu, plan: &Plan, storage: Storage) -> Result<Style, EngineError> {
    let choices = choices(gpu.kind());
    let unmeasured = Style {
        storage,
        tuning: Tuning {
            large: tile(choices[0].tiles[0]),
            small: tile(choices[1].tiles[0]),
            huge: None,
        },
        fma: gpu.kind() == Kind::Hardware,
    };
    let settled = choices.iter().all(|choice| choice.tiles.len() == 1);
    let tuning = match gpu.tuning() {
        Some(tuning) => tuning,
        None if settled || plan.multiply_adds() < WORTH => return Ok(unmeasured),
        None => gpu.tune(measure(gpu, &choices, unmeasured).await?),
    };
    Ok(Style {
        tuning,
        ..unmeasured
    })
}

/// The same for a learner, whose batches keep any device busy.
///
/// # Errors
/// [`EngineError`] when the device is lost.
#[cfg(feature = "train")]
pub async fn style_of_training(gpu: &Gpu, plan: &Plan) -> Result<Style, EngineError> {
    let mut style = style(gpu, plan, Storage::F32).await?;
    let worth = gpu.kind() == Kind::Hardware && plan.multiply_adds() >= WORTH_TRAINING;
    if worth && style.tuning.huge.is_none() {
        let clock = Clock::start();
        let huge = fastest(gpu, &HUGE, style, &clock, BUDGET_OF_TRAINING).await?;
        style.tuning.huge = Some(huge);
    }
    Ok(style)
}

/// The fastest tiles for large and for small feature maps.
pub(super) async fn measure(
    gpu: &Gpu,
    [large, small]: &[Choice; 2],
    style: Style,
) -> Result<Tuning, EngineError> {
    let clock = Clock::start();
    Ok(Tuning {
        large: fastest(gpu, large, style, &clock, BUDGET / 2.0).await?,
        small: fastest(gpu, small, style, &clock, BUDGET).await?,
        huge: None,
    })
}

fn tile(name: &str) -> &'static Tile {
    named(name).expect("choices are tiles")
}

/// The fastest tile that was tried before `clock` reaches `end`.
async fn fastest(
    gpu: &Gpu,
    choice: &Choice,
    style: Style,
    clock: &Clock,
    end: f64,
) -> Result<&'static Tile, EngineError> {
    let mut best = tile(choice.tiles[0]);
    let mut least = f64::INFINITY;
    for tile in choice.tiles.iter().map(|name| tile(name)) {
        if clock.seconds() > end {
            break;
        }
        let tuning = Tuning::only(tile);
        let time = match Trial::new(gpu, choice, Style { tuning, ..style }).await {
            Ok(trial) => trial.time(least).await,
            Err(error) => Err(error),
        };
        match time {
            Ok(time) if time < least => (best, least) = (tile, time),
            Ok(_) => {}
            Err(lost @ EngineError::Lost(_)) => return Err(lost),
            // A kernel that this device cannot run is not its fastest.
            Err(_) => {}
        }
    }
    Ok(best)
}

/// One convolution, ready to run.
struct Trial<'a> {
    gpu: &'a Gpu,
    program: Program,
    groups: Vec<wgpu::BindGroup>,
}

/// Where the convolution stands between the input and the sampler's step.
const CONV: usize = 1;

impl<'a> Trial<'a> {
    async fn new(gpu: &'a Gpu, choice: &Choice, style: Style) -> Result<Self, EngineError> {
        let plan = convolution(choice)?;
        let lanes = Lanes::new(&plan);
        let blocks = choice.channels / 4;
        let slot = Slot {
            weight: blocks,
            ..Slot::default()
        };
        // A browser tells late what its compiler refuses, and a kernel that does not run would be the fastest.
        let refused = gpu.device().push_error_scope(wgpu::ErrorFilter::Validation);
        let program = Program::new(gpu, plan, choice.images, &lanes, &[slot], style)?;
        if let Some(error) = refused.pop().await {
            return Err(EngineError::Device(error.to_string()));
        }
        let usage = wgpu::BufferUsages::STORAGE;
        let numbers = 4 * (blocks + 9 * 4 * blocks * blocks);
        let weights = gpu.buffer("weights", (style.storage.size() * numbers) as u64, usage)?;
        let state = gpu.buffer("a batch", 4 * program.shape.len() as u64, usage)?;
        let groups = program.bind(gpu, &[weights], &state);
        gpu.check()?;
        Ok(Self {
            gpu,
            program,
            groups,
        })
    }

    /// Seconds of one run, measured roughly where that is more than twice `least`.
    async fn time(&self, least: f64) -> Result<f64, EngineError> {
        // The first one makes and clears what the others use.
        self.run(1).await?;
        let mut times = 1;
        loop {
            let total = self.run(times).await?;
            let time = total / times as f64;
            if total >= WINDOW || times >= MOST {
                let again = self.run(times).await? / times as f64;
                return Ok(time.min(again));
            }
            if times > 1 && time > 2.0 * least {
                return Ok(time);
            }
            times *= 4;
        }
    }

    /// Seconds until `times` runs are done.
    async fn run(&self, times: usize) -> Result<f64, EngineError> {
        let mut encoder = self
            .gpu
            .device()
            .create_command_encoder(&Default::default());
        let which = CONV..CONV + 1;
        self.program
            .encode(which, times, &mut encoder, &self.groups);
        let commands = encoder.finish();
        let clock = Clock::start();
        let submission = self.gpu.queue().submit([commands]);
        self.gpu.finish(submission).await?;
        Ok(clock.seconds())
    }
}

/// A 3×3 convolution as the residual blocks have it, with a time embedding.
fn convolution(choice: &Choice) -> Result<Plan, EngineError> {
    let &Choice { side, channels, .. } = choice;
    let config = UnetConfig {
        in_channels: channels,
        out_channels: channels,
        ..UnetConfig::from_json(
            r#"{
                "block_out_channels": [32],
                "down_block_types": ["DownBlock2D"],
                "up_block_types": ["UpBlock2D"]
            }"#,
        )?
    };
    let view = |buffer| View {
        buffer,
        first: 0,
        channels,
    };
    let buffer = |side| Buffer {
        height: side,
        width: side,
        channels,
        offset: 0,
    };
    let [input, output, time, features] = [view(0), view(1), view(2), view(3)];
    Ok(Plan {
        config,
        size: [side; 2],
        params: Vec::new(),
        buffers: [side, side, 1, 1].map(buffer).to_vec(),
        ops: vec![Op::Conv(Conv {
            source: Source::plain(input),
            kernel: 3,
            stride: 1,
            padding: 1,
            weights: Vec::new(),
            transposed: false,
            biases: Vec::new(),
            time: Some(time),
            residual: Residual::None,
            scale: 1.0,
            output,
        })],
        features,
        input,
        output,
        arena: 0,
        frequencies: None,
    })
}
