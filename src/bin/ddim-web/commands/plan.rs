//! `ddim-web plan`: what one step of a model costs. Needs its config.json alone.

use std::path::PathBuf;

use ddim_web::engine::plan::{Plan, TrainingPlan};
use ddim_web::unet::config::UnetConfig;

use crate::error::CliError;
use crate::files::model::Source;
use crate::terminal::{remark, say};

/// Arguments of `plan`.
#[derive(clap::Args)]
#[command(after_help = "\
A step runs the network once. Printed are the number of operations that it is made of, its multiplications, the \
numbers that were trained, and the memory that one image needs on its way. With --train the same of a step of \
training: the network, the loss and the gradients of all parameters. The weights are not read.

Examples:
  ddim-web plan --model www/models/fashion-mnist --ops
  ddim-web plan --model www/models/fashion-mnist --train --batch 64")]
pub struct Args {
    /// The model, as for the other commands; of it config.json is read
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Height and width of the images [default: the model's own]
    #[arg(long, num_args = 2, value_names = ["H", "W"])]
    size: Option<Vec<usize>>,
    /// Every operation in a line of its own: what it reads, where its result goes, and its weights
    #[arg(long)]
    ops: bool,
    /// A step of training in place of one of sampling
    #[arg(long)]
    train: bool,
    /// Images per step of training
    #[arg(long, requires = "train", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: u16,
}

/// Prints the plan.
///
/// # Errors
/// The file that cannot be used and why; the size when the network cannot run on it.
pub fn run(args: &Args) -> Result<(), CliError> {
    let config =
        UnetConfig::from_json(&Source::open(&args.model)?.config()?).map_err(CliError::failed)?;
    if !config.unknown_keys.is_empty() {
        remark(format_args!(
            "config.json: ignored {}",
            config.unknown_keys.join(", ")
        ));
    }
    let size = match args.size.as_deref() {
        Some([height, width]) => [*height, *width],
        _ => config.sample_size.ok_or_else(|| {
            CliError::usage("size: config.json does not give sample_size, so --size H W must")
        })?,
    };
    if args.train {
        let plan = TrainingPlan::new(&config, size).map_err(CliError::usage)?;
        if args.ops {
            say(&plan)?;
        }
        return say(plan.summary(usize::from(args.batch)));
    }
    let plan = Plan::new(&config, size).map_err(CliError::usage)?;
    if args.ops {
        say(plan)
    } else {
        say(plan.summary())
    }
}
