#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::timesteps::{Tau, TimestepsError, timesteps};

use crate::support::{fixture, index, indices, text};

#[test]
fn lists_match_diffusers_and_guided_diffusion() {
    for case in fixture!("timesteps.json") {
        let rule: Tau = text(&case["text"]).parse().unwrap();
        let found = timesteps(
            &rule,
            index(&case["num_train_timesteps"]),
            index(&case["steps"]),
            index(&case["steps_offset"]),
        );
        assert_eq!(found, Ok(indices(&case["timesteps"])), "{case}");
    }
}

#[test]
fn lists_match_the_ddim_code_with_its_repeats_dropped() {
    for case in fixture!("ddim_code_timesteps.json") {
        let rule: Tau = text(&case["kind"]).parse().unwrap();
        let mut expected = indices(&case["timesteps"]);
        expected.dedup();
        let (len, steps) = (index(&case["num_train_timesteps"]), index(&case["steps"]));
        assert_eq!(timesteps(&rule, len, steps, 0), Ok(expected), "{case}");
    }
}

#[test]
fn trailing_has_exactly_s_entries_and_ends_on_the_last_timestep() {
    // diffusers' list has a stray -1 for S = 61 of 1000: numpy.arange overshoots by rounding
    for steps in 1..=1000 {
        let tau = timesteps(&Tau::Trailing, 1000, steps, 0).unwrap();
        assert_eq!(tau.len(), steps);
        assert_eq!(tau.last(), Some(&999));
    }
}

#[test]
fn paper_lists_are_the_floors_of_c_i_and_c_i_squared() {
    // D.2 counts timesteps from 1: tau_i = floor(c i) with tau_S = T
    let linear = timesteps(&Tau::PaperLinear, 1000, 7, 0).unwrap();
    assert_eq!(linear, [141, 284, 427, 570, 713, 856, 999]);
    let quadratic = timesteps(&Tau::PaperQuadratic, 1000, 7, 0).unwrap();
    assert_eq!(quadratic, [19, 80, 182, 325, 509, 733, 999]);
    let thinned = timesteps(&Tau::PaperQuadratic, 10, 6, 0).unwrap();
    // floor(10 i^2 / 36) = 0, 1, 2, 4, 6, 10
    assert_eq!(thinned, [0, 1, 3, 5, 9]);
}

#[test]
fn every_spacing_rises_strictly_within_the_chain() {
    let rules = "leading trailing linspace uniform quad paper-linear paper-quadratic";
    for rule in rules.split(' ').map(|name| name.parse::<Tau>().unwrap()) {
        for len in [1, 2, 3, 10, 100, 257] {
            for steps in 1..=len {
                let tau = timesteps(&rule, len, steps, 0).unwrap();
                assert!(
                    tau.windows(2).all(|pair| pair[0] < pair[1]),
                    "{rule} {len} {steps}"
                );
                assert!(
                    !tau.is_empty() && tau[tau.len() - 1] < len,
                    "{rule} {len} {steps}"
                );
            }
        }
    }
}

#[test]
fn all_spacings_give_every_timestep_when_s_is_t() {
    let all: Vec<usize> = (0..50).collect();
    for name in [
        "leading",
        "trailing",
        "linspace",
        "uniform",
        "paper-linear",
        "ddim50",
        "50",
    ] {
        let rule: Tau = name.parse().unwrap();
        assert_eq!(timesteps(&rule, 50, 50, 0).as_ref(), Ok(&all), "{name}");
    }
}

#[test]
fn spacings_that_fix_their_number_ignore_steps() {
    let forms = [
        ("ddim25", 25),
        ("10,15,20", 45),
        ("list:0,5,10", 3),
        ("25", 25),
    ];
    for (text, count) in forms {
        let rule: Tau = text.parse().unwrap();
        assert_eq!(rule.fixed_steps(), Some(count));
        for steps in [0, 1, 50, 5000] {
            assert_eq!(timesteps(&rule, 1000, steps, 0).unwrap().len(), count);
        }
    }
    assert_eq!(Tau::Leading.fixed_steps(), None);
}

#[test]
fn text_forms_survive_a_round_trip() {
    let forms = "leading trailing linspace uniform quad paper-linear paper-quadratic ddim25 10,15,20 25 list:0,5,10";
    for form in forms.split(' ') {
        assert_eq!(form.parse::<Tau>().unwrap().to_string(), form);
    }
    assert_eq!("list:1, 2".parse(), Ok(Tau::Custom(vec![1, 2])));
}

#[test]
fn nonsense_is_refused_with_the_accepted_forms() {
    for bad in [
        "",
        "Leading",
        "ddim",
        "ddimx",
        "ddim-1",
        "1,,2",
        "-1",
        "1.5",
        "list:",
        "list:a",
        "99999999999999999999",
    ] {
        let error = bad.parse::<Tau>().unwrap_err();
        assert!(matches!(error, TimestepsError::UnknownName { .. }), "{bad}");
        assert!(error.to_string().contains("list:0,5,10"));
    }
    let long = "x\n".repeat(1000).parse::<Tau>().unwrap_err().to_string();
    assert!(long.len() < 300 && !long.contains('\n'));
}

#[test]
fn impossible_lists_are_refused() {
    let make =
        |text: &str, len, steps, offset| timesteps(&text.parse().unwrap(), len, steps, offset);
    for steps in [0, 1001, usize::MAX] {
        let error = make("leading", 1000, steps, 0).unwrap_err();
        assert_eq!(
            error,
            TimestepsError::Steps {
                num_train_timesteps: 1000,
                found: steps
            }
        );
    }
    for len in [0, 1_000_001, usize::MAX] {
        let error = make("leading", len, 1, 0).unwrap_err();
        assert_eq!(error, TimestepsError::TrainTimesteps { found: len });
    }
    let outside = TimestepsError::OutOfRange {
        num_train_timesteps: 10,
        found: 10,
    };
    assert_eq!(make("list:0,10", 10, 1, 0), Err(outside));
    for (steps, most, found) in [(10, 0, 1), (2, 4, usize::MAX)] {
        let offset = TimestepsError::Offset { most, steps, found };
        assert_eq!(make("leading", 10, steps, found), Err(offset));
        assert!(make("leading", 10, steps, most).is_ok());
    }
    let repeated = TimestepsError::NotAscending {
        previous: 5,
        found: 5,
    };
    assert_eq!(make("list:0,5,5", 10, 1, 0), Err(repeated));
    let falling = TimestepsError::NotAscending {
        previous: 9,
        found: 5,
    };
    assert_eq!(make("list:9,5", 10, 1, 0), Err(falling));
    let no_stride = TimestepsError::NoStride {
        num_train_timesteps: 1000,
        steps: 300,
    };
    assert_eq!(make("ddim300", 1000, 1, 0), Err(no_stride));
    let crowded = TimestepsError::Section { size: 5, count: 6 };
    assert_eq!(make("1,6", 10, 1, 0), Err(crowded));
    assert!(matches!(
        make("0,0", 10, 1, 0),
        Err(TimestepsError::Steps { found: 0, .. })
    ));
    let overflowing = format!("{0},{0}", usize::MAX);
    assert!(matches!(
        make(&overflowing, 10, 1, 0),
        Err(TimestepsError::Steps { .. })
    ));
}
