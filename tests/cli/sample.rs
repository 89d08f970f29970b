//! `ddim-web sample`.

use std::fs;
use std::process::Command;

use super::support::{Folder, distance, refused, sample, size_of_png};

#[test]
fn a_run_writes_a_grid_and_the_numbers_and_says_what_it_ignored() {
    let folder = Folder::with_model("grid");
    let output = sample(
        &folder,
        &[
            "--steps",
            "3",
            "--count",
            "5",
            "--out",
            "grid.png",
            "--save",
            "x0.safetensors",
        ],
    );
    assert!(output.status.success(), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("scheduler_config.json: ignored novelty")
    );
    // Five 8×8 images enlarged to 64×64 in three columns and two rows, 2 pixels apart.
    assert_eq!(
        size_of_png(&folder.path("grid.png")),
        (3 * 66 + 2, 2 * 66 + 2)
    );
    let saved = fs::read(folder.path("x0.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&saved).unwrap();
    assert_eq!(file.tensor("sample").unwrap().shape(), [5, 3, 8, 8]);
}

#[test]
fn the_result_depends_on_the_seed_and_on_nothing_else() {
    let folder = Folder::with_model("seed");
    let numbers = |seed: &str, count: &str| {
        let arguments = [
            "--steps",
            "2",
            "--eta",
            "1",
            "--seed",
            seed,
            "--count",
            count,
            "--save",
            "x.safetensors",
        ];
        assert!(sample(&folder, &arguments).status.success());
        fs::read(folder.path("x.safetensors")).unwrap()
    };
    assert_eq!(numbers("1", "1"), numbers("1", "1"));
    assert_ne!(numbers("1", "1"), numbers("2", "1"));
}

#[test]
fn latents_replace_the_seed() {
    let folder = Folder::with_model("latents");
    let numbers = |extra: &[&str]| {
        let arguments = [&["--steps", "2", "--save", "x.safetensors"], extra].concat();
        let output = sample(&folder, &arguments);
        assert!(output.status.success(), "{output:?}");
        fs::read(folder.path("x.safetensors")).unwrap()
    };
    numbers(&["--count", "2", "--seed", "9"]);
    fs::rename(
        folder.path("x.safetensors"),
        folder.path("start.safetensors"),
    )
    .unwrap();
    let first = numbers(&["--latents", "start.safetensors", "--seed", "1"]);
    assert_eq!(
        first,
        numbers(&["--latents", "start.safetensors", "--seed", "2"])
    );
    refused(
        &sample(&folder, &["--latents", "config.json"]),
        1,
        "config.json",
    );
}

#[test]
fn a_run_that_ends_early_and_one_that_goes_on_from_there_are_the_whole_run() {
    let folder = Folder::with_model("parts");
    for (method, eta) in [("ddim", "0"), ("ddim", "1"), ("probability_flow", "0")] {
        let common = ["--steps", "10", "--method", method, "--eta", eta];
        let numbers = |extra: &[&str]| folder.numbers("sample", &[&common, extra].concat());
        let whole = numbers(&["--count", "2"]);
        let half = numbers(&["--count", "2", "--to", "500"]);
        assert!(distance(&half.values, &whole.values) > 0.1);
        folder.write_tensor("half.safetensors", &half.shape, &half.values);
        let rest = numbers(&["--latents", "half.safetensors", "--from", "500"]);
        assert_eq!(rest.values, whole.values, "{method}, eta {eta}");
    }
    let beyond = ["--latents", "half.safetensors", "--from", "1000"];
    refused(&sample(&folder, &beyond), 2, "from");
}

#[test]
fn settings_that_make_no_sense_are_wrong_usage() {
    let folder = Folder::with_model("usage");
    for (arguments, word) in [
        (&["--steps", "0"] as &[&str], "steps"),
        (&["--steps", "1001"], "steps"),
        (&["--eta", "-1"], "eta"),
        (&["--eta", "NaN"], "eta"),
        (&["--tau", "sideways"], "tau"),
        (&["--method", "magic"], "method"),
        (&["--method", "inversion"], "inversion"),
        (&["--count", "0"], "count"),
        (&["--steps", "many"], "--steps"),
        (&["--steps", "-1"], "--steps"),
        (&["--colour", "red"], "--colour"),
        (&["--method", "ddpm_fixed_small", "--eta", "NaN"], "eta"),
        (&["--method", "sigma_hat", "--eta", "0.5"], "eta"),
        (&["--method", "probability_flow", "--eta", "0.5"], "eta"),
        (&["--from", "500"], "--latents"),
        (&["--to", "1000"], "to: expected a time step of 0 to 999"),
        (&["--to", "-1"], "-1"),
        (&["--steps", "10", "--to", "900"], "less than 900"),
        (
            &["--tau", "uniform", "--steps", "30"],
            "31 steps instead of 30",
        ),
        (&["--class", "1"], "class"),
        (&["--latents", "x.safetensors", "--count", "2"], "--count"),
    ] {
        refused(&sample(&folder, arguments), 2, word);
    }
    assert_eq!(
        folder.names().len(),
        3,
        "nothing may be written: {:?}",
        folder.names()
    );
}

#[test]
fn repeated_time_steps_are_made_once_and_that_is_said() {
    let folder = Folder::with_model("repeats");
    for (tau, said) in [("quad", true), ("leading", false), ("ddim5", false)] {
        let output = sample(&folder, &["--tau", tau, "--steps", "60", "--count", "1"]);
        assert!(output.status.success());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(text.contains("58 steps instead of 60"), said, "{text}");
    }
}

#[test]
fn absurd_sizes_are_refused_before_memory_is_asked_for() {
    let folder = Folder::with_model("absurd");
    refused(&sample(&folder, &["--size", "0", "0"]), 2, "multiples of 1");
    refused(
        &sample(&folder, &["--size", "65536", "65536"]),
        2,
        "too large",
    );
}

#[test]
fn a_missing_argument_is_one_line_and_help_is_not_an_error() {
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_ddim-web"))
            .args(arguments)
            .output()
            .unwrap()
    };
    refused(&run(&["sample"]), 2, "--model");
    for arguments in [
        &["--help"] as &[&str],
        &["sample", "--help"],
        &["train", "--help"],
        &["invert", "--help"],
        &["interpolate", "--help"],
        &["compare", "--help"],
        &["dissect", "--help"],
        &["variations", "--help"],
        &["publish", "--help"],
        &["serve", "--help"],
        &["mix", "--help"],
        &["nearest", "--help"],
        &["evaluate", "--help"],
        &["plan", "--help"],
        &["steps", "--help"],
        &["--version"],
    ] {
        let output = run(arguments);
        assert!(
            output.status.success() && !output.stdout.is_empty(),
            "{arguments:?}"
        );
    }
}

#[test]
fn damaged_files_fail_with_their_name_and_write_nothing() {
    let folder = Folder::with_model("damaged");
    let weights = folder.path("diffusion_pytorch_model.safetensors");
    let whole = fs::read(&weights).unwrap();
    fs::write(&weights, &whole[..whole.len() - 1]).unwrap();
    refused(&sample(&folder, &[]), 1, "truncated or damaged");
    fs::write(&weights, "<html>").unwrap();
    refused(&sample(&folder, &[]), 1, "web page");
    fs::write(&weights, &whole).unwrap();
    fs::write(folder.path("scheduler_config.json"), "{").unwrap();
    refused(&sample(&folder, &[]), 1, "scheduler_config.json");
    fs::remove_file(folder.path("config.json")).unwrap();
    refused(&sample(&folder, &[]), 1, "config.json");
    assert_eq!(
        folder.names().len(),
        2,
        "nothing may be written: {:?}",
        folder.names()
    );
    let elsewhere = Folder(folder.path("missing"));
    let output = Command::new(env!("CARGO_BIN_EXE_ddim-web"))
        .args(["sample", "--model"])
        .arg(&elsewhere.0)
        .output()
        .unwrap();
    refused(&output, 1, "not a folder");
}

#[test]
fn a_picture_that_cannot_be_written_leaves_nothing_behind() {
    let folder = Folder::with_model("unwritable");
    refused(
        &sample(
            &folder,
            &[
                "--steps",
                "1",
                "--count",
                "1",
                "--out",
                "config.json/grid.png",
            ],
        ),
        1,
        "grid.png",
    );
    assert_eq!(folder.names().len(), 3, "{:?}", folder.names());
}

#[test]
fn a_diffusers_pipeline_folder_is_read_as_it_is() {
    let folder = Folder::with_model("pipeline");
    for (part, names) in [
        (
            "unet",
            &["config.json", "diffusion_pytorch_model.safetensors"] as &[&str],
        ),
        ("scheduler", &["scheduler_config.json"]),
    ] {
        fs::create_dir(folder.path(part)).unwrap();
        for name in names {
            fs::rename(folder.path(name), folder.path(part).join(name)).unwrap();
        }
    }
    assert!(
        sample(&folder, &["--steps", "1", "--count", "1"])
            .status
            .success()
    );
    assert!(folder.names().contains(&"samples.png".to_string()));
}

#[test]
fn every_engine_and_device_makes_the_same_images() {
    let folder = Folder::with_model("machines");
    let numbers = |device: &str, engine: &str| -> Result<Vec<f32>, String> {
        let arguments = [
            "--steps",
            "4",
            "--count",
            "2",
            "--device",
            device,
            "--engine",
            engine,
            "--save",
            "x.safetensors",
        ];
        let output = sample(&folder, &arguments);
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let saved = fs::read(folder.path("x.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&saved).unwrap();
        let data = file.tensor("sample").unwrap().data().to_vec();
        Ok(data
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect())
    };
    let expected = numbers("cpu", "plan").unwrap();
    for (device, engine) in [
        #[cfg(feature = "burn")]
        ("cpu", "burn"),
        ("gpu", "plan"),
    ] {
        let found = match numbers(device, engine) {
            Ok(found) => found,
            Err(error) => {
                // The one failure that is not the program's: a machine without a graphics card and without a driver
                // that stands in for one.
                assert!(
                    device == "gpu" && error.contains("GPU: no adapter"),
                    "{error}"
                );
                eprintln!("skipped: {error}");
                continue;
            }
        };
        for (a, b) in expected.iter().zip(&found) {
            assert!((a - b).abs() < 1e-4, "{device} {engine}: {a} and {b}");
        }
    }
}
