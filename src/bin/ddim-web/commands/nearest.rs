//! `ddim-web nearest`: the training pictures that are nearest to a model's images (DDPM, appendix D).

use std::path::PathBuf;

use ddim_web::evaluate::{eight_bits, parallel};
use ddim_web::images::ImageSet;
use ddim_web::runs::nearest::{Nearest, NearestError, Neighbour};
use ddim_web::runs::{Job, rules};
use ddim_web::step::Clip;

use crate::args::background::Background;
use crate::args::common::{Common, Steps};
use crate::args::loaded::Loaded;
use crate::args::way;
use crate::draw::picture;
use crate::draw::sheet::{self, MAX_TILES, Sheet};
use crate::error::CliError;
use crate::files::classifier::Classifier;
use crate::files::dataset;
use crate::files::outputs::Outputs;
use crate::files::pictures::Pictures;
use crate::terminal::say;

/// Training pictures that are compared at once.
const CHUNK: usize = 500;

/// Arguments of `ddim-web nearest`.
#[derive(clap::Args)]
#[command(
    after_help = "A row for each image: itself, then the nearest pictures of --data with their Euclidean distances \
    (of pixels from -1 to 1, or with --network of features). The numbers of those pictures are printed too, counted \
    from 0 in the order of the file or of their names. An image whose nearest neighbour is nearly itself was learned \
    by heart."
)]
pub struct Args {
    /// Pictures to look for [default: images that the model makes]
    #[arg(value_name = "IMAGE")]
    images: Vec<PathBuf>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    background: Background,
    /// Folder of the training images: train-images-idx3-ubyte[.gz], or pictures (PNG, JPEG, WebP, GIF)
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Compare the features of this classifier (tools/train_features.py makes one) instead of pixels
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// Neighbours of each image
    #[arg(long, default_value_t = 5, allow_negative_numbers = true)]
    neighbours: usize,
    #[command(flatten)]
    steps: Steps,
    /// Noise of DDIM, from 0 (deterministic) to 1 (as much as DDPM)
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    eta: f64,
    /// ddim, sigma_hat, ddpm_noisy, ddpm_fixed_small, ddpm_fixed_large or probability_flow
    #[arg(long, default_value = "ddim")]
    method: String,
    /// Leave x0_hat as it is where the scheduler would clip it
    #[arg(long)]
    no_clip: bool,
    /// Seed of the noise
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,
    /// Number of images that the model makes
    #[arg(long, default_value_t = 8, allow_negative_numbers = true)]
    count: usize,
    /// The sheet to write
    #[arg(long, value_name = "FILE.png", default_value = "nearest.png")]
    out: PathBuf,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError::Usage`] for settings that make no sense, [`CliError::Failed`] for the rest.
pub fn run(args: &Args) -> Result<(), CliError> {
    let method = way::method(&args.method, args.eta)?;
    let rows = if args.images.is_empty() {
        rules::count(args.count)?;
        args.count
    } else {
        args.images.len()
    };
    let most = (MAX_TILES / rows).saturating_sub(1);
    if !(1..=most).contains(&args.neighbours) {
        return Err(CliError::Usage(format!(
            "neighbours: expected 1 to {most} for {rows} images, found {}",
            args.neighbours
        )));
    }
    Outputs {
        out: &args.out,
        save: None,
        animate: None,
        inputs: &args.images,
    }
    .check()?;
    let clip = args.no_clip.then_some(Clip::None);
    let loaded = args.common.open()?;
    let asked = args.steps.count(loaded.model.scheduler());
    let trajectory = args.common.trajectory(method, asked, clip);
    rules::clip(loaded.model.scheduler(), method, clip)?;
    let shape = args.common.shape(&loaded)?;
    sheet::check(rows * (args.neighbours + 1), [shape[1], shape[2]])?;
    let steps = loaded.model.steps(&trajectory)?;
    let classifier = args
        .network
        .as_deref()
        .map(|path| Classifier::open(path, shape));
    let classifier = classifier.transpose()?;
    let read = dataset::read(
        &args.data,
        u32::try_from(shape[1]).ok(),
        args.background.background,
    )?;
    let set = dataset::fitted(read.images, &args.data, shape)?;
    if args.neighbours > set.count() {
        return Err(CliError::usage(NearestError::Neighbours {
            most: set.count(),
            found: args.neighbours,
        }));
    }
    let (names, images, unreadable) = if args.images.is_empty() {
        let job: Job = args.common.job(&loaded, trajectory, args.seed, args.count);
        let images = args.common.make(&loaded, &job, steps, None)?;
        let names = (1..=args.count).map(|i| i.to_string()).collect();
        // Compared as a picture file keeps them: the training pictures have 8 bits.
        let images: Vec<f32> = images.into_iter().map(eight_bits).collect();
        (names, images, 0)
    } else {
        let pictures = Pictures::read(&args.images, shape, args.background.background)?;
        (pictures.names, pictures.values, pictures.skipped)
    };
    let found = find(
        args.neighbours,
        &loaded,
        classifier.as_ref(),
        &images,
        &set,
        shape,
    )?;

    let image: usize = shape.iter().product();
    let mut tiles = Vec::new();
    for (image, found) in images.chunks_exact(image).zip(&found) {
        let indices: Vec<usize> = found.iter().map(|n| n.index).collect();
        tiles.extend_from_slice(image);
        tiles.extend(set.scaled(&indices));
    }
    picture::write_png(&args.out, &sheet(&names, &found).draw(&tiles, shape))?;
    for (name, found) in names.iter().zip(&found) {
        let nearest: Vec<String> = found
            .iter()
            .map(|n| format!("{} ({:.3})", n.index, n.distance))
            .collect();
        say(format_args!("{name}: {}", nearest.join(", ")))?;
    }
    say(args.out.display())?;
    match read.skipped + unreadable {
        0 => Ok(()),
        skipped => Err(CliError::Failed(format!(
            "pictures that could not be read: {skipped}"
        ))),
    }
}

/// The nearest pictures of `set` for each of `images`.
fn find(
    neighbours: usize,
    loaded: &Loaded,
    classifier: Option<&Classifier>,
    images: &[f32],
    set: &ImageSet,
    shape: [usize; 3],
) -> Result<Vec<Vec<Neighbour>>, CliError> {
    let [channels, height, width] = shape;
    let image = channels * height * width;
    let rows = |values: Vec<f32>| match classifier {
        None => Ok(values),
        Some(classifier) => {
            let shape = [values.len() / image, channels, height, width];
            let features = classifier.network.features(&values, shape);
            features.map_err(CliError::failed)
        }
    };
    let width = classifier.map_or(image, |c| c.network.dimension());
    let images = rows(images.to_vec())?;
    let go_on = || !loaded.stop.requested();
    // Each piece keeps its own nearest; the nearest of all are among them.
    let pieces = parallel::map(set.count(), CHUNK, &go_on, &|range| {
        let first = range.start;
        let pictures = rows(set.scaled(&range.clone().collect::<Vec<_>>()))?;
        let most = neighbours.min(range.len());
        let mut nearest = Nearest::new(&images, width, most).map_err(CliError::usage)?;
        nearest.add(&pictures).map_err(CliError::failed)?;
        let mut found = nearest.found().map_err(CliError::failed)?;
        found.iter_mut().flatten().for_each(|n| n.index += first);
        Ok(found)
    });
    let pieces: Result<Vec<_>, CliError> = pieces.ok_or(CliError::Stopped)?.into_iter().collect();
    let mut all: Vec<Vec<Neighbour>> = vec![Vec::new(); images.len() / width];
    for piece in pieces? {
        for (all, found) in all.iter_mut().zip(piece) {
            all.extend(found);
        }
    }
    for found in &mut all {
        found.sort_by(|a, b| a.distance.total_cmp(&b.distance));
        found.truncate(neighbours);
    }
    Ok(all)
}

/// A row for each image.
fn sheet(names: &[String], found: &[Vec<Neighbour>]) -> Sheet {
    let neighbours = found.first().map_or(0, Vec::len);
    let columns = neighbours + 1;
    let captions = found.iter().enumerate().flat_map(|(row, found)| {
        let text = move |(i, n): (usize, &Neighbour)| {
            (row * columns + 1 + i, format!("{:.2}", n.distance))
        };
        found.iter().enumerate().map(text)
    });
    let titles = (1..=neighbours).map(|i| format!("nearest {i}"));
    let columns = ["image".to_string()].into_iter().chain(titles).collect();
    Sheet {
        captions: captions.collect(),
        ..Sheet::table(names.to_vec(), columns)
    }
}
