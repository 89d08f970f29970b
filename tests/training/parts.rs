//! A step in parts, as workers without shared memory make it, and the numbers that a browser's steps are held against.

use ddim_web::engine::Optimizer;
use ddim_web::engine::{AnyLearner, CpuLearner, DeviceKind, EngineKind, Learner, LearnerState};
use ddim_web::engine::{LoadOptions, Update};
use ddim_web::images::ImageSet;
use ddim_web::scheduler::SchedulerConfig;
use ddim_web::train::{Labels, Setup, TrainOptions, Trainer, TrainingSet};
use ddim_web::unet::config::UnetConfig;
use pollster::block_on;
use serde_json::Value;

use crate::cpu::{many, small};
use crate::finite::tensors;

#[test]
fn two_parts_add_up_to_the_whole_batch() {
    let (config, plan) = small();
    let state = LearnerState::new(tensors(&plan));
    let learner = || CpuLearner::new(config.clone(), &state).unwrap();
    for [images, cut] in [[4, 2], [5, 2], [6, 1]] {
        let batch = many(&config, images, 3);
        let mut whole = learner();
        let expected = block_on(whole.gradients(&batch)).unwrap();
        let (mut first, mut second) = (learner(), learner());
        let (more, gradients) = second.part(&batch.part(cut..images)).unwrap();
        let (loss, _) = first.part(&batch.part(0..cut)).unwrap();
        first.add(gradients).unwrap();
        let loss = loss + more;
        assert!((loss as f32 - expected.loss).abs() <= 1e-6 * expected.loss);
        // Its norm and all weights after a step say the same of the gradients.
        let update = Update {
            optimizer: Optimizer::Muon,
            done: 0,
            lr: 1e-3,
            clip: 1.0,
            decay: 0.5,
        };
        let numbers = first.finish(loss, &update);
        let expected = block_on(whole.step(&batch, &update)).unwrap();
        let error = (numbers.grad_norm - expected.grad_norm).abs() / expected.grad_norm;
        assert!(error <= 1e-6, "{images}: {error:e}");
        second.set_values(first.values()).unwrap();
        assert_eq!(first.values(), second.values());
        let moments = block_on(first.state()).unwrap().moment_1.concat();
        let others = block_on(whole.state()).unwrap().moment_1.concat();
        let norm = |values: &mut dyn Iterator<Item = f32>| {
            values
                .map(|v| f64::from(v) * f64::from(v))
                .sum::<f64>()
                .sqrt()
        };
        let error = norm(&mut moments.iter().zip(&others).map(|(a, b)| a - b));
        let size = norm(&mut others.iter().copied());
        assert!(error <= 1e-6 * size, "{images}: {:e}", error / size);
    }
}

#[test]
fn gradients_and_weights_of_another_network_are_refused() {
    let (config, plan) = small();
    let mut learner = CpuLearner::new(config, &LearnerState::new(tensors(&plan))).unwrap();
    assert!(learner.add(&[0.0]).is_err());
    assert!(learner.set_values(&[0.0]).is_err());
}

/// A run that tests/e2e/training.test.mjs makes as well, on the package for browsers, and its losses.
const RUN: &str = include_str!("../fixtures/train/browser.json");

fn images() -> ImageSet {
    let [count, channels, side] = [12, 3, 8];
    let pixel = |i: usize| {
        let (x, y) = (i % side, i / side % side);
        let (channel, image) = (i / (side * side) % channels, i / (side * side * channels));
        ((x * (image + 1) * 9 + y * (channel + 1) * 14) % 256) as u8
    };
    let pixels = (0..count * channels * side * side).map(pixel).collect();
    ImageSet::new(count, channels, side, side, pixels).unwrap()
}

/// The losses of the run in `run` with `set` on a network of so many classes, against those in `expected`.
fn check(
    run: &Value,
    set: TrainingSet,
    classes: Option<usize>,
    dropout: Option<f64>,
    expected: &Value,
) {
    let config = UnetConfig::from_json(include_str!("../fixtures/unet/no-middle.json")).unwrap();
    let config = UnetConfig {
        num_class_embeds: classes,
        ..config
    };
    let number = |key: &str| run["options"][key].as_f64().unwrap();
    let options = TrainOptions {
        steps: number("steps") as u32,
        batch: number("batch") as usize,
        optimizer: run["options"]["optimizer"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap(),
        lr: number("lr"),
        warmup: number("warmup") as u32,
        decay_steps: Some(number("decay_steps") as u32),
        ema: number("ema"),
        seed: number("seed") as u64,
        loss: run["options"]["loss"].as_str().unwrap().parse().unwrap(),
        label_dropout: dropout,
        ..Default::default()
    };
    let scheduler = SchedulerConfig::from_json(&run["scheduler"].to_string()).unwrap();
    let make = async |setup: Setup| {
        let options = LoadOptions {
            engine: EngineKind::Plan,
            device: DeviceKind::Cpu,
            instructions: None,
            weights: ddim_web::engine::Storage::F32,
            #[cfg(feature = "gpu")]
            gpu: Default::default(),
        };
        AnyLearner::new(&options, &setup.config, setup.state).await
    };
    let mut trainer = block_on(Trainer::new(&config, scheduler, options, set, make)).unwrap();
    while !trainer.is_over() {
        block_on(trainer.step()).unwrap();
    }
    let expected = expected.as_array().unwrap();
    let expected: Vec<f64> = expected.iter().map(|v| v.as_f64().unwrap()).collect();
    let found = trainer.losses();
    let pairs = found.iter().zip(&expected);
    let worst = pairs
        .map(|(f, e)| (f64::from(*f) - e).abs() / e)
        .fold(0.0, f64::max);
    assert!(
        found.len() == expected.len() && worst <= 5e-4,
        "{worst:e} {found:?}"
    );
}

#[test]
fn a_run_has_the_losses_that_browsers_are_held_against() {
    let run: Value = serde_json::from_str(RUN).unwrap();
    check(&run, images().into(), None, None, &run["losses"]);
}

#[test]
fn a_run_with_classes_has_the_losses_that_browsers_are_held_against() {
    let run: Value = serde_json::from_str(RUN).unwrap();
    let classes = &run["classes"];
    let labels = classes["labels"].as_array().unwrap();
    let labels = labels.iter().map(|label| label.as_u64().unwrap() as usize);
    let names = (0..3).map(|class| class.to_string()).collect();
    let count = classes["num_class_embeds"].as_u64().map(|n| n as usize);
    let set = TrainingSet {
        images: images(),
        labels: Some(Labels::new(labels.collect(), names, count).unwrap()),
    };
    let dropout = classes["label_dropout"].as_f64();
    check(&run, set, count, dropout, &classes["losses"]);
}
