//! The Fréchet distance and its interval.

use ddim_web::evaluate::bootstrap::{estimate, halves};
use ddim_web::evaluate::statistics::{Statistics, StatisticsError};
use ddim_web::evaluate::{FeatureSet, Reference, file};
use ddim_web::noise::gaussian;
use nalgebra::{DMatrix, DVector};

use crate::support::fixture;

fn gaussian_of(mean: &[f64], variances: &[f64]) -> Statistics {
    Statistics {
        mean: DVector::from_column_slice(mean),
        covariance: DMatrix::from_diagonal(&DVector::from_column_slice(variances)),
    }
}

/// `count` images with 2 independent features of mean 0 and the given standard deviations.
fn drawn(seed: u64, count: usize, [a, b]: [f32; 2]) -> FeatureSet {
    let mut values = vec![0.0; 2 * count];
    gaussian(seed, 0, 0, &mut values);
    for row in values.chunks_exact_mut(2) {
        row[0] *= a;
        row[1] *= b;
    }
    FeatureSet::new(values, 2).unwrap()
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance * expected.abs().max(1.0),
        "expected {expected}, found {found}"
    );
}

#[test]
fn mean_covariance_and_distance_are_those_of_numpy() {
    let (real, others) = file::read(&fixture("frechet.safetensors")).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&fixture("frechet.json")).unwrap();
    let statistics = [Statistics::of(&real), Statistics::of(&others["other"])];
    for (i, found) in statistics.iter().enumerate() {
        for d in 0..6 {
            let mean = expected["means"][i][d].as_f64().unwrap();
            close(found.mean[d], mean, 1e-12);
            for e in 0..6 {
                let covariance = expected["covariances"][i][d][e].as_f64().unwrap();
                close(found.covariance[(d, e)], covariance, 1e-12);
            }
        }
    }
    let [a, b] = statistics;
    let distance = expected["distance"].as_f64().unwrap();
    let there = Reference::new(a.clone()).unwrap().distance(&b).unwrap();
    let back = Reference::new(b).unwrap().distance(&a).unwrap();
    close(there, distance, 1e-9);
    close(back, distance, 1e-9);
}

#[test]
fn a_gaussian_is_at_distance_zero_from_itself() {
    let (real, _) = file::read(&fixture("frechet.safetensors")).unwrap();
    let statistics = Statistics::of(&real);
    let distance = Reference::new(statistics.clone())
        .unwrap()
        .distance(&statistics)
        .unwrap();
    assert!(
        distance < 1e-9 * statistics.covariance.trace(),
        "{distance}"
    );
}

#[test]
fn of_commuting_covariances_the_roots_are_subtracted() {
    // |m1 - m2|² + Σ (√a - √b)²
    let (a, b) = (
        gaussian_of(&[1.0, 2.0, 3.0], &[4.0, 9.0, 0.0]),
        gaussian_of(&[1.0, 0.0, 3.5], &[1.0, 25.0, 2.0]),
    );
    let distance = Reference::new(a).unwrap().distance(&b).unwrap();
    close(distance, 4.0 + 0.25 + 1.0 + 4.0 + 2.0, 1e-12);
}

#[test]
fn turning_both_gaussians_changes_nothing() {
    let (sin, cos) = 0.7_f64.sin_cos();
    let turn = DMatrix::from_row_slice(2, 2, &[cos, -sin, sin, cos]);
    let turned = |s: &Statistics| Statistics {
        mean: &turn * &s.mean,
        covariance: &turn * &s.covariance * turn.transpose(),
    };
    let (a, b) = (
        gaussian_of(&[0.0, 1.0], &[1.0, 16.0]),
        gaussian_of(&[2.0, 1.0], &[9.0, 4.0]),
    );
    let straight = Reference::new(a.clone()).unwrap().distance(&b).unwrap();
    let bent = Reference::new(turned(&a))
        .unwrap()
        .distance(&turned(&b))
        .unwrap();
    close(straight, 4.0 + 4.0 + 4.0, 1e-12);
    close(bent, straight, 1e-12);
}

#[test]
fn the_interval_holds_the_average_distance_about_nineteen_times_in_twenty() {
    const RUNS: u64 = 60;
    let reference = Reference::new(gaussian_of(&[0.0, 0.0], &[1.0, 1.0])).unwrap();
    let found: Vec<_> = (0..RUNS)
        .map(|run| {
            let features = drawn(run, 150, [1.5, 0.5]);
            estimate(&features, &reference, 200, run, &|| true)
                .unwrap()
                .unwrap()
        })
        .collect();
    let average = found.iter().map(|e| e.distance).sum::<f64>() / RUNS as f64;
    let held = found
        .iter()
        .filter(|e| (e.low..=e.high).contains(&average))
        .count();
    // A binomial with 60 draws of 0.95 is in 51..=60 with probability 0.998.
    assert!((51..=60).contains(&held), "{held} of {RUNS} hold {average}");
    for e in &found {
        assert!(e.low < e.distance && e.distance < e.high, "{e:?}");
    }
    close(average, 0.25 + 0.25, 0.05);
}

#[test]
fn more_images_give_a_narrower_interval_and_the_same_seed_the_same() {
    let reference = Reference::new(gaussian_of(&[0.0, 0.0], &[1.0, 1.0])).unwrap();
    let of = |count| {
        let features = drawn(1, count, [1.5, 0.5]);
        estimate(&features, &reference, 400, 5, &|| true)
            .unwrap()
            .unwrap()
    };
    let (few, many) = (of(100), of(1600));
    let width = |e: &ddim_web::evaluate::Estimate| e.high - e.low;
    // As 1 / √N: a quarter.
    let share = width(&many) / width(&few);
    assert!((0.15..0.4).contains(&share), "{share}");
    assert_eq!(of(100), few);
}

#[test]
fn a_stop_ends_the_resampling() {
    let reference = Reference::new(gaussian_of(&[0.0, 0.0], &[1.0, 1.0])).unwrap();
    let features = drawn(1, 100, [1.0, 1.0]);
    let stopped = estimate(&features, &reference, 400, 5, &|| false);
    assert_eq!(stopped, Ok(None));
}

#[test]
fn the_halves_of_the_real_images_share_no_image_and_are_close() {
    let real = drawn(3, 2000, [1.0, 2.0]);
    let (first, reference) = halves(&real, 400, 9).unwrap();
    assert_eq!(first.count(), 400);
    let floor = reference.distance(&Statistics::of(&first)).unwrap();
    assert!(floor > 0.0 && floor < 0.05, "{floor}");

    let (all, rest) = halves(&real, usize::MAX, 9).unwrap();
    assert_eq!(all.count(), 1000);
    let rows = |set: &FeatureSet| -> Vec<[u32; 2]> {
        (0..set.count())
            .map(|i| [0, 1].map(|d| set.row(i)[d].to_bits()))
            .collect()
    };
    let mut left = rows(&real);
    for row in rows(&all) {
        let at = left.iter().position(|other| *other == row).unwrap();
        left.swap_remove(at);
    }
    // What is left is the other half.
    let values = left.iter().flatten().map(|bits| f32::from_bits(*bits));
    let left = Statistics::of(&FeatureSet::new(values.collect(), 2).unwrap());
    assert!(rest.distance(&left).unwrap() < 1e-12);
}

#[test]
fn unusable_features_are_refused() {
    let error = |values: Vec<f32>, dimension| FeatureSet::new(values, dimension).unwrap_err();
    assert_eq!(
        error(vec![0.0; 9], 3),
        StatisticsError::TooFew {
            dimension: 3,
            found: 3
        }
    );
    assert!(matches!(
        error(vec![0.0; 10], 3),
        StatisticsError::Shape { .. }
    ));
    assert!(matches!(
        error(vec![0.0; 10], 0),
        StatisticsError::Shape { .. }
    ));
    let mut values = vec![0.0; 12];
    values[7] = f32::NAN;
    assert!(matches!(
        error(values, 3),
        StatisticsError::NotFinite { image: 2, .. }
    ));
    let reference = Reference::new(gaussian_of(&[0.0; 3], &[1.0; 3])).unwrap();
    assert_eq!(
        estimate(&drawn(0, 20, [1.0, 1.0]), &reference, 200, 0, &|| true),
        Err(StatisticsError::Dimension {
            expected: 3,
            found: 2
        })
    );
    let infinite = Reference::new(gaussian_of(&[0.0], &[f64::INFINITY]));
    assert_eq!(infinite, Err(StatisticsError::Overflow));
}
