//! `ddim-web interpolate`.

use super::support::{Folder, distance, refused, size_of_png};

/// Rounding: other images stand beside this one in its batch.
const ROUNDING: f32 = 1e-4;

#[test]
fn the_ends_of_a_row_are_the_images_of_their_seeds() {
    let folder = Folder::with_model("row");
    let common = ["--steps", "3"];
    let row = folder.numbers(
        "interpolate",
        &[&common as &[&str], &["--seeds", "5", "9", "--frames", "4"]].concat(),
    );
    assert_eq!(row.shape, [4, 3, 8, 8]);
    for (i, seed) in [(0, "5"), (3, "9")] {
        let arguments = [&common as &[&str], &["--seed", seed, "--count", "1"]].concat();
        let alone = folder.numbers("sample", &arguments);
        let found = distance(row.image(i), alone.image(0));
        assert!(found < ROUNDING, "seed {seed}: {found}");
    }
    assert!(distance(row.image(0), row.image(1)) > 0.01);
    // Four images of 96 × 96 with their names above.
    assert_eq!(
        size_of_png(&folder.path("interpolation.png")),
        (12 + 4 * 98 - 2 + 12, 12 + 20 + 96 + 12)
    );
}

#[test]
fn the_corners_of_a_grid_are_the_images_of_their_seeds() {
    let folder = Folder::with_model("corners");
    let seeds = ["1", "2", "3", "4"];
    let arguments = ["--steps", "2", "--frames", "3", "--seeds"];
    let grid = folder.numbers("interpolate", &[&arguments as &[&str], &seeds].concat());
    assert_eq!(grid.shape, [9, 3, 8, 8]);
    for (corner, seed) in [0, 2, 6, 8].into_iter().zip(seeds) {
        let arguments = ["--steps", "2", "--seed", seed, "--count", "1"];
        let alone = folder.numbers("sample", &arguments);
        let found = distance(grid.image(corner), alone.image(0));
        assert!(found < ROUNDING, "seed {seed}: {found}");
    }
    // Names above the upper row and below the lower one.
    assert_eq!(
        size_of_png(&folder.path("interpolation.png")),
        (12 + 3 * 98 - 2 + 12, 12 + 20 + 3 * 98 - 2 + 20 + 12)
    );
}

#[test]
fn the_ends_between_pictures_are_what_their_noise_decodes_to() {
    let folder = Folder::with_model("between");
    for (name, shade) in [("a.png", 40u8), ("b.png", 200)] {
        let picture =
            image::RgbImage::from_fn(8, 8, |x, y| image::Rgb([shade, 30 * x as u8, 30 * y as u8]));
        picture.save(folder.path(name)).unwrap();
    }
    let pictures = ["a.png", "b.png", "--steps", "3"];
    let noise = folder.numbers("invert", &pictures);
    folder.write_tensor("noise.safetensors", &noise.shape, &noise.values);
    let from_noise = ["--latents", "noise.safetensors", "--steps", "3"];
    let mut ends = Vec::new();
    for (interpolated, sampled) in [(None, Some("--no-clip")), (Some("--clip"), None)] {
        let between: Vec<&str> = ["--frames", "3"]
            .into_iter()
            .chain(interpolated)
            .chain(["--images"])
            .chain(pictures)
            .collect();
        let decoding: Vec<&str> = from_noise.into_iter().chain(sampled).collect();
        let row = folder.numbers("interpolate", &between);
        let decoded = folder.numbers("sample", &decoding);
        for (i, end) in [0, 2].into_iter().enumerate() {
            let largest = decoded.image(i).iter().fold(1.0f32, |m, v| m.max(v.abs()));
            let found = distance(row.image(end), decoded.image(i));
            assert!(found < ROUNDING * largest, "picture {i}: {found}");
        }
        ends.push(decoded);
    }
    // Clipping must matter, or it would not be seen where it is left out.
    assert!(distance(ends[0].image(0), ends[1].image(0)) > 0.01);
}

#[test]
fn interpolations_that_make_no_sense_are_wrong_usage() {
    let folder = Folder::with_model("interpolate-usage");
    for (arguments, word) in [
        (&[] as &[&str], "--seeds"),
        (&["--seeds", "1"], "seeds"),
        (&["--seeds", "1", "2", "3"], "seeds"),
        (&["--seeds", "1", "2", "3", "4", "5"], "seeds"),
        (&["--seeds", "1", "-2"], "-2"),
        (
            &["--seeds", "1", "2", "--images", "a.png", "b.png"],
            "--images",
        ),
        (&["--images", "a.png"], "images"),
        (&[], "--images"),
        (&["--seeds", "1", "2", "--clip"], "--clip"),
        (&["--seeds", "1", "2", "--frames", "1"], "frames"),
        (&["--seeds", "1", "2", "--frames", "-1"], "--frames"),
        (&["--seeds", "1", "2", "--frames", "1025"], "frames"),
        (&["--seeds", "1", "2", "3", "4", "--frames", "33"], "frames"),
        (&["--seeds", "1", "2", "--steps", "0"], "steps"),
        (&["--seeds", "1", "2", "--steps", "1001"], "steps"),
        (&["--seeds", "1", "2", "--tau", "list:2000"], "tau"),
        (&["--seeds", "1", "2", "--size", "0", "8"], "height"),
        (&["--seeds", "1", "2", "--size", "8", "65536"], "width"),
    ] {
        refused(&folder.run("interpolate", arguments), 2, word);
    }
    assert_eq!(folder.names().len(), 3, "{:?}", folder.names());
    std::fs::write(folder.path("broken.png"), "no picture").unwrap();
    let output = folder.run("interpolate", &["--images", "broken.png", "missing.png"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    for word in [
        "broken.png: skipped",
        "missing.png: skipped",
        "none of the 2",
    ] {
        assert!(text.contains(word), "{text}");
    }
}
