//! `ddim-web compare`: the same x_T with several S and eta on one sheet (DDIM, figure 5).

use std::path::PathBuf;

use ddim_web::runs::rules;

use crate::args::common::Common;
use crate::args::eta::Eta;
use crate::draw::picture;
use crate::draw::sheet::{self, Block, MAX_TILES, Sheet};
use crate::error::CliError;
use crate::files::latents::write_sample;
use crate::files::outputs::Outputs;
use crate::progress::advance;
use crate::terminal::say;

/// Between two images' blocks.
const BLOCK_GAP: u32 = 22;

/// Arguments of `ddim-web compare`.
#[derive(clap::Args)]
#[command(
    after_help = "Every image is a block of its own, and everything in it begins with the same x_T: S changes \
    from row to row, eta from column to column. With eta = 0 the image of a \
    well-trained model hardly depends on S."
)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    /// Numbers of steps S, one row each; ignored by a --tau that fixes its own number
    #[arg(
        long,
        num_args = 1..,
        value_name = "S",
        default_values_t = [10, 20, 50, 100],
        allow_negative_numbers = true
    )]
    steps: Vec<usize>,
    /// Noise of DDIM, one column each: from 0 (deterministic) to 1 (as much as DDPM), or sigma_hat (more)
    #[arg(
        long,
        num_args = 1..,
        default_values = ["0", "0.5", "1", "sigma_hat"],
        allow_negative_numbers = true
    )]
    eta: Vec<Eta>,
    /// Seed of x_T and of the noise; every image is that of `sample` with the same settings
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,
    /// Number of images, one block each
    #[arg(long, default_value_t = 4, allow_negative_numbers = true)]
    count: usize,
    /// Also write the images as numbers to this .safetensors file (one tensor, sample [B,C,H,W], block by
    /// block and in each row by row)
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// The sheet to write
    #[arg(long, value_name = "FILE.png", default_value = "comparison.png")]
    out: PathBuf,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError::Usage`] for settings that make no sense, [`CliError::Failed`] for the rest.
pub fn run(args: &Args) -> Result<(), CliError> {
    let fixed = args.common.tau.as_ref().and_then(|tau| tau.fixed_steps());
    let steps = match fixed {
        None => args.steps.clone(),
        Some(steps) => vec![steps],
    };
    rules::count(args.count)?;
    let cells = args.count.saturating_mul(steps.len() * args.eta.len());
    if cells > MAX_TILES {
        return Err(CliError::Usage(format!(
            "count: expected at most {MAX_TILES} images on one sheet, found {} × {} S × {} eta",
            args.count,
            steps.len(),
            args.eta.len()
        )));
    }
    Outputs {
        out: &args.out,
        save: args.save.as_deref(),
        animate: None,
        inputs: &[],
    }
    .check()?;
    let loaded = args.common.open()?;
    let shape = args.common.shape(&loaded)?;
    let [channels, height, width] = shape;
    sheet::check(cells, [height, width])?;
    let mut runs = Vec::new();
    let mut events = 0;
    for &steps in &steps {
        for (column, eta) in args.eta.iter().enumerate() {
            let trajectory = args.common.trajectory(eta.method(), steps, None);
            let found = loaded.model.steps(&trajectory)?;
            if column == 0 {
                args.common.remark_on_steps(steps, found);
            }
            events += loaded.model.events(args.count, found);
            runs.push(args.common.job(&loaded, trajectory, args.seed, args.count));
        }
    }

    let bar = args.common.bar(events);
    let image: usize = shape.iter().product();
    let mut values = vec![0.0; cells * image];
    for (cell, job) in runs.iter().enumerate() {
        let images = loaded.run(job, &mut |event| advance(&bar, event))?;
        for (i, pixels) in images.chunks_exact(image).enumerate() {
            values[(i * runs.len() + cell) * image..][..image].copy_from_slice(pixels);
        }
    }
    bar.finish_and_clear();

    if let Some(path) = &args.save {
        write_sample(path, [cells, channels, height, width], &values)?;
    }
    let sheet = sheet(args, &steps);
    picture::write_png(&args.out, &sheet.draw(&values, shape))?;
    say(args.out.display())?;
    Ok(())
}

/// A block for each image.
fn sheet(args: &Args, steps: &[usize]) -> Sheet {
    let block = |i: usize| Block {
        title: format!("image {}", i + 1),
        columns: args.eta.iter().map(label).collect(),
    };
    Sheet {
        rows: steps.iter().map(|steps| format!("S = {steps}")).collect(),
        blocks: (0..args.count).map(block).collect(),
        captions: Vec::new(),
        gap: BLOCK_GAP,
    }
}

fn label(eta: &Eta) -> String {
    match eta {
        Eta::Value(eta) => format!("eta = {eta}"),
        Eta::SigmaHat => eta.to_string(),
    }
}
