//! What the papers prove, checked on the steps themselves.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    noise::gaussian,
    scheduler::{SchedulerConfig, TrajectoryOptions, TrajectoryStep},
    step::{Convention, Method, Prediction, Variance},
    timesteps::Tau,
};

use crate::support::{apply, assert_each_close, assert_image_close, perfect, unclipped};

const METHODS: [Method; 7] = [
    Method::Ddim { eta: 0.0 },
    Method::Ddim { eta: 0.5 },
    Method::Ddim { eta: 1.0 },
    Method::SigmaHat,
    Method::DdpmNoisy,
    Method::DdpmAncestral(Variance::FixedSmall),
    Method::DdpmAncestral(Variance::FixedLarge),
];

fn noise(draw: u32, len: usize) -> Vec<f64> {
    let mut out = vec![0.0; len];
    gaussian(2021, 0, draw, &mut out);
    out.into_iter().map(f64::from).collect()
}

fn mix(a: f64, x: &[f64], b: f64, y: &[f64]) -> Vec<f64> {
    x.iter().zip(y).map(|(x, y)| a * x + b * y).collect()
}

/// The factors of x_0 and x_t in the mean of a step whose eps is exact.
fn mean_factors(step: &TrajectoryStep, alpha_bar: f64) -> (f64, f64) {
    let c = step.coefficients;
    let of_x_t = c.b / (1.0 - alpha_bar).sqrt();
    (c.a - of_x_t * alpha_bar.sqrt(), of_x_t)
}

#[test]
fn ddim_with_eta_one_over_all_timesteps_is_the_ddpm_posterior() {
    let config = unclipped();
    let schedule = config.schedule().unwrap();
    let run = |method| {
        config
            .trajectory(&TrajectoryOptions::new(method, 1000))
            .unwrap()
            .steps
    };
    let ddim = run(Method::Ddim { eta: 1.0 });
    let ddpm = run(Method::DdpmAncestral(Variance::FixedSmall));
    assert_eq!(ddim.len(), 1000);
    for (ddim, ddpm) in ddim.iter().zip(&ddpm) {
        let t = ddim.t;
        let (beta, now) = (schedule.betas()[t], schedule.alpha_bar(t));
        let before = if t == 0 {
            1.0
        } else {
            schedule.alpha_bar(t - 1)
        };
        // DDPM, eq. 7
        let posterior = [
            before.sqrt() * beta / (1.0 - now),
            (1.0 - beta).sqrt() * (1.0 - before) / (1.0 - now),
            ((1.0 - before) / (1.0 - now) * beta).sqrt(),
        ];
        for step in [ddim, ddpm] {
            let (of_x_0, of_x_t) = mean_factors(step, now);
            let found = [of_x_0, of_x_t, step.coefficients.sigma];
            assert_each_close(&found, &posterior, 1e-9, &format!("t = {t}"));
        }
    }
}

#[test]
fn every_sampler_returns_the_true_image_when_the_network_knows_it() {
    let x_0 = [0.9, -0.3, 0.0, -1.0, 0.5];
    let taus = [
        "leading",
        "trailing",
        "linspace",
        "quad",
        "paper-quadratic",
        "list:0,1,500,998",
    ];
    for (method, prediction) in METHODS
        .iter()
        .chain(&[Method::ProbabilityFlow])
        .flat_map(|m| Prediction::ALL.map(|p| (*m, p)))
    {
        for tau in taus {
            let config = SchedulerConfig {
                prediction_type: prediction,
                ..unclipped()
            };
            let schedule = config.schedule().unwrap();
            let options = TrajectoryOptions {
                tau: Some(tau.parse().unwrap()),
                ..TrajectoryOptions::new(method, 9)
            };
            let mut x = noise(0, 5);
            for (k, step) in config
                .trajectory(&options)
                .unwrap()
                .steps
                .iter()
                .enumerate()
            {
                let out = perfect(prediction, schedule.alpha_bar(step.t), &x_0, &x);
                let z = noise(k as u32 + 1, 5);
                let (x0_hat, x_prev) = apply(&step.coefficients, &x, &out, &z);
                let what = format!("{method}, {prediction}, {tau}, t = {}", step.t);
                assert_image_close(&x0_hat, &x_0, 1e-9, &what);
                x = x_prev;
            }
            assert_image_close(&x, &x_0, 1e-9, &format!("{method}, {prediction}, {tau}"));
        }
    }
}

/// A network that knows eps, whatever level it is told: x_0 follows from it at that level.
#[test]
fn sampling_undoes_inversion_when_the_noise_is_exact() {
    let x_0 = noise(1, 5);
    let eps = noise(2, 5);
    let cases = Prediction::ALL
        .into_iter()
        .flat_map(|p| Convention::ALL.map(|c| (p, c)))
        .flat_map(|(p, c)| [true, false].map(|to_one| (p, c, to_one)));
    for (prediction, convention, set_alpha_to_one) in cases {
        let config = SchedulerConfig {
            prediction_type: prediction,
            set_alpha_to_one,
            ..unclipped()
        };
        let schedule = config.schedule().unwrap();
        let clean = if set_alpha_to_one {
            1.0
        } else {
            schedule.alpha_bar(0)
        };
        let at = |level: f64| mix(level.sqrt(), &x_0, (1.0 - level).sqrt(), &eps);
        let network = |told: f64, x: &[f64]| {
            let (of_x0, of_eps) = prediction.target(told).unwrap();
            let x_0 = mix(1.0 / told.sqrt(), x, -((1.0 - told) / told).sqrt(), &eps);
            mix(of_x0, &x_0, of_eps, &eps)
        };
        let run = |method, start: Vec<f64>| {
            let options = TrajectoryOptions {
                tau: Some(Tau::PaperLinear),
                ..TrajectoryOptions::new(method, 13)
            };
            let steps = config.trajectory(&options).unwrap().steps;
            steps.iter().fold(start, |x, step| {
                assert_eq!(step.coefficients.sigma, 0.0);
                let out = network(schedule.alpha_bar(step.t), &x);
                apply(&step.coefficients, &x, &out, &[0.0; 5]).1
            })
        };
        let what = format!("{prediction}, {convention}");
        let x_t = run(Method::Inversion(convention), at(clean));
        let top = schedule.alpha_bar(999);
        assert_image_close(&x_t, &at(top), 1e-9, &format!("{what}: x_T"));
        let back = run(Method::Ddim { eta: 0.0 }, x_t);
        assert_image_close(&back, &at(clean), 1e-9, &format!("{what}: x_0"));
    }
}

/// Lemma 1 of the DDIM paper: every sigma keeps q(x_t | x_0) = N(sqrt(alpha_bar) x_0, 1 - alpha_bar) (eq. 7 is the
/// kernel). 20,000 chains with a fixed seed; mean and variance within 5 standard errors at every timestep.
#[test]
fn marginals_are_kept_at_every_timestep() {
    const CHAINS: usize = 20_000;
    let x_0 = vec![0.6; CHAINS];
    let exact = [
        Method::Ddim { eta: 0.0 },
        Method::Ddim { eta: 0.5 },
        Method::Ddim { eta: 1.0 },
        Method::DdpmAncestral(Variance::FixedSmall),
    ];
    for method in exact {
        let config = unclipped();
        let schedule = config.schedule().unwrap();
        let options = TrajectoryOptions {
            tau: Some("list:20,100,250,400,700,999".parse().unwrap()),
            ..TrajectoryOptions::new(method, 1)
        };
        let steps = config.trajectory(&options).unwrap().steps;
        let (signal, spread) = schedule.signal_and_noise(999);
        let mut x = mix(signal, &x_0, spread, &noise(0, CHAINS));
        for (k, step) in steps.iter().enumerate() {
            let out = perfect(Prediction::Epsilon, schedule.alpha_bar(step.t), &x_0, &x);
            x = apply(&step.coefficients, &x, &out, &noise(k as u32 + 1, CHAINS)).1;
            let Some(t) = step.t_next else { continue };
            let (signal, spread) = schedule.signal_and_noise(t);
            let n = CHAINS as f64;
            let mean = x.iter().sum::<f64>() / n;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
            let mean_error = (mean - signal * 0.6).abs() / (spread / n.sqrt());
            let variance_error = (variance / spread.powi(2) - 1.0).abs() / (2.0 / n).sqrt();
            assert!(
                mean_error < 5.0,
                "{method:?}, t = {t}: mean {mean_error} standard errors off"
            );
            assert!(
                variance_error < 5.0,
                "{method:?}, t = {t}: variance {variance_error} standard errors off"
            );
        }
    }
}

#[test]
fn sigma_hat_adds_more_variance_than_the_marginal_has() {
    // D.3: the mean of eta = 1 with sigma-hat instead of sigma(1), so the excess is their difference
    let config = unclipped();
    let schedule = config.schedule().unwrap();
    let options = TrajectoryOptions::new(Method::SigmaHat, 10);
    for step in config.trajectory(&options).unwrap().steps {
        let Some(next) = step.t_next.map(|t| schedule.alpha_bar(t)) else {
            continue;
        };
        let now = schedule.alpha_bar(step.t);
        let c = step.coefficients;
        let excess = c.b * c.b + c.sigma * c.sigma - (1.0 - next);
        let expected = (1.0 - now / next) * (1.0 - (1.0 - next) / (1.0 - now));
        assert_each_close(&[excess], &[expected], 1e-9, &format!("t = {}", step.t));
        assert!(excess > 0.0);
    }
}

#[test]
fn zero_terminal_snr_is_sampled_by_v_and_x0_prediction_and_refused_for_epsilon() {
    for (method, prediction) in METHODS
        .iter()
        .flat_map(|m| Prediction::ALL.map(|p| (*m, p)))
    {
        let config = SchedulerConfig {
            prediction_type: prediction,
            rescale_betas_zero_snr: true,
            timestep_spacing: Tau::Trailing,
            ..unclipped()
        };
        let run = config.trajectory(&TrajectoryOptions::new(method, 7));
        if prediction == Prediction::Epsilon {
            let message = run.unwrap_err().to_string();
            assert!(message.contains("prediction_type") && message.contains("zero terminal SNR"));
        } else {
            let first = run.unwrap().steps[0];
            assert_eq!(first.t, 999);
            let c = first.coefficients;
            assert!(
                [c.p, c.q, c.r, c.s, c.a, c.b, c.sigma]
                    .iter()
                    .all(|x| x.is_finite())
            );
        }
    }
}
