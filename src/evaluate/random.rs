//! Random streams for measurements, each for one purpose, so that no two purposes share numbers.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// What a stream is for. Training uses the small numbers, the sampler's noise 0.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// Images drawn with replacement, one stream per resample.
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
    key[8] = purpose as u8;
    let mut bits = ChaCha8Rng::from_seed(key);
    bits.set_stream(index);
    bits
}

/// A number from 0 to `bound - 1`; the bias is below `bound / 2^64`.
pub fn below(bits: &mut ChaCha8Rng, bound: usize) -> usize {
    ((u128::from(bits.next_u64()) * bound as u128) >> 64) as usize
}
