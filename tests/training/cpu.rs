//! Training on the CPU against the plan's loops in f64, and against itself.

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
        if !(error <= TOLERANCE * size + NOTHING * largest) {
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
