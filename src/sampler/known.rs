//! Inpainting by replacement (Song et al. 2021, arXiv 2011.13456, appendix I.2; RePaint, Lugmayr et al. 2022, arXiv
//! 2201.09865, eq. 8): what is known of the images is not made but noised to the level that the run has reached, so that
//! the network makes the rest to match.

use super::{NoiseFn, SamplerError};
use crate::engine::EngineError;
use crate::noise::KNOWN_DRAWS;
use crate::schedule::NoiseSchedule;
use crate::unet::input::InputError;

/// What of the images is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The pictures `[1 or B, C, H, W]`, about -1 to 1; one is that of all images.
    pub x_0: Vec<f32>,
    /// `[H, W]`: 1 where pixels are known, 0 where they are to be made, and numbers in between mix both.
    pub mask: Vec<f32>,
}

/// Keeps the known part of a run's states as it has to be.
pub(super) struct Keeper {
    known: Known,
    schedule: NoiseSchedule,
    noise: NoiseFn,
}

impl Keeper {
    /// `noise` is of the run's seed; its draws from [`KNOWN_DRAWS`] on, which no step has, are taken.
    ///
    /// # Errors
    /// [`SamplerError`] names what does not fit images of `shape` `[B, C, H, W]`.
    pub fn new(
        known: Known,
        schedule: NoiseSchedule,
        shape: [usize; 4],
        noise: NoiseFn,
    ) -> Result<Self, SamplerError> {
        let [batch, channels, height, width] = shape;
        let pixels = height * width;
        let (image, found) = (channels * pixels, known.x_0.len());
        if found != image && found != batch * image {
            return Err(SamplerError::Known {
                image,
                batch,
                found,
            });
        }
        if known.x_0.iter().any(|x| !x.is_finite()) {
            return Err(EngineError::from(InputError::NotFinite).into());
        }
        if known.mask.len() != pixels {
            return Err(SamplerError::Mask {
                expected: pixels,
                found: known.mask.len(),
            });
        }
        let unfit = |m: &&f32| !(0.0..=1.0).contains(*m);
        if let Some(found) = known.mask.iter().find(unfit) {
            return Err(SamplerError::MaskValue { found: *found });
        }
        Ok(Self {
            known,
            schedule,
            noise,
        })
    }

    /// Replaces the known part of `x_t`, the state at time step `t` after `number` steps of a run from x_T, by one of
    /// `q(x_t | x_0)` (DDPM, eq. 4); the image itself (`None`) has x_0. A run in two parts has the noise of the whole one.
    pub fn keep(&mut self, number: usize, t: Option<usize>, x_t: &mut [f32]) {
        let (signal, deviation) = t.map_or((1.0, 0.0), |t| self.schedule.signal_and_noise(t));
        let eps = (self.noise)(KNOWN_DRAWS + number as u32);
        let mask = self.known.mask.iter().cycle();
        let x_0 = self.known.x_0.iter().cycle();
        for (((x, x_0), m), eps) in x_t.iter_mut().zip(x_0).zip(mask).zip(&eps) {
            let m = f64::from(*m);
            let kept = signal * f64::from(*x_0) + deviation * f64::from(*eps);
            *x = (m * kept + (1.0 - m) * f64::from(*x)) as f32;
        }
    }
}
