//! The variance-exploding view against the sampler's own steps, against densities that are known (images of one pixel
//! from a Gaussian and from a mixture of two), and against the solution of the ODE.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    gaussian::log_density,
    step::{Clip, Convention, Method, Prediction, Step},
    variance_exploding::{
        Level, LevelError, euler_in_sigma, euler_in_variance, ode, probability_flow,
    },
};

use crate::{
    dice::Dice,
    gaussian::schedules,
    support::{apply, assert_each_close, perfect},
};

fn level(alpha_bar: f64) -> Level {
    Level::from_alpha_bar(alpha_bar).unwrap()
}

#[test]
fn both_names_of_a_level_give_the_same_level() {
    for schedule in schedules() {
        for alpha_bar in schedule.alpha_bars().iter().filter(|a| **a > 0.0) {
            let level = level(*alpha_bar);
            let snr = alpha_bar / (1.0 - alpha_bar);
            let again = Level::from_sigma(level.sigma()).unwrap();
            assert_eq!(again, level);
            assert_each_close(
                &[level.alpha_bar(), level.scale(), level.sigma()],
                &[*alpha_bar, 1.0 / alpha_bar.sqrt(), 1.0 / snr.sqrt()],
                1e-14,
                "level",
            );
        }
    }
    let image = level(1.0);
    assert_eq!((image.sigma(), image.scale()), (0.0, 1.0));
}

#[test]
fn pure_noise_and_what_is_no_level_are_refused_by_name() {
    for found in [0.0, -0.0, -0.1, 1.001, 5e-324, f64::INFINITY, f64::NAN] {
        let error = Level::from_alpha_bar(found).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("alpha_bar: expected a number above 0")
        );
    }
    for found in [-1e-9, 1e200, f64::INFINITY, f64::NAN] {
        let LevelError { field, .. } = Level::from_sigma(found).unwrap_err();
        assert_eq!(field, "sigma");
    }
    // The last levels that are accepted are usable.
    for level in [Level::from_alpha_bar(1e-307), Level::from_sigma(1e153)] {
        let level = level.unwrap();
        assert!(level.alpha_bar() > 0.0 && level.scale().is_finite());
    }
}

/// DDIM, eq. 13: eq. 12 with eta = 0, divided by sqrt(alpha_bar), for every prediction type.
#[test]
fn a_step_of_ddim_is_eulers_step_in_sigma() {
    let mut dice = Dice(13);
    for (prediction, method) in Prediction::ALL.iter().flat_map(|p| {
        [
            (*p, Method::Ddim { eta: 0.0 }),
            (*p, Method::Inversion(Convention::Strict)),
        ]
    }) {
        for _ in 0..200 {
            let [a, b] = [(); 2].map(|()| 0.001 + 0.99 * dice.unit());
            let downwards = !method.is_inversion();
            let (alpha_bar, alpha_bar_next) = if (a < b) == downwards { (a, b) } else { (b, a) };
            let step = Step {
                alpha_bar,
                alpha_bar_told: alpha_bar,
                alpha_bar_next,
                last: false,
                prediction,
                clip: Clip::None,
                use_clipped_model_output: false,
            };
            let coefficients = step.coefficients(method).unwrap();
            let [x_0, x_t] = [(); 2].map(|()| 4.0 * dice.unit() - 2.0);
            let out = perfect(prediction, alpha_bar, &[x_0], &[x_t]);
            let (_, found) = apply(&coefficients, &[x_t], &out, &[0.0]);
            let (now, next) = (level(alpha_bar), level(alpha_bar_next));
            let eps = (x_t * now.scale() - x_0) / now.sigma();
            let x_bar = x_t * now.scale() + euler_in_sigma(now.sigma(), next.sigma()) * eps;
            let error = found[0] * next.scale() - x_bar;
            let size = x_bar.abs() + eps.abs() * now.sigma();
            assert!(
                error.abs() < 1e-12 * size.max(1.0),
                "{prediction}, {method}: {error}"
            );
        }
    }
}

/// `(s'² - s²) / 2s - (s' - s) = (s' - s)² / 2s`: the two steps agree to second order, that of eq. 15 is larger
/// upwards and smaller downwards.
#[test]
fn both_steps_agree_to_second_order() {
    let mut dice = Dice(15);
    for _ in 0..1000 {
        let s = 1e-3 + 100.0 * dice.unit();
        let s_next = s * (0.5 + dice.unit());
        let difference = euler_in_variance(s, s_next) - euler_in_sigma(s, s_next);
        let expected = (s_next - s).powi(2) / (2.0 * s);
        assert!((difference - expected).abs() < 1e-14 * s, "{s}, {s_next}");
    }
    // To the image itself, eq. 15 goes half of the way.
    assert_eq!(
        (euler_in_sigma(3.0, 0.0), euler_in_variance(3.0, 0.0)),
        (-3.0, -1.5)
    );
}

/// Two Gaussians, `(weight, mean, deviation)`, as images of one pixel.
const MIXTURE: [(f64, f64, f64); 2] = [(0.3, -0.8, 0.15), (0.7, 0.4, 0.3)];

/// The density of x_bar at noise level `sigma`, and eps of the optimal network, `(x_bar - E[x_0 | x_bar]) / sigma`.
fn density_and_eps(x_bar: f64, sigma: f64) -> (f64, f64) {
    let parts = MIXTURE.map(|(weight, mean, deviation)| {
        let variance = deviation * deviation + sigma * sigma;
        let density = weight * log_density(x_bar, mean, variance).exp();
        let x_0 = mean + deviation * deviation / variance * (x_bar - mean);
        (density, density * x_0)
    });
    let density = parts[0].0 + parts[1].0;
    let x_0 = (parts[0].1 + parts[1].1) / density;
    (density, (x_bar - x_0) / sigma)
}

/// The derivative of `f` at `x` by central differences of fourth order.
fn derivative(f: impl Fn(f64) -> f64, x: f64) -> f64 {
    let h = 1e-3;
    (8.0 * (f(x + h) - f(x - h)) - (f(x + 2.0 * h) - f(x - 2.0 * h))) / (12.0 * h)
}

#[test]
fn the_score_is_the_slope_of_the_log_density() {
    for sigma in [0.1, 0.5, 1.0, 4.0] {
        let level = Level::from_sigma(sigma).unwrap();
        for x_bar in [-2.0, -0.7, -0.2, 0.0, 0.5, 1.5] {
            let (_, eps) = density_and_eps(x_bar, sigma);
            let slope = derivative(|x| density_and_eps(x, sigma).0.ln(), x_bar);
            let score = level.score(eps);
            assert!(
                (score - slope).abs() < 1e-6,
                "{sigma}, {x_bar}: {score}, {slope}"
            );
            assert_each_close(&[level.eps(score)], &[eps], 1e-15, "eps");
        }
    }
}

/// sigma as a function of time, and its rate.
fn sigma_at(time: f64) -> (f64, f64) {
    (0.2 + time * time, 2.0 * time)
}

/// Proposition 1: with the optimal network the two right-hand sides are one.
#[test]
fn the_ode_of_ddim_is_the_probability_flow() {
    for (time, x_bar) in [0.1, 0.6, 1.4].iter().flat_map(|t| [(*t, -1.0), (*t, 0.3)]) {
        let (sigma, sigma_rate) = sigma_at(time);
        let (_, eps) = density_and_eps(x_bar, sigma);
        let score = derivative(|x| density_and_eps(x, sigma).0.ln(), x_bar);
        let variance_rate = derivative(|time| sigma_at(time).0.powi(2), time);
        let [a, b] = [ode(eps, sigma_rate), probability_flow(score, variance_rate)];
        assert!((a - b).abs() < 1e-6, "{time}, {x_bar}: {a}, {b}");
    }
}

/// The continuity equation `dp/dt + d(p v)/dx = 0`: moving every x_bar with that velocity gives the distributions of
/// the diffusion at all times.
#[test]
fn the_probability_flow_carries_the_distribution_of_the_diffusion() {
    for (time, x_bar) in [0.1, 0.6, 1.4]
        .iter()
        .flat_map(|t| [-1.0, -0.3, 0.3, 1.2].map(|x| (*t, x)))
    {
        let (sigma, sigma_rate) = sigma_at(time);
        let flux = |x: f64| {
            let (density, eps) = density_and_eps(x, sigma);
            let score = Level::from_sigma(sigma).unwrap().score(eps);
            density * probability_flow(score, 2.0 * sigma * sigma_rate)
        };
        let change = derivative(|time| density_and_eps(x_bar, sigma_at(time).0).0, time);
        let sum = change + derivative(flux, x_bar);
        assert!(
            sum.abs() < 1e-7 && change.abs() > 1e-3,
            "{time}, {x_bar}: {sum}, {change}"
        );
    }
}

/// Images of one pixel from N(0.1, 0.3²) have the solution `x_bar - MEAN ∝ sqrt(DEVIATION² + sigma²)` (DDIM, eq. 14).
#[test]
fn many_steps_of_either_kind_end_at_the_solution() {
    const MEAN: f64 = 0.1;
    const DEVIATION: f64 = 0.3;
    let eps = |x_bar: f64, s: f64| s * (x_bar - MEAN) / (DEVIATION * DEVIATION + s * s);
    let size = |s: f64| (DEVIATION * DEVIATION + s * s).sqrt();
    // Upwards and downwards; evenly spaced in the logarithm of sigma, since eq. 15 cannot start at 0.
    for (from, to) in [(0.01, 20.0), (20.0, 0.01)] {
        let start = MEAN - 0.7 * size(from);
        let solution = MEAN - 0.7 * size(to);
        for (name, step) in [
            ("sigma", euler_in_sigma as fn(f64, f64) -> f64),
            ("variance", euler_in_variance),
        ] {
            let error = |steps: i32| {
                let s = |i: i32| from * libm::pow(to / from, f64::from(i) / f64::from(steps));
                let end = (0..steps).fold(start, |x, i| x + step(s(i), s(i + 1)) * eps(x, s(i)));
                (end - solution) / size(to)
            };
            let errors = [500, 1000, 2000].map(error);
            let ratio = errors[2] / errors[1];
            assert!((0.48..0.52).contains(&ratio), "{name}, {from}: {errors:?}");
            assert!(errors[2].abs() < 5e-3, "{name}, {from}: {errors:?}");
            // Without the part that is proportional to the step.
            let limit = 2.0 * errors[2] - errors[1];
            assert!(limit.abs() < 5e-5, "{name}, {from}: {limit}");
        }
    }
}
