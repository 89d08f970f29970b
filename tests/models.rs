//! The shipped models: each folder is whole, and gives the images that diffusers' DDIMPipeline gives.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};

use ddim_web::engine::{BurnEngine, DeviceKind};
use ddim_web::sampler::{SampleOptions, Sampler};
use ddim_web::scheduler::{SchedulerConfig, TrajectoryOptions};
use ddim_web::step::Method;
use safetensors::SafeTensors;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("www/models")
}

fn folders() -> Vec<String> {
    let index = fs::read_to_string(models().join("index.json")).unwrap();
    let index: Vec<serde_json::Value> = serde_json::from_str(&index).unwrap();
    index
        .iter()
        .map(|m| {
            m["path"]
                .as_str()
                .unwrap()
                .trim_end_matches('/')
                .to_string()
        })
        .collect()
}

fn tensor(file: &SafeTensors, name: &str) -> (Vec<usize>, Vec<f32>) {
    let view = file.tensor(name).unwrap();
    let values = view
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    (view.shape().to_vec(), values)
}

#[test]
fn every_model_of_the_page_has_its_files() {
    assert!(!folders().is_empty());
    for folder in folders() {
        for name in [
            "config.json",
            "scheduler_config.json",
            "diffusion_pytorch_model.safetensors",
            "README.md",
            "preview.png",
        ] {
            assert!(
                models().join(&folder).join(name).is_file(),
                "{folder}/{name}"
            );
        }
    }
}

#[test]
fn deterministic_samples_equal_those_of_diffusers_pipeline() {
    for folder in folders() {
        let read = |name: &str| fs::read_to_string(models().join(&folder).join(name)).unwrap();
        let weights = fs::read(
            models()
                .join(&folder)
                .join("diffusion_pytorch_model.safetensors"),
        )
        .unwrap();
        let engine = pollster::block_on(BurnEngine::load(
            &read("config.json"),
            &weights,
            DeviceKind::Cpu,
        ))
        .unwrap();
        let scheduler = SchedulerConfig::from_json(&read("scheduler_config.json")).unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/model")
            .join(format!("{folder}.safetensors"));
        let fixture = fs::read(fixture).unwrap();
        let fixture = SafeTensors::deserialize(&fixture).unwrap();
        let (shape, x_t) = tensor(&fixture, "x_T");
        for steps in [10, 50] {
            let options = SampleOptions {
                trajectory: TrajectoryOptions::new(Method::Ddim { eta: 0.0 }, steps),
                seed: 0,
                first_image: 0,
                batch: shape[0],
                size: None,
                labels: None,
                latents: Some(x_t.clone()),
            };
            let mut sampler = Sampler::new(&engine, &scheduler, options).unwrap();
            let mut last = pollster::block_on(sampler.next(&engine)).unwrap();
            while !last.done {
                last = pollster::block_on(sampler.next(&engine)).unwrap();
            }
            let (_, expected) = tensor(&fixture, &format!("steps{steps}"));
            // The pipeline maps -1..1 to 0..1 and clamps.
            let images = last.x_t.iter().map(|v| (v / 2.0 + 0.5).clamp(0.0, 1.0));
            let worst = images
                .zip(&expected)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(
                worst <= 1e-3,
                "{folder}, {steps} steps: max abs error {worst}"
            );
        }
    }
}
