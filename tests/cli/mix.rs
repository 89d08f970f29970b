//! `ddim-web mix`.

use ddim_web::runs::partial::{mixed, noised};
use ddim_web::scheduler::{SchedulerClass, SchedulerConfig};

use super::support::{Folder, IMAGE, distance, refused, remarks, size_of_png};

/// Rounding: other images stand beside this one in its batch.
const ROUNDING: f32 = 1e-4;

#[test]
fn a_row_is_what_sample_makes_of_the_noised_pictures_and_their_mixtures() {
    let folder = Folder::with_model("mixtures");
    folder.colourful("a.png", [8, 8], 200);
    folder.colourful("b.png", [8, 8], 20);
    let pictures = [folder.image("a.png"), folder.image("b.png")].concat();
    let common = ["--steps", "10", "--eta", "0", "--seed", "4"];
    let arguments = ["a.png", "b.png", "--frames", "3", "--t", "300", "700"];
    let rows = folder.numbers("mix", &[&common as &[&str], &arguments].concat());
    assert_eq!(rows.shape, [6, 3, 8, 8]);
    let scheduler = SchedulerConfig::new(SchedulerClass::Ddim);
    for (row, t) in [300, 700].into_iter().enumerate() {
        let noisy = noised(&scheduler, t, &pictures, IMAGE, 4, 0).unwrap();
        let (a, b) = noisy.split_at(IMAGE);
        let between = mixed(a, b, 3).unwrap();
        folder.write_tensor("x_t.safetensors", &[3, 3, 8, 8], &between);
        let t = t.to_string();
        let latents = ["--latents", "x_t.safetensors", "--from", &t];
        let sampled = folder.numbers("sample", &[&common as &[&str], &latents].concat());
        for i in 0..3 {
            let found = distance(rows.image(3 * row + i), sampled.image(i));
            assert!(found < ROUNDING, "t = {t}, {i}: {found}");
        }
        assert!(distance(rows.image(3 * row), rows.image(3 * row + 2)) > 0.01);
    }
    // Both pictures stand beside the three images; “t = 300” at the left, names above.
    assert_eq!(
        size_of_png(&folder.path("mix.png")),
        (12 + 7 * 8 + 10 + 5 * 98 - 2 + 12, 12 + 20 + 2 * 98 - 2 + 12)
    );
}

#[test]
fn mixtures_that_make_no_sense_are_wrong_usage() {
    let folder = Folder::with_model("mix-usage");
    folder.colourful("a.png", [8, 8], 200);
    folder.colourful("b.png", [8, 8], 20);
    for (more, word) in [
        (&["--frames", "1"] as &[&str], "frames: expected 2 to"),
        (&["--frames", "0"], "frames"),
        (&["--frames", "-1"], "--frames"),
        (&["--frames", "18446744073709551615"], "frames"),
        (
            &["--t", "1000"],
            "t: expected a time step of 0 to 999, found 1000",
        ),
        (&["--t", "-5"], "--t"),
        (&["--steps", "0"], "steps"),
        (&["--method", "inversion"], "method"),
        (&["--out", "b.png"], "out"),
        (&["--save", "b.png"], "save"),
        (&["c.png"], "3 were provided"),
    ] {
        let arguments = [&["a.png", "b.png"], more].concat();
        refused(&folder.run("mix", &arguments), 2, word);
    }
    refused(&folder.run("mix", &["a.png"]), 2, "IMAGE");
    let one = folder.run("mix", &["a.png", "missing.png"]);
    assert_eq!(one.status.code(), Some(1));
    let remarks = remarks(&one);
    assert!(
        remarks.len() == 2 && remarks[0].starts_with("missing.png: skipped"),
        "{remarks:?}"
    );
    assert!(remarks[1].contains("expected 2 pictures"), "{remarks:?}");
    assert_eq!(folder.names().len(), 5, "{:?}", folder.names());
}
