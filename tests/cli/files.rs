//! Where the program writes, what it never overwrites, and what it says when it cannot.

use std::fs;
use std::process::{Command, Output, Stdio};

use super::support::{Folder, IMAGE, refused, sample};

const ONE: [&str; 4] = ["--steps", "1", "--count", "1"];

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ddim-web"))
}

fn picture(folder: &Folder, name: &str) {
    image::RgbImage::from_pixel(8, 8, image::Rgb([9, 99, 199]))
        .save(folder.path(name))
        .unwrap();
}

#[test]
fn no_file_overwrites_another_of_the_same_run() {
    // There is no model: it is not even looked for.
    let folder = Folder::new("collisions");
    for (arguments, word) in [
        (&["--out", "x", "--save", "./x"] as &[&str], "save"),
        (&["--out", "x.png", "--animate", "./x.png"], "animate"),
        (
            &["--out", "./samples.png", "--animate", "samples.png"],
            "animate",
        ),
    ] {
        refused(&sample(&folder, arguments), 2, word);
    }
    assert!(folder.names().is_empty(), "{:?}", folder.names());
}

#[test]
fn pictures_that_are_read_are_never_overwritten() {
    let folder = Folder::new("pictures");
    picture(&folder, "a.png");
    picture(&folder, "b.png");
    let before = fs::read(folder.path("b.png")).unwrap();
    let between = ["--images", "a.png", "b.png", "--out", "./b.png"];
    refused(&folder.run("interpolate", &between), 2, "./b.png");
    let inverted = ["a.png", "b.png", "--out", "./b.png"];
    refused(&folder.run("invert", &inverted), 2, "./b.png");
    assert_eq!(fs::read(folder.path("b.png")).unwrap(), before);
}

#[test]
fn a_name_does_not_announce_another_format() {
    let folder = Folder::new("endings");
    for (option, name) in [
        ("--out", "x.jpg"),
        ("--save", "x.npy"),
        ("--animate", "x.mp4"),
    ] {
        refused(&sample(&folder, &[option, name]), 2, name);
        let seeds = ["--seeds", "1", "2", option, name];
        refused(&folder.run("interpolate", &seeds), 2, name);
    }
    refused(&folder.run("compare", &["--out", "x.jpg"]), 2, "x.jpg");
}

#[test]
fn places_that_cannot_be_written_are_refused_before_any_work() {
    let folder = Folder::new("places");
    fs::write(folder.path("file"), "").unwrap();
    fs::create_dir(folder.path("folder")).unwrap();
    for place in ["file/x.png", "folder", "/"] {
        refused(&sample(&folder, &["--out", place]), 1, place);
    }
    refused(
        &sample(&folder, &["--save", "file/x.safetensors"]),
        1,
        "file/x",
    );
    fs::remove_file(folder.path("file")).unwrap();

    picture(&folder, "folder/a.png");
    fs::write(folder.path("file"), "").unwrap();
    let train = program()
        .args([
            "train", "--data", "folder", "--out", "file", "--steps", "1", "--quiet",
        ])
        .current_dir(&folder.0)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&train.stderr);
    assert_eq!(train.status.code(), Some(1), "{text}");
    assert!(text.contains("cannot be written"), "{text}");
    assert!(!text.contains("parameters on"), "no step is taken: {text}");
    assert_eq!(folder.names(), ["file", "folder"]);
}

#[cfg(unix)]
#[test]
fn links_and_pipes_stay_what_they_are() {
    use std::io::Read;
    use std::os::unix::fs::{FileTypeExt, symlink};

    let folder = Folder::with_model("links");
    fs::write(folder.path("target.png"), "").unwrap();
    symlink("target.png", folder.path("link.png")).unwrap();
    let output = sample(&folder, &[&ONE as &[&str], &["--out", "link.png"]].concat());
    assert!(output.status.success(), "{output:?}");
    assert!(folder.path("link.png").is_symlink());
    let written = fs::read(folder.path("target.png")).unwrap();
    assert!(written.starts_with(b"\x89PNG"));

    let pipe = pipe(&folder);
    // Open for both, so that neither side waits for the other; the picture fits into the pipe.
    let mut reader = fs::File::options()
        .read(true)
        .write(true)
        .open(&pipe)
        .unwrap();
    let output = sample(&folder, &[&ONE as &[&str], &["--out", "pipe"]].concat());
    assert!(output.status.success(), "{output:?}");
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    let mut read = vec![0; written.len()];
    reader.read_exact(&mut read).unwrap();
    assert_eq!(read, written);
    assert_eq!(folder.names().len(), 6, "{:?}", folder.names());
}

/// A pipe that nobody holds.
#[cfg(unix)]
fn pipe(folder: &Folder) -> std::path::PathBuf {
    let pipe = folder.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    pipe
}

#[cfg(unix)]
#[test]
fn what_may_have_no_end_is_not_read() {
    let folder = Folder::with_model("endless");
    let pipe = pipe(&folder);
    for place in ["/dev/zero", "pipe"] {
        refused(&sample(&folder, &["--latents", place]), 1, place);
        let text = folder.run("invert", &[place]);
        let text = String::from_utf8_lossy(&text.stderr).into_owned();
        assert!(
            text.contains(&format!("{place}: skipped: expected a file")),
            "{text}"
        );
        let features = program()
            .args(["evaluate", "--features", place])
            .current_dir(&folder.0)
            .output()
            .unwrap();
        refused(&features, 1, place);
    }
    fs::rename(&pipe, folder.path("config.json")).unwrap();
    refused(&sample(&folder, &[]), 1, "config.json");
}

/// `sample` of one image, with a stream that takes nothing.
#[cfg(target_os = "linux")]
fn into_full(folder: &Folder, stream: fn(&mut Command, Stdio) -> &mut Command) -> Output {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = program();
    command
        .args(["sample", "--quiet", "--model", "."])
        .args(ONE)
        .current_dir(&folder.0);
    stream(&mut command, full.into()).output().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_told_and_a_full_standard_error_ends_nothing() {
    let folder = Folder::with_model("streams");
    refused(&into_full(&folder, Command::stdout), 1, "standard output");
    fs::remove_file(folder.path("samples.png")).unwrap();
    let output = into_full(&folder, Command::stderr);
    assert!(output.status.success(), "{output:?}");
    assert!(folder.path("samples.png").exists());
}

#[test]
fn latents_that_do_not_fit_are_named() {
    let folder = Folder::with_model("named-latents");
    let damaged = {
        let mut values = vec![0.0; IMAGE];
        values[7] = f32::NAN;
        values
    };
    for (shape, values, word) in [
        ([1, 3, 8, 8], damaged, "NaN"),
        ([1, 1, 8, 8], vec![0.0; 64], "[1, 1, 8, 8]"),
        ([0, 3, 8, 8], Vec::new(), "at least one image"),
    ] {
        folder.write_tensor("x_T.safetensors", &shape, &values);
        let output = sample(&folder, &["--latents", "x_T.safetensors"]);
        refused(&output, 1, "x_T.safetensors: ");
        refused(&output, 1, word);
    }
    assert_eq!(folder.names().len(), 4, "{:?}", folder.names());
}

#[test]
fn without_a_subcommand_the_subcommands_are_named() {
    let output = program().output().unwrap();
    for name in [
        "sample",
        "invert",
        "interpolate",
        "compare",
        "evaluate",
        "train",
    ] {
        refused(&output, 2, name);
    }
}
