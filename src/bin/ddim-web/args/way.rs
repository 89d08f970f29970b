//! How pictures that were noised part of the way are brought back.

use ddim_web::runs::rules;
use ddim_web::scheduler::TrajectoryOptions;
use ddim_web::step::{Clip, Method};

use super::common::{Common, Steps};
use super::loaded::Loaded;
use crate::error::CliError;

/// Arguments of the subcommands that begin at x_t.
#[derive(clap::Args)]
pub struct Way {
    /// The time steps t, from 0 to T - 1: a row each
    #[arg(
        long = "t",
        value_name = "T",
        num_args = 1..,
        default_values_t = [250, 500, 750],
        allow_negative_numbers = true
    )]
    pub levels: Vec<usize>,
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
    /// The whole way from x_T to x_0: S steps.
    ///
    /// # Errors
    /// [`CliError::Usage`] for a method that there is none of, or that goes up.
    pub fn trajectory(&self, common: &Common) -> Result<TrajectoryOptions, CliError> {
        let eta = self
            .eta
            .unwrap_or(if self.method == "ddim" { 1.0 } else { 0.0 });
        let method = rules::method(&self.method, eta)?;
        if method.is_inversion() {
            return Err(CliError::Usage(format!(
                "method: expected one that leads to images, found {method}"
            )));
        }
        let clip = self.no_clip.then_some(Clip::None);
        if method == Method::DdpmNoisy && clip.is_some() {
            return Err(CliError::usage(rules::Refusal::NoisyClips));
        }
        Ok(common.trajectory(method, self.steps.steps, clip))
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
        let from = |t: &usize| {
            let from_t = TrajectoryOptions {
                from: Some(*t),
                ..trajectory.clone()
            };
            Ok(loaded.model.steps(&from_t)?)
        };
        self.levels.iter().map(from).collect()
    }
}
