//! The numbers of a training step on the device that are neither feature maps nor weights.

use super::super::state::Shape;
use crate::engine::plan::{Plan, drop_seed};
use crate::engine::{TrainBatch, Update};

/// What the state's buffer holds, counted in numbers: first what is uploaded with the images that are computed
/// together (scalars, features, labels, x_0, noise, what happens to each image), then what the device makes.
#[derive(Debug, Clone, Copy)]
pub struct TrainState {
    /// The first part, in the places of a sampler's state: x_0 in those of x_t.
    pub shape: Shape,
    /// Images of a whole batch, rounded up to groups that are computed together.
    pub images: usize,
    /// Partial sums of the gradient's squared norm.
    pub parts: usize,
    /// Numbers of the table of `sums.rs`.
    pub sums: usize,
    /// Numbers of what `muon.rs` holds.
    pub muon: usize,
}

/// Scalars at the state's beginning: Adam's (see `kernels/backward/adam.wgsl`), clipping, whether gradients are added
/// to those of the images before, and which image is the first.
pub const UPDATE: usize = 0;
/// The largest norm of the gradient.
pub const CLIP: usize = 4;
/// Whether there were images before.
pub const ADDS: usize = 5;
/// How many.
pub const FIRST: usize = 6;
/// The learning rate.
pub const RATE: usize = 7;

/// Numbers of one image's level.
const LEVEL: usize = 8;

/// How the state holds 32 bits, such as a place (kernels/backward/place.wgsl), since not every u32 is an f32.
pub fn halves(bits: usize) -> [f32; 2] {
    [bits >> 16, bits & 0xffff].map(|half| half as f32)
}

/// Numbers that the host reads of a step: loss, norm, status.
pub const RESULTS: usize = 4;

impl TrainState {
    /// What happens to every image.
    pub fn levels(self) -> usize {
        self.shape.len()
    }

    /// Numbers that are uploaded for the images that are computed together.
    pub fn uploaded(self) -> usize {
        self.levels() + LEVEL * self.shape.batch
    }

    /// The loss of every image of the whole batch.
    pub fn losses(self) -> usize {
        self.uploaded()
    }

    /// Partial sums of the gradient's squared norm.
    pub fn squares(self) -> usize {
        self.losses() + self.images
    }

    /// What the host reads, in a place that copies may begin at.
    pub fn results(self) -> usize {
        self.squares() + self.parts
    }

    /// The table of `sums.rs`.
    pub fn table(self) -> usize {
        self.results() + RESULTS
    }

    /// What `muon.rs` holds.
    pub fn muon(self) -> usize {
        self.table() + self.sums
    }

    /// All of it.
    pub fn len(self) -> usize {
        self.muon() + self.muon
    }

    /// What is uploaded for the images from `first` on; images beyond the batch weigh nothing.
    pub fn upload(
        self,
        plan: &Plan,
        frequencies: Option<&[f32]>,
        batch: &TrainBatch,
        update: Option<&Update>,
        first: usize,
    ) -> Vec<f32> {
        let shape = self.shape;
        let whole = batch.shape[0];
        let mut numbers = vec![0.0; self.uploaded()];
        if let Some(update) = update {
            let done = f64::from(update.done) + 1.0;
            let [bias_1, bias_2] = [0.9f64, 0.999].map(|beta| 1.0 - beta.powf(done));
            let scalars = [
                update.lr / bias_1,
                bias_2.sqrt(),
                update.decay,
                1.0 - update.decay,
                update.clip,
            ];
            for (to, scalar) in numbers[UPDATE..].iter_mut().zip(scalars) {
                *to = scalar as f32;
            }
            numbers[RATE] = update.lr as f32;
        }
        numbers[ADDS] = f32::from(u8::from(first > 0));
        numbers[FIRST] = first as f32;
        let image = shape.inputs * shape.pixels;
        let own = first..(first + shape.batch).min(whole);
        for (i, at) in own.clone().enumerate() {
            let t = batch.timesteps[at];
            let features = plan.time_features(t, frequencies);
            numbers[shape.features() + i * shape.features..][..features.len()]
                .copy_from_slice(&features);
            if let Some(labels) = &batch.labels {
                numbers[shape.labels() + i] = labels[at] as f32;
            }
            let level = &batch.levels[at];
            let [high, low] = halves(drop_seed(batch.drop_seed, at) as usize);
            numbers[self.levels() + LEVEL * i..][..LEVEL].copy_from_slice(&[
                level.signal,
                level.noise,
                level.c_x0,
                level.c_eps,
                level.weight / (whole * image) as f32,
                plan.output_divisor(t),
                high,
                low,
            ]);
        }
        for i in own.len()..shape.batch {
            numbers[self.levels() + LEVEL * i + 5] = 1.0;
        }
        let length = own.len() * image;
        numbers[shape.x_t()..][..length].copy_from_slice(&batch.x0[first * image..][..length]);
        numbers[shape.noise()..][..length].copy_from_slice(&batch.eps[first * image..][..length]);
        numbers
    }
}
