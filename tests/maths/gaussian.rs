//! Gaussians against torch.distributions and mpmath (`tools/make_gaussian_fixtures.py`), and against Bayes' rule.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    gaussian::{
        Posterior, SigmaError, diffused, discretised_log_likelihood, forward_step, kl, level,
        log_density,
    },
    schedule::{BetaSchedule, NoiseSchedule},
    scheduler::TrajectoryOptions,
    step::{Method, Variance},
};
use serde_json::Value;

use crate::support::{assert_each_close, indices, numbers, parse, unclipped};

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

pub fn schedules() -> Vec<NoiseSchedule> {
    let named = |kind| NoiseSchedule::new(kind, 1000, 1e-4, 0.02).unwrap();
    let linear = named(BetaSchedule::Linear);
    let zero_snr = linear.clone().rescale_zero_terminal_snr().unwrap();
    vec![linear, named(BetaSchedule::SquaredcosCapV2), zero_snr]
}

#[test]
fn kl_matches_torch() {
    for case in parse(include_str!("../fixtures/gaussian/kl.json")) {
        let (a, b) = (numbers(&case["mean_1"]), numbers(&case["mean_2"]));
        let squares = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
        let found = kl(
            squares,
            a.len(),
            number(&case["variance_1"]),
            number(&case["variance_2"]),
        );
        // torch subtracts 1 at the end, which costs small divergences digits.
        assert_each_close(&[found], &[number(&case["kl"])], 1e-10, &case.to_string());
    }
}

#[test]
fn kl_of_nearly_equal_variances_keeps_its_digits() {
    // excess - ln(1 + excess) = excess²/2 - excess³/3 …
    for excess in [1e-3, 1e-5, -1e-6] {
        let found = kl(0.0, 2, 1.0 + excess, 1.0);
        let expected = excess * excess * (0.5 - excess / 3.0 + excess * excess / 4.0);
        assert_each_close(&[found], &[2.0 * 0.5 * expected], 1e-8, "kl");
    }
}

#[test]
fn log_density_matches_torch() {
    for case in parse(include_str!("../fixtures/gaussian/densities.json")) {
        let of = |name: &str| number(&case[name]);
        let found = log_density(of("x"), of("mean"), of("variance"));
        assert_each_close(&[found], &[of("log_density")], 1e-12, &case.to_string());
    }
}

#[test]
fn discretised_log_likelihoods_match_60_digits_down_to_the_far_tails() {
    let mut lowest = 0.0_f64;
    for case in parse(include_str!("../fixtures/gaussian/levels.json")) {
        let (mean, variance) = (number(&case["mean"]), number(&case["variance"]));
        let expected = numbers(&case["log_likelihoods"]);
        for (level, expected) in indices(&case["levels"]).into_iter().zip(expected) {
            let found = discretised_log_likelihood(level as u8, mean, variance);
            let error = (found - expected).abs();
            assert!(
                error <= 1e-11 * expected.abs() + 1e-13,
                "level {level} of N({mean}, {variance}): expected {expected}, found {found}"
            );
            lowest = lowest.min(expected);
        }
    }
    assert!(lowest < -80_000.0, "the fixture reaches {lowest} only");
}

#[test]
fn the_likelihoods_of_all_levels_sum_to_one() {
    for mean in [-2.5, -1.0, -0.37, 0.0, 0.9, 1.0, 40.0] {
        for variance in [1e-9, 5e-5, 0.01, 1.0, 300.0] {
            let mass: f64 = (0..=u8::MAX)
                .map(|k| discretised_log_likelihood(k, mean, variance).exp())
                .sum();
            assert!((mass - 1.0).abs() < 1e-12, "N({mean}, {variance}): {mass}");
        }
    }
}

#[test]
fn likelihoods_are_symmetric() {
    for k in 0..=u8::MAX {
        for (mean, variance) in [(0.3, 1e-4), (0.0, 0.5), (-0.99, 1e-3)] {
            let left = discretised_log_likelihood(k, mean, variance);
            let right = discretised_log_likelihood(u8::MAX - k, -mean, variance);
            assert_each_close(&[left], &[right], 1e-9, &format!("level {k}"));
        }
    }
}

#[test]
fn a_pixel_is_the_level_it_was_made_from() {
    for byte in 0..=u8::MAX {
        assert_eq!(level(f32::from(byte) / 127.5 - 1.0), byte);
    }
    assert_eq!((level(-7.0), level(7.0)), (0, u8::MAX));
}

#[test]
fn steps_of_the_forward_process_add_up_to_the_closed_form() {
    // eq. 2 iterated on (mean, variance) of x_0 = 1 is eq. 4
    for schedule in schedules() {
        let (mut mean, mut variance) = (1.0, 0.0);
        for t in 0..schedule.len() {
            let (scale, added) = forward_step(&schedule, t);
            mean *= scale;
            variance = scale * scale * variance + added;
            let (signal, noise) = schedule.signal_and_noise(t);
            let what = format!("t = {t}");
            assert!((mean - signal).abs() < 1e-12, "{what}: {mean}, {signal}");
            assert!((variance - noise * noise).abs() < 1e-12, "{what}");
        }
    }
}

#[test]
fn diffused_images_follow_the_closed_form() {
    let schedule = &schedules()[0];
    let (signal, noise) = schedule.signal_and_noise(300);
    let x_t = diffused(schedule, 300, &[0.5, -1.0], &[0.25, 2.0]);
    let expected = [
        (signal * 0.5 + noise * 0.25) as f32,
        (2.0 * noise - signal) as f32,
    ];
    assert_eq!(x_t, expected);
}

/// Bayes: `q(x_{t-1} | x_t, x_0) q(x_t | x_0) = q(x_t | x_{t-1}) q(x_{t-1} | x_0)` at every point.
#[test]
fn the_posterior_follows_from_bayes_rule() {
    let x_0 = 0.7;
    for schedule in schedules() {
        for t in [1, 2, 10, 250, 700, 998, 999] {
            let posterior = Posterior::ddpm(&schedule, t);
            let (scale, added) = forward_step(&schedule, t);
            let (signal, noise) = schedule.signal_and_noise(t);
            let (signal_before, noise_before) = schedule.signal_and_noise(t - 1);
            for (x_t, deviations) in [(-1.3, -2.0), (0.0, 0.5), (0.4, 3.0), (2.5, 0.0)] {
                let mean = posterior.mean(x_0, x_t);
                let x_before = mean + deviations * posterior.variance.sqrt();
                let left = log_density(x_before, mean, posterior.variance)
                    + log_density(x_t, signal * x_0, noise * noise);
                let right = log_density(x_t, scale * x_before, added)
                    + log_density(x_before, signal_before * x_0, noise_before * noise_before);
                let error = (left - right).abs();
                // Means are good to 1e-16 and densities are as narrow as 1e-2.
                assert!(
                    error <= 1e-9 * left.abs().max(1.0),
                    "t = {t}, x_t = {x_t}: {left}, {right}"
                );
            }
        }
    }
}

#[test]
fn the_posterior_of_the_first_step_is_the_image_itself() {
    for schedule in schedules() {
        let posterior = Posterior::ddpm(&schedule, 0);
        assert_each_close(&[posterior.of_x0], &[1.0], 1e-11, "of_x0");
        assert_eq!((posterior.of_x_t, posterior.variance), (0.0, 0.0));
    }
}

/// Lemma 1 of the DDIM paper on (mean, variance): with any sigmas, over any tau, stepping down with q_sigma from
/// q(x_T | x_0) gives q(x_t | x_0) at every t.
#[test]
fn q_sigma_keeps_the_marginals_exactly() {
    let taus: [Vec<usize>; 2] = [(0..1000).collect(), vec![3, 20, 21, 400, 640, 999]];
    for (schedule, tau) in schedules()
        .iter()
        .flat_map(|s| taus.iter().map(move |tau| (s, tau)))
    {
        // sigma between two noise levels: of eq. 16 for three etas, as large as eq. 7 allows, and any.
        let eta = |eta: f64, now: f64, before: f64| {
            eta * ((1.0 - before) / (1.0 - now) * (1.0 - now / before)).sqrt()
        };
        let most = |before: f64| (1.0 - before).sqrt() * (1.0 - 1e-15);
        let choices: [&dyn Fn(usize, f64, f64) -> f64; 5] = [
            &|_, now, before| eta(0.0, now, before),
            &|_, now, before| eta(0.3, now, before),
            &|_, now, before| eta(1.0, now, before),
            &|_, _, before| most(before),
            &|i, _, before| most(before) * (i as f64 * 1.7).sin().abs(),
        ];
        for (which, choice) in choices.iter().enumerate() {
            let (mut mean, noise) = schedule.signal_and_noise(999);
            let mut variance = noise * noise;
            for i in (1..tau.len()).rev() {
                let (signal, noise) = schedule.signal_and_noise(tau[i - 1]);
                let [now, before] = [tau[i], tau[i - 1]].map(|t| schedule.alpha_bar(t));
                let sigma = choice(i, now, before);
                let q = Posterior::ddim(schedule, tau[i], Some(tau[i - 1]), sigma).unwrap();
                mean = q.mean(1.0, mean);
                variance = q.of_x_t.powi(2) * variance + q.variance;
                assert!(
                    (mean - signal).abs() < 1e-12 && (variance - noise * noise).abs() < 1e-12,
                    "sigmas {which}, t = {}: N({mean}, {variance})",
                    tau[i - 1]
                );
            }
            let last = Posterior::ddim(schedule, tau[0], None, 0.0).unwrap();
            assert_eq!((last.of_x0, last.of_x_t, last.variance), (1.0, 0.0, 0.0));
        }
    }
}

/// sigma of eq. 16 comes from the sampler's own steps, so these are its posteriors too.
#[test]
fn q_sigma_is_the_samplers_step_with_x0_in_place_of_its_guess() {
    let config = unclipped();
    let schedule = config.schedule().unwrap();
    for eta in [0.0, 0.3, 1.0] {
        let options = TrajectoryOptions::new(Method::Ddim { eta }, 50);
        for step in config.trajectory(&options).unwrap().steps {
            let c = step.coefficients;
            let q = Posterior::ddim(&schedule, step.t, step.t_next, c.sigma).unwrap();
            let (signal, noise) = schedule.signal_and_noise(step.t);
            // eps of x_0 and x_t in the sampler's third line
            let of_x_t = c.b / noise;
            let expected = [c.a - of_x_t * signal, of_x_t, c.sigma * c.sigma];
            assert_each_close(
                &[q.of_x0, q.of_x_t, q.variance],
                &expected,
                1e-9,
                &format!("eta = {eta}, t = {}", step.t),
            );
        }
    }
}

#[test]
fn q_sigma_with_eta_one_is_the_posterior_of_ddpm() {
    let config = unclipped();
    let schedule = config.schedule().unwrap();
    for method in [
        Method::Ddim { eta: 1.0 },
        Method::DdpmAncestral(Variance::FixedSmall),
    ] {
        let options = TrajectoryOptions::new(method, 1000);
        for step in config.trajectory(&options).unwrap().steps {
            let sigma = step.coefficients.sigma;
            let ddim = Posterior::ddim(&schedule, step.t, step.t_next, sigma).unwrap();
            let ddpm = Posterior::ddpm(&schedule, step.t);
            assert_each_close(
                &[ddim.of_x0, ddim.of_x_t, ddim.variance],
                &[ddpm.of_x0, ddpm.of_x_t, ddpm.variance],
                1e-9,
                &format!("{method}, t = {}", step.t),
            );
        }
    }
}

#[test]
fn a_sigma_above_all_the_noise_is_refused() {
    let schedule = &schedules()[0];
    let (_, max) = schedule.signal_and_noise(499);
    for found in [max * 1.001, -0.1, f64::NAN, f64::INFINITY] {
        let error = Posterior::ddim(schedule, 500, Some(499), found).unwrap_err();
        assert!((error.max - max).abs() < 1e-15);
        assert!(error.to_string().starts_with("sigma: expected a number"));
    }
    let SigmaError { max, .. } = Posterior::ddim(schedule, 0, None, 0.01).unwrap_err();
    assert_eq!(max, 0.0);
}
