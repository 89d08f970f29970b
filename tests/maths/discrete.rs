//! The discrete case (DDIM, appendix A) against sums over all classes.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::discrete::{DiscreteError, Posterior, kl, largest_sigma, marginal};

use crate::{dice::Dice, support::assert_each_close};

fn class(index: usize, classes: usize) -> Vec<f64> {
    (0..classes)
        .map(|k| f64::from(u8::from(k == index)))
        .collect()
}

/// Probabilities of `classes` classes, all above 0.
fn guess(dice: &mut Dice, classes: usize) -> Vec<f64> {
    let weights: Vec<f64> = (0..classes).map(|_| 0.001 + dice.unit().powi(3)).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// A number of classes, and the levels of x_t and x_{t-1}, the ends of their ranges among them.
fn step(dice: &mut Dice) -> (usize, f64, f64) {
    let alpha = [0.0, 1.0 - 1e-9, dice.unit(), dice.unit()][dice.below(4)];
    let between = alpha + (1.0 - alpha) * dice.unit();
    let alpha_before = [alpha, 1.0, between, between][dice.below(4)];
    (1 + dice.below(12), alpha, alpha_before)
}

/// Sigmas over the whole range, with both ends.
fn sigmas(dice: &mut Dice, alpha: f64, alpha_before: f64) -> [f64; 5] {
    let max = largest_sigma(alpha, alpha_before).unwrap();
    [0.0, 0.01 * max, dice.unit() * max, dice.unit() * max, max]
}

/// The property that makes the family one: `Σ q(x_t | x_0) q_sigma(x_{t-1} | x_t, x_0) = q(x_{t-1} | x_0)`, the sum
/// being over the classes of x_t.
#[test]
fn q_sigma_keeps_the_marginals_for_every_sigma() {
    let mut dice = Dice(17);
    for _ in 0..500 {
        let (classes, alpha, alpha_before) = step(&mut dice);
        // Data of one class, and data that are themselves uncertain.
        let x_0 = match dice.below(2) {
            0 => class(dice.below(classes), classes),
            _ => guess(&mut dice, classes),
        };
        for sigma in sigmas(&mut dice, alpha, alpha_before) {
            let q = Posterior::new(alpha, alpha_before, sigma).unwrap();
            let mut found = vec![0.0; classes];
            for (k, weight) in marginal(alpha, &x_0).unwrap().iter().enumerate() {
                let given = q.probabilities(&x_0, &class(k, classes)).unwrap();
                for (found, p) in found.iter_mut().zip(given) {
                    *found += weight * p;
                }
            }
            let expected = marginal(alpha_before, &x_0).unwrap();
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-14, "{found}, {expected}");
            }
        }
    }
}

#[test]
fn every_allowed_sigma_gives_probabilities() {
    let mut dice = Dice(19);
    for _ in 0..500 {
        let (classes, alpha, alpha_before) = step(&mut dice);
        for sigma in sigmas(&mut dice, alpha, alpha_before) {
            let q = Posterior::new(alpha, alpha_before, sigma).unwrap();
            let weights = [q.of_x_t, q.of_x0, q.of_uniform];
            let x_t = class(dice.below(classes), classes);
            let p = q.probabilities(&guess(&mut dice, classes), &x_t).unwrap();
            for list in [&weights[..], &p] {
                let sum: f64 = list.iter().sum();
                assert!((sum - 1.0).abs() < 1e-14, "{list:?}");
                assert!(
                    list.iter().all(|p| (0.0..=1.0 + 1e-15).contains(p)),
                    "{list:?}"
                );
            }
        }
    }
}

/// A chain from x_T down, with the probabilities of x_t in place of draws: q is linear in x_t.
#[test]
fn a_whole_chain_ends_at_the_data() {
    let x_0 = [0.5, 0.0, 0.2, 0.3];
    let alphas = [1.0, 0.9, 0.6, 0.25, 0.05, 0.0];
    for share in [0.0, 0.4, 1.0] {
        let known = class(2, 4);
        let mut x_t = marginal(0.0, &known).unwrap();
        for pair in alphas.windows(2).rev() {
            let sigma = share * largest_sigma(pair[1], pair[0]).unwrap();
            let q = Posterior::new(pair[1], pair[0], sigma).unwrap();
            x_t = q.probabilities(&known, &x_t).unwrap();
            let expected = marginal(pair[0], &known).unwrap();
            assert!(
                x_t.iter()
                    .zip(&expected)
                    .all(|(a, b)| (a - b).abs() < 1e-15)
            );
        }
        assert_eq!(x_t, known);
    }
    assert_eq!(marginal(1.0, &x_0).unwrap(), x_0);
    assert_each_close(&marginal(0.0, &x_0).unwrap(), &[0.25; 4], 1e-15, "chance");
}

#[test]
fn the_largest_sigma_leaves_nothing_to_chance() {
    let mut dice = Dice(18);
    for _ in 0..500 {
        let (_, alpha, alpha_before) = step(&mut dice);
        let of_uniform = sigmas(&mut dice, alpha, alpha_before).map(|sigma| {
            (
                sigma,
                Posterior::new(alpha, alpha_before, sigma)
                    .unwrap()
                    .of_uniform,
            )
        });
        let max = of_uniform[4].0;
        assert!(of_uniform[4].1 < 1e-15, "{of_uniform:?}");
        for (sigma, of_uniform) in of_uniform {
            let expected = (1.0 - alpha) * (max - sigma);
            assert!((of_uniform - expected).abs() < 1e-15);
        }
        // At 0, x_t plays no part.
        assert_eq!(
            Posterior::new(alpha, alpha_before, 0.0).unwrap().of_x_t,
            0.0
        );
    }
    assert_eq!(largest_sigma(0.5, 0.75), Ok(0.5));
    assert_eq!(largest_sigma(0.3, 1.0), Ok(0.0));
    assert_eq!(largest_sigma(0.3, 0.3), Ok(1.0));
}

/// By the convexity of the divergence: at most the part of x_0 times the divergence of the network's guess, which is
/// its cross entropy for data of one class. Both are 0 for a network that knows, and equal in the step to the data.
#[test]
fn the_divergence_is_bounded_by_the_weighted_classification_loss() {
    let mut dice = Dice(20);
    for _ in 0..500 {
        let (classes, alpha, alpha_before) = step(&mut dice);
        let k = dice.below(classes);
        let (x_0, f) = (class(k, classes), guess(&mut dice, classes));
        let loss = kl(&x_0, &f);
        assert!((loss + f[k].ln()).abs() < 1e-12);
        for sigma in sigmas(&mut dice, alpha, alpha_before) {
            let q = Posterior::new(alpha, alpha_before, sigma).unwrap();
            let x_t = class(dice.below(classes), classes);
            let known = q.probabilities(&x_0, &x_t).unwrap();
            let divergence = kl(&known, &q.probabilities(&f, &x_t).unwrap());
            let bound = q.of_x0 * loss;
            assert!(
                divergence > -1e-14 && divergence <= bound + 1e-14,
                "{q:?}: {divergence} > {bound}"
            );
            assert_eq!(kl(&known, &known), 0.0);
        }
        let last = Posterior::new(alpha, 1.0, 0.0).unwrap();
        let p = last.probabilities(&f, &x_0).unwrap();
        assert!((kl(&x_0, &p) - loss).abs() < 1e-12);
    }
}

#[test]
fn kl_is_the_sum_of_its_definition() {
    let expected = 0.25 * 0.5_f64.ln() + 0.75 * 1.5_f64.ln();
    assert_each_close(&[kl(&[0.25, 0.75], &[0.5, 0.5])], &[expected], 1e-15, "kl");
    assert_eq!(kl(&[0.0, 1.0], &[0.5, 0.5]), 2.0_f64.ln());
    assert_eq!(kl(&[0.5, 0.5], &[0.0, 1.0]), f64::INFINITY);
}

#[test]
fn a_sigma_that_makes_a_weight_negative_is_refused() {
    let mut dice = Dice(3);
    for _ in 0..200 {
        let (_, alpha, alpha_before) = step(&mut dice);
        let max = largest_sigma(alpha, alpha_before).unwrap();
        for found in [max * 1.000_001 + 1e-12, -1e-12, f64::INFINITY] {
            let refused = Posterior::new(alpha, alpha_before, found);
            assert_eq!(refused, Err(DiscreteError::Sigma { max, found }));
        }
    }
    let text = Posterior::new(0.5, 0.75, f64::NAN).unwrap_err().to_string();
    assert!(
        text.starts_with("sigma: expected a number from 0 to 0.5 = "),
        "{text}"
    );
}

#[test]
fn levels_outside_their_range_are_refused_by_name() {
    for (alpha, alpha_before, name) in [
        (1.0, 1.0, "alpha:"),
        (-0.1, 0.5, "alpha:"),
        (f64::NAN, 0.5, "alpha:"),
        (0.5, 0.4, "alpha_before:"),
        (0.5, 1.1, "alpha_before:"),
        (0.5, f64::NAN, "alpha_before:"),
    ] {
        let text = Posterior::new(alpha, alpha_before, 0.0)
            .unwrap_err()
            .to_string();
        assert!(text.starts_with(name), "{text}");
    }
    for alpha in [-0.1, 1.1, f64::NAN] {
        assert!(marginal(alpha, &[1.0]).is_err());
    }
}

#[test]
fn what_is_no_distribution_is_refused_by_name() {
    let q = Posterior::new(0.5, 0.75, 0.2).unwrap();
    let refused = |x_0: &[f64], x_t: &[f64]| q.probabilities(x_0, x_t).unwrap_err();
    assert_eq!(
        refused(&[0.5, 0.5], &[1.0]),
        DiscreteError::Classes {
            expected: 2,
            found: 1
        }
    );
    assert_eq!(
        refused(&[0.5, 0.5], &[1.5, -0.5]),
        DiscreteError::Probability {
            field: "x_t",
            found: -0.5
        }
    );
    assert_eq!(
        refused(&[0.5, 0.25], &[1.0, 0.0]),
        DiscreteError::Sum {
            field: "x_0",
            found: 0.75
        }
    );
    for x_0 in [&[][..], &[f64::NAN], &[f64::INFINITY, 0.0]] {
        assert!(marginal(0.5, x_0).is_err(), "{x_0:?}");
        assert!(q.probabilities(x_0, x_0).is_err(), "{x_0:?}");
    }
    // A softmax in 32 bits
    let f = [1.0_f32 / 3.0; 3].map(f64::from);
    assert!(marginal(0.5, &f).is_ok());
}
