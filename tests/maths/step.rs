#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    schedule::{BetaSchedule, NoiseSchedule},
    scheduler::{
        SchedulerClass, SchedulerConfig, SchedulerError, TrajectoryOptions, TrajectoryStep,
        VarianceType,
    },
    step::{
        Clip, Convention, Method, Prediction, Step, StepError, Variance, dynamic_threshold,
        dynamic_threshold_scale,
    },
    timesteps::Tau,
};
use serde_json::Value;

use crate::support::{
    apply, assert_each_close, assert_image_close, fixture, index, indices, numbers, text, unclipped,
};

fn config_of(case: &Value) -> SchedulerConfig {
    let mut config = case["config"].clone();
    config["_class_name"] = case["class"].clone();
    SchedulerConfig::from_json(&config.to_string()).unwrap()
}

/// Runs every case of a fixture; one whose rows are not all numbers must be refused.
fn matches_diffusers(cases: &[Value]) {
    let tensors = &fixture!("tensors.json")[0];
    let [x_t, out, z] = ["x", "out", "z"].map(|name| numbers(&tensors[name]));
    for case in cases {
        let config = config_of(case);
        let name = text(&case["name"]);
        let method = match config.default_method() {
            Method::Ddim { .. } => Method::Ddim {
                eta: case["eta"].as_f64().unwrap(),
            },
            other => other,
        };
        let options = TrajectoryOptions {
            use_clipped_model_output: case["use_clipped_model_output"].as_bool().unwrap_or(false),
            ..TrajectoryOptions::new(method, index(&case["steps"]))
        };
        let rows = case["rows"].as_array().unwrap();
        if rows.iter().any(Value::is_null) {
            let error = config.trajectory(&options).unwrap_err();
            assert_eq!(
                error,
                SchedulerError::Step(StepError::EpsilonAtZeroSnr),
                "{name}"
            );
            continue;
        }
        let steps = config.trajectory(&options).unwrap().steps;
        let t: Vec<usize> = steps.iter().map(|step| step.t).collect();
        assert_eq!(t, indices(&case["timesteps"]), "{name}");
        // thresholding is computed in f32
        let tolerance = if config.thresholding { 1e-6 } else { 1e-9 };
        for (step, row) in steps.iter().zip(rows) {
            let (x0_hat, x_prev) = apply(&step.coefficients, &x_t, &out, &z);
            let what = format!("{name}, t = {}", step.t);
            assert_image_close(&x0_hat, &numbers(&row[0]), tolerance, &what);
            assert_image_close(&x_prev, &numbers(&row[1]), tolerance, &what);
        }
    }
}

#[test]
fn ddim_steps_match_diffusers() {
    matches_diffusers(&fixture!("steps_ddim.json"));
}

#[test]
fn ddpm_steps_match_diffusers() {
    matches_diffusers(&fixture!("steps_ddpm.json"));
}

/// diffusers reads a predicted x_0 or v at the level of the state, though its network was told the next one, and so
/// takes another eps than the network's. Read like that our step is diffusers', which shows that nothing else differs;
/// read where it was told, x0_hat and eps give back what the network said.
#[test]
fn inversion_steps_match_diffusers_but_for_the_level_at_which_x0_and_v_are_read() {
    let tensors = &fixture!("tensors.json")[0];
    let [x_t, out, z] = ["x", "out", "z"].map(|name| numbers(&tensors[name]));
    let [mut same, mut other, mut refused] = [0; 3];
    for case in fixture!("steps_inverse.json") {
        let config = config_of(&case);
        let name = text(&case["name"]);
        let schedule = config.schedule().unwrap();
        let method = Method::Inversion(Convention::Retrace);
        let options = TrajectoryOptions::new(method, index(&case["steps"]));
        let prediction = config.prediction_type;
        let steps = match config.trajectory(&options) {
            Ok(trajectory) => trajectory.steps,
            Err(error) => {
                assert_eq!(
                    error,
                    SchedulerError::Step(StepError::EpsilonAtZeroSnr),
                    "{name}"
                );
                let last = schedule.alpha_bar(schedule.len() - 1);
                assert!(prediction == Prediction::Epsilon && last == 0.0, "{name}");
                refused += 1;
                continue;
            }
        };
        let t: Vec<usize> = steps.iter().filter_map(|step| step.t_next).collect();
        assert_eq!(t, indices(&case["timesteps"]), "{name}");
        let clean = if config.set_alpha_to_one {
            1.0
        } else {
            schedule.alpha_bar(0)
        };
        let level = |step: &TrajectoryStep| schedule.alpha_bar(step.t_next.unwrap());
        let mut alpha_bar = clean;
        for (step, row) in steps.iter().zip(case["rows"].as_array().unwrap()) {
            let (told, next) = (schedule.alpha_bar(step.t), level(step));
            let what = format!("{name}, t = {}", step.t);
            let here = apply(&step.coefficients, &x_t, &out, &z);
            let theirs = Step {
                alpha_bar,
                alpha_bar_told: alpha_bar,
                alpha_bar_next: next,
                last: false,
                prediction,
                clip: config.clip(method),
                use_clipped_model_output: false,
            };
            match theirs.coefficients(method) {
                Ok(theirs) => {
                    let found = apply(&theirs, &x_t, &out, &z);
                    assert_image_close(&found.0, &numbers(&row[0]), 1e-9, &what);
                    assert_image_close(&found.1, &numbers(&row[1]), 1e-9, &what);
                    if prediction == Prediction::Epsilon || alpha_bar == told {
                        assert_image_close(&here.0, &found.0, 1e-9, &what);
                        assert_image_close(&here.1, &found.1, 1e-9, &what);
                        same += 1;
                    } else {
                        assert_ne!(here.1, found.1, "{what}");
                        other += 1;
                    }
                }
                // Where diffusers divides by 0, ours has an answer.
                Err(error) => {
                    assert_eq!(error, StepError::SampleAtCleanImage, "{what}");
                    assert!(
                        row.is_null() && here.1.iter().all(|x| x.is_finite()),
                        "{what}"
                    );
                    other += 1;
                }
            }
            alpha_bar = next;
        }
    }
    assert!(
        same > 30 && other > 90 && refused > 0,
        "{same} {other} {refused}"
    );
}

#[test]
fn the_flow_step_is_equation_15_in_x_t_and_eps() {
    let (now, next, x, eps): (f64, f64, f64, f64) = (0.3, 0.6, 0.7, -1.1);
    let ratio = |alpha_bar: f64| (1.0 - alpha_bar) / alpha_bar;
    let expected = next.sqrt()
        * (x / now.sqrt() + 0.5 * (ratio(next) - ratio(now)) * (now / (1.0 - now)).sqrt() * eps);
    for prediction in Prediction::ALL {
        let step = Step {
            alpha_bar: now,
            alpha_bar_told: now,
            alpha_bar_next: next,
            last: false,
            prediction,
            clip: Clip::None,
            use_clipped_model_output: false,
        };
        let (of_x0, of_eps) = prediction.target(now).unwrap();
        let x_0 = (x - (1.0 - now).sqrt() * eps) / now.sqrt();
        let out = of_x0 * x_0 + of_eps * eps;
        let coefficients = step.coefficients(Method::ProbabilityFlow).unwrap();
        let found = apply(&coefficients, &[x], &[out], &[0.0]);
        assert_each_close(&found.0, &[x_0], 1e-12, "x0_hat");
        assert_each_close(&found.1, &[expected], 1e-12, "x_prev");
        // Where eq. 15 would leave half of the noise.
        let last = Step {
            alpha_bar_next: 1.0,
            last: true,
            ..step
        };
        let coefficients = last.coefficients(Method::ProbabilityFlow).unwrap();
        assert_each_close(
            &apply(&coefficients, &[x], &[out], &[0.0]).1,
            &[x_0],
            1e-12,
            "last",
        );
    }
}

#[test]
fn steps_match_the_ddim_code() {
    let tensors = &fixture!("tensors.json")[0];
    let [x_t, out, z] = ["x", "out", "z"].map(|name| numbers(&tensors[name]));
    let schedule = NoiseSchedule::new(BetaSchedule::Linear, 1000, 1e-4, 0.02).unwrap();
    for case in fixture!("ddim_code_steps.json") {
        let eta = case["eta"].as_f64().unwrap();
        let method = Method::from_name(text(&case["method"]), eta).unwrap();
        let before = case["before"].as_u64();
        let step = Step {
            alpha_bar: schedule.alpha_bar(index(&case["t"])),
            alpha_bar_told: schedule.alpha_bar(index(&case["t"])),
            alpha_bar_next: before.map_or(1.0, |t| schedule.alpha_bar(t as usize)),
            last: before.is_none(),
            prediction: Prediction::Epsilon,
            clip: Clip::None,
            use_clipped_model_output: false,
        };
        let coefficients = step.coefficients(method).unwrap();
        let (x0_hat, x_prev) = apply(&coefficients, &x_t, &out, &z);
        let what = case.to_string();
        assert_image_close(&x0_hat, &numbers(&case["x0_hat"]), 1e-9, &what);
        assert_image_close(&x_prev, &numbers(&case["x_prev"]), 1e-9, &what);
    }
}

#[test]
fn the_previous_timestep_is_the_neighbour_in_the_list_where_diffusers_takes_another() {
    // diffusers steps from t to t - T // S: 999 -> 666 although its list says 999, 500, 0
    let case = fixture!("steps_ddim.json")
        .into_iter()
        .find(|case| text(&case["name"]) == "ddim, linear, linspace, v_prediction")
        .unwrap();
    assert_eq!(indices(&case["timesteps"]), [999, 500, 0]);
    assert_eq!(case["own_previous"][0].as_i64(), Some(666));

    let config = config_of(&case);
    let schedule = config.schedule().unwrap();
    let options = TrajectoryOptions::new(Method::Ddim { eta: 0.0 }, 3);
    let steps = config.trajectory(&options).unwrap().steps;
    let next: Vec<_> = steps.iter().map(|step| step.t_next).collect();
    assert_eq!(next, [Some(500), Some(0), None]);
    let (signal, noise) = schedule.signal_and_noise(500);
    assert_eq!(steps[0].coefficients.a, signal);
    assert_eq!(steps[0].coefficients.b, noise);
}

#[test]
fn sigma_is_the_closed_form_of_the_paper() {
    let schedule = unclipped().schedule().unwrap();
    let tau = Some(Tau::Custom(vec![3, 40, 700, 999]));
    let sigmas = |method| -> Vec<f64> {
        let options = TrajectoryOptions {
            tau: tau.clone(),
            ..TrajectoryOptions::new(method, 1)
        };
        let steps = unclipped().trajectory(&options).unwrap().steps;
        steps.iter().map(|step| step.coefficients.sigma).collect()
    };
    let pairs = [(999, 700), (700, 40), (40, 3)]
        .map(|(t, s)| (schedule.alpha_bar(t), schedule.alpha_bar(s)));
    // DDIM, eq. 16
    let eq_16 = pairs.map(|(a, b)| ((1.0 - b) / (1.0 - a)).sqrt() * (1.0 - a / b).sqrt());
    let half = eq_16.map(|sigma| 0.5 * sigma);
    // DDIM, appendix D.3
    let sigma_hat = pairs.map(|(a, b)| (1.0 - a / b).sqrt());
    let cases = [
        (Method::Ddim { eta: 1.0 }, eq_16),
        (Method::Ddim { eta: 0.5 }, half),
        (Method::Ddim { eta: 0.0 }, [0.0; 3]),
        (Method::DdpmAncestral(Variance::FixedSmall), eq_16),
        (Method::DdpmAncestral(Variance::FixedLarge), sigma_hat),
        (Method::SigmaHat, sigma_hat),
        (Method::DdpmNoisy, sigma_hat),
    ];
    for (method, expected) in cases {
        let found = sigmas(method);
        assert_each_close(&found[..3], &expected, 1e-12, method.name());
        assert_eq!(found[3], 0.0, "{method}: the last step is free of noise");
    }
}

#[test]
fn no_noise_is_added_on_the_last_ancestral_step_whatever_its_timestep() {
    // diffusers adds sqrt(1 - alpha_bar(332)) here, because t is not 0
    let config = SchedulerConfig {
        class: SchedulerClass::Ddpm,
        timestep_spacing: Tau::Trailing,
        variance_type: VarianceType::FixedLarge,
        ..unclipped()
    };
    let options = TrajectoryOptions::new(config.default_method(), 3);
    let steps = config.trajectory(&options).unwrap().steps;
    assert_eq!(steps[2].t, 332);
    assert_eq!(
        steps
            .iter()
            .map(|step| step.needs_noise())
            .collect::<Vec<_>>(),
        [true, true, false]
    );
}

#[test]
fn the_last_ancestral_step_is_free_of_noise_also_when_it_ends_above_clean() {
    for name in [
        "ddpm_fixed_small",
        "ddpm_fixed_large",
        "ddpm_noisy",
        "sigma_hat",
    ] {
        let sigma = |last| {
            let step = Step {
                alpha_bar: 0.5,
                alpha_bar_told: 0.5,
                alpha_bar_next: 0.9,
                last,
                prediction: Prediction::Epsilon,
                clip: Clip::None,
                use_clipped_model_output: false,
            };
            step.coefficients(name.parse().unwrap()).unwrap().sigma
        };
        assert!(sigma(true) == 0.0 && sigma(false) > 0.0, "{name}");
    }
}

#[test]
fn ancestral_sampling_ends_at_a_clean_image_whatever_set_alpha_to_one_says() {
    let config = SchedulerConfig {
        set_alpha_to_one: false,
        ..unclipped()
    };
    let first = config.schedule().unwrap().alpha_bar(0);
    for (name, end) in [
        ("ddpm_fixed_small", 1.0),
        ("ddpm_fixed_large", 1.0),
        ("ddpm_noisy", 1.0),
        ("sigma_hat", first.sqrt()),
        ("ddim", first.sqrt()),
    ] {
        let options = TrajectoryOptions::new(name.parse().unwrap(), 5);
        let steps = config.trajectory(&options).unwrap().steps;
        assert_eq!(steps[4].coefficients.a, end, "{name}");
    }
}

#[test]
fn fixed_large_log_is_fixed_large() {
    assert_eq!(
        VarianceType::FixedLargeLog.variance(),
        VarianceType::FixedLarge.variance()
    );
    assert_eq!(
        VarianceType::FixedSmallLog.variance(),
        VarianceType::FixedSmall.variance()
    );
}

#[test]
fn ddpm_noisy_clips_to_one_whatever_is_configured() {
    for clip in [Clip::None, Clip::Range(3.0)] {
        let options = TrajectoryOptions {
            clip: Some(clip),
            ..TrajectoryOptions::new(Method::DdpmNoisy, 2)
        };
        let steps = unclipped().trajectory(&options).unwrap().steps;
        assert!(
            steps
                .iter()
                .all(|step| step.coefficients.clip == Clip::Range(1.0))
        );
    }
}

#[test]
fn thresholding_matches_diffusers() {
    for case in fixture!("thresholds.json") {
        let mut image: Vec<f32> = numbers(&case["x0"]).iter().map(|x| *x as f32).collect();
        let [ratio, max] = ["ratio", "max"].map(|key| case[key].as_f64().unwrap());
        dynamic_threshold(&mut image, ratio, max);
        let found: Vec<f64> = image.into_iter().map(f64::from).collect();
        assert_image_close(&found, &numbers(&case["after"]), 1e-6, &case.to_string());
    }
}

#[test]
fn thresholding_leaves_images_within_one_alone_and_carries_nan() {
    let mut calm = [0.5, -1.0, 0.25];
    dynamic_threshold(&mut calm, 0.995, 10.0);
    assert_eq!(calm, [0.5, -1.0, 0.25]);
    let mut broken = [0.5, f32::NAN, 3.0];
    dynamic_threshold(&mut broken, 0.5, 10.0);
    assert!(broken.iter().all(|x| x.is_nan()));
    let mut range = [f32::NAN, 2.0, -2.0];
    Clip::Range(1.0).apply(&mut range);
    assert!(range[0].is_nan() && range[1..] == [1.0, -1.0]);
    dynamic_threshold(&mut [], 0.5, 10.0);
    assert_eq!(dynamic_threshold_scale(&[], 0.5, 10.0), 1.0);
    assert_eq!(
        dynamic_threshold_scale(&[f32::INFINITY; 3], 0.5, 10.0),
        10.0
    );
}

#[test]
fn eta_outside_zero_to_one_is_refused() {
    for eta in [-1.0, -1e-9, 1.0001, f64::NAN, f64::INFINITY] {
        let error = Method::from_name("ddim", eta).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("eta: expected a number from 0 to 1")
        );
        let options = TrajectoryOptions::new(Method::Ddim { eta }, 10);
        let error = unclipped().trajectory(&options).unwrap_err();
        assert!(
            matches!(error, SchedulerError::Step(StepError::Eta { .. })),
            "{eta}"
        );
    }
    for convention in Convention::ALL {
        let inversion = Method::Inversion(convention);
        for eta in [0.5, f64::NAN] {
            let error = Method::from_name(inversion.name(), eta).unwrap_err();
            assert!(matches!(error, StepError::InversionEta { .. }));
        }
        assert_eq!(Method::from_name(inversion.name(), 0.0), Ok(inversion));
    }
    assert_eq!(Method::from_name("sigma_hat", 0.7), Ok(Method::SigmaHat));
}

#[test]
fn method_and_prediction_names_survive_a_round_trip() {
    for method in Method::ALL {
        assert_eq!(method.to_string().parse(), Ok(method));
    }
    let names = "ddim sigma_hat ddpm_noisy ddpm_fixed_small ddpm_fixed_large probability_flow inversion \
                 inversion_strict";
    assert_eq!(Method::ALL.map(|method| method.name()).join(" "), names);
    for prediction in Prediction::ALL {
        assert_eq!(prediction.to_string().parse(), Ok(prediction));
    }
    let error = "DDIM".parse::<Method>().unwrap_err().to_string();
    assert!(error.starts_with("method: expected ddim, ") && error.ends_with("found \"DDIM\""));
    let error = "eps".parse::<Prediction>().unwrap_err().to_string();
    assert!(
        error.starts_with("prediction_type: expected epsilon, ")
            && error.ends_with("found \"eps\"")
    );
}

#[test]
fn levels_that_no_step_can_join_are_refused() {
    let step = |alpha_bar, alpha_bar_next, method| {
        let step = Step {
            alpha_bar,
            alpha_bar_told: alpha_bar,
            alpha_bar_next,
            last: false,
            prediction: Prediction::VPrediction,
            clip: Clip::None,
            use_clipped_model_output: false,
        };
        step.coefficients(method)
    };
    let ddim = Method::Ddim { eta: 0.5 };
    let inversion = Method::Inversion(Convention::Strict);
    for (now, next, method, field) in [
        (-0.1, 0.5, ddim, "alpha_bar"),
        (f64::NAN, 0.5, ddim, "alpha_bar"),
        (1.0, 1.0, ddim, "alpha_bar"),
        (0.5, 1.1, ddim, "alpha_bar_next"),
        (0.5, f64::NAN, ddim, "alpha_bar_next"),
        (0.5, 0.4, ddim, "alpha_bar_next"),
        (0.0, 0.0, ddim, "alpha_bar_next"),
        (0.0, 0.5, Method::ProbabilityFlow, "alpha_bar"),
        (0.5, 0.6, inversion, "alpha_bar_next"),
        (0.0, 0.0, inversion, "alpha_bar"),
    ] {
        let error = step(now, next, method).unwrap_err();
        assert!(
            matches!(error, StepError::AlphaBar { field: found, .. } if found == field),
            "{now} {next}"
        );
    }
    assert!(step(0.5, 0.5, ddim).is_ok());
    assert!(step(0.5, 0.4, inversion).is_ok());
}

#[test]
fn impossible_clip_values_are_refused() {
    let with = |clip| {
        let options = TrajectoryOptions {
            clip: Some(clip),
            ..TrajectoryOptions::new(Method::Ddim { eta: 0.0 }, 2)
        };
        unclipped().trajectory(&options).unwrap_err().to_string()
    };
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(with(Clip::Range(bad)).contains("clip_sample_range"));
        assert!(
            with(Clip::Dynamic {
                ratio: 0.5,
                max: bad
            })
            .contains("sample_max_value")
        );
    }
    for ratio in [-0.1, 1.1, f64::NAN] {
        assert!(with(Clip::Dynamic { ratio, max: 1.0 }).contains("dynamic_thresholding_ratio"));
    }
}
