//! PyTorch's gradients: tests/fixtures/gradients, made by tools/make_gradient_fixtures.py.

use ddim_web::engine::plan::{Plan, TrainingPlan, gradients};
use ddim_web::engine::{Level, TrainBatch};
use ddim_web::unet::config::UnetConfig;
use safetensors::SafeTensors;

use crate::rule;

/// One architecture: diffusers' config.json, and what PyTorch says.
struct Fixture {
    name: &'static str,
    config: &'static str,
    answers: &'static [u8],
}

macro_rules! fixture {
    ($name:literal) => {
        Fixture {
            name: $name,
            config: include_str!(concat!("../fixtures/unet/", $name, ".json")),
            answers: include_bytes!(concat!("../fixtures/gradients/", $name, ".safetensors")),
        }
    };
}

/// The first is the largest by far.
const FIXTURES: [Fixture; 7] = [
    fixture!("cifar10-32"),
    fixture!("three-levels"),
    fixture!("scale-shift-heads"),
    fixture!("grey-28"),
    fixture!("fourier"),
    fixture!("classes"),
    fixture!("no-middle"),
];

/// The classes of the two pictures, where there are any.
const LABELS: [usize; 2] = [3, 7];

impl Fixture {
    fn numbers(&self, name: &str) -> Vec<f64> {
        let file = SafeTensors::deserialize(self.answers).unwrap();
        let bytes = file.tensor(name).unwrap().data().chunks_exact(8);
        bytes
            .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
            .collect()
    }

    /// As many channels come out as go in.
    fn config(&self) -> UnetConfig {
        let config = UnetConfig::from_json(self.config).unwrap();
        UnetConfig {
            out_channels: config.in_channels,
            ..config
        }
    }

    fn batch(&self) -> TrainBatch {
        let config = self.config();
        let size = self.numbers("size");
        let [height, width] = [size[0] as usize, size[1] as usize];
        let shape = [2, config.in_channels, height, width];
        let count = shape.iter().product();
        // Of variance 1.
        let noise = |name: &str| -> Vec<f32> {
            let numbers = rule::unit(name).take(count);
            numbers.map(|v| (v * 3f64.sqrt()) as f32).collect()
        };
        let levels = self.numbers("levels");
        let timesteps = self.numbers("timesteps");
        TrainBatch {
            shape,
            x0: noise("x0"),
            eps: noise("eps"),
            timesteps: timesteps.iter().map(|t| *t as f32).collect(),
            levels: levels
                .chunks_exact(5)
                .map(|level| Level {
                    signal: level[0] as f32,
                    noise: level[1] as f32,
                    c_x0: level[2] as f32,
                    c_eps: level[3] as f32,
                    weight: level[4] as f32,
                })
                .collect(),
            labels: config.num_class_embeds.map(|_| LABELS.to_vec()),
            drop_seed: 0,
        }
    }

    /// Whether loss and gradients, in the order of `Plan::params`, are PyTorch's: to `tolerance`, as a part of the
    /// gradient's norm, or of a thousandth of all gradients' where it is next to nothing.
    fn check(&self, (loss, gradients): (f64, Vec<Vec<f64>>), tolerance: f64) {
        let expected = self.numbers("loss")[0];
        let error = (loss - expected).abs() / expected;
        assert!(error <= tolerance, "{}: loss: error {error:e}", self.name);

        let params = Plan::expected_tensors(&self.config()).unwrap();
        let mut found: Vec<(&str, &Vec<f64>)> = params
            .iter()
            .map(|param| param.name.as_str())
            .zip(&gradients)
            .collect();
        found.sort_unstable_by_key(|(name, _)| *name);
        let (norms, projections) = (self.numbers("norms"), self.numbers("projections"));
        assert_eq!(found.len(), norms.len(), "{}", self.name);
        let whole = norm(&norms);
        for (i, (name, gradient)) in found.iter().enumerate() {
            let numbers = gradient.iter();
            let projection = numbers.zip(rule::unit(&format!("projection of {name}")));
            let projection: f64 = projection.map(|(g, v)| g * v).sum();
            for (what, found, expected) in [
                ("norm", norm(gradient), norms[i]),
                ("projection", projection, projections[i]),
            ] {
                let error = (found - expected).abs() / norms[i].max(1e-3 * whole);
                assert!(
                    error <= tolerance,
                    "{}: {name}: {what} {found:e}, not {expected:e}: error {error:e}",
                    self.name
                );
            }
        }
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Loss and gradients that `of` makes of a network, its weights and a batch are PyTorch's.
pub fn equals_torch(
    tolerance: f64,
    mut of: impl FnMut(&UnetConfig, Vec<Vec<f32>>, &TrainBatch) -> (f64, Vec<Vec<f64>>),
) {
    for fixture in FIXTURES {
        let config = fixture.config();
        let params = Plan::expected_tensors(&config).unwrap();
        let tensors = params.iter().map(rule::fill).collect();
        fixture.check(of(&config, tensors, &fixture.batch()), tolerance);
    }
}

#[test]
fn the_gradients_of_the_loops_are_those_of_pytorch() {
    equals_torch(1e-5, |config, tensors, batch| {
        let [_, _, height, width] = batch.shape;
        let plan = TrainingPlan::new(config, [height, width]).unwrap();
        gradients(&plan, &tensors, batch)
    });
}
