//! `ddim-web sample`: images from a model folder.

use std::path::PathBuf;

use ddim_web::engine::{BurnEngine, Denoiser, DeviceKind};
use ddim_web::sampler::{MAX_BATCH, SampleOptions, Sampler};
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::step::Method;
use ddim_web::timesteps::Spacing;
use indicatif::ProgressBar;

use super::cli::{CliError, Device, progress_style};
use super::files::{ModelFiles, read_sample, write_sample};
use super::picture;

/// Arguments of `ddim-web sample`.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the model: config.json, scheduler_config.json and diffusion_pytorch_model.safetensors,
    /// or a diffusers pipeline folder
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Number of steps S [default: 50; ignored by a --tau that fixes its own number]
    #[arg(
        long,
        default_value_t = 50,
        hide_default_value = true,
        allow_negative_numbers = true
    )]
    steps: usize,
    /// Noise of DDIM, from 0 (deterministic) to 1 (as much as DDPM)
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    eta: f64,
    /// The time steps: leading, trailing, linspace, uniform, quad, paper-linear, paper-quadratic, ddimN,
    /// section counts such as 10,15,20, or list:0,250,500,750 [default: the scheduler's own]
    #[arg(long)]
    tau: Option<String>,
    /// ddim, sigma_hat, ddpm_noisy, ddpm_fixed_small, ddpm_fixed_large, or inversion (from the images in
    /// --latents to noise)
    #[arg(long, default_value = "ddim")]
    method: String,
    /// Seed of the noise; the same seed, settings and device give the same images
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,
    /// Number of images
    #[arg(long, default_value_t = 16, allow_negative_numbers = true)]
    count: usize,
    /// Height and width of the images [default: the model's own]
    #[arg(long, num_args = 2, value_names = ["H", "W"])]
    size: Option<Vec<usize>>,
    /// Class of every image, for a conditional model
    #[arg(long)]
    class: Option<usize>,
    /// Read x_T from this .safetensors file (one tensor, sample [B,C,H,W]) instead of drawing it; it decides
    /// the number and size of the images
    #[arg(long, value_name = "FILE", conflicts_with_all = ["count", "size"])]
    latents: Option<PathBuf>,
    /// Also write the images as numbers to this .safetensors file (one tensor, sample [B,C,H,W])
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// The picture to write: all images in a grid
    #[arg(long, value_name = "FILE.png", default_value = "samples.png")]
    out: PathBuf,
    /// Where the network runs
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    device: Device,
    /// No progress bar
    #[arg(long)]
    quiet: bool,
}

/// Images that run through the network at once: bounds the memory of a large --count.
const BATCH: usize = 16;

/// Runs the subcommand.
///
/// # Errors
/// [`CliError::Usage`] for settings that make no sense, [`CliError::Failed`] for the rest.
pub fn run(args: &Args) -> Result<(), CliError> {
    let method = Method::from_name(&args.method, args.eta).map_err(CliError::usage)?;
    if method == Method::Inversion && args.latents.is_none() {
        return Err(CliError::Usage(
            "method: inversion starts from images: give them with --latents".into(),
        ));
    }
    let spacing = args
        .tau
        .as_deref()
        .map(str::parse::<Spacing>)
        .transpose()
        .map_err(CliError::usage)?;
    check_count(args.count)?;
    let files = ModelFiles::read(&args.model)?;
    let scheduler = SchedulerConfig::from_json(&files.scheduler).map_err(CliError::failed)?;
    let trajectory = TrajectoryOptions {
        spacing,
        ..TrajectoryOptions::new(method, args.steps)
    };
    let total = scheduler
        .trajectory(&trajectory)
        .map_err(CliError::usage)?
        .steps
        .len();

    let kind = DeviceKind::from(args.device);
    let engine = pollster::block_on(BurnEngine::load(&files.config, &files.weights, kind))
        .map_err(CliError::failed)?;
    report(&engine, &scheduler);

    let given = args.latents.as_deref().map(read_sample).transpose()?;
    let count = given.as_ref().map_or(args.count, |(shape, _)| shape[0]);
    check_count(count)?;
    let size = match (&given, args.size.as_deref()) {
        (Some((shape, _)), _) => Some([shape[2], shape[3]]),
        (None, Some([h, w])) => Some([*h, *w]),
        (None, _) => None,
    };
    let bar = if args.quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::new((total * count.div_ceil(BATCH)) as u64)
    };
    bar.set_style(progress_style("t = "));

    let mut images = Vec::new();
    let mut image_shape = [0; 3];
    for first in (0..count).step_by(BATCH) {
        let batch = BATCH.min(count - first);
        let latents = given.as_ref().map(|(shape, values)| {
            let image = shape[1..].iter().product::<usize>();
            values[first * image..(first + batch) * image].to_vec()
        });
        let options = SampleOptions {
            trajectory: trajectory.clone(),
            seed: args.seed,
            first_image: first as u32,
            batch,
            size,
            labels: args.class.map(|class| vec![class; batch]),
            latents,
        };
        let mut sampler = Sampler::new(&engine, &scheduler, options).map_err(CliError::failed)?;
        let [_, channels, height, width] = sampler.shape();
        image_shape = [channels, height, width];
        let mut last = Vec::new();
        for _ in 0..sampler.total() {
            let step = pollster::block_on(sampler.next(&engine)).map_err(CliError::failed)?;
            bar.set_message(step.t.to_string());
            bar.inc(1);
            last = step.x_t;
        }
        images.extend(last);
    }
    bar.finish_and_clear();

    let shape = [count, image_shape[0], image_shape[1], image_shape[2]];
    if let Some(path) = &args.save {
        write_sample(path, shape, &images)?;
    }
    picture::write_png(&args.out, &picture::grid(&images, shape))?;
    println!("{}", args.out.display());
    Ok(())
}

fn check_count(count: usize) -> Result<(), CliError> {
    const MOST: usize = MAX_BATCH * BATCH;
    if (1..=MOST).contains(&count) {
        Ok(())
    } else {
        Err(CliError::Usage(format!(
            "count: expected 1 to {MOST} images, found {count}"
        )))
    }
}

fn report(engine: &BurnEngine, scheduler: &SchedulerConfig) {
    let info = engine.info();
    eprintln!("{} parameters on {}", info.parameters, info.adapter);
    for (file, keys) in [
        ("config.json", info.unknown_keys.clone()),
        ("scheduler_config.json", scheduler.unknown_keys()),
    ] {
        if !keys.is_empty() {
            eprintln!("{file}: ignored {}", keys.join(", "));
        }
    }
}
