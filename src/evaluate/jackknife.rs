//! The Fréchet distance without the bias of its number of samples.
//!
//! The distance of N samples is on average c/N above that of infinitely many, and c differs from model to model
//! (Chong & Forsyth 2020, arXiv 1911.07023). The jackknife (Quenouille 1956) takes the term c/N off: it needs no
//! drawing and leaves terms of the order 1/N². The reference is finite too; its bias is as much smaller as it has more
//! images, and stays.

use super::frechet::Reference;
use super::parallel;
use super::statistics::{FeatureSet, Statistics, StatisticsError};

/// Into how many groups the images are cut at most; each is left out once.
const GROUPS: usize = 200;

/// The distance of `features` from `reference` without the bias of their number; `distance` is the one with it. Below
/// 0 where chance has taken the distance below its bias. `None` when `go_on` said no.
///
/// # Errors
/// [`StatisticsError::Overflow`] when the numbers are too large.
pub fn corrected(
    features: &FeatureSet,
    reference: &Reference,
    distance: f64,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Option<f64>, StatisticsError> {
    let images = features.count();
    let groups = images.min(GROUPS);
    let without = |group: usize| {
        let left: Vec<usize> = (0..images).filter(|i| i % groups != group).collect();
        let found = reference.distance(&Statistics::of_images(features, &left))?;
        Ok(left.len() as f64 / images as f64 * found)
    };
    let found = parallel::map(groups, 1, go_on, &|range| without(range.start));
    let Some(found) = found else { return Ok(None) };
    let sum: f64 = found.into_iter().sum::<Result<f64, StatisticsError>>()?;
    // Groups may differ in size by one: Busing, Meijer & van der Leeden 1999, eq. 6.
    Ok(Some(groups as f64 * distance - sum))
}
