//! The forward chain (DDPM, eq. 2) and q_sigma downwards (DDIM, eq. 7), both drawn, against the marginals of eq. 4.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    noise::gaussian,
    runs::chain::Chain,
    runs::marginals::{MarginalError, marginals},
    scheduler::{SchedulerConfig, TrajectoryOptions},
    step::{Convention, Method, Variance},
    timesteps::Tau,
};

use crate::support::unclipped;

/// Numbers of a drawn sample. Means and variances of so many are good to 1 / 100 (5 sigma: 0.035 and 0.05).
const COUNT: usize = 20_000;

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| f(a - mean_a, b - mean_b)).sum()
    };
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

/// `values` are of `N(sqrt(alpha_bar) x_0, 1 - alpha_bar)` within 5 sigma of what so many can show.
fn assert_marginal(values: &[f64], alpha_bar: f64, x_0: f64, what: &str) {
    let (expected, variance) = (alpha_bar.sqrt() * x_0, 1.0 - alpha_bar);
    let n = values.len() as f64;
    let found = mean(values);
    let squares: Vec<f64> = values.iter().map(|x| (x - expected).powi(2)).collect();
    let (error, spread) = ((found - expected).abs(), mean(&squares));
    assert!(
        error < 5.0 * (variance / n).sqrt(),
        "{what}: mean {found}, expected {expected}"
    );
    let allowed = 5.0 * variance * (2.0 / n).sqrt();
    assert!(
        (spread - variance).abs() < allowed,
        "{what}: variance {spread}, expected {variance}"
    );
}

fn chain(x_0: f32, count: usize, seed: u64) -> Chain {
    Chain::new(&unclipped(), vec![x_0; count], seed, 0).unwrap()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

#[test]
fn single_steps_of_the_chain_add_up_to_the_closed_form() {
    let schedule = unclipped().schedule().unwrap();
    let mut chain = chain(0.8, COUNT, 3);
    for t in [0, 1, 30, 200, 500] {
        let x_t = wide(chain.advance(t).unwrap());
        assert_marginal(
            &x_t,
            schedule.alpha_bar(t),
            0.8f32.into(),
            &format!("t = {t}"),
        );
    }
}

#[test]
fn every_step_of_the_chain_has_noise_of_its_own() {
    let schedule = unclipped().schedule().unwrap();
    let mut chain = chain(-0.3, COUNT, 5);
    let mut before = vec![f64::from(-0.3f32); COUNT];
    let mut noises = Vec::new();
    for t in 0..6 {
        let x_t = wide(chain.advance(t).unwrap());
        let beta = schedule.betas()[t];
        let z: Vec<f64> = x_t
            .iter()
            .zip(&before)
            .map(|(x, before)| (x - (1.0 - beta).sqrt() * before) / beta.sqrt())
            .collect();
        assert_marginal(&z, 0.0, 0.0, &format!("step {t}"));
        noises.push(z);
        before = x_t;
    }
    // Those of runs with the same seed: x_T and the first steps.
    for draw in 0..4 {
        let mut z = vec![0.0; COUNT];
        gaussian(5, 0, draw, &mut z);
        noises.push(wide(&z));
    }
    for (i, a) in noises.iter().enumerate() {
        for b in &noises[..i] {
            assert!(correlation(a, b).abs() < 5.0 / (COUNT as f64).sqrt());
        }
    }
}

#[test]
fn a_time_step_of_the_chain_has_one_state_on_whatever_way_it_is_reached() {
    let jump = chain(0.5, 7, 1).advance(40).unwrap().to_vec();
    let mut walk = chain(0.5, 7, 1);
    for t in [3, 3, 20, 90, 40] {
        walk.advance(t).unwrap();
    }
    assert_eq!(walk.advance(40).unwrap(), jump);
    assert_ne!(chain(0.5, 7, 2).advance(40).unwrap(), jump);
    let error = walk.advance(1000).unwrap_err().to_string();
    assert_eq!(error, "t: expected a time step of 0 to 999, found 1000");
    assert_eq!(walk.advance(40).unwrap(), jump);
}

fn options(method: Method, steps: usize) -> TrajectoryOptions {
    TrajectoryOptions::new(method, steps)
}

const METHODS: [Method; 6] = [
    Method::Ddim { eta: 0.0 },
    Method::Ddim { eta: 0.5 },
    Method::Ddim { eta: 1.0 },
    Method::SigmaHat,
    Method::DdpmAncestral(Variance::FixedLarge),
    Method::ProbabilityFlow,
];

#[test]
fn lemma_1_every_eta_has_the_same_marginals() {
    let scheduler = unclipped();
    let schedule = scheduler.schedule().unwrap();
    let x_0 = vec![0.7; COUNT];
    for method in METHODS {
        let states = marginals(&scheduler, &options(method, 6), &x_0, 9).unwrap();
        let times: Vec<usize> = states.iter().map(|state| state.t).collect();
        assert_eq!(times, [830, 664, 498, 332, 166, 0]);
        for state in &states {
            let what = format!("{method}, t = {}", state.t);
            assert_marginal(&state.x_t, schedule.alpha_bar(state.t), 0.7, &what);
        }
    }
}

#[test]
fn without_noise_a_point_keeps_its_eps_and_with_eta_one_it_forgets_it() {
    let scheduler = unclipped();
    let schedule = scheduler.schedule().unwrap();
    let x_0: Vec<f64> = (0..COUNT).map(|i| (i as f64).sin()).collect();
    let eps = |eta: f64| -> Vec<Vec<f64>> {
        let states = marginals(&scheduler, &options(Method::Ddim { eta }, 5), &x_0, 2).unwrap();
        let of_state = states.iter().map(|state| {
            let (signal, noise) = schedule.signal_and_noise(state.t);
            let pairs = state.x_t.iter().zip(&x_0);
            pairs.map(|(x, x_0)| (x - signal * x_0) / noise).collect()
        });
        of_state.collect()
    };
    let kept = eps(0.0);
    for (a, b) in kept
        .windows(2)
        .flat_map(|pair| pair[0].iter().zip(&pair[1]))
    {
        assert!((a - b).abs() < 1e-11, "{a} {b}");
    }
    // Two states of DDPM's Markov chain share the noise that the later one has of the earlier: their correlation is
    // sqrt(SNR of the later / SNR of the earlier).
    let drawn = eps(1.0);
    for (i, pair) in drawn.windows(2).enumerate() {
        let [later, earlier] = [800 - 200 * i, 600 - 200 * i].map(|t| schedule.snr(t));
        let found = correlation(&pair[0], &pair[1]);
        let expected = (later / earlier).sqrt();
        assert!((found - expected).abs() < 0.035, "{found} {expected}");
    }
}

#[test]
fn marginals_begin_and_end_where_the_run_does_and_refuse_what_is_no_sampling() {
    let scheduler = unclipped();
    let part = TrajectoryOptions {
        from: Some(600),
        to: Some(100),
        ..options(Method::Ddim { eta: 1.0 }, 5)
    };
    let states = marginals(&scheduler, &part, &[0.0, 1.0], 0).unwrap();
    let times: Vec<usize> = states.iter().map(|state| state.t).collect();
    assert_eq!(times, [600, 400, 200, 100]);
    let inversion = options(Method::Inversion(Convention::Retrace), 5);
    assert!(matches!(
        marginals(&scheduler, &inversion, &[0.0], 0),
        Err(MarginalError::Inversion { found: "inversion" })
    ));
    let nan = marginals(&scheduler, &part, &[f64::NAN], 0).unwrap_err();
    assert!(nan.to_string().contains("x_0: expected finite"));
    let none = marginals(&scheduler, &part, &[], 0).unwrap();
    assert!(none.iter().all(|state| state.x_t.is_empty()));
    // A schedule whose last step is pure noise, and one whose image has the level of its first time step.
    let scheduler = SchedulerConfig {
        rescale_betas_zero_snr: true,
        prediction_type: ddim_web::step::Prediction::VPrediction,
        set_alpha_to_one: false,
        ..scheduler
    };
    let all = TrajectoryOptions {
        tau: Some(Tau::Trailing),
        ..options(Method::Ddim { eta: 0.5 }, 4)
    };
    let states = marginals(&scheduler, &all, &[0.3; COUNT], 1).unwrap();
    let schedule = scheduler.schedule().unwrap();
    assert_eq!((states.len(), states[0].t), (4, 999));
    for state in &states {
        assert_marginal(
            &state.x_t,
            schedule.alpha_bar(state.t),
            0.3,
            &state.t.to_string(),
        );
    }
}
