//! `ddim-web compare`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use super::support::{Folder, distance, refused, size_of_png};

/// Rounding: other images stand beside this one in its batch.
const ROUNDING: f32 = 1e-4;

#[test]
fn every_cell_is_the_image_that_sample_makes_with_these_settings() {
    let folder = Folder::with_model("compare");
    let compared = folder.numbers(
        "compare",
        &[
            "--seed",
            "3",
            "--steps",
            "2",
            "4",
            "--eta",
            "0",
            "0.5",
            "sigma_hat",
            "--count",
            "2",
            "--out",
            "sheet.png",
        ],
    );
    assert_eq!(compared.shape, [12, 3, 8, 8]);
    let settings: [&[&str]; 3] = [
        &["--eta", "0"],
        &["--eta", "0.5"],
        &["--method", "sigma_hat"],
    ];
    for (row, steps) in ["2", "4"].into_iter().enumerate() {
        for (column, setting) in settings.into_iter().enumerate() {
            let common = ["--seed", "3", "--count", "2", "--steps", steps];
            let alone = folder.numbers("sample", &[&common, setting].concat());
            for i in 0..2 {
                let cell = compared.image(i * 6 + row * 3 + column);
                let found = distance(cell, alone.image(i));
                assert!(
                    found < ROUNDING,
                    "image {i}, S = {steps}, {setting:?}: {found}"
                );
            }
        }
    }
    // The settings must matter, or the test above would pass with any order of the cells.
    assert!(distance(compared.image(0), compared.image(1)) > 0.01);
    assert!(distance(compared.image(0), compared.image(3)) > 0.01);
    assert!(distance(compared.image(0), compared.image(6)) > 0.01);
    // Two blocks of 3 × 2 images of 96 × 96, 2 and 22 pixels apart; “S = 2” at the left, two lines on top.
    let block = 3 * 98 - 2;
    assert_eq!(
        size_of_png(&folder.path("sheet.png")),
        (
            12 + 5 * 8 + 10 + 2 * block + 22 + 12,
            12 + 2 * 20 + 2 * 98 - 2 + 12
        )
    );
}

#[test]
fn a_tau_that_fixes_its_number_of_steps_is_one_row() {
    let folder = Folder::with_model("compare-tau");
    let arguments = ["--tau", "list:0,500,900", "--eta", "0", "--count", "1"];
    assert_eq!(folder.numbers("compare", &arguments).shape, [1, 3, 8, 8]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_comparison_says_so_and_writes_nothing() {
    let folder = Folder::with_model("compare-stop");
    let mut program = Command::new(env!("CARGO_BIN_EXE_ddim-web"))
        .args(["compare", "--quiet", "--model", ".", "--count", "100"])
        .args(["--steps", "1000", "--eta", "0", "1"])
        .current_dir(&folder.0)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Ctrl-C is watched for before the model is loaded, which this line ends.
    let mut errors = BufReader::new(program.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("parameters on") {
        assert!(errors.read_line(&mut text).unwrap() > 0, "{text}");
    }
    let number = program.id().to_string();
    let told = Command::new("kill").args(["-INT", &number]).status();
    assert!(told.unwrap().success());
    assert_eq!(program.wait().unwrap().code(), Some(1));
    errors.read_to_string(&mut text).unwrap();
    assert!(text.contains("stopped before the end"), "{text}");
    assert_eq!(folder.names().len(), 3, "{:?}", folder.names());
}

#[test]
fn comparisons_that_make_no_sense_are_wrong_usage() {
    let folder = Folder::with_model("compare-usage");
    for (arguments, word) in [
        (&["--steps", "10", "0"] as &[&str], "steps"),
        (&["--steps", "10", "1001"], "steps"),
        (&["--eta", "2"], "eta"),
        (&["--eta", "-1"], "eta"),
        (&["--eta", "NaN"], "eta"),
        (&["--eta", "much"], "sigma_hat"),
        (&["--tau", "sideways"], "tau"),
        (&["--tau", "list:5,5"], "tau"),
        (&["--count", "0"], "count"),
        (&["--count", "65"], "count"),
        (&["--count", "18446744073709551615"], "count"),
        (&["--steps"], "--steps"),
        (&["--size", "0", "0"], "height"),
        (&["--size", "65536", "65536"], "height"),
        (&["--size", "4096", "4096"], "too large"),
        (&["--size", "1024", "1024", "--count", "12"], "pixels"),
    ] {
        refused(&folder.run("compare", arguments), 2, word);
    }
    assert_eq!(folder.names().len(), 3, "{:?}", folder.names());
}
