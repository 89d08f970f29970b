//! `--class` and `--guidance` of the subcommands that make images.

use std::fs;

use ddim_web::engine::{DeviceKind, Engine, EngineKind, GpuOptions, LoadOptions};
use ddim_web::sampler::{Guidance, SampleOptions, Sampler};
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::step::Method;
use ddim_web::unet::config::UnetConfig;
use pollster::block_on;

use super::rule;
use super::support::{Folder, refused, sample};

const CONFIG: &str = include_str!("../fixtures/unet/classes.json");
const LABELS: &str = r#"{"label2id": {"cat": 3, "dog": 5, "any": 0}, "null_class_id": 0}"#;

/// A model of ten classes; two of them and the one for none have names.
fn model(name: &str) -> Folder {
    let folder = Folder::new(name);
    let weights = rule::weights(&UnetConfig::from_json(CONFIG).unwrap());
    fs::write(folder.path("config.json"), CONFIG).unwrap();
    fs::write(folder.path("scheduler_config.json"), "{}").unwrap();
    fs::write(folder.path("diffusion_pytorch_model.safetensors"), weights).unwrap();
    fs::write(folder.path("class_labels.json"), LABELS).unwrap();
    folder
}

/// The two images of class 3 that the sampler makes.
fn sampled(guidance: Option<Guidance>) -> Vec<f32> {
    let options = LoadOptions {
        engine: EngineKind::Plan,
        device: DeviceKind::Cpu,
        instructions: None,
        weights: ddim_web::engine::Storage::F32,
        gpu: GpuOptions::default(),
    };
    let weights = rule::weights(&UnetConfig::from_json(CONFIG).unwrap());
    let engine = block_on(Engine::load(CONFIG, weights, &options, &mut |_, _| {})).unwrap();
    let options = SampleOptions {
        trajectory: TrajectoryOptions::new(Method::Ddim { eta: 0.0 }, 2),
        seed: 4,
        first_image: 0,
        same_noise: false,
        batch: 2,
        size: None,
        labels: Some(vec![3, 3]),
        latents: None,
        known: None,
        guidance,
    };
    let scheduler = SchedulerConfig::from_json("{}").unwrap();
    let mut sampler = Sampler::new(&engine, &scheduler, options).unwrap();
    block_on(sampler.advance(&engine, 2)).unwrap().x_t
}

const RUN: [&str; 6] = ["--steps", "2", "--seed", "4", "--count", "2"];

#[test]
fn a_class_is_asked_for_by_name_or_number_and_further_with_guidance() {
    let folder = model("classes");
    let numbers = |more: &[&str]| folder.numbers("sample", &[&RUN[..], more].concat()).values;
    let plain = sampled(None);
    assert_eq!(numbers(&["--class", "cat"]), plain);
    assert_eq!(numbers(&["--class", "3"]), plain);
    assert_ne!(numbers(&["--class", "dog"]), plain);
    let guided = sampled(Some(Guidance {
        weight: 1.5,
        null_label: 0,
    }));
    assert_ne!(guided, plain);
    assert_eq!(numbers(&["--class", "cat", "--guidance", "1.5"]), guided);
    // Every subcommand that makes images takes both.
    let one = folder.numbers(
        "compare",
        &[
            "--steps",
            "2",
            "--eta",
            "0",
            "--seed",
            "4",
            "--count",
            "2",
            "--class",
            "cat",
            "--guidance",
            "1.5",
        ],
    );
    assert_eq!(one.values, guided);
}

#[test]
fn a_class_that_there_is_none_of_is_refused_with_the_names() {
    let folder = model("no-class");
    let run = |more: &[&str]| sample(&folder, &[&RUN[..], more].concat());
    refused(
        &run(&["--class", "bird"]),
        2,
        r#"class: expected any, cat, dog, or a number from 0 to 9, found "bird""#,
    );
    refused(&run(&["--class", "10"]), 2, "found \"10\"");
    refused(&run(&["--class", "-1"]), 2, "found \"-1\"");
    refused(&run(&[]), 2, "choose one with --class: any, cat, dog");
    refused(
        &run(&["--class", "cat", "--guidance", "NaN"]),
        2,
        "guidance: expected a finite number, found NaN",
    );
    refused(
        &run(&["--class", "cat", "--guidance", "inf"]),
        2,
        "guidance: expected a finite number",
    );
    folder.colourful("a.png", [16, 16], 9);
    let invert = ["a.png", "--class", "cat", "--guidance", "1"];
    refused(
        &folder.run("invert", &invert),
        2,
        "guidance: pictures are turned into noise without it",
    );

    fs::write(
        folder.path("class_labels.json"),
        r#"{"label2id": {"cat": 3}}"#,
    )
    .unwrap();
    let guided = ["--class", "cat", "--guidance", "1"];
    refused(&run(&guided), 2, "null_class_id");
    fs::write(
        folder.path("class_labels.json"),
        r#"{"label2id": {"cat": 10}}"#,
    )
    .unwrap();
    refused(&run(&["--class", "cat"]), 1, "expected classes from 0 to 9");
    fs::write(folder.path("class_labels.json"), "[]").unwrap();
    let unread = run(&["--class", "cat"]);
    let text = String::from_utf8_lossy(&unread.stderr);
    assert_eq!(unread.status.code(), Some(2), "{text}");
    assert!(
        text.contains("class_labels.json is not used") && text.contains("found \"cat\""),
        "{text}"
    );
    fs::remove_file(folder.path("class_labels.json")).unwrap();
    refused(
        &run(&["--class", "cat"]),
        2,
        r#"class: expected a number from 0 to 9, found "cat""#,
    );
    refused(
        &run(&["--class", "3", "--guidance", "1"]),
        2,
        "null_class_id",
    );

    let plain = Folder::with_model("no-classes");
    refused(
        &sample(&plain, &["--class", "cat"]),
        2,
        "class: this model has no classes",
    );
    refused(
        &sample(&plain, &["--guidance", "1"]),
        2,
        "guidance: this model has no classes",
    );
}
