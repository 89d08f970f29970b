//! `ddim-web evaluate`: the DDIM paper's tables and figures, measured on a model.
//!
//! The folder `--out` holds one file for each cell, written when the cell is done; results.json and results.md are
//! made from the cells that are there.

mod bound;
mod evaluation;
mod features;
mod frechet;
mod group;
mod number;
mod reconstruction;
mod report;
mod store;
mod task;
mod tau;
mod trajectories;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ddim_web::evaluate::bootstrap::MIN_RESAMPLES;
use ddim_web::evaluate::paper;
use ddim_web::runs::MAX_IMAGES;
use indicatif::HumanDuration;

use self::evaluation::{Evaluation, Inputs};
use self::store::{Manifest, Store};
use self::task::Task;
use self::tau::PaperTau;
use crate::args::background::Background;
use crate::args::condition::Condition;
use crate::args::eta::Eta;
use crate::args::inversion::Inversion;
use crate::args::machine::Machine;
use crate::error::CliError;
use crate::files::lock::Lock;
use crate::files::whole::{check_writable, write_atomically};
use crate::progress::progress_bar;
use crate::terminal::{remark, say};

/// Arguments of `ddim-web evaluate`.
#[derive(clap::Args)]
#[command(
    override_usage = "ddim-web evaluate --model <DIR> --data <DIR> --out <DIR> [--network <FILE>] [OPTIONS]\n       \
    ddim-web evaluate --features <FILE> [--resamples <RESAMPLES>] [--seed <SEED>]",
    after_help = "Sections that are not asked for stay as they are in --out, so results.md can be made piece by \
    piece. A Fréchet distance compares only with others that were measured with the same --network, the same --data \
    and as many --samples."
)]
pub struct Args {
    /// Folder of the model (config.json, scheduler_config.json and diffusion_pytorch_model.safetensors, or a diffusers
    /// pipeline folder), or a .zip archive of it
    #[arg(long, value_name = "DIR", required_unless_present = "features")]
    model: Option<PathBuf>,
    /// Folder of the real images: train-images-idx3-ubyte[.gz] and t10k-images-idx3-ubyte[.gz], or pictures (PNG,
    /// JPEG, WebP, GIF); with --class those of that class
    #[arg(long, value_name = "DIR", required_unless_present = "features")]
    data: Option<PathBuf>,
    /// Folder of pictures that are not for training, for table 2 and the bound [default: t10k-images-idx3-ubyte[.gz]
    /// in --data, or else the training images]
    #[arg(long, value_name = "DIR")]
    test: Option<PathBuf>,
    /// The classifier whose features are compared (tools/train_features.py makes one); --frechet and --consistency
    /// need it
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// Folder of the results: results.json, results.md and one file for each cell. The same command goes on
    /// where it was interrupted
    #[arg(long, value_name = "DIR", required_unless_present = "features")]
    out: Option<PathBuf>,
    /// Also write results.md to this file
    #[arg(long, value_name = "FILE.md")]
    page: Option<PathBuf>,
    /// Only the Fréchet distances (table 1); without any of these flags all sections are made
    #[arg(long)]
    frechet: bool,
    /// Only the reconstruction error (table 2)
    #[arg(long)]
    reconstruction: bool,
    /// Only the time per image (figure 4)
    #[arg(long)]
    timing: bool,
    /// Only how alike the images from one x_T are (figure 5)
    #[arg(long)]
    consistency: bool,
    /// Only the variational bound of test and of training images, with rate and distortion (DDPM, figure 5)
    #[arg(long)]
    bound: bool,
    /// Noises of table 1: numbers from 0 (deterministic) to 1 (as much as DDPM), or sigma_hat (more)
    #[arg(long = "eta", alias = "etas", value_name = "ETA", num_args = 1.., default_values = ["0", "0.2", "0.5", "1", "sigma_hat"], allow_negative_numbers = true)]
    etas: Vec<Eta>,
    /// Numbers of steps S [default: 10 20 50 100 1000, for table 2 and the figures 10 20 50 100 200 500 1000]
    #[arg(long, value_name = "S", num_args = 1..)]
    steps: Option<Vec<usize>>,
    /// Choices of tau in table 1: the paper's two (linear, quadratic) and those of its official code (uniform, quad)
    #[arg(long = "tau", alias = "taus", value_name = "TAU", num_args = 1.., default_values = ["linear", "quadratic"])]
    taus: Vec<PaperTau>,
    /// Samples of each cell of table 1, more than the classifier has features
    #[arg(long, default_value_t = 5000)]
    samples: usize,
    /// Do not clip x0_hat in table 1, as the official code does not: such cells stand in a table of their own
    #[arg(long)]
    no_clip: bool,
    /// Resamples of each interval of table 1
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(MIN_RESAMPLES as i64..=100_000))]
    resamples: u32,
    /// Images of table 2 and of the bound: the first ones that are not for training; the bound takes as many for
    /// training too
    #[arg(long, default_value_t = 100)]
    images: usize,
    /// Different x_T of the figures
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(2..=1024))]
    noises: u32,
    /// Terms of the bound per image, drawn in equal parts of the chain [default: all]
    #[arg(long, value_name = "K")]
    bound_terms: Option<usize>,
    /// Seed of everything that is drawn: x_T of image i is the same in all cells
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Also keep the samples of table 1, for a later run with another --network
    #[arg(long)]
    keep_samples: bool,
    /// Only compare features that another network made: a .safetensors file with a tensor real [images, features]
    /// and others of the same width; needs no model
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "model", "data", "test", "network", "out", "page", "frechet", "reconstruction", "timing", "consistency", "bound",
        "etas", "steps", "taus", "samples", "images", "noises", "bound_terms", "keep_samples", "no_clip",
        "convention", "background", "class", "guidance", "device", "engine", "storage",
    ])]
    features: Option<PathBuf>,
    #[command(flatten)]
    condition: Condition,
    #[command(flatten)]
    background: Background,
    #[command(flatten)]
    inversion: Inversion,
    #[command(flatten)]
    machine: Machine,
    /// No progress bar
    #[arg(long)]
    quiet: bool,
}

/// Runs the subcommand. Ctrl-C ends it; cells that are done stay.
///
/// # Errors
/// [`CliError::Usage`] for settings that make no sense, [`CliError::Stopped`] after Ctrl-C, [`CliError::Failed`] for
/// the rest.
pub fn run(args: &Args) -> Result<(), CliError> {
    if let Some(file) = &args.features {
        return features::run(file, args.resamples as usize, args.seed);
    }
    let (Some(model), Some(data), Some(out)) = (&args.model, &args.data, &args.out) else {
        return Err(CliError::Usage(
            "--model, --data and --out are needed".into(),
        ));
    };
    if args.samples > MAX_IMAGES {
        return Err(CliError::Usage(format!(
            "samples: expected at most {MAX_IMAGES}, found {}",
            args.samples
        )));
    }
    let bar = progress_bar(0, "", args.quiet);
    let evaluation = Evaluation::open(
        &Inputs {
            model,
            data,
            test: args.test.as_deref(),
            network: args.network.as_deref(),
            background: args.background.background,
            condition: &args.condition,
        },
        args.machine,
        args.seed,
        bar,
    )?;
    let store = Store::open(
        out,
        Manifest {
            name: name(model),
            model: evaluation.fingerprint.clone(),
            parameters: evaluation.loaded.model.info().parameters,
            asked: evaluation.loaded.asked.told(&evaluation.loaded.labels),
            commands: vec![command()],
        },
    )?;
    let frechet = frechet::Options {
        etas: args.etas.clone(),
        taus: args.taus.clone(),
        steps: args.steps.clone().unwrap_or(paper::STEPS_1.to_vec()),
        samples: args.samples,
        resamples: args.resamples as usize,
        keep_samples: args.keep_samples,
        // Where nothing is clipped anyway the cells are the same.
        no_clip: args.no_clip && evaluation.loaded.model.scheduler().clipping_key().is_some(),
    };
    // Arguments are checked here, before anything is written.
    let tasks = tasks(args, &evaluation, &store, &frechet)?;
    if let Some(path) = &args.page {
        check_writable(path)?;
    }
    let _lock = Lock::take(out)?;
    store.begin()?;
    let mut pending: Vec<Task> = Vec::new();
    for task in tasks {
        let twice = pending.iter().any(|other| other.settings == task.settings);
        if !twice && !store.has(&task.settings)? {
            pending.push(task);
        }
    }
    pending.sort_by_key(|task| task.cost);
    let made = make(&evaluation, &store, &pending, args.quiet);
    let page = report::write(&evaluation, &store)?;
    if let Some(path) = &args.page {
        write_atomically(path, page.as_bytes())?;
    }
    if matches!(made, Err(CliError::Stopped)) {
        let out = out.display();
        remark(format_args!(
            "the cells that are done stay in {out}: the same command goes on"
        ));
    }
    made?;
    say(out.display())?;
    match evaluation.skipped {
        0 => Ok(()),
        skipped => Err(CliError::Failed(format!(
            "pictures that could not be read: {skipped}"
        ))),
    }
}

/// All cells that the arguments ask for.
fn tasks<'a>(
    args: &Args,
    evaluation: &'a Evaluation,
    store: &'a Store,
    frechet: &'a frechet::Options,
) -> Result<Vec<Task<'a>>, CliError> {
    let flags = [
        args.frechet,
        args.reconstruction,
        args.timing,
        args.consistency,
        args.bound,
    ];
    let all = !flags.contains(&true);
    if args.condition.guidance.is_some() && (all || args.reconstruction || args.bound) {
        return Err(CliError::Usage(
            "guidance: neither the way back to noise nor the bound has it: leave --guidance out, or ask for --frechet, \
             --timing and --consistency alone"
                .into(),
        ));
    }
    let steps = args.steps.clone().unwrap_or(paper::STEPS_2.to_vec());
    let mut tasks = Vec::new();
    if all || args.frechet {
        tasks.extend(frechet::tasks(evaluation, store, frechet)?);
    }
    if all || args.reconstruction {
        tasks.extend(reconstruction::tasks(
            evaluation,
            &steps,
            args.images,
            args.inversion.convention.into(),
        )?);
    }
    if all || args.consistency {
        evaluation.classifier()?;
    }
    if all || args.timing || args.consistency {
        if steps.len() < 2 {
            remark("figures 4 and 5 need two numbers of steps: run again with another --steps");
        }
        tasks.extend(trajectories::tasks(
            evaluation,
            &steps,
            args.noises as usize,
        )?);
    }
    if all || args.bound {
        tasks.push(bound::task(evaluation, args.images, args.bound_terms)?);
    }
    Ok(tasks)
}

/// Makes the cells one after the other; each is kept as soon as it is done.
fn make(
    evaluation: &Evaluation,
    store: &Store,
    pending: &[Task],
    quiet: bool,
) -> Result<(), CliError> {
    let bar = &evaluation.bar;
    let all = pending.iter().map(|task| task.cost).sum::<u64>();
    bar.set_length(all);
    bar.reset_eta();
    let began = Instant::now();
    let mut done = 0;
    for task in pending {
        bar.set_message(task.name.clone());
        let started = Instant::now();
        let result = (task.work)()?;
        store.put(task.settings.clone(), result)?;
        report::write(evaluation, store)?;
        done += task.cost;
        bar.set_position(done);
        if bar.is_hidden() && !quiet {
            let left = if done == 0 {
                String::new()
            } else {
                let pace = began.elapsed().as_secs_f64() / done as f64;
                let rest = Duration::from_secs_f64(pace * (all - done) as f64);
                format!(", {} left", HumanDuration(rest))
            };
            let seconds = started.elapsed().as_secs_f64();
            remark(format_args!("{}: {seconds:.1} s{left}", task.name));
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// The last part of the path of a folder, also of `.` and `..`.
fn name(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.into());
    whole.file_name().map_or_else(
        || "model".into(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// The command that was given, without the folder of the program.
fn command() -> String {
    let arguments = std::env::args_os().skip(1);
    let words = arguments.map(|word| word.to_string_lossy().into_owned());
    ["ddim-web".to_string()]
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}
