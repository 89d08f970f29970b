//! Some terms of a long sum in place of all: one drawn from each of several equal parts.

use crate::random::{Purpose, below, stream};

/// `count` of the numbers `0..len` and the factor of each, such that the sum of factor times term is on average
/// the sum of all terms: 0 always, with factor 1, and one of each of `count - 1` equal parts of the rest. All of
/// them when `count >= len`; never fewer than one part. The choice depends on `seed` and `image` alone.
///
/// The term of index 0 of the variational bound, the decoder, is unlike all others, so it is never left to chance.
pub fn choose(seed: u64, image: u64, len: usize, count: usize) -> Vec<(usize, f64)> {
    if count >= len {
        return (0..len).map(|index| (index, 1.0)).collect();
    }
    let (rest, parts) = (len - 1, count.max(2) - 1);
    let mut bits = stream(seed, Purpose::Terms, image);
    let mut chosen = vec![(0, 1.0)];
    for part in 0..parts {
        let (first, end) = (part * rest / parts, (part + 1) * rest / parts);
        let index = 1 + first + below(&mut bits, end - first);
        chosen.push((index, (end - first) as f64));
    }
    chosen
}
