//! Lemma 1 of DDIM (Song et al. 2021) to look at: points in one dimension along q_sigma, which knows their x_0. Whatever
//! eta is, every time step has the marginal of DDPM, `N(sqrt(alpha_bar) x_0, 1 - alpha_bar)`; only the paths differ.

use super::numbers::numbers;
use super::rules::{self, Refusal};
use crate::allocate::{OutOfMemory, bytes, room, volume};
use crate::noise::gaussians;
use crate::scheduler::{SchedulerConfig, SchedulerError, TrajectoryOptions};

/// Why there are no such points.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MarginalError {
    /// The schedule cannot be built or walked like this.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
    /// More values than memory is likely to hold.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no memory for so many.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
    /// Inversion goes from x_0 to noise; q_sigma goes down from x_T.
    #[error("method: expected one that goes from noise to images, found {found}")]
    Inversion {
        /// Its name.
        found: &'static str,
    },
    /// A NaN or an infinity.
    #[error("x_0: expected finite numbers, found {found}")]
    NotFinite {
        /// The first such value.
        found: f64,
    },
}

/// All points at one time step.
#[derive(Debug, Clone, PartialEq)]
pub struct Marginal {
    /// The time step.
    pub t: usize,
    /// x_t of every point.
    pub x_t: Vec<f64>,
}

/// The points `x_0` at every time step of the run, from its first down to its last: x_T of `q(x_T | x_0)` (DDIM, eq. 4),
/// then x_{t-1} of `q_sigma(x_{t-1} | x_t, x_0)` (eq. 7), with the tau and the sigma(eta) of `options` (eq. 16; the eta
/// of other methods is that of [`StepNumbers::posterior`](super::numbers::StepNumbers::posterior)). x_0 itself, where
/// the run ends, is left out.
///
/// Point i has the values i of the noise of image 0 of a run with this seed, draw by draw.
///
/// # Errors
/// [`MarginalError`] names the option.
pub fn marginals(
    scheduler: &SchedulerConfig,
    options: &TrajectoryOptions,
    x_0: &[f64],
    seed: u64,
) -> Result<Vec<Marginal>, MarginalError> {
    if options.method.is_inversion() {
        return Err(MarginalError::Inversion {
            found: options.method.name(),
        });
    }
    if let Some(found) = x_0.iter().copied().find(|x| !x.is_finite()) {
        return Err(MarginalError::NotFinite { found });
    }
    let schedule = scheduler.schedule()?;
    let before = scheduler.trajectory(options)?.before;
    let steps = numbers(scheduler, options)?;
    rules::values(steps.len(), x_0.len())?;
    // All states, and the noise of one.
    room(
        "points",
        bytes::<f64>(volume(&[steps.len() + 1, x_0.len()])),
    )?;
    let noise = |draw: usize| gaussians(seed, 0, draw as u32, [1, x_0.len()]);
    let mut states: Vec<Marginal> = Vec::with_capacity(steps.len() + 1);
    if let Some(first) = steps.first() {
        let (signal, deviation) = schedule.signal_and_noise(first.t);
        let pairs = x_0.iter().zip(noise(0));
        let x_t = pairs.map(|(x_0, z)| signal * x_0 + deviation * f64::from(z));
        states.push(Marginal {
            t: first.t,
            x_t: x_t.collect(),
        });
    }
    for (index, step) in steps.iter().enumerate() {
        let (Some(t), Some(posterior), Some(last)) = (step.t_next, step.posterior, states.last())
        else {
            break;
        };
        let deviation = posterior.variance.sqrt();
        let triples = x_0.iter().zip(&last.x_t).zip(noise(before + index + 1));
        let x_t =
            triples.map(|((x_0, x_t), z)| posterior.mean(*x_0, *x_t) + deviation * f64::from(z));
        states.push(Marginal {
            t,
            x_t: x_t.collect(),
        });
    }
    Ok(states)
}
