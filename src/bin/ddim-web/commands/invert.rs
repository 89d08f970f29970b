//! `ddim-web invert`: pictures to the noise that they come from (DDIM, section 4.3: the ODE as an encoder).

use std::path::PathBuf;

use ddim_web::runs::{Event, mean_squared_error, rules};
use ddim_web::step::{Convention, Method};
use pollster::block_on;

use crate::args::background::Background;
use crate::args::common::{Common, Steps};
use crate::args::inversion::Inversion;
use crate::draw::picture::{self, GAP};
use crate::draw::sheet::{self, Block, Sheet};
use crate::error::CliError;
use crate::files::latents::write_sample;
use crate::files::outputs::Outputs;
use crate::files::pictures::Pictures;
use crate::progress::advance;
use crate::terminal::say;

/// Arguments of `ddim-web invert`.
#[derive(clap::Args)]
#[command(
    after_help = "Runs the ODE of the DDIM paper (eq. 13 and 14) from the image to noise, with eta = 0 and \
    without clipping x0_hat, whatever the scheduler says: what a clipped step cuts off cannot be brought back. \
    To decode what --save wrote: ddim-web sample --latents FILE --no-clip, with the same --steps and --tau."
)]
pub struct Args {
    /// Pictures: PNG, JPEG, GIF or WebP. Those of another size or number of channels are made to fit
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    background: Background,
    #[command(flatten)]
    steps: Steps,
    #[command(flatten)]
    inversion: Inversion,
    /// Must be 0: noise that is added on the way cannot be undone
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    eta: f64,
    /// Also decode x_T again, and tell how far that is from the picture: the mean squared error of pixels
    /// from 0 to 1
    #[arg(long)]
    reconstruct: bool,
    /// Also write x_T to this .safetensors file (one tensor, sample [B,C,H,W])
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// The sheet to write: a column for each picture with itself, x_T and, with --reconstruct, what x_T gives
    #[arg(long, value_name = "FILE.png", default_value = "inverted.png")]
    out: PathBuf,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError::Usage`] for settings that make no sense, [`CliError::Failed`] for the rest, and when a picture
/// could not be read, after the others are done.
pub fn run(args: &Args) -> Result<(), CliError> {
    rules::method(Method::Inversion(Convention::Retrace).name(), args.eta)?;
    let kinds = if args.reconstruct { 3 } else { 2 };
    let room = sheet::MAX_TILES / kinds;
    if args.images.len() > room {
        return Err(CliError::Usage(format!(
            "images: expected at most {room} pictures on one sheet, found {}",
            args.images.len()
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
    let shape = args.common.shape(&loaded)?;
    sheet::check(args.images.len() * kinds, [shape[1], shape[2]])?;
    let ode = (args.common).ode(&loaded, &args.steps, args.inversion)?;
    let pictures = Pictures::read(&args.images, shape, args.background.background)?;
    args.common.remark_on_clipping(&loaded);

    let count = pictures.names.len();
    let runs = if args.reconstruct { 2 } else { 1 };
    let bar = args.common.bar(ode.events(count) * runs);
    let mut see = |event: &Event| advance(&bar, event);
    let mut watch = loaded.until_stopped(&mut see);
    let x_t = block_on(ode.encode(&pictures.values, &mut watch))?;
    let decoded = if args.reconstruct {
        Some(block_on(ode.decode(&x_t, &mut watch))?)
    } else {
        None
    };
    bar.finish_and_clear();

    if let Some(path) = &args.save {
        write_sample(path, [count, shape[0], shape[1], shape[2]], &x_t)?;
    }
    let image = shape.iter().product();
    let errors = decoded
        .as_ref()
        .map(|decoded| {
            let pairs = pictures
                .values
                .chunks_exact(image)
                .zip(decoded.chunks_exact(image));
            pairs
                .map(|(original, decoded)| mean_squared_error(original, decoded))
                .collect::<Vec<f64>>()
        })
        .unwrap_or_default();
    let mut rows = vec![pictures.values.as_slice(), &x_t];
    rows.extend(decoded.as_deref());
    let sheet = sheet(&pictures.names, rows.len(), &errors);
    let values: Vec<f32> = (0..count)
        .flat_map(|i| rows.iter().flat_map(move |row| &row[i * image..][..image]))
        .copied()
        .collect();
    picture::write_png(&args.out, &sheet.draw(&values, shape))?;
    for (name, error) in pictures.names.iter().zip(&errors) {
        say(format_args!("{name}: reconstruction error {error:.6}"))?;
    }
    say(args.out.display())?;
    match pictures.skipped {
        0 => Ok(()),
        skipped => Err(CliError::Failed(format!(
            "{skipped} of {} pictures could not be read",
            args.images.len()
        ))),
    }
}

/// A column for each picture.
fn sheet(names: &[String], rows: usize, errors: &[f64]) -> Sheet {
    let block = |name: &String| Block {
        title: String::new(),
        columns: vec![name.clone()],
    };
    let caption = |(i, error): (usize, &f64)| ((i + 1) * rows - 1, format!("MSE {error:.5}"));
    Sheet {
        rows: ["original", "x_T", "decoded"][..rows]
            .iter()
            .map(ToString::to_string)
            .collect(),
        blocks: names.iter().map(block).collect(),
        captions: errors.iter().enumerate().map(caption).collect(),
        gap: GAP,
    }
}
