//! `ddim-web publish`: what it refuses, what it leaves behind, and what it does to a model. tests/e2e/publish.test.mjs
//! opens what it writes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use ddim_web::unet::config::UnetConfig;
use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use super::archive::zip_of;
use super::rule;
use super::support::{Folder, size_of_png};

const CLASSES: &str = include_str!("../fixtures/unet/classes.json");
const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";

/// A folder with a page, as small as one can be, and a model `model`.
fn folder(name: &str) -> Folder {
    let folder = Folder::with_model(name);
    fs::create_dir(folder.path("model")).unwrap();
    for file in ["config.json", "scheduler_config.json", WEIGHTS] {
        fs::rename(folder.path(file), folder.path("model").join(file)).unwrap();
    }
    let files = [
        ("index.html", include_str!("../../index.html")),
        ("www/main.js", "// the page"),
        ("www/sw.js", "// the service worker\n"),
        ("www/views/generate.js", "// a view"),
        ("www/views/compare.js", "// another"),
        ("www/views/compare/plan.js", "// no view"),
        ("www/models/index.json", "[]"),
        ("www/models/old/config.json", "{}"),
        ("www/manifest.webmanifest", "{\"name\": \"x\"}"),
        ("www/style/card.png", "a picture"),
        ("www/.hidden", "of an editor"),
        ("pkg/ddim_web_bg.wasm", "a module"),
    ];
    for (path, text) in files {
        let path = folder.path("page").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// `ddim-web publish --quiet --page page …`, in the folder.
fn publish(folder: &Folder, arguments: &[&str]) -> Output {
    run(folder, &[&["--page", "page"], arguments].concat())
}

fn run(folder: &Folder, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ddim-web"))
        .args(["publish", "--quiet"])
        .args(if arguments.contains(&"--pictures") {
            &[] as &[&str]
        } else {
            &["--pictures", "0"]
        })
        .args(arguments)
        .current_dir(&folder.0)
        .output()
        .unwrap()
}

/// One that succeeded.
fn published(folder: &Folder, arguments: &[&str]) {
    let output = publish(folder, arguments);
    assert!(output.status.success(), "{output:?}");
}

/// Asserts exit code and the only line that is no remark on a model.
fn refuses(output: &Output, code: i32, word: &str) {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().filter(|l| l.starts_with("ddim-web")).collect();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(
        lines.len() == 1 && lines[0].contains(word),
        "{word}: {text}"
    );
    assert!(lines[0].len() <= 500, "{text}");
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn models(folder: &Folder, out: &str) -> serde_json::Value {
    let text = fs::read_to_string(folder.path(out).join("www/models/index.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_page_holds_the_models_and_nothing_of_those_that_came_with_it() {
    let folder = folder("publish-whole");
    published(&folder, &["model", "out"]);
    let out = folder.path("out");
    assert_eq!(
        names(&out),
        ["README.md", "index.html", "pkg", "sw.js", "www"]
    );
    assert_eq!(names(&out.join("www/models")), ["index.json", "model"]);
    assert_eq!(
        names(&out.join("www")),
        [
            "main.js",
            "manifest.webmanifest",
            "models",
            "style",
            "views"
        ]
    );
    // Without pictures of its own the page keeps its own for those who show a link.
    let card = fs::read_to_string(out.join("www/style/card.png")).unwrap();
    assert_eq!(card, "a picture");
    let readme = fs::read_to_string(out.join("README.md")).unwrap();
    assert!(readme.starts_with("---\ntitle: \"model\"\n"), "{readme}");
    let entry = &models(&folder, "out")[0];
    assert_eq!(entry["path"], "model/");
    let weights = fs::read(out.join("www/models/model").join(WEIGHTS)).unwrap();
    let sum: String = Sha256::digest(&weights)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(entry["sha256"][WEIGHTS], sum);
    let names = folder.names();
    assert!(
        !names.iter().any(|name| name.contains("partial")),
        "{names:?}"
    );
}

#[test]
fn f16_halves_the_weights_and_keeps_their_numbers() {
    let folder = folder("publish-f16");
    published(&folder, &["model", "out", "--f16"]);
    let read = |path: &Path| fs::read(path.join(WEIGHTS)).unwrap();
    let (before, after) = (
        read(&folder.path("model")),
        read(&folder.path("out/www/models/model")),
    );
    let (before, after) = (
        SafeTensors::deserialize(&before).unwrap(),
        SafeTensors::deserialize(&after).unwrap(),
    );
    assert_eq!(before.len(), after.len());
    for (name, exact) in before.tensors() {
        let rounded = after.tensor(&name).unwrap();
        assert_eq!(
            (rounded.dtype(), rounded.shape()),
            (Dtype::F16, exact.shape())
        );
        let exact = exact.data().chunks_exact(4);
        let rounded = rounded.data().chunks_exact(2);
        for (exact, rounded) in exact.zip(rounded) {
            let exact = f32::from_le_bytes(exact.try_into().unwrap());
            let rounded = half::f16::from_le_bytes(rounded.try_into().unwrap()).to_f32();
            // Half of the last of 11 bits, or of the smallest number.
            assert!((exact - rounded).abs() <= exact.abs() * 2f32.powi(-11) + 2f32.powi(-25));
        }
    }
}

#[test]
fn a_conditional_model_shows_its_classes_and_gets_a_card() {
    let folder = folder("publish-classes");
    let config = UnetConfig::from_json(CLASSES).unwrap();
    let model = folder.path("model");
    fs::write(model.join("config.json"), CLASSES).unwrap();
    fs::write(model.join(WEIGHTS), rule::weights(&config)).unwrap();
    let labels = "{\"label2id\": {\"a\": 0}}";
    fs::write(model.join("class_labels.json"), labels).unwrap();
    let wish = ["--pictures", "3", "--steps", "1", "--model-card"];
    published(&folder, &[&["model", "out"], &wish[..]].concat());
    let place = folder.path("out/www/models/model");
    assert_eq!(
        fs::read_to_string(place.join("class_labels.json")).unwrap(),
        labels
    );
    let (width, height) = size_of_png(&place.join("preview.png"));
    assert!(width > 64 && height > 64);
    assert_eq!(
        size_of_png(&folder.path("out/www/style/card.png")),
        (1200, 630)
    );
    let card = fs::read_to_string(place.join("README.md")).unwrap();
    let classes = format!("{} classes", config.num_class_embeds.unwrap());
    assert!(card.contains(&classes), "{card}");
    let note = models(&folder, "out")[0]["note"].to_string();
    assert!(note.contains(&classes), "{note}");
}

#[test]
fn models_of_one_name_are_told_apart_and_the_list_beside_them_is_heard() {
    let folder = folder("publish-names");
    fs::create_dir(folder.path("other")).unwrap();
    fs::rename(folder.path("model"), folder.path("other/model")).unwrap();
    let list = r#"["odd", {"id": "Faces!", "name": "Faces", "path": "model/", "note": "They smile.",
        "credit": "me", "samples": {"file": "../../secret.png", "count": 1, "credit": "x"}}]"#;
    fs::write(folder.path("other/index.json"), list).unwrap();
    published(&folder, &["other/model", "other/model", "out"]);
    let models = models(&folder, "out");
    for (entry, id) in models.as_array().unwrap().iter().zip(["faces", "faces-2"]) {
        assert_eq!(
            (&entry["id"], &entry["name"]),
            (&id.into(), &"Faces".into())
        );
        assert_eq!(
            (&entry["note"], &entry["credit"]),
            (&"They smile.".into(), &"me".into())
        );
        assert!(entry.get("samples").is_none(), "it leads out of the folder");
    }
}

#[test]
fn arguments_that_make_no_sense_are_refused_before_anything_is_written() {
    let folder = folder("publish-refusals");
    fs::write(folder.path("file"), "").unwrap();
    fs::create_dir(folder.path("taken")).unwrap();
    fs::write(folder.path("taken/thesis.txt"), "").unwrap();
    let long = "x".repeat(101);
    let before = folder.names();
    let cases: [(&[&str], i32, &str); 13] = [
        (&["model"], 2, "2 values required"),
        (
            &["model", "out", "--views", "generate,paint"],
            2,
            "expected some of compare, generate, found paint",
        ),
        (
            &["model", "out", "--views", "generate,generate"],
            2,
            "named twice",
        ),
        (
            &["model", "out", "--title", "  "],
            2,
            "title: expected 1 to 100 characters, found 0",
        ),
        (&["model", "out", "--title", &long], 2, "found 101"),
        (
            &["model", "out", "--url", "example.org"],
            2,
            "beginning with https://",
        ),
        (
            &["model", "out", "--url", "https://a\"b"],
            2,
            "beginning with https://",
        ),
        (
            &["model", "file"],
            1,
            "expected a folder to write, found a file",
        ),
        (&["model", "taken"], 1, "taken: holds something else"),
        (&["model", "model"], 1, "model: holds something else"),
        (&["model", "out", "--pictures", "65"], 2, "65"),
        (&["model", "out", "--steps", "0"], 2, "0"),
        (&["nothing", "out"], 1, "nothing: not a folder"),
    ];
    for (arguments, code, word) in cases {
        refuses(&publish(&folder, arguments), code, word);
        assert_eq!(folder.names(), before, "{arguments:?}");
    }
    let page = ["model", "out", "--page", "model"];
    refuses(&run(&folder, &page), 1, "found no index.html");
    assert_eq!(folder.names(), before);
}

#[test]
fn a_model_that_cannot_be_used_leaves_the_site_as_it_was() {
    let folder = folder("publish-broken");
    published(&folder, &["model", "out"]);
    let before = fs::read_to_string(folder.path("out/sw.js")).unwrap();
    let entries = names(&folder.path("out"));
    let model = folder.path("model");
    let config = fs::read_to_string(model.join("config.json")).unwrap();
    let weights = fs::read(model.join(WEIGHTS)).unwrap();
    let two_channels = config
        .replace("\"in_channels\": 3", "\"in_channels\": 2")
        .replace("\"out_channels\": 3", "\"out_channels\": 2");
    assert_ne!(two_channels, config);
    let cases: [(&str, &[u8], &str); 4] = [
        (
            WEIGHTS,
            b"PK",
            "model: weights: expected a .safetensors file",
        ),
        ("config.json", b"{}", "model: config.json"),
        (
            "config.json",
            two_channels.as_bytes(),
            "the page shows 1 (grey) or 3 (colour), found 2",
        ),
        (
            "scheduler_config.json",
            b"{\"beta_start\": \"small\"}",
            "model: scheduler_config.json",
        ),
    ];
    for (file, bytes, word) in cases {
        let kept = fs::read(model.join(file)).unwrap();
        fs::write(model.join(file), bytes).unwrap();
        for more in [&[] as &[&str], &["--f16"]] {
            let arguments = [&["model", "out"], more].concat();
            refuses(&publish(&folder, &arguments), 1, word);
        }
        fs::write(model.join(file), kept).unwrap();
    }
    fs::write(model.join("preview.png"), "no picture").unwrap();
    refuses(&publish(&folder, &["model", "out"]), 1, "preview.png");
    fs::remove_file(model.join("preview.png")).unwrap();
    assert_eq!(fs::read(model.join(WEIGHTS)).unwrap(), weights);
    assert_eq!(names(&folder.path("out")), entries);
    let after = fs::read_to_string(folder.path("out/sw.js")).unwrap();
    assert_eq!(after, before);
}

#[test]
fn what_somebody_else_put_into_the_folder_stays_there() {
    let folder = folder("publish-again");
    // A new Space, as one clones it.
    let out = folder.path("out");
    fs::create_dir_all(out.join(".git")).unwrap();
    fs::write(out.join(".git/config"), "mine").unwrap();
    published(&folder, &["model", "out"]);
    fs::write(out.join("CNAME"), "mine").unwrap();
    fs::write(out.join("www/models/model/stale.txt"), "").unwrap();
    published(&folder, &["model", "out", "--title", "Anew"]);
    for (path, text) in [(".git/config", "mine"), ("CNAME", "mine")] {
        assert_eq!(fs::read_to_string(out.join(path)).unwrap(), text);
    }
    assert!(!out.join("www/models/model/stale.txt").exists());
    let index = fs::read_to_string(out.join("index.html")).unwrap();
    assert!(index.contains("<h1>Anew</h1>"));

    let other = folder.path("other");
    fs::create_dir_all(other.join("www")).unwrap();
    fs::write(other.join("www/index.html"), "").unwrap();
    fs::write(other.join("notes.txt"), "mine").unwrap();
    refuses(&publish(&folder, &["model", "other"]), 1, "--force");
    published(&folder, &["model", "other", "--force"]);
    assert!(!other.join("www/index.html").exists() && other.join("notes.txt").exists());
    assert_eq!(
        names(&other),
        [
            "README.md",
            "index.html",
            "notes.txt",
            "pkg",
            "sw.js",
            "www"
        ]
    );
}

#[test]
fn a_page_of_another_version_is_named() {
    let folder = folder("publish-version");
    let index = folder.path("page/index.html");
    let html = fs::read_to_string(&index).unwrap();
    fs::write(&index, html.replace("<h1>", "<h1 class=\"new\">")).unwrap();
    refuses(
        &publish(&folder, &["model", "out"]),
        1,
        "index.html: expected <h1>, found none",
    );
    assert!(!folder.path("out").exists());
}

#[test]
fn an_archive_is_published_with_what_belongs_to_it_and_how_it_was_read_is_told() {
    let folder = folder("publish-archive");
    let layouts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/layouts");
    let entry =
        |name: &str, to: &str| (format!("Cats/{to}"), fs::read(layouts.join(name)).unwrap());
    let halves = "unet/diffusion_pytorch_model.fp16.safetensors";
    let files = [
        entry("fp16/unet/config.json", "unet/config.json"),
        entry(
            "fp16/scheduler/scheduler_config.json",
            "scheduler/scheduler_config.json",
        ),
        entry(&format!("fp16/{halves}"), halves),
        ("Cats/README.md".to_string(), b"# All about cats".to_vec()),
    ];
    fs::write(folder.path("Cats.zip"), zip_of(&files, true)).unwrap();
    let output = publish(&folder, &["Cats.zip", "out"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("Cats: the weights are those in diffusion_pytorch_model.fp16.safetensors"),
        "{said}"
    );
    let model = folder.path("out/www/models/cats");
    assert_eq!(
        fs::read(model.join("README.md")).unwrap(),
        b"# All about cats"
    );
    assert_eq!(fs::read(model.join(WEIGHTS)).unwrap(), files[2].1);
    assert!(
        fs::read_to_string(folder.path("out/index.html"))
            .unwrap()
            .contains("<h1>Cats</h1>")
    );
}
