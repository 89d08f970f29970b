//! The loop: from x_T to x_0, one step at a time.
//!
//! A state machine that walks a [`Trajectory`]: the caller asks for the next step, looks at the
//! result, and stops, waits or asks again as it likes. Generic over the engine; the noise is passed in.

mod apart;
mod dissection;
mod error;
mod guidance;
mod known;
mod noises;
mod options;

pub use self::dissection::Dissection;
pub use self::error::SamplerError;
pub use self::guidance::Guidance;
use self::guidance::Guided;
use self::known::Keeper;
pub use self::known::Known;
use self::noises::shared_noise;
pub use self::noises::{NoiseFn, seeded_noise};
pub use self::options::{SampleOptions, StepOutput};
use crate::allocate;
use crate::engine::{BatchSpec, Denoiser, EngineError, Results};
use crate::scheduler::{SchedulerConfig, Trajectory};
use crate::unet::input::{self, InputError};

/// Most images in one batch.
pub const MAX_BATCH: usize = 1024;

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
    /// Whether the device may be at another step than `started` says.
    behind: bool,
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
        mut options: SampleOptions,
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
        if guided.as_ref().is_some_and(Guided::leaves) {
            options.trajectory.use_clipped_model_output = true;
        }
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
        // One image's noise, that of all of them, and that of what is known.
        room(shape, 3)?;
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
            behind: false,
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

    /// The noise that step `index` adds, if it adds any; there must be room for two states.
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
    /// between are not read back from the device, except where something is known or the run is guided, since then each
    /// state passes through the host.
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
                self.begin_again(engine)?;
                self.recoveries += 1;
                self.attempt(engine, count).await
            }
            Err(SamplerError::Engine(EngineError::Memory(refused))) => {
                // The device may have gone on without anybody who has what it made.
                self.behind = true;
                Err(EngineError::from(refused).into())
            }
            other => other,
        }
    }

    /// Puts the state after the last step that was given on the device.
    fn begin_again(&mut self, engine: &D) -> Result<(), EngineError> {
        self.begin(engine)?;
        self.started = self.given;
        self.ahead = Ok(());
        self.behind = false;
        Ok(())
    }

    async fn attempt(&mut self, engine: &D, count: usize) -> Result<StepOutput, SamplerError> {
        let total = self.total();
        if self.given == total {
            return Err(SamplerError::Over);
        }
        if self.behind {
            self.begin_again(engine)?;
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
        // Both are kept, and x0_hat was not there before the first step.
        room(self.spec.shape, 1)?;
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
            let x_t = copied(&self.x_t)?;
            self.batch = Some(engine.begin(&self.spec, x_t)?);
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

    /// Tells the engine to make the next step.
    async fn start(&mut self, engine: &D) -> Result<(), EngineError> {
        let index = self.started;
        room(self.spec.shape, 2)?;
        let noise = self.noise_of(index);
        let step = &self.trajectory.steps[index];
        engine
            .step(begun(&mut self.batch)?, step.t, &step.coefficients, noise)
            .await?;
        self.started += 1;
        Ok(())
    }
}

/// What there is no memory for.
const STATES: &str = "the states of a run";

/// Checks that `count` states of `shape` `[B, C, H, W]` can be made next.
fn room(shape: [usize; 4], count: u64) -> Result<(), EngineError> {
    let numbers = allocate::volume(&shape).saturating_mul(count);
    Ok(allocate::room(STATES, allocate::bytes::<f32>(numbers))?)
}

fn copied(state: &[f32]) -> Result<Vec<f32>, EngineError> {
    Ok(allocate::copied(STATES, state)?)
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
