//! Why a step cannot be computed.

use thiserror::Error;

use super::Method;
#[cfg(doc)]
use super::{Clip, Prediction, Step};

/// Why a step cannot be computed.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum StepError {
    /// No [`Prediction`] has this name.
    #[error("prediction_type: expected epsilon, sample or v_prediction, found {found}")]
    UnknownPrediction {
        /// The name given, quoted and cut to 60 characters.
        found: String,
    },
    /// No [`Method`] has this name.
    #[error("method: expected {accepted}, found {found}", accepted = Method::accepted())]
    UnknownMethod {
        /// The name given, quoted and cut to 60 characters.
        found: String,
    },
    /// An eta outside `0..=1`.
    #[error("eta: expected a number from 0 to 1, found {found}")]
    Eta {
        /// The eta given.
        found: f64,
    },
    /// An eta other than 0 for [`Method::Inversion`].
    #[error("eta: inversion is deterministic, expected 0, found {found}")]
    InversionEta {
        /// The eta given.
        found: f64,
    },
    /// A noise level outside `0..=1`, or on the wrong side of the other one for the method.
    #[error("{field}: expected {expected}, found {found}")]
    AlphaBar {
        /// The field of [`Step`].
        field: &'static str,
        /// The condition it breaks, in words.
        expected: &'static str,
        /// The value given.
        found: f64,
    },
    /// DDIM, eq. 9 divides by `sqrt(alpha_bar)`, which is 0 here.
    #[error(
        "prediction_type: epsilon cannot give x_0 where alpha_bar is 0 (zero terminal SNR); use v_prediction or sample, \
         or a list of timesteps that leaves the last one out"
    )]
    EpsilonAtZeroSnr,
    /// eps from x_0 divides by `sqrt(1 - alpha_bar)`, which is 0 here.
    #[error("prediction_type: sample cannot give the noise of a clean image (alpha_bar = 1)")]
    SampleAtCleanImage,
    /// A [`Clip::Range`] that is not positive and finite.
    #[error("clip_sample_range: expected a finite number above 0, found {found}")]
    ClipRange {
        /// The range given.
        found: f64,
    },
    /// A quantile of [`Clip::Dynamic`] outside `0..=1`.
    #[error("dynamic_thresholding_ratio: expected a number from 0 to 1, found {found}")]
    ThresholdRatio {
        /// The ratio given.
        found: f64,
    },
    /// An upper limit of [`Clip::Dynamic`] that is not positive and finite.
    #[error("sample_max_value: expected a finite number above 0, found {found}")]
    ThresholdMax {
        /// The limit given.
        found: f64,
    },
}
