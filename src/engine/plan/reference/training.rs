//! A training step: the operations that only training has, and a batch from its beginning to its gradients.

use super::attention::Heads;
use super::convolve::Geometry;
use super::map::Map;
use super::normalise::Norm;
use super::{Reference, activation, resample};
use crate::engine::learner::TrainBatch;
use crate::engine::plan::{Back, Param, Step, Through, TrainingPlan, View, drop_seed, kept};

/// The loss of `batch` and the gradient of every parameter, zeros for one that is not trained.
///
/// # Panics
/// When the batch or the tensors do not fit the plan.
pub fn gradients(
    plan: &TrainingPlan,
    tensors: &[Vec<f32>],
    batch: &TrainBatch,
) -> (f64, Vec<Vec<f64>>) {
    let tensors: Vec<Vec<f64>> = tensors.iter().map(|t| widened(t)).collect();
    let mut reference = Reference::of_batch(plan, &tensors, batch);
    plan.steps.iter().for_each(|step| reference.run_step(step));
    (reference.loss(plan), reference.gradients)
}

impl<'a> Reference<'a> {
    /// A batch before the first step.
    ///
    /// # Panics
    /// When the batch or the tensors do not fit the plan.
    pub fn of_batch(plan: &'a TrainingPlan, tensors: &[Vec<f64>], batch: &TrainBatch) -> Self {
        let network = &plan.plan;
        let mut reference = Self::new(network, tensors, batch.shape[0]);
        let count = batch.x0.len() / batch.shape[0];
        let frequencies = network.frequencies.map(|at| {
            tensors[at.0]
                .iter()
                .map(|v| *v as f32)
                .collect::<Vec<f32>>()
        });
        for (image, level) in batch.levels.iter().enumerate() {
            let t = batch.timesteps[image];
            let own = image * count..(image + 1) * count;
            let mixed = |x0: f32, eps: f32| -> Vec<f64> {
                let pairs = batch.x0[own.clone()].iter().zip(&batch.eps[own.clone()]);
                pairs
                    .map(|(x, e)| f64::from(x0) * f64::from(*x) + f64::from(eps) * f64::from(*e))
                    .collect()
            };
            let features = network.time_features(t, frequencies.as_deref());
            reference.give(
                image,
                &mixed(level.signal, level.noise),
                &widened(&features),
            );
            let target = reference.channels_last(plan.target, &mixed(level.c_x0, level.c_eps));
            reference.write(plan.target, image, &target);
            let state = &mut reference.images[image];
            state.class = batch.labels.as_ref().map_or(0, |labels| labels[image]);
            state.divisor = f64::from(network.output_divisor(t));
            state.weight = f64::from(level.weight);
            state.drop_seed = drop_seed(batch.drop_seed, image);
        }
        reference
    }

    /// The batch's loss, after the step that makes it.
    pub fn loss(&self, plan: &TrainingPlan) -> f64 {
        let images = 0..self.images.len();
        images.map(|image| self.read(plan.loss, image)[0]).sum()
    }

    /// One item of a training step, for every image.
    pub fn run_step(&mut self, step: &Step) {
        match step {
            Step::Op(at) => self.run_op(&self.plan.ops[*at]),
            Step::Back(back) => self.run_back(back),
        }
    }

    /// One operation that only training has, for every image.
    pub fn run_back(&mut self, back: &Back) {
        let images = 0..self.images.len();
        match back {
            Back::Loss {
                output,
                target,
                loss,
                gradient,
            } => images.for_each(|image| {
                self.squared_error(image, [*output, *target], [*loss, *gradient])
            }),
            Back::Weights {
                source,
                gradient,
                kernel,
                stride,
                padding,
                weights,
            } => {
                let geometry = Geometry {
                    kernel: *kernel,
                    stride: *stride,
                    padding: *padding,
                };
                let mut sums = vec![0.0; self.stacked(weights).len()];
                for image in images {
                    let (source, gradient) =
                        (self.source(source, image), self.map(*gradient, image));
                    geometry.weight_gradient(&source, &gradient, &mut sums);
                }
                self.assign(weights, &sums);
            }
            Back::Sum { gradient, output } => {
                for image in images {
                    let sums = self.map(*gradient, image).sums();
                    self.write(*output, image, &sums);
                }
            }
            Back::Reduce { source, params } => {
                let mut sums = vec![0.0; source.channels];
                for image in images {
                    add(&mut sums, &self.read(*source, image));
                }
                self.assign(params, &sums);
            }
            Back::Classes { source, table } => {
                let mut sums = vec![0.0; self.tensor(*table).len()];
                for image in images {
                    let row = self.images[image].class * source.channels;
                    add(
                        &mut sums[row..row + source.channels],
                        &self.read(*source, image),
                    );
                }
                self.assign(&[*table], &sums);
            }
            Back::Through(through) => images.for_each(|image| self.through(through, image)),
            Back::Attention {
                qkv,
                heads,
                head_dim,
                gradient,
                output,
            } => {
                let (heads, head_dim) = (*heads, *head_dim);
                let layer = Heads { heads, head_dim };
                for image in images {
                    let gradient = self.map(*gradient, image);
                    let gradient = layer.backward(&self.map(*qkv, image), &gradient);
                    self.write(*output, image, &gradient.values);
                }
            }
            Back::Add { a, b, output } => {
                for image in images {
                    let mut sum = self.read(*a, image);
                    add(&mut sum, &self.read(*b, image));
                    self.write(*output, image, &sum);
                }
            }
            Back::Drop {
                source,
                layer,
                output,
            } => {
                for image in images {
                    let dropped = self.dropped(self.source(source, image), *layer, image);
                    self.write(*output, image, &dropped.values);
                }
            }
        }
    }

    /// `weight/n Σ (output/divisor - target)²` with n the numbers of the whole batch, and its gradient.
    fn squared_error(
        &mut self,
        image: usize,
        [output, target]: [View; 2],
        [loss, gradient]: [View; 2],
    ) {
        let (output, target) = (self.read(output, image), self.read(target, image));
        let state = &self.images[image];
        let (divisor, weight) = (state.divisor, state.weight);
        let n = (self.images.len() * output.len()) as f64;
        let pairs = output.iter().zip(&target);
        let errors: Vec<f64> = pairs.map(|(o, t)| o / divisor - t).collect();
        let squares: f64 = errors.iter().map(|e| e * e).sum();
        let slopes: Vec<f64> = errors
            .iter()
            .map(|e| 2.0 * weight / (n * divisor) * e)
            .collect();
        self.write(loss, image, &[weight / n * squares]);
        self.write(gradient, image, &slopes);
    }

    /// `keep(x) / (1 - p)`.
    fn dropped(&self, x: Map, layer: u32, image: usize) -> Map {
        let p = self.plan.config.dropout;
        let seed = self.images[image].drop_seed;
        Map::make(x.size(), |i, j, c| {
            let place = (c * x.height + i) * x.width + j;
            if kept(seed, layer, place as u32, p) {
                x.at(i, j, c) / (1.0 - p)
            } else {
                0.0
            }
        })
    }

    /// Backwards through `resample(act(norm(x)))`.
    fn through(&mut self, through: &Through, image: usize) {
        let buffer = self.plan.buffer(through.input);
        let size = [buffer.height, buffer.width];
        let mut gradient =
            resample::backward(self.map(through.gradient, image), through.resample, size);
        // As it was when it was read, so that nothing is asked of an input that nothing looks at.
        let x = (through.norm.is_some() || through.act.is_some())
            .then(|| self.map(through.input, image));
        let norm = through.norm.as_ref().map(|norm| Norm {
            groups: norm.groups,
            eps: norm.eps,
            weight: self.tensor(norm.weight),
            bias: self.tensor(norm.bias),
            modulation: norm.modulation.map(|view| self.read(view, image)),
        });
        if let (Some(act), Some(x)) = (through.act, &x) {
            let mut u = x.clone();
            if let Some(norm) = &norm {
                let affine = norm.forward(x);
                u = u.map(|v, c| affine[c] * v + affine[x.channels + c]);
            }
            let slopes = u.map(|v, _| activation::derivative(act, v));
            gradient = Map::make(x.size(), |i, j, c| {
                gradient.at(i, j, c) * slopes.at(i, j, c)
            });
        }
        let gradients = norm
            .zip(x.as_ref())
            .map(|(norm, x)| norm.backward(x, &gradient));
        if let (Some(gradients), Some(norm)) = (gradients, &through.norm) {
            self.write(norm.affine_gradient, image, &gradients.affine);
            if let Some(view) = norm.modulation_gradient {
                self.write(view, image, &gradients.modulation);
            }
            gradient = gradients.x;
        }
        let scale = f64::from(through.scale);
        let mut output = gradient.map(|g, _| scale * g).values;
        if let Some(part) = through.add {
            add(&mut output, &self.read(part, image));
        }
        self.write(through.output, image, &output);
    }

    /// Gives each of `params` its part of `values`, one after the other.
    fn assign(&mut self, params: &[Param], values: &[f64]) {
        let mut rest = values;
        for param in params {
            let to = &mut self.gradients[param.0];
            let (own, after) = rest.split_at(to.len());
            to.copy_from_slice(own);
            rest = after;
        }
        assert!(rest.is_empty());
    }
}

/// `to += part`.
fn add(to: &mut [f64], part: &[f64]) {
    assert_eq!(to.len(), part.len());
    to.iter_mut().zip(part).for_each(|(to, v)| *to += v);
}

fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}
