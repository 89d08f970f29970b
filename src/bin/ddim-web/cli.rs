//! The arguments, and what becomes of an error.

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{
    compare, dissect, evaluate, interpolate, invert, mix, nearest, plan, publish, sample, serve,
    steps, train, variations,
};
use crate::error::CliError;
use crate::terminal::remark;

/// Denoising diffusion (DDPM and DDIM): make images with a model, invert pictures, measure models, train them.
#[derive(Parser)]
#[command(version, arg_required_else_help = false, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make images with a model
    Sample(sample::Args),
    /// Turn pictures into the noise that they come from, and back
    Invert(invert::Args),
    /// Make the images between two or four seeds or pictures
    Interpolate(interpolate::Args),
    /// Show one noise with several numbers of steps and eta on one sheet
    Compare(compare::Args),
    /// Take single steps of a run apart: predicted x_0, direction, noise
    Dissect(dissect::Args),
    /// Draw many images from one that is noised part of the way
    Variations(variations::Args),
    /// Mix two pictures that are noised part of the way, coarse to fine
    Mix(mix::Args),
    /// Find the training pictures that are nearest to a model's images
    Nearest(nearest::Args),
    /// Measure a model as the DDIM paper does
    Evaluate(evaluate::Args),
    /// Train a model on a folder of images
    Train(train::Args),
    /// Show what one step of a model costs
    Plan(plan::Args),
    /// Show the numbers of a run: noise levels and the factors of every step
    Steps(steps::Args),
    /// Write a page with models of yours, for any web host
    Publish(publish::Args),
    /// Show a published page on this machine
    Serve(serve::Args),
}

/// The longest error, with the program's name before it and a sign that it is cut, has 500 characters.
const LONGEST: usize = 489;

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let result = match cli.command {
        Command::Sample(args) => sample::run(&args),
        Command::Invert(args) => invert::run(&args),
        Command::Interpolate(args) => interpolate::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Dissect(args) => dissect::run(&args),
        Command::Variations(args) => variations::run(&args),
        Command::Mix(args) => mix::run(&args),
        Command::Nearest(args) => nearest::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Steps(args) => steps::run(&args),
        Command::Publish(args) => publish::run(&args),
        Command::Serve(args) => serve::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Paths and what files hold may be of any length; a line is not.
            let line = error.to_string().replace('\n', " ");
            let line: String = match line.char_indices().nth(LONGEST) {
                Some((end, _)) => format!("{}…", &line[..end]),
                None => line,
            };
            remark(format_args!("ddim-web: {line}"));
            ExitCode::from(match error {
                CliError::Usage(_) => 2,
                CliError::Failed(_) | CliError::Stopped => 1,
            })
        }
    }
}

/// Help and version as they are; a wrong argument in one line.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        return match error.print() {
            Ok(()) => ExitCode::SUCCESS,
            // `--help | head` has read enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
            Err(error) => {
                remark(format_args!("ddim-web: standard output: {error}"));
                ExitCode::FAILURE
            }
        };
    }
    let text = error.to_string();
    // clap's own text: the error, then paragraphs with tips and the usage.
    let first = text.split("\n\n").next().unwrap_or_default();
    let words: Vec<&str> = first
        .trim_start_matches("error:")
        .split_whitespace()
        .collect();
    remark(format_args!("ddim-web: {} (see --help)", words.join(" ")));
    ExitCode::from(2)
}
