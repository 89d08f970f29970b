//! The operations of a plan as loops, as plain as their documentation.

use std::collections::HashMap;

use ddim_web::engine::plan::{Conv, Op, Param, Plan, Resample, Residual, Source, View};
use ddim_web::unet::config::Activation;

/// The numbers of a view: `[height, width, channels]`.
struct Map {
    height: usize,
    width: usize,
    channels: usize,
    values: Vec<f32>,
}

impl Map {
    fn at(&self, y: usize, x: usize) -> &[f32] {
        &self.values[(y * self.width + x) * self.channels..][..self.channels]
    }
}

/// One image on its way through the list.
pub struct Machine<'a> {
    pub plan: &'a Plan,
    pub tensors: &'a HashMap<String, Vec<f32>>,
    pub class: Option<usize>,
    pub arena: Vec<f32>,
}

impl Machine<'_> {
    /// `x` `[channels, height, width]` -> the network's output in the same order.
    pub fn run(mut self, x: &[f32], t: f32) -> Vec<f32> {
        let plan = self.plan;
        let frequencies = self.tensors.get("time_proj.weight").map(Vec::as_slice);
        let features = plan.time_features(t, frequencies);
        self.write(plan.features, &features);
        let centred = |v: f32| {
            if plan.config.center_input_sample {
                2.0 * v - 1.0
            } else {
                v
            }
        };
        let pixels = plan.size[0] * plan.size[1];
        let last =
            |i: usize| centred(x[i % plan.input.channels * pixels + i / plan.input.channels]);
        self.write(plan.input, &(0..x.len()).map(last).collect::<Vec<f32>>());
        for op in &plan.ops {
            let (output, values) = match op {
                Op::Normalise { .. } => self.normalise(op),
                Op::Conv(conv) => (conv.output, self.conv(conv)),
                Op::Attention {
                    qkv,
                    heads,
                    head_dim,
                    output,
                } => (*output, self.attention(*qkv, *heads, *head_dim)),
            };
            self.write(output, &values);
        }
        let out = self.read(plan.output);
        let first = |i: usize| out.values[i % pixels * out.channels + i / pixels];
        let divisor = plan.output_divisor(t);
        (0..out.values.len()).map(|i| first(i) / divisor).collect()
    }

    fn places(&self, view: View) -> impl Iterator<Item = usize> + use<> {
        let buffer = self.plan.buffer(view);
        let (offset, stride) = (buffer.offset, buffer.channels);
        (0..buffer.height * buffer.width)
            .flat_map(move |pixel| (0..view.channels).map(move |c| (pixel, c)))
            .map(move |(pixel, c)| offset + pixel * stride + view.first + c)
    }

    fn read(&self, view: View) -> Map {
        let buffer = self.plan.buffer(view);
        Map {
            height: buffer.height,
            width: buffer.width,
            channels: view.channels,
            values: self.places(view).map(|i| self.arena[i]).collect(),
        }
    }

    fn write(&mut self, view: View, values: &[f32]) {
        assert_eq!(self.places(view).count(), values.len());
        for (i, value) in self.places(view).zip(values) {
            self.arena[i] = *value;
        }
    }

    fn param(&self, param: Param) -> &[f32] {
        &self.tensors[&self.plan.params[param.0].name]
    }

    fn source(&self, source: &Source) -> Map {
        let mut map = self.read(source.view);
        let channels = map.channels;
        if let Some(norm) = source.norm {
            let norm = self.read(norm).values;
            for (i, v) in map.values.iter_mut().enumerate() {
                *v = *v * norm[i % channels] + norm[channels + i % channels];
            }
        }
        if let Some(act) = source.act {
            map.values.iter_mut().for_each(|v| *v = activate(act, *v));
        }
        let (height, width) = match source.resample {
            Resample::Keep => return map,
            Resample::Insert2x { .. } => unreachable!("a network inserts no zeros"),
            Resample::Nearest2x => (2 * map.height, 2 * map.width),
            Resample::Average2x => (map.height / 2, map.width / 2),
        };
        let mut values = Vec::new();
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            if source.resample == Resample::Nearest2x {
                values.extend(map.at(y / 2, x / 2));
                continue;
            }
            let square =
                [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(i, j)| map.at(2 * y + i, 2 * x + j));
            values.extend((0..channels).map(|c| square.iter().map(|p| p[c]).sum::<f32>() / 4.0));
        }
        Map {
            height,
            width,
            channels,
            values,
        }
    }

    fn conv(&self, conv: &Conv) -> Vec<f32> {
        let source = self.source(&conv.source);
        let joined = |params: &[Param]| -> Vec<f32> {
            params
                .iter()
                .flat_map(|p| self.param(*p))
                .copied()
                .collect()
        };
        let output = self.plan.buffer(conv.output);
        let geometry = [
            output.height,
            output.width,
            conv.kernel,
            conv.stride,
            conv.padding,
        ];
        let mut values = convolve(
            &source,
            &joined(&conv.weights),
            &joined(&conv.biases),
            geometry,
        );
        let added = match &conv.residual {
            Residual::None => None,
            Residual::Add(source) => Some(self.source(source).values),
            Residual::Project {
                source,
                weight,
                bias,
            } => {
                let geometry = [output.height, output.width, 1, 1, 0];
                Some(convolve(
                    &self.source(source),
                    self.param(*weight),
                    self.param(*bias),
                    geometry,
                ))
            }
            Residual::Class(table) => {
                let row = self.class.unwrap() * conv.output.channels;
                Some(self.param(*table)[row..][..conv.output.channels].to_vec())
            }
        };
        if let Some(added) = added {
            assert_eq!(added.len(), values.len());
            values.iter_mut().zip(added).for_each(|(v, a)| *v += a);
        }
        let time = conv.time.map(|view| self.read(view).values);
        for (i, v) in values.iter_mut().enumerate() {
            let time = time
                .as_ref()
                .map_or(0.0, |time| time[i % conv.output.channels]);
            *v = conv.scale * (*v + time);
        }
        values
    }

    fn normalise(&self, op: &Op) -> (View, Vec<f32>) {
        let Op::Normalise {
            input,
            groups,
            eps,
            weight,
            bias,
            modulation,
            output,
        } = op
        else {
            unreachable!("the caller looked");
        };
        let map = self.read(*input);
        let of_group = map.channels / groups;
        let modulation = modulation.map(|view| self.read(view).values);
        let mut scales = Vec::new();
        let mut shifts = Vec::new();
        for c in 0..map.channels {
            let group = c / of_group;
            let mine: Vec<f64> = (0..map.values.len())
                .filter(|i| i % map.channels / of_group == group)
                .map(|i| f64::from(map.values[i]))
                .collect();
            let count = mine.len() as f64;
            let mean = mine.iter().sum::<f64>() / count;
            let variance = mine.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
            let (s, b) = modulation
                .as_ref()
                .map_or((0.0, 0.0), |m| (m[c], m[map.channels + c]));
            let scale = f64::from(self.param(*weight)[c]) / (variance + eps).sqrt();
            let shift = f64::from(self.param(*bias)[c]) - mean * scale;
            let factor = 1.0 + f64::from(s);
            scales.push((factor * scale) as f32);
            shifts.push((factor * shift + f64::from(b)) as f32);
        }
        (*output, [scales, shifts].concat())
    }

    fn attention(&self, qkv: View, heads: usize, head_dim: usize) -> Vec<f32> {
        let qkv = self.read(qkv);
        let inner = heads * head_dim;
        let pixels = qkv.height * qkv.width;
        let part = |pixel: usize, which: usize, head: usize| {
            &qkv.values[pixel * 3 * inner + which * inner + head * head_dim..][..head_dim]
        };
        let mut mixed = vec![0.0; pixels * inner];
        for (i, head) in (0..pixels).flat_map(|i| (0..heads).map(move |head| (i, head))) {
            let scores: Vec<f32> = (0..pixels)
                .map(|j| {
                    let products = part(i, 0, head).iter().zip(part(j, 1, head));
                    products.map(|(q, k)| q * k).sum::<f32>() / (head_dim as f32).sqrt()
                })
                .collect();
            let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let weights: Vec<f32> = scores.iter().map(|s| (s - largest).exp()).collect();
            let total: f32 = weights.iter().sum();
            let to = &mut mixed[i * inner + head * head_dim..][..head_dim];
            for (j, weight) in weights.iter().enumerate() {
                let value = part(j, 2, head);
                to.iter_mut()
                    .zip(value)
                    .for_each(|(to, v)| *to += weight / total * v);
            }
        }
        mixed
    }
}

/// `geometry`: the output's height and width, kernel, stride, padding.
fn convolve(source: &Map, weight: &[f32], bias: &[f32], geometry: [usize; 5]) -> Vec<f32> {
    let [height, width, kernel, stride, padding] = geometry;
    let (inputs, outputs) = (source.channels, bias.len());
    assert_eq!(weight.len(), outputs * inputs * kernel * kernel);
    // [kernel, kernel, inputs, outputs]
    let mut by_tap = vec![0.0; weight.len()];
    for (i, w) in weight.iter().enumerate() {
        let (o, c, tap) = (
            i / (inputs * kernel * kernel),
            i / (kernel * kernel) % inputs,
            i % (kernel * kernel),
        );
        by_tap[(tap * inputs + c) * outputs + o] = *w;
    }
    let mut values = Vec::with_capacity(height * width * outputs);
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let mut sums = bias.to_vec();
        for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
            let (row, column) = (y * stride + i, x * stride + j);
            if row < padding
                || column < padding
                || row >= source.height + padding
                || column >= source.width + padding
            {
                continue;
            }
            let pixel = source.at(row - padding, column - padding);
            let taps = &by_tap[(i * kernel + j) * inputs * outputs..];
            for (v, weights) in pixel.iter().zip(taps.chunks_exact(outputs)) {
                sums.iter_mut()
                    .zip(weights)
                    .for_each(|(sum, w)| *sum += v * w);
            }
        }
        values.extend(sums);
    }
    values
}

fn activate(act: Activation, x: f32) -> f32 {
    match act {
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Mish => x * x.exp().ln_1p().tanh(),
        Activation::Gelu => x * (0.5 * (1.0 + libm::erf(f64::from(x) / 2f64.sqrt()))) as f32,
        Activation::Relu => x.max(0.0),
    }
}
