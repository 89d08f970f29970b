//! What is done to x0_hat when it leaves the range of images.

use super::StepError;

/// What is done to x0_hat before it is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Clip {
    /// Nothing.
    None,
    /// Clamped to ± this value (`clip_sample`, `clip_sample_range`).
    Range(f64),
    /// Dynamic thresholding, see [`dynamic_threshold`] (`thresholding`).
    Dynamic {
        /// The quantile of `|x0_hat|` that becomes the threshold, in `0..=1` (`dynamic_thresholding_ratio`).
        ratio: f64,
        /// The largest threshold, finite and above 0 (`sample_max_value`).
        max: f64,
    },
}

impl Clip {
    /// Refuses ranges that are not positive and finite, and ratios outside `0..=1`.
    pub fn check(&self) -> Result<(), StepError> {
        let positive = |number: f64| number.is_finite() && number > 0.0;
        match *self {
            Self::Range(found) if !positive(found) => Err(StepError::ClipRange { found }),
            Self::Dynamic { ratio, .. } if !(0.0..=1.0).contains(&ratio) => {
                Err(StepError::ThresholdRatio { found: ratio })
            }
            Self::Dynamic { max, .. } if !positive(max) => {
                Err(StepError::ThresholdMax { found: max })
            }
            _ => Ok(()),
        }
    }

    /// Applies the rule to one image on the host.
    pub fn apply(&self, x0_hat: &mut [f32]) {
        match *self {
            Self::None => {}
            Self::Range(range) => {
                let range = range as f32;
                x0_hat.iter_mut().for_each(|x| *x = limited(*x, range));
            }
            Self::Dynamic { ratio, max } => dynamic_threshold(x0_hat, ratio, max),
        }
    }
}

/// Dynamic thresholding of one image `[channels * height * width]` (Saharia et al. 2022, section 2.3;
/// diffusers' `_threshold_sample`): with `s` from [`dynamic_threshold_scale`], clamp to ±s, divide by s.
///
/// A NaN anywhere makes the whole image NaN, as there.
pub fn dynamic_threshold(x0: &mut [f32], ratio: f64, max: f64) {
    let scale = dynamic_threshold_scale(x0, ratio, max);
    x0.iter_mut().for_each(|x| *x = limited(*x, scale) / scale);
}

/// The `ratio` quantile of `|x0|` (linear between neighbours), then at least 1, then at most `max`.
///
/// NaN when the image holds a NaN, 1 (or `max`, when smaller) when it is empty. `ratio` is taken into `0..=1`.
pub fn dynamic_threshold_scale(x0: &[f32], ratio: f64, max: f64) -> f32 {
    if x0.iter().any(|x| x.is_nan()) {
        return f32::NAN;
    }
    // The k-th smallest magnitude, from 0, by halving the range of bits: those of numbers without a sign are in their order.
    let smallest = |k: usize| {
        let (mut low, mut high) = (0, f32::INFINITY.to_bits());
        while low < high {
            let middle = low + (high - low) / 2;
            let up_to = x0.iter().filter(|x| x.abs().to_bits() <= middle).count();
            if up_to > k {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        f64::from(f32::from_bits(low))
    };
    let quantile = match x0.len() {
        0 => 0.0,
        len => {
            let rank = ratio.clamp(0.0, 1.0) * (len - 1) as f64;
            let below = rank as usize;
            let low = smallest(below);
            if rank > below as f64 {
                low + (smallest(below + 1) - low) * (rank - below as f64)
            } else {
                low
            }
        }
    };
    quantile.max(1.0).min(max) as f32
}

/// `f32::clamp` panics on a NaN limit; this keeps NaN values and ignores NaN limits.
fn limited(x: f32, limit: f32) -> f32 {
    if x > limit {
        limit
    } else if x < -limit {
        -limit
    } else {
        x
    }
}
