//! How a run leads to images, from x_T or from x_t.

use ddim_web::runs::rules::{self, Refusal};
use ddim_web::scheduler::{SchedulerError, TrajectoryOptions};
use ddim_web::step::{Clip, Method};

use super::common::{Common, Steps};
use super::loaded::Loaded;
use crate::error::CliError;

/// The levels by default, in quarters of T.
const QUARTERS: [usize; 3] = [1, 2, 3];

/// Arguments of the subcommands that begin at x_t.
#[derive(clap::Args)]
pub struct Way {
    /// The time steps t, from 0 to T - 1: a row each [default: a quarter, a half and three quarters of T]
    #[arg(long = "t", value_name = "T", num_args = 1.., allow_negative_numbers = true)]
    levels: Option<Vec<usize>>,
    #[command(flatten)]
    steps: Steps,
    /// Noise of DDIM on the way back, from 0 (deterministic) to 1 (as much as DDPM) [default: 1 with the method ddim]
    #[arg(long, allow_negative_numbers = true)]
    eta: Option<f64>,
    /// How to go back: ddim, sigma_hat, ddpm_noisy, ddpm_fixed_small, ddpm_fixed_large or probability_flow
    #[arg(long, default_value = "ddim")]
    method: String,
    /// Leave x0_hat as it is where the scheduler would clip it
    #[arg(long)]
    no_clip: bool,
    /// Seed of the noise
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
}

impl Way {
    /// How to go back.
    ///
    /// # Errors
    /// [`CliError::Usage`] for a method that there is none of, or that goes up.
    pub fn method(&self) -> Result<Method, CliError> {
        let eta = self
            .eta
            .unwrap_or(if self.method == "ddim" { 1.0 } else { 0.0 });
        method(&self.method, eta)
    }

    /// The whole way of `loaded` by `method` from x_T to x_0: S steps.
    ///
    /// # Errors
    /// Those of [`rules::clip`].
    pub fn trajectory(
        &self,
        common: &Common,
        loaded: &Loaded,
        method: Method,
    ) -> Result<TrajectoryOptions, CliError> {
        let scheduler = loaded.model.scheduler();
        let clip = self.no_clip.then_some(Clip::None);
        rules::clip(scheduler, method, clip)?;
        let steps = self.steps.count(scheduler);
        Ok(common.trajectory(method, steps, clip))
    }

    /// How many levels there are.
    pub fn rows(&self) -> usize {
        self.levels.as_ref().map_or(QUARTERS.len(), Vec::len)
    }

    /// The time steps.
    pub fn levels(&self, loaded: &Loaded) -> Vec<usize> {
        let length = loaded.model.scheduler().num_train_timesteps;
        let quarter = |quarters: usize| quarters * length / 4;
        (self.levels.clone()).unwrap_or_else(|| QUARTERS.map(quarter).into())
    }

    /// Number of steps from each level to x_0.
    ///
    /// # Errors
    /// [`CliError::Usage`] names the level that there is none of.
    pub fn steps(
        &self,
        loaded: &Loaded,
        trajectory: &TrajectoryOptions,
    ) -> Result<Vec<usize>, CliError> {
        let from = |t: &usize| TrajectoryOptions {
            from: Some(*t),
            ..trajectory.clone()
        };
        self.counted(loaded, from)
    }

    /// Number of steps from x_T to each level.
    ///
    /// # Errors
    /// [`CliError::Usage`] names the level that a run along tau does not come to.
    pub fn steps_before(
        &self,
        loaded: &Loaded,
        trajectory: &TrajectoryOptions,
    ) -> Result<Vec<usize>, CliError> {
        self.counted(loaded, |t| down_to(trajectory, *t))
    }

    fn counted(
        &self,
        loaded: &Loaded,
        of_level: impl Fn(&usize) -> TrajectoryOptions,
    ) -> Result<Vec<usize>, CliError> {
        let count = |t| loaded.model.steps(&of_level(t)).map_err(of_option);
        self.levels(loaded).iter().map(count).collect()
    }
}

/// The part of the way from x_T to x_t.
pub fn down_to(trajectory: &TrajectoryOptions, t: usize) -> TrajectoryOptions {
    TrajectoryOptions {
        to: Some(t),
        ..trajectory.clone()
    }
}

/// The method `name` with `eta`, which must lead from noise to images.
///
/// # Errors
/// [`CliError::Usage`] for one that there is none of, or that goes up.
pub fn method(name: &str, eta: f64) -> Result<Method, CliError> {
    let method = rules::method(name, eta)?;
    if method.is_inversion() {
        return Err(CliError::Usage(format!(
            "method: expected one that leads to images, found {method}"
        )));
    }
    Ok(method)
}

/// A level that a run cannot have is one that --t asked for.
fn of_option(refusal: Refusal) -> CliError {
    match refusal {
        Refusal::Scheduler(SchedulerError::Level {
            expected, found, ..
        }) => CliError::usage(SchedulerError::Level {
            field: "t",
            expected,
            found,
        }),
        other => other.into(),
    }
}
