//! The state machine: one training step at a time.

use rand_chacha::rand_core::Rng;

use super::batch::Batches;
use super::checkpoint::{Checkpoint, DataId};
use super::error::TrainError;
use super::fits::fits;
use super::labels::{LABEL_DROPOUT, TrainingSet};
use super::loss::Objective;
use super::option_error::OptionError;
use super::options::TrainOptions;
use super::rate::learning_rate;
use super::{ema, init};
use crate::allocate;
use crate::engine::plan::Plan;
use crate::engine::{
    EngineError, Gradients, Learner, LearnerState, StepNumbers, TrainBatch, Update,
};
use crate::random::{Purpose, stream, unit};
use crate::scheduler::SchedulerConfig;
use crate::unet::config::UnetConfig;
use crate::unet::labels::ClassLabels;
use crate::unet::weights::{Precision, TensorSpec};

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Steps done, this one included.
    pub step: u32,
    /// Number of the pass over the images, from 0.
    pub epoch: u64,
    /// Its loss, before the step's change.
    pub loss: f32,
    /// Its learning rate.
    pub lr: f64,
    /// Norm of the gradient before clipping.
    pub grad_norm: f32,
}

/// What a [`Learner`] is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// The network.
    pub config: UnetConfig,
    /// Where it begins.
    pub state: LearnerState,
}

/// A run.
///
/// ```no_run
/// # async fn run(
/// #     config: ddim_web::unet::config::UnetConfig,
/// #     images: ddim_web::images::ImageSet,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use ddim_web::engine::CpuLearner;
/// use ddim_web::scheduler::{SchedulerClass, SchedulerConfig};
/// use ddim_web::train::{Setup, TrainOptions, Trainer};
///
/// let scheduler = SchedulerConfig::new(SchedulerClass::Ddim);
/// let options = TrainOptions { steps: 1000, ..TrainOptions::default() };
/// let learner = async |setup: Setup| CpuLearner::new(setup.config, &setup.state);
/// let mut trainer = Trainer::new(&config, scheduler, options, images, learner).await?;
/// while !trainer.is_over() {
///     println!("loss {}", trainer.step().await?.loss);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Trainer<L> {
    learner: L,
    config: UnetConfig,
    objective: Objective,
    batches: Batches,
    set: TrainingSet,
    data: DataId,
    /// The class that stands for none, and the share of the images that are told it.
    forgotten: Option<(usize, f64)>,
    scheduler: SchedulerConfig,
    options: TrainOptions,
    step: u32,
    losses: Vec<f32>,
    /// What the next step sees, where it is made already.
    next: Option<Seen>,
}

/// What one step sees.
struct Seen {
    step: u32,
    epoch: u64,
    batch: TrainBatch,
}

impl<L: Learner> Trainer<L> {
    /// A new run from random weights, on the learner that `make` makes.
    ///
    /// # Errors
    /// [`TrainError`] names the option, key or image size that does not fit.
    pub async fn new(
        config: &UnetConfig,
        scheduler: SchedulerConfig,
        options: TrainOptions,
        set: impl Into<TrainingSet>,
        make: impl AsyncFnOnce(Setup) -> Result<L, EngineError>,
    ) -> Result<Self, TrainError> {
        options.check()?;
        let set = set.into();
        fits(config, &set, options.batch)?;
        // Numbers and, for a moment, what they are drawn as.
        room(&Plan::expected_tensors(config)?, 2)?;
        let values = init::values(config, options.seed)?;
        Self::begin(config, values, scheduler, options, set, make).await
    }

    /// A new run that begins with the weights in `safetensors`. What they predicted so far does not matter: from now on
    /// they learn what `scheduler` says. Nor need they know classes: those of `config` begin with nothing of their own.
    ///
    /// # Errors
    /// [`TrainError::Weights`] when they are not those of `config`; [`TrainError`] for the rest.
    pub async fn from_weights(
        config: &UnetConfig,
        safetensors: &[u8],
        scheduler: SchedulerConfig,
        options: TrainOptions,
        set: impl Into<TrainingSet>,
        make: impl AsyncFnOnce(Setup) -> Result<L, EngineError>,
    ) -> Result<Self, TrainError> {
        options.check()?;
        let set = set.into();
        fits(config, &set, options.batch)?;
        let specs = Plan::expected_tensors(config)?;
        room(&specs, 1)?;
        let values = init::from_weights(&specs, safetensors)?;
        Self::begin(config, values, scheduler, options, set, make).await
    }

    async fn begin(
        config: &UnetConfig,
        values: Vec<Vec<f32>>,
        scheduler: SchedulerConfig,
        options: TrainOptions,
        set: TrainingSet,
        make: impl AsyncFnOnce(Setup) -> Result<L, EngineError>,
    ) -> Result<Self, TrainError> {
        // The average and both moments.
        room(&Plan::expected_tensors(config)?, 3)?;
        let beginning = Checkpoint {
            config: config.clone(),
            scheduler,
            options,
            step: 0,
            data: DataId::of(&set),
            classes: set.labels.as_ref().map(|labels| labels.classes.clone()),
            losses: Vec::new(),
            state: LearnerState::new(values),
        };
        Self::go_on(beginning, set, make).await
    }

    /// Goes on from `checkpoint`, with the images and labels it began with, on the learner that `make` makes. What the
    /// classes are called is known from the checkpoint.
    ///
    /// Of its options `steps`, `lr`, `warmup`, `decay_steps`, `ema` and `clip` may have been changed; `batch`, `seed` and
    /// `label_dropout` decide what a step sees and `loss` what the losses are, and must not be.
    ///
    /// # Errors
    /// [`TrainError::Data`] for other images; [`TrainError`] for the rest.
    pub async fn resume(
        checkpoint: Checkpoint,
        set: impl Into<TrainingSet>,
        make: impl AsyncFnOnce(Setup) -> Result<L, EngineError>,
    ) -> Result<Self, TrainError> {
        checkpoint.options.check()?;
        let mut set = set.into();
        let found = DataId::of(&set);
        if found != checkpoint.data {
            return Err(TrainError::Data {
                expected: checkpoint.data,
                found,
            });
        }
        if let (Some(labels), Some(classes)) = (&mut set.labels, &checkpoint.classes) {
            labels.classes.clone_from(classes);
        }
        fits(&checkpoint.config, &set, checkpoint.options.batch)?;
        Self::go_on(checkpoint, set, make).await
    }

    async fn go_on(
        checkpoint: Checkpoint,
        set: TrainingSet,
        make: impl AsyncFnOnce(Setup) -> Result<L, EngineError>,
    ) -> Result<Self, TrainError> {
        let Checkpoint {
            config,
            scheduler,
            options,
            step,
            data,
            classes: _,
            losses,
            state,
        } = checkpoint;
        let labels = set.labels.as_ref();
        let null_class = labels.and_then(|labels| labels.classes.null_class());
        let forgotten = forgotten(&options, null_class)?;
        let objective = Objective::new(&scheduler, options.loss)?;
        let setup = Setup {
            config: config.clone(),
            state,
        };
        let learner = make(setup).await?;
        let timesteps = objective.timesteps();
        Ok(Self {
            learner,
            config,
            objective,
            batches: Batches::new(options.seed, set.images.count(), options.batch, timesteps),
            set,
            data,
            forgotten,
            scheduler,
            options,
            step,
            losses,
            next: None,
        })
    }

    /// Makes one step. After an error the run is as it was before. The future has to be awaited to its end.
    ///
    /// # Errors
    /// [`TrainError::Over`] after the last step, [`TrainError::NotFinite`] when the loss or the gradient is
    /// not a number, [`TrainError::Device`] when the device fails.
    pub async fn step(&mut self) -> Result<StepReport, TrainError> {
        let update = self.update()?;
        let step = self.step;
        let seen = match self.next.take().filter(|next| next.step == step) {
            Some(seen) => seen,
            None => {
                self.room_for_batch()?;
                self.look(step)
            }
        };
        let numbers = self.learner.step(&seen.batch, &update);
        // The device is at work: time to draw what the next step sees.
        if step + 1 < self.options.steps && self.room_for_batch().is_ok() {
            self.next = Some(self.look(step + 1));
        }
        let numbers = numbers.await?;
        self.keep(seen.epoch, &update, numbers)
    }

    /// How the next step changes the weights.
    pub(super) fn update(&self) -> Result<Update, TrainError> {
        if self.is_over() {
            return Err(TrainError::Over {
                steps: self.options.steps,
            });
        }
        let step = self.step;
        Ok(Update {
            done: step,
            lr: learning_rate(&self.options, step),
            clip: self.options.clip,
            decay: ema::decay_at(self.options.ema, step),
        })
    }

    /// Counts a step, unless its numbers say that it changed nothing.
    pub(super) fn keep(
        &mut self,
        epoch: u64,
        update: &Update,
        numbers: StepNumbers,
    ) -> Result<StepReport, TrainError> {
        for (what, found) in [("loss", numbers.loss), ("gradient", numbers.grad_norm)] {
            if !found.is_finite() {
                return Err(TrainError::NotFinite {
                    step: update.done + 1,
                    what,
                    found,
                });
            }
        }
        self.losses.push(numbers.loss);
        self.step = update.done + 1;
        Ok(StepReport {
            step: self.step,
            epoch,
            loss: numbers.loss,
            lr: update.lr,
            grad_norm: numbers.grad_norm,
        })
    }

    /// What `step` sees: a function of it and the seed.
    fn look(&mut self, step: u32) -> Seen {
        let image = self.set.images.shape();
        let dealt = self.batches.at(step);
        let x0 = self.set.images.scaled(&dealt.images);
        let eps = self.batches.eps(step, image.iter().product());
        let drop_seed = stream(self.options.seed, Purpose::Dropout, u64::from(step)).next_u32();
        Seen {
            step,
            epoch: dealt.epoch,
            batch: TrainBatch {
                drop_seed,
                labels: self.told(step, &dealt.images),
                ..self.objective.batch(image, x0, eps, &dealt.t)
            },
        }
    }

    /// The classes of `images` as `step` is told them.
    fn told(&self, step: u32, images: &[usize]) -> Option<Vec<usize>> {
        let labels = self.set.labels.as_ref()?;
        let mut told: Vec<usize> = images.iter().map(|i| labels.of_images[*i]).collect();
        if let Some((null_class, share)) = self.forgotten {
            let mut bits = stream(self.options.seed, Purpose::Labels, u64::from(step));
            for label in &mut told {
                if unit(&mut bits) < share {
                    *label = null_class;
                }
            }
        }
        Some(told)
    }

    /// Whether there is room for what a step sees: pictures, which grow while they are collected, and noise.
    pub(super) fn room_for_batch(&self) -> Result<(), EngineError> {
        let [channels, height, width] = self.set.images.shape();
        let numbers = allocate::volume(&[4, self.options.batch, channels, height, width]);
        Ok(allocate::room(
            "a batch of pictures",
            allocate::bytes::<f32>(numbers),
        )?)
    }

    /// The batch of `step`, counted from 0.
    pub fn seen(&mut self, step: u32) -> TrainBatch {
        self.look(step).batch
    }

    /// The loss and the gradients of `batch`; nothing changes.
    ///
    /// # Errors
    /// [`TrainError::Device`] when it does not fit the network, or when the device fails.
    pub async fn gradients(&mut self, batch: &TrainBatch) -> Result<Gradients, TrainError> {
        batch.check(&self.config)?;
        Ok(self.learner.gradients(batch).await?)
    }

    /// What is minimised.
    pub fn objective(&self) -> &Objective {
        &self.objective
    }

    /// Whether all steps are done.
    pub fn is_over(&self) -> bool {
        self.step >= self.options.steps
    }

    /// Steps done.
    pub fn steps_done(&self) -> u32 {
        self.step
    }

    /// The loss of every step done, since the run's first beginning.
    pub fn losses(&self) -> &[f32] {
        &self.losses
    }

    /// The settings.
    pub fn options(&self) -> &TrainOptions {
        &self.options
    }

    /// The network's configuration.
    pub fn config(&self) -> &UnetConfig {
        &self.config
    }

    /// What trains it.
    pub fn learner(&self) -> &L {
        &self.learner
    }

    /// What trains it, to do parts of a step.
    #[cfg(any(feature = "cpu", not(target_arch = "wasm32")))]
    pub(super) fn learner_mut(&mut self) -> &mut L {
        &mut self.learner
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.learner.info().parameters
    }

    /// `[channels, height, width]` of the images.
    pub fn image_shape(&self) -> [usize; 3] {
        self.set.images.shape()
    }

    /// Number of images.
    pub fn images(&self) -> usize {
        self.set.images.count()
    }

    /// What the network's classes are called, where it has some.
    pub fn classes(&self) -> Option<&ClassLabels> {
        self.set.labels.as_ref().map(|labels| &labels.classes)
    }

    /// The schedule and the meaning of the network's output.
    pub fn scheduler(&self) -> &SchedulerConfig {
        &self.scheduler
    }

    /// The run as it is now. [`Checkpoint::weights`] has the averaged weights, the ones to sample with.
    ///
    /// # Errors
    /// [`TrainError::Device`] when the device fails.
    pub async fn snapshot(&mut self) -> Result<Checkpoint, TrainError> {
        Ok(Checkpoint {
            config: self.config.clone(),
            scheduler: self.scheduler.clone(),
            options: self.options.clone(),
            step: self.step,
            data: self.data.clone(),
            classes: self.classes().cloned(),
            losses: self.losses.clone(),
            state: self.learner.state().await?,
        })
    }

    /// The averaged weights as diffusers' `diffusion_pytorch_model.safetensors`.
    ///
    /// # Errors
    /// [`TrainError::Weights`] when one is not finite or too large for `precision`, [`TrainError::Device`] when the
    /// device fails.
    pub async fn weights(&mut self, precision: Precision) -> Result<Vec<u8>, TrainError> {
        let snapshot = self.snapshot().await?;
        // The average as bytes, and the file.
        room(self.learner.params(), 2)?;
        snapshot.weights(precision)
    }

    /// The whole run as the bytes of a file that [`Checkpoint::from_bytes`] reads.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] when a tensor is not finite, [`TrainError::Device`] when the device fails.
    pub async fn checkpoint(&mut self) -> Result<Vec<u8>, TrainError> {
        let snapshot = self.snapshot().await?;
        // Files of four groups, one of them while it is made, and all of them in one.
        room(self.learner.params(), 10)?;
        Ok(snapshot.to_bytes()?)
    }
}

/// Which class stands for none, and which share of the images is told it.
fn forgotten(
    options: &TrainOptions,
    null_class: Option<usize>,
) -> Result<Option<(usize, f64)>, OptionError> {
    match (null_class, options.label_dropout) {
        (Some(class), share) => Ok(Some((class, share.unwrap_or(LABEL_DROPOUT)))),
        (None, None | Some(0.0)) => Ok(None),
        (None, Some(share)) => Err(OptionError {
            option: "label-dropout",
            expected: "0, because the network has no class that stands for none (null_class_id)"
                .into(),
            found: share.to_string(),
        }),
    }
}

/// Checks that `times` as many numbers as `params` have can be asked for next.
fn room(params: &[TensorSpec], times: u64) -> Result<(), EngineError> {
    let numbers = params.iter().map(|param| param.numbers() as u64);
    let numbers = numbers.fold(0, u64::saturating_add).saturating_mul(times);
    Ok(allocate::room(
        "a network in training",
        allocate::bytes::<f32>(numbers),
    )?)
}
