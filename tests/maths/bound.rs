//! The variational bound against integrals of its definition, and its weights against the papers' equations.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    bound::{Bound, BoundError, bits_per_dimension, gamma_bound, gamma_min_snr, reverse_variance},
    gaussian::{Posterior, discretised_log_likelihood, log_density},
    schedule::NoiseSchedule,
    scheduler::{SchedulerConfig, TrajectoryOptions},
    step::{Clip, Method, Prediction, StepError, Variance},
};

use crate::{
    gaussian::schedules,
    support::{apply, assert_each_close, perfect, unclipped},
};

const VARIANCES: [Variance; 2] = [Variance::FixedSmall, Variance::FixedLarge];

/// Three pixels of 8 bits, their noised version and a network's output.
const X_0: [f32; 3] = [1.0, 51.0 / 127.5 - 1.0, 130.0 / 127.5 - 1.0];
const X_T: [f32; 3] = [0.4, -1.2, 0.3];
const OUT: [f32; 3] = [-0.7, 0.1, 0.25];

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

fn bound(config: &SchedulerConfig, variance: Variance, clip_x0_hat: bool) -> Bound {
    Bound {
        schedule: config.schedule().unwrap(),
        prediction: config.prediction_type,
        variance,
        clip_x0_hat,
    }
}

/// `∫ q ln(q / p)` by the trapezoid rule over 12 deviations to both sides, exact to 1e-13 for Gaussians.
fn integrated_kl(q: (f64, f64), p: (f64, f64)) -> f64 {
    let width = q.1.sqrt() / 40.0;
    let points = (-480..=480).map(|i| q.0 + f64::from(i) * width);
    points
        .map(|x| {
            let ln_q = log_density(x, q.0, q.1);
            width * ln_q.exp() * (ln_q - log_density(x, p.0, p.1))
        })
        .sum()
}

#[test]
fn the_prior_term_is_the_integral_of_its_definition() {
    for steps in [10, 1000] {
        let config = SchedulerConfig {
            num_train_timesteps: steps,
            ..unclipped()
        };
        let bound = bound(&config, Variance::FixedSmall, false);
        let alpha_bar = bound.schedule.alpha_bar(steps - 1);
        let expected: f64 = X_0
            .iter()
            .map(|x| {
                let q = (alpha_bar.sqrt() * f64::from(*x), 1.0 - alpha_bar);
                integrated_kl(q, (0.0, 1.0))
            })
            .sum();
        let found = bound.prior(&X_0);
        assert!((found - expected).abs() < 1e-12, "{found}, {expected}");
    }
}

/// p(x_{t-1} | x_t) is what ancestral sampling draws from: the integral takes it from the sampler's own steps.
#[test]
fn every_term_is_the_integral_of_its_definition_for_the_samplers_steps() {
    for (variance, prediction) in VARIANCES
        .iter()
        .flat_map(|v| Prediction::ALL.map(|p| (*v, p)))
    {
        for clip_x0_hat in [false, true] {
            let config = SchedulerConfig {
                prediction_type: prediction,
                ..unclipped()
            };
            let bound = bound(&config, variance, clip_x0_hat);
            let options = TrajectoryOptions {
                clip: clip_x0_hat.then_some(Clip::Range(1.0)),
                ..TrajectoryOptions::new(Method::DdpmAncestral(variance), 1000)
            };
            let steps = config.trajectory(&options).unwrap().steps;
            for step in steps.iter().filter(|s| [1, 2, 80, 999].contains(&s.t)) {
                let c = &step.coefficients;
                let (_, mean) = apply(c, &wide(&X_T), &wide(&OUT), &[0.0; 3]);
                let posterior = Posterior::ddpm(&bound.schedule, step.t);
                let expected: f64 = (0..3)
                    .map(|i| {
                        let q = posterior.mean(f64::from(X_0[i]), f64::from(X_T[i]));
                        integrated_kl((q, posterior.variance), (mean[i], c.sigma * c.sigma))
                    })
                    .sum();
                let found = bound.term(step.t, &X_0, &X_T, &OUT).unwrap();
                let what = format!("{variance:?}, {prediction}, {clip_x0_hat}, t = {}", step.t);
                assert_each_close(&[found], &[expected], 1e-8, &what);
            }
        }
    }
}

#[test]
fn the_last_term_is_the_discretised_decoder_around_the_guess() {
    for variance in VARIANCES {
        let bound = bound(&unclipped(), variance, true);
        let alpha_bar = bound.schedule.alpha_bar(0);
        let expected: f64 = (0..3)
            .map(|i| {
                let eps = f64::from(OUT[i]);
                let x0_hat =
                    (f64::from(X_T[i]) - (1.0 - alpha_bar).sqrt() * eps) / alpha_bar.sqrt();
                let beta_tilde = Posterior::ddpm(&bound.schedule, 1).variance;
                let byte = [255, 51, 130][i];
                -discretised_log_likelihood(byte, x0_hat.clamp(-1.0, 1.0), beta_tilde)
            })
            .sum();
        let found = bound.term(0, &X_0, &X_T, &OUT).unwrap();
        assert_each_close(&[found], &[expected], 1e-12, "L_0");
    }
}

#[test]
fn a_network_that_knows_the_image_pays_for_the_variance_alone() {
    for prediction in Prediction::ALL {
        let config = SchedulerConfig {
            prediction_type: prediction,
            ..unclipped()
        };
        for t in [1, 500, 999] {
            let small = bound(&config, Variance::FixedSmall, false);
            let schedule = &small.schedule;
            let out = perfect(prediction, schedule.alpha_bar(t), &wide(&X_0), &wide(&X_T));
            let out: Vec<f32> = out.into_iter().map(|x| x as f32).collect();
            let cost = small.term(t, &X_0, &X_T, &out).unwrap();
            // The output's rounding to f32, a part in 10^7, squared and weighted.
            assert!((0.0..1e-9).contains(&cost), "{prediction}, t = {t}: {cost}");
            let large = bound(&config, Variance::FixedLarge, false);
            let cost = large.term(t, &X_0, &X_T, &out).unwrap();
            let ratio = Posterior::ddpm(schedule, t).variance / schedule.betas()[t];
            let expected = 1.5 * (ratio - 1.0 - ratio.ln());
            assert!(
                (cost - expected).abs() < 1e-9,
                "{prediction}, t = {t}: {cost}"
            );
        }
    }
}

/// DDPM, eq. 12: L_gamma with this gamma is the bound, for every prediction type.
#[test]
fn l_gamma_with_the_weights_of_the_bound_is_the_bound() {
    for schedule in schedules() {
        for (variance, prediction) in VARIANCES
            .iter()
            .flat_map(|v| Prediction::ALL.map(|p| (*v, p)))
        {
            let bound = Bound {
                schedule: schedule.clone(),
                prediction,
                variance,
                clip_x0_hat: false,
            };
            for t in [1, 2, 50, 500, 998] {
                let target = perfect(prediction, schedule.alpha_bar(t), &wide(&X_0), &wide(&X_T));
                let squares: f64 = (0..3)
                    .map(|i| (target[i] - f64::from(OUT[i])).powi(2))
                    .sum();
                let posterior = Posterior::ddpm(&schedule, t).variance;
                let ratio = posterior / reverse_variance(&schedule, t, variance);
                let constant = 1.5 * (ratio - 1.0 - ratio.ln());
                let gamma = gamma_bound(&schedule, t, variance, prediction).unwrap();
                let found = bound.term(t, &X_0, &X_T, &OUT).unwrap();
                let what = format!("{variance:?}, {prediction}, t = {t}");
                assert_each_close(&[found], &[gamma * squares + constant], 1e-9, &what);
            }
        }
    }
}

#[test]
fn the_weights_of_the_bound_are_those_of_equation_12() {
    for (schedule, variance) in schedules()
        .iter()
        .flat_map(|s| VARIANCES.map(|v| (s.clone(), v)))
    {
        for t in [0, 1, 100, 998] {
            let (beta, alpha_bar) = (schedule.betas()[t], schedule.alpha_bar(t));
            let sigma2 = reverse_variance(&schedule, t, variance);
            let expected = beta * beta / (2.0 * sigma2 * (1.0 - beta) * (1.0 - alpha_bar));
            let found = gamma_bound(&schedule, t, variance, Prediction::Epsilon).unwrap();
            assert_each_close(&[found], &[expected], 1e-9, &format!("t = {t}"));
        }
    }
}

/// DDIM, theorem 1, with the factors that depend on t kept: the divergence of two q_sigma that differ in x_0 only.
#[test]
fn the_weights_of_the_bound_are_those_of_theorem_1_at_eta_one() {
    let schedule = &schedules()[0];
    for t in [1, 100, 999] {
        let sigma = Posterior::ddpm(schedule, t).variance.sqrt();
        let q = Posterior::ddim(schedule, t, Some(t - 1), sigma).unwrap();
        let alpha_bar = schedule.alpha_bar(t);
        let expected = q.of_x0.powi(2) * (1.0 - alpha_bar) / (2.0 * sigma * sigma * alpha_bar);
        let found = gamma_bound(schedule, t, Variance::FixedSmall, Prediction::Epsilon).unwrap();
        assert_each_close(&[found], &[expected], 1e-9, &format!("t = {t}"));
    }
}

#[test]
fn min_snr_is_one_loss_on_x0_for_every_prediction_type() {
    for schedule in schedules() {
        for (t, limit) in [0, 30, 300, 600, 998]
            .into_iter()
            .flat_map(|t| [(t, 1.0), (t, 5.0)])
        {
            let x0_weight = schedule.snr(t).min(limit);
            for prediction in Prediction::ALL {
                // ‖x_0 - x0_hat‖² = of_out² ‖target - out‖²
                let (_, of_out) = prediction.x0_from(schedule.alpha_bar(t)).unwrap();
                let found = gamma_min_snr(&schedule, t, limit, prediction);
                let what = format!("{prediction}, t = {t}, limit {limit}");
                assert_each_close(&[found], &[x0_weight * of_out.powi(2)], 1e-9, &what);
            }
        }
    }
}

#[test]
fn pure_noise_has_a_bound_for_x0_and_v_and_none_for_eps() {
    let schedule = schedules().remove(2);
    assert_eq!(schedule.alpha_bar(999), 0.0);
    for variance in VARIANCES {
        for prediction in [Prediction::Sample, Prediction::VPrediction] {
            let bound = Bound {
                schedule: schedule.clone(),
                prediction,
                variance,
                clip_x0_hat: true,
            };
            assert!(bound.term(999, &X_0, &X_T, &OUT).unwrap().is_finite());
            assert_eq!(bound.prior(&X_0), 0.0);
            let gamma = gamma_bound(&schedule, 999, variance, prediction).unwrap();
            assert!(gamma.is_finite() && gamma > 0.0);
        }
        let gamma = gamma_bound(&schedule, 999, variance, Prediction::Epsilon);
        assert_eq!(gamma, Err(StepError::EpsilonAtZeroSnr));
    }
    let bound = Bound {
        schedule: schedule.clone(),
        prediction: Prediction::Epsilon,
        variance: Variance::FixedSmall,
        clip_x0_hat: true,
    };
    let refused = bound.term(999, &X_0, &X_T, &OUT).unwrap_err();
    assert_eq!(refused, BoundError::Step(StepError::EpsilonAtZeroSnr));
    assert_eq!(
        Prediction::ALL.map(|p| gamma_min_snr(&schedule, 999, 5.0, p)),
        [1.0, 0.0, 0.0]
    );
}

#[test]
fn a_chain_of_one_step_has_a_decoder_too() {
    let schedule = NoiseSchedule::from_betas(vec![0.3]).unwrap();
    assert_eq!(reverse_variance(&schedule, 0, Variance::FixedSmall), 0.3);
    let bound = Bound {
        schedule,
        prediction: Prediction::Epsilon,
        variance: Variance::FixedLarge,
        clip_x0_hat: false,
    };
    assert!(bound.term(0, &X_0, &X_T, &OUT).unwrap() > 0.0);
}

#[test]
fn lengths_that_differ_are_refused_by_name() {
    let bound = bound(&unclipped(), Variance::FixedSmall, false);
    for (x_t, out) in [(&X_T[..2], &OUT[..]), (&X_T[..], &OUT[..1])] {
        let text = bound.term(5, &X_0, x_t, out).unwrap_err().to_string();
        assert!(text.contains("x_0's 3 values"), "{text}");
    }
}

#[test]
fn a_uniform_guess_costs_eight_bits_per_dimension() {
    let nats = 3072.0 * 256f64.ln();
    assert!((bits_per_dimension(nats, 3072) - 8.0).abs() < 1e-12);
}
