//! Damaged files are one-line errors that name the damage, never a panic.

use ddim_web::images::ImageSet;
use ddim_web::train::Checkpoint;

use crate::support::{bar_pixels, checkpoint_of, options, trainer, weights_of};

pub fn idx(count: u32, rows: u32, columns: u32, pixels: &[u8]) -> Vec<u8> {
    let header = [0x803, count, rows, columns];
    header
        .iter()
        .flat_map(|n| n.to_be_bytes())
        .chain(pixels.iter().copied())
        .collect()
}

fn idx_error(bytes: &[u8]) -> String {
    ImageSet::from_idx(bytes.to_vec()).unwrap_err().to_string()
}

fn checkpoint_error(bytes: &[u8]) -> String {
    Checkpoint::from_bytes(bytes)
        .expect_err("refused")
        .to_string()
}

#[test]
fn an_idx_file_is_read_as_it_is() {
    let pixels = bar_pixels(5, 6);
    let set = ImageSet::from_idx(idx(5, 6, 6, &pixels)).unwrap();
    assert_eq!((set.count(), set.shape()), (5, [1, 6, 6]));
    assert_eq!(set.image(2), &pixels[72..108]);
}

#[test]
fn damaged_idx_files_are_named() {
    let good = idx(5, 6, 6, &bar_pixels(5, 6));
    for (bytes, word) in [
        (Vec::new(), "empty"),
        (b"<html>".to_vec(), "3c68746d"),
        (vec![0x1F, 0x8B, 8, 0], "gzip"),
        (
            [0, 0, 8, 1].iter().chain(&good[4..]).copied().collect(),
            "labels",
        ),
        (good[..9].to_vec(), "16 bytes"),
        (good[..100].to_vec(), "found 84"),
        ([&good[..], &[0]].concat(), "found 181"),
        (idx(0, 6, 6, &[]), "count"),
        (idx(5, 0, 6, &[]), "height"),
        (idx(1, 6, 5000, &[]), "width"),
        (idx(u32::MAX, 4096, 4096, &[]), "bytes"),
        (idx(u32::MAX, u32::MAX, u32::MAX, &[]), "height"),
    ] {
        let text = idx_error(&bytes);
        assert!(
            text.contains(word) && !text.contains('\n'),
            "{word}: {text}"
        );
    }
}

#[test]
fn every_truncation_of_a_checkpoint_is_refused() {
    let bytes = checkpoint_of(&mut trainer(options(1)));
    for len in (0..bytes.len()).step_by(bytes.len() / 97) {
        let text = checkpoint_error(&bytes[..len]);
        assert!(
            text.starts_with("checkpoint:") && !text.contains('\n'),
            "{len}: {text}"
        );
    }
}

#[test]
fn a_changed_byte_anywhere_in_the_tensors_is_refused() {
    let bytes = checkpoint_of(&mut trainer(options(1)));
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    for at in (header..bytes.len()).step_by((bytes.len() - header) / 23) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert_eq!(
            checkpoint_error(&damaged),
            "checkpoint: damaged: its contents do not have the hash that was written with them"
        );
    }
}

#[test]
fn a_changed_byte_in_the_header_never_panics() {
    let bytes = checkpoint_of(&mut trainer(options(1)));
    let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    for at in (0..header).step_by(header / 211) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x01;
        if let Err(error) = Checkpoint::from_bytes(&damaged) {
            assert!(!error.to_string().contains('\n'), "{at}: {error}");
        }
    }
}

#[test]
fn an_edited_option_in_the_header_is_refused() {
    let bytes = checkpoint_of(&mut trainer(options(1)));
    for (from, to) in [(r#"\"lr\":"#, r#"\"lr\":1"#), ("epsilon", "esilonp")] {
        let at = bytes
            .windows(from.len())
            .position(|window| window == from.as_bytes())
            .unwrap();
        // As many bytes as before: the digit that is there is replaced.
        let mut edited = bytes.clone();
        edited[at..at + to.len()].copy_from_slice(to.as_bytes());
        if edited == bytes {
            edited[at + to.len() - 1] = b'2';
        }
        assert_eq!(
            checkpoint_error(&edited),
            "checkpoint: damaged: its contents do not have the hash that was written with them"
        );
    }
}

#[test]
fn foreign_files_are_no_checkpoints() {
    let weights = weights_of(&mut trainer(options(1)));
    assert!(checkpoint_error(&weights).contains("without the entry"));
    assert!(checkpoint_error(b"<html>").contains("found 6 bytes"));
    let mut long = vec![0xFF; 64];
    long[7] = 0x0F;
    assert!(checkpoint_error(&long).contains("checkpoint of ddim-web"));
}
