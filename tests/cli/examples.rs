//! The examples of the library, against the program.

use std::fs;

use super::support::Folder;

#[allow(dead_code)] // Its `main` is Cargo's.
#[path = "../../examples/sample.rs"]
mod sample;
#[allow(dead_code)]
#[path = "../../examples/train.rs"]
mod train;

#[test]
fn sample_draws_what_the_program_draws() {
    let folder = Folder::with_model("example-sample");
    let out = folder.path("pictures.ppm");
    sample::sample(&folder.0, &out).unwrap();
    let numbers = folder.numbers("sample", &["--steps", "20", "--count", "4"]);
    let head = b"P6\n8 32\n255\n";
    let file = fs::read(out).unwrap();
    let pixels = file.strip_prefix(head).unwrap();
    assert_eq!(pixels.len(), numbers.values.len());
    let (plane, image) = (8 * 8, 3 * 8 * 8);
    for (at, level) in pixels.iter().enumerate() {
        let (picture, pixel, channel) = (at / image, at / 3 % plane, at % 3);
        let value = numbers.values[picture * image + channel * plane + pixel];
        let expected = ((value.clamp(-1.0, 1.0) + 1.0) * 127.5).round();
        assert_eq!(f32::from(*level), expected, "at {at}");
    }
}

#[test]
fn train_learns_and_leaves_a_model_that_the_program_reads() {
    let folder = Folder::new("example-train");
    let losses = train::train(&folder.0, 30).unwrap();
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    assert_eq!(losses.len(), 30);
    let (first, last) = (mean(&losses[..5]), mean(&losses[25..]));
    assert!(last < 0.7 * first, "{first} and then {last}");
    let numbers = folder.numbers("sample", &["--steps", "2", "--count", "1"]);
    assert_eq!(numbers.shape, [1, 3, 16, 16]);
}
