//! The operations of a plan as loops in f64, as plain as their documentation.

use std::collections::HashMap;

use crate::engine::plan::{Conv, Op, Param, Plan, Resample, Residual, Source, View};
use crate::unet::config::Activation;

/// The numbers of a view: `[height, width, channels]`.
#[derive(Clone)]
pub struct Map {
    height: usize,
    width: usize,
    channels: usize,
    values: Vec<f64>,
}

impl Map {
    fn at(&self, y: usize, x: usize, c: usize) -> f64 {
        self.values[(y * self.width + x) * self.channels + c]
    }

    fn make(size: [usize; 3], of: impl Fn(usize, usize, usize) -> f64) -> Self {
        let [height, width, channels] = size;
        let mut values = Vec::with_capacity(height * width * channels);
        for y in 0..height {
            for x in 0..width {
                values.extend((0..channels).map(|c| of(y, x, c)));
            }
        }
        Self {
            height,
            width,
            channels,
            values,
        }
    }

    fn map(&self, of: impl Fn(f64, usize) -> f64) -> Self {
        let size = [self.height, self.width, self.channels];
        Self::make(size, |y, x, c| of(self.at(y, x, c), c))
    }
}

/// One image on its way through a plan.
pub struct Naive<'a> {
    pub plan: &'a Plan,
    pub tensors: &'a HashMap<String, Vec<f32>>,
    pub class: usize,
    buffers: Vec<Vec<f64>>,
}

impl<'a> Naive<'a> {
    pub fn new(plan: &'a Plan, tensors: &'a HashMap<String, Vec<f32>>, class: usize) -> Self {
        Self {
            plan,
            tensors,
            class,
            buffers: plan.buffers.iter().map(|b| vec![0.0; b.len()]).collect(),
        }
    }

    /// `x` `[channels, height, width]` -> the output in the same order.
    pub fn run(mut self, x: &[f32], features: &[f32]) -> Vec<f64> {
        let plan = self.plan;
        let [height, width] = plan.size;
        let centred = |v: f64| {
            if plan.config.center_input_sample {
                2.0 * v - 1.0
            } else {
                v
            }
        };
        let input = Map::make([height, width, plan.input.channels], |y, at, c| {
            centred(x[(c * height + y) * width + at].into())
        });
        self.write(plan.input, &input.values);
        let features: Vec<f64> = features.iter().map(|v| f64::from(*v)).collect();
        self.write(plan.features, &features);
        for op in &plan.ops {
            match op {
                Op::Conv(conv) => self.write(conv.output, &self.conv(conv).values),
                Op::Normalise { output, .. } => self.write(*output, &self.normalise(op)),
                Op::Attention { output, .. } => self.write(*output, &self.attention(op).values),
            }
        }
        let out = self.read(plan.output);
        (0..out.channels)
            .flat_map(|c| (0..height * width).map(move |i| (c, i)))
            .map(|(c, i)| out.at(i / width, i % width, c))
            .collect()
    }

    fn read(&self, view: View) -> Map {
        let buffer = self.plan.buffer(view);
        Map::make([buffer.height, buffer.width, view.channels], |y, x, c| {
            let pixel = y * buffer.width + x;
            self.buffers[view.buffer][pixel * buffer.channels + view.first + c]
        })
    }

    fn write(&mut self, view: View, values: &[f64]) {
        let channels = self.plan.buffer(view).channels;
        let pixels = self.buffers[view.buffer].chunks_exact_mut(channels);
        for (to, from) in pixels.zip(values.chunks_exact(view.channels)) {
            to[view.first..view.first + view.channels].copy_from_slice(from);
        }
    }

    fn param(&self, param: Param) -> Vec<f64> {
        let tensor = &self.tensors[&self.plan.params[param.0].name];
        tensor.iter().map(|v| f64::from(*v)).collect()
    }

    fn joined(&self, params: &[Param]) -> Vec<f64> {
        params.iter().flat_map(|p| self.param(*p)).collect()
    }

    fn source(&self, source: &Source) -> Map {
        let mut map = self.read(source.view);
        if let Some(norm) = source.norm {
            let norm = self.read(norm).values;
            let channels = map.channels;
            map = map.map(|v, c| v * norm[c] + norm[channels + c]);
        }
        if let Some(act) = source.act {
            map = map.map(|v, _| activate(act, v));
        }
        let Map {
            height,
            width,
            channels,
            ..
        } = map;
        match source.resample {
            Resample::Keep => map,
            Resample::Insert2x { odd } => {
                let odd = usize::from(odd);
                Map::make([2 * height, 2 * width, channels], |y, x, c| {
                    if y % 2 == odd && x % 2 == odd {
                        map.at(y / 2, x / 2, c)
                    } else {
                        0.0
                    }
                })
            }
            Resample::Nearest2x => Map::make([2 * height, 2 * width, channels], |y, x, c| {
                map.at(y / 2, x / 2, c)
            }),
            Resample::Average2x => Map::make([height / 2, width / 2, channels], |y, x, c| {
                let corners = [(0, 0), (0, 1), (1, 0), (1, 1)];
                let sum: f64 = corners
                    .iter()
                    .map(|(i, j)| map.at(2 * y + i, 2 * x + j, c))
                    .sum();
                sum / 4.0
            }),
        }
    }

    fn conv(&self, conv: &Conv) -> Map {
        let to = self.plan.buffer(conv.output);
        let size = [to.height, to.width, conv.output.channels];
        let weight = self.joined(&conv.weights);
        let bias = self.joined(&conv.biases);
        let geometry = [conv.kernel, conv.stride, conv.padding];
        let sums = convolve(&self.source(&conv.source), &weight, size, geometry);
        let time = conv.time.map(|view| self.read(view));
        let added = match &conv.residual {
            Residual::None => None,
            Residual::Add(source) => Some(self.source(source)),
            Residual::Project {
                source,
                weight,
                bias,
            } => {
                let bias = self.param(*bias);
                let sums = convolve(&self.source(source), &self.param(*weight), size, [1, 1, 0]);
                Some(sums.map(|v, c| v + bias[c]))
            }
            Residual::Class(table) => {
                let table = self.param(*table);
                let first = self.class * conv.output.channels;
                Some(Map::make(size, |_, _, c| table[first + c]))
            }
        };
        Map::make(size, |y, x, c| {
            let time = time.as_ref().map_or(0.0, |time| time.at(0, 0, c));
            let added = added.as_ref().map_or(0.0, |added| added.at(y, x, c));
            f64::from(conv.scale) * (sums.at(y, x, c) + bias[c] + time + added)
        })
    }

    /// Scale and shift of every channel.
    fn normalise(&self, op: &Op) -> Vec<f64> {
        let Op::Normalise {
            input,
            groups,
            eps,
            weight,
            bias,
            modulation,
            ..
        } = op
        else {
            unreachable!("the caller looked");
        };
        let map = self.read(*input);
        let (weight, bias) = (self.param(*weight), self.param(*bias));
        let modulation = modulation.map(|view| self.read(view).values);
        let size = map.channels / groups;
        let mut scales = Vec::new();
        let mut shifts = Vec::new();
        for c in 0..map.channels {
            let group: Vec<f64> = (0..map.values.len())
                .filter(|i| i % map.channels / size == c / size)
                .map(|i| map.values[i])
                .collect();
            let count = group.len() as f64;
            let mean = group.iter().sum::<f64>() / count;
            let variance = group.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
            let scale = weight[c] / (variance + eps).sqrt();
            let shift = bias[c] - mean * scale;
            let (s, b) = modulation
                .as_ref()
                .map_or((0.0, 0.0), |m| (m[c], m[map.channels + c]));
            scales.push((1.0 + s) * scale);
            shifts.push((1.0 + s) * shift + b);
        }
        [scales, shifts].concat()
    }

    fn attention(&self, op: &Op) -> Map {
        let Op::Attention {
            qkv,
            heads,
            head_dim,
            ..
        } = op
        else {
            unreachable!("the caller looked");
        };
        let map = self.read(*qkv);
        let pixels = map.height * map.width;
        let at = |part: usize, pixel: usize, c: usize| {
            map.values[pixel * map.channels + part * heads * head_dim + c]
        };
        let size = [map.height, map.width, heads * head_dim];
        Map::make(size, |y, x, c| {
            let query = y * map.width + x;
            let head = c / head_dim * head_dim..(c / head_dim + 1) * head_dim;
            let scores: Vec<f64> = (0..pixels)
                .map(|key| {
                    let product: f64 = head.clone().map(|d| at(0, query, d) * at(1, key, d)).sum();
                    (product / (*head_dim as f64).sqrt()).exp()
                })
                .collect();
            let mean: f64 = (0..pixels).map(|key| scores[key] * at(2, key, c)).sum();
            mean / scores.iter().sum::<f64>()
        })
    }
}

/// `geometry`: kernel, stride, padding.
fn convolve(source: &Map, weight: &[f64], size: [usize; 3], geometry: [usize; 3]) -> Map {
    let [kernel, stride, padding] = geometry;
    let inputs = source.channels;
    Map::make(size, |y, x, o| {
        let mut sum = 0.0;
        for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
            let row = (y * stride + i).wrapping_sub(padding);
            let column = (x * stride + j).wrapping_sub(padding);
            if row < source.height && column < source.width {
                for c in 0..inputs {
                    let w = weight[((o * inputs + c) * kernel + i) * kernel + j];
                    sum += w * source.at(row, column, c);
                }
            }
        }
        sum
    })
}

fn activate(act: Activation, x: f64) -> f64 {
    match act {
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Mish => x * x.exp().ln_1p().tanh(),
        Activation::Gelu => x * 0.5 * (1.0 + libm::erf(x / 2f64.sqrt())),
        Activation::Relu => x.max(0.0),
    }
}
