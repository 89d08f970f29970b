//! Runs of a network with classes: what a step is told, what is kept, and what is refused.

use ddim_web::engine::{EngineKind, Learner, LearnerState};
use ddim_web::scheduler::{SchedulerClass, SchedulerConfig};
use ddim_web::train::batch::Batches;
use ddim_web::train::{Checkpoint, Labels, TrainError, TrainOptions, Trainer, TrainingSet};
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::labels::ClassLabels;
use pollster::block_on;

use crate::support::{ENGINES, Run, bars, checkpoint_of, learner, make, options, tiny};

const PLAN: EngineKind = EngineKind::Plan;

/// A network of `classes` classes.
fn network(classes: usize) -> UnetConfig {
    UnetConfig {
        num_class_embeds: Some(classes),
        ..tiny()
    }
}

/// 40 bars in 8 places; the class is the place. The ninth class stands for none.
fn places() -> TrainingSet {
    let names = ('a'..='h').map(String::from).collect();
    let of_images = (0..40).map(|image| image * 3 % 8).collect();
    TrainingSet {
        images: bars(40),
        labels: Some(Labels::new(of_images, names, Some(9)).unwrap()),
    }
}

fn begin(
    engine: EngineKind,
    config: &UnetConfig,
    options: TrainOptions,
    set: TrainingSet,
) -> Result<Run, TrainError> {
    let scheduler = SchedulerConfig::new(SchedulerClass::Ddim);
    let make = async |setup| make(engine, setup).await;
    block_on(Trainer::new(config, scheduler, options, set, make))
}

fn resume(engine: EngineKind, bytes: &[u8], set: TrainingSet) -> Result<Run, TrainError> {
    let checkpoint = Checkpoint::from_bytes(bytes).unwrap();
    let make = async |setup| make(engine, setup).await;
    block_on(Trainer::resume(checkpoint, set, make))
}

fn run(trainer: &mut Run, steps: u32) {
    for _ in 0..steps {
        block_on(trainer.step()).unwrap();
    }
}

fn labels_of(set: &TrainingSet) -> &[usize] {
    &set.labels.as_ref().unwrap().of_images
}

#[test]
fn a_step_is_told_the_classes_of_its_images_but_for_the_share_that_is_forgotten() {
    let set = places();
    for (dropout, expected) in [(None, 0.1), (Some(0.0), 0.0), (Some(0.5), 0.5)] {
        let options = TrainOptions {
            label_dropout: dropout,
            ..options(1000)
        };
        let mut batches = Batches::new(options.seed, 40, options.batch);
        let mut trainer = begin(PLAN, &network(9), options, set.clone()).unwrap();
        let mut forgotten = 0;
        for step in 0..1000 {
            let images = batches.at(step).images;
            let told = trainer.seen(step).labels.unwrap();
            assert_eq!(Some(&told), trainer.seen(step).labels.as_ref());
            for (image, told) in images.into_iter().zip(told) {
                match told {
                    8 => forgotten += 1,
                    label => assert_eq!(label, labels_of(&set)[image]),
                }
            }
        }
        // Four standard deviations of 8,000 draws.
        let share = f64::from(forgotten) / 8000.0;
        let error = 4.0 * (expected * (1.0 - expected) / 8000.0f64).sqrt();
        assert!((share - expected).abs() <= error, "{share} of {expected}");
    }
}

#[test]
fn the_network_learns_what_its_classes_mean() {
    let set = places();
    let options = TrainOptions {
        ema: 0.9,
        ..options(200)
    };
    let mut trainer = begin(PLAN, &network(9), options, set.clone()).unwrap();
    run(&mut trainer, 200);
    let average = block_on(trainer.snapshot()).unwrap().state.average;
    let mut learner = learner(PLAN, trainer.config(), LearnerState::new(average));
    let images: Vec<usize> = (0..40).collect();
    let eps = Batches::new(1, 40, 40).eps(0, 64);
    let objective = trainer.objective();
    let mut loss = |shift: usize| {
        let mut batch = objective.batch(
            [1, 8, 8],
            set.images.scaled(&images),
            eps.clone(),
            &[400; 40],
        );
        let told = labels_of(&set).iter().map(|label| (label + shift) % 8);
        batch.labels = Some(told.collect());
        block_on(learner.gradients(&batch)).unwrap().loss
    };
    let (right, wrong) = (loss(0), loss(4));
    assert!(
        right < 0.8 * wrong,
        "{right} with the right classes, {wrong} with others"
    );
}

#[test]
fn a_resumed_run_with_classes_equals_an_uninterrupted_one_bit_for_bit() {
    for &engine in ENGINES {
        let start = || begin(engine, &network(9), options(12), places()).unwrap();
        let (mut whole, mut first) = (start(), start());
        run(&mut whole, 12);
        run(&mut first, 5);
        let bytes = checkpoint_of(&mut first);
        let mut second = resume(engine, &bytes, places()).unwrap();
        assert_eq!(
            second.classes(),
            places().labels.as_ref().map(|l| &l.classes)
        );
        assert!(checkpoint_of(&mut second) == bytes, "{engine}");
        run(&mut second, 7);
        assert!(
            checkpoint_of(&mut second) == checkpoint_of(&mut whole),
            "{engine}: the checkpoints differ"
        );
    }
}

#[test]
fn a_run_does_not_go_on_with_other_classes() {
    let mut run = begin(PLAN, &network(9), options(3), places()).unwrap();
    let bytes = checkpoint_of(&mut run);
    let mut other = places();
    other.labels.as_mut().unwrap().of_images.swap(0, 1);
    let refused = |set: TrainingSet| resume(PLAN, &bytes, set).err().unwrap().to_string();
    let text = refused(other);
    assert!(
        text.starts_with("data: ") && text.contains(", labels "),
        "{text}"
    );
    let text = refused(bars(40).into());
    assert!(text.contains(", no labels)"), "{text}");
    // Names that were changed meanwhile are not those of the run.
    let mut renamed = places();
    renamed.labels.as_mut().unwrap().classes = ClassLabels::default();
    let resumed = resume(PLAN, &bytes, renamed).unwrap();
    assert_eq!(resumed.classes().unwrap().name(2), Some("c"));
}

#[test]
fn labels_that_do_not_fit_are_refused_in_one_line() {
    let refused = |config: UnetConfig, options: TrainOptions, set: TrainingSet, words: &str| {
        let text = begin(PLAN, &config, options, set)
            .err()
            .unwrap()
            .to_string();
        assert!(
            text.contains(words) && !text.contains('\n') && text.len() <= 500,
            "{text}"
        );
    };
    let with = |change: &dyn Fn(&mut Labels)| {
        let mut set = places();
        change(set.labels.as_mut().unwrap());
        set
    };
    let plain = || options(3);
    refused(
        network(9),
        plain(),
        bars(40).into(),
        "num_class_embeds: expected null",
    );
    refused(
        tiny(),
        plain(),
        places(),
        "num_class_embeds: expected a number of classes",
    );
    let shorter = with(&|labels| labels.of_images.truncate(39));
    refused(
        network(9),
        plain(),
        shorter,
        "labels: expected one for each of 40 images, found 39",
    );
    let many = with(&|labels| labels.of_images[7] = 9);
    refused(network(9), plain(), many, "classes from 0 to 8");
    refused(network(7), plain(), places(), "classes from 0 to 6");
    refused(network(12), plain(), places(), "pictures of all 12 classes");
    let empty = with(&|labels| labels.of_images.iter_mut().for_each(|l| *l = (*l).max(1)));
    refused(network(9), plain(), empty, "found none of class 0 (a)");
    let far = with(&|labels| {
        labels.classes = ClassLabels::from_json(r#"{"label2id": {"a": 99}}"#).unwrap();
    });
    refused(network(9), plain(), far, "expected classes from 0 to 8");
    let share = |label_dropout| TrainOptions {
        label_dropout: Some(label_dropout),
        ..options(3)
    };
    let all = TrainingSet {
        images: bars(40),
        labels: Some(Labels {
            of_images: labels_of(&places()).to_vec(),
            classes: ClassLabels::default(),
        }),
    };
    refused(
        network(8),
        share(0.1),
        all.clone(),
        "label-dropout: expected 0",
    );
    begin(PLAN, &network(8), share(0.0), all).unwrap();
    for dropout in [-0.1, 1.0, f64::NAN] {
        refused(
            network(9),
            share(dropout),
            places(),
            "label-dropout: expected a number",
        );
    }
}
