//! The ODE view (DDIM, eq. 13 and 14): images of one pixel from N(0.1, 0.3²), whose exact eps, x_0 and v are known,
//! encoded and decoded with the sampler's own steps.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    scheduler::{SchedulerConfig, TrajectoryOptions},
    step::{Convention, Method, Prediction, StepError},
    timesteps::Tau,
};

use crate::support::{apply, unclipped};

const MEAN: f64 = 0.1;
const DEVIATION: f64 = 0.3;

/// E[eps | x] and E[x_0 | x] at a level.
fn exact(x: f64, alpha_bar: f64) -> [f64; 2] {
    let variance = alpha_bar * DEVIATION * DEVIATION + 1.0 - alpha_bar;
    let from_mean = (x - alpha_bar.sqrt() * MEAN) / variance;
    [
        (1.0 - alpha_bar).sqrt() * from_mean,
        MEAN + alpha_bar.sqrt() * DEVIATION * DEVIATION * from_mean,
    ]
}

/// What the network that no training can better puts out.
fn network(prediction: Prediction, x: f64, alpha_bar: f64) -> f64 {
    let [eps, x_0] = exact(x, alpha_bar);
    let (of_x0, of_eps) = prediction.target(alpha_bar).unwrap();
    of_x0 * x_0 + of_eps * eps
}

fn path(config: &SchedulerConfig, method: Method, steps: usize, start: f64) -> Vec<f64> {
    let schedule = config.schedule().unwrap();
    let options = TrajectoryOptions {
        tau: Some(Tau::PaperLinear),
        ..TrajectoryOptions::new(method, steps)
    };
    let mut x = start;
    let steps = config.trajectory(&options).unwrap().steps;
    let walk = steps.iter().map(|step| {
        let out = network(config.prediction_type, x, schedule.alpha_bar(step.t));
        x = apply(&step.coefficients, &[x], &[out], &[0.0]).1[0];
        x
    });
    walk.collect()
}

fn run(config: &SchedulerConfig, method: Method, steps: usize, start: f64) -> f64 {
    *path(config, method, steps, start).last().unwrap()
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
fn errors(convention: Convention, steps: usize, x_0: f64) -> [f64; 2] {
    let config = config();
    let alpha_bar = config.schedule().unwrap().alpha_bar(799);
    let x_t = run(&config, Method::Inversion(convention), steps, x_0);
    let back = run(&config, Method::Ddim { eta: 0.0 }, steps, x_t);
    [x_t - solution(x_0, alpha_bar), back - x_0]
}

#[test]
fn exact_networks_for_eps_x0_and_v_walk_the_same_path_both_ways() {
    let [eps, x_0, v] = Prediction::ALL.map(|prediction_type| SchedulerConfig {
        prediction_type,
        ..config()
    });
    let methods = [
        Method::Inversion(Convention::Retrace),
        Method::Inversion(Convention::Strict),
        Method::Ddim { eta: 0.0 },
        Method::ProbabilityFlow,
    ];
    for method in methods {
        for start in [0.8, -0.45] {
            let expected = path(&eps, method, 10, start);
            for config in [&x_0, &v] {
                for (found, expected) in path(config, method, 10, start).iter().zip(&expected) {
                    let error = (found - expected).abs();
                    assert!(
                        error < 1e-12,
                        "{method}, {}: {error}",
                        config.prediction_type
                    );
                }
            }
        }
    }
}

#[test]
fn encoding_and_decoding_err_in_proportion_to_the_step() {
    for convention in Convention::ALL {
        for x_0 in [0.8, -0.45] {
            let all: Vec<[f64; 2]> = [50, 100, 200, 400, 800]
                .map(|s| errors(convention, s, x_0))
                .into();
            for pair in all.windows(2) {
                for (fine, coarse) in pair[1].iter().zip(&pair[0]) {
                    let ratio = fine / coarse;
                    assert!(
                        (0.4..0.56).contains(&ratio),
                        "{convention}, x_0 = {x_0}: {all:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn encoding_ends_at_the_solution_of_the_ode() {
    for convention in Convention::ALL {
        for x_0 in [0.8, -0.45] {
            let [coarse, fine] = [400, 800].map(|s| errors(convention, s, x_0)[0]);
            assert!(fine.abs() < 1.1e-2, "{convention}, x_0 = {x_0}: {fine}");
            // Without the part that is proportional to the step.
            let limit = 2.0 * fine - coarse;
            assert!(limit.abs() < 1e-3, "{convention}, x_0 = {x_0}: {limit}");
        }
    }
}

/// Part of why it is the default.
#[test]
fn on_one_gaussian_retracing_comes_closer_to_x_t_and_back_than_the_strict_step() {
    for steps in [10, 20, 50, 100] {
        for x_0 in [0.8, -0.45] {
            let [retrace, strict] = Convention::ALL.map(|c| errors(c, steps, x_0));
            for (retrace, strict) in retrace.iter().zip(strict) {
                assert!(
                    retrace.abs() < 0.9 * strict.abs(),
                    "S = {steps}, x_0 = {x_0}: {retrace} {strict}"
                );
            }
        }
    }
}

/// DDIM, eq. 15 is another discretisation of the same ODE (proposition 1). The runs end at time step 0, since the step
/// to the image is not one of eq. 15.
#[test]
fn euler_steps_of_the_probability_flow_end_at_the_solution_of_the_ode() {
    let config = config();
    let schedule = config.schedule().unwrap();
    for x_0 in [0.8, -0.45] {
        let start = solution(x_0, schedule.alpha_bar(799));
        let expected = solution(x_0, schedule.alpha_bar(0));
        let error = |steps| {
            let options = TrajectoryOptions {
                tau: Some(Tau::PaperLinear),
                to: Some(0),
                ..TrajectoryOptions::new(Method::ProbabilityFlow, steps)
            };
            let steps = config.trajectory(&options).unwrap().steps;
            let end = steps.iter().fold(start, |x, step| {
                let out = network(Prediction::Epsilon, x, schedule.alpha_bar(step.t));
                apply(&step.coefficients, &[x], &[out], &[0.0]).1[0]
            });
            (end - expected).abs()
        };
        let [coarse, fine] = [400, 800].map(error);
        assert!(fine < 0.6 * coarse && fine < 0.02, "{coarse} {fine}");
    }
}

#[test]
fn epsilon_is_not_inverted_to_zero_terminal_snr_and_the_others_are_not_asked_there() {
    for (prediction, convention) in Prediction::ALL
        .into_iter()
        .flat_map(|p| Convention::ALL.map(|c| (p, c)))
    {
        let config = SchedulerConfig {
            rescale_betas_zero_snr: true,
            prediction_type: prediction,
            timestep_spacing: Tau::Trailing,
            ..config()
        };
        let options = TrajectoryOptions::new(Method::Inversion(convention), 5);
        let found = config.trajectory(&options).map_err(|e| e.to_string());
        if prediction == Prediction::Epsilon {
            assert!(
                found
                    .unwrap_err()
                    .contains(&StepError::EpsilonAtZeroSnr.to_string())
            );
        } else {
            // Told pure noise the network could not say anything of the noise in the state.
            let told: Vec<usize> = found.unwrap().steps.iter().map(|step| step.t).collect();
            let expected = match convention {
                Convention::Retrace => [159, 319, 479, 639, 639],
                Convention::Strict => [0, 159, 319, 479, 639],
            };
            assert_eq!(told, expected, "{prediction}");
        }
    }
}
