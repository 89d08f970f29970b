//! Random streams for training and measuring, each for one purpose. One list of all purposes, so that no two share
//! numbers.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// What a stream is for.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// Initial weights, one stream per tensor.
    Weights = 1,
    /// The order of the images, one stream per epoch.
    Order = 2,
    /// Time steps, one stream per training step.
    Timesteps = 3,
    /// The seed of eps.
    Noise = 4,
    /// The seed of dropout, one stream per training step.
    Dropout = 5,
    /// Which images are not told their class, one stream per training step.
    Labels = 6,
    /// Images of a sample drawn with replacement, one stream per resample.
    Resamples = 33,
    /// Which real images are in which half.
    Halves = 34,
    /// Terms of the variational bound, one stream per image.
    Terms = 35,
}

/// Stream `index` of `purpose`: a pure function of its arguments on every platform.
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    // The sampler's noise leaves this byte 0.
    key[8] = purpose as u8;
    let mut bits = ChaCha8Rng::from_seed(key);
    bits.set_stream(index);
    bits
}

/// A number from 0 to `bound - 1`; the bias is below `bound / 2^64`.
pub fn below(bits: &mut ChaCha8Rng, bound: usize) -> usize {
    ((u128::from(bits.next_u64()) * bound as u128) >> 64) as usize
}

/// A number in `[0, 1)`.
pub fn unit(bits: &mut ChaCha8Rng) -> f64 {
    (bits.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// A number in `[-1, 1)`.
pub fn symmetric(bits: &mut ChaCha8Rng) -> f64 {
    (bits.next_u64() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}
