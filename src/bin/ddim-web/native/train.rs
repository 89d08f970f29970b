//! `ddim-web train`: a model folder from a folder of images.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use burn::tensor::Device as BurnDevice;
use ddim_web::engine::{BurnEngine, DeviceKind};
use ddim_web::sampler::{SampleOptions, Sampler, SamplerError};
use ddim_web::scheduler::{SchedulerClass, SchedulerConfig, TrajectoryOptions};
use ddim_web::step::Method;
use ddim_web::train::{Checkpoint, ImageSet, TrainOptions, Trainer};
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::weights::Precision;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use super::cli::{CliError, Device};
use super::files::{CONFIG, SCHEDULER, WEIGHTS, write_atomically};
use super::{dataset, picture, plot};

const CHECKPOINT: &str = "checkpoint.safetensors";
const LOSS: &str = "loss.png";
const SAMPLES: &str = "samples.png";

/// Images in samples.png, their steps and their seed: the same noise every time, so that two can be compared.
const SAMPLE_COUNT: usize = 16;
const SAMPLE_STEPS: usize = 20;
const SAMPLE_SEED: u64 = 0;

/// The network that is trained without --config: 1.6 million parameters with one channel.
const NETWORK: &str = r#"{
    "block_out_channels": [32, 64, 128], "layers_per_block": 1, "attention_head_dim": 32, "norm_num_groups": 32,
    "norm_eps": 1e-6, "downsample_padding": 0, "flip_sin_to_cos": false, "freq_shift": 1,
    "down_block_types": ["DownBlock2D", "DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "UpBlock2D", "UpBlock2D"]
}"#;

/// Arguments of `ddim-web train`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the images: train-images-idx3-ubyte[.gz] as MNIST and Fashion-MNIST have it, or PNG and JPEG
    /// pictures
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/usr/share/datasets/fashion-mnist"
    )]
    data: PathBuf,
    /// Folder that becomes the model: config.json, scheduler_config.json, diffusion_pytorch_model.safetensors;
    /// also checkpoint.safetensors, loss.png and samples.png
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on with the run in --out; options that are not given stay as they were
    #[arg(long)]
    resume: bool,
    /// The network, a config.json of diffusers' UNet2DModel [default: a small one of three levels]
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    config: Option<PathBuf>,
    /// The schedule and prediction type, a scheduler_config.json [default: 1000 steps, linear, 0.0001 to 0.02, epsilon]
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    scheduler: Option<PathBuf>,
    /// Cut and scale pictures to this height and width [default: those of the first one]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    size: Option<u32>,
    /// Steps of the whole run, counted from its first beginning [default: 10000]
    #[arg(long)]
    steps: Option<u32>,
    /// Images per step [default: 64]
    #[arg(long, conflicts_with = "resume")]
    batch: Option<usize>,
    /// Learning rate of Adam [default: 0.0006]
    #[arg(long, allow_negative_numbers = true)]
    lr: Option<f64>,
    /// First steps, over which the learning rate rises from 0 [default: 200]
    #[arg(long, value_name = "STEPS")]
    warmup: Option<u32>,
    /// Last steps, over which the learning rate falls to 0 [default: 0]
    #[arg(long, value_name = "STEPS")]
    decay_steps: Option<u32>,
    /// Decay of the averaged weights, which are the ones that are saved and sampled [default: 0.9995]
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true)]
    ema: Option<f64>,
    /// Largest norm of the gradient, 0 for any [default: 1]
    #[arg(long, value_name = "NORM", allow_negative_numbers = true)]
    clip: Option<f64>,
    /// Seed of the first weights, the order of the images, the time steps and the noise [default: 0]
    #[arg(long, conflicts_with = "resume")]
    seed: Option<u64>,
    /// Steps from one checkpoint, loss.png and model to the next
    #[arg(long, value_name = "STEPS", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    checkpoint_every: u32,
    /// Steps from one samples.png to the next, 0 for none
    #[arg(long, value_name = "STEPS", default_value_t = 1000)]
    sample_every: u32,
    /// Where the network runs
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    device: Device,
    /// No progress bar
    #[arg(long)]
    quiet: bool,
}

/// Runs the subcommand. Ctrl-C (and a request to terminate) ends it after the current step, with a checkpoint.
///
/// # Errors
/// [`CliError::Usage`] for settings that make no sense, [`CliError::Failed`] for the rest.
pub fn run(args: &Args) -> Result<(), CliError> {
    let stop = watch_for_stop()?;
    let beginning = if args.resume {
        None
    } else {
        Some(beginning(args)?)
    };
    let images = dataset::read(&args.data, args.size)?;
    let (device, adapter) = device(args.device)?;
    let trainer = match beginning {
        Some(beginning) => beginning.start(images, &device)?,
        None => resume(args, images, &device)?,
    };
    let mut run = Run {
        args,
        trainer,
        device,
        adapter,
        stop,
    };
    run.report();
    run.train()
}

/// What a new run begins with, as far as it can be checked before the images are read.
struct Beginning {
    config: Option<UnetConfig>,
    scheduler: SchedulerConfig,
    options: TrainOptions,
}

fn beginning(args: &Args) -> Result<Beginning, CliError> {
    for name in [CHECKPOINT, WEIGHTS] {
        if args.out.join(name).exists() {
            let out = args.out.display();
            return Err(CliError::Usage(format!(
                "{out}: already holds {name}: add --resume to go on with that run, or choose another --out"
            )));
        }
    }
    let text = |path: &PathBuf| {
        fs::read_to_string(path).map_err(|e| CliError::Failed(format!("{}: {e}", path.display())))
    };
    let config = args
        .config
        .as_ref()
        .map(|path| UnetConfig::from_json(&text(path)?).map_err(CliError::failed))
        .transpose()?;
    let scheduler = match &args.scheduler {
        Some(path) => SchedulerConfig::from_json(&text(path)?).map_err(CliError::failed)?,
        None => SchedulerConfig::new(SchedulerClass::Ddim),
    };
    let mut options = TrainOptions::default();
    change(&mut options, args);
    options.check().map_err(CliError::usage)?;
    Ok(Beginning {
        config,
        scheduler,
        options,
    })
}

impl Beginning {
    fn start(self, images: ImageSet, device: &BurnDevice) -> Result<Trainer, CliError> {
        let [channels, height, width] = images.shape();
        let config = match self.config {
            Some(config) => config,
            None => {
                let network = UnetConfig::from_json(NETWORK).map_err(CliError::failed)?;
                UnetConfig {
                    in_channels: channels,
                    out_channels: channels,
                    sample_size: Some([height, width]),
                    ..network
                }
            }
        };
        Trainer::new(&config, self.scheduler, self.options, images, device)
            .map_err(CliError::failed)
    }
}

fn resume(args: &Args, images: ImageSet, device: &BurnDevice) -> Result<Trainer, CliError> {
    let path = args.out.join(CHECKPOINT);
    let failed = |what: String| CliError::Failed(format!("{}: {what}", path.display()));
    let bytes = fs::read(&path).map_err(|e| failed(e.to_string()))?;
    let mut checkpoint =
        Checkpoint::from_bytes(&bytes, device).map_err(|e| failed(e.to_string()))?;
    change(&mut checkpoint.options, args);
    checkpoint.options.check().map_err(CliError::usage)?;
    let (step, steps) = (checkpoint.step, checkpoint.options.steps);
    if step >= steps {
        return Err(CliError::Usage(format!(
            "steps: {step} steps of this run are done: give a larger --steps than {steps}"
        )));
    }
    Trainer::resume(checkpoint, images, device).map_err(CliError::failed)
}

/// Puts the options that were given in place of those in `options`.
fn change(options: &mut TrainOptions, args: &Args) {
    let old = options.clone();
    *options = TrainOptions {
        steps: args.steps.unwrap_or(old.steps),
        batch: args.batch.unwrap_or(old.batch),
        lr: args.lr.unwrap_or(old.lr),
        warmup: args.warmup.unwrap_or(old.warmup),
        decay_steps: args.decay_steps.unwrap_or(old.decay_steps),
        ema: args.ema.unwrap_or(old.ema),
        clip: args.clip.unwrap_or(old.clip),
        seed: args.seed.unwrap_or(old.seed),
    };
}

fn device(device: Device) -> Result<(BurnDevice, String), CliError> {
    match device {
        Device::Cpu => Ok((BurnDevice::flex(), "burn-flex".into())),
        Device::Gpu => {
            let (device, setup) =
                pollster::block_on(BurnDevice::wgpu_options().init_with_setup_async())
                    .map_err(|error| CliError::Failed(format!("GPU: {error}")))?;
            Ok((device, setup.adapter.get_info().name))
        }
    }
}

/// Becomes true at the first Ctrl-C; the second ends the program at once.
fn watch_for_stop() -> Result<Arc<AtomicBool>, CliError> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
    })
    .map_err(CliError::failed)?;
    Ok(stop)
}

struct Run<'a> {
    args: &'a Args,
    trainer: Trainer,
    device: BurnDevice,
    adapter: String,
    stop: Arc<AtomicBool>,
}

impl Run<'_> {
    fn report(&self) {
        let options = self.trainer.options();
        let done = self.trainer.steps_done();
        let from = if done == 0 {
            String::new()
        } else {
            format!(", from step {done}")
        };
        let parameters = self.trainer.parameters();
        eprintln!(
            "{parameters} parameters on {}: {} steps of {} images{from}",
            self.adapter, options.steps, options.batch
        );
    }

    fn train(&mut self) -> Result<(), CliError> {
        let (first, steps) = (self.trainer.steps_done(), self.trainer.options().steps);
        let bar = if self.args.quiet {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(u64::from(steps))
        };
        bar.set_style(style());
        bar.set_position(u64::from(first));
        bar.reset_eta();
        let started = Instant::now();
        while !self.trainer.is_over() && !self.stopped() {
            let step = pollster::block_on(self.trainer.step())
                .map_err(|e| self.failed(&e))?
                .step;
            let loss = self.recent_loss();
            bar.set_message(format!("{loss:.4}"));
            bar.set_position(u64::from(step));
            let over = self.trainer.is_over();
            if over || self.stopped() || step % self.args.checkpoint_every == 0 {
                self.save()?;
                if bar.is_hidden() && !self.args.quiet {
                    let pace = started.elapsed() / (step - first);
                    let left = HumanDuration(pace * (steps - step));
                    eprintln!(
                        "step {step} of {steps}, loss {loss:.4}, {:.3} s per step, {left} left",
                        pace.as_secs_f64()
                    );
                }
            }
            if self.args.sample_every > 0 && (over || step % self.args.sample_every == 0) {
                self.sample()?;
            }
        }
        bar.finish_and_clear();
        if !self.trainer.is_over() {
            eprintln!(
                "stopped after step {} of {steps}: --resume goes on",
                self.trainer.steps_done()
            );
        }
        println!("{}", self.args.out.display());
        Ok(())
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The message of `error`, with the step that can be returned to.
    fn failed(&self, error: &impl std::fmt::Display) -> CliError {
        let kept = self.path(CHECKPOINT);
        let place = if kept.exists() {
            format!(" (kept: {})", kept.display())
        } else {
            " (there is none yet)".into()
        };
        CliError::Failed(format!("{error}{place}"))
    }

    /// Mean loss of the last 100 steps.
    fn recent_loss(&self) -> f32 {
        let losses = self.trainer.losses();
        let recent = &losses[losses.len().saturating_sub(100)..];
        recent.iter().sum::<f32>() / recent.len() as f32
    }

    fn path(&self, name: &str) -> PathBuf {
        self.args.out.join(name)
    }

    /// Writes checkpoint, model and loss curve, each whole or not at all.
    fn save(&self) -> Result<(), CliError> {
        let trainer = &self.trainer;
        write_atomically(
            &self.path(CHECKPOINT),
            &trainer.checkpoint().map_err(CliError::failed)?,
        )?;
        write_atomically(
            &self.path(WEIGHTS),
            &trainer.weights(Precision::F16).map_err(CliError::failed)?,
        )?;
        write_atomically(&self.path(CONFIG), trainer.config().to_json().as_bytes())?;
        write_atomically(
            &self.path(SCHEDULER),
            trainer
                .scheduler()
                .to_json()
                .map_err(CliError::failed)?
                .as_bytes(),
        )?;
        picture::write_png(&self.path(LOSS), &plot::loss_curve(trainer.losses()))
    }

    /// Writes images of the averaged weights, unless the run is stopped on the way.
    fn sample(&self) -> Result<(), CliError> {
        let kind = DeviceKind::from(self.args.device);
        let engine = BurnEngine::new(
            self.trainer.average(),
            self.device.clone(),
            kind,
            self.adapter.clone(),
        );
        match self.images(&engine) {
            Ok(Some((images, shape))) => {
                picture::write_png(&self.path(SAMPLES), &picture::grid(&images, shape))
            }
            Ok(None) => Ok(()),
            Err(error) => Err(CliError::failed(error)),
        }
    }

    fn images(&self, engine: &BurnEngine) -> Result<Option<(Vec<f32>, [usize; 4])>, SamplerError> {
        let scheduler = self.trainer.scheduler();
        let steps = SAMPLE_STEPS.min(scheduler.num_train_timesteps);
        let [_, height, width] = self.trainer.image_shape();
        let options = SampleOptions {
            trajectory: TrajectoryOptions::new(Method::Ddim { eta: 0.0 }, steps),
            seed: SAMPLE_SEED,
            first_image: 0,
            batch: SAMPLE_COUNT,
            size: Some([height, width]),
            labels: None,
            latents: None,
        };
        let mut sampler = Sampler::new(engine, scheduler, options)?;
        loop {
            if self.stopped() {
                return Ok(None);
            }
            let step = pollster::block_on(sampler.next(engine))?;
            if step.done {
                return Ok(Some((step.x_t, sampler.shape())));
            }
        }
    }
}

fn style() -> ProgressStyle {
    let template = "{bar:40} {pos}/{len} steps, loss {msg}, {eta} left";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
