//! `ddim-web train` from outside: the files it writes, its exit codes and its errors.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ddim_web::train::Checkpoint;
use flate2::Compression;
use flate2::write::GzEncoder;
use image::{Rgb, RgbImage};

use crate::damage::idx;
use crate::support::{TINY, bar_pixels};

/// A folder of its own for each test, empty at the start and gone at the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("ddim-web-train-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    /// 24 images of 14×14 and a tiny network for the 16×16 that they become.
    fn with_data(name: &str) -> Self {
        let folder = Self::new(name);
        let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
        gz.write_all(&idx(24, 14, 14, &bar_pixels(24, 14))).unwrap();
        folder.write("data/train-images-idx3-ubyte.gz", &gz.finish().unwrap());
        folder.write(
            "tiny.json",
            TINY.replace(r#""sample_size": 8"#, r#""sample_size": 16"#)
                .as_bytes(),
        );
        folder
    }

    pub fn train(&self, more: &str) -> Output {
        let begin = ["train", "--data", "data", "--out", "run"];
        let arguments: Vec<&str> = begin.into_iter().chain(more.split_whitespace()).collect();
        self.program("", &arguments)
    }

    /// Runs the program in the folder `place` of this one.
    pub fn program(&self, place: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ddim-web"))
            .current_dir(self.path(place))
            .args(arguments)
            .output()
            .unwrap()
    }

    fn step(&self) -> u32 {
        let bytes = fs::read(self.path("run/checkpoint.safetensors")).unwrap();
        Checkpoint::from_bytes(&bytes).unwrap().step
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const TINY_RUN: &str = "--config tiny.json --batch 4";

pub fn succeeds(output: &Output) {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The exit code and the last line of standard error.
pub fn fails(output: &Output, code: i32, words: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    let line = text.lines().last().unwrap_or_default();
    assert!(
        line.starts_with("ddim-web: ") && words.iter().all(|word| line.contains(word)),
        "{text}"
    );
    assert!(!text.contains("panicked"), "{text}");
}

fn assert_png(path: &Path, size: (u32, u32)) {
    let picture = image::open(path).unwrap().into_rgb8();
    assert_eq!(picture.dimensions(), size, "{}", path.display());
    let first = picture.get_pixel(0, 0);
    assert!(
        picture.pixels().any(|p| p != first),
        "{} is empty",
        path.display()
    );
}

#[test]
fn a_run_writes_a_model_that_can_be_sampled_and_goes_on() {
    let folder = Folder::with_data("whole");
    let output = folder.train(&format!(
        "{TINY_RUN} --steps 6 --checkpoint-every 4 --sample-every 6 --seed 3"
    ));
    succeeds(&output);
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        report.contains("24 grey images of 14 × 14, padded to 16 × 16"),
        "{report}"
    );
    // However busy the machine is.
    let speed = [" steps/s, ", " s per step, "];
    assert!(
        report.contains("step 4 of 6, loss ")
            && speed.iter().any(|unit| report.contains(unit))
            && report.contains(" left"),
        "{report}"
    );
    let mut names: Vec<String> = fs::read_dir(folder.path("run"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "checkpoint.safetensors",
        "config.json",
        "diffusion_pytorch_model.safetensors",
        "loss.png",
        "samples.png",
        "scheduler_config.json",
    ];
    assert_eq!(names, expected);
    assert_png(&folder.path("run/loss.png"), (1000, 600));
    assert_png(&folder.path("run/samples.png"), (4 * 66 + 2, 4 * 66 + 2));
    assert_eq!(folder.step(), 6);

    fails(&folder.train(TINY_RUN), 2, &["run", "--resume"]);
    fails(&folder.train("--resume"), 2, &["steps", "6 steps"]);
    fails(&folder.train("--resume --steps 5"), 2, &["steps"]);
    succeeds(&folder.train("--resume --steps 9 --sample-every 0"));
    assert_eq!(folder.step(), 9);

    let sample = Command::new(env!("CARGO_BIN_EXE_ddim-web"))
        .current_dir(&folder.0)
        .args("sample --model run --steps 2 --count 3 --out grid.png --quiet".split(' '))
        .output()
        .unwrap();
    succeeds(&sample);
    assert_png(&folder.path("grid.png"), (2 * 66 + 2, 2 * 66 + 2));
}

#[test]
fn loss_and_prediction_type_are_chosen_once_and_kept() {
    let folder = Folder::with_data("loss");
    let common = format!("{TINY_RUN} --sample-every 0 --steps 2");
    let chosen = format!("{common} --loss min-snr=2 --prediction v_prediction");
    succeeds(&folder.train(&chosen));
    succeeds(&folder.train("--resume --steps 3 --sample-every 0"));
    let bytes = fs::read(folder.path("run/checkpoint.safetensors")).unwrap();
    let checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
    assert_eq!(checkpoint.options.loss.to_string(), "min-snr=2");
    let scheduler = fs::read_to_string(folder.path("run/scheduler_config.json")).unwrap();
    assert!(scheduler.contains("v_prediction"), "{scheduler}");
    for option in ["--loss bound", "--prediction sample"] {
        fails(
            &folder.train(&format!("--resume --steps 9 {option}")),
            2,
            &["--resume"],
        );
    }

    let other = Folder::with_data("loss-of-scheduler");
    other.write("v.json", scheduler.as_bytes());
    fails(
        &other.train(&format!("{common} --scheduler v.json --prediction sample")),
        2,
        &["--prediction", "v_prediction", "v.json", "sample"],
    );
    fails(
        &other.train(&format!("{common} --loss l2")),
        2,
        &["--loss", "min-snr"],
    );
    fails(
        &other.train(&format!("{common} --prediction x0")),
        2,
        &["--prediction", "sample"],
    );
    let zero = scheduler.replace("v_prediction", "epsilon").replace(
        r#""rescale_betas_zero_snr": false"#,
        r#""rescale_betas_zero_snr": true"#,
    );
    other.write("zero.json", zero.as_bytes());
    fails(
        &other.train(&format!("{common} --scheduler zero.json --loss bound")),
        1,
        &["prediction_type", "alpha_bar is 0"],
    );
    // A network that no image could be made with: found out before it is trained.
    let trailing = zero.replace(r#""leading""#, r#""trailing""#);
    assert_ne!(trailing, zero);
    other.write("trailing.json", trailing.as_bytes());
    fails(
        &other.train(&format!("{common} --scheduler trailing.json")),
        2,
        &["prediction_type", "zero terminal SNR"],
    );
    succeeds(&other.train(&format!(
        "{common} --scheduler v.json --prediction v_prediction --loss bound"
    )));
}

#[test]
fn a_run_begins_with_the_weights_of_another_model() {
    let folder = Folder::with_data("init");
    let common = "--sample-every 0 --steps 2 --batch 4";
    succeeds(&folder.train(&format!("{common} --config tiny.json")));
    fs::rename(folder.path("run"), folder.path("first")).unwrap();
    let scheduler = fs::read_to_string(folder.path("first/scheduler_config.json")).unwrap();
    assert!(scheduler.contains(r#""sample""#), "{scheduler}");
    // So small a learning rate leaves the weights as they are: what is written is what was read.
    succeeds(&folder.train(&format!(
        "{common} --init first --prediction v_prediction --lr 1e-30"
    )));
    let read = |name: &str| fs::read(folder.path(name)).unwrap();
    for name in ["config.json", "diffusion_pytorch_model.safetensors"] {
        assert!(
            read(&format!("run/{name}")) == read(&format!("first/{name}")),
            "{name} differs"
        );
    }
    let scheduler = String::from_utf8(read("run/scheduler_config.json")).unwrap();
    assert!(scheduler.contains("v_prediction"), "{scheduler}");
    fs::remove_dir_all(folder.path("run")).unwrap();

    let wider = TINY.replace("[8, 16]", "[8, 24]");
    folder.write(
        "wider.json",
        wider
            .replace(r#""sample_size": 8"#, r#""sample_size": 16"#)
            .as_bytes(),
    );
    fails(
        &folder.train(&format!("{common} --init first --config wider.json")),
        1,
        &["first/diffusion_pytorch_model.safetensors", "16", "24"],
    );
    fails(
        &folder.train(&format!("{common} --init missing")),
        1,
        &["missing", "not a folder"],
    );
    assert_eq!(folder.train("--resume --init first").status.code(), Some(2));
    assert!(!folder.path("run").exists(), "a refused run writes nothing");
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let folder = Folder::with_data("shared");
    succeeds(&folder.train(&format!("{TINY_RUN} --steps 1 --sample-every 0")));
    let before = fs::read(folder.path("run/checkpoint.safetensors")).unwrap();
    // What another process has locked, whose name is in the file.
    let lock = folder.path("run/.ddim-web.lock");
    let other = fs::File::create(&lock).unwrap();
    other.lock().unwrap();
    fs::write(&lock, "process 7\n").unwrap();
    let resume = || folder.train("--resume --steps 2 --sample-every 0");
    fails(&resume(), 1, &["another run is at work here (process 7)"]);
    // It is asked first: what a run reads while another one writes is old when that ends.
    fs::rename(folder.path("data"), folder.path("gone")).unwrap();
    fails(&resume(), 1, &["another run is at work here"]);
    fs::rename(folder.path("gone"), folder.path("data")).unwrap();
    assert!(fs::read(folder.path("run/checkpoint.safetensors")).unwrap() == before);
    // It goes with its process, whatever the file says; the child of another test may have it too, until that has become a
    // program of its own.
    drop(other);
    let held = |output: &Output| {
        String::from_utf8_lossy(&output.stderr).contains("another run is at work")
    };
    let mut output = resume();
    for _ in 0..100 {
        if !held(&output) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        output = resume();
    }
    succeeds(&output);
    assert_eq!(folder.step(), 2);
    assert!(!lock.exists());
}

#[test]
fn an_interrupted_program_ends_where_an_uninterrupted_one_does() {
    for engine in crate::support::ENGINES {
        let (one, two) = (Folder::with_data("one"), Folder::with_data("two"));
        let common = format!("--engine {engine} --sample-every 0");
        // Unless it is told, the learning rate falls towards the end of the run that was asked for.
        let begin = format!("{common} {TINY_RUN} --warmup 3 --decay-steps 0");
        succeeds(&one.train(&format!("{begin} --steps 6")));
        succeeds(&two.train(&format!("{begin} --steps 2")));
        succeeds(&two.train(&format!("{common} --resume --steps 6")));
        let file = |folder: &Folder| fs::read(folder.path("run/checkpoint.safetensors")).unwrap();
        assert!(file(&one) == file(&two), "{engine}: the checkpoints differ");
    }
}

#[test]
fn a_run_goes_on_with_other_instructions_and_on_another_engine() {
    let folder = Folder::with_data("instructions");
    let portable = folder.train(&format!("{TINY_RUN} --steps 2 --simd portable"));
    succeeds(&portable);
    let report = String::from_utf8_lossy(&portable.stderr).into_owned();
    assert!(report.contains("parameters on portable"), "{report}");
    let burn = folder.train("--resume --steps 3 --engine burn");
    if cfg!(feature = "burn") {
        succeeds(&burn);
        fails(
            &folder.train("--resume --steps 5 --engine burn --simd portable"),
            2,
            &["simd", "--engine plan"],
        );
    } else {
        fails(&burn, 2, &["engine", "without burn", "--features burn"]);
    }
    succeeds(&folder.train("--resume --steps 4"));
    assert_eq!(folder.step(), 4);
    fails(
        &folder.train("--resume --steps 5 --simd sse"),
        2,
        &["--simd"],
    );
    let foreign = if cfg!(target_arch = "aarch64") {
        "avx2"
    } else {
        "neon"
    };
    fails(
        &folder.train(&format!("--resume --steps 5 --simd {foreign}")),
        1,
        &["portable"],
    );
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_run_after_a_step_with_a_checkpoint() {
    let folder = Folder::with_data("signal");
    let mut child = Command::new(env!("CARGO_BIN_EXE_ddim-web"))
        .current_dir(&folder.0)
        .args("train --data data --out run --config tiny.json --batch 4 --steps 1000000 --checkpoint-every 1000000 --sample-every 1".split(' '))
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The first sheet shows that it is training; the signal most likely comes while another one is drawn.
    while !folder.path("run/samples.png").exists() {
        assert_eq!(
            child.try_wait().unwrap(),
            None,
            "the program ended by itself"
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    succeeds(
        &Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .output()
            .unwrap(),
    );
    let output = child.wait_with_output().unwrap();
    succeeds(&output);
    let step = folder.step();
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        report.contains(&format!(
            "stopped after step {step} of 1000000: --resume goes on"
        )),
        "{report}"
    );
}

#[test]
fn a_sheet_of_samples_is_made_in_parts_and_ends_no_run() {
    let folder = Folder::with_data("sheet");
    let run = |out: &str, more: &str| {
        let text = format!("train --data data --config tiny.json --steps 1 --out {out} {more}");
        let arguments: Vec<&str> = text.split_whitespace().collect();
        let output = folder.program("", &arguments);
        succeeds(&output);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // So slow that the weights stay what they were.
    for out in ["3", "24"] {
        run(out, &format!("--batch {out} --lr 1e-30"));
    }
    let sheet = |out: &str| fs::read(folder.path(out).join("samples.png")).unwrap();
    assert_eq!(sheet("3"), sheet("24"));
    fs::create_dir_all(folder.path("run/samples.png")).unwrap();
    let report = run("run", "");
    assert!(
        report.contains("samples.png: not made at step 1"),
        "{report}"
    );
    assert_eq!(folder.step(), 1);
}

#[cfg(unix)]
#[test]
fn a_run_that_is_stopped_at_once_promises_to_go_on_only_where_it_can() {
    let folder = Folder::with_data("at-once");
    let mut child = Command::new(env!("CARGO_BIN_EXE_ddim-web"))
        .current_dir(&folder.0)
        .args(
            "train --data data --out run --config tiny.json --steps 1000000 --sample-every 0"
                .split(' '),
        )
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // It is listening before it reads the images, and says so when it has them.
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("images of") {
        assert!(errors.read_line(&mut text).unwrap() > 0, "{text}");
    }
    let number = child.id().to_string();
    succeeds(
        &Command::new("kill")
            .args(["-INT", &number])
            .output()
            .unwrap(),
    );
    let code = child.wait().unwrap().code();
    errors.read_to_string(&mut text).unwrap();
    let kept = folder.path("run/checkpoint.safetensors").exists();
    assert_eq!(text.contains("--resume goes on"), kept, "{text}");
    assert_eq!(code, Some(if kept { 0 } else { 1 }), "{text}");
}

#[test]
fn pictures_of_any_size_and_colour_are_learned_from() {
    let folder = Folder::new("pictures");
    fs::create_dir_all(folder.path("data")).unwrap();
    for (name, width, height) in [("a.png", 16, 16), ("b.jpg", 16, 16), ("c.PNG", 40, 20)] {
        let picture = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8 * 6, y as u8 * 9, 128]));
        picture
            .save_with_format(
                folder.path(&format!("data/{name}")),
                image::ImageFormat::from_path(name).unwrap(),
            )
            .unwrap();
    }
    folder.write("data/broken.png", b"\x89PNG\r\n\x1a\nno more");
    folder.write("data/notes.txt", b"not a picture");
    folder.write("data/._a.png", b"what macOS leaves beside a.png");
    let thread = RgbImage::new(1, 800_000);
    thread.save(folder.path("data/thread.png")).unwrap();
    let config = TINY
        .replace(r#""sample_size": 8"#, r#""sample_size": 16"#)
        .replace(r#"channels": 1"#, r#"channels": 3"#);
    folder.write("tiny.json", config.as_bytes());
    let output = folder.train(&format!("{TINY_RUN} --steps 1 --sample-every 0"));
    succeeds(&output);
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    for line in [
        "broken.png: skipped",
        "1 of 3 pictures cut and scaled to 16 × 16",
        "3 colour images of 16 × 16",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
    assert!(!report.contains("notes.txt"), "{report}");
    assert!(!report.contains("._a.png"), "{report}");
    let long = "thread.png: skipped: 800000 × 1 pixels are too long and thin";
    assert!(report.contains(long), "{report}");
}

#[test]
fn images_of_a_file_and_pictures_get_the_size_that_is_asked_for() {
    let folder = Folder::with_data("size");
    let picture = RgbImage::from_fn(14, 14, |x, y| Rgb([x as u8 * 6, y as u8 * 9, 128]));
    fs::create_dir_all(folder.path("pictures")).unwrap();
    picture.save(folder.path("pictures/a.png")).unwrap();
    // A network for images of another size: a run ends once they are read.
    let other = TINY.replace(r#""sample_size": 8"#, r#""sample_size": 40"#);
    folder.write("other.json", other.as_bytes());
    for (size, line, changed) in [
        ("", "images of 14 × 14, padded to 16 × 16", false),
        ("--size 16", "images of 14 × 14, padded to 16 × 16", false),
        ("--size 8", "images of 8 × 8\n", true),
        ("--size 10", "images of 10 × 10, padded to 16 × 16", true),
        ("--size 24", "images of 24 × 24\n", true),
    ] {
        for data in ["data", "pictures"] {
            let arguments = format!("train --out run --config other.json --data {data} {size}");
            let arguments: Vec<&str> = arguments.split_whitespace().collect();
            let output = folder.program("", &arguments);
            let report = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(report.contains(line), "{data} {size}: {report}");
            let scaled = report.contains("cut and scaled");
            assert_eq!(scaled, changed, "{data} {size}: {report}");
        }
    }
}

#[test]
fn wrong_usage_and_bad_files_are_one_line() {
    let folder = Folder::with_data("errors");
    fs::create_dir_all(folder.path("empty")).unwrap();
    folder.write("gz/train-images-idx3-ubyte.gz", b"\x1f\x8b\x08\0broken");
    folder.write("idx/train-images-idx3-ubyte", &idx(9, 28, 28, &[0; 100]));
    folder.write("html/train-images-idx3-ubyte", b"<!doctype html>");
    folder.write("unreadable/a.png", b"nothing");
    folder.write("bad.json", b"{\"block_out_channels\": [7]}");
    let data = |name: &str| {
        Command::new(env!("CARGO_BIN_EXE_ddim-web"))
            .current_dir(&folder.0)
            .args(["train", "--out", "run", "--steps", "1", "--data", name])
            .output()
            .unwrap()
    };
    fails(
        &data("empty"),
        1,
        &[
            "empty",
            "no train-images-idx3-ubyte[.gz] and no PNG, JPEG, WebP or GIF",
        ],
    );
    fails(&data("missing"), 1, &["missing: not a folder"]);
    fails(&data("gz"), 1, &["train-images-idx3-ubyte.gz"]);
    fails(&data("idx"), 1, &["9 × 1 × 28 × 28 = 7056", "found 100"]);
    fails(&data("html"), 1, &["IDX", "3c21646f"]);
    fails(&data("unreadable"), 1, &["none of its 1 pictures"]);
    fails(
        &folder.train("--config bad.json"),
        1,
        &["config.json", "down_block_types"],
    );
    folder.write("made/config.json", b"{}");
    for (more, words) in [
        (
            "--data unreadable --out unreadable",
            "stands among the images",
        ),
        (
            "--data . --labels folders --out run",
            "stands among the images",
        ),
        (
            "--data data --out made",
            "made: already holds config.json: choose",
        ),
    ] {
        let arguments: Vec<&str> = more.split_whitespace().collect();
        let arguments = [&["train", "--steps", "1"], &arguments[..]].concat();
        fails(&folder.program("", &arguments), 2, &[words]);
    }
    fails(&folder.train("--config missing.json"), 1, &["missing.json"]);
    fails(&folder.train("--steps 0"), 2, &["steps"]);
    fails(&folder.train("--lr nan"), 2, &["lr"]);
    fails(&folder.train("--ema -1"), 2, &["ema"]);
    fails(
        &folder.train("--steps 5 --decay-steps 9"),
        2,
        &["decay-steps"],
    );
    fails(&folder.train("--resume"), 1, &["checkpoint.safetensors"]);
    folder.write("run/checkpoint.safetensors", b"<html>");
    fails(
        &folder.train("--resume"),
        1,
        &["checkpoint.safetensors", "expected a checkpoint"],
    );
    assert_eq!(folder.train("--resume --seed 4").status.code(), Some(2));
    assert_eq!(folder.train("--checkpoint-every 0").status.code(), Some(2));
    let left: Vec<_> = fs::read_dir(folder.path("run"))
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(
        left,
        ["checkpoint.safetensors"],
        "a refused run writes nothing"
    );
}
