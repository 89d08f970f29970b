//! One network in the layouts that diffusers and PyTorch leave (tools/make_layout_fixtures.py).

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use ddim_web::engine::CpuEngine;
use ddim_web::engine::plan::Plan;
use ddim_web::model_files::{ModelFiles, layout, proposed_scheduler, read, read_zip};
use ddim_web::scheduler::{SchedulerClass, SchedulerConfig};
use ddim_web::unet::config::UnetConfig;
use ddim_web::unet::weights;

pub use super::archive::zip_of;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/layouts")
        .join(name)
}

fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            list(&entry.path(), &format!("{name}/"), names);
        } else {
            names.push(name);
        }
    }
}

/// What `read` makes of the files in the folder `name`, each under `prefix`.
fn open_under(name: &str, prefix: &str) -> Result<ModelFiles, String> {
    let folder = folder(name);
    let mut names = Vec::new();
    list(&folder, prefix, &mut names);
    read(&names, &mut |name| {
        let path = folder.join(&name[prefix.len()..]);
        fs::read(path).map(Cow::Owned).map_err(|e| e.to_string())
    })
    .map_err(|error| error.to_string())
}

pub fn open(name: &str) -> Result<ModelFiles, String> {
    open_under(name, "")
}

fn tensors(model: &ModelFiles) -> HashMap<String, Vec<f32>> {
    let config = UnetConfig::from_json(&model.config).unwrap();
    let expected = Plan::expected_tensors(&config).unwrap();
    weights::tensors(&expected, &model.weights).unwrap()
}

#[test]
fn every_layout_holds_the_same_numbers() {
    let flat = open("flat").unwrap();
    let expected = tensors(&flat);
    assert!(flat.notes.is_empty(), "{:?}", flat.notes);
    assert_eq!(flat.classes.iter().count(), 0);
    for (name, told) in [
        ("pipeline", &["diffusion_pytorch_model.bin"] as &[&str]),
        (
            "sharded",
            &["PNDMScheduler", "sampled with DDIM", "index.json"],
        ),
        ("fp16", &["fp16"]),
        ("checkpoint", &["unet_ema/", "model.pt", "model_ema"]),
    ] {
        let model = open(name).unwrap();
        CpuEngine::load(&model.config, &model.weights).unwrap();
        let notes = model.notes.join("; ");
        for word in told {
            assert!(notes.contains(word), "{name}: {word}: {notes}");
        }
        let found = tensors(&model);
        assert_eq!(found.len(), expected.len());
        for (tensor, values) in &found {
            for (a, b) in values.iter().zip(&expected[tensor]) {
                let bound = if name == "fp16" { 1e-3 } else { 0.0 };
                assert!((a - b).abs() <= bound, "{name}: {tensor}: {a} is not {b}");
            }
        }
        // The same under the folder's own name, as a page is handed it.
        assert_eq!(
            open_under(name, "my model/").unwrap().weights,
            model.weights
        );
    }
    let pipeline = open("pipeline").unwrap();
    let classes: Vec<_> = pipeline.classes.iter().collect();
    assert_eq!(classes, [(0, "cat"), (1, "dog")]);
}

#[test]
fn a_model_without_a_schedule_says_so_and_one_is_proposed() {
    assert_eq!(open("checkpoint").unwrap().scheduler, None);
    let proposed = SchedulerConfig::from_json(&proposed_scheduler()).unwrap();
    assert_eq!(proposed, SchedulerConfig::from_json("{}").unwrap());
    assert_eq!((proposed.beta_start, proposed.beta_end), (0.0001, 0.02));
}

#[test]
fn another_schedulers_noise_levels_are_sampled_with_ddim() {
    let found = SchedulerConfig::from_json(&open("sharded").unwrap().scheduler.unwrap()).unwrap();
    assert_eq!(found.class, SchedulerClass::Ddim);
    assert_eq!(found.num_train_timesteps, 100);
    assert_eq!(found.stands_for, Some("PNDMScheduler"));
    // Written anew it is a file of DDIM's, and nothing else is to be said of it.
    let again = SchedulerConfig::from_json(&found.to_json().unwrap()).unwrap();
    assert!(again.notes().is_empty());
    assert_eq!(again.schedule().unwrap(), found.schedule().unwrap());
}

#[test]
fn safetensors_come_before_pytorchs_files_and_whole_numbers_before_halves() {
    let names =
        |list: &[&'static str]| -> Vec<&'static str> { [&["config.json"] as &[_], list].concat() };
    let files = [
        "diffusion_pytorch_model.safetensors",
        "diffusion_pytorch_model.safetensors.index.json",
        "model.safetensors",
        "diffusion_pytorch_model.fp16.safetensors",
        "diffusion_pytorch_model.bin",
        "diffusion_pytorch_model.bin.index.json",
        "weights.pt",
        "diffusion_pytorch_model.fp16.bin",
    ];
    for first in 0..files.len() {
        // The order in which they are named does not matter.
        let mut given = names(&files[first..]);
        given.reverse();
        let expected = match files[first] {
            "diffusion_pytorch_model.safetensors.index.json" => "model.safetensors",
            "diffusion_pytorch_model.bin.index.json" => "weights.pt",
            file => file,
        };
        assert_eq!(layout::choose(&given).unwrap().weights.name(), expected);
    }
    let aside = names(&[
        "optimizer.bin",
        "checkpoint.safetensors",
        "a-00001-of-00002.bin",
    ]);
    assert!(
        layout::choose(&aside)
            .unwrap_err()
            .to_string()
            .contains("is missing")
    );
}

#[test]
fn two_models_are_not_chosen_between() {
    let names = [
        "a/config.json",
        "a/x.safetensors",
        "b/config.json",
        "b/x.safetensors",
    ];
    let error = layout::choose(&names).unwrap_err().to_string();
    assert!(error.contains("a/config.json and b/config.json"), "{error}");
}

#[test]
fn what_leads_out_of_its_folder_is_not_looked_at() {
    let names = ["../config.json", "/config.json", "a/../../config.json"].map(String::from);
    let error = read(&names, &mut |name| panic!("{name} was opened")).unwrap_err();
    assert!(error.to_string().contains("config.json is missing"));
}

#[test]
fn other_families_are_named() {
    let known = |files: &[(&str, &str)], tensors: &[&str]| -> String {
        let empty = |name: &&str| {
            let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![0], &[]);
            (name.to_string(), view.unwrap())
        };
        let weights = safetensors::serialize(tensors.iter().map(empty).collect::<Vec<_>>(), None);
        let weights = weights.unwrap();
        let mut names: Vec<String> = files.iter().map(|(name, _)| name.to_string()).collect();
        names.push("unet/model.safetensors".into());
        read(&names, &mut |name| {
            let found = files.iter().find(|(file, _)| *file == name);
            Ok(
                found.map_or(Cow::Borrowed(weights.as_slice()), |(_, text)| {
                    Cow::Borrowed(text.as_bytes())
                }),
            )
        })
        .unwrap_err()
        .to_string()
    };
    let config = fs::read_to_string(folder("flat/config.json")).unwrap();
    let config = ("unet/config.json", config.as_str());
    for (files, tensors, word) in [
        (
            &[] as &[_],
            &["input_blocks.0.0.weight", "time_embed.0.weight"] as &[_],
            "guided-diffusion",
        ),
        (
            &[],
            &[
                "module.init_conv.weight",
                "module.downs.0.0.block1.proj.weight",
            ],
            "lucidrains",
        ),
        (
            &[],
            &["model.diffusion_model.input_blocks.0.0.weight"],
            "latent",
        ),
        (&[], &["model.map_layer0.weight"], "EDM"),
        (&[], &["conv_in.weight"], "config.json is missing"),
        (
            &[config],
            &["conv_in.weight", "temb.dense.0.weight"],
            "DDIM paper",
        ),
        (
            &[config, ("model_index.json", r#"{"vqvae": []}"#)],
            &[],
            "autoencoder",
        ),
        (
            &[(
                "unet/config.json",
                r#"{"_class_name": "UNet2DConditionModel"}"#,
            )],
            &[],
            "conditioned",
        ),
    ] {
        let error = known(files, tensors);
        assert!(error.contains(word), "{word}: {error}");
    }
}

pub fn files_of(name: &str) -> Vec<(String, Vec<u8>)> {
    let mut names = Vec::new();
    list(&folder(name), "", &mut names);
    names.sort();
    let file = |file: String| {
        let bytes = fs::read(folder(name).join(&file)).unwrap();
        (format!("model/{file}"), bytes)
    };
    names.into_iter().map(file).collect()
}

#[test]
fn an_archive_of_a_folder_is_the_folder() {
    for name in ["flat", "pipeline", "sharded"] {
        for deflate in [false, true] {
            let archive = zip_of(&files_of(name), deflate);
            let expected = open_under(name, "model/").unwrap();
            assert_eq!(read_zip(&archive).unwrap(), expected, "{name}");
        }
    }
}
