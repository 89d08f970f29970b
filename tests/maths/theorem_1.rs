//! The weights of DDIM, theorem 1, against divergences of the two Gaussians that they stand for.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    bound::{BoundError, gamma_bound, gamma_ddim, reverse_variance},
    gaussian::{Posterior, kl},
    schedule::NoiseSchedule,
    scheduler::TrajectoryOptions,
    step::{Method, Prediction, StepError, Variance},
};

use crate::{
    dice::Dice,
    gaussian::schedules,
    support::{assert_each_close, perfect, unclipped},
};

const ETAS: [f64; 4] = [0.01, 0.2, 0.5, 1.0];

/// Steps of the whole chain and of thinned ones.
const PAIRS: [(usize, usize); 6] = [(1, 0), (2, 1), (500, 499), (998, 997), (40, 20), (998, 3)];

/// sigma of DDIM, eq. 16.
fn sigma(schedule: &NoiseSchedule, t: usize, before: usize, eta: f64) -> f64 {
    let [now, before] = [t, before].map(|t| schedule.alpha_bar(t));
    eta * ((1.0 - before) / (1.0 - now) * (1.0 - now / before)).sqrt()
}

/// `count` values in -2…2.
fn values(dice: &mut Dice, count: usize) -> Vec<f64> {
    (0..count).map(|_| 4.0 * dice.unit() - 2.0).collect()
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

#[test]
fn the_weighted_error_is_the_divergence_of_the_two_posteriors() {
    let mut dice = Dice(1);
    for (schedule, (t, before)) in schedules().iter().flat_map(|s| PAIRS.map(|p| (s, p))) {
        for (eta, prediction) in ETAS
            .iter()
            .flat_map(|eta| Prediction::ALL.map(|p| (*eta, p)))
        {
            let alpha_bar = schedule.alpha_bar(t);
            let [x_0, x_t, out] = [(); 3].map(|()| values(&mut dice, 5));
            let (of_x_t, of_out) = prediction.x0_from(alpha_bar).unwrap();
            let sigma = sigma(schedule, t, before, eta);
            let q = Posterior::ddim(schedule, t, Some(before), sigma).unwrap();
            let mean = |i: usize, x_0: f64| q.mean(x_0, x_t[i]);
            let known: Vec<f64> = (0..5).map(|i| mean(i, x_0[i])).collect();
            let guessed: Vec<f64> = (0..5)
                .map(|i| mean(i, of_x_t * x_t[i] + of_out * out[i]))
                .collect();
            let distance = squared_distance(&known, &guessed);
            let expected = kl(distance, 5, q.variance, q.variance);
            let gamma = gamma_ddim(schedule, t, Some(before), eta, prediction).unwrap();
            let target = perfect(prediction, alpha_bar, &x_0, &x_t);
            let found = gamma * squared_distance(&target, &out);
            let what = format!("{prediction}, eta = {eta}, {t} to {before}");
            assert_each_close(&[found], &[expected], 1e-8, &what);
        }
    }
}

/// The decoder of the step to x_0, of any thinned chain: N(x0_hat, eta² beta_tilde).
#[test]
fn the_weighted_error_of_the_last_step_is_the_divergence_of_two_decoders() {
    let mut dice = Dice(0);
    for schedule in schedules() {
        for (t, eta, prediction) in [0, 30, 998]
            .into_iter()
            .flat_map(|t| ETAS.map(|eta| (t, eta)))
            .flat_map(|(t, eta)| Prediction::ALL.map(|p| (t, eta, p)))
        {
            let alpha_bar = schedule.alpha_bar(t);
            let [x_0, x_t, out] = [(); 3].map(|()| values(&mut dice, 5));
            let (of_x_t, of_out) = prediction.x0_from(alpha_bar).unwrap();
            let x0_hat: Vec<f64> = (0..5).map(|i| of_x_t * x_t[i] + of_out * out[i]).collect();
            let variance = eta * eta * Posterior::ddpm(&schedule, 1).variance;
            let expected = kl(squared_distance(&x_0, &x0_hat), 5, variance, variance);
            let gamma = gamma_ddim(&schedule, t, None, eta, prediction).unwrap();
            let target = perfect(prediction, alpha_bar, &x_0, &x_t);
            let found = gamma * squared_distance(&target, &out);
            let what = format!("{prediction}, eta = {eta}, t = {t}");
            assert_each_close(&[found], &[expected], 1e-9, &what);
        }
    }
}

#[test]
fn on_the_whole_chain_with_eta_one_the_weights_are_those_of_the_bound() {
    for (schedule, prediction) in schedules()
        .iter()
        .flat_map(|s| Prediction::ALL.map(|p| (s.clone(), p)))
    {
        for t in 0..999 {
            let found = gamma_ddim(&schedule, t, t.checked_sub(1), 1.0, prediction).unwrap();
            let expected = gamma_bound(&schedule, t, Variance::FixedSmall, prediction).unwrap();
            let what = format!("{prediction}, t = {t}");
            assert_each_close(&[found], &[expected], 1e-8, &what);
        }
    }
}

/// The steps of a run have the weights of their own sigma and mean.
#[test]
fn the_weights_are_those_of_the_samplers_own_steps() {
    let config = unclipped();
    let schedule = config.schedule().unwrap();
    for eta in ETAS {
        let options = TrajectoryOptions::new(Method::Ddim { eta }, 20);
        for step in config.trajectory(&options).unwrap().steps {
            let Some(before) = step.t_next else { continue };
            let c = step.coefficients;
            let q = Posterior::ddim(&schedule, step.t, Some(before), c.sigma).unwrap();
            let expected = (q.of_x0 * c.q / c.sigma).powi(2) / 2.0;
            let found = gamma_ddim(&schedule, step.t, Some(before), eta, Prediction::Epsilon);
            assert_each_close(&[found.unwrap()], &[expected], 1e-9, "gamma");
        }
    }
}

/// eta changes c and sigma and nothing else: for eps, `2 gamma sigma² alpha_bar / (1 - alpha_bar)` is c², and c grows
/// with eta, since x_t's part in the mean shrinks. To x_0, c is 1 and gamma goes as 1 / eta².
#[test]
fn the_weights_scale_with_eta_as_the_closed_form_does() {
    for (schedule, (t, before)) in schedules().iter().flat_map(|s| PAIRS.map(|p| (s, p))) {
        let [now, next] = [t, before].map(|t| schedule.alpha_bar(t));
        let gamma = |before, eta| gamma_ddim(schedule, t, before, eta, Prediction::Epsilon);
        let c = |eta: f64| {
            let spread = 2.0 * sigma(schedule, t, before, eta).powi(2);
            (gamma(Some(before), eta).unwrap() * spread * schedule.snr(t)).sqrt()
        };
        for eta in ETAS {
            let share = (1.0 - now / next) / (1.0 - now);
            // c = sqrt(alpha_bar') - sqrt((1 - alpha_bar') (1 - eta² share) alpha_bar / (1 - alpha_bar)), without its
            // cancellation
            let (a, b2) = (
                next,
                (1.0 - next) * (1.0 - eta * eta * share) * schedule.snr(t),
            );
            let expected = (a - b2) / (a.sqrt() + b2.sqrt());
            let what = format!("eta = {eta}, {t} to {before}");
            assert_each_close(&[c(eta)], &[expected], 1e-8, &what);
        }
        assert!(ETAS.windows(2).all(|pair| c(pair[0]) < c(pair[1])));
        let decoders = ETAS.map(|eta| eta * eta * gamma(None, eta).unwrap());
        assert_each_close(&decoders, &[decoders[3]; 4], 1e-14, "decoder");
    }
}

#[test]
fn without_noise_no_weight_is_finite_and_eta_is_refused() {
    let schedule = &schedules()[0];
    for before in [None, Some(3)] {
        let gamma = |eta| gamma_ddim(schedule, 500, before, eta, Prediction::VPrediction);
        for found in [0.0, -0.0, 1e-300, 1e-160] {
            assert_eq!(gamma(found), Err(BoundError::WithoutNoise { found }));
        }
        assert!(gamma(1e-100).unwrap().is_finite());
        for found in [-0.1, 1.001, f64::INFINITY] {
            let refused = BoundError::Step(StepError::Eta { found });
            assert_eq!(gamma(found), Err(refused));
        }
        assert!(gamma(f64::NAN).is_err());
    }
    let text = gamma_ddim(schedule, 0, None, 0.0, Prediction::Epsilon).unwrap_err();
    assert!(
        text.to_string()
            .starts_with("eta: expected a number above 0")
    );
}

#[test]
fn steps_that_do_not_lead_down_are_refused() {
    let schedule = &schedules()[0];
    for found in [5, 6, 5000] {
        let refused = gamma_ddim(schedule, 5, Some(found), 1.0, Prediction::Epsilon);
        assert_eq!(refused, Err(BoundError::Before { t: 5, found }));
    }
}

#[test]
fn pure_noise_has_weights_for_x0_and_v_and_none_for_eps() {
    let schedule = &schedules()[2];
    assert_eq!(schedule.alpha_bar(999), 0.0);
    for before in [None, Some(0), Some(998)] {
        let gamma = |prediction| gamma_ddim(schedule, 999, before, 0.7, prediction);
        // v is -x_0 there
        let [x_0, v] = [Prediction::Sample, Prediction::VPrediction].map(|p| gamma(p).unwrap());
        assert!(x_0 == v && x_0 > 0.0, "{x_0}, {v}");
        let refused = BoundError::Step(StepError::EpsilonAtZeroSnr);
        assert_eq!(gamma(Prediction::Epsilon), Err(refused));
    }
}

#[test]
fn a_chain_of_one_step_has_the_weight_of_its_decoder() {
    let schedule = NoiseSchedule::from_betas(vec![0.3]).unwrap();
    let variance = reverse_variance(&schedule, 0, Variance::FixedSmall);
    let found = gamma_ddim(&schedule, 0, None, 0.5, Prediction::Sample).unwrap();
    assert_each_close(&[found], &[1.0 / (0.5 * variance)], 1e-14, "gamma");
}
