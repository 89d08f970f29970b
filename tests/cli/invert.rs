//! `ddim-web invert`.

use std::path::Path;

use image::{GrayImage, Luma, Rgb, imageops};

use super::support::{Folder, IMAGE, distance, refused, remarks, size_of_png};

const FASHION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/www/models/fashion-mnist");

/// Largest mean squared error (pixels from 0 to 1) of a picture that went to noise and back in 200 steps: a tenth of the
/// DDIM paper's for CIFAR-10 (table 2, S = 200). Measured here: 0.000012.
const BACK_AGAIN: f64 = 0.00004;

/// Two pictures of Fashion-MNIST's test set, side by side.
const PICTURES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/model/fashion-mnist.png"
);

/// The first of them, in the file `boot.png`.
fn boot(folder: &Folder) -> GrayImage {
    let pictures = image::open(PICTURES).unwrap().into_luma8();
    let picture = imageops::crop_imm(&pictures, 0, 0, 32, 32).to_image();
    picture.save(folder.path("boot.png")).unwrap();
    picture
}

/// The error that `text` tells of it.
fn error_told(text: &[u8]) -> f64 {
    let text = String::from_utf8_lossy(text);
    let told = |line| str::strip_prefix(line, "boot.png: reconstruction error ");
    let told = text.lines().find_map(told).unwrap();
    told.parse().unwrap()
}

#[test]
fn a_picture_comes_back_from_its_noise_and_the_error_that_is_told_is_the_true_one() {
    let folder = Folder::new("back");
    let model = Path::new(FASHION);
    let pixels = boot(&folder).into_raw();

    let arguments = ["boot.png", "--steps", "200", "--reconstruct"];
    let arguments = [&arguments as &[&str], &["--save", "noise.safetensors"]].concat();
    let output = folder.run_model("invert", model, &arguments);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        remarks(&output),
        ["scheduler_config.json: clip_sample is left out: a clipped step cannot be undone"]
    );
    let noise = folder.tensor("noise.safetensors");
    // Black that never varies needs no noise to come back: the better the network, the less of it is there.
    let of_the_boot = noise
        .values
        .iter()
        .zip(&pixels)
        .filter(|(_, pixel)| **pixel > 0);
    let squares: Vec<f32> = of_the_boot.map(|(v, _)| v * v).collect();
    let power = squares.iter().sum::<f32>() / squares.len() as f32;
    assert!((0.75..1.25).contains(&power), "x_T is no noise: {power}");

    let latents = ["--latents", "noise.safetensors", "--steps", "200"];
    let decoded = folder.numbers_of(
        "sample",
        model,
        &[&latents as &[&str], &["--no-clip"]].concat(),
    );
    let errors = pixels.iter().zip(&decoded.values);
    let errors = errors.map(|(p, v)| (f64::from(*p) / 255.0 - (f64::from(*v) + 1.0) / 2.0).powi(2));
    let error = errors.sum::<f64>() / 1024.0;
    assert!(error < BACK_AGAIN, "{error}");
    let told = error_told(&output.stdout);
    assert!((told - error).abs() < 2e-6, "{told} {error}");
}

#[test]
fn in_few_steps_the_default_convention_loses_less_than_the_strict_one() {
    let folder = Folder::new("conventions");
    boot(&folder);
    let [retrace, strict] = ["retrace", "strict"].map(|convention| {
        let arguments = ["boot.png", "--steps", "10", "--reconstruct", "--convention"];
        let arguments = [
            &arguments as &[&str],
            &[convention, "--save", "x.safetensors"],
        ]
        .concat();
        let output = folder.run_model("invert", Path::new(FASHION), &arguments);
        assert!(output.status.success(), "{output:?}");
        (folder.tensor("x.safetensors"), error_told(&output.stdout))
    });
    assert!(distance(&retrace.0.values, &strict.0.values) > 0.1);
    // Measured here: 0.0073 and 0.0086.
    assert!(retrace.1 < strict.1, "{} {}", retrace.1, strict.1);
    assert!(retrace.1 < 0.01, "{}", retrace.1);
}

#[test]
fn each_convention_is_what_the_sampler_makes_by_inversion() {
    let folder = Folder::with_model("inversion");
    folder.colourful("a.png", [8, 8], 200);
    let values = folder.image("a.png");
    folder.write_tensor("a.safetensors", &[1, 3, 8, 8], &values);
    let common = ["--steps", "4"];
    let noises =
        [("retrace", "inversion"), ("strict", "inversion_strict")].map(|(name, method)| {
            let inverted = ["a.png", "--steps", "4", "--convention", name];
            let noise = folder.numbers("invert", &inverted);
            assert_eq!(noise.shape, [1, 3, 8, 8]);
            let arguments = ["--method", method, "--latents", "a.safetensors"];
            let sampled = [&arguments as &[&str], &common, &["--no-clip"]].concat();
            assert_eq!(noise.values, folder.numbers("sample", &sampled).values);
            // Clipping cannot be undone, so it is refused.
            let clipped = [&arguments as &[&str], &common].concat();
            refused(&folder.run("sample", &clipped), 2, "--no-clip");
            noise.values
        });
    assert!(distance(&noises[0], &values) > 0.1);
    let default = folder.numbers("invert", &["a.png", "--steps", "4"]);
    assert_eq!(default.values, noises[0]);
}

#[test]
fn no_convention_inverts_to_a_level_without_signal_where_the_network_predicts_the_noise() {
    let folder = Folder::with_model("zero-snr");
    folder.colourful("a.png", [8, 8], 200);
    let scheduler = r#"{"_class_name": "DDIMScheduler", "rescale_betas_zero_snr": true,
        "timestep_spacing": "trailing", "prediction_type": "epsilon"}"#;
    std::fs::write(folder.path("scheduler_config.json"), scheduler).unwrap();
    let files = folder.names();
    for convention in ["retrace", "strict"] {
        let arguments = [
            "a.png",
            "--convention",
            convention,
            "--save",
            "x.safetensors",
        ];
        refused(&folder.run("invert", &arguments), 2, "zero terminal SNR");
    }
    assert_eq!(folder.names(), files, "nothing may be written");
    // Any tau that leaves this level out will do.
    let arguments = ["a.png", "--tau", "leading", "--steps", "2"];
    assert!(folder.run("invert", &arguments).status.success());
}

#[test]
fn pictures_of_other_sizes_and_colours_are_made_to_fit_and_that_is_said() {
    let folder = Folder::with_model("sizes");
    folder.colourful("fits.png", [8, 8], 200);
    folder.colourful("small.png", [6, 4], 200);
    folder.colourful("large.jpg", [30, 20], 200);
    let grey = GrayImage::from_pixel(8, 8, Luma([90]));
    grey.save(folder.path("grey.png")).unwrap();
    let names = ["fits.png", "small.png", "large.jpg", "grey.png"];
    let output = folder.run(
        "invert",
        &[
            &names as &[&str],
            &["--steps", "1", "--save", "x.safetensors"],
        ]
        .concat(),
    );
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        remarks(&output),
        [
            "small.png: 4 × 6 padded with black to 8 × 8",
            "large.jpg: 20 × 30 cut and scaled to 8 × 8",
            "grey.png: grey made colour",
            "scheduler_config.json: clip_sample is left out: a clipped step cannot be undone",
        ]
    );
    assert_eq!(folder.tensor("x.safetensors").values.len(), 4 * IMAGE);
    // Each pixel is 12 × 12 on the sheet; “original” has 8 letters of 8 pixels, the names above 20.
    let sheet = folder.picture("inverted.png");
    let pixel = |picture: u32, x: u32, y: u32| {
        let left = 12 + 64 + 10 + picture * 98;
        *sheet.get_pixel(left + 12 * x + 6, 12 + 20 + 12 * y + 6)
    };
    assert_eq!(pixel(0, 3, 2), Rgb([200, 27, 18]));
    assert_eq!(pixel(1, 0, 0), Rgb([0; 3]));
    assert_eq!(pixel(1, 7, 7), Rgb([0; 3]));
    assert_eq!(pixel(1, 1 + 3, 2 + 1), Rgb([200, 27, 9]));
    assert_eq!(pixel(3, 4, 4), Rgb([90; 3]));
}

#[test]
fn unreadable_pictures_are_named_and_the_others_done() {
    let folder = Folder::with_model("unreadable");
    folder.colourful("good.png", [8, 8], 200);
    std::fs::write(folder.path("broken.png"), "no picture").unwrap();
    let pictures = ["broken.png", "good.png", "missing.png"];
    let options = ["--steps", "2", "--reconstruct", "--save", "x.safetensors"];
    let output = folder.run("invert", &[&pictures as &[&str], &options].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let remarks = remarks(&output);
    assert!(
        remarks[0].starts_with("broken.png: skipped: "),
        "{remarks:?}"
    );
    assert!(
        remarks[1].starts_with("missing.png: skipped: "),
        "{remarks:?}"
    );
    assert!(
        remarks[3].contains("2 of 3 pictures could not be read") && remarks.len() == 4,
        "{remarks:?}"
    );
    assert_eq!(folder.tensor("x.safetensors").shape, [1, 3, 8, 8]);
    // One picture: three images of 96 × 96, a line of text above and one below.
    assert_eq!(
        size_of_png(&folder.path("inverted.png")),
        (12 + 64 + 10 + 96 + 12, 12 + 20 + 3 * 98 - 2 + 20 + 12)
    );
}

#[test]
fn inversions_that_make_no_sense_are_refused() {
    let folder = Folder::with_model("invert-usage");
    folder.colourful("a.png", [8, 8], 200);
    for (arguments, word) in [
        (&[] as &[&str], "IMAGE"),
        (&["a.png", "--eta", "0.5"], "deterministic"),
        (&["a.png", "--eta", "NaN"], "eta"),
        (&["a.png", "--clip"], "--clip"),
        (&["a.png", "--convention", "loose"], "--convention"),
        (&["a.png", "--steps", "0"], "steps"),
        (&["a.png", "--steps", "1001"], "steps"),
        (&["a.png", "--tau", "sideways"], "tau"),
        (&["a.png", "--size", "0", "0"], "height"),
        (&["a.png", "--size", "8", "100000"], "width"),
        (&["a.png"; 600], "images"),
        (&["a.png", "--out", "a.png"], "out"),
    ] {
        refused(&folder.run("invert", arguments), 2, word);
    }
    let noisy = ["--method", "ddpm_noisy", "--no-clip"];
    refused(&folder.run("sample", &noisy), 2, "no-clip");
    let none = folder.run("invert", &["missing.png", "config.json"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(
        remarks(&none)
            .last()
            .unwrap()
            .contains("none of the 2 pictures")
    );
    assert_eq!(folder.names().len(), 4, "{:?}", folder.names());
}
