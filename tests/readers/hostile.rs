//! Files that somebody made to do harm: refused by name, and nothing in them is run.

use std::path::Path;

use ddim_web::model_files::pickle::{Pickle, PickleError};
use ddim_web::model_files::zip::Zip;
use ddim_web::model_files::{read_zip, torch};

use crate::layouts::{files_of, open, zip_of};
use crate::memory::most_of;
use crate::targets::{targets, tiny_tensors};

#[test]
fn a_pickle_that_would_run_something_is_refused_by_its_name() {
    let error = open("hostile").unwrap_err();
    assert!(
        error.contains("posix.system") && error.contains("nothing of it was run"),
        "{error}"
    );
    assert!(!Path::new("/tmp/ddim-web-was-here").exists());
    for (bytes, named) in [
        (&b"cos\nsystem\n(S'ls'\ntR."[..], "os.system"),
        (b"\x8c\x08builtins\x8c\x04eval\x93.", "builtins.eval"),
        (b"(i__main__\nX\n.", "0x69"),
    ] {
        let error = Pickle::read(bytes).unwrap_err().to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn the_format_before_pytorch_1_6_says_how_to_convert() {
    let error = open("legacy").unwrap_err();
    assert!(
        error.contains("before 1.6") && error.contains("safetensors.torch.save_file"),
        "{error}"
    );
}

#[test]
fn depth_loops_and_memos_cost_nothing() {
    let deep = [b"(".repeat(1 << 20), b"t".repeat(1 << 20), b".".to_vec()].concat();
    // A list in itself, and a list of ten of the list before, twenty times over.
    let circle = b"]q\0h\0a.".to_vec();
    let mut bomb = b"]q\0".to_vec();
    for level in 0..20 {
        bomb.extend([b']', b'q', level + 1, b'(']);
        bomb.extend([b'h', level].repeat(10));
        bomb.push(b'e');
    }
    bomb.push(b'.');
    for bytes in [&deep, &circle, &bomb] {
        let (_, bytes) = most_of(|| Pickle::read(bytes).map(|_| ()));
        assert!(bytes < 16 << 20, "{bytes} bytes");
    }
    assert_eq!(Pickle::read(&deep).unwrap_err(), PickleError::TooMany);
}

#[test]
fn an_archive_that_unpacks_to_far_more_is_refused() {
    let files = [
        ("config.json".into(), vec![b' '; 1 << 26]),
        ("model.safetensors".into(), vec![0; 9]),
    ];
    let bomb = zip_of(&files, true);
    let (error, bytes) = most_of(|| read_zip(&bomb).unwrap_err().to_string());
    assert!(error.contains("unpack"), "{error}");
    assert!(bytes < 1 << 20, "{bytes} bytes");
}

#[test]
fn names_that_lead_out_of_an_archive_and_encrypted_entries_are_not_read() {
    let mut files = files_of("flat");
    for (name, _) in &mut files {
        *name = format!("../{name}");
    }
    let error = read_zip(&zip_of(&files, false)).unwrap_err().to_string();
    assert!(error.contains("config.json is missing"), "{error}");

    let mut archive = zip_of(&[("a".into(), vec![1])], false);
    let directory = archive.len() - 22 - 47;
    archive[directory + 8] |= 1;
    let zip = Zip::new(&archive).unwrap();
    let error = zip.read(&zip.entries()[0]).unwrap_err().to_string();
    assert!(error.contains("encrypted"), "{error}");
}

#[test]
fn views_of_one_storage_cannot_multiply_it() {
    // A thousand tensors, each the whole of one storage, turned around so that it has to be gathered.
    let mut pickle = b"}(".to_vec();
    for i in 0..1000u32 {
        pickle.extend(b"X\x04\0\0\0");
        pickle.extend(format!("{i:04}").bytes());
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000N");
        pickle.extend(b"M\x00\x04tQK\0K\x20K\x20\x86K\x01K\x20\x86\x89NtR");
    }
    pickle.extend(b"u.");
    let files = [
        ("a/data.pkl".to_string(), pickle),
        ("a/data/0".to_string(), vec![0; 4096]),
    ];
    let archive = zip_of(&files, false);
    let (read, bytes) = most_of(|| torch::read(&archive).map(|dict| dict.tensors.len()));
    assert!(
        read.unwrap_err()
            .to_string()
            .contains("does not fit its numbers")
    );
    assert!(bytes < 10 * archive.len() + (1 << 20), "{bytes} bytes");
}

#[test]
fn a_file_that_is_all_header_takes_less_than_ten_times_its_length() {
    let mut readers = targets();
    readers.retain(|target| ["safetensors", "sample", "checkpoint"].contains(&target.name));
    for count in [1000, 30_000, 66_000] {
        let file = tiny_tensors(count);
        for target in &readers {
            let (_, bytes) = most_of(|| (target.read)(&file));
            let times = bytes as f64 / file.len() as f64;
            assert!(times < 10.0, "{} {count}: {times:.1} times", target.name);
        }
    }
}
