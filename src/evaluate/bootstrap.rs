//! How far a Fréchet distance of N samples can be trusted (Efron 1979), and the distance of real from real.

use super::frechet::Reference;
use super::parallel;
use super::statistics::{FeatureSet, Statistics, StatisticsError};
use crate::random::{Purpose, below, stream};

/// The fewest resamples that an interval is made from.
pub const MIN_RESAMPLES: usize = 200;

/// The share of the distribution on either side of an interval.
const TAIL: f64 = 0.025;

/// A distance with its 95 % interval.
///
/// The interval is for the distance that N samples give on average. That average is above the distance of
/// infinitely many samples, by about as much for every cell of one N: this bias is not removed, so distances of
/// different N cannot be compared. Resampling adds the same bias once more, which is why the resamples' spread
/// about their own mean is what is used, placed around the distance itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The distance.
    pub distance: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// The distance of `features` from `reference`, with an interval from `resamples` draws of as many images with
/// replacement (at least [`MIN_RESAMPLES`], fewer are raised to it). `go_on` is asked all the time; `None` when
/// it said no.
///
/// # Errors
/// [`StatisticsError`] when the two cannot be compared.
pub fn estimate(
    features: &FeatureSet,
    reference: &Reference,
    resamples: usize,
    seed: u64,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Result<Option<Estimate>, StatisticsError> {
    reference.check(features)?;
    let distance = reference.distance(&Statistics::of(features))?;
    let count = features.count();
    let draw = |index: usize| {
        let mut bits = stream(seed, Purpose::Resamples, index as u64);
        let images: Vec<usize> = (0..count).map(|_| below(&mut bits, count)).collect();
        reference.distance(&Statistics::of_images(features, &images))
    };
    let draws = parallel::map(resamples.max(MIN_RESAMPLES), 1, go_on, &|range| {
        draw(range.start)
    });
    let Some(draws) = draws else { return Ok(None) };
    let mut draws = draws.into_iter().collect::<Result<Vec<f64>, _>>()?;
    draws.sort_by(f64::total_cmp);
    let mean = draws.iter().sum::<f64>() / draws.len() as f64;
    let around = |share: f64| (distance + quantile(&draws, share) - mean).max(0.0);
    Ok(Some(Estimate {
        distance,
        low: around(TAIL),
        high: around(1.0 - TAIL),
    }))
}

/// The real images in two halves, shuffled by `seed`: `count` images of the first (all, when it has fewer), and
/// the statistics of the whole second half. Their distance is the least that a model can be expected to reach.
///
/// # Errors
/// [`StatisticsError::TooFew`] when a half has no more images than features.
pub fn halves(
    real: &FeatureSet,
    count: usize,
    seed: u64,
) -> Result<(FeatureSet, Reference), StatisticsError> {
    let mut order: Vec<usize> = (0..real.count()).collect();
    let mut bits = stream(seed, Purpose::Halves, 0);
    for last in (1..order.len()).rev() {
        order.swap(last, below(&mut bits, last + 1)); // Fisher & Yates
    }
    let (first, second) = order.split_at(order.len() / 2);
    let rows = |images: &[usize]| {
        let values = images.iter().flat_map(|i| real.row(*i)).copied().collect();
        FeatureSet::new(values, real.dimension())
    };
    let first = rows(&first[..count.min(first.len())])?;
    let second = rows(second)?;
    Ok((first, Reference::new(Statistics::of(&second))?))
}

/// Linear interpolation between the order statistics (NumPy's default). `sorted` is not empty.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - place.floor()) * (sorted[above] - sorted[below])
}
