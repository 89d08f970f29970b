//! What the subcommands that make images have in common: the model, tau, the size, the class, the device.

use std::path::PathBuf;

use ddim_web::engine::Engine;
use ddim_web::runs::{Job, Ode, rules};
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::step::{Clip, Method};
use ddim_web::timesteps::Tau;
use indicatif::ProgressBar;

use crate::args::condition::Condition;
use crate::args::inversion::Inversion;
use crate::args::loaded::Loaded;
use crate::args::machine::Machine;
use crate::draw::film::Film;
use crate::error::CliError;
use crate::progress::{advance, progress_bar};
use crate::stop::Stop;
use crate::terminal::remark;

/// Arguments of every subcommand that makes images.
#[derive(clap::Args)]
pub struct Common {
    /// Folder of the model (config.json, scheduler_config.json and diffusion_pytorch_model.safetensors, or a diffusers
    /// pipeline folder), or a .zip archive of it
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The time steps: leading, trailing, linspace, uniform, quad, paper-linear, paper-quadratic, ddimN,
    /// section counts such as 10,15,20, or list:0,250,500,750 [default: the scheduler's own]
    #[arg(long)]
    pub tau: Option<Tau>,
    /// Height and width of the images [default: the model's own]
    #[arg(long, num_args = 2, value_names = ["H", "W"])]
    size: Option<Vec<usize>>,
    #[command(flatten)]
    condition: Condition,
    #[command(flatten)]
    machine: Machine,
    /// No progress bar
    #[arg(long)]
    quiet: bool,
}

impl Common {
    /// The model, ready to run; Ctrl-C ends it from now on.
    ///
    /// # Errors
    /// The file that cannot be used and why, or why there is no GPU; [`CliError::Usage`] for a class that the model does
    /// not have.
    pub fn open(&self) -> Result<Loaded, CliError> {
        let mut loaded = Loaded::open(&self.model, self.machine, Stop::watch()?)?;
        loaded.asked = (self.condition).of(loaded.model.info(), &loaded.labels)?;
        Ok(loaded)
    }

    /// `[C, H, W]` of the images that `loaded` shall make.
    ///
    /// # Errors
    /// [`CliError::Usage`] when its network has no images of `--size`.
    pub fn shape(&self, loaded: &Loaded) -> Result<[usize; 3], CliError> {
        let shape = loaded.model.image_shape(self.size())?;
        (loaded.model)
            .check(shape, loaded.asked.class)
            .map_err(CliError::usage)?;
        Ok(shape)
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
            tau: self.tau.clone(),
            clip,
            ..TrajectoryOptions::new(method, steps)
        }
    }

    /// The ODE of the model in `steps` steps along `--tau`.
    ///
    /// # Errors
    /// Those of [`Ode::new`]; [`CliError::Usage`] with `--guidance`, which the ODE back to noise does not have.
    pub fn ode<'a>(
        &self,
        loaded: &'a Loaded,
        steps: &Steps,
        inversion: Inversion,
    ) -> Result<Ode<'a, Engine>, CliError> {
        if self.condition.guidance.is_some() {
            return Err(CliError::Usage(
                "guidance: pictures are turned into noise without it: leave --guidance out".into(),
            ));
        }
        let steps = steps.count(loaded.model.scheduler());
        let trajectory = self.trajectory(Method::Ddim { eta: 0.0 }, steps, None);
        let like = self.job(loaded, trajectory, 0, 0);
        Ok(Ode::new(&loaded.model, &like, inversion.convention.into())?)
    }

    /// Says on standard error that `found` steps are made where `--steps` asks for `asked`.
    pub fn remark_on_steps(&self, asked: usize, found: usize) {
        let fixed = self.tau.as_ref().and_then(Tau::fixed_steps);
        if fixed.is_none() && found < asked {
            remark(format_args!(
                "{found} steps instead of {asked}: --tau has some time steps twice"
            ));
        }
    }

    /// Says on standard error that the model's clipping is left out, where it has some.
    pub fn remark_on_clipping(&self, loaded: &Loaded) {
        if let Some(key) = loaded.model.scheduler().clipping_key() {
            remark(format_args!(
                "scheduler_config.json: {key} is left out: a clipped step cannot be undone"
            ));
        }
    }

    /// The images of `job` `[count, C, H, W]`, made in `steps` steps under a progress bar, and the film of that.
    ///
    /// # Errors
    /// Those of [`Loaded::run`].
    pub fn make(
        &self,
        loaded: &Loaded,
        job: &Job,
        steps: usize,
        film: Option<&mut Film>,
    ) -> Result<Vec<f32>, CliError> {
        let bar = self.bar(loaded.model.events(job.count, steps));
        let mut film = film;
        let images = loaded.run(job, &mut |event| {
            if let Some(film) = &mut film {
                film.record(event);
            }
            advance(&bar, event);
        })?;
        bar.finish_and_clear();
        Ok(images)
    }

    /// A progress bar for `events` steps.
    pub fn bar(&self, events: u64) -> ProgressBar {
        progress_bar(events, "t = ", self.quiet)
    }

    /// `count` images of `loaded` along `trajectory` from the noise of `seed`.
    pub fn job(
        &self,
        loaded: &Loaded,
        trajectory: TrajectoryOptions,
        seed: u64,
        count: usize,
    ) -> Job {
        Job {
            size: self.size(),
            class: loaded.asked.class,
            guidance: loaded.asked.guidance,
            ..Job::new(trajectory, seed, count)
        }
    }
}

/// `--steps` of the subcommands that take one number of steps.
#[derive(clap::Args)]
pub struct Steps {
    /// Number of steps S [default: 50, or T where that is less; ignored by a --tau that fixes its own number]
    #[arg(long, allow_negative_numbers = true)]
    steps: Option<usize>,
}

impl Steps {
    /// S, for a model with `scheduler`.
    pub fn count(&self, scheduler: &SchedulerConfig) -> usize {
        self.steps
            .unwrap_or_else(|| rules::default_steps(scheduler))
    }
}
