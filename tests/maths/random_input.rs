//! Nothing that can be typed or downloaded may panic, and what is accepted is usable.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::{
    scheduler::{SchedulerConfig, TrajectoryOptions},
    step::{Clip, Method, Prediction},
    timesteps::{Tau, timesteps},
};

use crate::dice::Dice;

impl Dice {
    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }
}

const NUMBERS: [&str; 16] = [
    "0",
    "-0.0",
    "1",
    "-1",
    "2",
    "10",
    "37",
    "1000",
    "0.5",
    "1e-4",
    "0.02",
    "0.999",
    "1e-300",
    "1e300",
    "18446744073709551615",
    "-9223372036854775808",
];
const OTHERS: [&str; 9] = [
    "null",
    "true",
    "false",
    "\"\"",
    "[]",
    "[0.1, 0.2]",
    "[1, 2, 3]",
    "{}",
    "\"\\u0000\\n\"",
];
const KEYS: [(&str, &[&str]); 17] = [
    (
        "_class_name",
        &[
            "\"DDPMScheduler\"",
            "\"DDIMScheduler\"",
            "\"DDIMInverseScheduler\"",
        ],
    ),
    ("num_train_timesteps", &["1", "2", "3", "50", "1000"]),
    ("beta_start", &["0.0001", "0.00085", "0.5"]),
    ("beta_end", &["0.02", "0.012", "0.5"]),
    (
        "beta_schedule",
        &[
            "\"linear\"",
            "\"scaled_linear\"",
            "\"squaredcos_cap_v2\"",
            "\"jsd\"",
            "\"laplace\"",
        ],
    ),
    ("trained_betas", &["null", "[0.1, 0.2, 1]", "[0.1, 0.2]"]),
    ("clip_sample", &["true", "false"]),
    ("clip_sample_range", &["1.0", "2.5"]),
    ("set_alpha_to_one", &["true", "false"]),
    ("steps_offset", &["0", "1"]),
    (
        "prediction_type",
        &["\"epsilon\"", "\"sample\"", "\"v_prediction\""],
    ),
    ("thresholding", &["true", "false"]),
    ("dynamic_thresholding_ratio", &["0.995", "0", "1"]),
    ("sample_max_value", &["1.0", "3"]),
    (
        "timestep_spacing",
        &["\"leading\"", "\"trailing\"", "\"linspace\""],
    ),
    ("rescale_betas_zero_snr", &["true", "false"]),
    ("variance_type", &["\"fixed_small\"", "\"fixed_large_log\""]),
];

/// A configuration in which most values are sensible and, when `wild`, a few are not.
fn configuration(dice: &mut Dice, wild: bool) -> String {
    let mut entries = Vec::new();
    for (key, sensible) in KEYS {
        let value = match dice.below(60) {
            0 if wild => dice.pick(&NUMBERS),
            1 if wild => dice.pick(&OTHERS),
            2..30 => continue,
            _ => dice.pick(sensible),
        };
        entries.push(format!("\"{key}\": {value}"));
    }
    format!("{{{}}}", entries.join(", "))
}

fn options(dice: &mut Dice) -> TrajectoryOptions {
    let number = |dice: &mut Dice| match dice.below(8) {
        0 => f64::NAN,
        1 => -1.0,
        2 => f64::INFINITY,
        3 => 1e-300,
        4 => 0.0,
        _ => (dice.below(1001) as f64) / 1000.0,
    };
    let taus = [
        "leading",
        "trailing",
        "linspace",
        "uniform",
        "quad",
        "paper-linear",
        "paper-quadratic",
        "ddim10",
        "5,5,5",
        "list:0,1",
        "list:2,1",
        "ddim0",
        "0",
        "18446744073709551615",
        "list:0,4294967296",
    ];
    let method = match Method::ALL[dice.below(Method::ALL.len())] {
        Method::Ddim { .. } => Method::Ddim { eta: number(dice) },
        method => method,
    };
    let tau = (dice.below(3) > 0)
        .then(|| dice.pick(&taus).parse().ok())
        .flatten();
    let clip = match dice.below(4) {
        0 => Some(Clip::Range(number(dice))),
        1 => Some(Clip::Dynamic {
            ratio: number(dice),
            max: number(dice),
        }),
        _ => None,
    };
    TrajectoryOptions {
        tau,
        clip,
        use_clipped_model_output: dice.below(2) == 0,
        ..TrajectoryOptions::new(
            method,
            [0, 1, 2, 10, 50, 1000, 1001, usize::MAX][dice.below(8)],
        )
    }
}

#[test]
fn whatever_is_accepted_gives_finite_steps_and_a_plain_message_otherwise() {
    let mut dice = Dice(1);
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..4000 {
        let text = configuration(&mut dice, round % 2 == 0);
        let options = options(&mut dice);
        let config = SchedulerConfig::from_json(&text);
        match config.and_then(|config| config.trajectory(&options)) {
            Ok(trajectory) => {
                accepted += 1;
                assert!(!trajectory.steps.is_empty());
                for step in trajectory.steps {
                    let c = step.coefficients;
                    let all = [c.p, c.q, c.r, c.s, c.a, c.b, c.sigma];
                    assert!(
                        all.iter().all(|x| x.is_finite()),
                        "{text} {options:?} {step:?}"
                    );
                    assert!(c.sigma >= 0.0 && step.needs_noise() == (c.sigma != 0.0));
                }
            }
            Err(error) => {
                refused += 1;
                let message = error.to_string();
                assert!(
                    !message.contains('\n') && !message.is_empty() && message.len() < 400,
                    "{message}"
                );
            }
        }
    }
    assert!(
        accepted > 400 && refused > 400,
        "{accepted} accepted, {refused} refused"
    );
}

#[test]
fn damaged_json_never_panics() {
    let mut dice = Dice(2);
    for _ in 0..4000 {
        let mut bytes = configuration(&mut dice, false).into_bytes();
        for _ in 0..1 + dice.below(3) {
            let at = dice.below(bytes.len());
            match dice.below(3) {
                0 => bytes[at] = dice.roll() as u8,
                1 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, b"{}[]\",:0-e."[dice.below(11)]),
            }
        }
        if let Err(error) = SchedulerConfig::from_json(&String::from_utf8_lossy(&bytes)) {
            assert!(!error.to_string().contains('\n'));
        }
    }
    let deep = "[".repeat(100_000);
    assert!(SchedulerConfig::from_json(&deep).is_err());
}

#[test]
fn typed_names_never_panic() {
    let mut dice = Dice(3);
    let pieces = [
        "ddim",
        "list:",
        "10",
        ",",
        "-",
        "quad",
        "paper",
        " ",
        "9999999999999999999999",
        "é",
        "\n",
        "0",
    ];
    for _ in 0..4000 {
        let text: String = (0..dice.below(5)).map(|_| dice.pick(&pieces)).collect();
        if let Ok(tau) = text.parse::<Tau>() {
            let again: Tau = tau.to_string().parse().unwrap();
            assert_eq!(again, tau);
            if let Ok(tau) = timesteps(&tau, 1 + dice.below(300), dice.below(300), dice.below(3)) {
                assert!(tau.windows(2).all(|pair| pair[0] < pair[1]));
            }
        }
        assert_eq!(text.parse::<Method>().is_ok(), text == "ddim");
        assert!(text.parse::<Prediction>().is_err());
    }
}
