//! The loop: from x_T to x_0, one step at a time.
//!
//! A state machine that walks a [`Trajectory`]: the caller asks for the next step, looks at the
//! result, and stops, waits or asks again as it likes. Generic over the engine; the noise is passed in.

mod dissection;
mod error;
mod guidance;
mod known;

pub use self::dissection::Dissection;
pub use self::error::SamplerError;
pub use self::guidance::Guidance;
use self::guidance::Guided;
use self::known::Keeper;
pub use self::known::Known;
use crate::engine::{BatchSpec, Denoiser, EngineError, Results};
use crate::noise::gaussians;
use crate::scheduler::{SchedulerConfig, Trajectory, TrajectoryOptions};
use crate::unet::input::{self, InputError};

/// Most images in one batch.
pub const MAX_BATCH: usize = 1024;

/// Noise for the `draw`-th step of a run from x_T (counted from 1), a whole batch `[B, C, H, W]`. A step that is made
/// again on another device asks for its noise again.
pub type NoiseFn = Box<dyn FnMut(u32) -> Vec<f32>>;

/// Noise of image `i` of the batch = [`gaussian`](crate::noise::gaussian) with this seed and image `first_image + i`:
/// independent of how images are cut into batches.
pub fn seeded_noise(seed: u64, first_image: u32, shape: [usize; 4]) -> NoiseFn {
    let image = shape[1..].iter().product::<usize>();
    Box::new(move |draw| gaussians(seed, first_image, draw, [shape[0], image]))
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
    /// What of the images is known already.
    pub known: Option<Known>,
    /// How much further than to the labels' images the run goes.
    pub guidance: Option<Guidance>,
}

impl SampleOptions {
    /// `batch` images of an unconditional model along `trajectory`, of its own size and from the noise of `seed`.
    pub fn new(trajectory: TrajectoryOptions, seed: u64, batch: usize) -> Self {
        Self {
            trajectory,
            seed,
            first_image: 0,
            same_noise: false,
            batch,
            size: None,
            labels: None,
            latents: None,
            known: None,
            guidance: None,
        }
    }
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
///
/// ```no_run
/// # async fn run(config: &str, scheduler: &str, weights: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// use ddim_web::engine::CpuEngine;
/// use ddim_web::sampler::{SampleOptions, Sampler};
/// use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
/// use ddim_web::step::Method;
///
/// let engine = CpuEngine::load(config, weights)?;
/// let scheduler = SchedulerConfig::from_json(scheduler)?;
/// let trajectory = TrajectoryOptions::new(Method::Ddim { eta: 0.0 }, 20);
/// let options = SampleOptions::new(trajectory, 0, 4);
/// let mut sampler = Sampler::new(&engine, &scheduler, options)?;
/// for _ in 0..sampler.total() {
///     let step = sampler.next(&engine).await?;
///     println!("t = {}: x0_hat[0] = {}", step.t, step.x0_hat[0]);
/// }
/// # Ok(())
/// # }
/// ```
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
    /// What the last step that was given made, where its known part was replaced in `x_t`.
    made: Option<Vec<f32>>,
    recoveries: usize,
    known: Option<Keeper>,
    guided: Option<Guided>,
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
        let guided = options
            .guidance
            .map(|guidance| Guided::new(engine, &spec, guidance))
            .transpose()?;
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
        let seeded = || {
            let noise = if options.same_noise {
                shared_noise
            } else {
                seeded_noise
            };
            noise(options.seed, options.first_image, shape)
        };
        let mut noise = seeded();
        let mut x_t = match options.latents {
            Some(latents) => finite(latents)?,
            None => noise(0),
        };
        input::check_length(shape, x_t.len()).map_err(EngineError::from)?;
        let mut known = match options.known {
            Some(_) if options.trajectory.method.is_inversion() => {
                return Err(SamplerError::KnownInversion);
            }
            Some(known) => Some(Keeper::new(known, scheduler.schedule()?, shape, seeded())?),
            None => None,
        };
        if let Some(known) = &mut known {
            known.keep(trajectory.before, Some(trajectory.steps[0].t), &mut x_t);
        }
        let mut sampler = Self {
            batch: None,
            spec,
            trajectory,
            noise,
            given: 0,
            started: 0,
            ahead: Ok(()),
            x_t,
            x0_hat: Vec::new(),
            made: None,
            recoveries: 0,
            known,
            guided,
        };
        match sampler.begin(engine) {
            Err(EngineError::Lost(_)) => {}
            begun => begun?,
        }
        Ok(sampler)
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

    /// The last step that was given, as the three terms of DDIM, eq. 12, before its known part was replaced; `None`
    /// before the first one.
    pub fn dissect(&mut self) -> Option<Dissection> {
        let index = self.given.checked_sub(1)?;
        let step = self.trajectory.steps[index];
        let z = self.noise_of(index).unwrap_or_default();
        let made = self.made.as_ref().unwrap_or(&self.x_t);
        Some(Dissection::new(index, &step, &self.x0_hat, made, &z))
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
                self.begin(engine)?;
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
        let end = total.min(self.given + count.max(1));
        let (Results { x0_hat, x_t }, made) = if self.is_apart() {
            self.run_apart(engine, end).await?
        } else {
            (self.run_on(engine, end).await?, None)
        };
        let index = end - 1;
        let t = self.trajectory.steps[index].t;
        if let Some(found) = x0_hat.iter().find(|v| !v.is_finite()) {
            return Err(SamplerError::Diverged { t, found: *found });
        }
        self.given = end;
        self.made = made;
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

    /// Whether x_t passes through the host between two steps.
    fn is_apart(&self) -> bool {
        self.known.is_some() || self.guided.is_some()
    }

    /// Puts x_t on the device, where it stays there between two steps.
    fn begin(&mut self, engine: &D) -> Result<(), EngineError> {
        if !self.is_apart() {
            self.batch = Some(engine.begin(&self.spec, self.x_t.clone())?);
        }
        Ok(())
    }

    /// The steps up to `end`, and what the last of them left. x_t stays on the device.
    async fn run_on(&mut self, engine: &D, end: usize) -> Result<Results, SamplerError> {
        self.ahead.clone()?;
        while self.started < end {
            self.start(engine).await?;
        }
        let results = engine.results(begun(&mut self.batch)?);
        if engine.runs_ahead() && self.started < self.total() {
            self.ahead = self.start(engine).await;
        }
        Ok(results.await?)
    }

    /// The same where x_t passes through the host between two steps, and what the last step made before its known part
    /// was replaced.
    async fn run_apart(
        &mut self,
        engine: &D,
        end: usize,
    ) -> Result<(Results, Option<Vec<f32>>), SamplerError> {
        let mut results = Results {
            x0_hat: Vec::new(),
            x_t: self.x_t.clone(),
        };
        let mut made = None;
        for index in self.given..end {
            let noise = self.noise_of(index);
            let step = &self.trajectory.steps[index];
            if let Some(guided) = &self.guided {
                results = guided.step(engine, step, results.x_t, noise).await?;
            } else {
                // The memory of one batch is enough.
                self.batch = None;
                let batch = self.batch.insert(engine.begin(&self.spec, results.x_t)?);
                engine
                    .step(batch, step.t, &step.coefficients, noise)
                    .await?;
                results = engine.results(batch).await?;
            }
            if let Some(known) = &mut self.known {
                made = Some(results.x_t.clone());
                let number = self.trajectory.before + index + 1;
                known.keep(number, step.t_next, &mut results.x_t);
            }
        }
        Ok((results, made))
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
