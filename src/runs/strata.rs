//! Some terms of a long sum in place of all: one drawn from each of several equal parts.

use crate::random::{Purpose, below, stream};

/// One of the terms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chosen {
    /// Its index.
    pub index: usize,
    /// How many terms it stands for: those of its part.
    pub share: f64,
    /// How many terms of its part have a higher index.
    pub above: f64,
}

/// `count` of the numbers `0..len`, such that the sum of share times term is on average the sum of all terms: 0 always,
/// for itself alone, and one of each of `count - 1` equal parts of the rest. All of them when `count >= len`; never
/// fewer than one part. The choice depends on `seed` and `image` alone.
///
/// The term of index 0 of the variational bound, the decoder, is unlike all others, so it is never left to chance.
pub fn choose(seed: u64, image: u64, len: usize, count: usize) -> Vec<Chosen> {
    let alone = |index| Chosen {
        index,
        share: 1.0,
        above: 0.0,
    };
    if count >= len {
        return (0..len).map(alone).collect();
    }
    let (rest, parts) = (len - 1, count.max(2) - 1);
    let mut bits = stream(seed, Purpose::Terms, image);
    let mut chosen = vec![alone(0)];
    for part in 0..parts {
        let (first, end) = (part * rest / parts, (part + 1) * rest / parts);
        let within = below(&mut bits, end - first);
        chosen.push(Chosen {
            index: 1 + first + within,
            share: (end - first) as f64,
            above: (end - first - 1 - within) as f64,
        });
    }
    chosen
}
