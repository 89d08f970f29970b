//! What the subcommands that make images have in common: the model, tau, the size, the class, the device.

use std::path::PathBuf;

use ddim_web::scheduler::TrajectoryOptions;
use ddim_web::step::{Clip, Method};
use ddim_web::timesteps::Spacing;
use indicatif::ProgressBar;

use super::cli::{CliError, Device, progress_bar};
use super::runner::{Event, Job, Runner};
use super::stop::Stop;

/// Arguments of every subcommand that makes images.
#[derive(clap::Args)]
pub struct Common {
    /// Folder of the model: config.json, scheduler_config.json and diffusion_pytorch_model.safetensors,
    /// or a diffusers pipeline folder
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The time steps: leading, trailing, linspace, uniform, quad, paper-linear, paper-quadratic, ddimN,
    /// section counts such as 10,15,20, or list:0,250,500,750 [default: the scheduler's own]
    #[arg(long)]
    pub tau: Option<Spacing>,
    /// Height and width of the images [default: the model's own]
    #[arg(long, num_args = 2, value_names = ["H", "W"])]
    size: Option<Vec<usize>>,
    /// Class of every image, for a conditional model
    #[arg(long)]
    class: Option<usize>,
    /// Where the network runs
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    device: Device,
    /// No progress bar
    #[arg(long)]
    quiet: bool,
}

impl Common {
    /// The model, ready to run; Ctrl-C ends it from now on.
    ///
    /// # Errors
    /// The file that cannot be used and why, or why there is no GPU.
    pub fn open(&self) -> Result<Runner, CliError> {
        Runner::open(&self.model, self.device, Stop::watch()?)
    }

    /// `--size`: height and width.
    pub fn size(&self) -> Option<[usize; 2]> {
        match self.size.as_deref() {
            Some([height, width]) => Some([*height, *width]),
            _ => None,
        }
    }

    /// `steps` steps of `method` along `--tau`; `clip` as the scheduler says where it is `None`.
    pub fn trajectory(
        &self,
        method: Method,
        steps: usize,
        clip: Option<Clip>,
    ) -> TrajectoryOptions {
        TrajectoryOptions {
            spacing: self.tau.clone(),
            clip,
            ..TrajectoryOptions::new(method, steps)
        }
    }

    /// A progress bar for `events` steps.
    pub fn bar(&self, events: u64) -> ProgressBar {
        progress_bar(events, "t = ", self.quiet)
    }

    /// `count` images along `trajectory` from the noise of `seed`.
    pub fn job(&self, trajectory: TrajectoryOptions, seed: u64, count: usize) -> Job {
        Job {
            trajectory,
            seed,
            first_image: 0,
            count,
            size: self.size(),
            class: self.class,
            latents: None,
        }
    }
}

/// Moves `bar` on by one step, and tells its time step.
pub fn advance(bar: &ProgressBar, event: &Event) {
    bar.set_message(event.step.t.to_string());
    bar.inc(1);
}
