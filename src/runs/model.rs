//! A model at work: many images, batch by batch.

use super::rules::{self, Refusal};
use crate::engine::{BatchSpec, Denoiser, EngineError, EngineInfo};
use crate::sampler::{Guidance, SampleOptions, Sampler, SamplerError, StepOutput};
use crate::scheduler::{SchedulerConfig, TrajectoryOptions};
use crate::unet::input::{self, InputError};

/// Images that run through the network at once: enough for many cores, few enough to bound the memory.
pub(super) const BATCH: usize = 16;

/// A network on a device, and the schedule that it was trained with.
///
/// ```no_run
/// # async fn run(engine: ddim_web::engine::CpuEngine) -> Result<(), Box<dyn std::error::Error>> {
/// use ddim_web::runs::{Event, Job, Model};
/// use ddim_web::scheduler::{SchedulerClass, SchedulerConfig, TrajectoryOptions};
/// use ddim_web::step::Method;
///
/// let model = Model::new(engine, SchedulerConfig::new(SchedulerClass::Ddim));
/// let job = Job::new(TrajectoryOptions::new(Method::Ddim { eta: 0.0 }, 50), 0, 100);
/// let images = model.run(&job, &mut |_: &Event| {}).await?; // [100, C, H, W], about -1 to 1
/// # Ok(())
/// # }
/// ```
pub struct Model<D> {
    engine: D,
    scheduler: SchedulerConfig,
}

/// Images to make.
#[derive(Debug, Clone)]
pub struct Job {
    /// Method, τ and number of steps.
    pub trajectory: TrajectoryOptions,
    /// Seed of x_T and of every step's noise.
    pub seed: u64,
    /// Number of the first image; the noise of an image depends on the seed and its number alone.
    pub first_image: u32,
    /// Whether all images get the noise of the first.
    pub same_noise: bool,
    /// How many; they are made in batches.
    pub count: usize,
    /// Height and width; `None` takes those of the model.
    pub size: Option<[usize; 2]>,
    /// Class of every image, for a conditional model.
    pub class: Option<usize>,
    /// How much further than to the images of `class` the run goes.
    pub guidance: Option<Guidance>,
    /// x_T `[count, C, H, W]` in place of seeded noise.
    pub latents: Option<Vec<f32>>,
}

impl Job {
    /// `count` images of an unconditional model along `trajectory`, of its own size and from seeded noise.
    pub fn new(trajectory: TrajectoryOptions, seed: u64, count: usize) -> Self {
        Self {
            trajectory,
            seed,
            first_image: 0,
            same_noise: false,
            count,
            size: None,
            class: None,
            guidance: None,
            latents: None,
        }
    }
}

/// One step of some images of a job.
pub struct Event {
    /// Which image of the job is the first of them.
    pub first: usize,
    /// How many.
    pub batch: usize,
    /// What the step gave, for these images.
    pub step: StepOutput,
}

/// Who watches a run, and may end it.
pub trait Watch {
    /// Whether the run shall go on; asked before every step.
    fn go_on(&mut self) -> bool {
        true
    }

    /// Sees every step of every batch.
    fn see(&mut self, event: &Event);
}

/// A run that nobody ends.
impl<F: FnMut(&Event)> Watch for F {
    fn see(&mut self, event: &Event) {
        self(event);
    }
}

/// Why a run gave no images.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The settings make no sense.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The sampler refused or failed.
    #[error(transparent)]
    Sampler(#[from] SamplerError),
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The latents do not fit the number and size of the images.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Whoever watches did not let it go on.
    #[error("stopped before the end")]
    Stopped,
}

impl<D: Denoiser> Model<D> {
    /// The network that `engine` runs, with the schedule of `scheduler`.
    pub fn new(engine: D, scheduler: SchedulerConfig) -> Self {
        Self { engine, scheduler }
    }

    /// The network on its device.
    pub fn engine(&self) -> &D {
        &self.engine
    }

    /// The model's `scheduler_config.json`.
    pub fn scheduler(&self) -> &SchedulerConfig {
        &self.scheduler
    }

    /// What the network is and where it runs.
    pub fn info(&self) -> &EngineInfo {
        self.engine.info()
    }

    /// `[channels, height, width]` of the images; `size` wins over the model's own.
    ///
    /// # Errors
    /// [`SamplerError::NoSize`] when nobody says how large they are.
    pub fn image_shape(&self, size: Option<[usize; 2]>) -> Result<[usize; 3], RunError> {
        let [height, width] = size
            .or(self.info().sample_size)
            .ok_or(SamplerError::NoSize)?;
        Ok([self.info().in_channels, height, width])
    }

    /// Whether the network has images of `shape` `[C, H, W]` and of `class`.
    ///
    /// # Errors
    /// What it expects.
    pub fn check(&self, shape: [usize; 3], class: Option<usize>) -> Result<(), EngineError> {
        self.check_batch(1, shape, class)
    }

    fn check_batch(
        &self,
        batch: usize,
        [channels, height, width]: [usize; 3],
        class: Option<usize>,
    ) -> Result<(), EngineError> {
        self.engine.check(&BatchSpec {
            shape: [batch, channels, height, width],
            labels: class.map(|class| vec![class; batch]),
        })
    }

    /// Number of steps of `trajectory`.
    ///
    /// # Errors
    /// Those of [`rules::steps`].
    pub fn steps(&self, trajectory: &TrajectoryOptions) -> Result<usize, Refusal> {
        rules::steps(&self.scheduler, trajectory)
    }

    /// How many events [`Self::run`] reports for `count` images of `steps` steps.
    pub fn events(&self, count: usize, steps: usize) -> u64 {
        (count.div_ceil(BATCH) * steps) as u64
    }

    /// The images of `job`, `[count, C, H, W]`. `watch` sees every step of every batch.
    ///
    /// # Errors
    /// [`RunError::Stopped`] when `watch` does not let it go on; [`RunError::Refused`] for a number of images or
    /// settings that make no sense; what the sampler and the network report.
    pub async fn run(&self, job: &Job, watch: &mut dyn Watch) -> Result<Vec<f32>, RunError> {
        let image = self.check_job(job)?;
        let mut images = rules::images(job.count, image)?;
        for first in (0..job.count).step_by(BATCH) {
            let mut sampler = self.sampler(job, first)?;
            let batch = sampler.shape()[0];
            for _ in 0..sampler.total() {
                go_on(watch)?;
                let step = sampler.next(&self.engine).await?;
                if step.done {
                    images[first * image..][..batch * image].copy_from_slice(&step.x_t);
                }
                watch.see(&Event { first, batch, step });
            }
        }
        Ok(images)
    }

    /// Whether `job` can be run, before anything is made for it; gives the values of one image.
    pub(super) fn check_job(&self, job: &Job) -> Result<usize, RunError> {
        rules::count(job.count)?;
        self.steps(&job.trajectory)?;
        let [channels, height, width] = self.image_shape(job.size)?;
        let image = [height, width]
            .into_iter()
            .fold(channels, usize::saturating_mul);
        if let Some(latents) = &job.latents {
            input::check_length([job.count, channels, height, width], latents.len())?;
        }
        self.check_batch(job.count.min(BATCH), [channels, height, width], job.class)?;
        Ok(image)
    }

    /// The run of the images of `job` from `first` on, as many as go through the network at once.
    pub(super) fn sampler(&self, job: &Job, first: usize) -> Result<Sampler<D>, RunError> {
        let image: usize = self.image_shape(job.size)?.iter().product();
        let batch = BATCH.min(job.count - first);
        let of_batch = |values: &Vec<f32>| values[first * image..][..batch * image].to_vec();
        let options = SampleOptions {
            trajectory: job.trajectory.clone(),
            seed: job.seed,
            first_image: if job.same_noise {
                job.first_image
            } else {
                job.first_image.wrapping_add(first as u32)
            },
            same_noise: job.same_noise,
            batch,
            size: job.size,
            labels: job.class.map(|class| vec![class; batch]),
            latents: job.latents.as_ref().map(of_batch),
            known: None,
            guidance: job.guidance,
        };
        Ok(Sampler::new(&self.engine, &self.scheduler, options)?)
    }

    /// The network's raw output at `x` `[B, C, H, W]`, with one time step per image; `go_on` is asked before every
    /// batch.
    ///
    /// # Errors
    /// [`RunError::Stopped`] when `go_on` says no; what the network reports.
    pub async fn predict(
        &self,
        x: &[f32],
        [count, channels, height, width]: [usize; 4],
        timesteps: &[f32],
        go_on: &dyn Fn() -> bool,
    ) -> Result<Vec<f32>, RunError> {
        let image = channels * height * width;
        let mut out = Vec::with_capacity(x.len());
        for first in (0..count).step_by(BATCH) {
            if !go_on() {
                return Err(RunError::Stopped);
            }
            let batch = BATCH.min(count - first);
            let spec = BatchSpec {
                shape: [batch, channels, height, width],
                labels: None,
            };
            let inputs = x[first * image..][..batch * image].to_vec();
            let times = &timesteps[first..][..batch];
            out.extend(self.engine.predict(&spec, inputs, times).await?);
        }
        Ok(out)
    }
}

pub(super) fn go_on(watch: &mut dyn Watch) -> Result<(), RunError> {
    if watch.go_on() {
        Ok(())
    } else {
        Err(RunError::Stopped)
    }
}
