//! `ddim-web evaluate` from outside: what it writes, and that it can be interrupted.

use std::fs;
use std::process::Command;

use ddim_web::unet::config::UnetConfig;
use image::{Rgb, RgbImage};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::rule;
use crate::support::{Folder, fails, fixture, idx, succeeds, usual};

const SMALL: &str = "--eta 0 1 sigma_hat --steps 2 10 --samples 20 --resamples 200 --images 6 --noises 3 \
                     --bound-terms 5 --seed 3";

/// results.json without the times, which no two runs share.
fn results(folder: &Folder, out: &str) -> Value {
    let mut json = folder.json(&format!("{out}/results.json"));
    assert!(json.as_object_mut().unwrap().remove("timing").is_some());
    json
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let folder = Folder::with_model("shared");
    let arguments = usual("out", "--reconstruction --steps 2 --images 2");
    fs::create_dir_all(folder.path("out")).unwrap();
    let other = fs::File::create(folder.path("out/.ddim-web.lock")).unwrap();
    other.lock().unwrap();
    fs::write(folder.path("out/.ddim-web.lock"), "process 7\n").unwrap();
    let refused = folder.command(&arguments).output().unwrap();
    fails(&refused, 1, &["another run is at work here (process 7)"]);
    assert_eq!(folder.names("out"), [".ddim-web.lock"]);
    // It goes with its process, whatever the file says.
    drop(other);
    succeeds(&folder.command(&arguments).output().unwrap());
    let left = folder.names("out");
    assert!(left.iter().all(|name| !name.starts_with('.')), "{left:?}");
}

#[test]
fn all_sections_are_measured_and_written_in_both_forms() {
    let folder = Folder::with_model("whole");
    succeeds(&folder.evaluate("out", &format!("{SMALL} --page docs/results.md")));
    let json = folder.json("out/results.json");

    let table = &json["frechet"][0];
    assert_eq!(table["cells"].as_array().unwrap().len(), 3 * 2 * 2);
    for cell in table["cells"].as_array().unwrap() {
        let number = |name: &str| cell[name].as_f64().unwrap();
        assert!(number("low") < number("distance") && number("distance") < number("high"));
        assert!(number("corrected") < number("distance") && number("standard_error") > 0.0);
        assert!(cell.get("draws").is_none(), "the draws stay in the cell");
    }
    let papers = [&table["order"][0], &table["order"][1]];
    assert_eq!(papers[0]["paper"], "CelebA 64×64");
    assert_eq!(papers[1]["paper"], "CIFAR10");
    // S = 10 alone is in the paper: three cells of one column.
    for order in papers {
        let number = |name: &str| order[name].as_u64().unwrap();
        assert_eq!(number("same") + number("undecided") + number("reversed"), 3);
    }
    // Two steps of quadratic tau over 20 are 5 and 20.
    assert_eq!(table["cells"][0]["network_steps"], 2);
    let floor = table["floor"]["distance"].as_f64().unwrap();
    assert!(floor > 0.0, "{floor}");

    let cells = json["reconstruction"][0]["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 2);
    assert!(cells.iter().all(|c| c["mse"].as_f64().unwrap() > 0.0));
    assert!(json["timing"][0]["slope"].is_f64());
    let consistency = &json["consistency"][0];
    assert_eq!(consistency["longest"], 10);
    assert!(consistency["different_noise"].as_f64().unwrap() > 0.0);

    let bound = &json["bound"][0];
    assert_eq!(
        (&bound["dimensions"], &bound["constant"]),
        (&64.into(), &0.into())
    );
    let sides = bound["sides"].as_array().unwrap();
    assert_eq!(sides.len(), 2);
    assert_eq!(sides[0]["held_out"], true);
    assert_eq!(sides[1]["held_out"], false);
    for (variance, terms) in sides
        .iter()
        .flat_map(|side| side["variances"].as_array().unwrap().iter().enumerate())
    {
        let mean = |name: &str| terms[name]["mean"].as_f64().unwrap();
        let sum = mean("prior") + mean("divergences") + mean("decoder");
        assert!((mean("total") - sum).abs() < 1e-9 * sum);
        let perfect = |name: &str| terms[name].as_f64().unwrap();
        // beta_tilde is the posterior's own variance, so that a perfect x0_hat makes no divergence.
        assert_eq!(perfect("perfect_divergences").abs() < 1e-12, variance == 0);
        assert!(perfect("perfect_divergences") < mean("divergences"));
        assert!((0.0..mean("decoder")).contains(&perfect("perfect_decoder")));
        let curve = terms["curve"].as_array().unwrap();
        assert_eq!(curve.len(), 5);
        let number = |point: &Value, name: &str| point[name].as_f64().unwrap();
        assert!(
            curve
                .windows(2)
                .all(|p| number(&p[0], "rate") < number(&p[1], "rate"))
        );
        let (first, last) = (&curve[0], &curve[4]);
        assert_eq!(last["t"], 0);
        let before = mean("prior") + mean("divergences");
        assert!((number(last, "rate") - before).abs() < 1e-9 * before);
        assert!((0.0..=255.0).contains(&number(last, "rmse")));
        assert!(number(first, "rate") >= mean("prior"));
    }

    let text = folder.text("out/results.md");
    assert_eq!(folder.text("docs/results.md"), text);
    for word in [
        "compare only with each other",
        "20 samples",
        "6 test images",
        "| *σ̂, the paper* | – | *367.43* |",
        "| *σ̂, the paper* | – | *299.71* |",
        "these were not made: S = 20, 50, 100, 1000; η = 0.2, 0.5.",
        "At S = 1000 σ̂ has the lowest FID of the paper, 3.17",
        "At S = 1000 σ̂ has the lowest FID of the paper, 3.26",
        "these were not made: S = 20, 50, 100, 200, 500, 1000.",
        "without bias",
        "clipped in every step",
        "*0.014*",
        "*3.75 test, 3.72 training*",
        "*about 1e-5*",
        "6 test images and 6 training images",
        "Rate and distortion",
        "| x₀ itself |",
        "Figure 4",
        "Figure 5",
        "L_0, and one of each of 4 equal parts",
        "ddim-web evaluate --model model",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(
        !text.contains("0.2**"),
        "a row without a cell is left out: {text}"
    );
}

#[test]
fn colour_pictures_are_made_grey_and_unreadable_ones_skipped_and_both_is_said() {
    let folder = Folder::with_model("pictures");
    for i in 0..4_u8 {
        let picture = RgbImage::from_fn(8, 8, |x, y| Rgb([x as u8 * 9, y as u8 * 9, i * 50]));
        fs::create_dir_all(folder.path("colour")).unwrap();
        picture
            .save(folder.path(&format!("colour/{i}.png")))
            .unwrap();
    }
    folder.write("colour/broken.png", b"no picture");
    let arguments =
        "--model model --data colour --out out --reconstruction --images 2 --steps 2 --quiet";
    let output = folder.command(arguments).output().unwrap();
    fails(&output, 1, &["pictures that could not be read: 1"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    for words in ["colour/broken.png: skipped", "colour: colour made grey"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let cells = &folder.json("out/results.json")["reconstruction"][0]["cells"];
    assert!(cells[0]["mse"].as_f64().unwrap() > 0.0);
}

#[test]
fn cells_that_are_lost_are_made_again_the_same_and_others_are_not_touched() {
    let folder = Folder::with_model("lost");
    succeeds(&folder.evaluate("out", SMALL));
    let whole = results(&folder, "out");
    let names = folder.names("out/cells");
    let age = |name: &str| {
        let path = folder.path(&format!("out/cells/{name}"));
        fs::metadata(path).unwrap().modified().unwrap()
    };
    let (lost, kept): (Vec<_>, Vec<_>) = names.iter().enumerate().partition(|(i, _)| i % 2 == 0);
    let ages: Vec<_> = kept.iter().map(|(_, name)| age(name)).collect();
    for (_, name) in &lost {
        fs::remove_file(folder.path(&format!("out/cells/{name}"))).unwrap();
    }
    // What a killed program leaves behind.
    folder.write("out/cells/frechet-0-linear-2-0.json.partial-7", b"{\"set");
    succeeds(&folder.evaluate("out", SMALL));
    assert_eq!(results(&folder, "out"), whole);
    let now: Vec<_> = kept.iter().map(|(_, name)| age(name)).collect();
    assert_eq!(now, ages, "cells that were there are not made again");
}

#[cfg(unix)]
#[test]
fn an_interrupted_evaluation_goes_on_where_it_was() {
    let folder = Folder::with_model("signal");
    // Long cells come last.
    let arguments = "--frechet --reconstruction --eta 0 --tau linear --steps 2 20 --samples 800 --resamples 200 --images 5";
    let mut child = folder
        .command(&usual("out", arguments))
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !folder.path("out/cells").is_dir() || folder.names("out/cells").len() < 2 {
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let id = child.id().to_string();
    let kill = std::process::Command::new("kill")
        .args(["-INT", &id])
        .output();
    succeeds(&kill.unwrap());
    fails(&child.wait_with_output().unwrap(), 1, &["stopped"]);
    let text = folder.text("out/results.md");
    assert!(text.contains("these were not made"), "{text}");
    let before = folder.names("out/cells");

    succeeds(&folder.evaluate("out", arguments));
    succeeds(&folder.evaluate("other", arguments));
    assert!(before.len() < folder.names("out/cells").len());
    let [mut one, mut two] =
        ["out", "other"].map(|out| folder.json(&format!("{out}/results.json")));
    for json in [&mut one, &mut two] {
        // The name of the folder is part of the command.
        json.as_object_mut().unwrap().remove("commands");
    }
    assert_eq!(one, two);
}

#[test]
fn sections_made_one_by_one_stand_in_one_page() {
    let folder = Folder::with_model("parts");
    succeeds(&folder.evaluate(
        "out",
        "--frechet --eta 0 --tau linear --steps 2 --samples 20 --resamples 200",
    ));
    succeeds(&folder.evaluate("out", "--reconstruction --steps 3 --images 4"));
    let json = folder.json("out/results.json");
    assert_eq!(json["frechet"][0]["cells"].as_array().unwrap().len(), 1);
    assert_eq!(
        json["reconstruction"][0]["cells"].as_array().unwrap().len(),
        1
    );
    assert_eq!(json["commands"].as_array().unwrap().len(), 2);
    assert_eq!(json["bound"], serde_json::json!([]));
}

#[test]
fn a_table_of_more_or_fewer_samples_is_told_from_the_one_above_it() {
    let folder = Folder::with_model("samples");
    folder.write(
        "model/scheduler_config.json",
        br#"{"_class_name": "DDIMScheduler", "num_train_timesteps": 1000}"#,
    );
    let base = "--frechet --tau linear --resamples 200";
    for more in [
        "--eta 0 1 --steps 2 --samples 20",
        "--eta 0 --steps 1000 --samples 5",
    ] {
        succeeds(&folder.evaluate("out", &format!("{base} {more}")));
    }
    let text = folder.text("out/results.md");
    let place = |words: &str| {
        assert_eq!(text.matches(words).count(), 1, "{words}: {text}");
        text.find(words).unwrap()
    };
    let places = [
        "## Table 1: Fréchet distance\n",
        "compare only with each other",
        "20 samples for each cell",
        "3.26; that column has a table of its own.",
        "## Table 1: Fréchet distance, 5 samples\n",
        "As above, but with 5 samples for each cell.",
    ];
    let places = places.map(place);
    assert!(places.is_sorted(), "{places:?}: {text}");
    assert!(!text.contains("does not tell"), "{text}");
}

#[test]
fn held_out_images_are_taken_from_where_they_are() {
    let folder = Folder::with_model("held-out");
    folder.write("more/train-images-idx3-ubyte", &idx(7, 11));
    fs::create_dir_all(folder.path("bare")).unwrap();
    let train = folder.path("data/train-images-idx3-ubyte");
    fs::copy(train, folder.path("bare/train-images-idx3-ubyte")).unwrap();
    let mut errors = Vec::new();
    for (data, test, kind) in [
        ("data", "", "4 test images"),
        ("data", "--test more", "4 test images"),
        ("bare", "", "4 training images (there are no others)"),
        ("bare", "--test more", "4 test images"),
    ] {
        let out = format!("out{}", errors.len());
        let more = format!("--reconstruction --steps 2 --images 4 {test}");
        let text = format!("--model model --data {data} --out {out} {more}");
        succeeds(&folder.command(&text).output().unwrap());
        let text = folder.text(&format!("{out}/results.md"));
        assert!(text.contains(kind), "{kind}: {text}");
        let json = folder.json(&format!("{out}/results.json"));
        errors.push(
            json["reconstruction"][0]["cells"][0]["mse"]
                .as_f64()
                .unwrap(),
        );
    }
    assert_eq!(errors[1], errors[3]);
    assert!(
        errors[0] != errors[1] && errors[0] != errors[2],
        "{errors:?}"
    );
}

#[test]
fn settings_that_differ_never_share_a_cell() {
    let folder = Folder::with_model("stale");
    let run = |seed: u32, samples: u32| {
        let base = "--frechet --eta 0 --tau linear --steps 2 --resamples 200";
        let more = format!("{base} --seed {seed} --samples {samples}");
        succeeds(&folder.evaluate("out", &more));
        folder
            .names("out/cells")
            .iter()
            .filter(|name| name.starts_with("frechet-"))
            .count()
    };
    assert_eq!(run(0, 20), 1);
    assert_eq!(run(0, 20), 1);
    assert_eq!(run(1, 20), 2);
    assert_eq!(run(0, 21), 3);
    let mut network = fixture("grey.safetensors");
    let last = network.len() - 4;
    network[last] ^= 1; // the last bit of one weight
    folder.write("network.safetensors", &network);
    assert_eq!(run(0, 20), 4);
    let mut images = fs::read(folder.path("data/train-images-idx3-ubyte")).unwrap();
    images[20] ^= 1;
    folder.write("data/train-images-idx3-ubyte", &images);
    assert_eq!(run(0, 20), 5);
}

#[test]
fn a_class_is_measured_alone_with_the_images_that_sample_makes_of_it() {
    let folder = Folder::with_model("class");
    let config = folder.text("model/config.json");
    let config = config.replace("_class_embeds\": null", "_class_embeds\": 3");
    folder.write("model/config.json", config.as_bytes());
    let weights = rule::weights(&UnetConfig::from_json(&config).unwrap());
    folder.write("model/diffusion_pytorch_model.safetensors", &weights);
    let labels = br#"{"label2id": {"cat": 0, "dog": 1}, "null_class_id": 2}"#;
    folder.write("model/class_labels.json", labels);
    let table = "--frechet --eta 0 --tau linear --steps 4 --samples 20 --resamples 200";
    let asked = "--class dog --guidance 1.5";
    let run = |out: &str, more: &str| folder.evaluate(out, &format!("{table} {more}"));
    succeeds(&run("out", &format!("{asked} --keep-samples")));
    let made = "sample --model model --steps 4 --eta 0 --tau paper-linear --count 20 --save made.safetensors";
    let output = Command::new(env!("CARGO_BIN_EXE_ddim-web"))
        .current_dir(folder.path(""))
        .args(format!("{made} {asked}").split_whitespace())
        .output()
        .unwrap();
    succeeds(&output);
    let kept = format!("out/samples/{}", folder.names("out/samples")[0]);
    let values = |name: &str| {
        let bytes = fs::read(folder.path(name)).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        tensors.tensor("sample").unwrap().data().to_vec()
    };
    assert!(values(&kept) == values("made.safetensors"));
    let asked_for = &folder.json("out/results.json")["asked"];
    assert_eq!(asked_for, "class dog, guidance 1.5");
    let page = folder.text("out/results.md");
    assert!(page.contains("asked for class dog, guidance 1.5"), "{page}");

    fails(
        &run("out", "--class cat"),
        2,
        &["class dog", "class cat", "--out"],
    );
    fails(&run("other", ""), 2, &["--class", "cat, dog"]);
    let both = folder.evaluate("other", &format!("--bound {asked}"));
    fails(&both, 2, &["guidance", "bound"]);
    // The rest of it is about a class too.
    let rest = "--class cat --reconstruction --bound --steps 4 --images 2";
    succeeds(&folder.evaluate("other", rest));
}

#[test]
fn samples_that_were_kept_serve_another_classifier() {
    let folder = Folder::with_model("kept");
    let run = |more: &str| {
        let base = "--frechet --eta 1 --tau linear --steps 4 --samples 20 --resamples 200";
        succeeds(&folder.evaluate("out", &format!("{base} {more}")));
    };
    run("--keep-samples");
    let samples = folder.names("out/samples");
    assert_eq!(samples.len(), 1);
    let mut network = fixture("grey.safetensors");
    let last = network.len() - 1;
    network[last] ^= 0x80; // the sign of one weight
    folder.write("network.safetensors", &network);
    run("");
    assert_eq!(folder.names("out/samples"), samples);
    let seconds =
        |name: &String| folder.json(&format!("out/cells/{name}"))["result"]["seconds"].as_f64();
    let mut times: Vec<f64> = folder
        .names("out/cells")
        .iter()
        .filter_map(seconds)
        .collect();
    times.sort_by(f64::total_cmp);
    assert_eq!(times.len(), 2);
    assert!(times[0] == 0.0 && times[1] > 0.0, "{times:?}");
}

#[test]
fn features_of_another_network_are_compared_without_a_model() {
    let folder = Folder::new("features");
    folder.write("features.safetensors", &fixture("frechet.safetensors"));
    let output = folder
        .command("--features features.safetensors --resamples 200")
        .output()
        .unwrap();
    succeeds(&output);
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<&str> = text.lines().skip(2).collect();
    assert_eq!(rows.len(), 2, "{text}");
    let expected: Value = serde_json::from_slice(&fixture("frechet.json")).unwrap();
    let distance = expected["distance"].as_f64().unwrap();
    assert!(rows[0].starts_with("| other | 70 | "), "{text}");
    assert!(
        text.starts_with("| set | images | Fréchet distance | 95 % interval | without the bias")
    );
    let number = |column: usize| -> f64 {
        let cell = rows[0].split('|').nth(column).unwrap();
        cell.trim().parse().unwrap()
    };
    assert!(number(5) < number(3), "the bias is above 0: {text}");
    assert!(
        rows[0].contains(&format!("{distance:.1}")),
        "{distance}: {text}"
    );
    assert!(rows[1].starts_with("| real, one half against the other | 45 | "));
}
