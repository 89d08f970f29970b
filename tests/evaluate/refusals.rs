//! What `ddim-web evaluate` says about wrong arguments and files: one line, and nothing is written.

use std::fs;

use crate::support::{Folder, fails, fixture, idx, shipped, succeeds};

const QUICK: &str = "--frechet --etas 0 --taus linear --steps 2 --samples 20 --resamples 200";

#[test]
fn wrong_arguments_are_named() {
    let folder = Folder::with_model("arguments");
    let run = |more: &str| folder.evaluate("out", more);
    fails(
        &run("--samples 4"),
        2,
        &["samples", "4 features", "found 4"],
    );
    fails(&run("--samples 99999999"), 2, &["samples", "99999999"]);
    fails(&run("--steps 2 21"), 2, &["steps", "1 to 20", "found 21"]);
    fails(&run("--steps 0"), 2, &["steps", "found 0"]);
    fails(&run("--etas 0 mu"), 2, &["mu", "sigma_hat"]);
    fails(&run("--etas 1.5"), 2, &["1.5", "0 to 1"]);
    fails(&run("--etas nan"), 2, &["nan"]);
    fails(&run("--taus cubic"), 2, &["cubic"]);
    fails(
        &run("--frechet --tau uniform --steps 3 --samples 20"),
        2,
        &["uniform", "4 steps instead of 3"],
    );
    fails(&run("--resamples 5"), 2, &["resamples", "200"]);
    fails(&run("--noises 1"), 2, &["noises"]);
    let small = "--steps 2 --samples 20";
    fails(
        &run(&format!("{small} --images 21")),
        2,
        &["images", "1 to 20", "21"],
    );
    fails(
        &run(&format!("{small} --images 0")),
        2,
        &["images", "found 0"],
    );
    let bound = "--bound --images 2 --bound-terms";
    fails(&run(&format!("{bound} 1")), 2, &["bound-terms", "2 to 20"]);
    fails(
        &run(&format!("{bound} 21")),
        2,
        &["bound-terms", "found 21"],
    );
    folder.write("few/train-images-idx3-ubyte", &idx(9, 0));
    let few = "--model model --data few --test data --out out --bound --images 10";
    fails(
        &folder.command(few).output().unwrap(),
        2,
        &["images", "training images", "at most 9", "found 10"],
    );
    let page = "--frechet --steps 2 --samples 20 --page data/train-images-idx3-ubyte/results.md";
    fails(&run(page), 1, &["results.md", "cannot be written"]);
    let without = folder.command("--model model --data data --out out --steps 2");
    let mut without = without;
    fails(&without.output().unwrap(), 2, &["--network"]);
    fails(&folder.command("").output().unwrap(), 2, &["--model"]);
    assert!(!folder.path("out").exists(), "a refused run writes nothing");
}

#[test]
fn files_that_do_not_fit_are_named() {
    let folder = Folder::with_model("files");
    fs::create_dir_all(folder.path("empty")).unwrap();
    folder.write("few/train-images-idx3-ubyte", &idx(9, 0));
    folder.write("large/train-images-idx3-ubyte", &{
        let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0, 16];
        bytes.extend([0; 256]);
        bytes
    });
    folder.write("colour.safetensors", &fixture("colour.safetensors"));
    folder.write("wide.safetensors", &shipped("fashion-mnist"));
    folder.write("html.safetensors", b"<!doctype html>");
    let run = |model: &str, data: &str, network: &str| {
        let text = format!("--model {model} --data {data} --network {network} --out out {QUICK}");
        folder.command(&text).output().unwrap()
    };
    let network = "network.safetensors";
    fails(
        &run("nowhere", "data", network),
        1,
        &["nowhere: not a folder"],
    );
    fails(
        &run("model", "nowhere", network),
        1,
        &["nowhere: not a folder"],
    );
    fails(
        &run("model", "empty", network),
        1,
        &["empty", "no train-images"],
    );
    // Made to fit, as training with `--size` does, and then too few.
    let large = run("model", "large", network);
    let report = String::from_utf8_lossy(&large.stderr).into_owned();
    let scaled = "large/train-images-idx3-ubyte: images cut and scaled from 16 × 16 to 8 × 8";
    assert!(report.contains(scaled), "{report}");
    fails(&large, 2, &["more than 9 images", "found 1"]);
    // Images are squares; those of this model are not.
    let config = folder.text("model/config.json");
    let wide = config.replace("\"sample_size\": 8", "\"sample_size\": [8, 16]");
    assert_ne!(wide, config);
    folder.write("model/config.json", wide.as_bytes());
    fails(
        &run("model", "data", network),
        1,
        &["data", "expected images [1, 8, 16]", "found [1, 8, 8]"],
    );
    folder.write("model/config.json", config.as_bytes());
    fails(
        &run("model", "data", "colour.safetensors"),
        1,
        &["conv.0.weight", "found 3"],
    );
    fails(
        &run("model", "data", "html.safetensors"),
        1,
        &["html.safetensors", "web page"],
    );
    fails(
        &run("model", "data", "gone.safetensors"),
        1,
        &["gone.safetensors"],
    );
    fails(
        &run("model", "data", "wide.safetensors"),
        2,
        &["samples", "64 features"],
    );
    // 9 images have halves of 4, which 4 features do not fit.
    fails(
        &run("model", "few", network),
        2,
        &["data", "more than 9 images", "found 9"],
    );
    assert!(!folder.path("out").exists(), "a refused run writes nothing");
}

#[test]
fn a_folder_of_another_model_or_with_damaged_files_is_refused() {
    let folder = Folder::with_model("folder");
    succeeds(&folder.evaluate("out", QUICK));
    let scheduler = folder.text("model/scheduler_config.json");
    folder.write(
        "model/scheduler_config.json",
        scheduler.replace("0.4", "0.5").as_bytes(),
    );
    fails(
        &folder.evaluate("out", QUICK),
        2,
        &["out", "other weights", "--out"],
    );
    folder.write("model/scheduler_config.json", scheduler.as_bytes());

    let cell = folder.names("out/cells").pop().unwrap();
    let path = format!("out/cells/{cell}");
    let whole = folder.text(&path);
    folder.write(&path, &whole.as_bytes()[..40]);
    fails(
        &folder.evaluate("out", QUICK),
        1,
        &[&cell, "damaged", "delete it"],
    );
    folder.write(&path, whole.as_bytes());
    folder.write("out/evaluation.json", b"[]");
    fails(
        &folder.evaluate("out", QUICK),
        1,
        &["evaluation.json", "damaged"],
    );
}

#[test]
fn files_of_features_are_checked() {
    let folder = Folder::new("features");
    let write = |name: &str, tensors: &[(&str, Vec<usize>, f32)]| {
        let bytes: Vec<Vec<u8>> = tensors
            .iter()
            .map(|(_, shape, value)| value.to_le_bytes().repeat(shape.iter().product()))
            .collect();
        let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
            let view = safetensors::tensor::TensorView::new;
            (
                *name,
                view(safetensors::Dtype::F32, shape.clone(), bytes).unwrap(),
            )
        });
        let file = safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap();
        folder.write(name, &file);
    };
    write("none", &[("other", vec![9, 2], 0.0)]);
    write("flat", &[("real", vec![9], 0.0)]);
    write("few", &[("real", vec![9, 9], 0.0)]);
    write("nan", &[("real", vec![9, 2], f32::NAN)]);
    write(
        "width",
        &[("real", vec![9, 2], 0.0), ("b", vec![9, 3], 0.0)],
    );
    write("half", &[("real", vec![5, 4], 0.0)]);
    let run = |name: &str| {
        folder
            .command(&format!("--features {name}"))
            .output()
            .unwrap()
    };
    fails(&run("none"), 1, &["none", "real", "other"]);
    fails(&run("flat"), 1, &["flat", "real", "[9]"]);
    fails(&run("few"), 1, &["few", "real", "more images", "found 9"]);
    fails(&run("nan"), 1, &["nan", "real", "NaN", "element 0"]);
    fails(&run("width"), 1, &["width", "b", "expected 2", "found 3"]);
    fails(&run("half"), 1, &["half of real", "found 2"]);
    fails(&run("nowhere"), 1, &["nowhere"]);
    // What has no effect there is not taken either.
    for (option, value) in [
        ("--model", "m"),
        ("--convention", "strict"),
        ("--device", "cpu"),
        ("--engine", "plan"),
        ("--storage", "f32"),
        ("--no-clip", ""),
    ] {
        let arguments = format!("--features half {option} {value}");
        let both = folder.command(&arguments).output().unwrap();
        fails(&both, 2, &["--features", option]);
    }
}
