//! How a run begins, or goes on.

use super::{Setup, Trainer, room};
use crate::engine::plan::Plan;
use crate::engine::{EngineError, Learner, LearnerState};
use crate::scheduler::SchedulerConfig;
use crate::train::batch::Batches;
use crate::train::checkpoint::{Checkpoint, DataId};
use crate::train::error::TrainError;
use crate::train::fits::fits;
use crate::train::init;
use crate::train::labels::{LABEL_DROPOUT, TrainingSet};
use crate::train::loss::Objective;
use crate::train::option_error::OptionError;
use crate::train::options::TrainOptions;
use crate::unet::config::UnetConfig;

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
        Ok(Self {
            learner,
            config,
            objective,
            batches: Batches::new(options.seed, set.images.count(), options.batch),
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
