//! The learner on the graphics card against the reference in f64; skipped where there is no adapter.

use ddim_web::engine::Optimizer;
use ddim_web::engine::plan::{Plan, TrainingPlan, gradients};
use ddim_web::engine::{
    CpuLearner, EngineError, Gpu, GpuLearner, Learner, LearnerState, Level, TrainBatch, Update,
};
use ddim_web::noise::gaussian;
use ddim_web::unet::config::UnetConfig;

use crate::finite;
use crate::random::{Drawn, draw_within};

/// Heights and widths for networks of 1, 2 and 3 levels.
const SIZES: [&[[usize; 2]]; 3] = [
    &[[7, 5], [1, 9], [6, 8]],
    &[[6, 10], [6, 4], [14, 2]],
    &[[8, 12], [4, 12], [8, 4]],
];

/// Pixels times the square of the channels, at most.
const WORK: usize = 12_000;

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
        optimizer: Optimizer::Adam,
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
        (
            name,
            UnetConfig {
                out_channels,
                ..config
            },
        )
    };
    files.iter().map(config).collect()
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

/// Every gradient and the loss are those of the reference, to 1e-4 of the gradient's norm.
fn assert_gradients(
    gpu: &Gpu,
    name: &str,
    config: &UnetConfig,
    state: &LearnerState,
    batch: &TrainBatch,
) {
    let [_, _, height, width] = batch.shape;
    let training = TrainingPlan::new(config, [height, width]).unwrap();
    let (loss, expected) = gradients(&training, &state.values, batch);
    let mut learner = pollster::block_on(GpuLearner::new(gpu, config, state)).unwrap();
    let found = pollster::block_on(learner.gradients(batch)).unwrap();
    let error = (f64::from(found.loss) - loss).abs() / loss;
    assert!(error < 1e-5, "{name}: loss {} is not {loss}", found.loss);
    let whole = norm(expected.iter().flatten().copied());
    // Some networks make much of the last bit of what they see, which no f32 can help.
    let mut nudged = batch.clone();
    for (i, x) in nudged.x0.iter_mut().enumerate() {
        *x *= if i % 2 == 0 {
            1.0 + f32::EPSILON
        } else {
            1.0 - f32::EPSILON
        };
    }
    let (_, nudged) = gradients(&training, &state.values, &nudged);
    let moved = nudged.iter().flatten().zip(expected.iter().flatten());
    let moved = norm(moved.map(|(a, b)| a - b)) / whole;
    let tolerance = f64::max(1e-4, 64.0 * moved);
    let mut wrong = Vec::new();
    for ((spec, found), expected) in learner.params().iter().zip(&found.gradients).zip(&expected) {
        assert_eq!(found.len(), expected.len(), "{name}: {}", spec.name);
        let pairs = found.iter().zip(expected);
        let off = norm(pairs.map(|(a, b)| f64::from(*a) - b));
        // What should be 0 is so up to rounding of what cancels out.
        let scale = norm(expected.iter().copied()).max(1e-3 * whole);
        let error = off / scale;
        if error.is_nan() || error > tolerance {
            wrong.push(format!("{}: {error:e} of {scale:e}", spec.name));
        }
    }
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
}

#[test]
fn gradients_of_whole_networks_equal_the_reference() {
    let Some(gpu) = gpu() else { return };
    for (name, config) in configs() {
        // The reference would take half an hour for the published one.
        if name == "cifar10-32" {
            continue;
        }
        let size = Plan::trained(&config).unwrap().size;
        let batch = batch(&config, size, 3, 3);
        assert_gradients(&gpu, &name, &config, &state(&config), &batch);
    }
}

#[test]
fn gradients_of_random_networks_equal_the_reference() {
    let Some(gpu) = gpu() else { return };
    for seed in 0..12 {
        let Drawn { config, size, .. } = draw_within(seed, SIZES, WORK);
        let out_channels = config.in_channels;
        let config = UnetConfig {
            out_channels,
            ..config
        };
        let training = TrainingPlan::new(&config, size).unwrap();
        let state = LearnerState::new(finite::tensors(&training));
        let batch = finite::batch(&config, size, seed);
        assert_gradients(&gpu, &format!("network {seed}"), &config, &state, &batch);
    }
}

/// A small network with attention and dropout, and its learner.
fn small(gpu: &Gpu) -> (UnetConfig, LearnerState, GpuLearner) {
    let config = UnetConfig::from_json(
        r#"{
            "sample_size": 8, "in_channels": 2, "out_channels": 2, "layers_per_block": 1, "dropout": 0.1,
            "block_out_channels": [8, 12], "norm_num_groups": 4, "attention_head_dim": 6,
            "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["UpBlock2D", "UpBlock2D"]
        }"#,
    )
    .unwrap();
    let state = state(&config);
    let learner = pollster::block_on(GpuLearner::new(gpu, &config, &state)).unwrap();
    (config, state, learner)
}

#[test]
fn what_is_put_on_the_device_comes_back() {
    let Some(gpu) = gpu() else { return };
    for (_, config) in configs().into_iter().take(3) {
        let mut state = state(&config);
        state.average.iter_mut().flatten().for_each(|v| *v += 1.0);
        state.moment_1.iter_mut().flatten().for_each(|v| *v = 0.25);
        state.moment_2.iter_mut().flatten().for_each(|v| *v = 0.5);
        // What is not trained has no moments.
        let fixed = Plan::trained(&config).unwrap().params;
        for (i, spec) in fixed.iter().enumerate() {
            if spec.name == "time_proj.weight" {
                state.average[i] = state.values[i].clone();
                state.moment_1[i].fill(0.0);
                state.moment_2[i].fill(0.0);
            }
        }
        let mut learner = pollster::block_on(GpuLearner::new(&gpu, &config, &state)).unwrap();
        assert!(pollster::block_on(learner.state()).unwrap() == state);
    }
}

#[test]
fn a_step_is_that_of_adam_on_the_gradients() {
    let Some(gpu) = gpu() else { return };
    let (config, mut expected, mut learner) = small(&gpu);
    for done in 0..3 {
        let batch = batch(&config, [8, 8], 3, u64::from(done));
        let update = update(done);
        let gradients = pollster::block_on(learner.gradients(&batch)).unwrap();
        let numbers = pollster::block_on(learner.step(&batch, &update)).unwrap();
        assert_eq!(numbers.loss, gradients.loss);
        let all = gradients.gradients.iter().flatten();
        let whole = norm(all.map(|g| f64::from(*g)));
        assert!((f64::from(numbers.grad_norm) / whole - 1.0).abs() < 1e-5);
        assert!(whole > update.clip, "clipping is tested");
        let factor = (update.clip / (whole + 1e-6)).min(1.0);
        let t = f64::from(done + 1);
        for (i, gradient) in gradients.gradients.iter().enumerate() {
            for (j, g) in gradient.iter().enumerate() {
                let g = f64::from(*g) * factor;
                let mix = |old: &mut f32, beta: f64, new: f64| {
                    let mixed = beta * f64::from(*old) + (1.0 - beta) * new;
                    *old = mixed as f32;
                    mixed
                };
                let m = mix(&mut expected.moment_1[i][j], 0.9, g) / (1.0 - 0.9f64.powf(t));
                let v = mix(&mut expected.moment_2[i][j], 0.999, g * g) / (1.0 - 0.999f64.powf(t));
                let value = f64::from(expected.values[i][j]) - update.lr * m / (v.sqrt() + 1e-8);
                expected.values[i][j] = value as f32;
                mix(&mut expected.average[i][j], update.decay, value);
            }
        }
        let found = pollster::block_on(learner.state()).unwrap();
        for (found, expected) in [
            (&found.values, &expected.values),
            (&found.average, &expected.average),
            (&found.moment_1, &expected.moment_1),
            (&found.moment_2, &expected.moment_2),
        ] {
            let pairs = found.iter().flatten().zip(expected.iter().flatten());
            let scale = norm(expected.iter().flatten().map(|v| f64::from(*v)));
            let off = norm(pairs.map(|(a, b)| f64::from(a - b)));
            assert!(off <= 1e-6 * scale, "step {done}: {off:e} of {scale:e}");
        }
        // The next step begins from the same numbers.
        expected = found;
    }
}

/// What a state consists of, for parameter `i`.
fn parts(state: &LearnerState, i: usize) -> [(&'static str, &[f32]); 4] {
    [
        ("values", &state.values[i]),
        ("average", &state.average[i]),
        ("first moment", &state.moment_1[i]),
        ("second moment", &state.moment_2[i]),
    ]
}

#[test]
fn steps_of_muon_are_those_of_the_processor() {
    let Some(gpu) = gpu() else { return };
    for (name, config) in configs() {
        let size = config.sample_size.unwrap();
        let state = state(&config);
        // A software driver takes minutes for a large one.
        if state.values.iter().map(Vec::len).sum::<usize>() > 500_000 {
            continue;
        }
        let mut found = pollster::block_on(GpuLearner::new(&gpu, &config, &state)).unwrap();
        let mut expected = CpuLearner::new(config.clone(), &state).unwrap();
        for done in 0..2 {
            let update = Update {
                optimizer: Optimizer::Muon,
                ..update(done)
            };
            let batch = batch(&config, size, 2, u64::from(done));
            pollster::block_on(found.step(&batch, &update)).unwrap();
            pollster::block_on(expected.step(&batch, &update)).unwrap();
        }
        let found = pollster::block_on(found.state()).unwrap();
        let expected = pollster::block_on(expected.state()).unwrap();
        let size = |tensor: &[f32]| norm(tensor.iter().map(|v| f64::from(*v)));
        let whole = norm(expected.moment_1.iter().map(|m| size(m)));
        for (i, spec) in Plan::trained(&config).unwrap().params.iter().enumerate() {
            // What comes before a normalisation of single channels may have no gradient but rounding.
            if size(&expected.moment_1[i]) < 1e-6 * whole {
                continue;
            }
            let [found, expected, before] =
                [&found, &expected, &state].map(|state| parts(state, i));
            for (((what, found), (_, expected)), (_, before)) in
                found.into_iter().zip(expected).zip(before)
            {
                let difference = |a: &[f32], b: &[f32]| -> Vec<f32> {
                    a.iter().zip(b).map(|(a, b)| a - b).collect()
                };
                let changed = size(&difference(expected, before));
                let off = size(&difference(found, expected));
                assert!(
                    off <= 1e-3 * changed + 1e-7 * size(expected),
                    "{name}: {what} of {}: {off:e} of {changed:e}",
                    spec.name
                );
            }
        }
    }
}

/// The state after three steps, of which none waits for the one before.
fn run(gpu: &Gpu, count: usize, optimizer: Optimizer) -> LearnerState {
    let (config, _, mut learner) = small(gpu);
    let steps: Vec<_> = (0..3)
        .map(|done| {
            let batch = batch(&config, [8, 8], count, u64::from(done));
            let update = Update {
                optimizer,
                ..update(done)
            };
            learner.step(&batch, &update)
        })
        .collect();
    for step in steps {
        assert!(pollster::block_on(step).unwrap().finite());
    }
    pollster::block_on(learner.state()).unwrap()
}

#[test]
fn the_same_steps_give_the_same_bits() {
    let Some(gpu) = gpu() else { return };
    for optimizer in [Optimizer::Adam, Optimizer::Muon] {
        assert!(run(&gpu, 3, optimizer) == run(&gpu, 3, optimizer));
    }
}

#[test]
fn a_batch_that_is_not_a_number_changes_nothing_and_neither_do_those_begun_after_it() {
    let Some(gpu) = gpu() else { return };
    for optimizer in [Optimizer::Adam, Optimizer::Muon] {
        nothing_changes(&gpu, optimizer);
    }
}

fn nothing_changes(gpu: &Gpu, optimizer: Optimizer) {
    let update = |done| Update {
        optimizer,
        ..update(done)
    };
    let (config, _, mut learner) = small(gpu);
    let good = batch(&config, [8, 8], 3, 0);
    let mut bad = good.clone();
    bad.x0[17] = f32::NAN;
    assert!(
        pollster::block_on(learner.step(&good, &update(0)))
            .unwrap()
            .finite()
    );
    let before = pollster::block_on(learner.state()).unwrap();
    // Three at once, the last with another size of batch.
    let other = batch(&config, [8, 8], 2, 1);
    let steps = [
        learner.step(&bad, &update(1)),
        learner.step(&good, &update(2)),
        learner.step(&other, &update(2)),
    ];
    let numbers = steps.map(|step| pollster::block_on(step).unwrap());
    assert!(
        numbers.iter().all(|numbers| !numbers.finite()),
        "{numbers:?}"
    );
    assert!(pollster::block_on(learner.state()).unwrap() == before);
    assert!(
        pollster::block_on(learner.step(&good, &update(1)))
            .unwrap()
            .finite()
    );
    assert!(pollster::block_on(learner.state()).unwrap() != before);
}

#[test]
fn a_batch_that_does_not_fit_is_refused() {
    let Some(gpu) = gpu() else { return };
    let (config, _, mut learner) = small(&gpu);
    let good = batch(&config, [8, 8], 2, 0);
    let mut short = good.clone();
    short.eps.pop();
    let mut levels = good.clone();
    levels.levels.pop();
    let mut labels = good.clone();
    labels.labels = Some(vec![0, 0]);
    for batch in [short, levels, labels] {
        let step = pollster::block_on(learner.step(&batch, &update(0)));
        assert!(matches!(step, Err(EngineError::Input(_))), "{step:?}");
    }
}

#[test]
fn a_network_with_other_channels_at_its_end_is_refused() {
    let Some(gpu) = gpu() else { return };
    let (config, state, _) = small(&gpu);
    let config = UnetConfig {
        out_channels: 4,
        ..config
    };
    let refused = pollster::block_on(GpuLearner::new(&gpu, &config, &state));
    assert_eq!(
        refused.err().unwrap().to_string(),
        "out_channels: training needs as many as in_channels (2), found 4"
    );
}

#[test]
fn a_batch_in_groups_has_the_gradients_of_the_whole() {
    let Some(gpu) = gpu() else { return };
    let (config, state, mut whole) = small(&gpu);
    // Groups of two, the last with one image; then one by one.
    let batch = batch(&config, [8, 8], 5, 1);
    let expected = pollster::block_on(whole.gradients(&batch)).unwrap();
    for bytes in [180_000, 1] {
        let learner = pollster::block_on(GpuLearner::new(&gpu, &config, &state)).unwrap();
        let mut learner = learner.within(bytes);
        let found = pollster::block_on(learner.gradients(&batch)).unwrap();
        assert!((found.loss / expected.loss - 1.0).abs() < 1e-6);
        let pairs = found.gradients.iter().zip(&expected.gradients);
        for (found, expected) in pairs {
            let off = norm(found.iter().zip(expected).map(|(a, b)| f64::from(a - b)));
            let scale = norm(expected.iter().map(|v| f64::from(*v)));
            assert!(off <= 1e-5 * scale.max(1e-3), "{off:e} of {scale:e}");
        }
        let numbers = pollster::block_on(learner.step(&batch, &update(0))).unwrap();
        assert_eq!(numbers.loss, found.loss);
    }
}
