//! `ddim-web serve`: a folder on this machine, as a static host would serve it.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use crate::error::CliError;
use crate::http::Server;
use crate::stop::Stop;
use crate::terminal::{remark, say};

/// The port without `--port`.
const PORT: u16 = 8080;

/// How often it is asked whether somebody has stopped it.
const POLLING: Duration = Duration::from_millis(50);

/// Arguments of `ddim-web serve`.
#[derive(clap::Args)]
pub struct Args {
    /// The folder to serve, such as one that `ddim-web publish` wrote
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Port on 127.0.0.1; 0 is any free one [default: 8080, or a free one if that is taken]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError::Failed`] when the folder is none, or the port cannot be had.
pub fn run(args: &Args) -> Result<(), CliError> {
    let shown = args.folder.display();
    if !args.folder.is_dir() {
        return Err(CliError::Failed(format!("{shown}: not a folder")));
    }
    if !args.folder.join("index.html").is_file() {
        remark(format_args!(
            "{shown}: has no index.html, so its own address shows nothing"
        ));
    }
    let stop = Stop::watch()?;
    let server = match Server::bind(&args.folder, args.port.unwrap_or(PORT)) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && args.port.is_none() => {
            remark(format_args!("port {PORT} is taken: another one is used"));
            Server::bind(&args.folder, 0)
        }
        bound => bound,
    };
    let server = server.map_err(|error| {
        let what = match error.kind() {
            ErrorKind::AddrInUse => "is taken: choose another with --port".into(),
            ErrorKind::PermissionDenied => "needs more rights: choose another with --port".into(),
            _ => format!("cannot be had: {error}"),
        };
        CliError::Failed(format!("port {} {what}", args.port.unwrap_or(PORT)))
    })?;
    let address = server.address().map_err(CliError::failed)?;
    server.start();
    say(format_args!("http://{address}/   (Ctrl-C stops it)"))?;
    while !stop.requested() {
        thread::sleep(POLLING);
    }
    Ok(())
}
