//! `ddim-web variations`: many x_0 from one x_t (DDPM, figure 7).

use std::path::PathBuf;

use ddim_web::runs::Job;
use ddim_web::runs::partial::noised;
use ddim_web::scheduler::TrajectoryOptions;

use crate::args::background::Background;
use crate::args::common::Common;
use crate::args::loaded::Loaded;
use crate::args::way::{Way, down_to};
use crate::draw::picture;
use crate::draw::sheet::{self, MAX_TILES, Sheet};
use crate::error::CliError;
use crate::files::latents::write_sample;
use crate::files::outputs::Outputs;
use crate::files::pictures::Pictures;
use crate::progress::advance;
use crate::terminal::say;

/// Images of a row before those that are drawn: where it comes from, and x_t.
const SOURCES: usize = 2;

/// Arguments of `ddim-web variations`.
#[derive(clap::Args)]
#[command(
    after_help = "Draws x_0 from p(x_0 | x_t) again and again (DDPM, figure 7). x_t is the picture with the noise of \
    the forward process, or without a picture what sampling has made of one x_T by then. Images from the same x_t \
    share what it has settled: everything at a small t, next to nothing at a large one."
)]
pub struct Args {
    /// A picture to begin with [default: an image that the model makes of --seed]
    #[arg(value_name = "IMAGE")]
    image: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    background: Background,
    #[command(flatten)]
    way: Way,
    /// Images for each t
    #[arg(long, default_value_t = 8, allow_negative_numbers = true)]
    count: usize,
    /// Also write the images that are drawn to this .safetensors file (one tensor, sample [B,C,H,W], row by row)
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// The sheet to write: a row for each t with the picture or x_T, x_t, and the images drawn
    #[arg(long, value_name = "FILE.png", default_value = "variations.png")]
    out: PathBuf,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError::Usage`] for settings that make no sense, [`CliError::Failed`] for the rest.
pub fn run(args: &Args) -> Result<(), CliError> {
    let method = args.way.method()?;
    let rows = args.way.rows();
    if args.count == 0 || args.count.saturating_add(SOURCES).saturating_mul(rows) > MAX_TILES {
        return Err(CliError::Usage(format!(
            "count: expected 1 to {}, found {}",
            (MAX_TILES / rows).saturating_sub(SOURCES),
            args.count
        )));
    }
    Outputs {
        out: &args.out,
        save: args.save.as_deref(),
        animate: None,
        inputs: args.image.as_slice(),
    }
    .check()?;
    let loaded = args.common.open()?;
    let trajectory = args.way.trajectory(&args.common, &loaded, method)?;
    let shape = args.common.shape(&loaded)?;
    let [channels, height, width] = shape;
    let columns = args.count + SOURCES;
    sheet::check(rows * columns, [height, width])?;
    let back = args.way.steps(&loaded, &trajectory)?;
    let there: Vec<usize> = match args.image {
        Some(_) => vec![0; rows],
        None => args.way.steps_before(&loaded, &trajectory)?,
    };
    let source = match &args.image {
        None => Source::of_seed(args.way.seed, shape.iter().product()),
        Some(path) => Source {
            name: "picture",
            values: Pictures::read(
                std::slice::from_ref(path),
                shape,
                args.background.background,
            )?
            .values,
        },
    };

    let model = &loaded.model;
    let events = back.iter().map(|steps| model.events(args.count, *steps));
    let bar = (args.common).bar(events.sum::<u64>() + there.iter().sum::<usize>() as u64);
    let (mut tiles, mut drawn) = (Vec::new(), Vec::new());
    let levels = args.way.levels(&loaded);
    for &t in &levels {
        let x_t = match args.image {
            Some(_) => noised(
                model.scheduler(),
                t,
                &source.values,
                source.values.len(),
                args.way.seed,
                0,
            )
            .map_err(CliError::usage)?,
            None => {
                let job = args
                    .common
                    .job(&loaded, down_to(&trajectory, t), args.way.seed, 1);
                loaded.run(&job, &mut |event| advance(&bar, event))?
            }
        };
        let images = draw(args, &loaded, &trajectory, t, &x_t, &bar)?;
        tiles.extend([source.values.as_slice(), &x_t, &images].concat());
        drawn.extend(images);
    }
    bar.finish_and_clear();

    if let Some(path) = &args.save {
        write_sample(path, [rows * args.count, channels, height, width], &drawn)?;
    }
    let sheet = sheet(args, &levels, source.name);
    picture::write_png(&args.out, &sheet.draw(&tiles, shape))?;
    say(args.out.display())?;
    Ok(())
}

/// Images from `x_t`. The noise of x_T and of the way to x_t is that of image 0; theirs is that of the images from 1.
fn draw(
    args: &Args,
    loaded: &Loaded,
    trajectory: &TrajectoryOptions,
    t: usize,
    x_t: &[f32],
    bar: &indicatif::ProgressBar,
) -> Result<Vec<f32>, CliError> {
    let trajectory = TrajectoryOptions {
        from: Some(t),
        ..trajectory.clone()
    };
    let job = Job {
        latents: Some(x_t.repeat(args.count)),
        first_image: 1,
        ..(args.common).job(loaded, trajectory, args.way.seed, args.count)
    };
    loaded.run(&job, &mut |event| advance(bar, event))
}

/// What x_t is made of.
struct Source {
    name: &'static str,
    values: Vec<f32>,
}

impl Source {
    fn of_seed(seed: u64, image: usize) -> Self {
        let mut values = vec![0.0; image];
        ddim_web::noise::gaussian(seed, 0, 0, &mut values);
        Self {
            name: "x_T",
            values,
        }
    }
}

fn sheet(args: &Args, levels: &[usize], source: &str) -> Sheet {
    let numbers = (1..=args.count).map(|i| i.to_string());
    let columns = [source.to_string(), "x_t".into()]
        .into_iter()
        .chain(numbers)
        .collect();
    Sheet::table(levels.iter().map(|t| format!("t = {t}")).collect(), columns)
}
