//! The rules of training that have a closed form.

use std::collections::BTreeSet;

use ddim_web::engine::Optimizer;
use ddim_web::engine::plan::Plan;
use ddim_web::engine::{
    BatchSpec, CpuEngine, Denoiser, EngineKind, Learner, LearnerState, Level, Update, clip_factor,
};
use ddim_web::images::ImageSet;
use ddim_web::scheduler::{SchedulerClass, SchedulerConfig};
use ddim_web::step::{Prediction, Variance};
use ddim_web::train::batch::Batches;
use ddim_web::train::draw::Draw;
use ddim_web::train::loss::Objective;
use ddim_web::train::rate::learning_rate;
use ddim_web::train::{Loss, TrainOptions, ema, init};
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::weights::{Precision, to_bytes};
use pollster::block_on;

use crate::support::{TINY, bars, learner, options, tiny};

#[test]
fn the_average_of_constant_weights_follows_the_closed_form() {
    // average_n = value + (start - value) · Π decay_k
    let (start, decay) = (3.0, 0.9);
    let values = init::values(&tiny(), 1).unwrap();
    let state = LearnerState {
        average: values.iter().map(|v| vec![start; v.len()]).collect(),
        ..LearnerState::new(values.clone())
    };
    let mut learner = learner(EngineKind::Plan, &tiny(), state);
    let objective =
        Objective::new(&SchedulerConfig::new(SchedulerClass::Ddim), Loss::Simple).unwrap();
    let batch = objective.batch([1, 8, 8], bars(1).scaled(&[0]), vec![0.5; 64], &[500]);
    let mut product = 1.0;
    for done in 0..20 {
        // A learning rate of 0 leaves the weights as they are.
        let update = Update {
            optimizer: Optimizer::Adam,
            done,
            lr: 0.0,
            clip: 1.0,
            decay: ema::decay_at(decay, done),
        };
        block_on(learner.step(&batch, &update)).unwrap();
        product *= update.decay;
    }
    let found = block_on(learner.state()).unwrap();
    assert_eq!(found.values, values);
    for (found, value) in found.average.iter().flatten().zip(values.iter().flatten()) {
        let expected = f64::from(*value) + f64::from(start - value) * product;
        assert!(
            (f64::from(*found) - expected).abs() < 1e-5,
            "{found:?}, expected {expected}"
        );
    }
}

#[test]
fn colours_become_grey_as_the_image_crate_makes_them_and_grey_becomes_three_equal_planes() {
    let picture = image::RgbImage::from_fn(5, 3, |x, y| {
        image::Rgb([x as u8 * 60, y as u8 * 90, (x * y) as u8 * 30])
    });
    let planes: Vec<u8> = (0..3)
        .flat_map(|c| picture.pixels().map(move |p| p[c]))
        .collect();
    let colour = ImageSet::new(2, 3, 3, 5, [planes.clone(), planes].concat()).unwrap();
    let grey = colour.clone().with_channels(1).unwrap();
    assert_eq!(grey.shape(), [1, 3, 5]);
    let expected = image::DynamicImage::from(picture).into_luma8().into_raw();
    for i in 0..2 {
        assert_eq!(grey.image(i), expected);
    }
    let tripled = grey.clone().with_channels(3).unwrap();
    assert_eq!(
        tripled.image(1),
        [expected.clone(), expected.clone(), expected].concat()
    );
    assert_eq!(grey.clone().with_channels(1).unwrap(), grey);
    assert_eq!(colour.clone().with_channels(3).unwrap(), colour);
    assert!(colour.with_channels(2).is_err());
}

#[test]
fn the_decay_rises_from_a_tenth_to_its_final_value() {
    assert_eq!(ema::decay_at(0.9995, 0), 0.1);
    assert_eq!(ema::decay_at(0.9995, 8), 0.5);
    assert_eq!(ema::decay_at(0.9995, 1_000_000), 0.9995);
    assert!((0..1000).all(|n| ema::decay_at(0.99, n) <= ema::decay_at(0.99, n + 1)));
}

#[test]
fn clipping_leaves_a_short_gradient_alone_and_shortens_a_long_one() {
    assert_eq!(clip_factor(0.5, 1.0), 1.0);
    assert_eq!(clip_factor(0.0, 1.0), 1.0);
    assert_eq!(clip_factor(5.0, 0.0), 1.0);
    assert!((clip_factor(4.0, 1.0) - 1.0 / 4.000001).abs() < 1e-15);
}

#[test]
fn the_learning_rate_rises_stays_and_falls() {
    let options = TrainOptions {
        steps: 100,
        lr: 0.1,
        warmup: 10,
        decay_steps: Some(20),
        ..TrainOptions::default()
    };
    for (step, expected) in [
        (0, 0.01),
        (4, 0.05),
        (9, 0.1),
        (50, 0.1),
        (80, 0.1),
        (90, 0.05),
        (99, 0.005),
    ] {
        assert!(
            (learning_rate(&options, step) - expected).abs() < 1e-12,
            "step {step}"
        );
    }
    let constant = TrainOptions {
        warmup: 0,
        decay_steps: Some(0),
        ..options
    };
    assert!((0..100).all(|step| learning_rate(&constant, step) == 0.1));
    // Where nobody says it falls over seven tenths of the run, also of one that is made longer.
    for steps in [100, 200, 10_000_000] {
        let options = TrainOptions {
            steps,
            decay_steps: None,
            ..constant.clone()
        };
        assert_eq!(options.decay(), steps / 10 * 7);
        options.check().unwrap();
        assert_eq!(learning_rate(&options, steps / 10 * 3), 0.1);
        let half = learning_rate(&options, steps / 100 * 65);
        assert!((half - 0.05).abs() < 1e-12, "{half}");
    }
}

#[test]
fn every_epoch_deals_each_image_exactly_once() {
    for (images, size) in [(40, 8), (41, 8), (7, 16), (1, 3)] {
        let mut batches = Batches::new(3, images, size);
        let dealt: Vec<usize> = (0..60).flat_map(|step| batches.at(step).images).collect();
        let mut orders = BTreeSet::new();
        for epoch in dealt.chunks_exact(images) {
            assert_eq!(
                epoch.iter().copied().collect::<BTreeSet<_>>(),
                (0..images).collect()
            );
            orders.insert(epoch.to_vec());
        }
        // Of 7 images there are so few orders that two epochs may share one.
        assert!(
            images < 40 || orders.len() == dealt.len() / images,
            "each epoch has its own order"
        );
    }
}

#[test]
fn every_part_of_the_chain_has_one_place_in_a_batch() {
    for size in [8, 7, 1] {
        let mut batches = Batches::new(5, 100, size);
        let shifts: Vec<f64> = (0..200)
            .map(|step| {
                let places = batches.at(step).places;
                assert_eq!(places.len(), size);
                let shift = places[0] * size as f64;
                assert!((0.0..1.0).contains(&shift));
                for (i, place) in places.into_iter().enumerate() {
                    let expected = (i as f64 + shift) / size as f64;
                    assert!((place - expected).abs() < 1e-15 && place < 1.0);
                }
                shift
            })
            .collect();
        let mean = shifts.iter().sum::<f64>() / 200.0;
        // Five standard deviations of the mean of 200 uniform numbers.
        assert!((mean - 0.5).abs() < 5.0 / 2400.0f64.sqrt(), "mean {mean}");
    }
}

#[test]
fn time_steps_are_drawn_by_their_weights_and_the_mean_loss_stays_what_it_was() {
    let schedule = SchedulerConfig::new(SchedulerClass::Ddim)
        .schedule()
        .unwrap();
    for loss in [Loss::Simple, Loss::Bound, Loss::MinSnr { limit: 5.0 }] {
        let gamma = loss
            .weights(&schedule, Prediction::VPrediction, Variance::FixedSmall)
            .unwrap();
        let draw = Draw::new(&gamma);
        let total: f64 = gamma.iter().map(|gamma| gamma.sqrt()).sum();
        let share = |t: usize| 0.9 * gamma[t].sqrt() / total + 0.1 / 1000.0;
        let mut end = 0.0;
        for t in 0..1000 {
            // Its stretch begins where the one before ends, and is as long as its share.
            assert_eq!(draw.timestep(end + 1e-9), t, "{loss}");
            end += share(t);
            assert_eq!(draw.timestep(end - 1e-9), t, "{loss}");
            let product = draw.factor(t) * share(t) * 1000.0;
            assert!((product - 1.0).abs() < 1e-12, "{loss}, t {t}: {product}");
        }
        assert_eq!((draw.timestep(0.0), draw.timestep(1.0)), (0, 999));

        // An error that depends on the time step: its mean over what batches draw is L_gamma.
        let error = |t: usize| 1.0 + (t as f64 / 100.0).sin();
        let expected = (0..1000).map(|t| gamma[t] * error(t)).sum::<f64>() / 1000.0;
        let mut batches = Batches::new(2, 100, 64);
        let drawn: Vec<f64> = (0..200)
            .flat_map(|step| batches.at(step).places)
            .map(|place| draw.timestep(place))
            .map(|t| gamma[t] * draw.factor(t) * error(t))
            .collect();
        let found = drawn.iter().sum::<f64>() / drawn.len() as f64;
        assert!(
            (found / expected - 1.0).abs() < 5e-3,
            "{loss}: {found}, expected {expected}"
        );
    }
    // Nothing to tell them by: evenly.
    for weights in [[0.0; 4], [f64::INFINITY; 4]] {
        let draw = Draw::new(&weights);
        assert_eq!([0.1, 0.3, 0.6, 0.9].map(|u| draw.timestep(u)), [0, 1, 2, 3]);
        assert!((0..4).all(|t| draw.factor(t) == 1.0));
    }
}

#[test]
fn a_drawn_batch_has_the_time_steps_of_its_places_and_their_weights() {
    // By what errors of v weigh, whatever is predicted.
    let schedule = SchedulerConfig::new(SchedulerClass::Ddim)
        .schedule()
        .unwrap();
    let loss = Loss::MinSnr { limit: 5.0 };
    let of_v = loss
        .weights(&schedule, Prediction::VPrediction, Variance::FixedSmall)
        .unwrap();
    let draw = Draw::new(&of_v);
    for kind in Prediction::ALL {
        let scheduler = SchedulerConfig {
            prediction_type: kind,
            ..SchedulerConfig::new(SchedulerClass::Ddim)
        };
        let objective = Objective::new(&scheduler, loss).unwrap();
        let weights = loss.weights(&schedule, kind, Variance::FixedSmall).unwrap();
        let places = [0.05, 0.5, 0.999];
        let numbers = vec![0.5; 3 * 64];
        let batch = objective.drawn([1, 8, 8], numbers.clone(), numbers, &places);
        for ((place, t), level) in places.iter().zip(&batch.timesteps).zip(&batch.levels) {
            let expected = draw.timestep(*place);
            assert_eq!(*t, expected as f32, "{kind}");
            let plain = objective.level(expected);
            assert_eq!(plain.weight, weights[expected] as f32, "{kind}");
            assert_eq!(level.weight, plain.weight * draw.factor(expected) as f32);
            assert_eq!(
                Level {
                    weight: plain.weight,
                    ..*level
                },
                plain
            );
        }
    }
}

#[test]
fn a_step_sees_the_same_whatever_came_before() {
    let mut forward = Batches::new(9, 50, 8);
    let steps: Vec<_> = (0..20)
        .map(|step| (forward.at(step), forward.eps(step, 64)))
        .collect();
    for (step, seen) in steps.iter().enumerate().rev() {
        let mut fresh = Batches::new(9, 50, 8);
        assert_eq!((fresh.at(step as u32), fresh.eps(step as u32, 64)), *seen);
    }
    assert!(steps.windows(2).all(|pair| pair[0] != pair[1]));
    assert_ne!(Batches::new(10, 50, 8).at(0), steps[0].0);
    assert_ne!(Batches::new(10, 50, 8).eps(0, 64), steps[0].1);
}

#[test]
fn eps_is_standard_normal() {
    let eps = Batches::new(1, 10, 64).eps(3, 1024);
    let mean = eps.iter().map(|v| f64::from(*v)).sum::<f64>() / eps.len() as f64;
    let variance = eps.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / eps.len() as f64;
    assert!(
        mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03,
        "mean {mean}, variance {variance}"
    );
}

#[test]
fn a_perfect_prediction_costs_nothing() {
    // With x_t and the target, x_0 and eps are known: the four coefficients form a matrix that is not singular.
    let (x0, eps) = (0.3f32, -1.2f32);
    for kind in Prediction::ALL {
        let scheduler = SchedulerConfig {
            prediction_type: kind,
            ..SchedulerConfig::new(SchedulerClass::Ddim)
        };
        let schedule = scheduler.schedule().unwrap();
        let objective = Objective::new(&scheduler, Loss::Simple).unwrap();
        for t in [0, 400, 999] {
            let level = objective.level(t);
            let x_t = f64::from(level.signal * x0 + level.noise * eps);
            let target = f64::from(level.c_x0 * x0 + level.c_eps * eps);
            let (c_x, c_out) = kind.x0_from(schedule.alpha_bar(t)).unwrap();
            assert!(
                (c_x * x_t + c_out * target - f64::from(x0)).abs() < 1e-4,
                "{kind} at {t}"
            );
        }
    }
}

#[test]
fn weights_of_a_loss_are_the_same_loss_for_every_prediction_type() {
    let schedule = SchedulerConfig::new(SchedulerClass::Ddim)
        .schedule()
        .unwrap();
    let weights = |loss: &str, kind| {
        let loss: Loss = loss.parse().unwrap();
        loss.weights(&schedule, kind, Variance::FixedSmall).unwrap()
    };
    for kind in Prediction::ALL {
        assert!(weights("simple", kind).iter().all(|w| *w == 1.0));
    }
    for loss in ["bound", "min-snr", "min-snr=0.5"] {
        let of_eps = weights(loss, Prediction::Epsilon);
        for kind in [Prediction::Sample, Prediction::VPrediction] {
            for (t, (found, of_eps)) in weights(loss, kind).iter().zip(&of_eps).enumerate() {
                // ‖eps - eps_hat‖² = of_out² ‖target - out‖²
                let (_, of_out) = kind.eps_from(schedule.alpha_bar(t)).unwrap();
                let expected = of_eps * of_out.powi(2);
                assert!(
                    (found / expected - 1.0).abs() < 1e-9,
                    "{loss}, {kind}, t = {t}: {found}, expected {expected}"
                );
            }
        }
    }
    let min_snr = weights("min-snr", Prediction::Epsilon);
    assert!(min_snr.iter().all(|w| *w <= 1.0) && min_snr[999] == 1.0 && min_snr[0] < 1e-3);
}

#[test]
fn names_of_losses_are_read_as_they_are_written() {
    for name in ["simple", "bound", "min-snr=5", "min-snr=0.25"] {
        assert_eq!(name.parse::<Loss>().unwrap().to_string(), name);
    }
    assert_eq!(
        "min-snr".parse::<Loss>().unwrap(),
        Loss::MinSnr { limit: 5.0 }
    );
    for name in [
        "",
        "Simple",
        "min-snr=",
        "min-snr=x",
        "min-snr=0",
        "min-snr=-1",
        "min-snr=nan",
        "min-snr=inf",
        "l1\n",
    ] {
        let text = name.parse::<Loss>().unwrap_err().to_string();
        assert!(
            text.starts_with("loss: expected ") && !text.contains('\n'),
            "{text}"
        );
    }
}

#[test]
fn first_weights_depend_on_the_seed_alone_and_predict_zero() {
    let first = |seed| init::values(&tiny(), seed).unwrap();
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
    let specs = Plan::expected_tensors(&tiny()).unwrap();
    let file = to_bytes(&specs, &first(1), Precision::F32).unwrap();
    let engine = CpuEngine::load(TINY, &file).unwrap();
    let spec = BatchSpec {
        shape: [2, 1, 8, 8],
        labels: None,
    };
    let out = block_on(engine.predict(&spec, vec![1.0; 128], &[10.0, 500.0])).unwrap();
    assert!(out.iter().all(|v| *v == 0.0));
}

/// 64-bit FNV-1a of the bytes of all tensors, by name.
fn fingerprint(config: &UnetConfig, values: &[Vec<f32>]) -> u64 {
    let specs = Plan::expected_tensors(config).unwrap();
    let mut tensors: Vec<_> = specs.iter().zip(values).collect();
    tensors.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    tensors
        .iter()
        .flat_map(|(_, values)| values.iter().flat_map(|v| v.to_le_bytes()))
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        })
}

/// Fingerprints of what was drawn when burn's network numbered the tensors.
#[test]
fn a_seed_draws_the_weights_that_it_always_has() {
    let network = |name: &str| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/unet");
        let text = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
        UnetConfig::from_json(&text).unwrap()
    };
    for (name, expected) in [
        ("cifar10-32", 0x3e80_2e89_4bd2_2fb9),
        ("classes", 0x9f25_761e_0ba8_bba8),
        ("fourier", 0x8cbd_c9e2_3f7b_47e2),
        ("grey-28", 0x0220_987e_efae_b42c),
        ("no-middle", 0xcf80_1044_c03f_3e5d),
        ("scale-shift-heads", 0xbda2_c540_6bf3_36a7),
        ("three-levels", 0x1090_0474_68d8_cb10),
    ] {
        let config = network(name);
        let found = fingerprint(&config, &init::values(&config, 5).unwrap());
        assert_eq!(found, expected, "{name}: {found:#x}");
    }
}

#[test]
fn padding_puts_the_image_in_the_middle_of_black() {
    let pixels: Vec<u8> = (1..=2 * 3 * 28 * 26).map(|i| (i % 255 + 1) as u8).collect();
    let set = ImageSet::new(2, 3, 28, 26, pixels).unwrap();
    let padded = set.clone().padded(8).unwrap();
    assert_eq!(padded.shape(), [3, 32, 32]);
    for image in 0..2 {
        for (i, value) in padded.image(image).iter().enumerate() {
            let (c, y, x) = (i / 1024, i / 32 % 32, i % 32);
            let inside = (2..30).contains(&y) && (3..29).contains(&x);
            let expected = if inside {
                set.image(image)[(c * 28 + y - 2) * 26 + x - 3]
            } else {
                0
            };
            assert_eq!(
                *value, expected,
                "image {image} channel {c} row {y} column {x}"
            );
        }
    }
    assert_eq!(padded.clone().padded(8).unwrap(), padded);
    assert_eq!(
        set.scaled(&[1])[0],
        f32::from(set.image(1)[0]) / 127.5 - 1.0
    );
    assert_ne!(bars(40).fingerprint(), bars(41).fingerprint());
}

#[test]
fn impossible_options_are_named() {
    let good = options(10);
    let cases: [(&str, TrainOptions); 9] = [
        (
            "loss",
            TrainOptions {
                loss: Loss::MinSnr { limit: f64::NAN },
                ..good.clone()
            },
        ),
        (
            "steps",
            TrainOptions {
                steps: 0,
                ..good.clone()
            },
        ),
        (
            "batch",
            TrainOptions {
                batch: 0,
                ..good.clone()
            },
        ),
        (
            "lr",
            TrainOptions {
                lr: f64::NAN,
                ..good.clone()
            },
        ),
        (
            "lr",
            TrainOptions {
                lr: -1.0,
                ..good.clone()
            },
        ),
        (
            "decay-steps",
            TrainOptions {
                decay_steps: Some(11),
                ..good.clone()
            },
        ),
        (
            "ema",
            TrainOptions {
                ema: 1.0,
                ..good.clone()
            },
        ),
        (
            "clip",
            TrainOptions {
                clip: f64::INFINITY,
                ..good.clone()
            },
        ),
        (
            "clip",
            TrainOptions {
                clip: -0.5,
                ..good.clone()
            },
        ),
    ];
    good.check().unwrap();
    for (name, options) in cases {
        let text = options.check().unwrap_err().to_string();
        assert!(
            text.starts_with(name) && text.contains("expected") && !text.contains('\n'),
            "{text}"
        );
    }
}
