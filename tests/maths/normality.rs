//! Statistics of noise against sums by hand, Kolmogorov's distribution as it is tabulated, and noise that was drawn.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    noise::gaussians,
    normality::{NormalityError, normality},
};

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() <= tolerance,
        "expected {expected}, found {found}"
    );
}

#[test]
fn moments_are_those_of_the_sums() {
    // Mean 1; deviations -1, -1, -1, 3: squares 12 / 4, cubes 24 / 4, fourth powers 84 / 4.
    let found = normality(&[0.0, 0.0, 0.0, 4.0], [1, 1, 4]).unwrap();
    assert_eq!(found.count, 4);
    close(found.mean, 1.0, 1e-15);
    close(found.variance, 3.0, 1e-15);
    close(found.skewness.unwrap(), 6.0 / 27f64.sqrt(), 1e-15);
    close(found.excess_kurtosis.unwrap(), 21.0 / 9.0 - 3.0, 1e-15);
    close(found.norm, 2.0, 1e-15);
}

#[test]
fn neighbours_are_those_of_the_same_channel_and_picture() {
    // Two pictures of two channels, 2 × 3. Rows rise by 1 to the right, columns fall by 5 downwards, and what is beside
    // the edges would spoil both.
    let values: Vec<f32> = (0..24)
        .map(|i| {
            let (column, row, plane) = (i % 3, i / 3 % 2, i / 6);
            (column as f32) - 5.0 * row as f32 + 100.0 * ((plane * plane) as f32)
        })
        .collect();
    let found = normality(&values, [2, 2, 3]).unwrap();
    close(found.correlation_right.unwrap(), 1.0, 1e-12);
    close(found.correlation_down.unwrap(), 1.0, 1e-12);
    // One channel, rows [1, 2, 4] and [3, 1, 0]: pairs to the right (1,2) (2,4) (3,1) (1,0), down (1,3) (2,1) (4,0).
    let found = normality(&[1.0, 2.0, 4.0, 3.0, 1.0, 0.0], [1, 2, 3]).unwrap();
    // Deviations from 7/4 and 7/4: sums of products 1/4 + 13 - 4 · 49/16.
    close(
        found.correlation_right.unwrap(),
        0.75 / (2.75f64 * 8.75).sqrt(),
        1e-12,
    );
    // From 7/3 and 4/3: 5 - 28/3, 21 - 49/3, 10 - 16/3.
    let expected = (5.0 - 28.0 / 3.0) / ((21.0 - 49.0 / 3.0) * (10.0f64 - 16.0 / 3.0)).sqrt();
    close(found.correlation_down.unwrap(), expected, 1e-12);
}

#[test]
fn the_distance_from_the_normal_distribution_has_the_tabulated_probability() {
    // All values 0: the distance is 1/2, and sqrt(n) / 2 the argument of Kolmogorov's distribution.
    for (count, probability) in [
        (1, 0.963_945_243_664_875_1),
        (4, 0.269_999_671_677_354_6),
        (16, 0.000_670_925_255_779_695_3),
    ] {
        let found = normality(&vec![0.0; count], [1, 1, count]).unwrap();
        close(found.ks, 0.5, 1e-15);
        close(found.ks_p, probability, 1e-14);
    }
    // The quantiles that tables have: 1.3580986 is passed with probability 0.05. Values at c, far above all of
    // N(0, 1), have distance 1; one at a time can only be tested through sqrt(n).
    let far = normality(&[50.0; 2], [1, 1, 2]).unwrap();
    close(far.ks, 1.0, 1e-15);
    let direct = |x: f64| -> f64 {
        let term = |k: i32| {
            let sign = if k % 2 == 1 { 2.0 } else { -2.0 };
            sign * (-2.0 * f64::from(k * k) * x * x).exp()
        };
        (1..200).map(term).sum()
    };
    close(direct(1.358_098_639_322_55), 0.05, 1e-12);
    close(far.ks_p, direct(2f64.sqrt()), 1e-14);
    // On both sides of where the series change, and where it is certain: distances of Phi(a) from a step at a.
    for (a, count) in [(0.0f32, 2), (0.0, 3), (-0.1, 3), (0.3, 1), (1.0, 1)] {
        let found = normality(&vec![a; count], [1, count, 1]).unwrap();
        close(found.ks_p, direct((count as f64).sqrt() * found.ks), 1e-12);
    }
    // n values in the middles of n equal parts: half a part away from everywhere.
    let median = normality(&[-0.674_489_75, 0.674_489_75], [1, 1, 2]).unwrap();
    close(median.ks, 0.25, 1e-7);
    assert!(median.ks_p > 0.999);
}

#[test]
fn drawn_noise_looks_like_noise_and_a_picture_does_not() {
    let shape = [3, 32, 32];
    let mut improbable = 0;
    for seed in 0..40 {
        let noise = gaussians(seed, 0, 0, [2, 3 * 32 * 32]);
        let found = normality(&noise, shape).unwrap();
        let n = found.count as f64;
        assert_eq!(found.count, noise.len());
        // Standard errors of a normal sample (n = 6144), five of each.
        for (value, error) in [
            (found.mean, 1.0),
            (found.variance - 1.0, 2.0),
            (found.skewness.unwrap(), 6.0),
            (found.excess_kurtosis.unwrap(), 24.0),
            (found.correlation_right.unwrap(), 1.1),
            (found.correlation_down.unwrap(), 1.1),
            (found.norm - 1.0, 0.5),
        ] {
            assert!(value.abs() < 5.0 * (error / n).sqrt(), "{found:?}");
        }
        improbable += usize::from(found.ks_p < 0.1);
    }
    // About 4 of 40, and more than 12 once in 20,000 times.
    assert!(improbable <= 12, "{improbable}");
    let ramp: Vec<f32> = (0..3072).map(|i| (i % 32) as f32 / 15.5 - 1.0).collect();
    let found = normality(&ramp, shape).unwrap();
    assert!(found.ks_p < 1e-9 && found.correlation_down.unwrap() > 0.999);
}

#[test]
fn what_has_no_statistics_has_none() {
    let found = normality(&[2.0; 6], [1, 2, 3]).unwrap();
    assert_eq!((found.skewness, found.excess_kurtosis), (None, None));
    assert_eq!(
        (found.correlation_right, found.correlation_down),
        (None, None)
    );
    let pixel = normality(&[1.0, -1.0], [2, 1, 1]).unwrap();
    assert_eq!(
        (pixel.correlation_right, pixel.correlation_down),
        (None, None)
    );
    for (values, shape) in [
        (&[1.0; 5][..], [1, 2, 3]),
        (&[], [1, 1, 1]),
        (&[1.0], [0, 1, 1]),
        (&[1.0], [usize::MAX, usize::MAX, 2]),
    ] {
        let error = normality(values, shape).unwrap_err();
        assert!(matches!(error, NormalityError::Length { .. }), "{error}");
    }
    let error = normality(&[0.0, f32::INFINITY], [1, 1, 2]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "values: expected finite numbers, found inf"
    );
}
