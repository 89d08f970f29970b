//! `ddim-web interpolate`: images between two or four noises (DDIM, section 5.3 and appendix D.5).

use std::path::PathBuf;

use ddim_web::noise::gaussian;
use ddim_web::runs::paths::{between, weight};
use ddim_web::runs::{Event, Job};
use ddim_web::step::{Clip, Method};
use pollster::block_on;

use crate::args::background::Background;
use crate::args::common::{Common, Steps};
use crate::args::inversion::Inversion;
use crate::args::loaded::Loaded;
use crate::draw::animation::Animation;
use crate::draw::film::Film;
use crate::draw::picture::{self, GAP};
use crate::draw::sheet::{self, Block, MAX_TILES, Sheet};
use crate::error::CliError;
use crate::files::latents::write_sample;
use crate::files::outputs::Outputs;
use crate::files::pictures::Pictures;
use crate::progress::advance;
use crate::terminal::say;

/// Arguments of `ddim-web interpolate`.
#[derive(clap::Args)]
#[command(
    group(clap::ArgGroup::new("ends").required(true).multiple(false).args(["seeds", "images"])),
    after_help = "The noises x_T are joined by a spherical path and decoded with eta = 0, so that an image \
    depends on its x_T alone. Between pictures x0_hat is not clipped, unless --clip says so: the ends are the \
    pictures again, as well as S steps give them back."
)]
pub struct Args {
    /// Two seeds for a row of images between them, four for a grid (top left, top right, bottom left, bottom
    /// right); each is the first image of `sample` with that seed
    #[arg(
        long,
        num_args = 1..,
        value_name = "SEED",
        allow_negative_numbers = true,
        conflicts_with = "images"
    )]
    seeds: Vec<u64>,
    /// Two or four pictures in place of seeds: they are inverted first, as `invert` does it
    #[arg(long, num_args = 1.., value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Clip x0_hat between pictures too, where the scheduler does: cleaner images between, but ends that are no
    /// longer the pictures
    #[arg(long, conflicts_with = "seeds")]
    clip: bool,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    background: Background,
    /// Images of a row, its ends among them; a grid has as many rows
    #[arg(long, default_value_t = 8, allow_negative_numbers = true)]
    frames: usize,
    #[command(flatten)]
    steps: Steps,
    #[command(flatten)]
    inversion: Inversion,
    /// Also write the images as numbers to this .safetensors file (one tensor, sample [B,C,H,W], row by row)
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Also write a film of the prediction of x_0 over the steps: .gif, .webp or .png
    #[arg(long, value_name = "FILE")]
    animate: Option<PathBuf>,
    /// The sheet to write
    #[arg(long, value_name = "FILE.png", default_value = "interpolation.png")]
    out: PathBuf,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError::Usage`] for settings that make no sense, [`CliError::Failed`] for the rest.
pub fn run(args: &Args) -> Result<(), CliError> {
    let animation = args.animate.as_deref().map(Animation::new).transpose()?;
    let (rows, columns) = (rows(args)?, args.frames);
    Outputs {
        out: &args.out,
        save: args.save.as_deref(),
        animate: args.animate.as_deref(),
        inputs: &args.images,
    }
    .check()?;
    let count = rows * columns;
    let loaded = args.common.open()?;
    let shape = args.common.shape(&loaded)?;
    let [channels, height, width] = shape;
    sheet::check(count, [height, width])?;
    let between_pictures = !args.images.is_empty();
    let clip = (between_pictures && !args.clip).then_some(Clip::None);
    let steps = args.steps.count(loaded.model.scheduler());
    let trajectory = (args.common).trajectory(Method::Ddim { eta: 0.0 }, steps, clip);
    let steps = loaded.model.steps(&trajectory)?;
    let batch = [count, channels, height, width];
    let mut film = animation
        .map(|animation| {
            Film::new(
                animation,
                steps,
                batch,
                Ends::sheet_size(rows, columns, shape),
            )
        })
        .transpose()?;

    let ends = if between_pictures {
        Ends::of_pictures(args, &loaded, shape)?
    } else {
        Ends::of_seeds(&args.seeds, shape.iter().product())
    };
    let job = Job {
        latents: Some(between(&ends.noises, rows, columns).map_err(CliError::failed)?),
        ..args.common.job(&loaded, trajectory, 0, count)
    };
    let images = args.common.make(&loaded, &job, steps, film.as_mut())?;

    if let Some(path) = &args.save {
        write_sample(path, batch, &images)?;
    }
    let sheet = ends.sheet(rows, columns);
    let draw = |values: &[f32]| sheet.draw(values, shape);
    if let Some(film) = film {
        film.write(&draw)?;
    }
    picture::write_png(&args.out, &draw(&images))?;
    say(args.out.display())?;
    Ok(())
}

/// Rows of the sheet: 1 between two ends, as many as columns between four.
fn rows(args: &Args) -> Result<usize, CliError> {
    let (what, ends) = match args.images.len() {
        0 => ("seeds", args.seeds.len()),
        pictures => ("images", pictures),
    };
    let most = match ends {
        2 => MAX_TILES,
        4 => MAX_TILES.isqrt(),
        found => {
            return Err(CliError::Usage(format!(
                "{what}: expected 2 for a row or 4 for a grid, found {found}"
            )));
        }
    };
    match args.frames {
        frames if !(2..=most).contains(&frames) => Err(CliError::Usage(format!(
            "frames: expected 2 to {most} between {ends} {what}, found {frames}"
        ))),
        frames if ends == 4 => Ok(frames),
        _ => Ok(1),
    }
}

/// The two or four noises between which the others lie.
struct Ends {
    names: Vec<String>,
    /// x_T, each `[C, H, W]`.
    noises: Vec<Vec<f32>>,
}

impl Ends {
    /// x_T of the first image of each seed, of `image` = C * H * W values.
    fn of_seeds(seeds: &[u64], image: usize) -> Self {
        let noise = |seed: &u64| {
            let mut values = vec![0.0; image];
            gaussian(*seed, 0, 0, &mut values);
            values
        };
        Self {
            names: seeds.iter().map(|seed| format!("seed {seed}")).collect(),
            noises: seeds.iter().map(noise).collect(),
        }
    }

    /// x_T of the pictures in `--images`, as images of `shape` `[C, H, W]`.
    fn of_pictures(args: &Args, loaded: &Loaded, shape: [usize; 3]) -> Result<Self, CliError> {
        let ode = (args.common).ode(loaded, &args.steps, args.inversion)?;
        let pictures = Pictures::read(&args.images, shape, args.background.background)?;
        if pictures.skipped > 0 {
            return Err(CliError::Failed(format!(
                "images: expected {} pictures, {} of them cannot be read",
                args.images.len(),
                pictures.skipped
            )));
        }
        args.common.remark_on_clipping(loaded);
        let bar = args.common.bar(ode.events(pictures.names.len()));
        let mut see = |event: &Event| advance(&bar, event);
        let x_t = block_on(ode.encode(&pictures.values, &mut loaded.until_stopped(&mut see)))?;
        bar.finish_and_clear();
        let noises = x_t.chunks_exact(shape.iter().product());
        Ok(Self {
            names: pictures.names,
            noises: noises.map(<[f32]>::to_vec).collect(),
        })
    }

    /// Width and height of the sheet of images of `shape` `[C, H, W]`, which does not depend on what the ends are.
    fn sheet_size(rows: usize, columns: usize, shape: [usize; 3]) -> [u64; 2] {
        let some = Self {
            names: vec!["any".into(); 4],
            noises: Vec::new(),
        };
        some.sheet(rows, columns).size(shape)
    }

    /// A row is cut into lines where it is long; a grid is one block.
    fn sheet(&self, rows: usize, columns: usize) -> Sheet {
        let mut names = vec![String::new(); columns];
        names[0].clone_from(&self.names[0]);
        names[columns - 1].clone_from(&self.names[1]);
        if rows == 1 {
            for (i, name) in names.iter_mut().enumerate().skip(1).take(columns - 2) {
                *name = format!("{:.2}", weight(i, columns));
            }
            let block = |name| Block {
                title: String::new(),
                columns: vec![name],
            };
            return Sheet {
                rows: vec![String::new()],
                blocks: names.into_iter().map(block).collect(),
                gap: GAP,
                ..Sheet::default()
            };
        }
        Sheet {
            rows: vec![String::new(); rows],
            blocks: vec![Block {
                title: String::new(),
                columns: names,
            }],
            captions: vec![
                ((rows - 1) * columns, self.names[2].clone()),
                (rows * columns - 1, self.names[3].clone()),
            ],
            gap: 0,
        }
    }
}
