//! `--animate`: the film of a run.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::Output;

use image::codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::{AnimationDecoder, DynamicImage, Frame, RgbImage};

use super::support::{Folder, refused};

/// The frames of an animation, and how many milliseconds each is shown.
fn frames(path: &Path) -> Vec<(RgbImage, u32)> {
    let file = BufReader::new(File::open(path).unwrap());
    let frames: Vec<Frame> = match path.extension().unwrap().to_str().unwrap() {
        "gif" => GifDecoder::new(file)
            .unwrap()
            .into_frames()
            .collect_frames(),
        "webp" => {
            let decoder = WebPDecoder::new(file).unwrap();
            assert!(decoder.has_animation());
            decoder.into_frames().collect_frames()
        }
        _ => {
            let decoder = PngDecoder::new(file).unwrap();
            assert!(decoder.is_apng().unwrap());
            decoder.apng().unwrap().into_frames().collect_frames()
        }
    }
    .unwrap();
    frames
        .into_iter()
        .map(|frame| {
            let (numerator, denominator) = frame.delay().numer_denom_ms();
            let picture = DynamicImage::ImageRgba8(frame.into_buffer()).into_rgb8();
            (picture, numerator / denominator)
        })
        .collect()
}

#[test]
fn a_film_has_a_frame_for_each_step_and_ends_with_the_picture_in_every_format() {
    let folder = Folder::with_model("film");
    for name in ["film.gif", "film.webp", "film.png"] {
        let arguments = ["--steps", "3", "--count", "2", "--animate", name];
        let output = folder.run("sample", &arguments);
        assert!(output.status.success(), "{output:?}");
        let film = frames(&folder.path(name));
        let times: Vec<u32> = film.iter().map(|(_, time)| *time).collect();
        assert_eq!(times, [200, 200, 1500], "{name}");
        // Two images of 8 × 8 have at most 129 colours: GIF loses nothing.
        assert!(film[2].0 == folder.picture("samples.png"), "{name}");
        assert!(film[0].0 != film[2].0, "{name}: nothing moves");
    }
}

#[test]
fn the_frames_of_every_format_are_the_same_pictures() {
    let folder = Folder::with_model("formats");
    let film = |name: &str| {
        let arguments = ["--steps", "4", "--count", "1", "--animate", name];
        assert!(folder.run("sample", &arguments).status.success());
        frames(&folder.path(name))
    };
    let png = film("film.png");
    assert!(png == film("film.webp") && png == film("film.gif"));
}

#[test]
fn a_film_is_played_for_ever() {
    let folder = Folder::with_model("for-ever");
    for name in ["film.gif", "film.webp", "film.png"] {
        let arguments = ["--steps", "2", "--count", "1", "--animate", name];
        assert!(folder.run("sample", &arguments).status.success());
        let bytes = std::fs::read(folder.path(name)).unwrap();
        let after = |marker: &[u8]| {
            let at = bytes.windows(marker.len()).position(|w| w == marker);
            &bytes[at.unwrap() + marker.len()..]
        };
        // Where each format has the number of repetitions, of which 0 is endless.
        let repetitions = match name {
            "film.gif" => &after(b"NETSCAPE2.0\x03\x01")[..2],
            "film.webp" => &after(b"ANIM\x06\0\0\0")[4..6],
            _ => &after(b"acTL")[4..8],
        };
        assert!(repetitions.iter().all(|byte| *byte == 0), "{name}");
    }
}

#[test]
fn a_long_run_is_cut_to_two_hundred_frames() {
    let folder = Folder::with_model("long-film");
    let arguments = ["--steps", "250", "--count", "1", "--animate", "film.webp"];
    assert!(folder.run("sample", &arguments).status.success());
    let film = frames(&folder.path("film.webp"));
    assert_eq!(film.len(), 200);
    assert!(film[199].0 == folder.picture("samples.png"));
}

#[test]
fn a_gif_of_more_than_256_colours_stays_close_to_the_picture() {
    let folder = Folder::with_model("many-colours");
    let arguments = ["--steps", "2", "--count", "9", "--animate", "film.gif"];
    assert!(folder.run("sample", &arguments).status.success());
    let film = frames(&folder.path("film.gif"));
    let picture = folder.picture("samples.png");
    let colours: std::collections::HashSet<_> = picture.pixels().collect();
    assert!(colours.len() > 256, "{}", colours.len());
    let differences = film[1].0.iter().zip(picture.iter());
    let sum: u64 = differences.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = sum as f64 / picture.len() as f64;
    // Of 255 levels.
    assert!(mean < 6.0, "{mean}");
}

#[test]
fn the_film_of_an_interpolation_ends_with_its_sheet() {
    let folder = Folder::with_model("interpolated-film");
    let arguments = [
        "--seeds",
        "1",
        "2",
        "--frames",
        "3",
        "--steps",
        "3",
        "--animate",
        "film.png",
    ];
    assert!(folder.run("interpolate", &arguments).status.success());
    let film = frames(&folder.path("film.png"));
    assert_eq!(film.len(), 3);
    assert!(film[2].0 == folder.picture("interpolation.png"));
}

/// Refused after the model was loaded, which says what it is on lines of its own.
fn refused_late(output: &Output, word: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    let last = told.lines().last().unwrap_or_default();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(
        last.starts_with("ddim-web: ") && last.contains(word),
        "{told}"
    );
}

#[test]
fn films_that_make_no_sense_are_refused_before_any_work() {
    let folder = Folder::new("film-usage");
    let both = ["--out", "a.png", "--animate", "a.png"];
    for arguments in [
        &["--animate", "film.avi"] as &[&str],
        &["--animate", "film"],
        &both,
    ] {
        // There is no model: it is not even looked for.
        refused(&folder.run("sample", arguments), 2, "animate");
        let seeds = [&["--seeds", "1", "2"], arguments].concat();
        refused(&folder.run("interpolate", &seeds), 2, "animate");
    }
    let folder = Folder::with_model("film-size");
    let arguments = ["--count", "10000", "--steps", "1000", "--animate", "a.gif"];
    refused(&folder.run("sample", &arguments), 2, "animate");
    let arguments = [
        "--count",
        "1",
        "--steps",
        "1",
        "--animate",
        "config.json/a.gif",
    ];
    refused(&folder.run("sample", &arguments), 1, "a.gif");
    // Enlarged until two rows can be seen, this has more columns than the format; no step is made for that.
    let arguments = ["--steps", "1", "--size", "2", "512", "--count"];
    let with = |more: &[&'static str]| [&arguments as &[&str], more].concat();
    refused_late(
        &folder.run("sample", &with(&["1", "--animate", "a.webp"])),
        "animate",
    );
    // 128 × 128 of them are more than memory holds.
    refused_late(&folder.run("sample", &with(&["16384"])), "MB of memory");
    assert_eq!(folder.names().len(), 3, "{:?}", folder.names());
}
