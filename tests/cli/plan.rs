//! `ddim-web plan`.

use std::fs;
use std::process::{Command, Output};

use super::support::{Folder, refused};

fn plan(folder: &Folder, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ddim-web"))
        .args(["plan", "--model"])
        .arg(&folder.0)
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The number at the start of the line that begins with `label`.
fn number(text: &str, label: &str) -> f64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(label))
        .unwrap();
    let word = line.split_whitespace().next().unwrap();
    word.trim_end_matches([':', ',']).parse().unwrap()
}

#[test]
fn the_cost_of_a_step_is_printed_without_reading_weights() {
    let folder = Folder::with_model("plan");
    for name in [
        "diffusion_pytorch_model.safetensors",
        "scheduler_config.json",
    ] {
        fs::remove_file(folder.path(name)).unwrap();
    }
    let text = printed(&plan(&folder, &[]));
    assert!(
        text.starts_with("one step of one image of 3 x 8 x 8\n"),
        "{text}"
    );
    // What PyTorch counts for this network, and its coarsest level's last convolution once more.
    assert_eq!(number(&text, "multiply-adds"), 0.006);
    assert_eq!(number(&text, "parameters"), 113_539.0);
    let ops = printed(&plan(&folder, &["--ops"]));
    let lines = ops.lines().take_while(|line| !line.is_empty()).count();
    assert_eq!(number(&text, "operations"), lines as f64);
    assert!(ops.ends_with(&text), "{ops}");
}

#[test]
fn more_pixels_cost_more_and_need_no_more_parameters() {
    let folder = Folder::with_model("plan-size");
    let small = printed(&plan(&folder, &[]));
    let large = printed(&plan(&folder, &["--size", "64", "32"]));
    assert!(
        large.starts_with("one step of one image of 3 x 64 x 32\n"),
        "{large}"
    );
    // 32 times the pixels.
    let [few, many] = [&small, &large].map(|text| number(text, "multiply-adds"));
    assert!(many > 25.0 * few && many < 35.0 * few, "{few} {many}");
    let [few, many] = [&small, &large].map(|text| number(text, "memory"));
    assert!(many > 10.0 * few, "{few} {many}");
    assert_eq!(number(&small, "parameters"), number(&large, "parameters"));
}

#[test]
fn a_step_of_training_costs_three_of_sampling_and_its_memory_grows_with_the_batch() {
    let folder = Folder::with_model("plan-train");
    let sampling = printed(&plan(&folder, &[]));
    let text = printed(&plan(&folder, &["--train"]));
    assert!(
        text.starts_with("one training step of one image of 3 x 8 x 8\n"),
        "{text}"
    );
    let [once, thrice] = [&sampling, &text].map(|text| number(text, "multiply-adds"));
    assert!(thrice > 2.5 * once && thrice < 3.5 * once, "{text}");
    assert_eq!(number(&sampling, "parameters"), number(&text, "parameters"));
    let batch = |size| {
        number(
            &printed(&plan(&folder, &["--train", "--batch", size])),
            "memory",
        )
    };
    let (one, many) = (batch("10"), batch("100"));
    assert!((many / one - 10.0).abs() < 0.2, "{one} {many}");
    let ops = printed(&plan(&folder, &["--train", "--ops"]));
    let lines = ops.lines().take_while(|line| !line.is_empty()).count();
    assert_eq!(number(&text, "operations"), lines as f64);
    assert!(ops.ends_with(&text), "{ops}");
    for word in ["weights    3x3", "conv 3x3 T", "loss ", "through "] {
        assert!(ops.contains(word), "{word}: {ops}");
    }
    refused(&plan(&folder, &["--batch", "4"]), 2, "--train");
    refused(&plan(&folder, &["--train", "--batch", "0"]), 2, "--batch");
}

#[test]
fn a_pipeline_folder_will_do_and_unknown_keys_are_named() {
    let folder = Folder::with_model("plan-pipeline");
    let text = fs::read_to_string(folder.path("config.json")).unwrap();
    fs::create_dir(folder.path("unet")).unwrap();
    fs::write(
        folder.path("unet/config.json"),
        text.replacen('{', r#"{"novelty": 1, "#, 1),
    )
    .unwrap();
    fs::remove_file(folder.path("config.json")).unwrap();
    let output = plan(&folder, &[]);
    printed(&output);
    let remarks = String::from_utf8_lossy(&output.stderr);
    assert!(
        remarks.contains("config.json: ignored novelty"),
        "{remarks}"
    );
}

#[test]
fn what_cannot_be_planned_is_refused_in_one_line() {
    let folder = Folder::with_model("plan-refused");
    refused(&plan(&folder, &["--size", "0", "8"]), 2, "height and width");
    refused(
        &plan(&folder, &["--size", "100000", "100000"]),
        2,
        "too large",
    );
    refused(&plan(&folder, &["--size", "8"]), 2, "--size");
    let text = fs::read_to_string(folder.path("config.json")).unwrap();
    let sizeless = text.replace("\"sample_size\": 8", "\"sample_size\": null");
    assert_ne!(sizeless, text);
    fs::write(folder.path("config.json"), sizeless).unwrap();
    refused(&plan(&folder, &[]), 2, "--size H W");
    fs::write(folder.path("config.json"), "[]").unwrap();
    refused(&plan(&folder, &[]), 1, "not a JSON object");
    fs::remove_file(folder.path("config.json")).unwrap();
    refused(&plan(&folder, &[]), 1, "config.json");
}
