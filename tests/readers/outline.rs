//! What is known of a model before its weights are read.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use ddim_web::model_files::{Needs, Outline, fit, outline};

use crate::layouts::{files_of, open};

/// The files of a layout, and the names of those that were opened.
fn look(files: &[(String, Vec<u8>)]) -> (Result<Outline, String>, Vec<String>) {
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    let mut opened = Vec::new();
    let found = outline(&names, &mut |name| {
        opened.push(name.to_string());
        let file = files.iter().find(|(file, _)| file == name);
        Ok(Cow::Borrowed(file.map_or(&[], |(_, bytes)| bytes)))
    });
    (found.map_err(|error| error.to_string()), opened)
}

/// The bytes of a `.safetensors` file up to the end of its header.
fn header(bytes: &[u8]) -> &[u8] {
    let (length, _) = bytes.split_first_chunk::<8>().unwrap();
    &bytes[..8 + u64::from_le_bytes(*length) as usize]
}

#[test]
fn an_outline_is_what_reading_gives_and_opens_no_weights() {
    for name in ["flat", "pipeline", "sharded", "fp16", "checkpoint"] {
        let files = files_of(name);
        let (found, opened) = look(&files);
        let (found, whole) = (found.unwrap(), open(name).unwrap());
        assert_eq!(found.config, whole.config, "{name}");
        assert_eq!(found.scheduler, whole.scheduler, "{name}");
        assert_eq!(found.classes, whole.classes, "{name}");
        assert!(whole.notes.starts_with(&found.notes), "{name}");
        for file in &opened {
            assert!(file.ends_with(".json"), "{name}: {file}");
            assert!(!found.weights.contains(file), "{name}: {file}");
        }
        let bytes = |name: &String| &files.iter().find(|(file, _)| file == name).unwrap().1;
        if !found
            .weights
            .iter()
            .all(|name| name.ends_with(".safetensors"))
        {
            continue;
        }
        assert_eq!(found.weights.len(), if name == "sharded" { 3 } else { 1 });
        let starts: Vec<_> = (found.weights.iter())
            .map(|name| (header(bytes(name)), Some(bytes(name).len() as u64)))
            .collect();
        assert_eq!(fit(&found.config, &starts).unwrap(), [""; 0], "{name}");
        let first = [starts[0]];
        let alone = fit(&found.config, &first);
        assert_eq!(alone.is_ok(), starts.len() == 1, "{name}: {alone:?}");
    }
}

#[test]
fn the_first_bytes_of_weights_tell_what_is_wrong_with_them() {
    let files = files_of("flat");
    let config = look(&files).0.unwrap().config;
    let weights = &files[1].1;
    let whole = Some(weights.len() as u64);
    let told =
        |config: &str, start: &[u8], size| fit(config, &[(start, size)]).unwrap_err().to_string();
    let renamed = |from: &str, to: &str| {
        let text = String::from_utf8(header(weights)[8..].to_vec()).unwrap();
        let text = text.replace(from, to);
        [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
    };
    for (message, expected) in [
        (
            told(&config, header(weights), Some(100)),
            "100 bytes, not what the header announces",
        ),
        (told(&config, &weights[..20], whole), "truncated"),
        (told(&config, &weights[..5], whole), "a damaged one"),
        (told(&config, b"", None), "an empty file"),
        (told(&config, b"<!doctype html>", None), "a web page"),
        (
            told(&config, b"version https://git-lfs.github.com/spec/v1", None),
            "Git LFS pointer",
        ),
        (
            told(&config, &u64::MAX.to_le_bytes(), None),
            "a header length of 18446744073709551615",
        ),
        (
            told(&config, &renamed("conv_out.bias", "conv_out.base"), None),
            "missing conv_out.bias",
        ),
        (
            told(&config, &renamed("conv_out.bias", "init_conv.bias"), None),
            "lucidrains",
        ),
        (
            told(
                &config.replace("\n    8,\n    8\n", "8, 16"),
                header(weights),
                whole,
            ),
            "wrong shape",
        ),
    ] {
        assert!(message.contains(expected), "{expected}: {message}");
        assert!(message.len() <= 500 && !message.contains('\n'), "{message}");
    }
    // Where nobody knows how large the file is, its header says enough.
    assert!(fit(&config, &[(header(weights), None)]).is_ok());
}

#[test]
fn a_network_without_a_config_is_named_by_its_header() {
    let text =
        br#"{"module.init_conv.weight":{"dtype":"F32","shape":[1000],"data_offsets":[0,4000]}}"#;
    let start = [&(text.len() as u64).to_le_bytes()[..], text].concat();
    let (found, _) = look(&[("unet.safetensors".into(), start)]);
    let message = found.unwrap_err();
    assert!(message.contains("lucidrains"), "{message}");
}

#[test]
fn pictures_that_no_memory_holds_are_refused_in_words() {
    let mut config: serde_json::Value = serde_json::from_slice(&files_of("flat")[0].1).unwrap();
    config["sample_size"] = 4096.into();
    let message = Needs::of(&config.to_string()).unwrap_err().to_string();
    assert!(message.starts_with("config.json: "), "{message}");
    assert!(message.contains("too large"), "{message}");
    assert!(message.len() <= 500 && !message.contains('\n'), "{message}");
}

#[test]
fn what_a_network_needs_is_known_by_its_config_alone() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/unet");
    let config = fs::read_to_string(folder.join("cifar10-32.json")).unwrap();
    let needs = Needs::of(&config).unwrap();
    // As diffusers counts google/ddpm-cifar10-32.
    assert_eq!(needs.parameters, 35_746_307);
    assert_eq!(needs.picture, Some([3, 32, 32]));
    assert_eq!(needs.classes, None);
    let [whole, half] = needs.card;
    // Channels are filled up to whole vectors of four, and upsampling has four kernels.
    assert!((4 * 35_746_307..5 * 35_746_307).contains(&whole.weights));
    assert_eq!(whole.most(), 2 * half.most());
    // Such a network is put in order when it is loaded, whatever its file has.
    let [whole, half] = needs.processor;
    assert_eq!(
        (whole.weights, whole.features),
        (half.weights, half.features)
    );
    assert_eq!(whole.loading, 4 * 35_746_307);
}
