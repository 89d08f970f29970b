//! Seeded Gaussian noise, made on the host, and paths between two noises.
//!
//! The generator is counter-based: each value is a pure function of (seed, image, draw, position), so the
//! same seed gives the same noise on every device and platform, and image `i` does not depend on how many
//! images are made beside it. ChaCha8 is exact everywhere; `ln`, `sin` and `cos` come from `libm`, because
//! those of the platform differ in the last bit.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use thiserror::Error;

/// The largest side of a grid of [`slerp`].
pub const MAX_GRID_SIDE: usize = 64;

/// Why two noises cannot be joined.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum NoiseError {
    /// The two noises differ in length.
    #[error("slerp: expected noises of one length, found {a} and {b} values")]
    Lengths {
        /// Values in the first.
        a: usize,
        /// Values in the second.
        b: usize,
    },
    /// A weight outside `0..=1`.
    #[error("slerp: expected a weight from 0 to 1, found {found}")]
    Weight {
        /// The weight given.
        found: f64,
    },
    /// A noise holds a NaN or an infinity.
    #[error("slerp: the noises must hold finite numbers")]
    NotFinite,
    /// The angle between the noises is 180 degrees, where DDIM, eq. 67 divides by 0.
    #[error(
        "slerp: the noises point in opposite directions, so no path between them is the shortest"
    )]
    Opposite,
    /// A grid with an empty side, or one longer than [`MAX_GRID_SIDE`].
    #[error("slerp grid: expected 1 to {MAX_GRID_SIDE} rows and columns, found {rows} x {columns}")]
    Grid {
        /// The number of rows given.
        rows: usize,
        /// The number of columns given.
        columns: usize,
    },
}

/// Draws from here on are those of a [`Chain`](crate::runs::chain::Chain): this one and `t` for the step to index `t`.
pub const CHAIN_DRAWS: u32 = 1 << 30;

/// Draws from here on are those of the known part of an inpainting: this one and k for the state after k steps.
pub const KNOWN_DRAWS: u32 = 1 << 31;

/// Fills `out` with independent standard normal numbers.
///
/// `draw` 0 is x_T, `draw` k the noise of the k-th step of a run, of which there are at most
/// [`MAX_TRAIN_TIMESTEPS`](crate::schedule::MAX_TRAIN_TIMESTEPS); `out` is one image
/// `[channels * height * width]`. A shorter `out` gets the beginning of what a longer one gets.
pub fn gaussian(seed: u64, image: u32, draw: u32, out: &mut [f32]) {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut bits = ChaCha8Rng::from_seed(key);
    bits.set_stream(u64::from(image) << 32 | u64::from(draw));
    for pair in out.chunks_mut(2) {
        let values = box_muller(bits.next_u64(), bits.next_u64());
        pair.copy_from_slice(&values[..pair.len()]);
    }
}

/// [`gaussian`] for `count` images of `image` values each, the first of which is `first_image`: `[count * image]`.
pub fn gaussians(seed: u64, first_image: u32, draw: u32, [count, image]: [usize; 2]) -> Vec<f32> {
    let mut values = vec![0.0; count * image];
    fill_gaussians(seed, first_image, draw, image, &mut values);
    values
}

/// [`gaussians`] into `values`, which are there.
pub fn fill_gaussians(seed: u64, first_image: u32, draw: u32, image: usize, values: &mut [f32]) {
    // An image without values has none to fill.
    for (i, pixels) in values.chunks_exact_mut(image.max(1)).enumerate() {
        gaussian(seed, first_image.wrapping_add(i as u32), draw, pixels);
    }
}

/// Two independent normal numbers from 128 random bits (Box & Muller 1958); at most 8.6 in magnitude.
fn box_muller(first: u64, second: u64) -> [f32; 2] {
    const UNIT: f64 = 1.0 / (1u64 << 53) as f64;
    let above_zero = ((first >> 11) + 1) as f64 * UNIT;
    let turn = (second >> 11) as f64 * UNIT;
    let radius = (-2.0 * libm::log(above_zero)).sqrt();
    let (sin, cos) = libm::sincos(std::f64::consts::TAU * turn);
    [(radius * cos) as f32, (radius * sin) as f32]
}

/// Spherical interpolation from `a` (weight 0) to `b` (weight 1) (DDIM, eq. 67):
/// `sin((1 - w) theta) / sin(theta) a + sin(w theta) / sin(theta) b`, theta being the angle between them.
///
/// Nearly parallel noises, and zero ones, are joined by a straight line, the limit of the formula.
/// Lengths that differ, a weight outside `0..=1`, numbers that are not finite and exactly opposite noises
/// are errors.
pub fn slerp(a: &[f32], b: &[f32], weight: f64) -> Result<Vec<f32>, NoiseError> {
    if a.len() != b.len() {
        return Err(NoiseError::Lengths {
            a: a.len(),
            b: b.len(),
        });
    }
    if !(0.0..=1.0).contains(&weight) {
        return Err(NoiseError::Weight { found: weight });
    }
    let (from_a, from_b) = slerp_factors(cosine(a, b)?, weight)?;
    let mix = |(a, b): (&f32, &f32)| (from_a * f64::from(*a) + from_b * f64::from(*b)) as f32;
    Ok(a.iter().zip(b).map(mix).collect())
}

/// The noise between four corners (top left, top right, bottom left, bottom right) at the place `across`, `down`, both
/// from 0 to 1: a slerp down between two slerps across.
///
/// # Errors
/// Those of [`slerp`].
pub fn slerp_corners(
    [top_left, top_right, bottom_left, bottom_right]: [&[f32]; 4],
    across: f64,
    down: f64,
) -> Result<Vec<f32>, NoiseError> {
    let top = slerp(top_left, top_right, across)?;
    let bottom = slerp(bottom_left, bottom_right, across)?;
    slerp(&top, &bottom, down)
}

/// The cosine of the angle between two noises; 1 when either is zero.
fn cosine(a: &[f32], b: &[f32]) -> Result<f64, NoiseError> {
    let dot = |x: &[f32], y: &[f32]| -> f64 {
        let products = x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y));
        products.sum()
    };
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    let cosine = if norms == 0.0 { 1.0 } else { dot(a, b) / norms };
    if norms.is_finite() && cosine.is_finite() {
        Ok(cosine.clamp(-1.0, 1.0))
    } else {
        Err(NoiseError::NotFinite)
    }
}

fn slerp_factors(cosine: f64, weight: f64) -> Result<(f64, f64), NoiseError> {
    /// Below this angle the straight line differs from the arc by less than an f32 can show.
    const PARALLEL: f64 = 1e-6;
    let theta = libm::acos(cosine);
    if theta < PARALLEL {
        Ok((1.0 - weight, weight))
    } else if std::f64::consts::PI - theta < PARALLEL {
        Err(NoiseError::Opposite)
    } else {
        let sin = libm::sin(theta);
        Ok((
            libm::sin((1.0 - weight) * theta) / sin,
            libm::sin(weight * theta) / sin,
        ))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_smallest_random_bits_give_a_finite_number() {
        let values = super::box_muller(0, 0);
        assert!(values.iter().all(|x| x.abs() < 8.6), "{values:?}");
    }
}
