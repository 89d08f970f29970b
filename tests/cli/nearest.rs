//! `ddim-web nearest`.

use std::fs;

use ddim_web::evaluate::FeatureNetwork;
use image::{Rgb, RgbImage};

use super::support::{Folder, IMAGE, refused, size_of_png};

/// Training pictures of [`folder`].
const PICTURES: usize = 12;

const CLASSIFIER: &[u8] = include_bytes!("../fixtures/evaluate/colour.safetensors");

/// A model with training pictures in `data`.
fn folder(name: &str) -> Folder {
    let folder = Folder::with_model(name);
    fs::create_dir(folder.path("data")).unwrap();
    for i in 0..PICTURES as u32 {
        let value = |x: u32, y: u32, c: u32| ((i * i + 3) * 31 + x * (i % 5) * 9 + y * c * 7) as u8;
        let pixel = |x, y| Rgb([value(x, y, 0), value(x, y, 1), value(y, x, 2)]);
        let picture = RgbImage::from_fn(8, 8, pixel);
        picture
            .save(folder.path(&format!("data/{i:02}.png")))
            .unwrap();
    }
    folder
}

fn pictures(folder: &Folder) -> Vec<Vec<f32>> {
    let picture = |i| folder.image(&format!("data/{i:02}.png"));
    (0..PICTURES).map(picture).collect()
}

/// All of `pictures` with their distances from `image`, the nearest first.
fn sorted(image: &[f32], pictures: &[Vec<f32>]) -> Vec<(usize, f64)> {
    let distance = |picture: &Vec<f32>| {
        let squares = picture
            .iter()
            .zip(image)
            .map(|(a, b)| f64::from(a - b).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let mut all: Vec<(usize, f64)> = pictures.iter().map(distance).enumerate().collect();
    all.sort_by(|a, b| a.1.total_cmp(&b.1));
    all
}

/// The neighbours that `text` lists for `name`.
fn listed(text: &str, name: &str) -> Vec<(usize, f64)> {
    let line = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_string());
    let line = text.lines().find_map(line).unwrap();
    let neighbour = |text: &str| {
        let (index, distance) = text.split_once(" (").unwrap();
        let distance = distance.trim_end_matches(')').parse().unwrap();
        (index.parse().unwrap(), distance)
    };
    line.split(", ").map(neighbour).collect()
}

fn agree(found: &[(usize, f64)], expected: &[(usize, f64)]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let close = (found.1 - expected.1).abs() < 2e-3;
        assert!(found.0 == expected.0 && close, "{found:?} {expected:?}");
    }
}

#[test]
fn a_training_picture_finds_itself_first_and_the_others_in_the_order_of_a_full_sort() {
    let folder = folder("itself");
    folder.colourful("other.png", [8, 8], 200);
    let all = pictures(&folder);
    let data = ["--data", "data", "--neighbours", "12"];
    let images = ["data/05.png", "other.png"];
    let text = folder.said("nearest", &[&images as &[&str], &data].concat());
    let itself = listed(&text, "05.png");
    assert_eq!(itself[0], (5, 0.0));
    agree(&itself, &sorted(&all[5], &all));
    let other = listed(&text, "other.png");
    agree(&other, &sorted(&folder.image("other.png"), &all));
    // Thirteen images of 96 × 96 in a row, “other.png” at the left; names above, distances below each row.
    assert_eq!(
        size_of_png(&folder.path("nearest.png")),
        (
            12 + 9 * 8 + 10 + 13 * 98 - 2 + 12,
            12 + 20 + 2 * 118 - 2 + 12
        )
    );
}

#[test]
fn without_images_the_model_makes_those_of_sample() {
    let folder = folder("made");
    let made = ["--steps", "2", "--count", "2", "--seed", "3"];
    let data = ["--data", "data", "--neighbours", "4"];
    let text = folder.said("nearest", &[&made as &[&str], &data].concat());
    let images = folder.numbers("sample", &made);
    let all = pictures(&folder);
    for i in 0..2 {
        let found = listed(&text, &(i + 1).to_string());
        // They are compared as a picture file would keep them.
        let round = |v: &f32| ((v.clamp(-1.0, 1.0) + 1.0) * 127.5).round() / 127.5 - 1.0;
        let image: Vec<f32> = images.image(i).iter().map(round).collect();
        let expected = sorted(&image, &all);
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.0, expected.0);
            // A value on the edge between two of 256 levels may fall on either side.
            assert!(
                (found.1 - expected.1).abs() < 0.01,
                "{found:?} {expected:?}"
            );
        }
    }
}

#[test]
fn features_of_a_classifier_can_take_the_place_of_pixels() {
    let folder = folder("features");
    fs::write(folder.path("network.safetensors"), CLASSIFIER).unwrap();
    let network = FeatureNetwork::from_bytes(CLASSIFIER).unwrap();
    let values = pictures(&folder).concat();
    let shape = [PICTURES, 3, 8, 8];
    assert_eq!(values.len(), PICTURES * IMAGE);
    let features = network.features(&values, shape).unwrap();
    let rows = features.chunks_exact(network.dimension());
    let all: Vec<Vec<f32>> = rows.map(Into::into).collect();
    let data = ["--data", "data", "--network", "network.safetensors"];
    let text = folder.said("nearest", &[&["data/05.png"] as &[&str], &data].concat());
    agree(&listed(&text, "05.png"), &sorted(&all[5], &all)[..5]);
}

#[test]
fn searches_that_make_no_sense_are_refused() {
    let folder = folder("nearest-usage");
    let grey = include_bytes!("../fixtures/evaluate/grey.safetensors");
    fs::write(folder.path("grey.safetensors"), grey).unwrap();
    let names = folder.names();
    let data = ["--data", "data"];
    for (code, more, word) in [
        (2, &["--neighbours", "13"] as &[&str], "expected 1 to 12"),
        (2, &["--neighbours", "0"], "neighbours"),
        (2, &["--neighbours", "-1"], "--neighbours"),
        (2, &["--neighbours", "1024"], "neighbours"),
        (2, &["--count", "0"], "count"),
        (2, &["--method", "inversion"], "leads to images"),
        (2, &["--steps", "0"], "steps"),
        (2, &["data/05.png", "--out", "data/05.png"], "out"),
        (1, &["--network", "config.json"], "config.json"),
        (1, &["--network", "grey.safetensors"], "expected 3 input"),
    ] {
        let arguments = [&data, more].concat();
        refused(&folder.run("nearest", &arguments), code, word);
    }
    refused(&folder.run("nearest", &[]), 2, "--data");
    let missing = folder.run("nearest", &["--data", "missing"]);
    refused(&missing, 1, "not a folder");
    assert_eq!(folder.names(), names, "nothing may be written");
}
