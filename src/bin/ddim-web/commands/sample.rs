//! `ddim-web sample`: images from a model folder.

use std::path::PathBuf;

use ddim_web::runs::{Job, rules};
use ddim_web::sampler::SamplerError;
use ddim_web::scheduler::TrajectoryOptions;
use ddim_web::step::Clip;

use crate::args::common::{Common, Steps};
use crate::draw::animation::Animation;
use crate::draw::film::Film;
use crate::draw::picture;
use crate::error::CliError;
use crate::files::latents::{read_sample, write_sample};
use crate::files::outputs::Outputs;
use crate::terminal::say;

/// Arguments of `ddim-web sample`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    steps: Steps,
    /// Noise of DDIM, from 0 (deterministic) to 1 (as much as DDPM)
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    eta: f64,
    /// ddim, sigma_hat, ddpm_noisy, ddpm_fixed_small, ddpm_fixed_large, probability_flow, or inversion and
    /// inversion_strict (from the images in --latents to noise; `ddim-web invert` does it with pictures)
    #[arg(long, default_value = "ddim")]
    method: String,
    /// Leave x0_hat as it is where the scheduler would clip it: for latents that `ddim-web invert` wrote, which
    /// are decoded by the very steps that made them
    #[arg(long)]
    no_clip: bool,
    /// Seed of the noise; the same seed, settings and device give the same images
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,
    /// Number of images
    #[arg(long, default_value_t = 16, allow_negative_numbers = true)]
    count: usize,
    /// Begin at this time step, 0 to T - 1, with the images in --latents as x_t
    #[arg(
        long,
        value_name = "T",
        requires = "latents",
        allow_negative_numbers = true
    )]
    from: Option<usize>,
    /// End at this time step instead of at x_0 (in an inversion, of x_T)
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    to: Option<usize>,
    /// Read x_T from this .safetensors file (one tensor, sample [B,C,H,W]) instead of drawing it; it decides
    /// the number and size of the images
    #[arg(long, value_name = "FILE", conflicts_with_all = ["count", "size"])]
    latents: Option<PathBuf>,
    /// Also write the images as numbers to this .safetensors file (one tensor, sample [B,C,H,W])
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Also write a film of the prediction of x_0 over the steps: .gif, .webp or .png
    #[arg(long, value_name = "FILE")]
    animate: Option<PathBuf>,
    /// The picture to write: all images in a grid
    #[arg(long, value_name = "FILE.png", default_value = "samples.png")]
    out: PathBuf,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError::Usage`] for settings that make no sense, [`CliError::Failed`] for the rest.
pub fn run(args: &Args) -> Result<(), CliError> {
    let method = rules::method(&args.method, args.eta)?;
    if method.is_inversion() && args.latents.is_none() {
        return Err(CliError::usage(SamplerError::NoImages));
    }
    rules::count(args.count)?;
    let animation = args.animate.as_deref().map(Animation::new).transpose()?;
    Outputs {
        out: &args.out,
        save: args.save.as_deref(),
        animate: args.animate.as_deref(),
        inputs: args.latents.as_slice(),
    }
    .check()?;
    let clip = args.no_clip.then_some(Clip::None);
    let loaded = args.common.open()?;
    let asked = args.steps.count(loaded.model.scheduler());
    let trajectory = TrajectoryOptions {
        from: args.from,
        to: args.to,
        ..args.common.trajectory(method, asked, clip)
    };
    rules::clip(loaded.model.scheduler(), method, clip)?;
    let steps = loaded.model.steps(&trajectory)?;
    if args.from.is_none() && args.to.is_none() {
        args.common.remark_on_steps(asked, steps);
    }
    let (shape, latents) = match &args.latents {
        Some(path) => {
            let (shape, values) = read_sample(path)?;
            let [count, channels, height, width] = shape;
            let named = |e| CliError::Failed(format!("{}: {e}", path.display()));
            rules::count(count).map_err(|e| named(CliError::failed(e)))?;
            (loaded.model)
                .check([channels, height, width], loaded.asked.class)
                .map_err(|e| named(CliError::failed(e)))?;
            (shape, Some(values))
        }
        None => {
            let [channels, height, width] = args.common.shape(&loaded)?;
            ([args.count, channels, height, width], None)
        }
    };
    let [count, _, height, width] = shape;
    let size = picture::grid_size(shape);
    picture::check_room(size)?;
    let mut film = animation
        .map(|animation| Film::new(animation, steps, shape, size))
        .transpose()?;
    let job = Job {
        size: Some([height, width]),
        latents,
        ..args.common.job(&loaded, trajectory, args.seed, count)
    };
    let images = args.common.make(&loaded, &job, steps, film.as_mut())?;

    if let Some(path) = &args.save {
        write_sample(path, shape, &images)?;
    }
    if let Some(film) = film {
        film.write(&|values| picture::grid(values, shape))?;
    }
    picture::write_png(&args.out, &picture::grid(&images, shape))?;
    say(args.out.display())?;
    Ok(())
}
