#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    schedule::BetaSchedule,
    scheduler::{SchedulerClass, SchedulerConfig, SchedulerError, TrajectoryOptions, VarianceType},
    step::{Clip, Convention, Method, Prediction, Variance},
    timesteps::Tau,
};

use crate::support::assert_each_close;

fn read(text: &str) -> Result<SchedulerConfig, SchedulerError> {
    SchedulerConfig::from_json(text)
}

#[test]
fn missing_keys_have_the_defaults_of_diffusers() {
    let ddim = read("{}").unwrap();
    assert_eq!(ddim, SchedulerConfig::new(SchedulerClass::Ddim));
    assert_eq!(ddim.default_method(), Method::Ddim { eta: 0.0 });
    let ddpm = read(r#"{"_class_name": "DDPMScheduler"}"#).unwrap();
    assert_eq!(ddpm, SchedulerConfig::new(SchedulerClass::Ddpm));
    assert_eq!(
        ddpm.default_method(),
        Method::DdpmAncestral(Variance::FixedSmall)
    );
    let inverse = read(r#"{"_class_name": "DDIMInverseScheduler"}"#).unwrap();
    let inversion = Method::Inversion(Convention::Retrace);
    assert_eq!(inverse.default_method(), inversion);
    for config in [ddim, ddpm, inverse] {
        assert_eq!((config.num_train_timesteps, config.steps_offset), (1000, 0));
        assert_eq!((config.beta_start, config.beta_end), (0.0001, 0.02));
        assert_eq!(config.beta_schedule, BetaSchedule::Linear);
        assert_eq!(config.clip(config.default_method()), Clip::Range(1.0));
        assert_eq!(config.prediction_type, Prediction::Epsilon);
        assert_eq!(config.timestep_spacing, Tau::Leading);
        assert!(config.set_alpha_to_one && !config.rescale_betas_zero_snr && !config.thresholding);
    }
}

#[test]
fn a_published_configuration_is_read_as_it_is() {
    // google/ddpm-cifar10-32
    let config = read(
        r#"{
          "_class_name": "DDPMScheduler",
          "_diffusers_version": "0.1.1",
          "beta_end": 0.02,
          "beta_schedule": "linear",
          "beta_start": 0.0001,
          "clip_sample": true,
          "num_train_timesteps": 1000,
          "trained_betas": null,
          "variance_type": "fixed_large"
        }"#,
    )
    .unwrap();
    assert_eq!(config.variance_type, VarianceType::FixedLarge);
    assert_eq!(
        config.default_method(),
        Method::DdpmAncestral(Variance::FixedLarge)
    );
    assert!(config.unknown_keys().is_empty());
    assert_eq!(config.extra["_diffusers_version"], "0.1.1");
}

#[test]
fn files_are_read_as_python_and_older_diffusers_wrote_them() {
    let infinite = include_str!("../fixtures/cases/scheduler-minus-infinity.json");
    assert!(infinite.contains("-Infinity"));
    assert_eq!(
        read(infinite).unwrap().prediction_type,
        Prediction::VPrediction
    );
    let quoted = r#"{"note": "NaN and \" -Infinity", "lambda": [NaN, Infinity]}"#;
    let config = read(quoted).unwrap();
    assert_eq!(config.extra["note"], "NaN and \" -Infinity");
    assert_eq!(config.extra["lambda"].to_string(), r#"["NaN","Infinity"]"#);
    let bad = read(r#"{"beta_end": NaN}"#).unwrap_err().to_string();
    assert!(bad.contains("beta_end: expected a number"), "{bad}");
    assert!(read(r#"{"beta_end": NaNs}"#).is_err());
    assert_eq!(read("\u{FEFF}{}"), read("{}"));
    let wide = read("\u{FFFD}\u{FFFD}{\0}\0").unwrap_err().to_string();
    assert!(wide.contains("save it as UTF-8"), "{wide}");

    let null = include_str!("../fixtures/cases/scheduler-variance-null.json");
    assert_eq!(read(null).unwrap().variance_type, VarianceType::FixedSmall);
    assert!(read(r#"{"_class_name": "DDPMScheduler", "variance_type": null}"#).is_err());

    let old = include_str!("../fixtures/cases/scheduler-predict-epsilon-false.json");
    let old = read(old).unwrap();
    assert_eq!(old.prediction_type, Prediction::Sample);
    assert!(old.unknown_keys().is_empty());
    for (text, expected) in [
        (r#"{"predict_epsilon": true}"#, Prediction::Epsilon),
        (r#"{"predict_epsilon": null}"#, Prediction::Epsilon),
        (
            r#"{"predict_epsilon": false, "prediction_type": "v_prediction"}"#,
            Prediction::VPrediction,
        ),
    ] {
        assert_eq!(read(text).unwrap().prediction_type, expected, "{text}");
    }
    assert!(read(r#"{"predict_epsilon": 0}"#).is_err());
}

#[test]
fn an_offset_that_leaves_the_chain_is_named_as_the_cause() {
    let config = read(include_str!("../fixtures/cases/scheduler-offset1.json")).unwrap();
    assert_eq!(config.steps_offset, 1);
    let method = config.default_method();
    let steps = |steps| config.trajectory(&TrajectoryOptions::new(method, steps));
    assert!(steps(999).is_ok());
    let error = steps(1000).unwrap_err().to_string();
    assert_eq!(
        error,
        "scheduler: steps_offset: expected at most 0 for 1000 steps, found 1"
    );
}

#[test]
fn unknown_keys_are_kept_and_named() {
    let config = read(r#"{"skip_prk_steps": true, "_note": 1, "algorithm": {"a": [1]}}"#).unwrap();
    assert_eq!(config.unknown_keys(), ["algorithm", "skip_prk_steps"]);
    let again = read(&config.to_json().unwrap()).unwrap();
    assert_eq!(again, config);
    assert_eq!(again.extra["algorithm"]["a"][0], 1);
}

#[test]
fn a_written_configuration_is_read_back_unchanged() {
    let texts = [
        "{}",
        r#"{"_class_name": "DDPMScheduler", "variance_type": "fixed_small_log", "set_alpha_to_one": false}"#,
        r#"{"_class_name": "DDIMInverseScheduler", "thresholding": true, "sample_max_value": 2.5}"#,
        r#"{"variance_type": "fixed_large", "beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"}"#,
        r#"{"num_train_timesteps": 3, "trained_betas": [0.1, 0.2, 1], "clip_sample": false, "steps_offset": 1}"#,
        r#"{"timestep_spacing": "trailing", "rescale_betas_zero_snr": true, "clip_sample_range": 2.0}"#,
    ];
    for text in texts {
        let config = read(text).unwrap();
        assert_eq!(read(&config.to_json().unwrap()), Ok(config), "{text}");
    }
}

#[test]
fn only_keys_of_the_class_are_written_unless_they_say_something() {
    let written = |class| SchedulerConfig::new(class).to_json().unwrap();
    assert!(written(SchedulerClass::Ddpm).contains("variance_type"));
    assert!(!written(SchedulerClass::Ddpm).contains("set_alpha_to_one"));
    assert!(!written(SchedulerClass::Ddim).contains("variance_type"));
    assert!(!written(SchedulerClass::DdimInverse).contains("thresholding"));
}

#[test]
fn schedules_unknown_to_diffusers_are_written_as_trained_betas() {
    for (class, kind) in [
        (SchedulerClass::Ddpm, BetaSchedule::Quad),
        (SchedulerClass::Ddim, BetaSchedule::Const),
        (SchedulerClass::Ddim, BetaSchedule::Jsd),
        (SchedulerClass::Ddim, BetaSchedule::Sigmoid),
    ] {
        let config = SchedulerConfig {
            beta_schedule: kind,
            num_train_timesteps: 20,
            rescale_betas_zero_snr: kind == BetaSchedule::Const,
            ..SchedulerConfig::new(class)
        };
        let text = config.to_json().unwrap();
        assert!(!text.contains(kind.name()), "{text}");
        let again = read(&text).unwrap();
        let [found, expected] = [&again, &config].map(|config| config.schedule().unwrap());
        assert_each_close(found.betas(), expected.betas(), 1e-12, kind.name());
    }
}

#[test]
fn trained_betas_replace_the_named_schedule_also_when_written() {
    let config = SchedulerConfig {
        beta_schedule: BetaSchedule::Const,
        num_train_timesteps: 2,
        trained_betas: Some(vec![0.3, 0.4]),
        ..SchedulerConfig::new(SchedulerClass::Ddim)
    };
    let again = read(&config.to_json().unwrap()).unwrap();
    assert_eq!(again.trained_betas, Some(vec![0.3, 0.4]));
}

#[test]
fn thresholding_takes_precedence_over_clipping_except_in_inversion() {
    let config =
        read(r#"{"thresholding": true, "dynamic_thresholding_ratio": 0.9, "sample_max_value": 3}"#)
            .unwrap();
    let dynamic = Clip::Dynamic {
        ratio: 0.9,
        max: 3.0,
    };
    assert_eq!(config.clip(Method::SigmaHat), dynamic);
    assert_eq!(
        config.clip(Method::Inversion(Convention::Strict)),
        Clip::Range(1.0)
    );
    let none = read(r#"{"clip_sample": false}"#).unwrap();
    assert_eq!(none.clip(Method::SigmaHat), Clip::None);
}

#[test]
fn a_bad_value_is_refused_in_one_line_that_names_the_key_and_the_value() {
    let cases = [
        (
            r#"{"beta_schedule": "cosine"}"#,
            "beta_schedule",
            "\"cosine\"",
        ),
        (r#"{"beta_schedule": null}"#, "beta_schedule", "null"),
        (
            r#"{"prediction_type": "eps"}"#,
            "prediction_type",
            "\"eps\"",
        ),
        (
            r#"{"timestep_spacing": "quad"}"#,
            "timestep_spacing",
            "\"quad\"",
        ),
        (
            r#"{"variance_type": "learned_range"}"#,
            "variance_type",
            "\"learned_range\"",
        ),
        (
            r#"{"_class_name": "ScoreSdeVeScheduler"}"#,
            "_class_name",
            "\"ScoreSdeVeScheduler\"",
        ),
        (r#"{"_class_name": 3}"#, "_class_name", "3"),
        (r#"{"num_train_timesteps": 0}"#, "num_train_timesteps", "0"),
        (
            r#"{"num_train_timesteps": -5}"#,
            "num_train_timesteps",
            "-5",
        ),
        (
            r#"{"num_train_timesteps": 10.5}"#,
            "num_train_timesteps",
            "10.5",
        ),
        (
            r#"{"num_train_timesteps": 18446744073709551615}"#,
            "num_train_timesteps",
            "18446744073709551615",
        ),
        (
            r#"{"num_train_timesteps": 2000000}"#,
            "num_train_timesteps",
            "2000000",
        ),
        (
            r#"{"num_train_timesteps": "1000"}"#,
            "num_train_timesteps",
            "\"1000\"",
        ),
        (r#"{"beta_start": 0}"#, "beta_start", "0"),
        (r#"{"beta_end": 1.5}"#, "beta_end", "1.5"),
        (r#"{"beta_end": [0.02]}"#, "beta_end", "[0.02]"),
        (r#"{"trained_betas": [0.1]}"#, "trained_betas", "1"),
        (r#"{"trained_betas": ["a"]}"#, "trained_betas", r#"["a"]"#),
        (
            r#"{"trained_betas": [0.1, -1, 0.1], "num_train_timesteps": 3}"#,
            "trained_betas",
            "-1",
        ),
        (r#"{"clip_sample": 1}"#, "clip_sample", "1"),
        (r#"{"clip_sample_range": -1}"#, "clip_sample_range", "-1"),
        (
            r#"{"dynamic_thresholding_ratio": 2}"#,
            "dynamic_thresholding_ratio",
            "2",
        ),
        (r#"{"sample_max_value": 0}"#, "sample_max_value", "0"),
        (r#"{"steps_offset": -1}"#, "steps_offset", "-1"),
        (
            r#"{"set_alpha_to_one": {}}"#,
            "set_alpha_to_one",
            "found {}",
        ),
        (
            r#"{"num_train_timesteps": 1, "rescale_betas_zero_snr": true}"#,
            "rescale_betas_zero_snr",
            "1",
        ),
        ("[]", "not a JSON object", "expected a map"),
        ("", "not a JSON object", "EOF"),
        ("<!doctype html>", "not a JSON object", "line 1"),
        (r#"{"beta_end": NaN}"#, "beta_end: expected a number", "NaN"),
        (
            r#"{"beta_end": 1e999}"#,
            "not a JSON object",
            "out of range",
        ),
    ];
    for (text, key, found) in cases {
        let message = read(text).unwrap_err().to_string();
        assert!(
            message.contains(key) && message.contains(found),
            "{text}: {message}"
        );
        assert!(
            !message.contains('\n') && message.len() < 250,
            "{text}: {message}"
        );
        assert!(message.starts_with("scheduler"), "{text}: {message}");
    }
}

#[test]
fn values_set_by_hand_are_checked_before_they_are_used() {
    let plain = SchedulerConfig::new(SchedulerClass::Ddim);
    let broken = [
        SchedulerConfig {
            beta_end: f64::NAN,
            ..plain.clone()
        },
        SchedulerConfig {
            clip_sample_range: f64::NAN,
            ..plain.clone()
        },
        SchedulerConfig {
            trained_betas: Some(vec![]),
            ..plain.clone()
        },
        SchedulerConfig {
            steps_offset: usize::MAX,
            ..plain
        },
    ];
    for config in broken {
        let options = ddim_web::scheduler::TrajectoryOptions::new(Method::SigmaHat, 10);
        assert!(config.trajectory(&options).is_err());
    }
}
