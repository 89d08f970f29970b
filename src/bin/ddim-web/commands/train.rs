//! `ddim-web train`: a model folder from a folder of images.

mod images;
mod training;

use std::path::{Path, PathBuf};

use ddim_web::engine::{AnyLearner, EngineError, LoadOptions};
use ddim_web::model_files;
use ddim_web::scheduler::{SchedulerClass, SchedulerConfig};
use ddim_web::step::Prediction;
use ddim_web::train::loss::Objective;
use ddim_web::train::{Checkpoint, Loss, Optimizer, Setup, TrainError, TrainOptions, Trainer};
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::labels::ClassLabels;
use ddim_web::unet::weights;

use self::images::Images;
use self::training::{CHECKPOINT, Training};
use crate::args::background::Background;
use crate::args::labels::LabelSource;
use crate::args::machine::{Device, Engine, Machine, Simd, Storage};
use crate::error::CliError;
use crate::files::idx;
use crate::files::lock::Lock;
use crate::files::model::{CONFIG, SCHEDULER, Source, WEIGHTS};
use crate::files::whole::{read, read_text};
use crate::stop::Stop;
use crate::terminal::remark;

/// The network that is trained without --config: 2.7 million parameters with one channel.
const NETWORK: &str = r#"{
    "block_out_channels": [32, 64, 128], "layers_per_block": 1, "attention_head_dim": 32, "norm_num_groups": 8,
    "norm_eps": 1e-6, "downsample_padding": 0, "flip_sin_to_cos": false, "freq_shift": 1,
    "down_block_types": ["DownBlock2D", "DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "UpBlock2D", "UpBlock2D"]
}"#;

/// Arguments of `ddim-web train`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the images: train-images-idx3-ubyte[.gz] as MNIST and Fashion-MNIST have it, or pictures
    /// (PNG, JPEG, WebP, GIF)
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/usr/share/datasets/fashion-mnist"
    )]
    data: PathBuf,
    /// The class of every image, for a conditional network: folders (each folder in --data is a class and gives it its
    /// name) or an IDX file of labels such as train-labels-idx1-ubyte[.gz]
    #[arg(long, value_name = "folders|FILE")]
    labels: Option<LabelSource>,
    /// Share of the images whose class the network is not told, so that the model can be guided; 0 for a network
    /// without a class that stands for none [default: 0.1 where the network has one]
    #[arg(
        long,
        value_name = "SHARE",
        requires = "labels",
        conflicts_with = "resume",
        allow_negative_numbers = true
    )]
    label_dropout: Option<f64>,
    #[command(flatten)]
    background: Background,
    /// Folder that becomes the model: config.json, scheduler_config.json, diffusion_pytorch_model.safetensors;
    /// with --labels class_labels.json; also checkpoint.safetensors, loss.png and samples.png
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on with the run in --out: give --data, --labels, --size and --background again as it began; --device, --engine,
    /// --simd, --checkpoint-every and --sample-every count anew, all else stays as it was unless it is given
    #[arg(long)]
    resume: bool,
    /// Begin with the weights of this model: its folder, which may predict something else so far, and need not know the
    /// classes of --labels
    #[arg(long, value_name = "MODEL", conflicts_with = "resume")]
    init: Option<PathBuf>,
    /// The network, a config.json of diffusers' UNet2DModel [default: that of --init, else a small one of three levels]
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    config: Option<PathBuf>,
    /// The schedule and prediction type, a scheduler_config.json [default: that of --init, else 1000 steps, linear,
    /// 0.0001 to 0.02, sample]
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    scheduler: Option<PathBuf>,
    /// What the network predicts: epsilon (the noise), sample (the image) or v_prediction [default: what the schedule
    /// says]
    #[arg(long, value_name = "TYPE", conflicts_with = "resume")]
    prediction: Option<Prediction>,
    /// What is minimised, the mean over all time steps of a weighted squared error (L_gamma of the DDIM paper): simple
    /// (weight 1), bound (the variational bound in nats per dimension, the weights of DDPM's eq. 12) or min-snr[=LIMIT]
    /// (an error of x_0 weighs the time step's signal-to-noise ratio, and LIMIT at most, 5 if not given) [default:
    /// min-snr]
    #[arg(long, conflicts_with = "resume")]
    loss: Option<Loss>,
    /// Height and width that pictures are cut and scaled to; where black around them, up to a multiple of 8, makes them
    /// as large (28 becomes 32), they get that instead [default: those of the first one]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=4096))]
    size: Option<u32>,
    /// Steps of the whole run, counted from its first beginning [default: 10000]
    #[arg(long)]
    steps: Option<u32>,
    /// Images per step [default: 64]
    #[arg(long, conflicts_with = "resume")]
    batch: Option<usize>,
    /// By which rule the weights change: muon (its momentum made orthogonal, for the matrices inside the network; adam for
    /// the rest) or adam [default: muon, with --init adam]
    #[arg(long, value_name = "RULE", conflicts_with = "resume")]
    optimizer: Option<Optimizer>,
    /// Learning rate [default: 0.001]
    #[arg(long, allow_negative_numbers = true)]
    lr: Option<f64>,
    /// First steps, over which the learning rate rises from 0 [default: 100]
    #[arg(long, value_name = "STEPS")]
    warmup: Option<u32>,
    /// Last steps, over which the learning rate falls to 0 [default: seven tenths of all]
    #[arg(long, value_name = "STEPS")]
    decay_steps: Option<u32>,
    /// Decay of the averaged weights, which are the ones that are saved and sampled [default: 0.999]
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
    /// Which program trains it
    #[arg(long, value_enum, default_value_t = Engine::Plan)]
    engine: Engine,
    /// Vector instructions of the processor, for measurements [default: the best that it has]
    #[arg(long, value_enum)]
    simd: Option<Simd>,
    /// No progress bar
    #[arg(long)]
    quiet: bool,
}

/// Runs the subcommand. Ctrl-C (and a request to terminate) ends it after the current step, with a checkpoint.
///
/// # Errors
/// [`CliError::Usage`] for settings that make no sense, [`CliError::Failed`] for the rest.
pub fn run(args: &Args) -> Result<(), CliError> {
    let stop = Stop::watch()?;
    let machine = args.machine().options()?;
    // Before anything of it is read. One that is not there is made when nothing is refused any more.
    let there = args.out.is_dir().then(|| Lock::take(&args.out));
    let lock = there.transpose()?;
    let trainer = if args.resume {
        resume(args, machine)?
    } else {
        beginning(args)?.start(args, machine)?
    };
    let _lock = match lock {
        Some(lock) => lock,
        None => {
            let lock = Lock::take(&args.out)?;
            // Another run may have made it since.
            refuse_results(args)?;
            lock
        }
    };
    let mut training = Training {
        out: args.out.clone(),
        checkpoint_every: args.checkpoint_every,
        sample_every: args.sample_every,
        quiet: args.quiet,
        machine,
        trainer,
        stop,
    };
    training.report();
    training.train()
}

impl Args {
    fn machine(&self) -> Machine {
        Machine {
            device: self.device,
            engine: self.engine,
            storage: Storage::F32,
            simd: self.simd,
        }
    }
}

/// The learner of a run on `machine`.
async fn learner(machine: LoadOptions, setup: Setup) -> Result<AnyLearner, EngineError> {
    AnyLearner::new(&machine, &setup.config, setup.state).await
}

/// What a new run begins with, as far as it can be checked before the images are read.
struct Beginning {
    config: Option<UnetConfig>,
    /// What the classes of --init are called.
    classes: Option<ClassLabels>,
    weights: Option<Weights>,
    scheduler: SchedulerConfig,
    options: TrainOptions,
}

/// The weights of another model.
struct Weights {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// Refuses a folder that has a model or a run, and one whose pictures would be taken for images.
fn refuse_results(args: &Args) -> Result<(), CliError> {
    let out = args.out.display();
    for name in [CHECKPOINT, WEIGHTS, CONFIG, SCHEDULER] {
        if args.out.join(name).exists() {
            let resume = if args.out.join(CHECKPOINT).exists() {
                "add --resume to go on with that run, or "
            } else {
                ""
            };
            return Err(CliError::Usage(format!(
                "{out}: already holds {name}: {resume}choose another --out"
            )));
        }
    }
    let data = args.data.canonicalize().ok();
    let out_is = |folder: Option<&Path>| {
        data.is_some() && folder.and_then(|folder| folder.canonicalize().ok()) == data
    };
    let by_folder = matches!(args.labels, Some(LabelSource::Folders));
    let among = out_is(Some(&args.out)) && !by_folder && idx::train(&args.data).is_none();
    let absolute = std::path::absolute(&args.out).ok();
    let class = out_is(absolute.as_deref().and_then(Path::parent)) && by_folder;
    if among || class {
        return Err(CliError::Usage(format!(
            "{out}: stands among the images of --data, and what the run draws would be taken for some of them: choose another --out"
        )));
    }
    Ok(())
}

fn beginning(args: &Args) -> Result<Beginning, CliError> {
    refuse_results(args)?;
    fn named(path: &Path, error: impl std::fmt::Display) -> CliError {
        CliError::Failed(format!("{}: {error}", path.display()))
    }
    let init = match &args.init {
        Some(folder) => Some((Source::open(folder)?.model()?, folder)),
        None => None,
    };
    // What was given by itself comes before what the model has.
    let text = |given: Option<&PathBuf>, own: Option<(String, &Path)>| match given {
        Some(path) => Ok(Some((read_text(path)?, path.clone()))),
        None => Ok::<_, CliError>(own.map(|(text, path)| (text, path.to_path_buf()))),
    };
    let own = |text: fn(&model_files::ModelFiles) -> Option<String>| {
        let (model, folder) = init.as_ref()?;
        Some((text(model)?, folder.as_path()))
    };
    let config = text(
        args.config.as_ref(),
        own(|model| Some(model.config.clone())),
    )?
    .map(|(text, path)| UnetConfig::from_json(&text).map_err(|e| named(&path, e)))
    .transpose()?;
    let classes = init.as_ref().map(|(model, _)| model.classes.clone());
    let classes = classes.filter(|classes| *classes != ClassLabels::default());
    let mut scheduler = match text(
        args.scheduler.as_ref(),
        own(|model| model.scheduler.clone()),
    )? {
        Some((text, path)) => SchedulerConfig::from_json(&text).map_err(|e| named(&path, e))?,
        None => SchedulerConfig {
            prediction_type: Prediction::Sample,
            ..SchedulerConfig::new(SchedulerClass::Ddim)
        },
    };
    if let Some((model, _)) = &init {
        model.notes.iter().for_each(remark);
        weights::remarks(&model.weights).iter().for_each(remark);
    }
    let weights = init.map(|(model, folder)| Weights {
        path: folder.join(&model.weights_name),
        bytes: model.weights,
    });
    if let Some(prediction) = args.prediction {
        let configured = scheduler.prediction_type;
        if let Some(path) = args.scheduler.as_ref().filter(|_| configured != prediction) {
            let path = path.display();
            return Err(CliError::Usage(format!(
                "--prediction: expected {configured}, as in {path}, found {prediction}: leave it out, or change the file"
            )));
        }
        scheduler.prediction_type = prediction;
    }
    let mut options = TrainOptions::beginning(args.init.is_some());
    change(&mut options, args);
    options.check().map_err(CliError::usage)?;
    // Not every schedule has every loss.
    Objective::new(&scheduler, options.loss).map_err(CliError::failed)?;
    Training::check(&scheduler)?;
    Ok(Beginning {
        config,
        classes,
        weights,
        scheduler,
        options,
    })
}

impl Beginning {
    fn start(self, args: &Args, machine: LoadOptions) -> Result<Trainer<AnyLearner>, CliError> {
        let configured = self.config.as_ref().and_then(|c| c.num_class_embeds);
        let images = Images::read(args, self.classes.as_ref().zip(configured))?;
        let [channels, height, width] = images.images.shape();
        let classes = images.labels.as_ref().map(|(_, names)| {
            let null_class = args.label_dropout != Some(0.0);
            names.len() + usize::from(null_class)
        });
        let config = match self.config {
            // The model that it begins with may know no classes yet.
            Some(config) if args.config.is_none() && config.num_class_embeds.is_none() => {
                UnetConfig {
                    num_class_embeds: classes,
                    ..config
                }
            }
            Some(config) => config,
            None => {
                let network = UnetConfig::from_json(NETWORK).map_err(CliError::failed)?;
                UnetConfig {
                    in_channels: channels,
                    out_channels: channels,
                    sample_size: Some([height, width]),
                    num_class_embeds: classes,
                    ..network
                }
            }
        };
        let set = images.set(self.classes, config.num_class_embeds)?;
        let make = async |setup| learner(machine, setup).await;
        let (scheduler, options) = (self.scheduler, self.options);
        match self.weights {
            Some(Weights { path, bytes }) => {
                let trainer = Trainer::from_weights(&config, &bytes, scheduler, options, set, make);
                pollster::block_on(trainer).map_err(|error| match error {
                    TrainError::Weights(e) => CliError::Failed(format!("{}: {e}", path.display())),
                    other => CliError::failed(other),
                })
            }
            None => pollster::block_on(Trainer::new(&config, scheduler, options, set, make))
                .map_err(CliError::failed),
        }
    }
}

fn resume(args: &Args, machine: LoadOptions) -> Result<Trainer<AnyLearner>, CliError> {
    let path = args.out.join(CHECKPOINT);
    let failed = |what: String| CliError::Failed(format!("{}: {what}", path.display()));
    let bytes = read(&path)?;
    let mut checkpoint = Checkpoint::from_bytes(&bytes).map_err(|e| failed(e.to_string()))?;
    change(&mut checkpoint.options, args);
    checkpoint.options.check().map_err(CliError::usage)?;
    let (step, steps) = (checkpoint.step, checkpoint.options.steps);
    if step >= steps {
        return Err(CliError::Usage(format!(
            "steps: {step} steps of this run are done: give a larger --steps than that"
        )));
    }
    let classes = checkpoint.config.num_class_embeds;
    if classes.is_some() && args.labels.is_none() {
        return Err(CliError::Usage(format!(
            "labels: the network in {} has classes: give --labels again, as the run began with it",
            path.display()
        )));
    }
    let images = Images::read(args, checkpoint.classes.as_ref().zip(classes))?;
    let set = images.set(checkpoint.classes.clone(), classes)?;
    let make = async |setup| learner(machine, setup).await;
    pollster::block_on(Trainer::resume(checkpoint, set, make)).map_err(CliError::failed)
}

/// Puts the options that were given in place of those in `options`.
fn change(options: &mut TrainOptions, args: &Args) {
    let old = options.clone();
    *options = TrainOptions {
        steps: args.steps.unwrap_or(old.steps),
        batch: args.batch.unwrap_or(old.batch),
        optimizer: args.optimizer.unwrap_or(old.optimizer),
        lr: args.lr.unwrap_or(old.lr),
        warmup: args.warmup.unwrap_or(old.warmup),
        decay_steps: args.decay_steps.or(old.decay_steps),
        ema: args.ema.unwrap_or(old.ema),
        clip: args.clip.unwrap_or(old.clip),
        seed: args.seed.unwrap_or(old.seed),
        loss: args.loss.unwrap_or(old.loss),
        label_dropout: args.label_dropout.or(old.label_dropout),
    };
}
