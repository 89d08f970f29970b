//! Pictures that are noised part of the way and brought back: many x_0 from one x_t (DDPM, figure 7), and mixtures of
//! two pictures, coarse to fine (DDPM, figures 8 and 9).
//!
//! The way back is a run whose trajectory begins at t
//! ([`TrajectoryOptions::from`](crate::scheduler::TrajectoryOptions)).

use super::rules::{self, Refusal};
use crate::allocate::{OutOfMemory, bytes, copied, reserved, room, volume, zeros};
use crate::gaussian::{Posterior, diffused};
use crate::noise::gaussian;
use crate::scheduler::{SchedulerConfig, SchedulerError, check_level};

/// Why pictures cannot be noised or mixed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PartialError {
    /// The schedule cannot be built, or has no such time step.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
    /// The values are not a whole number of images.
    #[error("images: expected a multiple of the {image} values of one image, found {found}")]
    Images {
        /// Values of one image.
        image: usize,
        /// Values given.
        found: usize,
    },
    /// Two pictures of different sizes.
    #[error("expected two pictures of one size, found {a} and {b} values")]
    Lengths {
        /// Values of the first.
        a: usize,
        /// Values of the second.
        b: usize,
    },
    /// More values than memory is likely to hold.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no memory for so many.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// A row that does not have both ends.
    #[error("frames: expected at least 2, the ends among them, found {found}")]
    Frames {
        /// Pictures asked for.
        found: usize,
    },
}

/// x_t of `images` (several of `image` values each, on the scale -1…1), drawn from q(x_t | x_0) (DDPM, eq. 4). The
/// noise of image i is that of image `first_image + i` of a run with this seed, as x_T has it, so that no step of the
/// way back draws it again.
///
/// # Errors
/// [`PartialError`] for a time step that is not below T, and values that are no whole images.
pub fn noised(
    scheduler: &SchedulerConfig,
    t: usize,
    images: &[f32],
    image: usize,
    seed: u64,
    first_image: u32,
) -> Result<Vec<f32>, PartialError> {
    let schedule = scheduler.schedule()?;
    check_level("t", t, schedule.len())?;
    let found = images.len();
    if image == 0 || !found.is_multiple_of(image) {
        return Err(PartialError::Images { image, found });
    }
    let mut eps = zeros("noise", image as u64)?;
    let mut x_t = reserved("images", found as u64)?;
    room("images", bytes::<f32>(image as u64))?;
    for (i, x_0) in images.chunks_exact(image).enumerate() {
        gaussian(seed, first_image.wrapping_add(i as u32), 0, &mut eps);
        x_t.extend(diffused(&schedule, t, x_0, &eps));
    }
    Ok(x_t)
}

/// The mean of q(x_{t-1} | x_t, x_0) (DDPM, eq. 7), value by value: x_0 itself at t = 0.
///
/// # Errors
/// [`PartialError`] for a time step that is not below T, and for pictures of different sizes.
pub fn posterior_mean(
    scheduler: &SchedulerConfig,
    t: usize,
    x_t: &[f32],
    x_0: &[f32],
) -> Result<Vec<f32>, PartialError> {
    let schedule = scheduler.schedule()?;
    check_level("t", t, schedule.len())?;
    if x_t.len() != x_0.len() {
        return Err(PartialError::Lengths {
            a: x_t.len(),
            b: x_0.len(),
        });
    }
    let posterior = Posterior::ddpm(&schedule, t);
    let mut mean = copied("images", x_t)?;
    for (value, x_0) in mean.iter_mut().zip(x_0) {
        *value = posterior.mean((*x_0).into(), (*value).into()) as f32;
    }
    Ok(mean)
}

/// `frames` mixtures of two noised pictures, both ends among them: `(1 - weight) a + weight b` (DDPM, section 4.3). The
/// paper's straight line: half way, two independent noises have half their variance left, which is why the middle looks
/// smoother than the ends.
///
/// # Errors
/// [`PartialError`] for pictures of different sizes and fewer than two frames.
pub fn mixed(a: &[f32], b: &[f32], frames: usize) -> Result<Vec<f32>, PartialError> {
    if a.len() != b.len() {
        return Err(PartialError::Lengths {
            a: a.len(),
            b: b.len(),
        });
    }
    if frames < 2 {
        return Err(PartialError::Frames { found: frames });
    }
    rules::values(frames, a.len())?;
    let frame = |i: usize| {
        let weight = super::paths::weight(i, frames);
        a.iter()
            .zip(b)
            .map(move |(a, b)| ((1.0 - weight) * f64::from(*a) + weight * f64::from(*b)) as f32)
    };
    let mut row = reserved("frames", volume(&[frames, a.len()]))?;
    row.extend((0..frames).flat_map(frame));
    Ok(row)
}
