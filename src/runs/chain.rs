//! The forward process one step at a time (DDPM, Ho et al. 2020, eq. 2): a picture on its way to noise.

use crate::allocate::{OutOfMemory, copied, zeros};
use crate::gaussian::forward_step;
use crate::noise::{CHAIN_DRAWS, gaussian};
use crate::schedule::NoiseSchedule;
use crate::scheduler::{SchedulerConfig, SchedulerError, check_level};

/// Why there is no chain.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The schedule cannot be built.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
    /// There is no memory for it.
    #[error(transparent)]
    Memory(#[from] OutOfMemory),
}

/// A picture and how far it has come. The noise of every step is independent of that of all others, and of the noise of
/// runs with the same seed.
#[derive(Debug, Clone)]
pub struct Chain {
    schedule: NoiseSchedule,
    x_0: Vec<f32>,
    seed: u64,
    image: u32,
    x_t: Vec<f32>,
    /// The noise of a step.
    z: Vec<f32>,
    /// Steps made: x_t is that of index `steps - 1`.
    steps: usize,
}

impl Chain {
    /// Begins at `x_0`, one picture on the scale -1…1. `image` is its number: pictures of other numbers have other noise.
    ///
    /// # Errors
    /// [`ChainError`] when the schedule cannot be built, or there is no memory for a second such picture and its noise.
    pub fn new(
        scheduler: &SchedulerConfig,
        x_0: Vec<f32>,
        seed: u64,
        image: u32,
    ) -> Result<Self, ChainError> {
        Ok(Self {
            schedule: scheduler.schedule()?,
            x_t: copied("image", &x_0)?,
            z: zeros("noise", x_0.len() as u64)?,
            x_0,
            seed,
            image,
            steps: 0,
        })
    }

    /// x_t, reached by single steps `x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) z_t` from where the chain is; from
    /// x_0 again where that is beyond `t`. The same `t` gives the same state, on whatever way it was reached.
    ///
    /// # Errors
    /// [`SchedulerError::Level`] when `t` is not below T.
    pub fn advance(&mut self, t: usize) -> Result<&[f32], SchedulerError> {
        check_level("t", t, self.schedule.len())?;
        if t + 1 < self.steps {
            self.x_t.clone_from(&self.x_0);
            self.steps = 0;
        }
        for t in self.steps..=t {
            let (scale, variance) = forward_step(&self.schedule, t);
            let deviation = variance.sqrt();
            gaussian(self.seed, self.image, CHAIN_DRAWS + t as u32, &mut self.z);
            for (x, z) in self.x_t.iter_mut().zip(&self.z) {
                *x = (scale * f64::from(*x) + deviation * f64::from(*z)) as f32;
            }
        }
        self.steps = t + 1;
        Ok(&self.x_t)
    }
}
