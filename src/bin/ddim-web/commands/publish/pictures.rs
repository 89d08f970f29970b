//! Pictures of a model: those that it comes with, or some that it draws now; and the one for those who show a link.

use std::io::Cursor;

use ddim_web::engine::Engine;
use ddim_web::runs::{Event, Job, Model, Watch, rules};
use ddim_web::scheduler::TrajectoryOptions;
use ddim_web::step::Method;
use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageFormat, ImageReader, Limits, Rgb, RgbImage};

use super::models::Wishes;
use crate::draw::picture;
use crate::error::CliError;
use crate::progress::{advance, progress_bar};
use crate::stop::Stop;

/// More pixels a side than a sheet of pictures has.
const MOST: u32 = 8192;

/// The pictures that a model comes with.
///
/// # Errors
/// When the file is no PNG.
pub fn decoded(bytes: &[u8]) -> Result<RgbImage, image::ImageError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST);
    limits.max_image_height = Some(MOST);
    reader.limits(limits);
    reader.decode().map(DynamicImage::into_rgb8)
}

/// Ends after Ctrl-C.
struct Progress<'a> {
    stop: &'a Stop,
    bar: &'a indicatif::ProgressBar,
}

impl Watch for Progress<'_> {
    fn go_on(&mut self) -> bool {
        !self.stop.requested()
    }

    fn see(&mut self, event: &Event) {
        advance(self.bar, event);
    }
}

/// A sheet of pictures that `model` makes: DDIM with eta 0 and seed 0, of its classes in turn.
///
/// # Errors
/// What the sampler or the network reports; [`CliError::Stopped`] after Ctrl-C.
pub fn draw(model: &Model<Engine>, wishes: &Wishes, stop: &Stop) -> Result<RgbImage, CliError> {
    let shape = model.image_shape(None)?;
    let image: usize = shape.iter().product();
    let steps = wishes
        .steps
        .min(rules::default_steps(model.scheduler()).max(1));
    let trajectory = TrajectoryOptions::new(Method::Ddim { eta: 0.0 }, steps);
    let steps = model.steps(&trajectory)?;
    let classes = model.info().classes.unwrap_or(1).min(wishes.pictures);
    let counts = (0..classes).map(|class| (wishes.pictures - class).div_ceil(classes));
    let counts: Vec<usize> = counts.collect();
    let events = counts.iter().map(|count| model.events(*count, steps)).sum();
    let bar = progress_bar(events, "t = ", wishes.quiet);
    let mut values = vec![0.0; wishes.pictures * image];
    let mut first = 0;
    for (class, count) in counts.into_iter().enumerate() {
        let job = Job {
            first_image: first as u32,
            class: model.info().classes.map(|_| class),
            ..Job::new(trajectory.clone(), 0, count)
        };
        let mut watch = Progress { stop, bar: &bar };
        let made = pollster::block_on(model.run(&job, &mut watch))?;
        for (i, made) in made.chunks_exact(image).enumerate() {
            values[(class + i * classes) * image..][..image].copy_from_slice(made);
        }
        first += count;
    }
    bar.finish_and_clear();
    let [channels, height, width] = shape;
    let batch = wishes.pictures;
    Ok(picture::grid(&values, [batch, channels, height, width]))
}

/// The size that sites which show links ask for.
const WIDTH: u32 = 1200;
const HEIGHT: u32 = 630;

/// The page's background in the dark.
const BACKGROUND: Rgb<u8> = Rgb([18, 22, 21]);

/// Free pixels around each sheet.
const MARGIN: u32 = 30;

/// The picture for those who show a link: the sheets of the first two models beside each other.
pub fn card(previews: &[RgbImage]) -> RgbImage {
    let shown = &previews[..previews.len().min(2)];
    let mut card = RgbImage::from_pixel(WIDTH, HEIGHT, BACKGROUND);
    let cell = WIDTH / (shown.len().max(1) as u32);
    for (i, sheet) in shown.iter().enumerate() {
        let room = (cell - 2 * MARGIN, HEIGHT - 2 * MARGIN);
        let (width, height) = (sheet.width().max(1), sheet.height().max(1));
        let scale = f64::min(
            f64::from(room.0) / f64::from(width),
            f64::from(room.1) / f64::from(height),
        );
        // Whole factors keep the pixels of small pictures squares.
        let scale = if scale >= 1.0 { scale.floor() } else { scale };
        let size = |side: u32| ((f64::from(side) * scale) as u32).max(1);
        let filter = if scale >= 1.0 {
            FilterType::Nearest
        } else {
            FilterType::Triangle
        };
        let sheet = imageops::resize(sheet, size(width), size(height), filter);
        let x = cell * i as u32 + (cell - sheet.width()) / 2;
        let y = (HEIGHT - sheet.height()) / 2;
        imageops::replace(&mut card, &sheet, i64::from(x), i64::from(y));
    }
    card
}
