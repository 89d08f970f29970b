#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    schedule::{BetaSchedule, NoiseSchedule, ScheduleError},
    scheduler::SchedulerConfig,
};

use crate::support::{assert_each_close, fixture, index, indices, numbers, text};

fn at(values: &[f64], indices: &[usize]) -> Vec<f64> {
    indices.iter().map(|&t| values[t]).collect()
}

#[test]
fn schedules_match_diffusers() {
    for case in fixture!("schedules.json") {
        let config = SchedulerConfig::from_json(&case["config"].to_string()).unwrap();
        let schedule = config.schedule().unwrap();
        let t = indices(&case["at"]);
        let name = text(&case["name"]);
        assert_each_close(
            &at(schedule.betas(), &t),
            &numbers(&case["betas"]),
            1e-9,
            name,
        );
        let alpha_bars = numbers(&case["alpha_bars"]);
        assert_each_close(&at(schedule.alpha_bars(), &t), &alpha_bars, 1e-9, name);
    }
}

#[test]
fn schedules_match_the_ddim_code() {
    for case in fixture!("ddim_code_schedules.json") {
        let name = text(&case["name"]);
        let len = index(&case["num_train_timesteps"]);
        let schedule = NoiseSchedule::new(name.parse().unwrap(), len, 1e-4, 0.02).unwrap();
        let t = indices(&case["at"]);
        assert_eq!(schedule.len(), len);
        assert_each_close(
            &at(schedule.betas(), &t),
            &numbers(&case["betas"]),
            1e-12,
            name,
        );
        let alpha_bars = numbers(&case["alpha_bars"]);
        assert_each_close(&at(schedule.alpha_bars(), &t), &alpha_bars, 1e-9, name);
    }
}

#[test]
fn quad_is_scaled_linear() {
    let of = |kind| NoiseSchedule::new(kind, 1000, 1e-4, 0.02).unwrap();
    assert_eq!(of(BetaSchedule::Quad), of(BetaSchedule::ScaledLinear));
}

#[test]
fn jsd_removes_the_same_share_of_signal_at_every_step() {
    // 1 - beta_t = (T - t - 1) / (T - t), so alpha_bar(t) telescopes to (T - t - 1) / T
    let schedule = NoiseSchedule::new(BetaSchedule::Jsd, 1000, 1e-4, 0.02).unwrap();
    for (t, alpha_bar) in schedule.alpha_bars().iter().enumerate() {
        assert!((alpha_bar - (999 - t) as f64 / 1000.0).abs() < 1e-12);
    }
    assert_eq!(schedule.alpha_bar(999), 0.0);
}

#[test]
fn zero_snr_rescaling_keeps_the_first_level_and_zeroes_the_last() {
    for kind in BetaSchedule::ALL {
        let plain = NoiseSchedule::new(kind, 1000, 1e-4, 0.02).unwrap();
        let rescaled = plain.clone().rescale_zero_terminal_snr().unwrap();
        let (first, kept) = (plain.alpha_bar(0), rescaled.alpha_bar(0));
        assert!((first - kept).abs() < 1e-12, "{kind}");
        assert_eq!(rescaled.alpha_bar(999), 0.0, "{kind}");
        assert_eq!(rescaled.snr(999), 0.0, "{kind}");
    }
}

#[test]
fn snr_is_signal_power_over_noise_power() {
    let schedule = NoiseSchedule::new(BetaSchedule::Linear, 1000, 1e-4, 0.02).unwrap();
    for t in [0, 1, 500, 999] {
        let (signal, noise) = schedule.signal_and_noise(t);
        assert!((signal * signal + noise * noise - 1.0).abs() < 1e-15);
        let snr = signal * signal / (noise * noise);
        assert!((schedule.snr(t) / snr - 1.0).abs() < 1e-9);
    }
}

#[test]
fn names_survive_a_round_trip_and_unknown_ones_are_refused() {
    for kind in BetaSchedule::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
    }
    let error = "cosine".parse::<BetaSchedule>().unwrap_err().to_string();
    assert!(error.contains("beta_schedule") && error.contains("squaredcos_cap_v2"));
    assert!(error.contains("\"cosine\""));
}

#[test]
fn impossible_betas_are_refused_by_name() {
    let linear = |len, start, end| NoiseSchedule::new(BetaSchedule::Linear, len, start, end);
    for bad in [0.0, -0.1, 1.0, 2.0, f64::NAN, f64::INFINITY] {
        let error = linear(10, bad, 0.02).unwrap_err();
        assert!(
            matches!(
                error,
                ScheduleError::Beta {
                    field: "beta_start",
                    ..
                }
            ),
            "{bad}"
        );
        let error = linear(10, 1e-4, bad).unwrap_err();
        assert!(
            matches!(
                error,
                ScheduleError::Beta {
                    field: "beta_end",
                    ..
                }
            ),
            "{bad}"
        );
        let error = NoiseSchedule::from_betas(vec![0.1, bad, 0.1]).unwrap_err();
        assert!(
            matches!(error, ScheduleError::TrainedBeta { index: 1, .. }),
            "{bad}"
        );
    }
    for len in [0, 1_000_001, usize::MAX] {
        let error = linear(len, 1e-4, 0.02).unwrap_err();
        assert!(matches!(error, ScheduleError::Length { found, .. } if found == len));
    }
    assert!(matches!(
        NoiseSchedule::from_betas(vec![]),
        Err(ScheduleError::Length { .. })
    ));
}

#[test]
fn falling_betas_are_accepted() {
    let schedule = NoiseSchedule::new(BetaSchedule::Linear, 10, 0.02, 1e-4).unwrap();
    assert!(schedule.betas()[0] > schedule.betas()[9]);
}

#[test]
fn betas_that_64_bits_cannot_accumulate_are_refused() {
    let tiny = NoiseSchedule::new(BetaSchedule::Const, 10, 1e-20, 1e-20).unwrap_err();
    assert!(
        matches!(
            tiny,
            ScheduleError::Degenerate {
                t: 0,
                size: "small",
                ..
            }
        ),
        "{tiny}"
    );
    let huge = NoiseSchedule::new(BetaSchedule::Const, 2000, 0.9, 0.9).unwrap_err();
    assert!(
        matches!(huge, ScheduleError::Degenerate { size: "large", .. }),
        "{huge}"
    );
    let short = NoiseSchedule::new(BetaSchedule::Linear, 1, 0.1, 0.1).unwrap();
    let short = short.rescale_zero_terminal_snr().unwrap_err();
    assert_eq!(short, ScheduleError::RescaleTooShort { found: 1 });
}
