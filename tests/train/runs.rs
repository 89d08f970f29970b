//! Whole runs of a tiny network.

use ddim_web::engine::{EngineKind, Learner, LearnerState};
use ddim_web::scheduler::{SchedulerClass, SchedulerConfig};
use ddim_web::step::Prediction;
use ddim_web::train::batch::Batches;
use ddim_web::train::loss::Objective;
use ddim_web::train::{Checkpoint, Loss, TrainError, TrainOptions, Trainer};
use ddim_web::unet::config::UnetConfig;
use pollster::block_on;

use crate::support::{
    ENGINES, Run, TINY, bars, begin, checkpoint_of, learner, make, options, resume, tiny, trainer,
    trainer_on, weights_of,
};

const PLAN: EngineKind = EngineKind::Plan;

fn run(trainer: &mut Run, steps: u32) {
    for _ in 0..steps {
        block_on(trainer.step()).unwrap();
    }
}

fn mean(losses: &[f32]) -> f32 {
    losses.iter().sum::<f32>() / losses.len() as f32
}

#[test]
fn three_hundred_steps_lower_the_loss_by_a_factor_of_four() {
    let mut trainer = trainer(options(300));
    run(&mut trainer, 300);
    // A network that predicts 0 has the loss E[eps²] = 1.
    let (first, last) = (mean(&trainer.losses()[..5]), mean(&trainer.losses()[250..]));
    assert!((first - 1.0).abs() < 0.2, "first losses {first}");
    assert!(last < first / 4.0, "from {first} to {last}");
    assert!(matches!(
        block_on(trainer.step()),
        Err(TrainError::Over { steps: 300 })
    ));
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one_bit_for_bit() {
    for &engine in ENGINES {
        let mut whole = trainer_on(engine, options(24));
        run(&mut whole, 24);
        let mut first = trainer_on(engine, options(24));
        run(&mut first, 9);
        let bytes = checkpoint_of(&mut first);
        drop(first);
        let checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
        assert_eq!(checkpoint.step, 9);
        let mut second = resume(engine, checkpoint, bars(40)).unwrap();
        assert!(
            checkpoint_of(&mut second) == bytes,
            "{engine}: reading and writing changes the checkpoint"
        );
        run(&mut second, 15);
        assert_eq!(second.losses(), whole.losses());
        assert!(
            checkpoint_of(&mut second) == checkpoint_of(&mut whole),
            "{engine}: the checkpoints differ"
        );
    }
}

/// The same images, noise, weights and rules: what is left is rounding.
#[test]
#[cfg(feature = "burn")]
fn every_engine_makes_the_same_run() {
    let engines = [EngineKind::Plan, EngineKind::Burn];
    let mut runs = engines.map(|engine| trainer_on(engine, options(30)));
    runs.iter_mut().for_each(|trainer| run(trainer, 30));
    let [ours, burn] = runs.each_ref().map(|trainer| trainer.losses());
    for (step, (ours, burn)) in ours.iter().zip(burn).enumerate() {
        assert!(
            (ours - burn).abs() < 1e-3,
            "step {step}: {ours}, burn {burn}"
        );
    }
}

/// Written by the version whose trainer was burn's: step 3 of 6 of a network with 7,000 parameters.
/// The first three losses are that version's.
#[test]
fn a_checkpoint_of_an_earlier_version_is_read_and_goes_on() {
    let bytes = include_bytes!("../fixtures/train/checkpoint.safetensors");
    let checkpoint = Checkpoint::from_bytes(bytes).unwrap();
    assert_eq!((checkpoint.step, checkpoint.options.steps), (3, 6));
    let today = include_bytes!("../fixtures/train/checkpoint-2.safetensors");
    assert!(
        checkpoint.to_bytes().unwrap() == today,
        "the format changed"
    );
    assert_eq!(Checkpoint::from_bytes(today).unwrap(), checkpoint);
    let expected = [
        1.087_053_8,
        0.914_434_1,
        0.922_208_67,
        1.160_923_8,
        0.989_988_2,
        0.988_767_27,
    ];
    for &engine in ENGINES {
        let mut later = resume(engine, checkpoint.clone(), bars(40)).unwrap();
        run(&mut later, 3);
        for (found, expected) in later.losses().iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-4,
                "{engine}: {found}, was {expected}"
            );
        }
    }
}

/// The loss of the averaged weights on 40 images, spread over the chain. Not at its first steps: there nobody can tell
/// the noise from the image, and in the bound those steps outweigh all others.
fn loss_over_the_chain(trainer: &mut Run) -> f32 {
    let objective = Objective::new(trainer.scheduler(), trainer.options().loss).unwrap();
    let t: Vec<usize> = (12..1000).step_by(25).collect();
    let images: Vec<usize> = (0..t.len()).collect();
    let eps = Batches::new(1, 40, t.len()).eps(0, 64);
    let batch = objective.batch([1, 8, 8], bars(40).scaled(&images), eps, &t);
    let average = block_on(trainer.snapshot()).unwrap().state.average;
    let mut learner = learner(PLAN, trainer.config(), LearnerState::new(average));
    block_on(learner.gradients(&batch)).unwrap().loss
}

#[test]
fn steps_lower_every_loss_with_every_prediction_type() {
    for (loss, prediction_type) in ["simple", "bound", "min-snr"]
        .into_iter()
        .flat_map(|loss| Prediction::ALL.map(|kind| (loss, kind)))
    {
        let options = TrainOptions {
            loss: loss.parse().unwrap(),
            ema: 0.9,
            ..options(60)
        };
        let scheduler = SchedulerConfig {
            prediction_type,
            ..SchedulerConfig::new(SchedulerClass::Ddim)
        };
        let mut trainer = begin(PLAN, &tiny(), scheduler, options, bars(40)).unwrap();
        let first = loss_over_the_chain(&mut trainer);
        run(&mut trainer, 60);
        let last = loss_over_the_chain(&mut trainer);
        assert!(
            last < 0.85 * first,
            "{loss}, {prediction_type}: from {first} to {last}"
        );
    }
}

#[test]
fn a_run_can_begin_with_the_weights_of_another_model() {
    let mut first = trainer(options(80));
    run(&mut first, 80);
    let file = weights_of(&mut first);
    let scheduler = first.scheduler().clone();
    let begin = |prediction_type| {
        let scheduler = SchedulerConfig {
            prediction_type,
            ..scheduler.clone()
        };
        let options = TrainOptions {
            ema: 0.9,
            ..options(60)
        };
        let config = tiny();
        let run = Trainer::from_weights(
            &config,
            &file,
            scheduler,
            options,
            bars(40),
            async |setup| make(PLAN, setup).await,
        );
        block_on(run).unwrap()
    };
    let mut same = begin(Prediction::Epsilon);
    assert_eq!(same.steps_done(), 0);
    assert_eq!(
        loss_over_the_chain(&mut same),
        loss_over_the_chain(&mut first)
    );
    assert!(weights_of(&mut same) == file);
    assert!(loss_over_the_chain(&mut same) < 0.7 * loss_over_the_chain(&mut trainer(options(1))));
    // It learns another prediction.
    let mut other = begin(Prediction::VPrediction);
    let before = loss_over_the_chain(&mut other);
    run(&mut other, 60);
    let after = loss_over_the_chain(&mut other);
    assert!(after < 0.7 * before, "from {before} to {after}");
}

#[test]
fn a_resumed_run_keeps_its_loss() {
    let start = || {
        trainer(TrainOptions {
            loss: Loss::MinSnr { limit: 2.5 },
            ..options(6)
        })
    };
    let (mut whole, mut first) = (start(), start());
    run(&mut whole, 6);
    run(&mut first, 3);
    let checkpoint = Checkpoint::from_bytes(&checkpoint_of(&mut first)).unwrap();
    assert_eq!(checkpoint.options.loss, Loss::MinSnr { limit: 2.5 });
    let mut second = resume(PLAN, checkpoint, bars(40)).unwrap();
    run(&mut second, 3);
    assert_eq!(second.losses(), whole.losses());
    let mut simple = trainer(options(6));
    run(&mut simple, 6);
    assert_ne!(simple.losses(), whole.losses());
}

#[test]
fn options_from_before_there_was_a_choice_of_losses_mean_the_simple_one() {
    let mut options = serde_json::to_value(options(6)).unwrap();
    let removed = options.as_object_mut().unwrap().remove("loss");
    assert_eq!(removed, Some("simple".into()));
    let options: TrainOptions = serde_json::from_value(options).unwrap();
    assert_eq!(options.loss, Loss::Simple);
}

#[test]
fn the_bound_of_eps_at_pure_noise_is_refused() {
    let start = |prediction_type| {
        let scheduler = SchedulerConfig {
            prediction_type,
            rescale_betas_zero_snr: true,
            ..SchedulerConfig::new(SchedulerClass::Ddim)
        };
        let options = TrainOptions {
            loss: Loss::Bound,
            ..options(1)
        };
        begin(PLAN, &tiny(), scheduler, options, bars(4))
    };
    let text = start(Prediction::Epsilon).err().unwrap().to_string();
    assert!(
        text.contains("prediction_type") && text.contains("alpha_bar is 0"),
        "{text}"
    );
    run(&mut start(Prediction::VPrediction).unwrap(), 1);
}

#[test]
fn dropout_is_part_of_the_seed_too() {
    let config = UnetConfig {
        dropout: 0.3,
        ..tiny()
    };
    for &engine in ENGINES {
        let scheduler = SchedulerConfig::new(SchedulerClass::Ddim);
        let start = || begin(engine, &config, scheduler.clone(), options(5), bars(40)).unwrap();
        let (mut a, mut b) = (start(), start());
        run(&mut a, 5);
        run(&mut b, 2);
        let checkpoint = Checkpoint::from_bytes(&checkpoint_of(&mut b)).unwrap();
        let mut b = resume(engine, checkpoint, bars(40)).unwrap();
        run(&mut b, 3);
        assert_eq!(a.losses(), b.losses());
        let mut without = trainer_on(engine, options(5));
        run(&mut without, 5);
        assert_ne!(a.losses(), without.losses());
    }
}

#[test]
fn a_run_that_leaves_the_numbers_stops_and_keeps_its_state() {
    for &engine in ENGINES {
        let mut healthy = trainer_on(engine, options(20));
        run(&mut healthy, 4);
        let checkpoint = Checkpoint::from_bytes(&checkpoint_of(&mut healthy)).unwrap();
        // Finite weights whose output squared is not.
        let mut bad = checkpoint.clone();
        bad.state.values.last_mut().unwrap().fill(1e30);
        let mut broken = resume(engine, bad, bars(40)).unwrap();
        let before = checkpoint_of(&mut broken);
        for _ in 0..2 {
            let error = block_on(broken.step()).unwrap_err();
            assert!(
                matches!(
                    error,
                    TrainError::NotFinite {
                        step: 5,
                        what: "loss",
                        ..
                    }
                ),
                "{error}"
            );
            assert!(
                error
                    .to_string()
                    .starts_with("step 5: expected a finite loss, found inf"),
                "{error}"
            );
        }
        assert_eq!((broken.steps_done(), broken.losses().len()), (4, 4));
        assert!(
            checkpoint_of(&mut broken) == before,
            "{engine}: the failed step left a trace"
        );
    }
}

#[test]
fn the_average_is_what_is_sampled_and_saved() {
    let mut trainer = trainer(options(3));
    run(&mut trainer, 3);
    let saved = weights_of(&mut trainer);
    let checkpoint = checkpoint_of(&mut trainer);
    let (saved, checkpoint) = (
        safetensors::SafeTensors::deserialize(&saved).unwrap(),
        safetensors::SafeTensors::deserialize(&checkpoint).unwrap(),
    );
    for (name, view) in saved.iter() {
        assert_eq!(
            checkpoint.tensor(&format!("ema.{name}")).unwrap().data(),
            view.data(),
            "{name}"
        );
        assert!(
            checkpoint
                .tensor(&format!("weights.{name}"))
                .unwrap()
                .data()
                != view.data()
                || !name.ends_with("weight"),
            "{name}"
        );
    }
}

#[test]
fn networks_that_do_not_fit_the_images_are_refused() {
    let start = |text: &str| {
        let config = UnetConfig::from_json(text).unwrap();
        let scheduler = SchedulerConfig::new(SchedulerClass::Ddim);
        begin(PLAN, &config, scheduler, options(1), bars(4))
            .err()
            .expect(text)
            .to_string()
    };
    for (from, to, word) in [
        (r#""in_channels": 1"#, r#""in_channels": 3"#, "in_channels"),
        (
            r#""out_channels": 1"#,
            r#""out_channels": 2"#,
            "out_channels",
        ),
        (r#""sample_size": 8"#, r#""sample_size": 16"#, "sample_size"),
        (
            r#""sample_size": 8"#,
            r#""num_class_embeds": 10"#,
            "num_class_embeds",
        ),
        (
            r#""sample_size": 8"#,
            r#""time_embedding_type": "fourier""#,
            "t:",
        ),
    ] {
        let text = start(&TINY.replace(from, to));
        assert!(text.contains(word) && !text.contains('\n'), "{to}: {text}");
    }
}

#[test]
fn a_run_does_not_go_on_with_other_images() {
    let checkpoint = Checkpoint::from_bytes(&checkpoint_of(&mut trainer(options(2)))).unwrap();
    let error = resume(PLAN, checkpoint, bars(41))
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("40 images") && error.contains("41 images"),
        "{error}"
    );
}
