//! `ddim-web steps`.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use super::support::{Folder, refused};

/// A folder with a schedule and no network: T = 1000, linear betas from 1e-4 to 0.02.
fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    let scheduler = r#"{"_class_name": "DDIMScheduler"}"#;
    fs::write(folder.path("scheduler_config.json"), scheduler).unwrap();
    folder
}

fn steps(folder: &Folder, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ddim-web"))
        .args(["steps", "--model", "."])
        .args(arguments)
        .current_dir(&folder.0)
        .output()
        .unwrap()
}

fn json(folder: &Folder, arguments: &[&str]) -> Vec<Value> {
    let output = steps(folder, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[track_caller]
fn close(found: &Value, expected: f64, t: usize) {
    let found = number(found);
    let error = (found - expected).abs();
    assert!(
        error < 1e-9 * expected.abs().max(1e-3),
        "t = {t}: {found} {expected}"
    );
}

#[test]
fn a_short_chain_has_no_more_steps_than_it_is_long_by_default() {
    let folder = folder("short");
    let scheduler = r#"{"_class_name": "DDIMScheduler", "num_train_timesteps": 20}"#;
    fs::write(folder.path("scheduler_config.json"), scheduler).unwrap();
    assert_eq!(json(&folder, &[]).len(), 20);
    refused(
        &steps(&folder, &["--steps", "50"]),
        2,
        "steps: expected 1 to 20",
    );
    let wide: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = [&[0xFF, 0xFE], wide.as_slice()].concat();
    fs::write(folder.path("scheduler_config.json"), wide).unwrap();
    refused(&steps(&folder, &[]), 1, "found UTF-16");
}

#[test]
fn with_eta_one_the_whole_chain_is_that_of_ddpm() {
    let folder = folder("ddpm");
    let steps = json(&folder, &["--eta", "1", "--steps", "1000"]);
    assert_eq!(steps.len(), 1000);
    let beta = |t: usize| 1e-4 + (0.02 - 1e-4) * t as f64 / 999.0;
    let mut alpha_bar = 1.0;
    for (t, step) in steps.iter().rev().enumerate() {
        let (before, beta) = (alpha_bar, beta(t));
        alpha_bar *= 1.0 - beta;
        assert_eq!(step["t"], t);
        close(&step["alpha_bar"], alpha_bar, t);
        close(&step["noise_level"], (1.0 / alpha_bar - 1.0).sqrt(), t);
        if t == 0 {
            assert_eq!(step["t_next"], Value::Null);
            continue;
        }
        // DDPM, eq. 7
        let variance = (1.0 - before) / (1.0 - alpha_bar) * beta;
        let posterior = &step["posterior"];
        close(
            &posterior["of_x0"],
            before.sqrt() * beta / (1.0 - alpha_bar),
            t,
        );
        let of_x_t = (1.0 - beta).sqrt() * (1.0 - before) / (1.0 - alpha_bar);
        close(&posterior["of_x_t"], of_x_t, t);
        close(&posterior["variance"], variance, t);
        close(&step["sigma"], variance.sqrt(), t);
        // DDPM, eq. 2: a Markov chain, which asks for nothing but the state before.
        let forward = &step["forward"];
        close(&forward["of_x0"], 0.0, t);
        close(&forward["of_x_next"], (1.0 - beta).sqrt(), t);
        close(&forward["variance"], beta, t);
        // DDPM, eq. 12, with sigma² = beta_tilde
        let gamma = beta * beta / (2.0 * variance * (1.0 - beta) * (1.0 - alpha_bar));
        close(&step["gamma"], gamma, t);
    }
}

#[test]
fn without_noise_gamma_is_infinite_and_the_forward_process_needs_x_0() {
    let folder = folder("gamma");
    let deterministic = json(&folder, &["--steps", "10"]);
    assert_eq!(deterministic.len(), 10);
    for step in &deterministic {
        assert_eq!(step["gamma"], Value::Null);
        assert_eq!(number(&step["sigma"]), 0.0);
        let (a, b) = (number(&step["a"]), number(&step["b"]));
        assert!((a * a + b * b - 1.0).abs() < 1e-12);
    }
    assert!(number(&deterministic[0]["forward"]["of_x0"]).abs() > 0.01);
    let noisy = json(&folder, &["--steps", "10", "--eta", "0.5"]);
    assert!(noisy.iter().all(|step| number(&step["gamma"]) > 0.0));

    let table = steps(&folder, &["--steps", "10"]).stdout;
    let table = String::from_utf8(table).unwrap();
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 2 + 10);
    assert!(rows[2].starts_with("| 900 | 800 |"), "{table}");
    assert!(rows[11].starts_with("| 0 | x_0 |"), "{table}");
    assert!(
        rows[2..].iter().all(|row| row.ends_with("| – |")),
        "{table}"
    );
}

#[test]
fn a_part_of_the_way_begins_and_ends_where_it_is_told_to() {
    let folder = folder("part");
    let levels = |arguments: &[&str]| -> Vec<(u64, Option<u64>)> {
        let steps = json(&folder, &[&["--steps", "10"], arguments].concat());
        let level = |step: &Value| (step["t"].as_u64().unwrap(), step["t_next"].as_u64());
        steps.iter().map(level).collect()
    };
    assert_eq!(
        levels(&["--from", "650", "--to", "400"]),
        [(650, Some(600)), (600, Some(500)), (500, Some(400))]
    );
    assert_eq!(levels(&["--from", "50"]), [(50, Some(0)), (0, None)]);
    assert_eq!(levels(&["--to", "850"]), [(900, Some(850))]);
    // Upwards the network is told where the step goes, or where it is.
    let up = ["--from", "100", "--to", "300", "--method"];
    let told = |method| levels(&[&up as &[&str], &[method]].concat());
    assert_eq!(told("inversion"), [(200, Some(200)), (300, Some(300))]);
    assert_eq!(
        told("inversion_strict"),
        [(100, Some(200)), (200, Some(300))]
    );
}

#[test]
fn numbers_of_runs_that_there_are_none_of_are_wrong_usage() {
    let folder = folder("steps-usage");
    for (arguments, word) in [
        (&["--from", "1000"] as &[&str], "from: expected a time step"),
        (&["--to", "1000"], "to: expected a time step"),
        (&["--from", "300", "--to", "700"], "less than 300"),
        (&["--from", "-1"], "-1"),
        (&["--steps", "0"], "steps"),
        (&["--steps", "1001"], "steps"),
        (&["--eta", "2"], "eta"),
        (&["--method", "sigma_hat", "--eta", "1"], "eta"),
        (&["--method", "magic"], "method"),
        (&["--tau", "uniform", "--steps", "30"], "31 steps"),
    ] {
        refused(&steps(&folder, arguments), 2, word);
    }
    fs::write(folder.path("scheduler_config.json"), "{").unwrap();
    refused(&steps(&folder, &[]), 1, "scheduler_config.json");
}
