//! What a learner on one device does not show: every way to cut convolutions and sums, and every operation alone.

mod operations;

use super::super::draft::ZEROS;
use super::super::tile::TILES;
use super::super::tuning::Tuning;
use super::*;
use crate::engine::Storage;
use crate::engine::plan::gradients;
use crate::engine::{Level, webgpu::draft::Style};
use crate::noise::gaussian;

fn config(text: &str) -> UnetConfig {
    UnetConfig::from_json(text).unwrap()
}

/// Wide enough for every tile, with a stride, an enlargement, a projection and attention.
fn wide() -> UnetConfig {
    config(
        r#"{
            "sample_size": [4, 6], "in_channels": 2, "out_channels": 2, "layers_per_block": 1,
            "block_out_channels": [32, 64], "norm_num_groups": 32, "attention_head_dim": 32,
            "downsample_padding": 0,
            "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["UpBlock2D", "UpBlock2D"]
        }"#,
    )
}

fn normal(stream: u32, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    gaussian(5, stream, 0, &mut values);
    values
}

fn state(config: &UnetConfig) -> LearnerState {
    let params = Plan::trained(config).unwrap().params;
    let values = params.iter().enumerate().map(|(i, spec)| {
        let fan_in: usize = spec.shape.iter().skip(1).product();
        let scale = (fan_in as f32).sqrt().recip();
        let values = normal(i as u32, spec.shape.iter().product());
        values.into_iter().map(|v| scale * v).collect()
    });
    LearnerState::new(values.collect())
}

fn batch(config: &UnetConfig, count: usize) -> TrainBatch {
    let [height, width] = config.sample_size.unwrap();
    let shape = [count, config.in_channels, height, width];
    let level = Level {
        signal: 0.8,
        noise: 0.6,
        c_x0: 0.3,
        c_eps: 1.0,
        weight: 1.0,
    };
    TrainBatch {
        shape,
        x0: normal(1000, shape.iter().product()),
        eps: normal(1001, shape.iter().product()),
        timesteps: (0..count).map(|i| 100.0 + 7.0 * i as f32).collect(),
        levels: vec![level; count],
        labels: config
            .num_class_embeds
            .map(|classes| (0..count).map(|i| (i + 1) % classes).collect()),
        drop_seed: 3,
    }
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

/// The device, or `None` with a word about why there is nothing to test on.
fn gpu() -> Option<Gpu> {
    match pollster::block_on(Gpu::open()) {
        Ok(gpu) => Some(gpu),
        Err(EngineError::NoGpu(why)) => {
            eprintln!("skipped: no GPU on this machine: {why}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn every_tile_gives_the_gradients_of_the_reference() {
    let Some(gpu) = gpu() else { return };
    let config = wide();
    let (state, batch) = (state(&config), batch(&config, 12));
    let training = TrainingPlan::new(&config, config.sample_size.unwrap()).unwrap();
    let (_, expected) = gradients(&training, &state.values, &batch);
    for (i, tile) in TILES.iter().enumerate() {
        let mut learner = pollster::block_on(GpuLearner::new(&gpu, &config, &state)).unwrap();
        learner.making = Making {
            style: Style {
                storage: Storage::F32,
                tuning: Tuning::only(tile),
                fma: i % 2 == 0,
            },
            busy: [512, 1 << 17][i % 2],
            memory: u64::MAX,
            optimizer: learner.making.optimizer,
        };
        let found = pollster::block_on(learner.gradients(&batch)).unwrap();
        let pairs = learner.params.iter().zip(&found.gradients).zip(&expected);
        for ((spec, found), expected) in pairs {
            let off = norm(found.iter().zip(expected).map(|(a, b)| f64::from(*a) - b));
            let scale = norm(expected.iter().copied()).max(1e-2);
            assert!(
                off <= 1e-4 * scale,
                "{}, {}: {off:e} of {scale:e}",
                tile.name,
                spec.name
            );
        }
    }
}
