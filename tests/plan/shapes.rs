//! What an operation reads and what it writes fit together, and fit the weights.

use std::collections::HashSet;

use ddim_web::engine::plan::{Conv, Op, Param, Plan, Resample, Residual, Source, View};
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::input::InputError;

use crate::fixture::GREY_28;
use crate::subjects::plans;
use crate::test;

#[cfg(feature = "burn")]
test!(the_tensors_are_those_of_the_network, async {
    use std::collections::BTreeSet;

    use ddim_web::unet::Unet;
    use ddim_web::unet::weights::TensorSpec;

    for (json, plan) in plans() {
        let set = |specs: &[TensorSpec]| -> BTreeSet<(String, Vec<usize>)> {
            let pairs = specs.iter().map(|s| (s.name.clone(), s.shape.clone()));
            pairs.collect()
        };
        let expected = Unet::expected_tensors(&plan.config);
        assert_eq!(set(&plan.params), set(&expected), "{json}");
        assert_eq!(plan.params.len(), expected.len(), "{json}");
    }
});

test!(every_tensor_is_used, async {
    for (json, plan) in plans() {
        let used: HashSet<usize> = plan.ops.iter().flat_map(params).map(|p| p.0).collect();
        for (i, tensor) in plan.params.iter().enumerate() {
            // The frequencies are for `Plan::time_features`.
            let outside = tensor.name == "time_proj.weight";
            assert_eq!(used.contains(&i), !outside, "{}: {json}", tensor.name);
        }
    }
});

fn params(op: &Op) -> Vec<Param> {
    match op {
        Op::Normalise { weight, bias, .. } => vec![*weight, *bias],
        Op::Attention { .. } => Vec::new(),
        Op::Conv(conv) => {
            let residual = match conv.residual {
                Residual::None | Residual::Add(_) => Vec::new(),
                Residual::Class(table) => vec![table],
                Residual::Project { weight, bias, .. } => vec![weight, bias],
            };
            [conv.weights.clone(), conv.biases.clone(), residual].concat()
        }
    }
}

/// One plan, for the checks below.
struct Checked<'a>(&'a Plan);

impl Checked<'_> {
    fn shape(&self, param: Param) -> &[usize] {
        &self.0.params[param.0].shape
    }

    fn size(&self, view: View) -> [usize; 2] {
        let buffer = self.0.buffer(view);
        [buffer.height, buffer.width]
    }

    /// Height and width of what an operation sees, and that its normalisation is of these very numbers.
    fn seen(&self, source: &Source) -> [usize; 2] {
        if let Some(norm) = source.norm {
            assert_eq!(self.size(norm), [1, 1]);
            let made_from = self.0.ops.iter().find_map(|op| match op {
                Op::Normalise { input, output, .. } if *output == norm => Some(*input),
                _ => None,
            });
            assert_eq!(made_from, Some(source.view));
        }
        self.size(source.view).map(|side| match source.resample {
            Resample::Keep => side,
            Resample::Nearest2x => 2 * side,
            Resample::Average2x => {
                assert!(side.is_multiple_of(2));
                side / 2
            }
            Resample::Insert2x { .. } => panic!("a network inserts no zeros"),
        })
    }

    fn conv(&self, conv: &Conv) {
        let size = self.size(conv.output);
        let (inputs, outputs) = (conv.source.view.channels, conv.output.channels);
        assert_eq!(self.seen(&conv.source), size.map(|side| side * conv.stride));
        let padding = match (conv.kernel, conv.stride) {
            (1, 1) => 0,
            (3, 1) => 1,
            (3, 2) => self.0.config.downsample_padding,
            other => panic!("kernel and stride {other:?}"),
        };
        assert_eq!(conv.padding, padding);

        assert!(!conv.weights.is_empty(), "an operation that only copies");
        assert_eq!(conv.weights.len(), conv.biases.len());
        let mut rows = 0;
        for (weight, bias) in conv.weights.iter().zip(&conv.biases) {
            let (weight, bias) = (self.shape(*weight), self.shape(*bias));
            assert_eq!(weight[1], inputs);
            assert!(weight.len() == 2 && conv.kernel == 1 || weight[2..] == [conv.kernel; 2]);
            assert_eq!(weight[..1], *bias);
            rows += weight[0];
        }
        assert_eq!(rows, outputs);

        if let Some(time) = conv.time {
            assert_eq!((self.size(time), time.channels), ([1, 1], outputs));
        }
        match conv.residual {
            Residual::None => {}
            Residual::Add(source) => {
                assert_eq!((self.seen(&source), source.view.channels), (size, outputs));
            }
            Residual::Project {
                source,
                weight,
                bias,
            } => {
                assert_eq!(self.seen(&source), size);
                assert_eq!(self.shape(weight), [outputs, source.view.channels, 1, 1]);
                assert_eq!(self.shape(bias), [outputs]);
            }
            Residual::Class(table) => {
                let classes = self.0.config.num_class_embeds.unwrap();
                assert_eq!(self.shape(table), [classes, outputs]);
            }
        }
    }

    fn op(&self, op: &Op) {
        match op {
            Op::Conv(conv) => self.conv(conv),
            Op::Normalise {
                input,
                groups,
                weight,
                bias,
                modulation,
                output,
                ..
            } => {
                assert!(input.channels.is_multiple_of(*groups));
                assert_eq!(self.shape(*weight), [input.channels]);
                assert_eq!(self.shape(*bias), [input.channels]);
                for pair in modulation.iter().chain([output]) {
                    assert_eq!(
                        (self.size(*pair), pair.channels),
                        ([1, 1], 2 * input.channels)
                    );
                }
            }
            Op::Attention {
                qkv,
                heads,
                head_dim,
                output,
            } => {
                assert_eq!(self.size(*qkv), self.size(*output));
                assert_eq!(qkv.channels, 3 * heads * head_dim);
                assert_eq!(output.channels, heads * head_dim);
            }
        }
    }
}

test!(sizes_and_channels_fit_together, async {
    for (_, plan) in plans() {
        let checked = Checked(&plan);
        assert_eq!(checked.size(plan.input), plan.size);
        assert_eq!(checked.size(plan.output), plan.size);
        assert_eq!(checked.size(plan.features), [1, 1]);
        assert_eq!(plan.input.channels, plan.config.in_channels);
        assert_eq!(plan.output.channels, plan.config.out_channels);
        let frequencies = vec![1.0; plan.config.block_out_channels[0]];
        let features = plan.time_features(1.0, Some(&frequencies));
        assert_eq!(features.len(), plan.features.channels);
        plan.ops.iter().for_each(|op| checked.op(op));
    }
});

test!(a_size_that_cannot_be_halved_is_refused, async {
    let config = UnetConfig::from_json(GREY_28.config).unwrap();
    let refused = InputError::Side {
        factor: 4,
        height: 28,
        width: 30,
    };
    assert_eq!(Plan::new(&config, [28, 30]), Err(refused));
});

test!(a_network_is_planned_for_a_size_that_it_takes, async {
    let config = UnetConfig::from_json(GREY_28.config).unwrap();
    for (sample_size, expected) in [
        (Some([28, 28]), [28, 28]),
        (Some([28, 30]), [4, 4]),
        (None, [4, 4]),
    ] {
        let config = UnetConfig {
            sample_size,
            ..config.clone()
        };
        assert_eq!(Plan::trained(&config).unwrap().size, expected);
    }
});
