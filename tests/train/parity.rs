//! Loss, gradients and Adam against PyTorch: tests/fixtures/train, made by tools/make_train_fixtures.py.

use std::collections::HashMap;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use ddim_web::scheduler::{SchedulerClass, SchedulerConfig};
use ddim_web::step::Prediction;
use ddim_web::train::Loss;
use ddim_web::train::loss::Objective;
use ddim_web::train::optimizer::{Adam, clip_factor, squared_norm};
use ddim_web::train::params;
use ddim_web::unet::Unet;
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::weights::Precision;
use safetensors::SafeTensors;
use serde_json::Value;

use crate::rule;

struct Case {
    numbers: Value,
    tensors: &'static [u8],
}

fn conv() -> Case {
    Case {
        numbers: serde_json::from_str(include_str!("../fixtures/train/conv.json")).unwrap(),
        tensors: include_bytes!("../fixtures/train/conv.safetensors"),
    }
}

fn resnet() -> Case {
    Case {
        numbers: serde_json::from_str(include_str!("../fixtures/train/resnet.json")).unwrap(),
        tensors: include_bytes!("../fixtures/train/resnet.safetensors"),
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

    fn unet(&self) -> Unet {
        let config = UnetConfig::from_json(&self.numbers["config"].to_string()).unwrap();
        Unet::from_safetensors(&config, &rule::weights(&config), &Device::flex().autodiff())
            .unwrap()
    }

    /// The loss of `unet` on the fixture's batch.
    fn loss(&self, unet: &Unet, prediction: Prediction, loss: Loss) -> Tensor<1> {
        let t: Vec<usize> = self.numbers["t"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t.as_u64().unwrap() as usize)
            .collect();
        let [height, width] = unet.config().sample_size.unwrap();
        let shape = [t.len(), unet.config().in_channels, height, width];
        let draw = |name| {
            let values = noise(name, shape.iter().product());
            Tensor::<4>::from_data(TensorData::new(values, shape), &Device::flex())
        };
        let scheduler = SchedulerConfig {
            prediction_type: prediction,
            ..SchedulerConfig::new(SchedulerClass::Ddpm)
        };
        Objective::new(&scheduler, loss)
            .unwrap()
            .loss(unet, draw("x0"), draw("eps"), &t)
    }

    fn gradients(&self, unet: &Unet, loss: Loss) -> Vec<Option<Tensor<1>>> {
        let mut gradients = self.loss(unet, self.prediction(), loss).backward();
        params::gradients(unet, &mut gradients)
    }

    fn losses_equal_pytorch(&self) {
        let unet = self.unet();
        for kind in Prediction::ALL {
            let found = self.loss(&unet, kind, Loss::Simple).into_scalar::<f32>();
            let expected = self.numbers["losses"][kind.name()].as_f64().unwrap();
            assert!(
                (f64::from(found) - expected).abs() <= 1e-5,
                "{kind}: {found}, PyTorch says {expected}"
            );
        }
    }

    fn weighted_losses_equal_pytorch(&self) {
        let unet = self.unet();
        let weighted = self.numbers["weighted"].as_object().unwrap();
        assert_eq!(weighted.len(), 3);
        for (name, expected) in weighted {
            let loss: Loss = name.parse().unwrap();
            for kind in Prediction::ALL {
                let found = f64::from(self.loss(&unet, kind, loss).into_scalar::<f32>());
                let expected = expected["losses"][kind.name()].as_f64().unwrap();
                assert!(
                    (found / expected - 1.0).abs() <= 1e-5,
                    "{name}, {kind}: {found}, PyTorch says {expected}"
                );
            }
            let gradients = self.gradients(&unet, loss);
            self.norms_equal_pytorch(&unet, gradients, expected);
        }
    }

    /// Every element of some gradients, the norm of each and the norm of all.
    fn gradients_equal_pytorch(&self) {
        let unet = self.unet();
        let gradients = self.gradients(&unet, Loss::Simple);
        let found = self.norms_equal_pytorch(&unet, gradients, &self.numbers);
        self.assert_stored("grad.", &found, 1e-4);
    }

    /// Compares with `norm` and `norms` of `expected`, and hands out the gradients by name.
    fn norms_equal_pytorch(
        &self,
        unet: &Unet,
        gradients: Vec<Option<Tensor<1>>>,
        expected: &Value,
    ) -> HashMap<String, Vec<f32>> {
        let total = squared_norm(&gradients)
            .unwrap()
            .sqrt()
            .into_scalar::<f32>();
        let norm = expected["norm"].as_f64().unwrap();
        assert!(
            (f64::from(total) / norm - 1.0).abs() <= 1e-4,
            "norm of all: {total}, PyTorch says {norm}"
        );
        let gradients = gradients.into_iter().map(Option::unwrap).collect();
        let found = named(&params::assign(unet.valid(), gradients));
        let norms = expected["norms"].as_object().unwrap();
        assert_eq!(norms.len(), found.len());
        for (name, expected) in norms {
            let squares: f64 = found[name].iter().map(|v| f64::from(*v).powi(2)).sum();
            let (found, expected) = (squares.sqrt(), expected.as_f64().unwrap());
            // A key's bias does not change the attention: its true gradient is 0, both sides find rounding.
            assert!(
                (found - expected).abs() <= 1e-4 * expected + 1e-7 * norm,
                "norm of {name}: {found}, PyTorch says {expected}"
            );
        }
        found
    }

    /// Adam with clipping on one batch, as torch.optim.Adam and clip_grad_norm_ do it.
    fn adam_steps_equal_pytorch(&self) {
        let mut unet = self.unet();
        let zeros: Vec<Tensor<1>> = params::values(&unet)
            .iter()
            .map(Tensor::zeros_like)
            .collect();
        let mut adam = Adam::new(zeros.clone(), zeros);
        for step in 0..self.number("steps") as u32 {
            let gradients = self.gradients(&unet, Loss::Simple);
            let norm = squared_norm(&gradients)
                .unwrap()
                .sqrt()
                .into_scalar::<f32>();
            let scale = clip_factor(f64::from(norm), self.number("clip"));
            assert!(scale < 1.0, "the fixture must be one that is clipped");
            let values = adam.step(
                self.number("lr"),
                scale,
                step,
                params::values(&unet),
                gradients,
            );
            unet = params::assign(unet, values);
        }
        self.assert_stored("after.", &named(&unet.valid()), 1e-4);
    }

    /// Compares with the stored tensors of this prefix; errors are relative to each tensor's largest element.
    fn assert_stored(&self, prefix: &str, found: &HashMap<String, Vec<f32>>, tolerance: f32) {
        let file = SafeTensors::deserialize(self.tensors).unwrap();
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
}

/// `count` numbers of variance 1: the twin of `noise` in tools/make_unet_fixtures.py.
fn noise(name: &str, count: usize) -> Vec<f32> {
    rule::unit(name)
        .take(count)
        .map(|v| (v * 3f64.sqrt()) as f32)
        .collect()
}

/// The parameters of `unet` by diffusers' names, in PyTorch's layout.
fn named(unet: &Unet) -> HashMap<String, Vec<f32>> {
    let file = unet.to_safetensors(Precision::F32).unwrap();
    let file = SafeTensors::deserialize(&file).unwrap();
    let values = |data: &[u8]| {
        data.chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    };
    file.iter()
        .map(|(name, view)| (name.to_string(), values(view.data())))
        .collect()
}

#[test]
fn losses_equal_pytorch_for_every_prediction_type() {
    conv().losses_equal_pytorch();
    resnet().losses_equal_pytorch();
}

#[test]
fn weighted_losses_and_their_gradients_equal_pytorch() {
    conv().weighted_losses_equal_pytorch();
    resnet().weighted_losses_equal_pytorch();
}

#[test]
fn gradients_equal_pytorch_through_convolutions_and_attention() {
    conv().gradients_equal_pytorch();
}

#[test]
fn gradients_equal_pytorch_through_resampling_blocks_and_scale_shift() {
    resnet().gradients_equal_pytorch();
}

#[test]
fn clipped_adam_steps_equal_pytorch() {
    conv().adam_steps_equal_pytorch();
    resnet().adam_steps_equal_pytorch();
}

#[test]
fn parameters_come_in_the_order_of_the_expected_tensors() {
    let unet = conv().unet();
    let specs = Unet::expected_tensors(unet.config());
    let values = params::values(&unet);
    assert_eq!(values.len(), specs.len());
    for (value, spec) in values.iter().zip(&specs) {
        assert_eq!(
            value.dims()[0],
            spec.shape.iter().product::<usize>(),
            "{}",
            spec.name
        );
    }
}

#[test]
fn assigned_values_come_back_and_stay_trainable() {
    let case = conv();
    let unet = case.unet();
    let doubled: Vec<Tensor<1>> = params::values(&unet).into_iter().map(|v| v * 2.0).collect();
    let expected: Vec<Vec<f32>> = doubled
        .iter()
        .map(|v| v.to_data().try_into_vec().unwrap())
        .collect();
    let unet = params::assign(unet, doubled);
    for (found, expected) in params::values(&unet).into_iter().zip(&expected) {
        assert_eq!(&found.into_data().try_into_vec::<f32>().unwrap(), expected);
    }
    assert!(
        case.gradients(&unet, Loss::Simple)
            .iter()
            .all(Option::is_some)
    );
}
