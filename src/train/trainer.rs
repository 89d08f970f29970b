//! The state machine: one training step at a time.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use super::batch::Batches;
use super::checkpoint::{Checkpoint, CheckpointError, DataId};
use super::error::TrainError;
use super::loss::Objective;
use super::optimizer::{Adam, clip_factor, learning_rate, squared_norm};
use super::options::TrainOptions;
use super::{ema, init, params};
use crate::engine::download;
use crate::images::ImageSet;
use crate::random::{Purpose, stream};
use crate::scheduler::SchedulerConfig;
use crate::unet::Unet;
use crate::unet::config::UnetConfig;
use crate::unet::input;
use crate::unet::weights::{Precision, WeightsError};

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

/// A run.
pub struct Trainer {
    unet: Unet,
    ema: Vec<Tensor<1>>,
    adam: Adam,
    objective: Objective,
    batches: Batches,
    images: ImageSet,
    data: DataId,
    scheduler: SchedulerConfig,
    options: TrainOptions,
    step: u32,
    losses: Vec<f32>,
    device: Device,
}

impl Trainer {
    /// A new run on `device` (without autodiff; the trainer adds it), from random weights.
    ///
    /// # Errors
    /// [`TrainError`] names the option, key or image size that does not fit.
    pub fn new(
        config: &UnetConfig,
        scheduler: SchedulerConfig,
        options: TrainOptions,
        images: ImageSet,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let network = init::network(config, options.seed, device)?;
        Self::from_network(&network, scheduler, options, images, device)
    }

    /// A new run on `device` (without autodiff) that begins with the weights of `network`, which is there too. What
    /// they predicted so far does not matter: from now on they learn what `scheduler` says.
    ///
    /// # Errors
    /// [`TrainError`] names the option or image size that does not fit.
    pub fn from_network(
        network: &Unet,
        scheduler: SchedulerConfig,
        options: TrainOptions,
        images: ImageSet,
        device: &Device,
    ) -> Result<Self, TrainError> {
        options.check()?;
        let config = network.config();
        fits(config, &images)?;
        let values = params::values(network);
        let zeros: Vec<Tensor<1>> = values.iter().map(Tensor::zeros_like).collect();
        let beginning = Checkpoint {
            config: config.clone(),
            scheduler,
            options,
            step: 0,
            data: DataId::of(&images),
            losses: Vec::new(),
            ema: values.clone(),
            values,
            moment_1: zeros.clone(),
            moment_2: zeros,
        };
        Self::go_on(beginning, images, device)
    }

    /// Goes on from `checkpoint`, whose tensors are on `device`, with the images it began with.
    ///
    /// Of its options `steps`, `lr`, `warmup`, `decay_steps`, `ema` and `clip` may have been changed;
    /// `batch` and `seed` decide which images a step sees and `loss` what the losses are, and must not be.
    ///
    /// # Errors
    /// [`TrainError::Data`] for other images; [`TrainError`] for the rest.
    pub fn resume(
        checkpoint: Checkpoint,
        images: ImageSet,
        device: &Device,
    ) -> Result<Self, TrainError> {
        checkpoint.options.check()?;
        let found = DataId::of(&images);
        if found != checkpoint.data {
            return Err(TrainError::Data {
                expected: checkpoint.data,
                found,
            });
        }
        fits(&checkpoint.config, &images)?;
        Self::go_on(checkpoint, images, device)
    }

    fn go_on(
        checkpoint: Checkpoint,
        images: ImageSet,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let Checkpoint {
            config,
            scheduler,
            options,
            step,
            data,
            losses,
            values,
            ema,
            moment_1,
            moment_2,
        } = checkpoint;
        let objective = Objective::new(&scheduler, options.loss)?;
        let timesteps = objective.timesteps();
        Ok(Self {
            objective,
            batches: Batches::new(options.seed, images.count(), options.batch, timesteps),
            unet: params::assign(Unet::init(&config, &device.clone().autodiff()), values),
            adam: Adam::new(moment_1, moment_2),
            device: device.clone(),
            ema,
            images,
            data,
            scheduler,
            options,
            step,
            losses,
        })
    }

    /// Makes one step. After an error the run is as it was before.
    ///
    /// # Errors
    /// [`TrainError::Over`] after the last step, [`TrainError::NotFinite`] when the loss or the gradient is
    /// not a number, [`TrainError::Device`] when the device fails.
    pub async fn step(&mut self) -> Result<StepReport, TrainError> {
        if self.is_over() {
            return Err(TrainError::Over {
                steps: self.options.steps,
            });
        }
        let step = self.step;
        let batch = self.batches.at(step);
        let [channels, height, width] = self.images.shape();
        let upload = |values| {
            Tensor::<4>::from_data(
                TensorData::new(values, [batch.t.len(), channels, height, width]),
                &self.device,
            )
        };
        let x0 = upload(self.images.scaled(&batch.images));
        let eps = upload(self.batches.eps(step, channels * height * width));
        if self.unet.config().dropout > 0.0 {
            use rand_chacha::rand_core::Rng;
            self.device
                .seed(stream(self.options.seed, Purpose::Dropout, u64::from(step)).next_u64());
        }

        let loss = self.objective.loss(&self.unet, x0, eps, &batch.t);
        let mut gradients = loss.backward();
        let gradients = params::gradients(&self.unet, &mut gradients);
        // Both numbers in one read, because a read waits for the device.
        let numbers = [
            Some(loss.without_autodiff()),
            squared_norm(&gradients).map(Tensor::sqrt),
        ];
        let numbers = download(Tensor::cat(numbers.into_iter().flatten().collect(), 0)).await?;
        let (loss, grad_norm) = (numbers[0], numbers.get(1).copied().unwrap_or(0.0));
        for (what, found) in [("loss", loss), ("gradient", grad_norm)] {
            if !found.is_finite() {
                return Err(TrainError::NotFinite {
                    step: step + 1,
                    what,
                    found,
                });
            }
        }

        let lr = learning_rate(&self.options, step);
        let scale = clip_factor(f64::from(grad_norm), self.options.clip);
        let values = self
            .adam
            .step(lr, scale, step, params::values(&self.unet), gradients);
        ema::update(
            &mut self.ema,
            &values,
            ema::decay_at(self.options.ema, step),
        );
        self.unet = params::assign(self.unet.clone(), values);
        self.losses.push(loss);
        self.step = step + 1;
        Ok(StepReport {
            step: self.step,
            epoch: batch.epoch,
            loss,
            lr,
            grad_norm,
        })
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
        self.unet.config()
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.unet.num_params()
    }

    /// `[channels, height, width]` of the images.
    pub fn image_shape(&self) -> [usize; 3] {
        self.images.shape()
    }

    /// The schedule and the meaning of the network's output.
    pub fn scheduler(&self) -> &SchedulerConfig {
        &self.scheduler
    }

    /// The network with the averaged weights, outside any graph: the one to sample with.
    pub fn average(&self) -> Unet {
        params::assign(self.unet.valid(), self.ema.clone())
    }

    /// The averaged weights as diffusers' `diffusion_pytorch_model.safetensors`.
    ///
    /// # Errors
    /// [`WeightsError`] when a weight is not finite or too large for `precision`.
    pub fn weights(&self, precision: Precision) -> Result<Vec<u8>, WeightsError> {
        self.average().to_safetensors(precision)
    }

    /// The whole run as the bytes of a file that [`Checkpoint::from_bytes`] reads.
    ///
    /// # Errors
    /// [`CheckpointError`] when a tensor is not finite or cannot be read from its device.
    pub fn checkpoint(&self) -> Result<Vec<u8>, CheckpointError> {
        let checkpoint = Checkpoint {
            config: self.unet.config().clone(),
            scheduler: self.scheduler.clone(),
            options: self.options.clone(),
            step: self.step,
            data: self.data.clone(),
            losses: self.losses.clone(),
            values: params::values(&self.unet),
            ema: self.ema.clone(),
            moment_1: self.adam.moment_1.clone(),
            moment_2: self.adam.moment_2.clone(),
        };
        checkpoint.to_bytes(&self.unet.valid())
    }
}

/// Checks that `config` is an unconditional network for `images`.
fn fits(config: &UnetConfig, images: &ImageSet) -> Result<(), TrainError> {
    let [channels, height, width] = images.shape();
    let refuse = |field, expected: String, found: String| {
        Err(TrainError::Network {
            field,
            expected,
            found,
        })
    };
    for (field, found) in [
        ("in_channels", config.in_channels),
        ("out_channels", config.out_channels),
    ] {
        if found != channels {
            return refuse(
                field,
                format!("{channels}, as the images have"),
                found.to_string(),
            );
        }
    }
    if let Some(size) = config.sample_size.filter(|size| *size != [height, width]) {
        return refuse(
            "sample_size",
            format!("[{height}, {width}], as the images have"),
            format!("{size:?}"),
        );
    }
    if let Some(classes) = config.num_class_embeds {
        return refuse(
            "num_class_embeds",
            "null, because training is without classes".into(),
            classes.to_string(),
        );
    }
    input::check(config, [1, channels, height, width], None)?;
    Ok(input::check_timesteps(config, 1, &[0.0])?)
}
