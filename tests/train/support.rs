//! A tiny network and images that it can learn in seconds.

use ddim_web::engine::Optimizer;
use ddim_web::engine::{
    AnyLearner, DeviceKind, EngineError, EngineKind, GpuOptions, LearnerState, LoadOptions,
};
use ddim_web::images::ImageSet;
use ddim_web::scheduler::{SchedulerClass, SchedulerConfig};
use ddim_web::train::{Checkpoint, Loss, Setup, TrainError, TrainOptions, Trainer};
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::weights::Precision;
use pollster::block_on;

pub const TINY: &str = r#"{
    "sample_size": 8, "in_channels": 1, "out_channels": 1, "block_out_channels": [8, 16], "layers_per_block": 1,
    "norm_num_groups": 4, "attention_head_dim": 8,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "UpBlock2D"]
}"#;

pub fn tiny() -> UnetConfig {
    UnetConfig::from_json(TINY).unwrap()
}

/// Grey 8×8 images: a bright bar at one of 8 places.
pub fn bars(count: usize) -> ImageSet {
    ImageSet::new(count, 1, 8, 8, bar_pixels(count, 8)).unwrap()
}

/// `count` square images with a bright vertical bar, two columns wide.
pub fn bar_pixels(count: usize, side: usize) -> Vec<u8> {
    let pixel = |i: usize| {
        let (image, x) = (i / (side * side), i % side);
        let bar = image * 3 % side;
        if x == bar || x == (bar + 1) % side {
            255
        } else {
            0
        }
    };
    (0..count * side * side).map(pixel).collect()
}

pub fn options(steps: u32) -> TrainOptions {
    TrainOptions {
        steps,
        batch: 8,
        optimizer: Optimizer::Adam,
        lr: 2e-3,
        warmup: 10,
        decay_steps: Some(0),
        ema: 0.99,
        seed: 7,
        loss: Loss::Simple,
        ..TrainOptions::default()
    }
}

/// What runs on the processor.
pub const ENGINES: &[EngineKind] = &[
    EngineKind::Plan,
    #[cfg(feature = "burn")]
    EngineKind::Burn,
];

pub type Run = Trainer<AnyLearner>;

/// A learner on the processor.
pub async fn make(engine: EngineKind, setup: Setup) -> Result<AnyLearner, EngineError> {
    let options = LoadOptions {
        engine,
        device: DeviceKind::Cpu,
        instructions: None,
        weights: ddim_web::engine::Storage::F32,
        gpu: GpuOptions::default(),
    };
    AnyLearner::new(&options, &setup.config, setup.state).await
}

pub fn learner(engine: EngineKind, config: &UnetConfig, state: LearnerState) -> AnyLearner {
    let config = config.clone();
    block_on(make(engine, Setup { config, state })).unwrap()
}

pub fn begin(
    engine: EngineKind,
    config: &UnetConfig,
    scheduler: SchedulerConfig,
    options: TrainOptions,
    images: ImageSet,
) -> Result<Run, TrainError> {
    let make = async |setup| make(engine, setup).await;
    block_on(Trainer::new(config, scheduler, options, images, make))
}

pub fn resume(
    engine: EngineKind,
    checkpoint: Checkpoint,
    images: ImageSet,
) -> Result<Run, TrainError> {
    let make = async |setup| make(engine, setup).await;
    block_on(Trainer::resume(checkpoint, images, make))
}

pub fn trainer_on(engine: EngineKind, options: TrainOptions) -> Run {
    let scheduler = SchedulerConfig::new(SchedulerClass::Ddim);
    begin(engine, &tiny(), scheduler, options, bars(40)).unwrap()
}

/// On the engine that is trained with where none is named.
pub fn trainer(options: TrainOptions) -> Run {
    trainer_on(EngineKind::default(), options)
}

/// The checkpoint of `run` as it is now.
pub fn checkpoint_of(run: &mut Run) -> Vec<u8> {
    block_on(run.checkpoint()).unwrap()
}

/// The averaged weights of `run` as a file.
pub fn weights_of(run: &mut Run) -> Vec<u8> {
    block_on(run.weights(Precision::F32)).unwrap()
}
