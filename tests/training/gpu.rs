//! The learner on the graphics card against the reference in f64; skipped where there is no adapter.

use ddim_web::engine::plan::{Plan, TrainingPlan, gradients};
use ddim_web::engine::{
    EngineError, Gpu, GpuLearner, Learner, LearnerState, Level, TrainBatch, Update,
};
use ddim_web::noise::gaussian;
use ddim_web::unet::config::UnetConfig;

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

fn normal(seed: u64, stream: u32, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    gaussian(seed, stream, 0, &mut values);
    values
}

/// Weights of the size that PyTorch initialises with, none of them 0.
fn state(config: &UnetConfig) -> LearnerState {
    let params = Plan::trained(config).unwrap().params;
    let values = params.iter().enumerate().map(|(i, spec)| {
        let norm = spec.name.contains("norm") && spec.name.ends_with(".weight");
        let fan_in: usize = spec.shape.iter().skip(1).product();
        let scale = match spec.shape.len() {
            1 => 0.1,
            _ => (fan_in as f32).sqrt().recip(),
        };
        let centre = f32::from(u8::from(norm));
        let values = normal(7, i as u32, spec.shape.iter().product());
        values.into_iter().map(|v| centre + scale * v).collect()
    });
    LearnerState::new(values.collect())
}

fn batch(config: &UnetConfig, size: [usize; 2], count: usize, seed: u64) -> TrainBatch {
    let shape = [count, config.in_channels, size[0], size[1]];
    let numbers = shape.iter().product();
    let levels = (0..count).map(|i| {
        let signal = 0.9 - 0.5 * i as f32 / count as f32;
        Level {
            signal,
            noise: (1.0 - signal * signal).sqrt(),
            c_x0: 0.25 * i as f32,
            c_eps: 1.0,
            weight: 1.0 + 0.5 * i as f32,
        }
    });
    TrainBatch {
        shape,
        x0: normal(seed, 0, numbers),
        eps: normal(seed, 1, numbers),
        timesteps: (0..count).map(|i| 40.0 + 300.0 * i as f32).collect(),
        levels: levels.collect(),
        labels: config
            .num_class_embeds
            .map(|classes| (0..count).map(|i| i % classes).collect()),
        drop_seed: 99,
    }
}

fn update(done: u32) -> Update {
    Update {
        done,
        lr: 1e-3,
        clip: 1.0,
        decay: 0.9,
    }
}

fn configs() -> Vec<(String, UnetConfig)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/unet");
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "json"));
    files.sort();
    let config = |path: &std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let config = UnetConfig::from_json(&text).unwrap();
        let out_channels = config.in_channels;
        (name, UnetConfig { out_channels, ..config })
    };
    files.iter().map(config).collect()
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

/// Every gradient and the loss are those of the reference, to 1e-4 of the gradient's norm.
fn assert_gradients(gpu: &Gpu, name: &str, config: &UnetConfig, count: usize) {
    let size = Plan::trained(config).unwrap().size;
    let training = TrainingPlan::new(config, size).unwrap();
    let state = state(config);
    let batch = batch(config, size, count, 3);
    let (loss, expected) = gradients(&training, &state.values, &batch);
    let mut learner = pollster::block_on(GpuLearner::new(gpu, config, &state)).unwrap();
    let found = pollster::block_on(learner.gradients(&batch)).unwrap();
    let error = (f64::from(found.loss) - loss).abs() / loss;
    assert!(error < 1e-5, "{name}: loss {} is not {loss}", found.loss);
    let whole = norm(expected.iter().flatten().copied());
    let mut wrong = Vec::new();
    for ((spec, found), expected) in learner.params().iter().zip(&found.gradients).zip(&expected) {
        assert_eq!(found.len(), expected.len(), "{name}: {}", spec.name);
        let pairs = found.iter().zip(expected);
        let off = norm(pairs.map(|(a, b)| f64::from(*a) - b));
        // What should be 0 is so up to rounding of what cancels out.
        let scale = norm(expected.iter().copied()).max(1e-3 * whole);
        if !(off / scale <= 1e-4) {
            wrong.push(format!("{}: {:e} of {scale:e}", spec.name, off / scale));
        }
    }
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
}

#[test]
fn gradients_of_whole_networks_equal_the_reference() {
    let Some(gpu) = gpu() else { return };
    for (name, config) in configs() {
        // The published one takes the reference half an hour.
        if name == "cifar10-32" {
            continue;
        }
        let start = std::time::Instant::now();
        assert_gradients(&gpu, &name, &config, 3);
        eprintln!("{name}: {:.1} s", start.elapsed().as_secs_f64());
    }
}
