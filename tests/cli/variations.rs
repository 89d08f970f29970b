//! `ddim-web variations`.

use ddim_web::runs::partial::noised;
use ddim_web::scheduler::{SchedulerClass, SchedulerConfig};

use super::support::{Folder, IMAGE, distance, refused, size_of_png};

/// Rounding: other images stand beside this one in its batch.
const ROUNDING: f32 = 1e-4;

#[test]
fn images_of_one_x_t_differ_by_fresh_noise_alone() {
    let folder = Folder::with_model("fresh");
    folder.colourful("a.png", [8, 8], 200);
    let common = ["a.png", "--steps", "10", "--count", "3", "--t", "0", "600"];
    let numbers = |extra: &[&str]| folder.numbers("variations", &[&common, extra].concat());
    let drawn = numbers(&["--eta", "1"]);
    assert_eq!(drawn.shape, [6, 3, 8, 8]);
    for (i, j) in [(3, 4), (3, 5), (4, 5)] {
        assert!(distance(drawn.image(i), drawn.image(j)) > 0.01, "{i} {j}");
    }
    // From t = 0 it is one step, which adds no noise, and hardly any is to be taken away.
    let picture = folder.image("a.png");
    for i in 0..3 {
        assert_eq!(drawn.image(i), drawn.image(0));
        let found = distance(drawn.image(i), &picture);
        assert!(found < 0.1, "{found}");
        assert!(distance(drawn.image(3 + i), &picture) > 0.1);
    }
    // With the method ddim eta is 1 unless given; the same seed makes the same.
    assert_eq!(numbers(&[]).values, drawn.values);
    assert_ne!(numbers(&["--seed", "1"]).values, drawn.values);
    let alike = numbers(&["--eta", "0"]);
    for i in 4..6 {
        assert_eq!(alike.image(i), alike.image(3));
    }
    // Five images of 96 × 96 in a row, “t = 600” at the left, names above.
    assert_eq!(
        size_of_png(&folder.path("variations.png")),
        (12 + 7 * 8 + 10 + 5 * 98 - 2 + 12, 12 + 20 + 2 * 98 - 2 + 12)
    );
}

#[test]
fn images_are_those_that_sample_makes_of_the_noised_picture() {
    let folder = Folder::with_model("of-picture");
    folder.colourful("a.png", [8, 8], 200);
    let common = ["--steps", "10", "--eta", "1", "--seed", "7"];
    let scheduler = SchedulerConfig::new(SchedulerClass::Ddim);
    let x_t = noised(&scheduler, 650, &folder.image("a.png"), IMAGE, 7, 0).unwrap();
    // The noise on the way back is that of the images from the second on.
    folder.write_tensor("x_t.safetensors", &[4, 3, 8, 8], &x_t.repeat(4));
    let latents = ["--latents", "x_t.safetensors", "--from", "650"];
    let sampled = folder.numbers("sample", &[&common as &[&str], &latents].concat());
    let arguments = ["a.png", "--t", "650", "650", "--count", "3"];
    let drawn = folder.numbers("variations", &[&common as &[&str], &arguments].concat());
    assert_eq!(drawn.shape, [6, 3, 8, 8]);
    for i in 0..6 {
        let found = distance(drawn.image(i), sampled.image(1 + i % 3));
        assert!(found < ROUNDING, "{i}: {found}");
    }
}

#[test]
fn without_a_picture_x_t_is_what_sampling_has_made_by_then() {
    let folder = Folder::with_model("of-seed");
    let common = ["--steps", "10", "--eta", "1", "--seed", "7"];
    let sample = |extra: &[&str]| folder.numbers("sample", &[&common, extra].concat());
    let x_t = sample(&["--count", "1", "--to", "400"]);
    folder.write_tensor("x_t.safetensors", &[3, 3, 8, 8], &x_t.values.repeat(3));
    let sampled = sample(&["--latents", "x_t.safetensors", "--from", "400"]);
    let arguments = ["--t", "400", "--count", "2"];
    let drawn = folder.numbers("variations", &[&common as &[&str], &arguments].concat());
    for i in 0..2 {
        let found = distance(drawn.image(i), sampled.image(1 + i));
        assert!(found < ROUNDING, "{i}: {found}");
    }
}

#[test]
fn variations_that_make_no_sense_are_wrong_usage() {
    let folder = Folder::with_model("variations-usage");
    folder.colourful("a.png", [8, 8], 200);
    for (arguments, word) in [
        (
            &["a.png", "--t", "1000"] as &[&str],
            "t: expected a time step of 0 to 999, found 1000",
        ),
        (&["--t", "1000"], "t: expected a time step of 0 to 999"),
        (&["--t", "250", "990"], "t: expected a time step of less"),
        (&["a.png", "--t", "-5"], "--t"),
        (&["a.png", "--t"], "--t"),
        (&["a.png", "--count", "0"], "count"),
        (&["a.png", "--count", "-1"], "--count"),
        (&["a.png", "--count", "18446744073709551615"], "count"),
        (&["a.png", "--eta", "1.5"], "eta"),
        (&["a.png", "--method", "sigma_hat", "--eta", "1"], "eta"),
        (&["a.png", "--method", "inversion"], "method"),
        (&["a.png", "--method", "ddpm_noisy", "--no-clip"], "no-clip"),
        (&["a.png", "--out", "a.png"], "out"),
        (&["a.png", "b.png"], "b.png"),
    ] {
        refused(&folder.run("variations", arguments), 2, word);
    }
    let missing = folder.run("variations", &["missing.png"]);
    assert_eq!(missing.status.code(), Some(1));
    assert_eq!(folder.names().len(), 4, "{:?}", folder.names());
}
