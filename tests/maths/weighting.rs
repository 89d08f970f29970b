//! What an error of eps weighs, against the papers' formulas written out.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    bound::BoundError,
    schedule::NoiseSchedule,
    scheduler::SchedulerConfig,
    step::{StepError, Variance},
    weighting::eps_weights,
};

use crate::{
    gaussian::schedules,
    support::{assert_each_close, unclipped},
};

/// Those that end above pure noise.
fn noisy() -> impl Iterator<Item = NoiseSchedule> {
    let last = |schedule: &NoiseSchedule| schedule.alpha_bar(schedule.len() - 1);
    schedules().into_iter().filter(move |s| last(s) > 0.0)
}

/// `(beta, alpha_bar, alpha_bar before)` of every time step but the first.
fn levels(schedule: &NoiseSchedule) -> impl Iterator<Item = (f64, f64, f64)> {
    let pairs = schedule.alpha_bars().windows(2);
    let betas = schedule.betas()[1..].iter();
    betas
        .zip(pairs)
        .map(|(beta, pair)| (*beta, pair[1], pair[0]))
}

#[test]
fn the_bound_weighs_as_equation_12_of_ddpm_says() {
    for schedule in noisy() {
        for (variance, small) in [(Variance::FixedLarge, false), (Variance::FixedSmall, true)] {
            let found = eps_weights(&schedule, variance, None).unwrap();
            let expected: Vec<f64> = levels(&schedule)
                .map(|(beta, now, before)| {
                    let tilde = (1.0 - before) / (1.0 - now) * beta;
                    let sigma2 = if small { tilde } else { beta };
                    beta * beta / (2.0 * sigma2 * (1.0 - beta) * (1.0 - now))
                })
                .collect();
            assert_each_close(&found.bound[1..], &expected, 1e-9, "eq. 12");
        }
    }
}

#[test]
fn with_an_eta_the_bound_weighs_as_theorem_1_of_ddim_says() {
    for schedule in noisy() {
        for eta in [0.1, 0.5, 1.0] {
            let found = eps_weights(&schedule, Variance::FixedLarge, Some(eta)).unwrap();
            let expected: Vec<f64> = levels(&schedule)
                .map(|(_, now, before)| {
                    let sigma2 = eta * eta * (1.0 - before) / (1.0 - now) * (1.0 - now / before);
                    let direction = (1.0 - before - sigma2).max(0.0).sqrt();
                    let c = before.sqrt() - direction * (now / (1.0 - now)).sqrt();
                    c * c * (1.0 - now) / (2.0 * sigma2 * now)
                })
                .collect();
            // c is a difference of nearly equal numbers, here and there.
            assert_each_close(&found.bound[1..], &expected, 1e-6, "theorem 1");
        }
        let all = eps_weights(&schedule, Variance::FixedLarge, Some(0.0)).unwrap();
        assert!(all.bound.iter().all(|gamma| *gamma == f64::INFINITY));
    }
}

#[test]
fn the_losses_on_other_predictions_weigh_by_the_signal_to_noise_ratio() {
    for schedule in noisy() {
        let found = eps_weights(&schedule, Variance::FixedSmall, None).unwrap();
        let of_snr = |f: &dyn Fn(f64) -> f64| -> Vec<f64> {
            let snr = schedule.alpha_bars().iter().map(|a| a / (1.0 - a));
            snr.map(f).collect()
        };
        assert_each_close(&found.simple, &of_snr(&|_| 1.0), 0.0, "simple");
        assert_each_close(
            &found.min_snr,
            &of_snr(&|snr| snr.min(5.0) / snr),
            1e-12,
            "min-SNR",
        );
        assert_each_close(&found.x0, &of_snr(&|snr| 1.0 / snr), 1e-11, "x_0");
        assert_each_close(&found.v, &of_snr(&|snr| 1.0 + 1.0 / snr), 1e-11, "v");
    }
}

#[test]
fn pure_noise_weighs_infinitely_and_an_eta_outside_its_range_is_refused() {
    let scheduler = SchedulerConfig {
        rescale_betas_zero_snr: true,
        ..unclipped()
    };
    let schedule = scheduler.schedule().unwrap();
    for eta in [None, Some(1.0)] {
        let found = eps_weights(&schedule, Variance::FixedSmall, eta).unwrap();
        for of_last in [&found.bound, &found.x0, &found.v].map(|weights| weights[999]) {
            assert_eq!(of_last, f64::INFINITY);
        }
        assert_eq!((found.simple[999], found.min_snr[999]), (1.0, 1.0));
        assert!(found.bound[..999].iter().all(|gamma| gamma.is_finite()));
    }
    for eta in [-0.1, 1.5, f64::NAN] {
        let error = eps_weights(&schedule, Variance::FixedSmall, Some(eta)).unwrap_err();
        assert!(matches!(error, BoundError::Step(StepError::Eta { .. })));
    }
}
