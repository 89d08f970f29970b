//! How weights change: the norm of all gradients, Adam (Kingma & Ba 2015) with PyTorch's numbers, and the average of the
//! weights, in one pass over all that it changes.

use std::ops::Range;

use super::super::memory::Memory;
use super::super::threads;
use crate::engine::learner::Update;

/// Numbers that are worked on together. Their squares are summed on their own, so that the norm does not depend on the
/// number of threads.
const CHUNK: usize = 1 << 14;

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPS: f64 = 1e-8;

/// Everything that training changes, all parameters one after the other.
#[derive(Debug)]
pub struct State {
    /// The weights.
    pub values: Vec<f32>,
    /// Their average.
    pub average: Vec<f32>,
    /// Adam's first moment.
    pub moment_1: Vec<f32>,
    /// Adam's second moment.
    pub moment_2: Vec<f32>,
}

/// The norm of `gradients`; `squares` has room for a number for each chunk.
pub fn norm(gradients: &[f32], squares: &mut Vec<f64>) -> f64 {
    squares.resize(gradients.len().div_ceil(CHUNK), 0.0);
    threads::each_mut(squares, |i, sum| {
        let chunk = &gradients[i * CHUNK..gradients.len().min((i + 1) * CHUNK)];
        // Eight sums side by side, which the compiler makes vectors of.
        let mut sums = [0.0; 8];
        let whole = chunk.chunks_exact(8);
        let rest = whole.remainder();
        for eight in whole {
            for (sum, v) in sums.iter_mut().zip(eight) {
                *sum += f64::from(*v) * f64::from(*v);
            }
        }
        let rest: f64 = rest.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
        *sum = sums.iter().sum::<f64>() + rest;
    });
    squares.iter().sum::<f64>().sqrt()
}

/// What `ranges` are worked on in.
pub fn chunks(ranges: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let pieces = |Range { start, end }: Range<usize>| {
        let firsts = (start..end).step_by(CHUNK);
        firsts.map(move |first| first..end.min(first + CHUNK))
    };
    ranges.flat_map(pieces).collect()
}

impl State {
    /// One step of the numbers in `chunks`, which share none, along `gradients`, which are multiplied by `clip` first.
    pub fn change(
        &mut self,
        chunks: &[Range<usize>],
        gradients: &[f32],
        clip: f32,
        update: &Update,
    ) {
        let step = f64::from(update.done) + 1.0;
        let correction = |beta: f64| 1.0 - libm::pow(beta, step);
        let rate = (update.lr / correction(BETA_1)) as f32;
        let root = correction(BETA_2).sqrt().recip() as f32;
        let keep = (1.0 - update.decay) as f32;
        let (new_1, new_2) = ((1.0 - BETA_1) as f32, (1.0 - BETA_2) as f32);
        let (old_1, old_2, eps) = (BETA_1 as f32, BETA_2 as f32, EPS as f32);
        let all = [
            &mut self.values,
            &mut self.average,
            &mut self.moment_1,
            &mut self.moment_2,
        ]
        .map(|numbers| {
            assert_eq!(numbers.len(), gradients.len());
            Memory::of(numbers)
        });
        threads::each(threads::available(), chunks.len(), |i| {
            let chunk = chunks[i].clone();
            let gradients = &gradients[chunk.clone()];
            // SAFETY: all four have as many numbers as there are gradients, and chunks share none.
            let [values, averages, firsts, seconds] =
                all.map(|numbers| unsafe { numbers.write(chunk.start, chunk.len()) });
            let state = values.iter_mut().zip(averages).zip(firsts).zip(seconds);
            for ((((value, average), m), v), g) in state.zip(gradients) {
                let g = g * clip;
                *m = old_1 * *m + new_1 * g;
                *v = old_2 * *v + new_2 * (g * g);
                *value -= rate * *m / (v.sqrt() * root + eps);
                *average += keep * (*value - *average);
            }
        });
    }
}
