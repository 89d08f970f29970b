//! Every operation of a training step alone: what the device made of the numbers that it read, against what the loops
//! of `plan/reference/` make of the same numbers.

use std::collections::BTreeSet;

use super::*;
use crate::engine::plan::{Back, Op, Reference, Resample, Step, View};

/// Error of one operation, as a part of the norm of what it writes.
const TOLERANCE: f64 = 5e-6;

/// How the kinds of operations begin, each of which some network must have.
const EVERY: [&str; 26] = [
    "addition",
    "attention",
    "attention's gradient",
    "classes",
    "convolution",
    "convolution of a gradient, inserting false, adding false",
    "convolution of a gradient, inserting false, adding true",
    "convolution of a gradient, inserting true",
    "dropout, normalised false",
    "dropout, normalised true",
    "loss",
    "reduction",
    "sum",
    "through Average2x, normalised false",
    "through Average2x, normalised true",
    "through Keep, normalised false, modulated false, activated false, adding false",
    "through Keep, normalised false, modulated false, activated true",
    "through Keep, normalised true, modulated false, activated false",
    "through Keep, normalised true, modulated false, activated true",
    "through Keep, normalised true, modulated true",
    "through Nearest2x, normalised false",
    "through Nearest2x, normalised true",
    "weights of 1x1",
    "weights of 3x3, stride 1, Average2x",
    "weights of 3x3, stride 1, Nearest2x",
    "weights of 3x3, stride 2",
];

/// A network for images of `size`, with `options` beside its blocks.
fn network(size: [usize; 2], options: &str) -> UnetConfig {
    let [height, width] = size;
    config(&format!(
        r#"{{ "sample_size": [{height}, {width}], "layers_per_block": 1, {options} }}"#
    ))
}

/// Together they have everything that a network may have.
fn networks() -> Vec<UnetConfig> {
    vec![
        wide(),
        // Strides after a column of zeros, groups of three and six channels, dropout, classes.
        network(
            [6, 10],
            r#""in_channels": 3, "out_channels": 3, "block_out_channels": [9, 18], "norm_num_groups": 3,
            "attention_head_dim": 5, "act_fn": "relu", "dropout": 0.3, "num_class_embeds": 4,
            "down_block_types": ["AttnDownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "UpBlock2D"]"#,
        ),
        // Changes of resolution inside of blocks, modulation, groups of one and two channels, a factor.
        network(
            [12, 4],
            r#""in_channels": 2, "out_channels": 2, "block_out_channels": [8, 16], "norm_num_groups": 8,
            "attention_head_dim": 8, "act_fn": "gelu", "resnet_time_scale_shift": "scale_shift",
            "downsample_type": "resnet", "upsample_type": "resnet", "mid_block_scale_factor": 1.5,
            "down_block_types": ["ResnetDownsampleBlock2D", "DownBlock2D"],
            "up_block_types": ["AttnUpBlock2D", "ResnetUpsampleBlock2D"]"#,
        ),
        // Learned from frequencies, centred, no middle.
        network(
            [7, 5],
            r#""in_channels": 1, "out_channels": 1, "block_out_channels": [20], "norm_num_groups": 4,
            "act_fn": "mish", "time_embedding_type": "fourier", "center_input_sample": true,
            "mid_block_type": null,
            "down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"]"#,
        ),
    ]
}

/// What the device's memory holds of one batch.
struct Memory {
    layout: Layout,
    numbers: Vec<f32>,
}

impl Memory {
    /// The numbers of `view`, `[height, width, channels]`.
    fn read(&self, plan: &Plan, view: View, image: usize) -> Vec<f64> {
        let lanes = self.layout.lanes.of(view);
        let (_, at) = self.layout.places.buffer(view);
        let buffer = plan.buffer(view);
        let plane = buffer.height * buffer.width;
        let first =
            ZEROS + image * self.layout.places.image + at + self.layout.lanes.first(view) * plane;
        let mut values = vec![f64::NAN; plane * view.channels];
        for (lane, channel) in lanes.iter().enumerate() {
            let Some(channel) = channel else { continue };
            for pixel in 0..plane {
                let at = 4 * (first + lane / 4 * plane + pixel) + lane % 4;
                values[pixel * view.channels + channel] = f64::from(self.numbers[at]);
            }
        }
        values
    }
}

/// What sets an operation apart from others of its kind, in words.
fn kind(plan: &Plan, step: &Step) -> String {
    match step {
        Step::Op(at) => match &plan.ops[*at] {
            Op::Conv(conv) if conv.transposed => format!(
                "convolution of a gradient, inserting {}, adding {}",
                matches!(conv.source.resample, Resample::Insert2x { .. }),
                !matches!(conv.residual, crate::engine::plan::Residual::None)
            ),
            Op::Conv(_) => "convolution".into(),
            Op::Attention { .. } => "attention".into(),
            Op::Normalise { .. } => "normalisation".into(),
        },
        Step::Back(back) => match back {
            Back::Loss { .. } => "loss".into(),
            Back::Weights {
                source,
                kernel,
                stride,
                ..
            } => format!(
                "weights of {kernel}x{kernel}, stride {stride}, {:?}, normalised {}",
                source.resample,
                source.norm.is_some()
            ),
            Back::Sum { .. } => "sum".into(),
            Back::Reduce { .. } => "reduction".into(),
            Back::Classes { .. } => "classes".into(),
            Back::Through(through) => format!(
                "through {:?}, normalised {}, modulated {}, activated {}, adding {}",
                through.resample,
                through.norm.is_some(),
                through
                    .norm
                    .as_ref()
                    .is_some_and(|norm| norm.modulation.is_some()),
                through.act.is_some(),
                through.add.is_some()
            ),
            Back::Attention { .. } => "attention's gradient".into(),
            Back::Add { .. } => "addition".into(),
            Back::Drop { source, .. } => format!("dropout, normalised {}", source.norm.is_some()),
        },
    }
}

#[test]
fn every_operation_alone_equals_the_loops() {
    let Some(gpu) = gpu() else { return };
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for (number, config) in networks().into_iter().enumerate() {
        let (state, batch) = (state(&config), batch(&config, 3));
        let training = TrainingPlan::new(&config, config.sample_size.unwrap()).unwrap();
        let plan = &training.plan;
        let mut learner = pollster::block_on(GpuLearner::new(&gpu, &config, &state)).unwrap();
        let layout = Layout::apart(&training).unwrap();
        let program = Program::new(
            &gpu,
            training.clone(),
            &layout,
            3,
            &learner.masters,
            &learner.trained,
            learner.making,
        );
        learner.program = Some(program.unwrap());
        let gradients = pollster::block_on(learner.gradients(&batch)).unwrap();
        let arena = [learner.program.as_ref().unwrap().arena.clone()];
        let numbers = pollster::block_on(learner.download(&arena)).unwrap();
        let memory = Memory {
            layout,
            numbers: numbers.into_iter().flatten().collect(),
        };
        let widened = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect();
        let tensors: Vec<Vec<f64>> = state.values.iter().map(|v| widened(v)).collect();
        let mut reference = Reference::of_batch(&training, &tensors, &batch);
        // A normalisation writes something else on the device, which shows in what reads it; losses lie elsewhere.
        let norms = plan.ops.iter().filter_map(|op| match op {
            Op::Normalise { output, .. } => Some(output.buffer),
            _ => None,
        });
        let elsewhere: BTreeSet<usize> = norms.chain([training.loss.buffer]).collect();
        let here = |views: Vec<View>| {
            let views = views.into_iter();
            views.filter(|view| !elsewhere.contains(&view.buffer))
        };
        let mut check = |what: &str, found: &[f64], expected: &[f64], read: f64| {
            let off = norm(found.iter().zip(expected).map(|(a, b)| a - b));
            // What cancels out is as exact as what it was made of.
            let scale = norm(expected.iter().copied()).max(0.1 * read);
            if off.is_nan() || off > TOLERANCE * scale {
                wrong.push(format!("network {number}, {what}: {off:e} of {scale:e}"));
            }
        };
        for view in [plan.input, plan.features, training.target] {
            for image in 0..3 {
                let expected = reference.read(view, image);
                check("batch", &memory.read(plan, view, image), &expected, 0.0);
            }
        }
        for step in &training.steps {
            let what = kind(plan, step);
            let (reads, writes) = training.views(step);
            let mut read = 0.0f64;
            for view in here(reads) {
                for image in 0..3 {
                    let numbers = memory.read(plan, view, image);
                    read = read.max(norm(numbers.iter().copied()));
                    reference.write(view, image, &numbers);
                }
            }
            reference.run_step(step);
            for view in here(writes) {
                for image in 0..3 {
                    let expected = reference.read(view, image);
                    check(&what, &memory.read(plan, view, image), &expected, read);
                }
            }
            let params = match step {
                Step::Back(Back::Weights { weights, .. }) => weights.clone(),
                Step::Back(Back::Reduce { params, .. }) => params.clone(),
                Step::Back(Back::Classes { table, .. }) => vec![*table],
                _ => Vec::new(),
            };
            for param in params {
                let found: Vec<f64> = widened(&gradients.gradients[param.0]);
                check(&what, &found, &reference.gradients[param.0], read);
            }
            seen.insert(what);
        }
        let (found, expected) = (f64::from(gradients.loss), reference.loss(&training));
        check("loss", &[found], &[expected], 0.0);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for kind in EVERY {
        assert!(seen.iter().any(|seen| seen.starts_with(kind)), "no {kind}");
    }
}
