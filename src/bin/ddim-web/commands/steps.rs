//! `ddim-web steps`: the numbers of a run, without a network.

use std::fmt::Display;
use std::path::PathBuf;

use ddim_web::runs::numbers::{StepNumbers, numbers};
use ddim_web::runs::rules;
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::timesteps::Tau;

use crate::args::common::Steps;
use crate::error::CliError;
use crate::files::model::Source;
use crate::terminal::say;

/// Arguments of `ddim-web steps`.
#[derive(clap::Args)]
#[command(
    after_help = "A table in Markdown, or with --json an array. alpha_bar is the DDIM paper's alpha; noise level is \
    sqrt((1 - alpha_bar) / alpha_bar), the standard deviation in the variance-exploding view; a, b and sigma are the \
    factors of eq. 12; gamma is the weight of theorem 1 in nats for the method's eta (1 for DDPM and the larger \
    noises), infinite where eta is 0; in the last row it is that of a decoder with eta² times the variance of the step \
    before. --json also has the factors of eq. 7 and eq. 8."
)]
pub struct Args {
    /// The model, as for the other commands; of it scheduler_config.json is read
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The time steps, as `ddim-web sample` takes them [default: the scheduler's own]
    #[arg(long)]
    tau: Option<Tau>,
    #[command(flatten)]
    steps: Steps,
    /// Noise of DDIM, from 0 (deterministic) to 1 (as much as DDPM)
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    eta: f64,
    /// ddim, sigma_hat, ddpm_noisy, ddpm_fixed_small, ddpm_fixed_large, probability_flow, inversion or
    /// inversion_strict
    #[arg(long, default_value = "ddim")]
    method: String,
    /// Begin at this time step
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    from: Option<usize>,
    /// End at this time step
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    to: Option<usize>,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError::Usage`] for settings that make no sense, [`CliError::Failed`] when the file cannot be used.
pub fn run(args: &Args) -> Result<(), CliError> {
    let method = rules::method(&args.method, args.eta)?;
    let scheduler = SchedulerConfig::from_json(&Source::open(&args.model)?.scheduler()?)
        .map_err(CliError::failed)?;
    let options = TrajectoryOptions {
        tau: args.tau.clone(),
        from: args.from,
        to: args.to,
        ..TrajectoryOptions::new(method, args.steps.count(&scheduler))
    };
    rules::steps(&scheduler, &options)?;
    let steps = numbers(&scheduler, &options).map_err(CliError::usage)?;
    if args.json {
        let all: Vec<serde_json::Value> = steps.iter().map(StepNumbers::to_json).collect();
        let text = serde_json::to_string_pretty(&all).map_err(CliError::failed)?;
        return say(text);
    }
    say("| t | next | alpha_bar | noise level | a | b | sigma | gamma |")?;
    say("|---:|---:|---:|---:|---:|---:|---:|---:|")?;
    for step in &steps {
        let c = step.coefficients;
        let next: &dyn Display = match &step.t_next {
            Some(t) => t,
            None => &"x_0",
        };
        let gamma = step
            .gamma
            .map_or("–".into(), |gamma| format!("{gamma:.4e}"));
        say(format_args!(
            "| {} | {next} | {:.6} | {:.4} | {:.6} | {:.6} | {:.6} | {gamma} |",
            step.t, step.alpha_bar, step.noise_level, c.a, c.b, c.sigma
        ))?;
    }
    Ok(())
}
