//! The operations of a plan as plain loops in f64, each next to its gradient: what every engine is tested against.
//!
//! Every buffer has a place of its own and begins as NaN, so that what was never written shows. Nothing is fast here.

mod activation;
mod attention;
mod convolve;
mod map;
mod normalise;
mod resample;
#[cfg(feature = "train")]
mod training;

use attention::Heads;
use convolve::{Geometry, transposed};
use map::Map;
use normalise::Norm;

#[cfg(feature = "train")]
pub use training::gradients;

use super::{Conv, Op, Param, Plan, Residual, Source, View};

/// A batch of images on its way through a plan.
#[derive(Debug, Clone)]
pub struct Reference<'a> {
    /// The list.
    pub plan: &'a Plan,
    /// The weights, in the order of [`Plan::params`].
    pub tensors: Vec<Vec<f64>>,
    /// What differs from image to image.
    pub images: Vec<ImageState>,
    /// The gradients of `tensors`, zeros before there are any.
    #[cfg(feature = "train")]
    pub gradients: Vec<Vec<f64>>,
}

/// One image of a batch.
#[derive(Debug, Clone)]
pub struct ImageState {
    /// The row of a conditional network's table.
    pub class: usize,
    /// What the network's output is divided by, see [`Plan::output_divisor`].
    pub divisor: f64,
    /// The factor of the squared error.
    pub weight: f64,
    /// What dropout draws from: `drop_seed` of the step and the image.
    pub drop_seed: u32,
    /// The numbers of every buffer, `[height, width, channels]`.
    buffers: Vec<Vec<f64>>,
}

impl<'a> Reference<'a> {
    /// `batch` images, with class 0 and nothing else known of them.
    ///
    /// # Panics
    /// When the tensors are not those of the plan.
    pub fn new(plan: &'a Plan, tensors: &[Vec<f64>], batch: usize) -> Self {
        assert_eq!(tensors.len(), plan.params.len());
        for (tensor, spec) in tensors.iter().zip(&plan.params) {
            let count: usize = spec.shape.iter().product();
            assert_eq!(tensor.len(), count, "{}", spec.name);
        }
        let image = ImageState {
            class: 0,
            divisor: 1.0,
            weight: 1.0,
            drop_seed: 0,
            buffers: plan
                .buffers
                .iter()
                .map(|b| vec![f64::NAN; b.len()])
                .collect(),
        };
        Self {
            plan,
            #[cfg(feature = "train")]
            gradients: tensors.iter().map(|t| vec![0.0; t.len()]).collect(),
            tensors: tensors.to_vec(),
            images: vec![image; batch],
        }
    }

    /// The numbers of `view`, `[height, width, channels]`.
    pub fn read(&self, view: View, image: usize) -> Vec<f64> {
        self.map(view, image).values
    }

    /// Sets the numbers of `view`.
    ///
    /// # Panics
    /// When there are more or fewer than the view has.
    pub fn write(&mut self, view: View, image: usize, values: &[f64]) {
        let buffer = self.plan.buffer(view);
        assert_eq!(values.len(), buffer.height * buffer.width * view.channels);
        let numbers = &mut self.images[image].buffers[view.buffer];
        let pixels = numbers.chunks_exact_mut(buffer.channels);
        for (to, from) in pixels.zip(values.chunks_exact(view.channels)) {
            to[view.first..view.first + view.channels].copy_from_slice(from);
        }
    }

    /// Gives an image what the network reads: `x` in `[channels, height, width]`, and the timestep's features.
    pub fn give(&mut self, image: usize, x: &[f64], features: &[f64]) {
        let centre = self.plan.config.center_input_sample;
        let x = self.channels_last(self.plan.input, x);
        let centred = |v: &f64| if centre { 2.0 * v - 1.0 } else { *v };
        let x: Vec<f64> = x.iter().map(centred).collect();
        self.write(self.plan.input, image, &x);
        self.write(self.plan.features, image, features);
    }

    /// The network's output for an image, `[channels, height, width]`, divided by its divisor.
    pub fn output(&self, image: usize) -> Vec<f64> {
        let map = self.map(self.plan.output, image);
        let divisor = self.images[image].divisor;
        (0..map.channels)
            .flat_map(|c| map.values.iter().skip(c).step_by(map.channels))
            .map(|v| v / divisor)
            .collect()
    }

    /// All operations of the list, in its order: a network without its training.
    pub fn run(&mut self) {
        let plan = self.plan;
        plan.ops.iter().for_each(|op| self.run_op(op));
    }

    /// One operation, for every image.
    pub fn run_op(&mut self, op: &Op) {
        for image in 0..self.images.len() {
            let values = match op {
                Op::Conv(conv) => self.conv(conv, image).values,
                Op::Normalise {
                    input,
                    groups,
                    eps,
                    weight,
                    bias,
                    modulation,
                    ..
                } => {
                    let norm = Norm {
                        groups: *groups,
                        eps: *eps,
                        weight: self.tensor(*weight),
                        bias: self.tensor(*bias),
                        modulation: modulation.map(|view| self.read(view, image)),
                    };
                    norm.forward(&self.map(*input, image))
                }
                Op::Attention {
                    qkv,
                    heads,
                    head_dim,
                    ..
                } => {
                    let (heads, head_dim) = (*heads, *head_dim);
                    let layer = Heads { heads, head_dim };
                    layer.forward(&self.map(*qkv, image)).values
                }
            };
            self.write(op.writes(), image, &values);
        }
    }

    fn map(&self, view: View, image: usize) -> Map {
        let buffer = self.plan.buffer(view);
        let mut values = Vec::with_capacity(buffer.height * buffer.width * view.channels);
        for pixel in self.images[image].buffers[view.buffer].chunks_exact(buffer.channels) {
            values.extend_from_slice(&pixel[view.first..view.first + view.channels]);
        }
        Map {
            height: buffer.height,
            width: buffer.width,
            channels: view.channels,
            values,
        }
    }

    fn tensor(&self, param: Param) -> &[f64] {
        &self.tensors[param.0]
    }

    /// Several tensors, one below the other.
    fn stacked(&self, params: &[Param]) -> Vec<f64> {
        let tensors: Vec<&[f64]> = params.iter().map(|param| self.tensor(*param)).collect();
        tensors.concat()
    }

    /// `[channels, height, width]` in the order of a buffer of `view`.
    fn channels_last(&self, view: View, values: &[f64]) -> Vec<f64> {
        let buffer = self.plan.buffer(view);
        let pixels = buffer.height * buffer.width;
        (0..pixels)
            .flat_map(|pixel| values.iter().skip(pixel).step_by(pixels))
            .copied()
            .collect()
    }

    /// `resample(act(scale x + shift))`.
    fn source(&self, source: &Source, image: usize) -> Map {
        let mut x = self.map(source.view, image);
        if let Some(norm) = source.norm {
            let norm = self.read(norm, image);
            let shifts = x.channels;
            x = x.map(|v, c| norm[c] * v + norm[shifts + c]);
        }
        if let Some(act) = source.act {
            x = x.map(|v, _| activation::forward(act, v));
        }
        resample::forward(x, source.resample)
    }

    /// `scale (weight * source + bias + time + residual)`.
    fn conv(&self, conv: &Conv, image: usize) -> Map {
        let buffer = self.plan.buffer(conv.output);
        let size = [buffer.height, buffer.width, conv.output.channels];
        let mut weight = self.stacked(&conv.weights);
        if conv.transposed {
            weight = transposed(&weight, conv.output.channels, conv.kernel);
        }
        let geometry = Geometry {
            kernel: conv.kernel,
            stride: conv.stride,
            padding: conv.padding,
        };
        let mut sums = geometry.forward(&self.source(&conv.source, image), &weight, size);
        if !conv.biases.is_empty() {
            let bias = self.stacked(&conv.biases);
            sums = sums.map(|v, c| v + bias[c]);
        }
        if let Some(time) = conv.time {
            let time = self.read(time, image);
            sums = sums.map(|v, c| v + time[c]);
        }
        let added = match &conv.residual {
            Residual::None => Map::zeros(size),
            Residual::Add(source) => self.source(source, image),
            Residual::Project {
                source,
                weight,
                bias,
            } => {
                let bias = self.tensor(*bias);
                Geometry::POINT
                    .forward(&self.source(source, image), self.tensor(*weight), size)
                    .map(|v, c| v + bias[c])
            }
            Residual::Class(table) => {
                let row = self.images[image].class * size[2];
                let row = &self.tensor(*table)[row..row + size[2]];
                Map::make(size, |_, _, c| row[c])
            }
        };
        assert_eq!(added.size(), size);
        let scale = f64::from(conv.scale);
        Map::make(size, |y, x, c| {
            scale * (sums.at(y, x, c) + added.at(y, x, c))
        })
    }
}
