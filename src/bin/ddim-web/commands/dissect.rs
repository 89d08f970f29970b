//! `ddim-web dissect`: single steps of one image as the three terms that they add up (DDIM, eq. 12).

use std::path::PathBuf;

use ddim_web::runs::{Dissected, Event, Job, Refusal, dissect, rules};
use ddim_web::step::Clip;
use pollster::block_on;

use crate::args::common::{Common, Steps};
use crate::args::way;
use crate::draw::picture;
use crate::draw::sheet::{self, Sheet};
use crate::error::CliError;
use crate::files::outputs::Outputs;
use crate::progress::advance;
use crate::terminal::say;

/// Images of one step.
const COLUMNS: [&str; 6] = ["x_t", "x0_hat", "a x0_hat", "b eps", "sigma z", "x_next"];

/// Arguments of `ddim-web dissect`.
#[derive(clap::Args)]
#[command(
    after_help = "A row for each step: the state x_t, the picture that the network predicts, the three terms of the \
    DDIM paper's eq. 12 (predicted x_0, direction pointing to x_t, random noise) with their factors, and their sum, \
    which is the next state. Greys are values from -1 to 1; what lies outside is black or white."
)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    steps: Steps,
    /// Which steps of the run, counted from 1 [default: the first, those at each third of the way, and the last]
    #[arg(long = "step", value_name = "K", num_args = 1.., allow_negative_numbers = true)]
    which: Option<Vec<usize>>,
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
    /// Which image of `sample` with this seed, counted from 1
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    image: u32,
    /// The sheet to write
    #[arg(long, value_name = "FILE.png", default_value = "dissection.png")]
    out: PathBuf,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError::Usage`] for settings that make no sense, [`CliError::Failed`] for the rest.
pub fn run(args: &Args) -> Result<(), CliError> {
    let method = way::method(&args.method, args.eta)?;
    Outputs {
        out: &args.out,
        save: None,
        animate: None,
        inputs: &[],
    }
    .check()?;
    let clip = args.no_clip.then_some(Clip::None);
    let loaded = args.common.open()?;
    let asked = args.steps.count(loaded.model.scheduler());
    let trajectory = args.common.trajectory(method, asked, clip);
    rules::clip(loaded.model.scheduler(), method, clip)?;
    let shape = args.common.shape(&loaded)?;
    let total = loaded.model.steps(&trajectory)?;
    args.common.remark_on_steps(asked, total);
    let which = which(args.which.as_deref(), total)?;
    sheet::check(which.len() * COLUMNS.len(), [shape[1], shape[2]])?;
    let job = Job {
        first_image: args.image - 1,
        ..args.common.job(&loaded, trajectory, args.seed, 1)
    };
    let end = which.iter().max().map_or(0, |last| last + 1);
    let bar = args.common.bar(end as u64);
    let mut see = |event: &Event| advance(&bar, event);
    let mut watch = loaded.until_stopped(&mut see);
    let found = block_on(dissect(&loaded.model, &job, &which, &mut watch))?;
    bar.finish_and_clear();

    let values: Vec<f32> = found.iter().flat_map(images).flatten().copied().collect();
    picture::write_png(&args.out, &sheet(&found, total).draw(&values, shape))?;
    say("| step | t | next | a (x0_hat) | b (eps) | sigma (z) |\n|---:|---:|---:|---:|---:|---:|")?;
    for Dissected { terms, .. } in &found {
        let c = terms.coefficients;
        say(format_args!(
            "| {} | {} | {} | {:.6} | {:.6} | {:.6} |",
            terms.index + 1,
            terms.t,
            next(terms.t_next),
            c.a,
            c.b,
            c.sigma
        ))?;
    }
    say(args.out.display())?;
    Ok(())
}

/// The steps asked for, from 0, each once and rising.
fn which(asked: Option<&[usize]>, total: usize) -> Result<Vec<usize>, CliError> {
    let mut which: Vec<usize> = match asked {
        None => vec![0, total / 3, 2 * total / 3, total - 1],
        Some(asked) => asked
            .iter()
            .map(|&found| {
                found
                    .checked_sub(1)
                    .filter(|index| *index < total)
                    .ok_or(Refusal::Step { total, found })
            })
            .collect::<Result<_, _>>()?,
    };
    which.sort_unstable();
    which.dedup();
    Ok(which)
}

fn images(step: &Dissected) -> [&[f32]; 6] {
    let terms = &step.terms;
    [
        &step.x_t,
        &terms.x0_hat,
        &terms.predicted,
        &terms.direction,
        &terms.noise,
        &step.x_next,
    ]
}

fn next(t: Option<usize>) -> String {
    t.map_or("x_0".into(), |t| t.to_string())
}

fn caption_of(t: Option<usize>) -> String {
    t.map_or_else(|| next(t), |t| format!("t = {t}"))
}

/// A row for each step.
fn sheet(found: &[Dissected], total: usize) -> Sheet {
    let row = |step: &Dissected| format!("step {}/{total}", step.terms.index + 1);
    let captions = found.iter().enumerate().flat_map(|(row, step)| {
        let terms = &step.terms;
        let c = terms.coefficients;
        let first = row * COLUMNS.len();
        [
            (first, format!("t = {}", terms.t)),
            (first + 2, format!("a = {:.4}", c.a)),
            (first + 3, format!("b = {:.4}", c.b)),
            (first + 4, format!("s = {:.4}", c.sigma)),
            (first + 5, caption_of(terms.t_next)),
        ]
    });
    let rows = found.iter().map(row).collect();
    Sheet {
        captions: captions.collect(),
        ..Sheet::table(rows, COLUMNS.map(String::from).into())
    }
}
