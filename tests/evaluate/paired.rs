//! Differences of cells that share their noise, and the order of cells.

use ddim_web::evaluate::bootstrap::{Estimate, estimate};
use ddim_web::evaluate::fit::mean_and_error;
use ddim_web::evaluate::order::{Measured, compare, pairs};
use ddim_web::evaluate::paired::{Difference, Evidence};
use ddim_web::evaluate::statistics::Statistics;
use ddim_web::evaluate::student::{two_sided, within};
use ddim_web::evaluate::{FeatureSet, Reference};
use ddim_web::noise::gaussian;
use nalgebra::{DMatrix, DVector};

const DIMENSION: usize = 4;
const IMAGES: usize = 250;
const CELLS: usize = 4;

#[test]
fn quantiles_of_t_are_those_of_scipy() {
    // scipy.stats.t.ppf(1 - level / 2, freedom) of SciPy, for levels 0.05 and 0.05 / 45.
    for (freedom, one, many) in [
        (1, 12.706204736174694, 572.9572133543127),
        (2, 4.302652729749462, 29.974994210712097),
        (3, 3.1824463052837078, 12.471456529033894),
        (10, 2.228138851986274, 4.518385299929996),
        (99, 1.9842169515864174, 3.359164919365612),
        (499, 1.9647293909876886, 3.27987223402506),
        (99_999, 1.9599877077718442, 3.2608623199242635),
    ] {
        for (level, expected) in [(0.05, one), (0.05 / 45.0, many)] {
            let found = two_sided(level, freedom);
            assert!(
                (found / expected - 1.0).abs() < 1e-9,
                "{freedom}: {found}, {expected}"
            );
            assert!((within(found, freedom) - (1.0 - level)).abs() < 1e-12);
        }
    }
    assert_eq!(within(0.0, 5), 0.0);
}

/// Cells of `IMAGES` images with independent features whose standard deviations are 0.5, 0.83, 1.17 and 1.5 times that
/// of the cell. Image i of two cells correlates by `shared`².
fn cells(run: u64, shared: f32, scales: &[f32]) -> Vec<Estimate> {
    let reference = Statistics {
        mean: DVector::zeros(DIMENSION),
        covariance: DMatrix::identity(DIMENSION, DIMENSION),
    };
    let reference = Reference::new(reference).unwrap();
    let draw = |image: u32, values: &mut [f32]| gaussian(run, image, 0, values);
    let mut common = vec![0.0; IMAGES * DIMENSION];
    draw(0, &mut common);
    let cell = |(index, scale): (usize, &f32)| {
        let mut own = vec![0.0; IMAGES * DIMENSION];
        draw(1 + index as u32, &mut own);
        let value = |(i, (common, own)): (usize, (&f32, &f32))| {
            let deviation = 0.5 + (i % DIMENSION) as f32 / (DIMENSION - 1) as f32;
            scale * deviation * (shared * common + (1.0 - shared * shared).sqrt() * own)
        };
        let values = common.iter().zip(&own).enumerate().map(value).collect();
        let features = FeatureSet::new(values, DIMENSION).unwrap();
        estimate(&features, &reference, 200, run, &|| true)
            .unwrap()
            .unwrap()
    };
    scales.iter().enumerate().map(cell).collect()
}

#[test]
fn equal_cells_are_told_apart_no_more_often_than_stated() {
    const RUNS: u64 = 100;
    for shared in [0.0, 0.95] {
        let together = CELLS * (CELLS - 1) / 2;
        let wrong = |run: &u64| {
            let cells = cells(*run, shared, &[1.0; CELLS]);
            (0..CELLS).any(|a| {
                (0..a).any(|b| {
                    let (low, high) = cells[a].minus(&cells[b]).interval(together);
                    low > 0.0 || high < 0.0
                })
            })
        };
        let wrong = (0..RUNS).filter(wrong).count();
        // A binomial of 100 draws of 0.05 is at most 11 with probability 0.996.
        assert!(wrong <= 11, "shared {shared}: {wrong} of {RUNS}");
    }
}

#[test]
fn one_pair_of_equal_cells_is_told_apart_about_one_time_in_twenty() {
    const RUNS: u64 = 200;
    let wrong = |run: &u64| {
        let cells = cells(1000 + *run, 0.9, &[1.0; 2]);
        let (low, high) = cells[0].minus(&cells[1]).interval(1);
        low > 0.0 || high < 0.0
    };
    let wrong = (0..RUNS).filter(wrong).count();
    // A binomial of 200 draws of 0.05 is in 2..=19 with probability 0.995.
    assert!((2..=19).contains(&wrong), "{wrong} of {RUNS}");
}

#[test]
fn a_small_difference_is_found_though_the_intervals_of_the_cells_touch() {
    const RUNS: u64 = 20;
    let (mut found, mut touching) = (0, 0);
    for run in 0..RUNS {
        let cells = cells(run, 0.99, &[1.2, 1.26]);
        let (low, _) = cells[1].minus(&cells[0]).interval(6);
        found += usize::from(low > 0.0);
        touching += usize::from(cells[1].low <= cells[0].high);
    }
    assert!(found >= 15, "{found} of {RUNS}");
    assert_eq!(touching, RUNS as usize);
}

#[test]
fn errors_of_the_same_images_are_compared_image_by_image() {
    let mut noise = vec![0.0; 200];
    gaussian(4, 0, 0, &mut noise);
    let hard: Vec<f64> = noise[..100].iter().map(|n| f64::from(*n).exp()).collect();
    // Every image is 5 % worse, give or take 5 %.
    let pairs = hard.iter().zip(&noise[100..]);
    let worse: Vec<f64> = pairs
        .map(|(e, n)| e * (1.05 + 0.05 * f64::from(*n)))
        .collect();
    let [(a, error), (b, _)] = [&hard, &worse].map(|errors| mean_and_error(errors));
    assert!(b - a < error.unwrap(), "far within one standard error");
    let difference = Evidence::Images(worse)
        .minus(&Evidence::Images(hard))
        .unwrap();
    let (low, high) = difference.interval(21);
    assert!(low > 0.0 && low < b - a && b - a < high, "{low} {high}");
}

#[test]
fn what_was_not_measured_on_the_same_images_is_not_compared() {
    let images = |count| Evidence::Images(vec![1.0; count]);
    assert_eq!(images(3).minus(&images(4)), None);
    assert_eq!(images(1).minus(&images(1)), None);
    let distance = Evidence::Distance(cells(0, 0.0, &[1.0]).remove(0));
    assert_eq!(distance.minus(&images(3)), None);
    assert_eq!(images(3).minus(&distance), None);
    let same = distance.minus(&distance).unwrap();
    assert_eq!((same.value, same.error), (0.0, 0.0));
}

#[test]
fn only_pairs_whose_interval_excludes_zero_have_an_order() {
    let cell = |paper, ours: f64, noise: f64| Measured {
        name: String::new(),
        ours,
        evidence: Evidence::Images(vec![ours - noise, ours + noise, ours]),
        paper,
    };
    let all = [
        cell(1.0, 5.0, 0.0),
        cell(2.0, 1.0, 0.1), // better than the first here, worse in the paper
        cell(3.0, 5.5, 9.0), // so noisy that it is like any other
        cell(3.0, 0.0, 0.0), // equal to the third in the paper
    ];
    assert_eq!(pairs(&all), [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)]);
    let found = compare(&all, 1);
    let reversed: Vec<_> = found.reversed.iter().map(|r| (r.better, r.worse)).collect();
    assert_eq!(reversed, [(0, 1), (0, 3), (1, 3)]);
    assert_eq!((found.same, found.undecided), (0, 2));
    let first = found.reversed[0];
    assert!((first.difference.value - 4.0).abs() < 1e-12);
    // Three images: the standard error is 0.1 / √3, and t with 2 degrees of freedom 4.3027.
    let reach = 4.302652729749462 * 0.1 / 3.0_f64.sqrt();
    assert!((first.interval.0 - (4.0 - reach)).abs() < 1e-9);
    // The more pairs there are, the more each has to show.
    assert_eq!(compare(&all, 100_000).reversed.len(), 1);
}

#[test]
fn bonferroni_widens_the_interval() {
    let difference = Difference {
        value: 1.0,
        error: 0.5,
        freedom: 99,
    };
    let (low, high) = difference.interval(45);
    assert!((low - (1.0 - 0.5 * 3.359164919365612)).abs() < 1e-9);
    assert!((high - (1.0 + 0.5 * 3.359164919365612)).abs() < 1e-9);
    assert_eq!(difference.interval(0), difference.interval(1));
}
