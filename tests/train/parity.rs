//! Loss, gradients and Adam against PyTorch: tests/fixtures/train, made by tools/make_train_fixtures.py.

use std::collections::HashMap;

use ddim_web::engine::Optimizer;
use ddim_web::engine::plan::Plan;
use ddim_web::engine::{
    AnyLearner, EngineKind, Gradients, Learner, LearnerState, TrainBatch, Update,
};
use ddim_web::scheduler::{SchedulerClass, SchedulerConfig};
use ddim_web::step::Prediction;
use ddim_web::train::Loss;
use ddim_web::train::loss::Objective;
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::weights::{TensorSpec, tensors};
use pollster::block_on;
use safetensors::SafeTensors;
use serde_json::Value;

use crate::rule;
use crate::support::{ENGINES, learner};

struct Case {
    numbers: Value,
    tensors: &'static [u8],
    /// The same after steps of Muon.
    muon: &'static [u8],
}

fn conv() -> Case {
    Case {
        numbers: serde_json::from_str(include_str!("../fixtures/train/conv.json")).unwrap(),
        tensors: include_bytes!("../fixtures/train/conv.safetensors"),
        muon: include_bytes!("../fixtures/train/conv-muon.safetensors"),
    }
}

fn resnet() -> Case {
    Case {
        numbers: serde_json::from_str(include_str!("../fixtures/train/resnet.json")).unwrap(),
        tensors: include_bytes!("../fixtures/train/resnet.safetensors"),
        muon: include_bytes!("../fixtures/train/resnet-muon.safetensors"),
    }
}

impl Case {
    fn number(&self, name: &str) -> f64 {
        self.numbers[name].as_f64().unwrap()
    }

    fn prediction(&self) -> Prediction {
        self.numbers["prediction_type"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    fn config(&self) -> UnetConfig {
        UnetConfig::from_json(&self.numbers["config"].to_string()).unwrap()
    }

    fn learner(&self, engine: EngineKind) -> AnyLearner {
        let config = self.config();
        let specs = Plan::expected_tensors(&config).unwrap();
        let mut found = tensors(&specs, &rule::weights(&config)).unwrap();
        let values = specs.iter().map(|spec| found.remove(&spec.name).unwrap());
        learner(engine, &config, LearnerState::new(values.collect()))
    }

    /// The fixture's batch.
    fn batch(&self, prediction: Prediction, loss: Loss) -> TrainBatch {
        let t: Vec<usize> = self.numbers["t"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t.as_u64().unwrap() as usize)
            .collect();
        let config = self.config();
        let [height, width] = config.sample_size.unwrap();
        let image = [config.in_channels, height, width];
        let draw = |name| noise(name, t.len() * image.iter().product::<usize>());
        let scheduler = SchedulerConfig {
            prediction_type: prediction,
            ..SchedulerConfig::new(SchedulerClass::Ddpm)
        };
        let objective = Objective::new(&scheduler, loss).unwrap();
        objective.batch(image, draw("x0"), draw("eps"), &t)
    }

    fn loss(&self, learner: &mut impl Learner, prediction: Prediction, loss: Loss) -> f32 {
        let batch = self.batch(prediction, loss);
        block_on(learner.gradients(&batch)).unwrap().loss
    }

    fn gradients(&self, learner: &mut impl Learner, loss: Loss) -> Gradients {
        let batch = self.batch(self.prediction(), loss);
        block_on(learner.gradients(&batch)).unwrap()
    }

    fn losses_equal_pytorch(&self, engine: EngineKind) {
        let mut learner = self.learner(engine);
        for kind in Prediction::ALL {
            let found = self.loss(&mut learner, kind, Loss::Simple);
            let expected = self.numbers["losses"][kind.name()].as_f64().unwrap();
            assert!(
                (f64::from(found) - expected).abs() <= 1e-5,
                "{kind}: {found}, PyTorch says {expected}"
            );
        }
    }

    fn weighted_losses_equal_pytorch(&self, engine: EngineKind) {
        let mut learner = self.learner(engine);
        let weighted = self.numbers["weighted"].as_object().unwrap();
        assert_eq!(weighted.len(), 3);
        for (name, expected) in weighted {
            let loss: Loss = name.parse().unwrap();
            for kind in Prediction::ALL {
                let found = f64::from(self.loss(&mut learner, kind, loss));
                let expected = expected["losses"][kind.name()].as_f64().unwrap();
                assert!(
                    (found / expected - 1.0).abs() <= 1e-5,
                    "{name}, {kind}: {found}, PyTorch says {expected}"
                );
            }
            let Gradients { gradients, .. } = self.gradients(&mut learner, loss);
            norms_equal_pytorch(&named(learner.params(), &gradients), expected);
        }
    }

    /// Every element of some gradients, the norm of each and the norm of all.
    fn gradients_equal_pytorch(&self, engine: EngineKind) {
        let mut learner = self.learner(engine);
        let Gradients { gradients, .. } = self.gradients(&mut learner, Loss::Simple);
        let found = named(learner.params(), &gradients);
        norms_equal_pytorch(&found, &self.numbers);
        assert_stored(self.tensors, "grad.", &found, 1e-4);
    }

    /// Steps with clipping on one batch, as torch.optim's rules and clip_grad_norm_ do it.
    fn steps_equal_pytorch(&self, engine: EngineKind, optimizer: Optimizer) {
        let mut learner = self.learner(engine);
        let batch = self.batch(self.prediction(), Loss::Simple);
        for done in 0..self.number("steps") as u32 {
            let update = Update {
                optimizer,
                done,
                lr: self.number("lr"),
                clip: self.number("clip"),
                decay: 0.9,
            };
            let numbers = block_on(learner.step(&batch, &update)).unwrap();
            assert!(
                f64::from(numbers.grad_norm) > update.clip,
                "the fixture must be one that is clipped"
            );
            if done == 0 {
                let norm = f64::from(numbers.grad_norm) / self.number("norm");
                assert!((norm - 1.0).abs() <= 1e-4, "norm of all: {numbers:?}");
            }
        }
        let state = block_on(learner.state()).unwrap();
        let found = named(learner.params(), &state.values);
        let file = match optimizer {
            Optimizer::Adam => self.tensors,
            Optimizer::Muon => self.muon,
        };
        assert_stored(file, "after.", &found, 1e-4);
    }
}

/// Compares with the tensors in a file of this prefix; errors are relative to each tensor's largest element.
fn assert_stored(tensors: &[u8], prefix: &str, found: &HashMap<String, Vec<f32>>, tolerance: f32) {
    let file = SafeTensors::deserialize(tensors).unwrap();
    let mut compared = 0;
    for (name, view) in file
        .iter()
        .filter_map(|(name, view)| Some((name.strip_prefix(prefix)?, view)))
    {
        let expected: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        let largest = expected.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let found = &found[name];
        assert_eq!(found.len(), expected.len(), "{name}");
        let worst = found
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(
            worst <= tolerance * largest && found.iter().all(|v| v.is_finite()),
            "{prefix}{name}: off by {worst} of {largest}"
        );
        compared += 1;
    }
    assert!(compared >= 10, "{compared} tensors compared");
}

/// `count` numbers of variance 1: the twin of `noise` in tools/make_unet_fixtures.py.
fn noise(name: &str, count: usize) -> Vec<f32> {
    rule::unit(name)
        .take(count)
        .map(|v| (v * 3f64.sqrt()) as f32)
        .collect()
}

/// Tensors by diffusers' names.
fn named(params: &[TensorSpec], values: &[Vec<f32>]) -> HashMap<String, Vec<f32>> {
    assert_eq!(params.len(), values.len());
    let names = params.iter().map(|spec| spec.name.clone());
    names.zip(values.iter().cloned()).collect()
}

fn norm(values: &[f32]) -> f64 {
    let squares: f64 = values.iter().map(|v| f64::from(*v).powi(2)).sum();
    squares.sqrt()
}

/// Compares with `norm` and `norms` of `expected`.
fn norms_equal_pytorch(found: &HashMap<String, Vec<f32>>, expected: &Value) {
    let total = found.values().map(|g| norm(g).powi(2)).sum::<f64>().sqrt();
    let of_all = expected["norm"].as_f64().unwrap();
    assert!(
        (total / of_all - 1.0).abs() <= 1e-4,
        "norm of all: {total}, PyTorch says {of_all}"
    );
    let norms = expected["norms"].as_object().unwrap();
    assert_eq!(norms.len(), found.len());
    for (name, expected) in norms {
        let (found, expected) = (norm(&found[name]), expected.as_f64().unwrap());
        // A key's bias does not change the attention: its true gradient is 0, both sides find rounding.
        assert!(
            (found - expected).abs() <= 1e-4 * expected + 1e-7 * of_all,
            "norm of {name}: {found}, PyTorch says {expected}"
        );
    }
}

#[test]
fn losses_equal_pytorch_for_every_prediction_type() {
    for &engine in ENGINES {
        conv().losses_equal_pytorch(engine);
        resnet().losses_equal_pytorch(engine);
    }
}

#[test]
fn weighted_losses_and_their_gradients_equal_pytorch() {
    for &engine in ENGINES {
        conv().weighted_losses_equal_pytorch(engine);
        resnet().weighted_losses_equal_pytorch(engine);
    }
}

#[test]
fn gradients_equal_pytorch_through_convolutions_and_attention() {
    for &engine in ENGINES {
        conv().gradients_equal_pytorch(engine);
    }
}

#[test]
fn gradients_equal_pytorch_through_resampling_blocks_and_scale_shift() {
    for &engine in ENGINES {
        resnet().gradients_equal_pytorch(engine);
    }
}

#[test]
fn clipped_steps_equal_pytorch() {
    for &engine in ENGINES {
        for optimizer in [Optimizer::Adam, Optimizer::Muon] {
            conv().steps_equal_pytorch(engine, optimizer);
            resnet().steps_equal_pytorch(engine, optimizer);
        }
    }
}

#[test]
fn parameters_come_in_the_order_of_the_plan() {
    for &engine in ENGINES {
        for case in [conv(), resnet()] {
            let mut learner = case.learner(engine);
            let specs = Plan::expected_tensors(&case.config()).unwrap();
            assert_eq!(learner.params(), specs);
            let state = block_on(learner.state()).unwrap();
            assert_eq!(state.values.len(), specs.len());
            for (values, spec) in state.values.iter().zip(&specs) {
                assert_eq!(values.len(), spec.numbers(), "{}", spec.name);
            }
        }
    }
}

/// burn's network has the same tensors, and visits them in another order.
#[test]
#[cfg(feature = "burn")]
fn burn_has_the_same_tensors() {
    for case in [conv(), resnet()] {
        let ours = Plan::expected_tensors(&case.config()).unwrap();
        let theirs = ddim_web::unet::Unet::expected_tensors(&case.config());
        let [mut ours, mut theirs] =
            [&ours, &theirs].map(|specs| specs.iter().map(|spec| &spec.name).collect::<Vec<_>>());
        assert_ne!(ours, theirs);
        ours.sort();
        theirs.sort();
        assert_eq!(ours, theirs);
    }
}

#[test]
fn a_state_comes_back_as_it_went_in_and_stays_trainable() {
    for &engine in ENGINES {
        let case = conv();
        let values = block_on(case.learner(engine).state()).unwrap().values;
        let times = |factor: f32| -> Vec<Vec<f32>> {
            let tensor = |v: &Vec<f32>| v.iter().map(|v| v * factor).collect();
            values.iter().map(tensor).collect()
        };
        let state = LearnerState {
            values: times(2.0),
            average: times(3.0),
            moment_1: times(4.0),
            moment_2: times(5.0),
        };
        let mut learner = learner(engine, &case.config(), state.clone());
        assert!(block_on(learner.state()).unwrap() == state);
        let Gradients { gradients, .. } = case.gradients(&mut learner, Loss::Simple);
        assert!(gradients.iter().all(|g| g.iter().any(|v| *v != 0.0)));
    }
}

/// After a step that was not finite nothing changes until its numbers are read, not even by the next step.
#[test]
fn what_begins_after_a_broken_step_changes_nothing_before_that_is_known() {
    for &engine in ENGINES {
        let case = conv();
        let mut learner = case.learner(engine);
        let before = block_on(learner.state()).unwrap();
        let good = case.batch(case.prediction(), Loss::Simple);
        let mut broken = good.clone();
        broken.levels[0].weight = f32::INFINITY;
        let update = Update {
            optimizer: Optimizer::Muon,
            done: 0,
            lr: 1e-3,
            clip: 1.0,
            decay: 0.9,
        };
        let first = learner.step(&broken, &update);
        let second = learner.step(&good, &update);
        assert!(!block_on(first).unwrap().finite());
        block_on(second).unwrap();
        assert!(block_on(learner.state()).unwrap() == before);
        let third = learner.step(&good, &update);
        assert!(block_on(third).unwrap().finite());
        assert!(block_on(learner.state()).unwrap() != before);
    }
}

#[test]
fn batches_and_states_that_do_not_fit_are_refused() {
    for &engine in ENGINES {
        let case = conv();
        let mut learner = case.learner(engine);
        let good = case.batch(case.prediction(), Loss::Simple);
        let update = Update {
            optimizer: Optimizer::Muon,
            done: 0,
            lr: 1e-3,
            clip: 1.0,
            decay: 0.9,
        };
        let mut refused = |change: fn(&mut TrainBatch), word: &str| {
            let mut batch = good.clone();
            change(&mut batch);
            let errors = [
                block_on(learner.gradients(&batch)).unwrap_err(),
                block_on(learner.step(&batch, &update)).unwrap_err(),
            ];
            for text in errors.map(|e| e.to_string()) {
                assert!(
                    text.contains(word) && !text.contains('\n'),
                    "{word}: {text}"
                );
            }
        };
        refused(|b| b.shape[0] = 0, "batch of 1 or more");
        refused(|b| b.shape[1] += 1, "input");
        refused(|b| b.x0.truncate(3), "found 3");
        refused(|b| b.eps.truncate(3), "found 3");
        refused(|b| b.timesteps.truncate(1), "t: expected one");
        refused(|b| b.levels.truncate(1), "expected one");
        refused(|b| b.labels = Some(vec![0; b.shape[0]]), "class labels");

        let mut state = block_on(learner.state()).unwrap();
        state.moment_2[3].pop();
        let error = block_on(crate::support::make(
            engine,
            ddim_web::train::Setup {
                config: case.config(),
                state,
            },
        ));
        let text = error.err().unwrap().to_string();
        assert!(text.contains(&learner.params()[3].name), "{text}");
    }
}
