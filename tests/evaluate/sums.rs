//! Lines, means and choices of terms.

use ddim_web::evaluate::consistency::{different_noise, same_noise};
use ddim_web::evaluate::fit::{Line, mean_and_error, median};
use ddim_web::evaluate::{eight_bits, fingerprint, paper, parallel};
use ddim_web::runs::strata;

#[test]
fn a_line_through_its_own_points_is_found_and_noise_lowers_r_squared() {
    let exact: Vec<(f64, f64)> = [10.0, 20.0, 500.0].map(|x| (x, 0.25 * x + 3.0)).into();
    let line = Line::through(&exact).unwrap();
    assert!((line.slope - 0.25).abs() < 1e-12 && (line.intercept - 3.0).abs() < 1e-12);
    assert!((line.r_squared - 1.0).abs() < 1e-12);
    // By hand: x = 0, 1, 2 and y = 0, 2, 1 have slope 1/2, intercept 1/2, R² = 1/4.
    let line = Line::through(&[(0.0, 0.0), (1.0, 2.0), (2.0, 1.0)]).unwrap();
    assert_eq!(
        (line.slope, line.intercept, line.r_squared),
        (0.5, 0.5, 0.25)
    );
    assert_eq!(Line::through(&[(1.0, 2.0)]), None);
    assert_eq!(Line::through(&[(1.0, 2.0), (1.0, 3.0)]), None);
    assert_eq!(Line::through(&[]), None);
}

#[test]
fn the_standard_error_is_that_of_the_mean() {
    let (mean, error) = mean_and_error(&[1.0, 2.0, 3.0, 6.0]);
    // The variance is (4 + 1 + 0 + 9) / 3.
    assert_eq!(mean, 3.0);
    assert!((error.unwrap() - (14.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-15);
    assert_eq!(mean_and_error(&[5.0]), (5.0, None));
}

#[test]
fn the_median_is_the_middle_and_a_large_value_does_not_move_it() {
    assert_eq!(median(&[3.0, 100.0, 1.0]), 3.0);
    assert_eq!(median(&[3.0, 1e9, 1.0, 2.0]), 2.5);
    assert_eq!(median(&[7.0]), 7.0);
}

#[test]
fn ddpms_table_ends_with_the_numbers_of_its_section_4_3() {
    let times = paper::RATE_DISTORTION.map(|sent| sent.t);
    assert_eq!(times, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
    let last = paper::RATE_DISTORTION[0];
    assert!((last.rate - paper::RATE).abs() < 0.005);
    assert!((last.rmse - paper::DISTORTION_RMSE).abs() < 0.005);
    let falls = |pair: &[paper::Sent]| pair[0].rate > pair[1].rate && pair[0].rmse < pair[1].rmse;
    assert!(paper::RATE_DISTORTION.windows(2).all(falls));
}

#[test]
fn chosen_terms_sum_to_all_of_them_on_average() {
    let term = |t: usize| 1.0 + (t as f64 / 7.0).sin() + 100.0 / (t + 1) as f64;
    let whole: f64 = (0..101).map(term).sum();
    let sum = |image| -> f64 {
        let chosen = strata::choose(4, image, 101, 11);
        assert_eq!(chosen.len(), 11);
        assert_eq!((chosen[0].index, chosen[0].share), (0, 1.0));
        assert!(chosen.windows(2).all(|pair| pair[0].index < pair[1].index));
        chosen.iter().map(|c| c.share * term(c.index)).sum()
    };
    const IMAGES: u64 = 4000;
    let sums: Vec<f64> = (0..IMAGES).map(sum).collect();
    let (mean, error) = mean_and_error(&sums);
    let error = error.unwrap();
    assert!(
        (mean - whole).abs() < 4.0 * error,
        "{mean} ± {error}, {whole}"
    );
    assert!(error < 0.01 * whole);
    assert_ne!(sums[0], sums[1], "every image has its own choice");
}

#[test]
fn every_number_of_terms_covers_the_whole_chain() {
    for len in [1, 2, 3, 10, 1000] {
        for count in [1, 2, 3, 7, 10, 999, 1000, 5000] {
            let chosen = strata::choose(0, 0, len, count);
            let weight: f64 = chosen.iter().map(|c| c.share).sum();
            assert_eq!(weight, len as f64, "{count} of {len}");
            // From the last part down: those of higher parts, and those of its own.
            let mut parts_above = 0.0;
            for chosen in chosen.iter().rev() {
                let above = (len - 1 - chosen.index) as f64;
                assert_eq!(parts_above + chosen.above, above, "{count} of {len}");
                parts_above += chosen.share;
            }
            assert_eq!(chosen.len(), count.max(2).min(len), "{count} of {len}");
        }
    }
}

#[test]
fn equal_images_are_at_distance_zero_and_pairs_are_counted_once() {
    let rows = [vec![0.0, 0.0], vec![3.0, 4.0], vec![0.0, 0.0]];
    assert_eq!(same_noise(&rows, &rows), [0.0; 3]);
    assert_eq!(same_noise(&rows[..1], &rows[1..2]), [5.0]);
    assert_eq!(different_noise(&rows), Some(10.0 / 3.0));
    assert_eq!(different_noise(&rows[..1]), None);
}

#[test]
fn work_on_all_cores_comes_back_in_order() {
    let found = parallel::map(10, 3, &|| true, &|range| range.collect::<Vec<_>>());
    assert_eq!(found.unwrap().concat(), (0..10).collect::<Vec<_>>());
    assert_eq!(parallel::map(10, 3, &|| false, &|_| ()), None);
    assert_eq!(parallel::map(0, 3, &|| true, &|_| ()), Some(vec![]));
}

#[test]
fn eight_bits_keep_the_levels_of_an_image_and_clamp_the_rest() {
    for level in 0..=255u8 {
        let value = f32::from(level) / 127.5 - 1.0;
        assert_eq!(eight_bits(value), value);
        assert_eq!(eight_bits(value + 0.003), value.max(eight_bits(value)));
    }
    assert_eq!((eight_bits(-7.0), eight_bits(7.0)), (-1.0, 1.0));
}

#[test]
fn fingerprints_see_every_byte_and_where_parts_end() {
    let of = |parts: &[&[u8]]| fingerprint(parts.iter().copied());
    assert_eq!(of(&[b"ab", b"c"]), of(&[b"ab", b"c"]));
    assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
    assert_ne!(of(&[b"ab"]), of(&[b"ac"]));
}
