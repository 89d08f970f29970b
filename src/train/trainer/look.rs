//! What a step sees: pictures, their classes, time steps and noise, a function of its number and the seed.

use rand_chacha::rand_core::Rng;

use super::Trainer;
use crate::allocate;
use crate::engine::{EngineError, Learner, TrainBatch};
use crate::random::{Purpose, stream, unit};

/// What one step sees.
pub(super) struct Seen {
    pub step: u32,
    pub epoch: u64,
    pub batch: TrainBatch,
}

impl<L: Learner> Trainer<L> {
    /// What `step` sees: a function of it and the seed.
    pub(super) fn look(&mut self, step: u32) -> Seen {
        let image = self.set.images.shape();
        let dealt = self.batches.at(step);
        let x0 = self.set.images.scaled(&dealt.images);
        let eps = self.batches.eps(step, image.iter().product());
        let drop_seed = stream(self.options.seed, Purpose::Dropout, u64::from(step)).next_u32();
        Seen {
            step,
            epoch: dealt.epoch,
            batch: TrainBatch {
                drop_seed,
                labels: self.told(step, &dealt.images),
                ..self.objective.drawn(image, x0, eps, &dealt.places)
            },
        }
    }

    /// The classes of `images` as `step` is told them.
    fn told(&self, step: u32, images: &[usize]) -> Option<Vec<usize>> {
        let labels = self.set.labels.as_ref()?;
        let mut told: Vec<usize> = images.iter().map(|i| labels.of_images[*i]).collect();
        if let Some((null_class, share)) = self.forgotten {
            let mut bits = stream(self.options.seed, Purpose::Labels, u64::from(step));
            for label in &mut told {
                if unit(&mut bits) < share {
                    *label = null_class;
                }
            }
        }
        Some(told)
    }

    /// Whether there is room for what a step sees: pictures, which grow while they are collected, and noise.
    pub(in crate::train) fn room_for_batch(&self) -> Result<(), EngineError> {
        let [channels, height, width] = self.set.images.shape();
        let numbers = allocate::volume(&[4, self.options.batch, channels, height, width]);
        Ok(allocate::room(
            "a batch of pictures",
            allocate::bytes::<f32>(numbers),
        )?)
    }

    /// The batch of `step`, counted from 0.
    pub fn seen(&mut self, step: u32) -> TrainBatch {
        self.look(step).batch
    }
}
