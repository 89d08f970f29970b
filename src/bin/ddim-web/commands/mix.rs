//! `ddim-web mix`: two pictures mixed after noise up to t, coarse to fine (DDPM, figures 8 and 9).

use std::path::PathBuf;

use ddim_web::runs::Job;
use ddim_web::runs::partial::{mixed, noised};
use ddim_web::runs::paths::weight;
use ddim_web::scheduler::TrajectoryOptions;

use crate::args::background::Background;
use crate::args::common::Common;
use crate::args::way::Way;
use crate::draw::picture;
use crate::draw::sheet::{self, MAX_TILES, Sheet};
use crate::error::CliError;
use crate::files::latents::write_sample;
use crate::files::outputs::Outputs;
use crate::files::pictures::Pictures;
use crate::progress::advance;
use crate::terminal::say;

/// Arguments of `ddim-web mix`.
#[derive(clap::Args)]
#[command(
    after_help = "Adds the noise of the forward process to both pictures, up to t, mixes them on a straight line and \
    goes back from there (DDPM, figures 8 and 9). The larger t, the coarser what is mixed: at a small one it is the \
    pixels, at a large one what the picture shows. All images of a row get the same noise on the way back. \
    `ddim-web interpolate --images` goes along the ODE instead."
)]
pub struct Args {
    /// Two pictures: PNG, JPEG, GIF or WebP. Those of another size or number of channels are made to fit
    #[arg(required = true, num_args = 2, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    background: Background,
    #[command(flatten)]
    way: Way,
    /// Images of a row, its ends among them
    #[arg(long, default_value_t = 9, allow_negative_numbers = true)]
    frames: usize,
    /// Also write the mixed images to this .safetensors file (one tensor, sample [B,C,H,W], row by row)
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// The sheet to write: a row for each t with both pictures at its ends
    #[arg(long, value_name = "FILE.png", default_value = "mix.png")]
    out: PathBuf,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError::Usage`] for settings that make no sense, [`CliError::Failed`] for the rest.
pub fn run(args: &Args) -> Result<(), CliError> {
    let method = args.way.method()?;
    let rows = args.way.rows();
    let most = (MAX_TILES / rows).saturating_sub(2);
    if !(2..=most).contains(&args.frames) {
        return Err(CliError::Usage(format!(
            "frames: expected 2 to {most}, found {}",
            args.frames
        )));
    }
    Outputs {
        out: &args.out,
        save: args.save.as_deref(),
        animate: None,
        inputs: &args.images,
    }
    .check()?;
    let loaded = args.common.open()?;
    let trajectory = args.way.trajectory(&args.common, &loaded, method)?;
    let shape = args.common.shape(&loaded)?;
    let [channels, height, width] = shape;
    sheet::check(rows * (args.frames + 2), [height, width])?;
    let steps = args.way.steps(&loaded, &trajectory)?;
    let pictures = Pictures::read(&args.images, shape, args.background.background)?;
    if pictures.skipped > 0 {
        return Err(CliError::Failed(format!(
            "images: expected 2 pictures, {} of them cannot be read",
            pictures.skipped
        )));
    }

    let image: usize = shape.iter().product();
    let (a, b) = pictures.values.split_at(image);
    let events = steps
        .iter()
        .map(|steps| loaded.model.events(args.frames, *steps));
    let bar = args.common.bar(events.sum());
    let (mut tiles, mut mixtures) = (Vec::new(), Vec::new());
    let levels = args.way.levels(&loaded);
    for &t in &levels {
        let seed = args.way.seed;
        let noisy = noised(
            loaded.model.scheduler(),
            t,
            &pictures.values,
            image,
            seed,
            0,
        )
        .map_err(CliError::usage)?;
        let (a_t, b_t) = noisy.split_at(image);
        let trajectory = TrajectoryOptions {
            from: Some(t),
            ..trajectory.clone()
        };
        let job = Job {
            latents: Some(mixed(a_t, b_t, args.frames).map_err(CliError::usage)?),
            // Images 0 and 1 are the pictures; the frames share the noise of the way back.
            first_image: 2,
            same_noise: true,
            ..args.common.job(&loaded, trajectory, seed, args.frames)
        };
        let images = loaded.run(&job, &mut |event| advance(&bar, event))?;
        tiles.extend([a, &images, b].concat());
        mixtures.extend(images);
    }
    bar.finish_and_clear();

    if let Some(path) = &args.save {
        write_sample(
            path,
            [rows * args.frames, channels, height, width],
            &mixtures,
        )?;
    }
    let sheet = sheet(args, &levels, &pictures.names);
    picture::write_png(&args.out, &sheet.draw(&tiles, shape))?;
    say(args.out.display())?;
    Ok(())
}

fn sheet(args: &Args, levels: &[usize], names: &[String]) -> Sheet {
    let weights = (0..args.frames).map(|i| format!("{:.2}", weight(i, args.frames)));
    let columns = [names[0].clone()]
        .into_iter()
        .chain(weights)
        .chain([names[1].clone()])
        .collect();
    Sheet::table(levels.iter().map(|t| format!("t = {t}")).collect(), columns)
}
