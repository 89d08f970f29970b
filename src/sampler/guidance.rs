//! Classifier-free guidance (Ho & Salimans 2022, arXiv 2207.12598, eq. 6).

use super::SamplerError;
use crate::allocate;
use crate::engine::{BatchSpec, Denoiser, EngineError, Results};
use crate::scheduler::TrajectoryStep;

/// How the network is asked with the labels and without them.
///
/// Guidance takes x0_hat beyond the range of pictures. Where it is clipped to that, eps is derived from what is left of it
/// ([`use_clipped_model_output`](crate::step::Step::use_clipped_model_output)): eps of the x0_hat that was not clipped
/// would take away from bright areas, step by step, what clipping did not let them have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guidance {
    /// w: 0 leaves the network's answer with the labels as it is, more goes away from the one without.
    pub weight: f64,
    /// The class that stands for none.
    pub null_label: usize,
}

/// A guided run's steps.
pub(super) struct Guided {
    weight: f32,
    /// Every image twice: with its label, then without.
    both: BatchSpec,
}

impl Guided {
    /// Guidance of a run of `spec` on `engine`.
    ///
    /// # Errors
    /// [`SamplerError`] names what does not fit the network.
    pub fn new<D: Denoiser>(
        engine: &D,
        spec: &BatchSpec,
        Guidance { weight, null_label }: Guidance,
    ) -> Result<Self, SamplerError> {
        let classes = engine.info().classes.ok_or(SamplerError::Unconditional)?;
        if !weight.is_finite() {
            return Err(SamplerError::Guidance { found: weight });
        }
        if null_label >= classes {
            return Err(SamplerError::NullLabel {
                last: classes.saturating_sub(1),
                found: null_label,
            });
        }
        // Before the labels are doubled, so that the message counts the images.
        engine.check(spec)?;
        let [batch, channels, height, width] = spec.shape;
        let labels = spec.labels.as_ref().map(|labels| {
            let none = std::iter::repeat_n(null_label, batch);
            labels.iter().copied().chain(none).collect()
        });
        let both = BatchSpec {
            shape: [2 * batch, channels, height, width],
            labels,
        };
        engine.check(&both)?;
        Ok(Self {
            weight: weight as f32,
            both,
        })
    }

    /// Whether the run leaves the network's answer with the labels.
    pub fn leaves(&self) -> bool {
        self.weight != 0.0
    }

    /// One step from `x_t`: both answers in one batch, `(1 + w) with - w without` in place of the network's output
    /// (the paper's eps; for x_0 and v, which are linear in it, it is the same combination).
    pub async fn step<D: Denoiser>(
        &self,
        engine: &D,
        step: &TrajectoryStep,
        mut x_t: Vec<f32>,
        noise: Option<Vec<f32>>,
    ) -> Result<Results, EngineError> {
        let images = self.both.shape[0];
        let times = vec![step.t as f32; images];
        super::room(self.both.shape, 1)?;
        let mut out = engine.predict(&self.both, x_t.repeat(2), &times).await?;
        let (with, without) = out.split_at_mut(x_t.len());
        let w = self.weight;
        for (with, without) in with.iter_mut().zip(without.iter()) {
            *with = (1.0 + w) * *with - w * without;
        }
        let mut x0_hat = allocate::zeros(super::STATES, x_t.len() as u64)?;
        // Thresholds sort the magnitudes of an image.
        super::room(self.both.shape, 1)?;
        step.coefficients
            .apply(images / 2, &mut x_t, &mut x0_hat, with, noise.as_deref());
        Ok(Results { x0_hat, x_t })
    }
}
