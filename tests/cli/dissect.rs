//! `ddim-web dissect`.

use ddim_web::scheduler::{SchedulerClass, SchedulerConfig};
use image::{RgbImage, imageops};

use super::support::{Folder, refused, size_of_png};

/// A table has six digits.
const DIGITS: f64 = 2e-6;

/// The rows of the table in `text`, without its head.
fn table(text: &str) -> Vec<Vec<String>> {
    let row = |line: &str| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_string()).collect()
    };
    let rows = text.lines().filter(|line| line.starts_with('|'));
    rows.skip(2).map(row).collect()
}

/// Image `column` of `row` on a sheet whose rows have names of `letters` letters.
fn tile(sheet: &RgbImage, letters: u32, row: u32, column: u32) -> RgbImage {
    let (left, top) = (12 + 8 * letters + 10, 12 + 20);
    imageops::crop_imm(sheet, left + 98 * column, top + 118 * row, 96, 96).to_image()
}

#[test]
fn the_squares_of_the_three_factors_add_up_to_one_and_sigma_is_that_of_equation_16() {
    let folder = Folder::with_model("factors");
    let steps = ["--steps", "10", "--eta", "0.5", "--step", "10", "1", "4"];
    let rows = table(&folder.said("dissect", &steps));
    assert_eq!(rows.len(), 3);
    let levels = rows.iter().map(|row| row[..3].join(" "));
    let levels: Vec<String> = levels.collect();
    assert_eq!(levels, ["1 900 800", "4 600 500", "10 0 x_0"]);
    let scheduler = SchedulerConfig::new(SchedulerClass::Ddim);
    let schedule = scheduler.schedule().unwrap();
    for row in &rows {
        let [a, b, sigma] = [3, 4, 5].map(|i| row[i].parse::<f64>().unwrap());
        let sum = a * a + b * b + sigma * sigma;
        assert!((sum - 1.0).abs() < 3.0 * DIGITS, "{row:?}: {sum}");
        let now = schedule.alpha_bar(row[1].parse().unwrap());
        let next = row[2].parse().map_or(1.0, |t| schedule.alpha_bar(t));
        let expected = 0.5 * ((1.0 - next) / (1.0 - now) * (1.0 - now / next)).sqrt();
        assert!((sigma - expected).abs() < DIGITS, "{row:?}: {expected}");
        assert!((a - next.sqrt()).abs() < DIGITS, "{row:?}");
    }
    // Six images of 96 × 96 in a row, “step 10/10” at the left; names above, captions below each row.
    assert_eq!(
        size_of_png(&folder.path("dissection.png")),
        (
            12 + 10 * 8 + 10 + 6 * 98 - 2 + 12,
            12 + 20 + 3 * 118 - 2 + 12
        )
    );
}

#[test]
fn a_row_begins_where_the_row_before_it_ends_and_the_last_one_ends_with_the_image_of_sample() {
    let folder = Folder::with_model("rows");
    let common = ["--steps", "4", "--eta", "1", "--seed", "5"];
    let rows = ["--step", "2", "3", "4", "4", "--image", "2"];
    folder.said("dissect", &[&common as &[&str], &rows].concat());
    let sheet = folder.picture("dissection.png");
    let [x_t, x_next] = [0, 5];
    for row in 1..3 {
        assert_eq!(tile(&sheet, 8, row, x_t), tile(&sheet, 8, row - 1, x_next));
        assert_ne!(tile(&sheet, 8, row, x_t), tile(&sheet, 8, row, x_next));
    }
    let sampled = [&common as &[&str], &["--count", "2"]].concat();
    let images = folder.numbers("sample", &sampled);
    let last = tile(&sheet, 8, 2, x_next);
    for (i, value) in images.image(1).iter().enumerate() {
        let (channel, y, x) = (i / 64, i as u32 / 8 % 8, i as u32 % 8);
        let found = f32::from(last.get_pixel(12 * x + 6, 12 * y + 6)[channel]);
        let expected = (value.clamp(-1.0, 1.0) + 1.0) * 127.5;
        assert!((found - expected).abs() < 0.6, "{i}: {found} {expected}");
    }
}

#[test]
fn dissections_that_make_no_sense_are_wrong_usage() {
    let folder = Folder::with_model("dissect-usage");
    for (arguments, word) in [
        (&["--step", "0"] as &[&str], "step: expected 1 to 50"),
        (&["--step", "51"], "step: expected 1 to 50"),
        (&["--step", "1", "51"], "found 51"),
        (&["--step", "-1"], "--step"),
        (&["--step"], "--step"),
        (&["--image", "0"], "--image"),
        (&["--steps", "0"], "steps"),
        (&["--eta", "2"], "eta"),
        (&["--method", "inversion"], "leads to images"),
        (&["--method", "inversion_strict"], "leads to images"),
        (&["--method", "ddpm_noisy", "--no-clip"], "no-clip"),
        (&["--size", "4096", "4096"], "too large"),
        (&["--out", "sheet.jpg"], "out"),
    ] {
        refused(&folder.run("dissect", arguments), 2, word);
    }
    assert_eq!(folder.names().len(), 3, "{:?}", folder.names());
}
