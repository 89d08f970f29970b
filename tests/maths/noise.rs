#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::noise::{NoiseError, gaussian, gaussians, slerp};
use ddim_web::runs::paths::{PathError, at, between};

fn drawn(seed: u64, image: u32, draw: u32, len: usize) -> Vec<f32> {
    let mut out = vec![0.0; len];
    gaussian(seed, image, draw, &mut out);
    out
}

fn norm(x: &[f32]) -> f64 {
    x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum();
    dot / (norm(a) * norm(b))
}

#[test]
fn the_generator_never_changes() {
    // bit patterns, so that not even a last bit may differ between platforms; checked against an independent
    // ChaCha8 and Box-Muller in Python
    let bits = |seed, image, draw| {
        drawn(seed, image, draw, 5)
            .into_iter()
            .map(f32::to_bits)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        bits(0, 0, 0),
        [
            0xbecf_22b3,
            0xbee0_9249,
            0x3fa1_a660,
            0x3f93_4259,
            0x3fab_d791
        ]
    );
    assert_eq!(
        bits(u64::MAX, 7, 50),
        [
            0xbf10_12ec,
            0x3db0_96f1,
            0x3e99_2ccd,
            0x3f72_ca22,
            0xbb2d_62eb
        ]
    );
}

#[test]
fn values_are_standard_normal() {
    // 400,000 values, fixed seed, 5 standard errors: mean, variance, skewness, kurtosis and the mass beyond 1.96
    const LEN: usize = 400_000;
    let values = drawn(1, 0, 0, LEN);
    let n = LEN as f64;
    let moment = |power| {
        values
            .iter()
            .map(|x| f64::from(*x).powi(power))
            .sum::<f64>()
            / n
    };
    assert!(moment(1).abs() < 5.0 * (1.0 / n).sqrt());
    assert!((moment(2) - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
    assert!(moment(3).abs() < 5.0 * (15.0 / n).sqrt());
    assert!((moment(4) - 3.0).abs() < 5.0 * (96.0 / n).sqrt());
    let beyond = values.iter().filter(|x| x.abs() > 1.959_964).count() as f64 / n;
    assert!((beyond - 0.05).abs() < 5.0 * (0.05 * 0.95 / n).sqrt());
    assert!(values.iter().all(|x| x.abs() < 8.6));
}

#[test]
fn seeds_images_draws_and_neighbours_are_independent() {
    const LEN: usize = 100_000;
    let bound = 5.0 / (LEN as f64).sqrt();
    let base = drawn(1, 0, 0, LEN);
    // 2^32 and swapped places would collide if the counters were packed carelessly
    for (seed, image, draw) in [
        (2, 0, 0),
        (1, 1, 0),
        (1, 0, 1),
        (1 << 32, 0, 0),
        (1, u32::MAX, 0),
        (0, 1, 0),
    ] {
        let other = drawn(seed, image, draw, LEN);
        assert!(cosine(&base, &other).abs() < bound, "{seed} {image} {draw}");
    }
    assert!(cosine(&drawn(1, 1, 0, LEN), &drawn(1, 0, 1, LEN)).abs() < bound);
    assert!(cosine(&base[1..], &base[..LEN - 1]).abs() < bound);
    assert!(cosine(&base[2..], &base[..LEN - 2]).abs() < bound);
}

#[test]
fn a_shorter_noise_is_the_beginning_of_a_longer_one() {
    let long = drawn(3, 2, 1, 101);
    for len in [0, 1, 2, 7, 100] {
        assert_eq!(drawn(3, 2, 1, len), long[..len]);
    }
}

#[test]
fn slerp_reaches_both_ends_and_keeps_the_norm_between() {
    let (a, b) = (drawn(1, 0, 0, 3072), drawn(2, 0, 0, 3072));
    assert_eq!(slerp(&a, &b, 0.0).unwrap(), a);
    assert_eq!(slerp(&a, &b, 1.0).unwrap(), b);
    for weight in [0.1, 0.5, 0.9] {
        let between = norm(&slerp(&a, &b, weight).unwrap());
        let (low, high) = (norm(&a).min(norm(&b)), norm(&a).max(norm(&b)));
        assert!(
            between > 0.99 * low && between < 1.01 * high,
            "{weight}: {between}"
        );
    }
}

#[test]
fn slerp_turns_at_an_even_rate() {
    let quarter = slerp(&[1.0, 0.0], &[0.0, 1.0], 0.25).unwrap();
    let angle = std::f64::consts::FRAC_PI_8;
    assert!((f64::from(quarter[0]) - angle.cos()).abs() < 1e-7);
    assert!((f64::from(quarter[1]) - angle.sin()).abs() < 1e-7);
}

#[test]
fn slerp_of_nearly_parallel_noises_is_their_straight_line() {
    let a = drawn(1, 0, 0, 100);
    assert_eq!(slerp(&a, &a, 0.3).unwrap().len(), 100);
    for (found, expected) in slerp(&a, &a, 0.3).unwrap().iter().zip(&a) {
        assert!((found - expected).abs() <= f32::EPSILON * expected.abs());
    }
    let mut nudged = a.clone();
    nudged[0] += 1e-6;
    let middle = slerp(&a, &nudged, 0.5).unwrap();
    assert!(middle.iter().zip(&a).all(|(m, a)| (m - a).abs() < 1e-5));
    assert_eq!(slerp(&[0.0, 0.0], &[2.0, 4.0], 0.5), Ok(vec![1.0, 2.0]));
}

#[test]
fn noises_that_cannot_be_joined_are_refused() {
    let lengths = NoiseError::Lengths { a: 1, b: 2 };
    assert_eq!(slerp(&[1.0], &[1.0, 2.0], 0.5), Err(lengths));
    assert_eq!(
        slerp(&[1.0, 2.0], &[-1.0, -2.0], 0.5),
        Err(NoiseError::Opposite)
    );
    for bad in [f32::NAN, f32::INFINITY] {
        assert_eq!(
            slerp(&[1.0, bad], &[1.0, 2.0], 0.5),
            Err(NoiseError::NotFinite)
        );
    }
    for weight in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(
            slerp(&[1.0], &[1.0], weight),
            Err(NoiseError::Weight { .. })
        ));
    }
    let corners = vec![vec![1.0]; 4];
    for (rows, columns) in [(0, 1), (1, 0), (65, 1), (usize::MAX, usize::MAX)] {
        let error = between(&corners, rows, columns).unwrap_err();
        assert_eq!(error, NoiseError::Grid { rows, columns }.into());
    }
}

#[test]
fn a_slerp_grid_has_its_corners_in_the_corners() {
    let corners = [0, 1, 2, 3].map(|image| drawn(5, image, 0, 48));
    let [a, b, c, d] = &corners;
    let grid = between(&corners, 3, 4).unwrap();
    let grid: Vec<&[f32]> = grid.chunks(48).collect();
    assert_eq!(grid.len(), 12);
    assert_eq!([grid[0], grid[3], grid[8], grid[11]], [a, b, c, d]);
    assert_eq!(grid[1], slerp(a, b, 1.0 / 3.0).unwrap());
    assert_eq!(grid[4], slerp(a, c, 0.5).unwrap());
    assert_eq!(&between(&corners, 1, 1).unwrap(), a);
}

#[test]
fn a_place_between_noises_is_that_of_the_grid() {
    let ends: Vec<Vec<f32>> = (0..4).map(|i| gaussians(2, i, 0, [1, 50])).collect();
    let grid = between(&ends, 5, 3).unwrap();
    for (i, found) in grid.chunks_exact(50).enumerate() {
        let (u, v) = ((i % 3) as f64 / 2.0, (i / 3) as f64 / 4.0);
        assert_eq!(at(&ends, u, v).unwrap(), found);
    }
    let row = between(&ends[..2], 1, 9).unwrap();
    for (i, found) in row.chunks_exact(50).enumerate() {
        assert_eq!(at(&ends[..2], i as f64 / 8.0, 7.0).unwrap(), found);
    }
    assert!(matches!(
        at(&ends, 0.0, 1.5),
        Err(PathError::Noise(NoiseError::Weight { found: 1.5 }))
    ));
    assert_eq!(at(&ends[..3], 0.0, 0.0), Err(PathError::Ends { found: 3 }));
}

#[test]
fn noises_of_many_images_are_those_of_each() {
    let all = gaussians(6, u32::MAX, 4, [2, 5]);
    for (i, image) in [u32::MAX, 0].into_iter().enumerate() {
        let mut one = [0.0; 5];
        gaussian(6, image, 4, &mut one);
        assert_eq!(all[5 * i..][..5], one);
    }
    assert!(gaussians(6, 0, 0, [3, 0]).is_empty());
}
