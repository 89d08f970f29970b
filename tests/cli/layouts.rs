//! `--model` in every layout: a folder as diffusers leaves it, and a zip archive of one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::archive::zip_of;
use super::support::{Folder, refused};

fn layout(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/layouts")
        .join(name)
}

fn run(subcommand: &str, model: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ddim-web"))
        .args([subcommand, "--model"])
        .arg(model)
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// `name`.zip in `folder`: what lies in `from`, each under `prefix`.
fn archive(folder: &Folder, name: &str, from: &Path, prefix: &str) -> PathBuf {
    let mut files = Vec::new();
    let mut add = |path: PathBuf, below: &str| {
        let name = path.file_name().unwrap().to_str().unwrap();
        files.push((format!("{prefix}{below}{name}"), fs::read(&path).unwrap()));
    };
    for entry in fs::read_dir(from)
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if entry.is_dir() {
            let below = format!("{}/", entry.file_name().unwrap().to_str().unwrap());
            let inside = fs::read_dir(&entry).unwrap();
            inside.for_each(|entry| add(entry.unwrap().path(), &below));
        } else {
            add(entry, "");
        }
    }
    let path = folder.path(&format!("{name}.zip"));
    fs::write(&path, zip_of(&files, true)).unwrap();
    path
}

#[test]
fn the_plan_and_the_steps_are_those_of_the_flat_folder_in_every_layout() {
    let folder = Folder::new("layouts");
    let flat = printed(&run("plan", &layout("flat"), &[]));
    let steps = printed(&run("steps", &layout("flat"), &["--steps", "5"]));
    for name in ["pipeline", "fp16", "sharded", "checkpoint"] {
        let zip = archive(&folder, name, &layout(name), "some model/");
        for model in [layout(name), zip] {
            assert_eq!(printed(&run("plan", &model, &[])), flat, "{model:?}");
            let found = run("steps", &model, &["--steps", "5"]);
            match name {
                // It has none.
                "checkpoint" => refused(&found, 1, "scheduler_config.json is missing"),
                // Another one, of 100 time steps.
                "sharded" => assert_ne!(printed(&found), steps),
                _ => assert_eq!(printed(&found), steps, "{model:?}"),
            }
        }
    }
}

#[test]
fn an_archive_draws_what_its_folder_draws_and_what_is_none_is_refused() {
    let folder = Folder::with_model("layouts-archive");
    let arguments = ["--steps", "2", "--count", "1", "--seed", "5"];
    let expected = folder.numbers("sample", &arguments);
    let inner = Folder::new("layouts-archive-2");
    let zip = archive(&inner, "Faces", &folder.0, "");
    assert_eq!(
        inner.numbers_of("sample", &zip, &arguments).values,
        expected.values
    );

    let file = folder.path("config.json");
    refused(
        &run("plan", &file, &[]),
        1,
        "not a folder, nor a .zip archive",
    );
    let damaged = inner.path("damaged.zip");
    fs::write(&damaged, b"PK\x03\x04 and nothing else in it").unwrap();
    for subcommand in ["plan", "steps"] {
        refused(&run(subcommand, &damaged, &[]), 1, "damaged.zip: zip: ");
    }
}
