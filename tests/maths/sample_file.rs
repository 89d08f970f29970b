//! Files of pictures and noise, against the format's own description (a length, a JSON header, the bytes).

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::HashMap;

use ddim_web::sample_file::{Sample, write};
use serde_json::{Value, json};

fn metadata() -> HashMap<String, String> {
    [("seed", "3"), ("model", "Gauß \"1\"\n")]
        .map(|(key, value)| (key.into(), value.into()))
        .into()
}

/// A file of `header` and `bytes`.
fn file(header: &str, bytes: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), bytes].concat()
}

#[test]
fn a_written_file_has_the_layout_of_the_format() {
    let values: Vec<f32> = (0..6).map(|i| i as f32 / 3.0).collect();
    let bytes = write(&values, &[1, 1, 2, 3], metadata()).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let expected = json!({
        "__metadata__": {"seed": "3", "model": "Gauß \"1\"\n"},
        "sample": {"dtype": "F32", "shape": [1, 1, 2, 3], "data_offsets": [0, 24]},
    });
    assert_eq!(header, expected);
    let tail: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(bytes[8 + length..], tail);
    let read = Sample::read(&bytes).unwrap();
    assert_eq!((read.shape, &read.values), ([1, 1, 2, 3], &values));
    assert_eq!(read.metadata, metadata());
    let plain = write(&values, &[1, 1, 2, 3], HashMap::new()).unwrap();
    assert!(!plain.windows(8).any(|w| w == b"metadata"));
    assert!(Sample::read(&plain).unwrap().metadata.is_empty());
}

#[test]
fn numbers_that_do_not_fill_a_shape_make_no_file() {
    for (shape, word) in [
        (
            &[6][..],
            "expected [batch, channels, height, width], found [6]",
        ),
        (
            &[1, 1, 2, 2],
            "expected the values of [1, 1, 2, 2], found 6",
        ),
        (&[0, 1, 2, 3], "at least one image"),
        (&[usize::MAX, usize::MAX, 2, 3], "found 6"),
    ] {
        let text = write(&[0.0; 6], shape, HashMap::new())
            .unwrap_err()
            .to_string();
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn every_malformed_file_is_an_error_in_one_line() {
    let whole = write(&[0.5; 6], &[1, 1, 2, 3], metadata()).unwrap();
    let refused = |bytes: &[u8], word: &str| {
        let text = Sample::read(bytes).unwrap_err().to_string();
        assert!(
            text.contains(word) && !text.contains('\n'),
            "{word}: {text}"
        );
    };
    for end in 0..whole.len() {
        refused(&whole[..end], "expected a .safetensors file");
    }
    let tensor = |name: &str, dtype: &str, shape: &str, bytes: usize| {
        let header = format!(
            r#"{{"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{bytes}]}}}}"#
        );
        file(&header, &vec![0; bytes])
    };
    refused(&tensor("x\\ny", "F32", "[1,1,1,1]", 4), "named sample");
    refused(&tensor("sample", "F32", "[1,1]", 4), "[batch, channels");
    refused(
        &tensor("sample", "F16", "[1,1,1,2]", 4),
        "expected F32, found F16",
    );
    refused(
        &tensor("sample", "F32", "[1,0,1,1]", 0),
        "at least one image",
    );
    refused(
        &tensor("sample", "F32", "[1,1,1,2]", 4),
        "expected a .safetensors file",
    );
    refused(
        &tensor("sample", "F32", "[4294967296,4294967296,4,1]", 4),
        "expected a .safetensors",
    );
    refused(&file("{}", b""), "named sample");
    refused(&file("null", b""), "expected a .safetensors file");
    refused(
        &file("{\"sample\":\n\n3}", b""),
        "expected a .safetensors file",
    );
    refused(&[0xff; 40], "expected a .safetensors file");
    refused(
        b"<!doctype html>\n<title>404</title>\n",
        "expected a .safetensors file",
    );
    let nan = write(&[f32::NAN; 6], &[1, 1, 2, 3], HashMap::new()).unwrap();
    refused(&nan, "finite numbers, found NaN");
    // Any one byte of the header.
    for i in 0..whole.len() - 24 {
        for byte in [0, b'"', b'9', 0xff] {
            let mut damaged = whole.clone();
            damaged[i] = byte;
            if let Err(error) = Sample::read(&damaged) {
                assert!(!error.to_string().contains('\n'));
            }
        }
    }
}
