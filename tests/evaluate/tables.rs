//! What `ddim-web evaluate` puts into which table: clipping, the tau of the code, older cells, constant dimensions.

use std::fs;

use serde_json::Value;

use crate::support::{Folder, idx, succeeds};

#[test]
fn samples_that_are_not_clipped_stand_in_a_table_of_their_own() {
    let folder = Folder::with_model("no-clip");
    let run = |more: &str| {
        let base = "--frechet --eta 0 --tau linear --steps 4 --samples 20 --resamples 200";
        succeeds(&folder.evaluate("out", &format!("{base} --keep-samples {more}")));
        folder.names("out/samples")
    };
    let clipped = run("");
    let both = run("--no-clip");
    assert_eq!(both.len(), 2);
    assert!(both.contains(&clipped[0]));
    let [a, b] = [&both[0], &both[1]].map(|name| {
        let path = folder.path(&format!("out/samples/{name}"));
        fs::read(path).unwrap()
    });
    assert_ne!(a, b);
    let json = folder.json("out/results.json");
    let tables = json["frechet"].as_array().unwrap();
    let clips: Vec<&Value> = tables.iter().map(|t| &t["settings"]["clip"]).collect();
    assert_eq!(tables.len(), 2);
    assert!(clips.contains(&&Value::Null) && clips.contains(&&"none".into()));
    assert!(tables.iter().all(|t| t["floor"]["distance"].is_f64()));
    let text = folder.text("out/results.md");
    assert!(text.contains("distance, nothing clipped"), "{text}");

    // Where the scheduler does not clip there is nothing to turn off, and so no other cell.
    let scheduler = folder.text("model/scheduler_config.json");
    let scheduler = scheduler.replace('{', "{\"clip_sample\": false, ");
    folder.write("model/scheduler_config.json", scheduler.as_bytes());
    for more in ["", "--no-clip"] {
        let base = "--frechet --eta 0 --tau linear --steps 4 --samples 20 --resamples 200";
        succeeds(&folder.evaluate("free", &format!("{base} {more}")));
    }
    let json = folder.json("free/results.json");
    assert_eq!(json["frechet"].as_array().unwrap().len(), 1);
    let text = folder.text("free/results.md");
    assert!(
        text.contains("not clipped, as in the official code."),
        "{text}"
    );
}

#[test]
fn tau_of_the_official_code_stands_beside_the_numbers_it_made() {
    let folder = Folder::with_model("code");
    let arguments = "--frechet --eta 0 --tau quad uniform --steps 10 --samples 20 --resamples 200";
    succeeds(&folder.evaluate("out", arguments));
    let json = folder.json("out/results.json");
    let order = &json["frechet"][0]["order"];
    assert_eq!(
        (&order[0]["tau"], &order[0]["paper"]),
        (&"quad".into(), &"CIFAR10".into())
    );
    assert_eq!(order[1]["paper"], "CelebA 64×64");
    // Squares of 10 numbers from 0 to 4: 0, 0.2, 0.8, 1.8, 3.2, 4.9, 7.1, 9.7, 12.6, 16, of which two are repeated.
    let cells = json["frechet"][0]["cells"].as_array().unwrap();
    let quad = cells.iter().find(|cell| cell["tau"] == "quad").unwrap();
    assert_eq!(quad["network_steps"], 8);
    let text = folder.text("out/results.md");
    assert_eq!(text.matches("Code and paper differ.").count(), 2, "{text}");
}

#[test]
fn cells_of_an_older_format_are_left_alone_and_made_again() {
    let folder = Folder::with_model("older");
    let arguments = "--frechet --bound --reconstruction --eta 0 --tau linear --steps 2 --samples 20 --resamples 200 --images 2";
    succeeds(&folder.evaluate("out", arguments));
    let new = folder.json("out/results.json");
    for name in folder.names("out/cells") {
        let path = format!("out/cells/{name}");
        let mut cell = folder.json(&path);
        let settings = cell["settings"].as_object_mut().unwrap();
        // Table 2's cells have no number of a format: those without a convention are from before it could be chosen.
        let mark = if settings["section"] == "reconstruction" {
            "convention"
        } else {
            "format"
        };
        assert!(settings.remove(mark).is_some(), "{name}");
        cell["result"] = serde_json::json!({ "distance": 1.0, "low": 0.5, "high": 1.5 });
        let old = path.replace(".json", "-old.json");
        folder.write(&old, cell.to_string().as_bytes());
        fs::remove_file(folder.path(&path)).unwrap();
    }
    succeeds(&folder.evaluate("out", arguments));
    assert_eq!(folder.json("out/results.json"), new);
}

#[test]
fn dimensions_that_never_change_are_counted() {
    let folder = Folder::with_model("constant");
    for (name, count) in [("train-images", 60), ("t10k-images", 20)] {
        let mut images = idx(count, 1);
        for image in images[16..].chunks_exact_mut(64) {
            image[..16].fill(7);
        }
        folder.write(&format!("data/{name}-idx3-ubyte"), &images);
    }
    succeeds(&folder.evaluate("out", "--bound --images 3 --bound-terms 4"));
    let bound = &folder.json("out/results.json")["bound"][0];
    let constant = bound["constant"].as_u64().unwrap();
    // Some images of the rule are of one colour, but not all of the same.
    assert_eq!(constant, 16);
    let text = folder.text("out/results.md");
    for words in [
        "16 (25.0 %)",
        "the other 48",
        "| bound per dimension that varies |",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_reversed_pair_is_named_with_its_difference() {
    let folder = Folder::with_model("reversed");
    let arguments = "--frechet --eta 0 1 --tau linear --steps 10 --samples 20 --resamples 200";
    succeeds(&folder.evaluate("out", arguments));
    for name in folder.names("out/cells") {
        let path = format!("out/cells/{name}");
        let mut cell = folder.json(&path);
        if cell["settings"]["section"] == "frechet" {
            // Both by the same draws: nothing of the difference is chance.
            let worse = cell["settings"]["eta"] == "0";
            cell["result"]["corrected"] = if worse { 9.0 } else { 1.0 }.into();
            for part in ["first", "rest"] {
                cell["result"]["draws"][part] = vec![0.5; 200].into();
            }
            folder.write(&path, cell.to_string().as_bytes());
        }
    }
    succeeds(&folder.evaluate("out", arguments));
    let text = folder.text("out/results.md");
    for words in [
        "in one row or one column: 1. In the paper's order: 0; not told apart: 0; in the opposite order: 1:",
        "- S = 10: η = 1 is below η = 0 by 8.00 [8.00, 8.00] (1.00 against 9.00; the paper has 33.12 against 17.33).",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn table_2_has_the_median_and_says_how_much_one_image_makes_of_the_mean() {
    let folder = Folder::with_model("median");
    let arguments = "--reconstruction --images 4 --steps 2 10";
    succeeds(&folder.evaluate("out", arguments));
    for name in folder.names("out/cells") {
        let path = format!("out/cells/{name}");
        let mut cell = folder.json(&path);
        let large = if cell["settings"]["steps"] == 10 {
            0.6
        } else {
            0.2
        };
        cell["result"]["errors"] = serde_json::json!([0.1, large, 0.2, 0.1]);
        folder.write(&path, cell.to_string().as_bytes());
    }
    succeeds(&folder.evaluate("out", arguments));
    let text = folder.text("out/results.md");
    for words in [
        "at S = 10 a single one makes 60 % of it.",
        "| here, median | 0.150 | 0.150 |",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let cells = &folder.json("out/results.json")["reconstruction"][0]["cells"];
    let near = |name: &str, expected: f64| {
        let found = cells[1][name].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-12, "{name}: {found}");
    };
    near("mse", 0.25);
    near("median", 0.15);
    near("largest_share", 0.6);
}

#[test]
fn two_tables_of_one_section_have_a_blank_line_between_them() {
    let folder = Folder::with_model("blank");
    for convention in ["strict", "retrace"] {
        let more = format!("--reconstruction --images 3 --steps 2 --convention {convention}");
        succeeds(&folder.evaluate("out", &more));
    }
    let text = folder.text("out/results.md");
    assert_eq!(text.matches("\n\n## Table 2").count(), 2, "{text}");
    assert!(!text.contains("\n\n\n"), "{text}");
}

#[test]
fn ddpms_rate_and_distortion_stand_beside_our_nearest_points() {
    let folder = Folder::with_model("rate");
    succeeds(&folder.evaluate("all", "--bound --images 2"));
    let rows = |out: &str| -> Vec<[String; 3]> {
        let text = folder.text(&format!("{out}/results.md"));
        let (_, section) = text.split_once("### Rate and distortion").unwrap();
        let table = section.lines().filter(|line| line.starts_with("| "));
        let cells = table.map(|line| line.split(" | ").collect::<Vec<_>>());
        let ours = |cells: Vec<&str>| {
            [cells[0], cells[3], cells[4]].map(|cell| cell.trim_matches([' ', '|']).to_string())
        };
        cells.map(ours).skip(2).collect()
    };
    // T = 20 is a fiftieth of DDPM's: its t = 100 is t = 2 here.
    let all = rows("all");
    for row in [
        ["19", "–", "–"],
        ["18", "*0.00000 (t = 900)*", "*67.6*"],
        ["2", "*0.120 (t = 100)*", "*12.0*"],
        ["0", "*1.78*", "*0.951*"],
        ["x₀ itself", "*3.75*", "*0*"],
    ] {
        let row = row.map(String::from);
        assert!(all.contains(&row), "{row:?}: {all:?}");
    }
    // Each of few points has the nearest of the paper's, and none of them twice.
    succeeds(&folder.evaluate("few", "--bound --images 2 --bound-terms 4"));
    let few = rows("few");
    assert_eq!(few.len(), 5, "{few:?}");
    let mut theirs: Vec<&String> = few.iter().map(|row| &row[1]).collect();
    theirs.dedup();
    assert_eq!(theirs.len(), 5, "{few:?}");
}
