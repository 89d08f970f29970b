//! `ddim-web publish`: the page with other models, as a folder for a static host.

mod models;
mod page;
mod pictures;
mod write;

use std::path::PathBuf;

use crate::args::machine::{Device, Engine, Machine, Storage};
use crate::error::CliError;
use crate::files::partial::Partial;
use crate::stop::Stop;
use crate::terminal::say;
use models::Shelf;
use page::Page;
use write::{Words, check_target, write};

/// Arguments of `ddim-web publish`.
#[derive(clap::Args)]
#[command(override_usage = "ddim-web publish [OPTIONS] MODEL_DIR... OUT_DIR")]
pub struct Args {
    /// Models, as for --model of the other commands, and last the folder to write
    #[arg(required = true, num_args = 2.., value_name = "MODEL")]
    folders: Vec<PathBuf>,
    /// What the page is called [default: the name of the model where there is one, else ddim-web]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Store the weights with 16 bits a number: half the download, and pictures that differ a little
    #[arg(long)]
    f16: bool,
    /// The views that the page has, the first of them at its start [default: all]
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    views: Vec<String>,
    /// Write a card for models that have no README.md, from what their files say
    #[arg(long)]
    model_card: bool,
    /// Where the page will be; those who show a link with a picture need its absolute address
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// How many pictures are drawn with a model that comes without preview.png, 0 to 64; 0 for none
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u8).range(0..=64))]
    pictures: u8,
    /// Steps of DDIM for these pictures
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    steps: u16,
    /// Where they are drawn
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    device: Device,
    /// The page: a folder that scripts/site wrote, or the repository [default: the first of these at or above the
    /// current folder or the program]
    #[arg(long, value_name = "DIR")]
    page: Option<PathBuf>,
    /// Write into a folder that holds something else, replacing index.html, www, pkg, sw.js and README.md in it
    #[arg(long)]
    force: bool,
    /// No progress bar
    #[arg(long)]
    quiet: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError::Usage`] for arguments that make no sense, [`CliError::Failed`] for a page or model that cannot be used.
pub fn run(args: &Args) -> Result<(), CliError> {
    let Some((out, folders)) = args.folders.split_last() else {
        return Err(CliError::Usage("name a model and a folder to write".into()));
    };
    let page = Page::find(args.page.as_deref())?;
    let words = Words::new(args.title.as_deref(), args.url.as_deref())?;
    page.check_views(&args.views)?;
    check_target(out, args.force)?;
    let stop = Stop::watch()?;

    let partial = Partial::new(out)?;
    page.copy_to(partial.path(), &stop)?;
    let mut shelf = Shelf::new(partial.path().join("www/models"));
    let machine = Machine {
        device: args.device,
        engine: Engine::Plan,
        storage: Storage::F32,
        simd: None,
    };
    for folder in folders {
        shelf.add(
            folder,
            &models::Wishes {
                f16: args.f16,
                card: args.model_card,
                pictures: usize::from(args.pictures),
                steps: usize::from(args.steps),
                machine,
                quiet: args.quiet,
            },
            &stop,
        )?;
    }
    let bytes = write(partial.path(), &page, &words, &args.views, &shelf)?;
    if stop.requested() {
        return Err(CliError::Stopped);
    }
    partial.put_in_place(&write::NAMES)?;
    say(format_args!(
        "{}: {} in {:.1} MB",
        out.display(),
        match shelf.entries() {
            [one] => one.name.clone(),
            more => format!("{} models", more.len()),
        },
        bytes as f64 / 1e6
    ))
}
