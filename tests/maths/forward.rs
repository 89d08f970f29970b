//! The forward process of DDIM, eq. 8, against Bayes' rule, the marginals of eq. 4, and DDPM's Markov chain.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    gaussian::{Forward, Posterior, SigmaError, forward_step, log_density},
    schedule::NoiseSchedule,
};

use crate::{dice::Dice, gaussian::schedules};

/// Pairs of indices: neighbours, and far apart.
const PAIRS: [(usize, usize); 8] = [
    (1, 0),
    (2, 1),
    (300, 299),
    (999, 998),
    (20, 0),
    (640, 3),
    (999, 0),
    (999, 500),
];

/// sigma of DDIM, eq. 16.
fn sigma(schedule: &NoiseSchedule, t: usize, before: usize, eta: f64) -> f64 {
    let [now, before] = [t, before].map(|t| schedule.alpha_bar(t));
    eta * ((1.0 - before) * ((1.0 - now / before) / (1.0 - now))).sqrt()
}

#[test]
fn with_eta_one_the_forward_process_is_the_markov_chain_of_ddpm() {
    for schedule in schedules() {
        for t in 1..schedule.len() {
            let sigma = sigma(&schedule, t, t - 1, 1.0);
            let found = Forward::ddim(&schedule, t, Some(t - 1), sigma).unwrap();
            let (scale, variance) = forward_step(&schedule, t);
            let what = format!("t = {t}: {found:?}, expected {scale}, {variance}");
            // 1 - alpha_bar' is at least 4e-5 and good to 1e-16, so the ratio is to 1e-11.
            assert!(found.of_x0.abs() < 1e-11, "{what}");
            assert!((found.of_x_before - scale).abs() < 1e-11, "{what}");
            assert!((found.variance - variance).abs() < 1e-11, "{what}");
        }
        let first = Forward::ddim(&schedule, 0, None, 0.0).unwrap();
        let (scale, variance) = forward_step(&schedule, 0);
        assert!((first.mean(1.0, 1.0) - scale).abs() < 1e-15);
        assert!((first.variance - variance).abs() < 1e-15);
    }
}

#[test]
fn below_eta_one_the_forward_process_depends_on_the_image() {
    for (schedule, (t, before)) in schedules().iter().flat_map(|s| PAIRS.map(|p| (s, p))) {
        let of_x0 = |eta| {
            let sigma = sigma(schedule, t, before, eta);
            let q = Forward::ddim(schedule, t, Some(before), sigma).unwrap();
            q.of_x0
        };
        // The less fresh noise x_t gets, the more it keeps of x_{t-1}'s; x_0 makes up for the image in that.
        assert!(of_x0(0.0) < of_x0(0.5) && of_x0(0.5) < 0.0, "{t}, {before}");
    }
}

/// The deterministic process runs both ways: x_t is a function of x_{t-1} and x_0, the inverse of that of eq. 7.
#[test]
fn without_noise_the_forward_process_is_the_inverse_of_the_posterior() {
    for (schedule, (t, before)) in schedules().iter().flat_map(|s| PAIRS.map(|p| (s, p))) {
        let forward = Forward::ddim(schedule, t, Some(before), 0.0).unwrap();
        let posterior = Posterior::ddim(schedule, t, Some(before), 0.0).unwrap();
        assert_eq!((forward.variance, posterior.variance), (0.0, 0.0));
        for (x_0, x_t) in [(0.3, -1.7), (-1.0, 0.0), (0.9, 2.2)] {
            let found = forward.mean(x_0, posterior.mean(x_0, x_t));
            assert!((found - x_t).abs() < 1e-11, "{t}, {before}: {found}, {x_t}");
        }
    }
}

/// `q(x_t | x_{t-1}, x_0) q(x_{t-1} | x_0) = q(x_{t-1} | x_t, x_0) q(x_t | x_0)` at random points.
#[test]
fn the_forward_process_follows_from_bayes_rule() {
    let mut dice = Dice(8);
    for (schedule, (t, before)) in schedules().iter().flat_map(|s| PAIRS.map(|p| (s, p))) {
        let (signal, noise) = schedule.signal_and_noise(t);
        let (signal_before, noise_before) = schedule.signal_and_noise(before);
        for _ in 0..20 {
            let sigma = noise_before * (0.05 + 0.9 * dice.unit());
            let forward = Forward::ddim(schedule, t, Some(before), sigma).unwrap();
            let posterior = Posterior::ddim(schedule, t, Some(before), sigma).unwrap();
            let [x_0, a, b] = [(); 3].map(|()| 4.0 * dice.unit() - 2.0);
            let x_t = signal * x_0 + noise * a;
            let x_before = posterior.mean(x_0, x_t) + sigma * b;
            let left = log_density(x_t, forward.mean(x_0, x_before), forward.variance)
                + log_density(x_before, signal_before * x_0, noise_before.powi(2));
            let right = log_density(x_before, posterior.mean(x_0, x_t), posterior.variance)
                + log_density(x_t, signal * x_0, noise * noise);
            assert!(
                (left - right).abs() < 1e-10 * left.abs().max(1.0),
                "t = {t}, before = {before}, sigma = {sigma}: {left}, {right}"
            );
        }
    }
}

/// Over x_{t-1} from eq. 4, x_t has the distribution of eq. 4: the family shares its marginals.
#[test]
fn the_forward_process_keeps_the_marginals() {
    let mut dice = Dice(4);
    for (schedule, (t, before)) in schedules().iter().flat_map(|s| PAIRS.map(|p| (s, p))) {
        let (signal, noise) = schedule.signal_and_noise(t);
        let (signal_before, noise_before) = schedule.signal_and_noise(before);
        for share in [0.0, 0.01, dice.unit(), dice.unit(), 1.0] {
            let q = Forward::ddim(schedule, t, Some(before), share * noise_before).unwrap();
            let mean = q.mean(1.0, signal_before);
            let variance = q.of_x_before.powi(2) * noise_before.powi(2) + q.variance;
            assert!(
                (mean - signal).abs() < 1e-12 && (variance - noise * noise).abs() < 1e-12,
                "t = {t}, before = {before}: N({mean}, {variance})"
            );
        }
    }
}

#[test]
fn from_the_image_itself_the_forward_step_is_the_closed_form() {
    for (schedule, t) in schedules().iter().flat_map(|s| [(s, 0), (s, 20), (s, 999)]) {
        let (signal, noise) = schedule.signal_and_noise(t);
        let q = Forward::ddim(schedule, t, None, 0.0).unwrap();
        assert_eq!((q.of_x0, q.of_x_before), (signal, 0.0));
        assert!((q.variance - noise * noise).abs() < 1e-15);
    }
}

#[test]
fn the_forward_process_refuses_the_sigmas_that_the_posterior_refuses() {
    let schedule = &schedules()[0];
    for before in 0..schedule.len() {
        let (_, max) = schedule.signal_and_noise(before);
        // The largest that the error names is accepted, whatever its square rounds to: x_t forgets x_{t-1}.
        let q = Forward::ddim(schedule, 999, Some(before), max).unwrap();
        assert_eq!(q.of_x_before, 0.0);
        for found in [max * 1.000_001, -1e-9, f64::NAN, f64::INFINITY] {
            let error = Forward::ddim(schedule, 999, Some(before), found).unwrap_err();
            assert!(error.to_string().starts_with("sigma: expected a number"));
            assert_eq!(error.max, max);
        }
    }
    let refused = Forward::ddim(schedule, 7, None, 0.1);
    let expected = SigmaError {
        max: 0.0,
        found: 0.1,
    };
    assert_eq!(refused, Err(expected));
}
