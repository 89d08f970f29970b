//! Where a run's noise comes from.

use crate::noise::gaussians;

/// Noise for the `draw`-th step of a run from x_T (counted from 1), a whole batch `[B, C, H, W]`. A step that is made
/// again on another device asks for its noise again.
pub type NoiseFn = Box<dyn FnMut(u32) -> Vec<f32>>;

/// Noise of image `i` of the batch = [`gaussian`](crate::noise::gaussian) with this seed and image `first_image + i`:
/// independent of how images are cut into batches.
pub fn seeded_noise(seed: u64, first_image: u32, shape: [usize; 4]) -> NoiseFn {
    let image = shape[1..].iter().product::<usize>();
    Box::new(move |draw| gaussians(seed, first_image, draw, [shape[0], image]))
}

/// As [`seeded_noise`], with the noise of the first image for all.
pub(super) fn shared_noise(seed: u64, first_image: u32, shape: [usize; 4]) -> NoiseFn {
    let [batch, channels, height, width] = shape;
    let mut first = seeded_noise(seed, first_image, [1, channels, height, width]);
    Box::new(move |draw| first(draw).repeat(batch))
}
