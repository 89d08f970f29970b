//! The arguments, and what becomes of an error.

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use ddim_web::engine::{DeviceKind, EngineKind, GpuOptions, LoadOptions};
use indicatif::{ProgressBar, ProgressStyle};

use super::terminal::remark;
use super::{compare, evaluate, interpolate, invert, plan, sample, train};

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
    /// Measure a model as the DDIM paper does
    Evaluate(evaluate::Args),
    /// Train a model on a folder of images
    Train(train::Args),
    /// Show what one step of a model costs
    Plan(plan::Args),
}

/// Where the network runs.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Device {
    /// The processor
    Cpu,
    /// The graphics card (Vulkan, Metal or DirectX)
    Gpu,
}

impl From<Device> for DeviceKind {
    fn from(device: Device) -> Self {
        match device {
            Device::Cpu => Self::Cpu,
            Device::Gpu => Self::Gpu,
        }
    }
}

/// Which program runs the network.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Engine {
    /// This project's own: a list of fused operations
    Plan,
    /// Layer by layer in burn; slower, for comparison
    Burn,
}

impl From<Engine> for EngineKind {
    fn from(engine: Engine) -> Self {
        match engine {
            Engine::Plan => Self::Plan,
            Engine::Burn => Self::Burn,
        }
    }
}

/// How the graphics card stores numbers.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Storage {
    /// 32 bits
    F32,
    /// 16 bits
    F16,
}

/// Where a model runs, and how.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Machine {
    /// Where the network runs
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    pub device: Device,
    /// Which program runs the network
    #[arg(long, value_enum, default_value_t = Engine::Plan)]
    pub engine: Engine,
    /// How the graphics card stores weights and feature maps; f16 takes half the memory and rounds to 3 digits
    #[arg(long, value_enum, default_value_t = Storage::F32)]
    pub storage: Storage,
}

impl Machine {
    /// How a model is loaded for it.
    ///
    /// # Errors
    /// [`CliError::Usage`] when it stores numbers in a way of the graphics card elsewhere.
    pub fn options(self) -> Result<LoadOptions, CliError> {
        let Self {
            device,
            engine,
            storage,
        } = self;
        let plan_on_gpu = matches!((device, engine), (Device::Gpu, Engine::Plan));
        if matches!(storage, Storage::F16) && !plan_on_gpu {
            return Err(CliError::Usage(
                "storage: f16 needs --device gpu and --engine plan".into(),
            ));
        }
        Ok(LoadOptions {
            engine: engine.into(),
            device: device.into(),
            gpu: GpuOptions {
                tuning: None,
                storage: match storage {
                    Storage::F32 => ddim_web::engine::Storage::F32,
                    Storage::F16 => ddim_web::engine::Storage::F16,
                },
            },
        })
    }
}

/// A failure, as the terminal sees it.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The arguments make no sense: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Something went wrong on the way: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// Somebody asked it to end: exit code 1.
    #[error("stopped before the end")]
    Stopped,
}

impl CliError {
    /// A failure with the message of `error`.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// Wrong usage with the message of `error`.
    pub fn usage(error: impl std::fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }
}

/// The look of every progress bar: steps done and to do, `label` and the bar's message, time left.
fn progress_style(label: &str) -> ProgressStyle {
    let template = format!("{{bar:40}} {{pos}}/{{len}} steps, {label}{{msg}}, {{eta}} left");
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A bar of `length` steps in that look; `quiet` hides it.
pub fn progress_bar(length: u64, label: &str, quiet: bool) -> ProgressBar {
    let bar = if quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(length)
    };
    bar.set_style(progress_style(label));
    bar
}

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
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Plan(args) => plan::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            remark(format_args!(
                "ddim-web: {}",
                error.to_string().replace('\n', " ")
            ));
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
