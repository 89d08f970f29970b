//! The ODE view (DDIM, eq. 13 and 14): images of one pixel from N(0.1, 0.3²), whose exact eps is known, encoded and
//! decoded with the sampler's own steps.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    scheduler::{SchedulerConfig, TrajectoryOptions},
    step::Method,
    timesteps::Tau,
};

use crate::support::{apply, unclipped};

const MEAN: f64 = 0.1;
const DEVIATION: f64 = 0.3;

fn eps(x: f64, alpha_bar: f64) -> f64 {
    let variance = alpha_bar * DEVIATION * DEVIATION + 1.0 - alpha_bar;
    (1.0 - alpha_bar).sqrt() * (x - alpha_bar.sqrt() * MEAN) / variance
}

fn run(config: &SchedulerConfig, method: Method, steps: usize, start: f64) -> f64 {
    let schedule = config.schedule().unwrap();
    let options = TrajectoryOptions {
        tau: Some(Tau::PaperLinear),
        ..TrajectoryOptions::new(method, steps)
    };
    let steps = config.trajectory(&options).unwrap().steps;
    steps.iter().fold(start, |x, step| {
        let out = eps(x, schedule.alpha_bar(step.t));
        apply(&step.coefficients, &[x], &[out], &[0.0]).1[0]
    })
}

/// DDIM, eq. 14 solved: with s = sqrt((1 - alpha_bar) / alpha_bar), x / sqrt(alpha_bar) - MEAN grows as
/// sqrt(DEVIATION² + s²).
fn solution(x_0: f64, alpha_bar: f64) -> f64 {
    let growth = (1.0 + (1.0 - alpha_bar) / (alpha_bar * DEVIATION * DEVIATION)).sqrt();
    alpha_bar.sqrt() * (MEAN + (x_0 - MEAN) * growth)
}

fn config() -> SchedulerConfig {
    SchedulerConfig {
        // divided by every number of steps below, so that all steps of a run are equal
        num_train_timesteps: 800,
        ..unclipped()
    }
}

/// The errors of x_T against the solution, and of x_0 after there and back.
fn errors(steps: usize, x_0: f64) -> [f64; 2] {
    let config = config();
    let alpha_bar = config.schedule().unwrap().alpha_bar(799);
    let x_t = run(&config, Method::Inversion, steps, x_0);
    let back = run(&config, Method::Ddim { eta: 0.0 }, steps, x_t);
    [x_t - solution(x_0, alpha_bar), back - x_0]
}

#[test]
fn encoding_and_decoding_err_in_proportion_to_the_step() {
    for x_0 in [0.8, -0.45] {
        let all: Vec<[f64; 2]> = [50, 100, 200, 400, 800].map(|s| errors(s, x_0)).into();
        for pair in all.windows(2) {
            for (fine, coarse) in pair[1].iter().zip(&pair[0]) {
                let ratio = fine / coarse;
                assert!((0.4..0.52).contains(&ratio), "x_0 = {x_0}: {all:?}");
            }
        }
    }
}

#[test]
fn encoding_ends_at_the_solution_of_the_ode() {
    for x_0 in [0.8, -0.45] {
        let [coarse, fine] = [400, 800].map(|s| errors(s, x_0)[0]);
        assert!(fine.abs() < 4e-3, "x_0 = {x_0}: {fine}");
        // Without the part that is proportional to the step.
        let limit = 2.0 * fine - coarse;
        assert!(limit.abs() < 5e-4, "x_0 = {x_0}: {limit}");
    }
}
