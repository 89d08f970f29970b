//! `ddim-web evaluate --features FILE`: distances between features that another network made.

use std::path::Path;

use ddim_web::evaluate::bootstrap::{Estimate, estimate, halves};
use ddim_web::evaluate::statistics::Statistics;
use ddim_web::evaluate::{Reference, file};

use super::number::significant;
use crate::error::CliError;
use crate::files::whole;
use crate::stop::Stop;
use crate::terminal::say;

/// Prints a Markdown table: the distance of every set in `path` from its tensor `real`, and the floor.
///
/// # Errors
/// [`CliError::Failed`] names the tensor that cannot be used; [`CliError::Stopped`] after Ctrl-C.
pub fn run(path: &Path, resamples: usize, seed: u64) -> Result<(), CliError> {
    let failed = |e: &dyn std::fmt::Display| CliError::Failed(format!("{}: {e}", path.display()));
    let stop = Stop::watch()?;
    let go_on = || !stop.requested();
    let bytes = whole::read(path)?;
    let (real, sets) = file::read(&bytes).map_err(|e| failed(&e))?;
    let reference = Reference::new(Statistics::of(&real)).map_err(|e| failed(&e))?;
    for (name, set) in &sets {
        let refused = |e| failed(&format!("{name}: {e}"));
        reference.check(set).map_err(refused)?;
    }
    let most = sets.values().map(|set| set.count()).max();
    let (half, other) = halves(&real, most.unwrap_or(usize::MAX), seed)
        .map_err(|e| failed(&format!("half of {}: {e}", file::REAL)))?;

    say(format_args!(
        "| set | images | Fréchet distance | 95 % interval | without the bias of the number |\n|---|---|---|---|---|"
    ))?;
    let row = |name: &str, images: usize, found: Option<Estimate>| {
        let found = found.ok_or(CliError::Stopped)?;
        let numbers = [found.distance, found.low, found.high, found.corrected];
        let [distance, low, high, corrected] = numbers.map(significant);
        say(format_args!(
            "| {name} | {images} | {distance} | {low} – {high} | {corrected} |"
        ))?;
        Ok(())
    };
    for (name, set) in &sets {
        let found = estimate(set, &reference, resamples, seed, &go_on).map_err(|e| failed(&e))?;
        row(name, set.count(), found)?;
    }
    let found = estimate(&half, &other, resamples, seed, &go_on).map_err(|e| failed(&e))?;
    row("real, one half against the other", half.count(), found)
}
