//! The functions of `pkg/figures/`, and the options of a run that are new to JavaScript, called as JavaScript calls them.
#![cfg(target_arch = "wasm32")]

use ddim_web::allocate::reserved;
use ddim_web::noise::gaussians;
use ddim_web::web::{
    Kind, WebChain, WebDenoiser, WebError, at, beta_schedules, between, check_weights,
    from_safetensors, levels, marginals, network_needs, noise, outline_model, read_model,
    reconstruction_error, statistics, to_safetensors, weights,
};
use js_sys::{Array, Float32Array, Float64Array, JSON, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{CLASSES, GREY_28};
use crate::rule;

fn get(object: &JsValue, key: &str) -> JsValue {
    Reflect::get(object, &key.into()).unwrap()
}

fn parse(json: &str) -> JsValue {
    JSON::parse(json).unwrap()
}

fn stringify(value: &JsValue) -> String {
    JSON::stringify(value).unwrap().into()
}

/// The message of what was refused, in one line.
fn refusal<T>(result: Result<T, WebError>) -> String {
    let message = result.err().expect("this must be refused").message;
    assert!(!message.contains('\n'), "{message}");
    message
}

fn given<T>(result: Result<T, WebError>) -> T {
    result.map_err(|error| error.message).unwrap()
}

/// Numbers as JavaScript hands them over.
fn list<T: JsCast>(values: &[f32]) -> T {
    Float32Array::from(values).unchecked_into()
}

/// Noises, the same.
fn lists<T: JsCast>(noises: &[Float32Array]) -> T {
    noises.iter().collect::<Array>().unchecked_into()
}

fn doubles(object: &JsValue, key: &str) -> Vec<f64> {
    get(object, key)
        .dyn_into::<Float64Array>()
        .unwrap()
        .to_vec()
}

#[wasm_bindgen_test]
fn noise_is_that_of_a_run_and_a_place_between_two_that_of_the_grid() {
    let x_t = given(noise(5.0, 2.0, 3.0, 4.0)).to_vec();
    assert_eq!(x_t, gaussians(5, 2, 0, [3, 4]));
    let ends = || x_t.chunks(4).map(Float32Array::from).collect::<Vec<_>>();
    let row = given(between(lists(&ends()[..2]), 1.0, 3.0)).to_vec();
    assert_eq!(
        given(at(lists(&ends()[..2]), 0.5, None)).to_vec(),
        row[4..8]
    );
    assert!(refusal(at(lists(&ends()), 0.5, None)).contains("ends"));
    assert!(refusal(at(lists(&ends()[..2]), f64::NAN, None)).contains("weight from 0 to 1"));
    for (result, word) in [
        (noise(-1.0, 0.0, 1.0, 1.0), "seed"),
        (noise(0.0, 0.5, 1.0, 1.0), "first_image"),
        (
            noise(0.0, 0.0, 1e6, 1e6),
            "count: expected at most 134 images",
        ),
        (noise(0.0, 0.0, 1.0, f64::NAN), "image"),
    ] {
        let text = refusal(result);
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[wasm_bindgen_test]
fn a_schedule_has_its_levels_and_weights() {
    assert_eq!(beta_schedules().len(), 8);
    for name in beta_schedules() {
        let found: JsValue = given(levels(&format!(r#"{{"beta_schedule": "{name}"}}"#))).into();
        let alpha_bar = doubles(&found, "alpha_bar");
        assert_eq!(
            (alpha_bar.len(), doubles(&found, "beta").len()),
            (1000, 1000)
        );
        assert!(
            (doubles(&found, "snr")[500] - alpha_bar[500] / (1.0 - alpha_bar[500])).abs() < 1e-12
        );
    }
    let found: Object = JsValue::from(given(weights("{}", Some(1.0)))).unchecked_into();
    let keys = Object::keys(&found);
    assert_eq!(stringify(&keys), r#"["simple","bound","min_snr","x0","v"]"#);
    assert!(Object::values(&found).iter().all(|list: JsValue| {
        let list: Float64Array = list.dyn_into().unwrap();
        list.length() == 1000 && list.to_vec().iter().all(|w| *w > 0.0)
    }));
    assert!(refusal(levels("[]")).contains("scheduler_config.json"));
    assert!(refusal(weights("{}", Some(2.0))).contains("eta"));
}

#[wasm_bindgen_test]
fn a_chain_is_walked_with_a_slider() {
    let begin = |seed| WebChain::new("{}", list(&[0.5; 6]), seed, None);
    let mut chain = given(begin(1.0));
    let far = given(chain.advance(30.0)).to_vec();
    let near = given(chain.advance(29.0)).to_vec();
    assert_eq!(given(given(begin(1.0)).advance(29.0)).to_vec(), near);
    assert_eq!(given(chain.advance(30.0)).to_vec(), far);
    for (t, word) in [
        (1000.0, "0 to 999"),
        (-1.0, "integer"),
        (f64::NAN, "integer"),
    ] {
        assert!(refusal(chain.advance(t)).contains(word));
    }
    assert!(refusal(begin(0.5)).contains("seed"));
    assert!(refusal(WebChain::new("", list(&[]), 0.0, None)).contains("scheduler_config.json"));
    assert_eq!(
        given(given(WebChain::new("{}", list(&[]), 0.0, None)).advance(9.0)).length(),
        0
    );
}

#[wasm_bindgen_test]
fn statistics_are_a_plain_object() {
    let found: JsValue = given(statistics(list(&[0.0; 4]), 1.0, 2.0, 2.0)).into();
    let text = stringify(&found);
    let (moments, ks) = text.split_at(text.find("\"ks\"").unwrap());
    assert_eq!(
        moments,
        r#"{"count":4,"mean":0,"variance":0,"skewness":null,"excess_kurtosis":null,"correlation_right":null,"correlation_down":null,"#
    );
    assert!(ks.starts_with(r#""ks":0.5,"ks_p":0.26999967"#) && ks.ends_with(r#","norm":0}"#));
    assert!(refusal(statistics(list(&[0.0; 4]), 1.0, 3.0, 2.0)).contains("found 4"));
    assert!(refusal(statistics(list(&[]), 0.0, 0.0, 0.0)).contains("values"));
    assert!(refusal(statistics(list(&[f32::NAN]), 1.0, 1.0, 1.0)).contains("finite"));
    assert!(refusal(statistics(list(&[1.0]), 0.5, 1.0, 1.0)).contains("channels"));
}

#[wasm_bindgen_test]
fn the_reconstruction_error_is_that_of_values_from_0_to_1() {
    let found = given(reconstruction_error(list(&[-1.0, 1.0]), list(&[1.0, 1.0])));
    assert_eq!(found, 0.5);
    assert!(refusal(reconstruction_error(list(&[]), list(&[]))).contains("two pictures"));
    assert!(refusal(reconstruction_error(list(&[1.0]), list(&[]))).contains("1 and 0"));
}

#[wasm_bindgen_test]
fn points_have_a_state_at_every_time_step() {
    let options = |json| parse(json).into();
    let points = |x_0: &[f64]| Float64Array::from(x_0).unchecked_into();
    let json = r#"{"scheduler": "{}", "steps": 4, "eta": 0.5}"#;
    let found: JsValue = given(marginals(options(json), points(&[0.1, -0.2]), 1.0)).into();
    assert_eq!(stringify(&get(&found, "t")), "[750,500,250,0]");
    let x: Array = get(&found, "x").dyn_into().unwrap();
    assert_eq!(x.length(), 4);
    assert!(
        x.iter()
            .all(|x| x.dyn_into::<Float64Array>().unwrap().length() == 2)
    );
    let json = r#"{"scheduler": "{}", "method": "inversion", "clip": false}"#;
    assert!(refusal(marginals(options(json), points(&[0.0]), 1.0)).contains("method"));
    let json = r#"{"scheduler": "{}"}"#;
    assert!(refusal(marginals(options(json), points(&[f64::NAN]), 1.0)).contains("x_0"));
    assert!(refusal(marginals(options(json), points(&[0.0]), -1.0)).contains("seed"));
}

/// What a page hands over may be anything, and more than there is memory for.
#[wasm_bindgen_test]
fn a_list_that_is_none_or_too_long_is_refused_and_the_instance_goes_on() {
    let error = statistics(JsValue::from("no").unchecked_into(), 1.0, 1.0, 1.0);
    assert!(refusal(error).contains("values: expected a Float32Array"));
    let ends: Array = (0..5).map(|_| Float32Array::new_with_length(1)).collect();
    assert!(refusal(at(ends.unchecked_into(), 0.5, None)).contains("ends: expected at most 4"));
    assert!(refusal(at(JsValue::NULL.unchecked_into(), 0.5, None)).contains("ends"));
    let numbers: Array = [0.5, -0.5].map(JsValue::from).iter().collect();
    assert!(given(statistics(numbers.unchecked_into(), 1.0, 1.0, 2.0)).is_object());
    // Not in memory before it is looked at.
    let endless = Float32Array::new_with_length(1 << 30);
    let error = statistics(endless.unchecked_into(), 1.0, 1.0, 1.0)
        .err()
        .unwrap();
    assert_eq!(error.kind, Kind::Memory);
    assert!(
        error.message.contains("values needs 4096 MiB"),
        "{}",
        error.message
    );
    assert!(given(statistics(list(&[0.5]), 1.0, 1.0, 1.0)).is_object());
}

/// Whatever is asked for until all is refused: short lists and names, which nobody asks about, are still to be had.
#[wasm_bindgen_test]
fn a_full_instance_still_has_memory_for_small_pieces() {
    let mut taken: Vec<Vec<u8>> = Vec::with_capacity(1 << 16);
    for size in (8..=30).rev().map(|power| 1 << power) {
        let rest = taken.capacity() - taken.len();
        taken.extend((0..rest).map_while(|_| reserved("a test", size).ok()));
    }
    let mut piece = Vec::<u8>::new();
    assert_eq!(piece.try_reserve_exact(1 << 20), Ok(()));
    let text = refusal(noise(0.0, 0.0, 1.0, 1e6));
    assert!(text.contains("memory: noise needs 4 MiB"), "{text}");
    drop((taken, piece));
    assert_eq!(given(noise(0.0, 0.0, 1.0, 1e6)).length(), 1_000_000);
}

#[wasm_bindgen_test]
fn a_file_goes_there_and_back() {
    let file = |bytes: &[u8]| Uint8Array::from(bytes).unchecked_into();
    let write = |shape: &str, metadata: Option<&str>| {
        let metadata = metadata.map(|json| parse(json).unchecked_into());
        to_safetensors(list(&[1.0, 2.0]), parse(shape).unchecked_into(), metadata)
    };
    let bytes = given(write("[1, 1, 1, 2]", Some(r#"{"seed": "4"}"#))).to_vec();
    let read: JsValue = given(from_safetensors(file(&bytes))).into();
    assert_eq!(stringify(&get(&read, "shape")), "[1,1,1,2]");
    assert_eq!(stringify(&get(&read, "metadata")), r#"{"seed":"4"}"#);
    let values: Float32Array = get(&read, "values").dyn_into().unwrap();
    assert_eq!(values.to_vec(), [1.0, 2.0]);
    let plain = given(write("[2, 1, 1, 1]", None)).to_vec();
    assert!(given(from_safetensors(file(&plain))).is_object());
    for (shape, metadata, word) in [
        ("[1, 2]", None, "sample"),
        ("[1, 1, 1, 3]", None, "found 2"),
        ("[1, 1, 1, 0.5]", None, "shape"),
        ("[1e9, 1e9, 1e9, 1e9]", None, "found 2"),
        ("\"no\"", None, "shape"),
        ("[1, 1, 1, 2]", Some(r#"{"seed": 4}"#), "metadata"),
        ("[1, 1, 1, 2]", Some("3"), "metadata"),
    ] {
        let text = refusal(write(shape, metadata));
        assert!(text.contains(word), "{shape}: {text}");
    }
    let error = from_safetensors(file(&bytes[..20])).err().unwrap();
    assert_eq!(error.kind, Kind::Input);
    assert!(error.message.contains("expected a .safetensors file"));
}

/// An object of files by their names.
fn files<T: JsCast>(list: &[(&str, &[u8])]) -> T {
    let object = Object::new();
    for (name, bytes) in list {
        Reflect::set(&object, &(*name).into(), &Uint8Array::from(*bytes)).unwrap();
    }
    object.unchecked_into()
}

/// tests/readers/outline.rs has what is known then, this how JavaScript asks for it.
#[wasm_bindgen_test]
fn a_model_is_outlined_file_by_file_and_its_weights_are_checked_by_their_beginning() {
    let config: &[u8] = include_bytes!("../fixtures/layouts/flat/config.json");
    let scheduler: &[u8] = include_bytes!("../fixtures/layouts/flat/scheduler_config.json");
    let weights: &[u8] =
        include_bytes!("../fixtures/layouts/flat/diffusion_pytorch_model.safetensors");
    let name = "diffusion_pytorch_model.safetensors";
    let names = ["config.json", "scheduler_config.json", name];
    let ask = |list: &[(&str, &[u8])]| -> JsValue {
        given(outline_model(
            names.map(String::from).to_vec(),
            &files(list),
        ))
        .into()
    };
    let known = [
        ("config.json", config),
        ("scheduler_config.json", scheduler),
    ];
    for (count, wanted) in [(0, "config.json"), (1, "scheduler_config.json")] {
        let answer = stringify(&ask(&known[..count]));
        assert_eq!(answer, format!(r#"{{"wanted":"{wanted}"}}"#));
    }
    let outline = ask(&known);
    assert_eq!(
        stringify(&get(&outline, "weights")),
        format!(r#"["{name}"]"#)
    );
    assert_eq!(stringify(&get(&outline, "notes")), "[]");

    let config = String::from_utf8(config.to_vec()).unwrap();
    let check = |start: &[u8], size: f64| {
        let file = Object::new();
        Reflect::set(&file, &"start".into(), &Uint8Array::from(start)).unwrap();
        Reflect::set(&file, &"size".into(), &size.into()).unwrap();
        check_weights(&config, &Array::of1(&file).unchecked_into())
    };
    let start = &weights[..weights.len() - 40_000];
    assert_eq!(given(check(start, weights.len() as f64)), [""; 0]);
    assert!(refusal(check(start, 1e9)).contains("not what the header announces"));
    let needs: JsValue = given(network_needs(&config)).into();
    assert_eq!(stringify(&get(&needs, "picture")), "[1,8,8]");
    assert_eq!(get(&needs, "parameters").as_f64(), Some(18_521.0));
    assert!(get(&needs, "classes").is_null());
}

/// tests/readers/layouts.rs has what is read, this how JavaScript hands it in and gets it.
#[wasm_bindgen_test]
fn a_model_is_read_from_files_by_their_names() {
    let config: &[u8] = include_bytes!("../fixtures/layouts/pipeline/unet/config.json");
    let torch: &[u8] =
        include_bytes!("../fixtures/layouts/pipeline/unet/diffusion_pytorch_model.bin");
    let labels: &[u8] = include_bytes!("../fixtures/layouts/pipeline/class_labels.json");
    let model_of = |config: &[u8]| -> JsValue {
        let named = [
            ("my/unet/config.json", config),
            ("my/unet/diffusion_pytorch_model.bin", torch),
            ("my/class_labels.json", labels),
            ("my/readme.txt", b"a model"),
        ];
        given(read_model(&files(&named))).into()
    };
    let classes = std::str::from_utf8(config)
        .unwrap()
        .replace(r#""num_class_embeds": null"#, r#""num_class_embeds": 2"#);
    let labels_of = |model: &JsValue| stringify(&get(model, "labels"));
    assert_eq!(labels_of(&model_of(classes.as_bytes())), r#"["cat","dog"]"#);
    let model = model_of(config);
    assert_eq!(labels_of(&model), "[]", "the network has no classes");
    assert!(get(&model, "scheduler").is_null());
    assert!(stringify(&get(&model, "notes")).contains(".bin"));
    let weights: Uint8Array = get(&model, "weights").dyn_into().unwrap();
    let read = safetensors::SafeTensors::deserialize(&weights.to_vec())
        .unwrap()
        .len();
    assert!(read > 50, "{read} tensors");
    assert!(ddim_web::web::proposed_scheduler().contains("0.0001"));
    for (list, kind, word) in [
        (
            &[("a.safetensors", config)] as &[(&str, &[u8])],
            Kind::Config,
            "config.json",
        ),
        (&[("config.json", config)], Kind::Weights, "is missing"),
        (&[("model.ZIP", torch)], Kind::Config, "config.json"),
        (&[("model.zip", config)], Kind::Input, "zip"),
    ] {
        let error = read_model(&files(list)).err().unwrap();
        assert_eq!(error.kind, kind, "{}", error.message);
        assert!(error.message.contains(word), "{}", error.message);
    }
}

async fn load(config: &str, unet: &ddim_web::unet::config::UnetConfig) -> WebDenoiser {
    ddim_web::web::start();
    let weights = rule::weights(unet);
    let weights = Uint8Array::from(weights.as_slice()).unchecked_into();
    given(WebDenoiser::load(config.into(), weights, "cpu".into(), None).await)
}

fn with(json: &str, fields: &[(&str, JsValue)]) -> JsValue {
    let options = parse(json);
    for (name, value) in fields {
        Reflect::set(&options, &(*name).into(), value).unwrap();
    }
    options
}

#[wasm_bindgen_test]
async fn a_masked_picture_is_kept() {
    let model = load(GREY_28.config, &GREY_28.unet_config()).await;
    let picture: JsValue = Float32Array::from([0.25; 784].as_slice()).into();
    let bytes: Vec<u8> = (0..784).map(|i| (i % 2) as u8).collect();
    let floats: Vec<f32> = bytes.iter().map(|b| f32::from(*b)).collect();
    let json = r#"{"scheduler": "{}", "steps": 2, "eta": 1}"#;
    let mut results = Vec::new();
    let masks: [JsValue; 2] = [
        Uint8Array::from(bytes.as_slice()).into(),
        Float32Array::from(floats.as_slice()).into(),
    ];
    for mask in masks {
        let options = with(json, &[("known", picture.clone()), ("mask", mask)]);
        let mut run = given(model.sampler(options.into()));
        let step: JsValue = given(run.next(Some(2.0)).await).into();
        let x: Vec<f32> = get(&step, "x_t")
            .dyn_into::<Float32Array>()
            .unwrap()
            .to_vec();
        assert!(x.iter().skip(1).step_by(2).all(|x| *x == 0.25));
        results.push(x);
    }
    assert_eq!(results[0], results[1]);
    for (fields, word) in [
        (vec![("known", picture.clone())], "known: needs mask"),
        (vec![("mask", picture.clone())], "mask: needs known"),
        (
            vec![
                ("known", picture.clone()),
                ("mask", Float32Array::new_with_length(5).into()),
            ],
            "mask: expected height",
        ),
        (
            vec![("known", "yes".into()), ("mask", picture.clone())],
            "known: expected",
        ),
        (vec![("guidance", 1.into())], "guidance: needs null_label"),
        (
            vec![("guidance", 1.into()), ("null_label", 0.into())],
            "no classes",
        ),
    ] {
        let text = refusal(model.sampler(with(json, &fields).into()));
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[wasm_bindgen_test]
async fn a_conditional_model_is_guided() {
    let model = load(CLASSES.config, &CLASSES.unet_config()).await;
    let run = async |json: &str| {
        let mut run = given(model.sampler(parse(json).into()));
        let step: JsValue = given(run.next(None).await).into();
        get(&step, "x_t")
            .dyn_into::<Float32Array>()
            .unwrap()
            .to_vec()
    };
    let plain = run(r#"{"scheduler": "{}", "labels": [3]}"#).await;
    let zero = run(r#"{"scheduler": "{}", "labels": [3], "guidance": 0, "null_label": 1}"#).await;
    let much = run(r#"{"scheduler": "{}", "labels": [3], "guidance": 2, "null_label": 1}"#).await;
    crate::fixture::assert_close(&zero, &plain, 1e-5);
    assert!(crate::fixture::largest_difference(&much, &plain) > 1e-3);
    for (json, word) in [
        (
            r#"{"scheduler": "{}", "labels": [3], "null_label": 1}"#,
            "null_label: needs guidance",
        ),
        (
            r#"{"scheduler": "{}", "labels": [3], "guidance": 1, "null_label": 10}"#,
            "null_label: expected",
        ),
        (
            r#"{"scheduler": "{}", "labels": [3], "guidance": 1, "null_label": 0.5}"#,
            "null_label",
        ),
        (
            r#"{"scheduler": "{}", "labels": [3], "guidance": 1e999, "null_label": 1}"#,
            "guidance",
        ),
        (
            r#"{"scheduler": "{}", "guidance": 1, "null_label": 1}"#,
            "class labels",
        ),
    ] {
        let text = refusal(model.sampler(parse(json).into()));
        assert!(text.contains(word), "{word}: {text}");
    }
}
