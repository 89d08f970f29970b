//! A model at work: many images, batch by batch.

use std::path::Path;

use ddim_web::engine::{BatchSpec, Denoiser, Engine, EngineError, EngineInfo};
use ddim_web::sampler::{SampleOptions, Sampler, SamplerError, StepOutput};
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::timesteps::Spacing;
use ddim_web::unet::input;

use super::cli::{CliError, Machine};
use super::files::ModelFiles;
use super::stop::Stop;
use super::terminal::remark;

/// Images that run through the network at once: enough for many cores, few enough to bound the memory.
const BATCH: usize = 16;
/// Most images of one job.
pub const MAX_IMAGES: usize = 16_384;

/// Most values in all images of a job: 2 GiB.
const MAX_VALUES: usize = 1 << 29;

/// A model folder, opened on one device.
pub struct Runner {
    engine: Engine,
    scheduler: SchedulerConfig,
    stop: Stop,
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
    /// How many.
    pub count: usize,
    /// Height and width; `None` takes those of the model.
    pub size: Option<[usize; 2]>,
    /// Class of every image, for a conditional model.
    pub class: Option<usize>,
    /// x_T `[count, C, H, W]` in place of seeded noise.
    pub latents: Option<Vec<f32>>,
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

impl Runner {
    /// Reads the model in `folder` and puts it on `machine`; says on standard error what it is.
    ///
    /// # Errors
    /// The file that cannot be used and why, or why there is no GPU.
    pub fn open(folder: &Path, machine: Machine, stop: Stop) -> Result<Self, CliError> {
        let options = machine.options()?;
        let files = ModelFiles::read(folder)?;
        let scheduler = SchedulerConfig::from_json(&files.scheduler).map_err(CliError::failed)?;
        let engine = pollster::block_on(Engine::load(
            &files.config,
            files.weights,
            &options,
            &mut |_, _| {},
        ))
        .map_err(CliError::failed)?;
        let info = engine.info();
        remark(format_args!(
            "{} parameters on {}",
            info.parameters, info.adapter
        ));
        for (file, keys) in [
            ("config.json", info.unknown_keys.clone()),
            ("scheduler_config.json", scheduler.unknown_keys()),
        ] {
            if !keys.is_empty() {
                remark(format_args!("{file}: ignored {}", keys.join(", ")));
            }
        }
        Ok(Self {
            engine,
            scheduler,
            stop,
        })
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
    /// [`CliError::Failed`] when nobody says how large they are.
    pub fn image_shape(&self, size: Option<[usize; 2]>) -> Result<[usize; 3], CliError> {
        let [height, width] = size
            .or(self.info().sample_size)
            .ok_or(SamplerError::NoSize)
            .map_err(CliError::failed)?;
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
    /// [`CliError::Usage`] when the model's schedule cannot be walked like this.
    pub fn steps(&self, trajectory: &TrajectoryOptions) -> Result<usize, CliError> {
        let asked = trajectory.steps;
        let found = (self.scheduler.trajectory(trajectory))
            .map_err(CliError::usage)?
            .steps
            .len();
        // The DDIM code's range(0, T, T // S).
        if trajectory.spacing == Some(Spacing::Uniform) && found > asked {
            let length = self.scheduler.num_train_timesteps;
            return Err(CliError::Usage(format!(
                "steps: tau uniform has {found} steps instead of {asked}, because {asked} does not divide {length}: \
                 choose a number that does, or another --tau"
            )));
        }
        Ok(found)
    }

    /// How many events [`Self::run`] reports for `count` images of `steps` steps.
    pub fn events(&self, count: usize, steps: usize) -> u64 {
        (count.div_ceil(BATCH) * steps) as u64
    }

    /// The images of `job`, `[count, C, H, W]`. `watch` sees every step of every batch.
    ///
    /// # Errors
    /// [`CliError::Stopped`] after Ctrl-C; [`CliError::Usage`] for a number of images or settings that make no
    /// sense; [`CliError::Failed`] when the network fails.
    pub fn run(&self, job: &Job, watch: &mut dyn FnMut(&Event)) -> Result<Vec<f32>, CliError> {
        check_count(job.count)?;
        self.steps(&job.trajectory)?;
        let [channels, height, width] = self.image_shape(job.size)?;
        let image = [height, width]
            .into_iter()
            .fold(channels, usize::saturating_mul);
        if let Some(latents) = &job.latents {
            input::check_length([job.count, channels, height, width], latents.len())
                .map_err(CliError::failed)?;
        }
        self.check_batch(job.count.min(BATCH), [channels, height, width], job.class)
            .map_err(CliError::failed)?;
        let mut images = vec![0.0; checked_total(job.count, image)?];
        for first in (0..job.count).step_by(BATCH) {
            let batch = BATCH.min(job.count - first);
            let options = SampleOptions {
                trajectory: job.trajectory.clone(),
                seed: job.seed,
                first_image: job.first_image.wrapping_add(first as u32),
                batch,
                size: job.size,
                labels: job.class.map(|class| vec![class; batch]),
                latents: job
                    .latents
                    .as_ref()
                    .map(|values| values[first * image..][..batch * image].to_vec()),
            };
            let mut sampler =
                Sampler::new(&self.engine, &self.scheduler, options).map_err(CliError::failed)?;
            for _ in 0..sampler.total() {
                self.go_on()?;
                let step =
                    pollster::block_on(sampler.next(&self.engine)).map_err(CliError::failed)?;
                if step.done {
                    images[first * image..][..batch * image].copy_from_slice(&step.x_t);
                }
                watch(&Event { first, batch, step });
            }
        }
        Ok(images)
    }

    /// The network's raw output at `x` `[B, C, H, W]`, with one time step per image.
    ///
    /// # Errors
    /// [`CliError::Stopped`] after Ctrl-C; [`CliError::Failed`] when the input does not fit or the network fails.
    pub fn predict(
        &self,
        x: &[f32],
        [count, channels, height, width]: [usize; 4],
        timesteps: &[f32],
    ) -> Result<Vec<f32>, CliError> {
        let image = channels * height * width;
        let mut out = Vec::with_capacity(x.len());
        for first in (0..count).step_by(BATCH) {
            self.go_on()?;
            let batch = BATCH.min(count - first);
            let spec = BatchSpec {
                shape: [batch, channels, height, width],
                labels: None,
            };
            let x = x[first * image..][..batch * image].to_vec();
            let times = &timesteps[first..][..batch];
            let values = pollster::block_on(self.engine.predict(&spec, x, times))
                .map_err(CliError::failed)?;
            out.extend(values);
        }
        Ok(out)
    }

    fn go_on(&self) -> Result<(), CliError> {
        if self.stop.requested() {
            return Err(CliError::Stopped);
        }
        Ok(())
    }
}

/// Values in `count` images of `image` values, as long as memory is likely to hold them.
fn checked_total(count: usize, image: usize) -> Result<usize, CliError> {
    count
        .checked_mul(image)
        .filter(|total| *total <= MAX_VALUES)
        .ok_or_else(|| {
            CliError::Usage(format!(
                "count: expected at most {} images of {image} values, found {count}",
                MAX_VALUES / image
            ))
        })
}

/// Refuses an absurd number of images.
///
/// # Errors
/// [`CliError::Usage`] names what is allowed.
pub fn check_count(count: usize) -> Result<(), CliError> {
    if (1..=MAX_IMAGES).contains(&count) {
        Ok(())
    } else {
        Err(CliError::Usage(format!(
            "count: expected 1 to {MAX_IMAGES} images, found {count}"
        )))
    }
}
