//! `ddim-web train --labels` from outside: from folders and from a file of labels to a model that samples a class by name.

use std::fs;
use std::path::Path;

use crate::damage::idx;
use crate::program::{Folder, fails, succeeds};
use crate::support::{TINY, bar_pixels};

const RUN: &str = "--batch 4 --sample-every 0";

/// 8×8 pictures of two kinds in a folder each, and a network of `classes` classes.
fn kinds(name: &str, classes: usize) -> Folder {
    let folder = Folder::new(name);
    for (kind, grey) in [("light ones", 200), ("dark", 40)] {
        fs::create_dir_all(folder.path(&format!("data/{kind}"))).unwrap();
        for i in 0..3 {
            let picture = image::GrayImage::from_pixel(8, 8, image::Luma([grey + i]));
            picture
                .save(folder.path(&format!("data/{kind}/{i}.png")))
                .unwrap();
        }
    }
    network(&folder, classes);
    folder
}

fn network(folder: &Folder, classes: usize) {
    let text = TINY.replace("{\n", &format!("{{\n\"num_class_embeds\": {classes},\n"));
    assert_ne!(text, TINY);
    folder.write("classes.json", text.as_bytes());
}

fn idx_labels(labels: &[u8]) -> Vec<u8> {
    let header = [0x801u32, labels.len() as u32];
    let header = header.iter().flat_map(|n| n.to_be_bytes());
    header.chain(labels.iter().copied()).collect()
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn folders_are_classes_that_a_model_is_asked_for_by_name() {
    let folder = kinds("folders", 3);
    let begin = format!("--labels folders --config classes.json --decay-steps 0 {RUN}");
    succeeds(&folder.train(&format!("{begin} --steps 4")));
    let labels = json(&folder.path("run/class_labels.json"));
    let expected =
        serde_json::json!({"label2id": {"dark": 0, "light ones": 1}, "null_class_id": 2});
    assert_eq!(labels, expected);
    let sample = "sample --model run --steps 2 --count 2 --guidance 1.5 --class";
    let mut arguments: Vec<&str> = sample.split(' ').collect();
    arguments.push("light ones");
    succeeds(&folder.program("", &arguments));

    // Interrupted and resumed, it comes to the same.
    let whole = fs::read(folder.path("run/checkpoint.safetensors")).unwrap();
    fs::remove_dir_all(folder.path("run")).unwrap();
    succeeds(&folder.train(&format!("{begin} --steps 2")));
    fails(
        &folder.train("--resume --steps 4"),
        2,
        &["labels: the network in run/checkpoint.safetensors has classes: give --labels again"],
    );
    succeeds(&folder.train("--resume --labels folders --steps 4 --sample-every 0"));
    let resumed = fs::read(folder.path("run/checkpoint.safetensors")).unwrap();
    assert!(whole == resumed, "the checkpoints differ");
}

#[test]
fn without_a_network_one_with_a_class_for_none_is_made() {
    let folder = kinds("default", 3);
    let common = format!("--labels folders {RUN} --steps 1");
    succeeds(&folder.train(&common));
    assert_eq!(json(&folder.path("run/config.json"))["num_class_embeds"], 3);
    fs::remove_dir_all(folder.path("run")).unwrap();
    succeeds(&folder.train(&format!("{common} --label-dropout 0")));
    assert_eq!(json(&folder.path("run/config.json"))["num_class_embeds"], 2);
    let labels = json(&folder.path("run/class_labels.json"));
    assert_eq!(labels["null_class_id"], serde_json::Value::Null);
}

#[test]
fn a_model_with_classes_goes_on_with_its_own_names() {
    let folder = kinds("init", 3);
    // The other way round than the folders are sorted.
    let common = format!("--labels folders {RUN} --steps 1");
    succeeds(&folder.train(&format!("{common} --config classes.json")));
    fs::rename(folder.path("run"), folder.path("first")).unwrap();
    let names = r#"{"label2id": {"light ones": 0, "dark": 1}, "null_class_id": 2}"#;
    folder.write("first/class_labels.json", names.as_bytes());
    succeeds(&folder.train(&format!("{common} --init first")));
    assert_eq!(
        json(&folder.path("run/class_labels.json")),
        serde_json::from_str::<serde_json::Value>(names).unwrap()
    );
    fs::remove_dir_all(folder.path("run")).unwrap();
    fs::rename(folder.path("data/dark"), folder.path("data/black")).unwrap();
    fails(
        &folder.train(&format!("{common} --init first")),
        1,
        &[
            "data/black",
            "class: expected light ones, dark, or a number",
            "\"black\"",
        ],
    );
}

#[test]
fn a_model_without_classes_learns_some() {
    let folder = kinds("learns", 3);
    let program = |command: &str| {
        let arguments: Vec<&str> = command.split_whitespace().collect();
        folder.program("", &arguments)
    };
    let plain = format!("train --data data/dark --out plain {RUN} --steps 2");
    succeeds(&program(&plain));
    // At a learning rate of nothing it stays what it was, for every class and for none.
    let run = format!("--labels folders {RUN} --steps 1");
    succeeds(&folder.train(&format!("{run} --lr 1e-30 --init plain")));
    let config = json(&folder.path("run/config.json"));
    assert_eq!(config["num_class_embeds"], 3);
    let sample = |model: &str, more: &str| {
        succeeds(&program(&format!(
            "sample --model {model} --steps 2 --save made.safetensors {more}"
        )));
        fs::read(folder.path("made.safetensors")).unwrap()
    };
    let before = sample("plain", "");
    for class in ["dark", "1", "2"] {
        let made = sample("run", &format!("--class {class}"));
        assert!(made == before, "class {class}");
    }
    // A config.json that was given by itself is taken at its word.
    fs::remove_dir_all(folder.path("run")).unwrap();
    let given = "--init plain --config plain/config.json";
    fails(&folder.train(&format!("{run} {given}")), 1, &["classes"]);
}

#[test]
fn labels_of_an_idx_file_are_taken() {
    let folder = Folder::new("idx");
    folder.write(
        "data/train-images-idx3-ubyte",
        &idx(6, 8, 8, &bar_pixels(6, 8)),
    );
    folder.write("labels", &idx_labels(&[0, 1, 2, 2, 1, 0]));
    network(&folder, 4);
    let common = format!("--config classes.json {RUN} --steps 1 --labels");
    succeeds(&folder.train(&format!("{common} labels")));
    let expected = serde_json::json!({"label2id": {"0": 0, "1": 1, "2": 2}, "null_class_id": 3});
    assert_eq!(json(&folder.path("run/class_labels.json")), expected);
    fs::remove_dir_all(folder.path("run")).unwrap();

    for (labels, words) in [
        (
            idx_labels(&[0, 1, 2, 2, 1]),
            "expected labels of the 6 images",
        ),
        (idx_labels(&[0, 1, 2, 4, 1, 0]), "classes from 0 to 3"),
        (idx_labels(&[0, 1, 0, 0, 1, 0]), "found none of class 2"),
        (idx(6, 8, 8, &bar_pixels(6, 8)), "a file of images"),
        (
            idx_labels(&[0; 6])[..11].to_vec(),
            "expected 6 labels and at least 1, found 3 bytes",
        ),
        (b"\0\0\x08\x01\0".to_vec(), "found 5 bytes"),
        (idx_labels(&[]), "at least 1, found 0"),
        (Vec::new(), "an empty file"),
    ] {
        folder.write("bad", &labels);
        fails(&folder.train(&format!("{common} bad")), 1, &[words]);
    }
    fails(&folder.train(&format!("{common} none")), 1, &["none: "]);
    fails(
        &folder.train(&format!("{common} folders")),
        1,
        &["data: no folders in it"],
    );
    assert!(!folder.path("run").exists(), "a refused run writes nothing");
}

#[test]
fn labels_follow_the_pictures_that_can_be_read() {
    let folder = kinds("skipped", 3);
    folder.write("data/dark/0.png", b"no picture");
    let output = folder.train(&format!("--labels folders {RUN} --steps 1"));
    succeeds(&output);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        text.contains("data/dark/0.png: skipped") && text.contains("5 grey images"),
        "{text}"
    );
}

#[test]
fn classes_that_do_not_fit_are_refused_in_one_line() {
    let folder = kinds("refused", 3);
    let common = format!("{RUN} --steps 1");
    fails(
        &folder.train(&format!("{common} --labels folders --config plain.json")),
        1,
        &["plain.json"],
    );
    folder.write("plain.json", TINY.as_bytes());
    fails(
        &folder.train(&format!("{common} --labels folders --config plain.json")),
        1,
        &["num_class_embeds: expected a number of classes"],
    );
    network(&folder, 7);
    let seven = format!("{common} --labels folders --config classes.json");
    fails(
        &folder.train(&seven),
        1,
        &["pictures of all 7 classes", "none of class 2"],
    );
    network(&folder, 2);
    fails(
        &folder.train(&format!("{seven} --label-dropout 0.1")),
        1,
        &["label-dropout: expected 0"],
    );
    fails(
        &folder.train(&format!("{seven} --label-dropout nan")),
        2,
        &["label-dropout"],
    );
    fails(
        &folder.train(&format!("{common} --label-dropout 0.1")),
        2,
        &["--labels"],
    );
    fs::create_dir(folder.path("data/empty")).unwrap();
    fails(
        &folder.train(&seven),
        1,
        &["data/empty: no PNG", "of this class"],
    );
    assert!(!folder.path("run").exists(), "a refused run writes nothing");
}
