//! `class_labels.json`: what the hub has, what is written, and what is refused in one line.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use ddim_web::unet::labels::{ClassLabels, LabelsError};

/// As achsaf/ddpm-pixelart-16x16-cond has it.
const HUB: &str = r#"{"label2id": {"front": 2, "back": 0, "item": 1}, "null_class_id": 3}"#;

fn refusal(text: &str) -> String {
    let text = ClassLabels::from_json(text).unwrap_err().to_string();
    assert!(text.len() <= 500 && !text.contains('\n'), "{text}");
    text
}

#[test]
fn names_and_the_null_class_are_read_and_written() {
    let labels = ClassLabels::from_json(HUB).unwrap();
    let names: Vec<_> = labels.iter().collect();
    assert_eq!(names, [(0, "back"), (1, "item"), (2, "front")]);
    assert_eq!(labels.null_class(), Some(3));
    assert_eq!(labels.name(2), Some("front"));
    assert_eq!(labels.name(3), None);
    assert_eq!(labels.class("item"), Some(1));
    assert_eq!(ClassLabels::from_json(&labels.to_json()).unwrap(), labels);
    // Another reader of JSON finds the same.
    let plain: serde_json::Value = serde_json::from_str(&labels.to_json()).unwrap();
    assert_eq!(
        plain,
        serde_json::from_str::<serde_json::Value>(HUB).unwrap()
    );

    for text in [
        r#"["back", "item", "front"]"#,
        r#"{"1": "item", "0": "back", "2": "front"}"#,
    ] {
        let list = ClassLabels::from_json(text).unwrap();
        assert_eq!(list.iter().collect::<Vec<_>>(), names);
        assert_eq!(list.null_class(), None);
    }

    let bare = ClassLabels::from_json(r#"{"label2id": {}}"#).unwrap();
    assert_eq!(bare, ClassLabels::default());
    let new = ClassLabels::new(vec!["back".into(), "item".into(), "front".into()], Some(3));
    assert_eq!(new.unwrap(), labels);
}

#[test]
fn a_class_is_found_by_its_name_before_its_number() {
    let labels = ClassLabels::from_json(r#"{"label2id": {"1": 0, "b": 1}}"#).unwrap();
    assert_eq!(labels.find("1", 3), Ok(0));
    assert_eq!(labels.find("b", 3), Ok(1));
    assert_eq!(labels.find("2", 3), Ok(2));
    for text in ["3", "-1", "", "B", "1.0"] {
        let error = labels.find(text, 3).unwrap_err().to_string();
        let expected = "class: expected 1, b, or a number from 0 to 2, found ";
        assert!(error.starts_with(expected), "{error}");
    }
    let none = ClassLabels::default().find("cat", 10).unwrap_err();
    assert_eq!(
        none.to_string(),
        r#"class: expected a number from 0 to 9, found "cat""#
    );
}

#[test]
fn an_unknown_class_is_refused_in_one_line_however_many_there_are() {
    let names = (0..5000).map(|i| format!("a rather long name of class {i} with ✓"));
    let labels = ClassLabels::new(names.collect(), None).unwrap();
    let error = labels
        .find(&"x".repeat(10_000), 5000)
        .unwrap_err()
        .to_string();
    assert!(error.len() <= 500, "{} bytes", error.len());
    assert!(
        error.contains("class 0 with ✓, ") && error.contains("…, or a number"),
        "{error}"
    );
}

#[test]
fn what_names_no_classes_is_refused_by_field() {
    for (text, words) in [
        ("[]", "not a JSON object"),
        ("", "not a JSON object"),
        (
            r#"{"null_class_id": 0}"#,
            "label2id is missing: expected an object",
        ),
        (r#"{"label2id": ["a"]}"#, r#"found ["a"]"#),
        (r#"{"label2id": {"a": -1}}"#, "integers from 0 on"),
        (r#"{"label2id": {"a": 1.5}}"#, "integers from 0 on"),
        (r#"{"label2id": {"a": 1e300}}"#, "integers from 0 on"),
        (
            r#"{"label2id": {"a": 1, "b": 1}}"#,
            r#"one name for class 1, found "a" and "b""#,
        ),
        (r#"{"label2id": {"": 1}}"#, "names of 1 to 100 bytes"),
        (r#"{"label2id": {"a\nb": 1}}"#, r#"found "a\nb""#),
        (r#"{"label2id": {}, "null_class_id": -1}"#, "null_class_id"),
        (r#"{"label2id": {}, "null_class_id": "a"}"#, "null_class_id"),
    ] {
        let refusal = refusal(text);
        assert!(
            refusal.starts_with("class_labels.json: ") && refusal.contains(words),
            "{refusal}"
        );
    }
    refusal(&format!(r#"{{"label2id": {{"{}": 1}}}}"#, "x".repeat(9999)));
    let same = ClassLabels::new(vec!["a".into(), "b".into(), "a".into()], None).unwrap_err();
    assert!(same.to_string().contains(r#""a" for 0 and 2"#), "{same}");
}

#[test]
fn classes_that_the_network_does_not_have_are_refused() {
    let labels = ClassLabels::from_json(HUB).unwrap();
    labels.check(4).unwrap();
    let refused = |classes, field, found| {
        assert!(matches!(
            labels.check(classes),
            Err(LabelsError::Class { field: f, found: n, .. }) if f == field && n == found
        ));
    };
    refused(3, "null_class_id", 3);
    refused(2, "label2id", 2);
}
