//! Plans of one or two operations, made by hand, and what a device makes of them.

use std::collections::HashMap;

use crate::engine::plan::{
    Buffer, Conv, Op, Param, Plan, Reference, Resample, Residual, Source, View,
};
use crate::engine::webgpu::device::Gpu;
use crate::engine::webgpu::draft::Style;
use crate::engine::webgpu::layout::{Lanes, Shelves};
use crate::engine::webgpu::network::upload;
use crate::engine::webgpu::pack::Packer;
use crate::engine::webgpu::program::Program;
use crate::engine::webgpu::readback::{Filled, Readback};
use crate::engine::webgpu::state::{Part, scalars};
use crate::engine::webgpu::storage::bytes;
use crate::step::{Clip, EpsFrom, StepCoefficients};
use crate::unet::config::UnetConfig;
use crate::unet::weights::TensorSpec;

/// SplitMix64 (Steele et al. 2014).
pub struct Dice(pub u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// One of `from` to `to`, both included.
    pub fn between(&mut self, from: usize, to: usize) -> usize {
        from + (self.roll() % (to - from + 1) as u64) as usize
    }

    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.between(0, of.len() - 1)].clone()
    }

    /// `count` numbers in -bound..bound that f16 holds exactly.
    pub fn numbers(&mut self, count: usize, bound: f32) -> Vec<f32> {
        let number = |dice: &mut Self| {
            let unit = (dice.roll() >> 40) as f32 / (1 << 23) as f32 - 1.0;
            half::f16::from_f32(unit * bound).to_f32()
        };
        (0..count).map(|_| number(self)).collect()
    }
}

/// A plan in the making, and its weights.
pub struct Maker {
    pub plan: Plan,
    pub tensors: HashMap<String, Vec<f32>>,
    pub dice: Dice,
}

/// Numbers of the timestep's features.
pub const FEATURES: usize = 12;

impl Maker {
    /// Images of `size` with `channels`.
    pub fn new(seed: u64, size: [usize; 2], channels: usize) -> Self {
        let config = UnetConfig::from_json(
            r#"{
                "block_out_channels": [32],
                "down_block_types": ["DownBlock2D"],
                "up_block_types": ["UpBlock2D"]
            }"#,
        )
        .unwrap();
        let nowhere = View {
            buffer: 0,
            first: 0,
            channels: 0,
        };
        let mut maker = Self {
            plan: Plan {
                config: UnetConfig {
                    in_channels: channels,
                    ..config
                },
                size,
                params: Vec::new(),
                buffers: Vec::new(),
                ops: Vec::new(),
                features: nowhere,
                input: nowhere,
                output: nowhere,
                arena: 0,
                frequencies: None,
            },
            tensors: HashMap::new(),
            dice: Dice(seed),
        };
        maker.plan.features = maker.view([1, 1], FEATURES);
        maker.plan.input = maker.view(size, channels);
        maker
    }

    /// A new buffer.
    pub fn view(&mut self, [height, width]: [usize; 2], channels: usize) -> View {
        self.plan.buffers.push(Buffer {
            height,
            width,
            channels,
            offset: 0,
        });
        View {
            buffer: self.plan.buffers.len() - 1,
            first: 0,
            channels,
        }
    }

    /// A new tensor of numbers in -bound..bound.
    pub fn param(&mut self, shape: &[usize], bound: f32) -> Param {
        let name = format!("tensor {}", self.plan.params.len());
        let numbers = self.dice.numbers(shape.iter().product(), bound);
        self.tensors.insert(name.clone(), numbers);
        self.plan.params.push(TensorSpec {
            name,
            shape: shape.to_vec(),
        });
        Param(self.plan.params.len() - 1)
    }

    /// A convolution with random weights, so that the result is about as large as the source.
    pub fn conv(&mut self, source: Source, kernel: usize, output: View) -> Conv {
        let (inputs, outputs) = (source.view.channels, output.channels);
        let bound = (3.0 / (inputs * kernel * kernel) as f32).sqrt();
        let weight = self.param(&[outputs, inputs, kernel, kernel], bound);
        let bias = self.param(&[outputs], 0.5);
        Conv {
            source,
            kernel,
            stride: 1,
            padding: kernel / 2,
            weights: vec![weight],
            transposed: false,
            biases: vec![bias],
            time: None,
            residual: Residual::None,
            scale: 1.0,
            output,
        }
    }

    /// A time embedding.
    pub fn time(&mut self, channels: usize) -> View {
        let output = self.view([1, 1], channels);
        let linear = self.conv(Source::plain(self.plan.features), 1, output);
        self.plan.ops.push(Op::Conv(linear));
        output
    }

    /// The plan as it is: `output` is the network's, brought back to the size of its input where it has another one.
    pub fn finish(&mut self, mut output: View) {
        let [height, width] = self.plan.size;
        let buffer = self.plan.buffer(output);
        if [buffer.height, buffer.width] != self.plan.size {
            let grown = buffer.height > height || buffer.width > width;
            let source = Source {
                resample: if grown {
                    Resample::Keep
                } else {
                    Resample::Nearest2x
                },
                ..Source::plain(output)
            };
            output = self.view([height, width], output.channels);
            let back = Conv {
                stride: if grown { 2 } else { 1 },
                ..self.conv(source, 1, output)
            };
            self.plan.ops.push(Op::Conv(back));
        }
        self.plan.config.out_channels = output.channels;
        self.plan.output = output;
    }

    /// Random images, features and labels for the plan.
    pub fn inputs(&mut self, batch: usize, classes: usize) -> Inputs {
        let input = self.plan.input;
        let buffer = self.plan.buffer(input);
        let image = buffer.height * buffer.width * input.channels;
        let dice = &mut self.dice;
        Inputs {
            x: dice.numbers(batch * image, 1.5),
            features: (0..batch).map(|_| dice.numbers(FEATURES, 1.0)).collect(),
            labels: (0..batch).map(|_| dice.between(0, classes - 1)).collect(),
        }
    }

    /// What the loops make of `inputs`.
    pub fn reference(&self, inputs: &Inputs) -> Vec<f64> {
        let widened =
            |numbers: &[f32]| -> Vec<f64> { numbers.iter().map(|v| f64::from(*v)).collect() };
        let tensors = self.plan.params.iter();
        let tensors: Vec<Vec<f64>> = tensors.map(|p| widened(&self.tensors[&p.name])).collect();
        let batch = inputs.labels.len();
        let mut reference = Reference::new(&self.plan, &tensors, batch);
        for (image, x) in inputs.x.chunks_exact(inputs.x.len() / batch).enumerate() {
            reference.give(image, &widened(x), &widened(&inputs.features[image]));
            reference.images[image].class = inputs.labels[image];
        }
        reference.run();
        let images = 0..batch;
        images.flat_map(|image| reference.output(image)).collect()
    }

    /// What the device makes of `inputs`.
    pub async fn run(&self, gpu: &Gpu, style: Style, inputs: &Inputs) -> Vec<f32> {
        let results = self.step(gpu, style, inputs, &OUTPUT, None).await;
        let count = results.len() - inputs.x.len();
        results[inputs.x.len()..][..count].to_vec()
    }

    /// x_t and x0_hat after a step.
    pub async fn step(
        &self,
        gpu: &Gpu,
        style: Style,
        inputs: &Inputs,
        coefficients: &StepCoefficients,
        noise: Option<&[f32]>,
    ) -> Vec<f32> {
        let batch = inputs.labels.len();
        let lanes = Lanes::new(&self.plan);
        let shelves = Shelves::new(&self.plan, &lanes, usize::MAX);
        let plan = self.plan.clone();
        let program = Program::new(gpu, plan, batch, &lanes, &shelves.ops, style).unwrap();
        let shape = program.shape;
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC;
        let packer = Packer {
            plan: &self.plan,
            lanes: &lanes,
            tensors: |params: &[Param]| {
                let of = |param: &Param| &self.tensors[&self.plan.params[param.0].name];
                Ok(params.iter().flat_map(of).copied().collect())
            },
        };
        let weights = upload(gpu, &packer, &shelves, style.storage).unwrap();
        let state = gpu
            .buffer("a batch", 4 * shape.len() as u64, usage)
            .unwrap();
        let put = |at: usize, numbers: &[f32]| {
            gpu.queue()
                .write_buffer(&state, 4 * at as u64, &bytes(numbers));
        };
        let part = if coefficients == &OUTPUT {
            Part::Predict
        } else {
            Part::Whole
        };
        let scalars = scalars(coefficients, &vec![1.0; batch], noise.is_some(), part);
        put(0, &shape.head(scalars, &inputs.features));
        let labels: Vec<f32> = inputs.labels.iter().map(|label| *label as f32).collect();
        put(shape.labels(), &labels);
        put(shape.x_t(), &inputs.x);
        put(shape.noise(), noise.unwrap_or_default());
        let groups = program.bind(gpu, &weights, &state);
        let count = inputs.x.len() + shape.output();
        let readback = Readback::new(gpu, count);
        let buffer = readback.take().unwrap();
        let mut encoder = gpu.device().create_command_encoder(&Default::default());
        program.encode(0..program.dispatches(), 1, &mut encoder, &groups);
        let from = 4 * shape.x_t() as u64;
        encoder.copy_buffer_to_buffer(&state, from, &buffer, 0, buffer.size());
        let submission = gpu.queue().submit([encoder.finish()]);
        readback.read(Filled { buffer, submission }).await.unwrap()
    }
}

/// x0_hat is the network's output.
const OUTPUT: StepCoefficients = StepCoefficients {
    p: 0.0,
    q: 1.0,
    clip: Clip::None,
    r: 0.0,
    s: 0.0,
    eps_from: EpsFrom::Out,
    a: 0.0,
    b: 0.0,
    sigma: 0.0,
};

/// What goes into a plan.
pub struct Inputs {
    /// `[batch, channels, height, width]`.
    pub x: Vec<f32>,
    /// One for each image.
    pub features: Vec<Vec<f32>>,
    /// One for each image.
    pub labels: Vec<usize>,
}

/// The largest difference of a pair, as a part of the larger of 1 and the number that it should be.
pub fn worst(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let pairs = found.iter().zip(expected);
    pairs
        .map(|(a, b)| {
            let error = (f64::from(*a) - b).abs() / b.abs().max(1.0);
            if error.is_nan() { f64::INFINITY } else { error }
        })
        .fold(0.0, f64::max)
}
