//! What each training step sees: a pure function of (seed, step).

use rand_chacha::rand_core::Rng;

use crate::noise::gaussian;
use crate::random::{Purpose, below, stream, unit};

/// Which images one training step uses, and where in the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Number of the pass over the images in which the batch begins, from 0.
    pub epoch: u64,
    /// The images, by number.
    pub images: Vec<usize>,
    /// A place in `[0, 1)` per image, which a time step is drawn by.
    pub places: Vec<f64>,
}

/// The batches of a run.
///
/// The images are dealt in a new order in every epoch, each exactly once; a batch may take the end of one
/// epoch and the beginning of the next.
#[derive(Debug, Clone)]
pub struct Batches {
    seed: u64,
    noise_seed: u64,
    images: usize,
    size: usize,
    order: Option<(u64, Vec<u32>)>,
}

impl Batches {
    /// Batches of `size` images out of `images`. Both are at least 1.
    pub fn new(seed: u64, images: usize, size: usize) -> Self {
        let noise_seed = stream(seed, Purpose::Noise, 0).next_u64();
        Self {
            seed,
            noise_seed,
            images,
            size,
            order: None,
        }
    }

    /// The batch of step `step`, counted from 0.
    pub fn at(&mut self, step: u32) -> Batch {
        let first = u64::from(step) * self.size as u64;
        let images = (0..self.size as u64)
            .map(|i| self.dealt(first + i))
            .collect();
        Batch {
            epoch: first / self.images as u64,
            images,
            places: self.places(step),
        }
    }

    /// The `position`-th image of the run.
    fn dealt(&mut self, position: u64) -> usize {
        let (epoch, at) = (
            position / self.images as u64,
            (position % self.images as u64) as usize,
        );
        let order = match self.order.take() {
            Some(order) if order.0 == epoch => order,
            _ => (epoch, self.shuffled(epoch)),
        };
        let image = order.1[at] as usize;
        self.order = Some(order);
        image
    }

    /// Every image once, in the order of `epoch` (Fisher & Yates).
    fn shuffled(&self, epoch: u64) -> Vec<u32> {
        let mut bits = stream(self.seed, Purpose::Order, epoch);
        let mut order: Vec<u32> = (0..self.images as u32).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, below(&mut bits, last + 1));
        }
        order
    }

    /// One place in each of `size` equal parts of `[0, 1)`, at the same distance from its beginning: each is uniform,
    /// and together they lower the variance of the loss (Kingma et al. 2021, appendix I.1).
    fn places(&self, step: u32) -> Vec<f64> {
        let shift = unit(&mut stream(self.seed, Purpose::Timesteps, u64::from(step)));
        let place = |i| (i as f64 + shift) / self.size as f64;
        (0..self.size).map(place).collect()
    }

    /// The noise eps of step `step`: standard normal numbers for the whole batch, `image` per image.
    pub fn eps(&self, step: u32, image: usize) -> Vec<f32> {
        let mut values = vec![0.0; self.size * image];
        let fill = |(slot, pixels): (usize, &mut [f32])| {
            gaussian(self.noise_seed, slot as u32, step, pixels);
        };
        // A graphics card takes less time for a step than one thread does for its noise.
        #[cfg(not(target_arch = "wasm32"))]
        {
            use rayon::prelude::*;
            values
                .par_chunks_exact_mut(image)
                .enumerate()
                .for_each(fill);
        }
        #[cfg(target_arch = "wasm32")]
        values.chunks_exact_mut(image).enumerate().for_each(fill);
        values
    }
}
