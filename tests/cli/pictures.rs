//! Picture files that are not what they seem: turned, transparent, cut off, of other formats.

use std::fs;
use std::io::Cursor;

use image::{DynamicImage, GrayAlphaImage, ImageFormat, LumaA, Rgb, RgbImage, RgbaImage, imageops};

use super::support::{Folder, refused, remarks};

fn fixture(name: &str) -> String {
    format!(
        "{}/tests/fixtures/pictures/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

/// x_T of the picture `name`: the same for the same pixels.
fn inverted(folder: &Folder, name: &str, more: &[&str]) -> Vec<f32> {
    let arguments = [&[name, "--steps", "1"], more].concat();
    folder.numbers("invert", &arguments).values
}

/// `rgba` on `background`, by the definition: alpha times the colour and the rest of the background.
fn on(rgba: &RgbaImage, background: [u8; 3]) -> RgbImage {
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [rgb @ .., alpha] = rgba.get_pixel(x, y).0;
        let share = f64::from(alpha) / 255.0;
        let mixed = |c: usize| share * f64::from(rgb[c]) + (1.0 - share) * f64::from(background[c]);
        Rgb([0, 1, 2].map(|c| mixed(c).round() as u8))
    })
}

#[test]
fn a_photograph_is_turned_as_its_exif_data_says() {
    let folder = Folder::with_model("exif");
    fs::copy(fixture("exif6.jpg"), folder.path("exif6.jpg")).unwrap();
    // Decoded without a look at the EXIF data; 6 is a quarter turn clockwise.
    let lying = image::open(folder.path("exif6.jpg")).unwrap().into_rgb8();
    imageops::rotate90(&lying)
        .save(folder.path("upright.png"))
        .unwrap();
    lying.save(folder.path("lying.png")).unwrap();
    let upright = inverted(&folder, "upright.png", &[]);
    assert_eq!(inverted(&folder, "exif6.jpg", &[]), upright);
    assert_ne!(inverted(&folder, "lying.png", &[]), upright);
    let output = folder.run("invert", &["exif6.jpg", "--steps", "1"]);
    let said = remarks(&output);
    assert!(
        said[0].starts_with("exif6.jpg: turned as its EXIF data says"),
        "{said:?}"
    );
}

#[test]
fn transparent_parts_show_the_background_and_not_the_colour_that_is_hidden() {
    let folder = Folder::with_model("alpha");
    let rgba = image::open(fixture("rgba-hidden-magenta.png"))
        .unwrap()
        .into_rgba8();
    assert!(
        rgba.pixels()
            .any(|p| p.0[3] == 0 && p.0[0] == 255 && p.0[1] == 0)
    );
    let half = RgbaImage::from_fn(8, 8, |x, y| image::Rgba([200, 10, 90, (32 * x + y) as u8]));
    let grey = GrayAlphaImage::from_fn(8, 8, |x, y| LumaA([(9 * y) as u8, (36 * x) as u8]));
    grey.save(folder.path("grey.png")).unwrap();
    let grey = DynamicImage::ImageLumaA8(grey).into_rgba8();
    for (name, picture) in [
        ("hidden.png", &rgba),
        ("half.png", &half),
        ("grey.png", &grey),
    ] {
        if name != "grey.png" {
            picture.save(folder.path(name)).unwrap();
        }
        for (colour, background) in [("white", [255; 3]), ("#204060", [0x20, 0x40, 0x60])] {
            on(picture, background)
                .save(folder.path("expected.png"))
                .unwrap();
            let found = inverted(&folder, name, &["--background", colour]);
            assert_eq!(
                found,
                inverted(&folder, "expected.png", &[]),
                "{name} on {colour}"
            );
        }
    }
    let output = folder.run("invert", &["half.png", "--steps", "1"]);
    assert_eq!(
        remarks(&output)[0],
        "half.png: transparent parts put on white"
    );
    for colour in ["mauve", "12345", "#12345g", ""] {
        let arguments = ["half.png", "--background", colour];
        refused(&folder.run("invert", &arguments), 2, "background");
    }
}

/// A PNG of two million bytes can unpack to as many thousand: what its head says is asked first.
#[test]
fn a_picture_that_unpacks_to_more_than_there_may_be_is_skipped_before_it_is_read() {
    let folder = Folder::with_model("unpacked");
    let mut png = Vec::new();
    RgbImage::new(1, 1)
        .write_to(&mut Cursor::new(&mut png), ImageFormat::Png)
        .unwrap();
    // Width and height, and the sum over the first chunk.
    let side = 30_000u32.to_be_bytes();
    png[16..24].copy_from_slice(&[side, side].concat());
    let mut sum = flate2::Crc::new();
    sum.update(&png[12..29]);
    png[29..33].copy_from_slice(&sum.sum().to_be_bytes());
    fs::write(folder.path("large.png"), png).unwrap();
    let output = folder.run("invert", &["large.png", "--steps", "1", "--out", "x.png"]);
    let said = remarks(&output);
    let line =
        "large.png: skipped: its 30000 × 30000 pixels take 2575 MiB, of which there may be 512";
    assert!(said.iter().any(|found| found == line), "{said:?}");
}

#[test]
fn a_folder_of_pictures_tells_what_was_changed_and_what_was_left_out() {
    let folder = Folder::with_model("folder");
    let data = folder.path("data");
    fs::create_dir_all(data.join("more")).unwrap();
    for name in ["exif6.jpg", "rgba-hidden-magenta.png", "truncated.jpg"] {
        fs::copy(fixture(name), data.join(name)).unwrap();
    }
    let plain = RgbImage::from_pixel(8, 8, Rgb([1, 2, 3]));
    for name in ["a.png", "b.webp", "c.gif"] {
        plain.save(data.join(name)).unwrap();
    }
    fs::write(data.join("scan.tiff"), "not looked at").unwrap();
    fs::write(data.join("notes.txt"), "not a picture").unwrap();
    let arguments = ["--data", "data", "--count", "1", "--steps", "1"];
    let output = folder.run("nearest", &arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = remarks(&output);
    for line in [
        "data: 1 files of other picture formats are not read (PNG, JPEG, WebP and GIF are)",
        "data: 1 folders inside, which are not looked into",
        "data/truncated.jpg: skipped: cut off: the end of the picture is missing",
        "data: 1 of 5 pictures turned as their EXIF data says",
        "data: 1 of 5 pictures with transparent parts put on white",
        "ddim-web: pictures that could not be read: 1",
    ] {
        assert!(said.iter().any(|found| found == line), "{line}: {said:?}");
    }
}
