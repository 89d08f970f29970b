//! The loop: from x_T to x_0, one step at a time.
//!
//! A state machine that walks a [`Trajectory`]: the caller asks for the next step, looks at the
//! result, and stops, waits or asks again as it likes. Generic over the engine; the noise is passed in.

mod dissection;

pub use self::dissection::Dissection;
use crate::engine::{BatchSpec, Denoiser, EngineError, Results};
use crate::noise::gaussian;
use crate::scheduler::{SchedulerConfig, SchedulerError, Trajectory, TrajectoryOptions};
use crate::unet::input::InputError;

/// Most images in one batch.
pub const MAX_BATCH: usize = 1024;

/// Why a run could not start or go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SamplerError {
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The batch is empty or absurdly large.
    #[error("batch: expected 1 to {MAX_BATCH}, found {found}")]
    Batch {
        /// What was asked for.
        found: usize,
    },
    /// The schedule cannot be walked like this.
    #[error(transparent)]
    Scheduler(#[from] SchedulerError),
    /// Inversion goes from an image to noise, so it cannot start from a seed.
    #[error("method: inversion starts from images: give them as latents")]
    NoImages,
    /// Only x_T can be drawn from a seed.
    #[error("from: the images at time step {t} have to be given as latents")]
    NoState {
        /// Where the run begins.
        t: usize,
    },
    /// `config.json` does not say how large the images are, and nobody else did.
    #[error("sample_size: config.json does not give it, so the height and width must be given")]
    NoSize,
    /// The network does not predict images of its input's shape.
    #[error("out_channels: sampling needs as many as in_channels ({expected}), found {found}")]
    Channels {
        /// `in_channels`.
        expected: usize,
        /// `out_channels`.
        found: usize,
    },
    /// The prediction stopped being a number.
    #[error(
        "x0_hat at t = {t}: expected finite numbers, found {found}: the weights do not fit these settings"
    )]
    Diverged {
        /// The time step.
        t: usize,
        /// The first such value.
        found: f32,
    },
    /// The run is over.
    #[error("this run is over: start a new one")]
    Over,
}

/// Noise for the `draw`-th step of a run from x_T (counted from 1), a whole batch `[B, C, H, W]`. A step that is made
/// again on another device asks for its noise again.
pub type NoiseFn = Box<dyn FnMut(u32) -> Vec<f32>>;

/// Noise of image `i` of the batch = [`gaussian`] with this seed and image `first_image + i`:
/// independent of how images are cut into batches.
pub fn seeded_noise(seed: u64, first_image: u32, shape: [usize; 4]) -> NoiseFn {
    let image = shape[1..].iter().product::<usize>();
    Box::new(move |draw| {
        let mut values = vec![0.0; shape[0] * image];
        for (i, pixels) in values.chunks_exact_mut(image).enumerate() {
            gaussian(seed, first_image.wrapping_add(i as u32), draw, pixels);
        }
        values
    })
}

/// As [`seeded_noise`], with the noise of the first image for all.
fn shared_noise(seed: u64, first_image: u32, shape: [usize; 4]) -> NoiseFn {
    let [batch, channels, height, width] = shape;
    let mut first = seeded_noise(seed, first_image, [1, channels, height, width]);
    Box::new(move |draw| first(draw).repeat(batch))
}

/// What a run makes.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleOptions {
    /// Method, τ and number of steps.
    pub trajectory: TrajectoryOptions,
    /// Seed of x_T and of every step's noise.
    pub seed: u64,
    /// Number of the first image: the noise of image `i` of the batch is that of image `first_image + i`.
    pub first_image: u32,
    /// Whether all images get the noise of the first, in x_T and in every step.
    pub same_noise: bool,
    /// Number of images.
    pub batch: usize,
    /// Height and width; `None` takes those of `config.json`.
    pub size: Option<[usize; 2]>,
    /// One class per image, for a conditional model.
    pub labels: Option<Vec<usize>>,
    /// x_T `[B, C, H, W]` in place of seeded noise.
    pub latents: Option<Vec<f32>>,
}

/// What one step gave.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOutput {
    /// Which step, from 0.
    pub index: usize,
    /// The time step the network was run at.
    pub t: usize,
    /// Whether this was the last one; `x_t` is the result then.
    pub done: bool,
    /// The prediction of x_0 `[B, C, H, W]`, about -1 to 1.
    pub x0_hat: Vec<f32>,
    /// The state after the step `[B, C, H, W]`.
    pub x_t: Vec<f32>,
}

/// One run on one engine.
pub struct Sampler<D: Denoiser> {
    /// `None` where the device was lost before the first step.
    batch: Option<D::Batch>,
    spec: BatchSpec,
    trajectory: Trajectory,
    noise: NoiseFn,
    /// Steps whose results were given to the caller.
    given: usize,
    /// Steps that the engine was told to make.
    started: usize,
    /// What became of the step that was started before the caller asked for it.
    ahead: Result<(), EngineError>,
    /// x_t after `given` steps: where to go on from when a device is lost.
    x_t: Vec<f32>,
    /// The prediction of x_0 of the last step that was given; empty before.
    x0_hat: Vec<f32>,
    recoveries: usize,
}

impl<D: Denoiser> Sampler<D> {
    /// A run of `options` with the schedule of `scheduler` on `engine`.
    ///
    /// # Errors
    /// [`SamplerError`] names the option that does not fit.
    pub fn new(
        engine: &D,
        scheduler: &SchedulerConfig,
        options: SampleOptions,
    ) -> Result<Self, SamplerError> {
        let info = engine.info();
        if !(1..=MAX_BATCH).contains(&options.batch) {
            return Err(SamplerError::Batch {
                found: options.batch,
            });
        }
        if info.out_channels != info.in_channels {
            return Err(SamplerError::Channels {
                expected: info.in_channels,
                found: info.out_channels,
            });
        }
        let [height, width] = options
            .size
            .or(info.sample_size)
            .ok_or(SamplerError::NoSize)?;
        let shape = [options.batch, info.in_channels, height, width];
        let spec = BatchSpec {
            shape,
            labels: options.labels,
        };
        engine.check(&spec)?;
        let trajectory = scheduler.trajectory(&options.trajectory)?;
        if options.latents.is_none() {
            if options.trajectory.method.is_inversion() {
                return Err(SamplerError::NoImages);
            }
            if let Some(t) = options.trajectory.from {
                return Err(SamplerError::NoState { t });
            }
        }
        let noise = if options.same_noise {
            shared_noise
        } else {
            seeded_noise
        };
        let mut noise = noise(options.seed, options.first_image, shape);
        let x_t = match options.latents {
            Some(latents) => finite(latents)?,
            None => noise(0),
        };
        let batch = match engine.begin(&spec, x_t.clone()) {
            Err(EngineError::Lost(_)) => None,
            begun => Some(begun?),
        };
        Ok(Self {
            batch,
            spec,
            trajectory,
            noise,
            given: 0,
            started: 0,
            ahead: Ok(()),
            x_t,
            x0_hat: Vec::new(),
            recoveries: 0,
        })
    }

    /// Takes the noise of every later step from `noise` instead of the seed.
    pub fn with_noise(self, noise: NoiseFn) -> Self {
        Self { noise, ..self }
    }

    /// Number of steps of the whole run.
    pub fn total(&self) -> usize {
        self.trajectory.steps.len()
    }

    /// `[batch, channels, height, width]`.
    pub fn shape(&self) -> [usize; 4] {
        self.spec.shape
    }

    /// The state after the last step that was given, before the first one x_T: `[B, C, H, W]`.
    pub fn x_t(&self) -> &[f32] {
        &self.x_t
    }

    /// How often the device was lost and found again.
    pub fn recoveries(&self) -> usize {
        self.recoveries
    }

    /// The last step that was given, as the three terms of DDIM, eq. 12; `None` before the first one.
    pub fn dissect(&mut self) -> Option<Dissection> {
        let index = self.given.checked_sub(1)?;
        let step = self.trajectory.steps[index];
        let z = self.noise_of(index).unwrap_or_default();
        Some(Dissection::new(index, &step, &self.x0_hat, &self.x_t, &z))
    }

    /// The noise that step `index` adds, if it adds any.
    fn noise_of(&mut self, index: usize) -> Option<Vec<f32>> {
        let needed = self.trajectory.steps[index].needs_noise();
        let number = self.trajectory.before + index + 1;
        needed.then(|| (self.noise)(number as u32))
    }

    /// Makes the next step on `engine`, which must be the one the run was started on.
    ///
    /// # Errors
    /// Those of [`Self::advance`].
    pub async fn next(&mut self, engine: &D) -> Result<StepOutput, SamplerError> {
        self.advance(engine, 1).await
    }

    /// Makes the next `count` steps (1 or more) or as many as are left, and gives the last one's results: steps in
    /// between are not read back from the device.
    ///
    /// Where the engine works by itself, the step after those is started before the results of these are waited for.
    /// When the device is lost, or was lost before the run, it goes on from the last results that were given, on a new
    /// one.
    ///
    /// # Errors
    /// [`SamplerError::Over`] after the last step; [`SamplerError::Diverged`] when the network's
    /// answer is not a number; what the engine reports.
    pub async fn advance(&mut self, engine: &D, count: usize) -> Result<StepOutput, SamplerError> {
        match self.attempt(engine, count).await {
            Err(SamplerError::Engine(EngineError::Lost(_))) => {
                engine.recover().await?;
                self.batch = Some(engine.begin(&self.spec, self.x_t.clone())?);
                self.started = self.given;
                self.ahead = Ok(());
                self.recoveries += 1;
                self.attempt(engine, count).await
            }
            other => other,
        }
    }

    async fn attempt(&mut self, engine: &D, count: usize) -> Result<StepOutput, SamplerError> {
        let total = self.total();
        if self.given == total {
            return Err(SamplerError::Over);
        }
        self.ahead.clone()?;
        let end = total.min(self.given + count.max(1));
        while self.started < end {
            self.start(engine).await?;
        }
        let results = engine.results(begun(&mut self.batch)?);
        if engine.runs_ahead() && self.started < total {
            self.ahead = self.start(engine).await;
        }
        let Results { x0_hat, x_t } = results.await?;
        let index = end - 1;
        let t = self.trajectory.steps[index].t;
        if let Some(found) = x0_hat.iter().find(|v| !v.is_finite()) {
            return Err(SamplerError::Diverged { t, found: *found });
        }
        self.given = end;
        self.x_t.clone_from(&x_t);
        self.x0_hat.clone_from(&x0_hat);
        Ok(StepOutput {
            index,
            t,
            done: end == total,
            x0_hat,
            x_t,
        })
    }

    /// Tells the engine to make the next step.
    async fn start(&mut self, engine: &D) -> Result<(), EngineError> {
        let index = self.started;
        let noise = self.noise_of(index);
        let step = &self.trajectory.steps[index];
        engine
            .step(begun(&mut self.batch)?, step.t, &step.coefficients, noise)
            .await?;
        self.started += 1;
        Ok(())
    }
}

fn begun<B>(batch: &mut Option<B>) -> Result<&mut B, EngineError> {
    batch
        .as_mut()
        .ok_or_else(|| EngineError::Lost("before the run began".into()))
}

fn finite(latents: Vec<f32>) -> Result<Vec<f32>, SamplerError> {
    match latents.iter().find(|v| !v.is_finite()) {
        Some(_) => Err(EngineError::from(InputError::NotFinite).into()),
        None => Ok(latents),
    }
}
