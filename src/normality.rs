//! How much values look like independent standard normal noise: what an encoded picture should be, and what noise that
//! was drawn is.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use thiserror::Error;

use crate::allocate::{OutOfMemory, copied};

/// Why there are no such statistics.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum NormalityError {
    /// The values are not a whole number of pictures, or there are none.
    #[error(
        "values: expected a multiple of channels × height × width = {channels} × {height} × {width}, at least one \
         picture, found {found}"
    )]
    Length {
        /// Channels.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// Values given.
        found: usize,
    },
    /// There is no memory for their order.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// A NaN or an infinity.
    #[error("values: expected finite numbers, found {found}")]
    NotFinite {
        /// The first such value.
        found: f32,
    },
}

/// What [`normality`] finds. Standard normal noise has mean 0, variance 1, and about 0 for the four after them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normality {
    /// How many values.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// The mean of the squared deviations from it.
    pub variance: f64,
    /// The third standardised moment; `None` where all values are the same.
    pub skewness: Option<f64>,
    /// The fourth one, less the 3 of a normal distribution; `None` as for skewness.
    pub excess_kurtosis: Option<f64>,
    /// Pearson's correlation of pixels with their right neighbours in the same channel; `None` where there are none, or
    /// all are the same.
    pub correlation_right: Option<f64>,
    /// The same with the neighbours below.
    pub correlation_down: Option<f64>,
    /// The Kolmogorov–Smirnov distance: the largest difference of the values' distribution function from that of
    /// N(0, 1), from 0 to 1.
    pub ks: f64,
    /// How probable a distance this large is for as many independent values of N(0, 1), by its limit for many values
    /// (Kolmogorov 1933).
    pub ks_p: f64,
    /// `|x| / sqrt(n)`: the length of all values as a vector, which is about 1 for noise.
    pub norm: f64,
}

/// The statistics of `values`, one or several pictures `[channels, height, width]`.
///
/// # Errors
/// [`NormalityError`].
pub fn normality(
    values: &[f32],
    [channels, height, width]: [usize; 3],
) -> Result<Normality, NormalityError> {
    let picture = channels.saturating_mul(height).saturating_mul(width);
    let found = values.len();
    if picture == 0 || found == 0 || !found.is_multiple_of(picture) {
        return Err(NormalityError::Length {
            channels,
            height,
            width,
            found,
        });
    }
    if let Some(found) = values.iter().copied().find(|v| !v.is_finite()) {
        return Err(NormalityError::NotFinite { found });
    }
    let mean_of = |power: i32, centre: f64| {
        let powers = values.iter().map(|v| (f64::from(*v) - centre).powi(power));
        powers.sum::<f64>() / found as f64
    };
    let mean = mean_of(1, 0.0);
    let variance = mean_of(2, mean);
    let standardised = |power| mean_of(power, mean) / variance.powi(power).sqrt();
    let varies = variance > 0.0;
    let rows = || values.chunks_exact(width);
    let right = rows().flat_map(|row| row.iter().zip(&row[1..]));
    let down = values
        .chunks_exact(height * width)
        .flat_map(|channel| channel.iter().zip(&channel[width..]));
    let ks = distance(values)?;
    Ok(Normality {
        count: found,
        mean,
        variance,
        skewness: varies.then(|| standardised(3)),
        excess_kurtosis: varies.then(|| standardised(4) - 3.0),
        correlation_right: correlation(right),
        correlation_down: correlation(down),
        ks,
        ks_p: tail((found as f64).sqrt() * ks),
        norm: mean_of(2, 0.0).sqrt(),
    })
}

/// Pearson's correlation.
fn correlation<'a>(pairs: impl Iterator<Item = (&'a f32, &'a f32)> + Clone) -> Option<f64> {
    let pairs = pairs.map(|(a, b)| (f64::from(*a), f64::from(*b)));
    let (count, sum_a, sum_b) = pairs
        .clone()
        .fold((0.0, 0.0, 0.0), |(n, sum_a, sum_b), (a, b)| {
            (n + 1.0, sum_a + a, sum_b + b)
        });
    let (mean_a, mean_b) = (sum_a / count, sum_b / count);
    let (both, only_a, only_b) = pairs.fold((0.0, 0.0, 0.0), |(both, only_a, only_b), (a, b)| {
        let (a, b) = (a - mean_a, b - mean_b);
        (both + a * b, only_a + a * a, only_b + b * b)
    });
    let scale = (only_a * only_b).sqrt();
    (scale > 0.0).then(|| (both / scale).clamp(-1.0, 1.0))
}

/// `sup |F_n - Phi|`: the empirical distribution function jumps at each value, so both of its sides count.
fn distance(values: &[f32]) -> Result<f64, OutOfMemory> {
    let mut sorted = copied("values", values)?;
    sorted.sort_unstable_by(f32::total_cmp);
    let n = sorted.len() as f64;
    let distances = sorted.iter().enumerate().map(|(i, v)| {
        let phi = 0.5 * libm::erfc(-f64::from(*v) * FRAC_1_SQRT_2);
        (phi - i as f64 / n).max((i + 1) as f64 / n - phi)
    });
    Ok(distances.fold(0.0, f64::max))
}

/// `P(K > x)` of Kolmogorov's distribution: `2 Σ (-1)^(k-1) exp(-2 k² x²)`, and below 1, where that converges slowly,
/// `1 - sqrt(2 pi) / x Σ exp(-(2 k - 1)² pi² / (8 x²))`.
fn tail(x: f64) -> f64 {
    /// Terms after which either series has all digits of an f64.
    const TERMS: u32 = 6;
    let terms = (1..=TERMS).map(f64::from);
    if x <= 0.0 {
        1.0
    } else if x < 1.0 {
        let sum: f64 = terms
            .map(|k| libm::exp(-((2.0 * k - 1.0) * PI / x).powi(2) / 8.0))
            .sum();
        1.0 - (2.0 * PI).sqrt() / x * sum
    } else {
        let sum: f64 = terms
            .map(|k| {
                let sign = if k % 2.0 == 1.0 { 2.0 } else { -2.0 };
                sign * libm::exp(-2.0 * (k * x).powi(2))
            })
            .sum();
        sum.clamp(0.0, 1.0)
    }
}
