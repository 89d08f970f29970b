//! Training on the CPU against the plan's loops in f64, and against itself.

use ddim_web::engine::Optimizer;
use ddim_web::engine::plan::{Plan, TrainingPlan, gradients};
use ddim_web::engine::{CpuEngine, CpuLearner, Learner, LearnerState, TrainBatch, Update};
use ddim_web::unet::config::UnetConfig;
use pollster::block_on;

use crate::finite::{batch, tensors};
use crate::list::configs;
use crate::random::draw_within;

/// Largest error of a tensor's gradient, as a part of its norm.
const TOLERANCE: f64 = 1e-4;

/// Where the gradient is next to nothing, as a part of the largest norm of a tensor's gradient.
const NOTHING: f64 = 1e-6;

fn learner(config: &UnetConfig, plan: &TrainingPlan) -> CpuLearner {
    CpuLearner::new(config.clone(), &LearnerState::new(tensors(plan))).unwrap()
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

/// The learner's loss and gradients are the reference's.
fn agrees(what: &str, plan: &TrainingPlan, learner: &mut CpuLearner, batch: &TrainBatch) {
    let (loss, expected) = gradients(plan, &tensors(plan), batch);
    let found = block_on(learner.gradients(batch)).unwrap();
    let error = (f64::from(found.loss) - loss).abs();
    assert!(error <= 1e-5 * loss, "{what}: {} and {loss}", found.loss);
    let norms = expected.iter().map(|e| norm(e.iter().copied()));
    let largest = norms.fold(0.0, f64::max);
    let mut wrong = Vec::new();
    for (i, (found, expected)) in found.gradients.iter().zip(&expected).enumerate() {
        let pairs = found.iter().zip(expected);
        let error = norm(pairs.map(|(f, e)| f64::from(*f) - e));
        let size = norm(expected.iter().copied());
        if error.is_nan() || error > TOLERANCE * size + NOTHING * largest {
            wrong.push(format!(
                "{}: {error:e} of {size:e}",
                plan.plan.params[i].name
            ));
        }
    }
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
}

#[test]
fn gradients_of_drawn_networks_are_those_of_the_reference() {
    for seed in 0..60 {
        let drawn = draw_within(
            seed,
            [
                &[[3, 5], [1, 7], [9, 6]],
                &[[2, 6], [6, 10], [2, 2]],
                &[[4, 4], [4, 12], [8, 16]],
            ],
            20_000,
        );
        let config = UnetConfig {
            out_channels: drawn.config.in_channels,
            ..drawn.config.clone()
        };
        let plan = TrainingPlan::new(&config, drawn.size).unwrap();
        let batch = batch(&config, drawn.size, seed);
        for instructions in CpuEngine::instructions() {
            let state = LearnerState::new(tensors(&plan));
            let mut learner =
                CpuLearner::with_instructions(config.clone(), &state, instructions).unwrap();
            let what = format!(
                "{instructions}, network {seed} {:?} {}",
                drawn.size, drawn.json
            );
            agrees(&what, &plan, &mut learner, &batch);
        }
    }
}

#[test]
fn gradients_of_the_fixtures_networks_are_those_of_the_reference() {
    for (name, config) in configs() {
        if name.starts_with("cifar") {
            continue;
        }
        let config = UnetConfig {
            out_channels: config.in_channels,
            ..config
        };
        let size = Plan::trained(&config).unwrap().size;
        let plan = TrainingPlan::new(&config, size).unwrap();
        let mut learner = learner(&config, &plan);
        agrees(&name, &plan, &mut learner, &batch(&config, size, 5));
    }
}

/// Normalisation, attention with heads, both ways to change the resolution; enough channels for Winograd's tiles.
const SMALL: &str = r#"{
    "sample_size": 16, "in_channels": 3, "out_channels": 3, "norm_num_groups": 4,
    "block_out_channels": [16, 24], "layers_per_block": 1, "attention_head_dim": 8, "dropout": 0.1,
    "down_block_types": ["AttnDownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "AttnUpBlock2D"]
}"#;

pub fn small() -> (UnetConfig, TrainingPlan) {
    let config = UnetConfig::from_json(SMALL).unwrap();
    let plan = TrainingPlan::new(&config, [16, 16]).unwrap();
    (config, plan)
}

/// A batch of `images` pictures.
pub fn many(config: &UnetConfig, images: usize, seed: u32) -> TrainBatch {
    let mut whole = batch(config, [16, 16], seed);
    for i in 1..images.div_ceil(2) {
        let more = batch(config, [16, 16], seed + 1000 * i as u32);
        whole.x0.extend(more.x0);
        whole.eps.extend(more.eps);
        whole
            .timesteps
            .extend(more.timesteps.iter().map(|t| t + 3.0));
        whole.levels.extend(more.levels);
    }
    let numbers = images * config.in_channels * 16 * 16;
    whole.shape[0] = images;
    whole.x0.truncate(numbers);
    whole.eps.truncate(numbers);
    whole.timesteps.truncate(images);
    whole.levels.truncate(images);
    whole
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

/// Steps number `from` to below `to`, each with a batch of its own.
fn train(
    learner: &mut CpuLearner,
    config: &UnetConfig,
    images: usize,
    from: u32,
    to: u32,
) -> Vec<f32> {
    let one = |done| {
        let step = learner.step(&many(config, images, done), &update(done));
        block_on(step).unwrap().loss
    };
    (from..to).map(one).collect()
}

fn pool(threads: usize) -> rayon::ThreadPool {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build().unwrap()
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let (config, plan) = small();
    for images in [1, 3, 5] {
        let run = |threads| {
            pool(threads).install(|| {
                let mut learner = learner(&config, &plan);
                let losses = train(&mut learner, &config, images, 0, 3);
                (losses, block_on(learner.state()).unwrap())
            })
        };
        let expected = run(1);
        for threads in [2, 4, 7] {
            assert!(
                run(threads) == expected,
                "{threads} threads, {images} images"
            );
        }
    }
}

#[test]
fn thirty_steps_lower_the_loss_and_can_be_repeated() {
    let (config, plan) = small();
    let run = || {
        let mut learner = learner(&config, &plan);
        let losses = train(&mut learner, &config, 4, 0, 30);
        (losses, block_on(learner.state()).unwrap())
    };
    let (losses, state) = run();
    assert!(losses.iter().all(|loss| loss.is_finite()));
    let mean = |some: &[f32]| some.iter().sum::<f32>() / some.len() as f32;
    assert!(mean(&losses[25..]) < 0.8 * mean(&losses[..5]), "{losses:?}");
    assert!(run() == (losses, state));
}

#[test]
fn a_run_that_is_resumed_equals_one_that_was_not_interrupted() {
    let (config, plan) = small();
    let mut whole = learner(&config, &plan);
    train(&mut whole, &config, 2, 0, 10);
    let mut first = learner(&config, &plan);
    train(&mut first, &config, 2, 0, 4);
    let state = block_on(first.state()).unwrap();
    let mut second = CpuLearner::new(config.clone(), &state).unwrap();
    train(&mut second, &config, 2, 4, 10);
    let [whole, second] = [&mut whole, &mut second].map(|l| block_on(l.state()).unwrap());
    assert!(whole == second);
}

/// Adam as PyTorch writes it, clipping and the average, in f64.
#[test]
fn a_step_is_adams() {
    let (config, plan) = small();
    let mut learner = learner(&config, &plan);
    let mut state = block_on(learner.state()).unwrap();
    for done in 0..3 {
        let batch = many(&config, 2, done);
        let gradients = block_on(learner.gradients(&batch)).unwrap().gradients;
        let all = gradients.iter().flatten().map(|v| f64::from(*v));
        let size = norm(all);
        let update = Update {
            clip: 0.5 * size,
            ..update(done)
        };
        let numbers = block_on(learner.step(&batch, &update)).unwrap();
        assert!((f64::from(numbers.grad_norm) / size - 1.0).abs() < 1e-6);
        let factor = update.clip / (size + 1e-6);
        let step = i32::try_from(done + 1).unwrap();
        for (i, gradient) in gradients.iter().enumerate() {
            for (k, g) in gradient.iter().enumerate() {
                let g = f64::from(*g) * factor;
                let old = |numbers: &[Vec<f32>]| f64::from(numbers[i][k]);
                let m = 0.9 * old(&state.moment_1) + 0.1 * g;
                let v = 0.999 * old(&state.moment_2) + 0.001 * g * g;
                let (m_hat, v_hat) = (
                    m / (1.0 - 0.9f64.powi(step)),
                    v / (1.0 - 0.999f64.powi(step)),
                );
                let value = old(&state.values) - update.lr * m_hat / (v_hat.sqrt() + 1e-8);
                let average = 0.9 * old(&state.average) + 0.1 * value;
                state.moment_1[i][k] = m as f32;
                state.moment_2[i][k] = v as f32;
                state.values[i][k] = value as f32;
                state.average[i][k] = average as f32;
            }
        }
        let found = block_on(learner.state()).unwrap();
        for (found, expected) in [
            (&found.values, &state.values),
            (&found.average, &state.average),
            (&found.moment_1, &state.moment_1),
            (&found.moment_2, &state.moment_2),
        ] {
            let pairs = found.iter().flatten().zip(expected.iter().flatten());
            for (found, expected) in pairs {
                assert!((found - expected).abs() <= 1e-6 + 1e-5 * expected.abs());
            }
        }
        state = found;
    }
}

#[test]
fn a_step_that_is_not_finite_changes_nothing() {
    let (config, plan) = small();
    let mut learner = learner(&config, &plan);
    train(&mut learner, &config, 2, 0, 2);
    let before = block_on(learner.state()).unwrap();
    let mut broken = many(&config, 2, 2);
    broken.x0[7] = f32::NAN;
    let numbers = learner.step(&broken, &update(2));
    // Begun before those numbers are there.
    let after = learner.step(&many(&config, 2, 3), &update(3));
    assert!(block_on(learner.state()).unwrap() == before);
    assert!(!block_on(numbers).unwrap().finite());
    assert!(block_on(after).unwrap().finite());
    assert!(block_on(learner.state()).unwrap() == before);
    let mut fresh = CpuLearner::new(config.clone(), &before).unwrap();
    for learner in [&mut learner, &mut fresh] {
        train(learner, &config, 2, 4, 6);
    }
    let [one, other] = [&mut learner, &mut fresh].map(|l| block_on(l.state()).unwrap());
    assert!(one == other && one != before);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let (config, plan) = small();
    let mut learner = learner(&config, &plan);
    let good = many(&config, 2, 0);
    let refused = |learner: &mut CpuLearner, change: &dyn Fn(&mut TrainBatch)| {
        let mut batch = good.clone();
        change(&mut batch);
        let error = block_on(learner.gradients(&batch)).unwrap_err();
        error.to_string()
    };
    type Change<'a> = &'a dyn Fn(&mut TrainBatch);
    let cases: [(Change, &str); 6] = [
        (&|b| b.shape[0] = 0, "batch of 1 or more"),
        (&|b| b.shape[3] = 15, "multiples of 2"),
        (&|b| b.x0.truncate(5), "found 5"),
        (&|b| b.timesteps.truncate(1), "for each of 2 images"),
        (&|b| b.levels.truncate(1), "for each of 2 images"),
        (&|b| b.labels = Some(vec![0, 0]), "unconditional"),
    ];
    for (change, expected) in cases {
        let found = refused(&mut learner, change);
        assert!(found.contains(expected), "{found}");
    }
    let wider = UnetConfig {
        out_channels: 6,
        ..config.clone()
    };
    let error = CpuLearner::new(wider.clone(), &LearnerState::new(tensors(&plan)));
    for error in [
        error.err().unwrap().to_string(),
        good.check(&wider).unwrap_err().to_string(),
        TrainingPlan::new(&wider, [16, 16]).unwrap_err().to_string(),
    ] {
        assert_eq!(
            error,
            "out_channels: training needs as many as in_channels (3), found 6"
        );
    }
    let mut state = LearnerState::new(tensors(&plan));
    state.moment_2[3].pop();
    let error = CpuLearner::new(config.clone(), &state).err().unwrap();
    assert!(error.to_string().contains("wrong shape"), "{error}");
    state.values.truncate(3);
    let error = CpuLearner::new(config.clone(), &state).err().unwrap();
    assert!(error.to_string().contains("missing"), "{error}");
    let state = LearnerState::new(tensors(&plan));
    let error = CpuLearner::with_instructions(config, &state, "MMX")
        .err()
        .unwrap();
    assert!(error.to_string().contains("portable"), "{error}");
}
