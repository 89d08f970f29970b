//! `ddim-web sample`: images from a model folder.

use std::path::PathBuf;

use ddim_web::scheduler::TrajectoryOptions;
use ddim_web::step::Method;
use ddim_web::timesteps::Spacing;

use super::cli::{CliError, Device, progress_bar};
use super::files::{read_sample, write_sample};
use super::picture;
use super::runner::{Job, Runner, check_count};
use super::stop::Stop;

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
    let trajectory = TrajectoryOptions {
        spacing,
        ..TrajectoryOptions::new(method, args.steps)
    };
    let runner = Runner::open(&args.model, args.device, Stop::watch()?)?;
    let steps = runner.steps(&trajectory)?;
    let given = args.latents.as_deref().map(read_sample).transpose()?;
    let (count, size) = match (&given, args.size.as_deref()) {
        (Some(([count, _, height, width], _)), _) => (*count, Some([*height, *width])),
        (None, Some([height, width])) => (args.count, Some([*height, *width])),
        (None, _) => (args.count, None),
    };
    check_count(count)?;
    let [channels, height, width] = runner.image_shape(size)?;
    let job = Job {
        trajectory,
        seed: args.seed,
        first_image: 0,
        count,
        size,
        class: args.class,
        latents: given.map(|(_, values)| values),
    };
    let bar = progress_bar(runner.events(count, steps), "t = ", args.quiet);
    let images = runner.run(&job, &mut |event| {
        bar.set_message(event.step.t.to_string());
        bar.inc(1);
    })?;
    bar.finish_and_clear();

    let shape = [count, channels, height, width];
    if let Some(path) = &args.save {
        write_sample(path, shape, &images)?;
    }
    picture::write_png(&args.out, &picture::grid(&images, shape))?;
    println!("{}", args.out.display());
    Ok(())
}
