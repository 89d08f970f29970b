//! The JavaScript surface, called as JavaScript calls it.
#![cfg(target_arch = "wasm32")]

use ddim_web::web::{WebDenoiser, WebError, between, expected_tensors, scheduler_info};
use js_sys::{Array, Float32Array, JSON, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{GREY_28, assert_close, largest_difference};
use crate::rule;

async fn denoiser() -> WebDenoiser {
    ddim_web::web::start();
    let weights = rule::weights(&GREY_28.unet_config());
    WebDenoiser::load(GREY_28.config.into(), weights, "cpu".into(), None)
        .await
        .map_err(message)
        .unwrap()
}

fn message(error: WebError) -> String {
    error.message
}

fn options(json: &str) -> JsValue {
    let object = JSON::parse(json).unwrap();
    if !Reflect::has(&object, &"scheduler".into()).unwrap() {
        Reflect::set(&object, &"scheduler".into(), &"{}".into()).unwrap();
    }
    object
}

fn get(object: &JsValue, key: &str) -> JsValue {
    Reflect::get(object, &key.into()).unwrap()
}

#[wasm_bindgen_test]
async fn info_is_a_plain_object() {
    let info: JsValue = denoiser().await.info().map_err(message).unwrap().into();
    let text = String::from(JSON::stringify(&info).unwrap());
    assert_eq!(
        text,
        r#"{"engine":"plan","device":"cpu","adapter":"SIMD128","parameters":1112801,"in_channels":1,"out_channels":1,"sample_size":[28,28],"classes":null,"unknown_keys":[]}"#
    );
}

#[wasm_bindgen_test]
async fn predict_equals_diffusers() {
    let model = denoiser().await;
    let (_, x) = GREY_28.tensor("x1");
    let (_, expected) = GREY_28.tensor("out1");
    let found = model
        .predict(x, 1.0, 981.0, None)
        .await
        .map_err(message)
        .unwrap();
    assert_close(&found.to_vec(), &expected, 1e-4);
}

#[wasm_bindgen_test]
async fn a_run_gives_a_step_object_each_time() {
    let model = denoiser().await;
    let mut run = model
        .sampler(options(r#"{"steps": 2, "seed": 3, "batch": 2}"#).into())
        .map_err(message)
        .unwrap();
    assert_eq!((run.total(), run.shape()), (2, vec![2, 1, 28, 28]));
    for (index, t) in [(0.0, 500.0), (1.0, 0.0)] {
        let step: JsValue = run.next(None).await.map_err(message).unwrap().into();
        assert_eq!(get(&step, "index"), index);
        assert_eq!(get(&step, "t"), t);
        assert_eq!(get(&step, "done"), index == 1.0);
        for name in ["x0_hat", "x_t"] {
            let values: Float32Array = get(&step, name).dyn_into().unwrap();
            assert_eq!(values.length(), 2 * 28 * 28);
        }
    }
    assert!(
        run.next(None)
            .await
            .map_err(message)
            .err()
            .unwrap()
            .contains("over")
    );
}

#[wasm_bindgen_test]
async fn a_picture_is_inverted_and_decoded_unclipped() {
    let model = denoiser().await;
    let along = async |method: &str, from: &Float32Array| {
        let text = format!(r#"{{"method": "{method}", "steps": 2, "clip": false}}"#);
        let options = options(&text);
        Reflect::set(&options, &"latents".into(), from).unwrap();
        let mut run = model.sampler(options.into()).map_err(message).unwrap();
        let step: JsValue = run.next(Some(2.0)).await.map_err(message).unwrap().into();
        get(&step, "x_t").dyn_into::<Float32Array>().unwrap()
    };
    let (_, picture) = GREY_28.tensor("x1");
    let picture = Float32Array::from(picture.as_slice());
    let x_t = along("inversion", &picture).await;
    assert!(largest_difference(&x_t.to_vec(), &picture.to_vec()) > 0.1);
    let decoded = along("ddim", &x_t).await;
    // A clipped step stays within ±1; noise as a picture does not.
    assert!(decoded.to_vec().iter().any(|v| v.abs() > 1.0));
}

#[wasm_bindgen_test]
fn noises_are_joined_by_a_path() {
    let end = |values: &[f32]| Float32Array::from(values);
    let ends = || vec![end(&[1.0, 0.0]), end(&[0.0, 1.0])];
    let path = between(ends(), 1.0, 3.0).map_err(message).unwrap().to_vec();
    let half = 0.5f32.sqrt();
    assert_close(&path, &[1.0, 0.0, half, half, 0.0, 1.0], 1e-6);
    for (rows, columns, word) in [
        (1.0, 1.0, "frames"),
        (0.5, 2.0, "rows"),
        (1.0, -1.0, "columns"),
    ] {
        let refused = between(ends(), rows, columns).map_err(message).err();
        assert!(refused.unwrap().contains(word));
    }
}

#[wasm_bindgen_test]
async fn nonsense_is_an_error_that_names_the_option() {
    let model = denoiser().await;
    for (json, word) in [
        (r#"{"steps": 0}"#, "steps"),
        (r#"{"steps": 1001}"#, "steps"),
        (r#"{"steps": 2.5}"#, "steps"),
        (r#"{"eta": -1}"#, "eta"),
        (r#"{"eta": 1e999}"#, "eta"),
        (r#"{"eta": 2, "method": "ddpm_noisy"}"#, "eta"),
        (r#"{"method": "inversion", "clip": false}"#, "inversion"),
        (r#"{"method": "inversion"}"#, "cannot undo clipped steps"),
        (r#"{"method": "ddpm_noisy", "clip": false}"#, "clip"),
        (
            r#"{"method": "sigma_hat", "eta": 0.5}"#,
            "only the method ddim",
        ),
        (r#"{"tau": "uniform", "steps": 30}"#, "31 steps instead"),
        (r#"{"clip": "yes"}"#, "options"),
        (r#"{"size": [0, 0]}"#, "multiples of 4"),
        (r#"{"seed": -1}"#, "seed"),
        (r#"{"batch": 0}"#, "batch"),
        (r#"{"batch": 1e18}"#, "batch"),
        (r#"{"tau": "sideways"}"#, "tau"),
        (r#"{"tau": "list:9,5"}"#, "tau"),
        (r#"{"method": "magic"}"#, "method"),
        (r#"{"size": [30, 30]}"#, "multiples of 4"),
        (r#"{"size": [1e9, 1e9]}"#, "size"),
        (r#"{"stepz": 5}"#, "stepz"),
        (r#"{"scheduler": "<html>"}"#, "scheduler_config.json"),
        (
            r#"{"scheduler": "{\"beta_schedule\": \"wavy\"}"}"#,
            "beta_schedule",
        ),
    ] {
        let text = model
            .sampler(options(json).into())
            .map_err(message)
            .err()
            .expect(json);
        assert!(
            text.contains(word) && !text.contains('\n'),
            "{json}: {text}"
        );
    }
    let load = async |config: &str, weights: &[u8], device: &str| {
        WebDenoiser::load(config.into(), weights.into(), device.into(), None)
            .await
            .map_err(message)
            .err()
            .unwrap()
    };
    assert!(
        load(GREY_28.config, b"<html>", "cpu")
            .await
            .contains("web page")
    );
    assert!(load("{}", b"", "cpu").await.contains("block_out_channels"));
    assert!(load(GREY_28.config, b"", "tpu").await.contains("device"));
    assert!(
        model
            .predict(vec![0.0; 7], 1.0, 1.0, None)
            .await
            .map_err(message)
            .err()
            .unwrap()
            .contains("found 7")
    );
    assert!(
        model
            .predict(vec![0.0; 784], 1.0, f32::NAN, None)
            .await
            .map_err(message)
            .err()
            .unwrap()
            .contains("t:")
    );
    assert!(
        model
            .predict(vec![0.0; 784], 1.5, 1.0, None)
            .await
            .map_err(message)
            .err()
            .unwrap()
            .contains("batch")
    );
}

#[wasm_bindgen_test]
fn expected_tensors_have_names_and_shapes() {
    ddim_web::web::start();
    let specs: JsValue = expected_tensors(GREY_28.config)
        .map_err(message)
        .unwrap()
        .into();
    let specs: Array = specs.dyn_into().unwrap();
    let mut found: Vec<String> = specs
        .iter()
        .map(|spec| JSON::stringify(&spec).unwrap().into())
        .collect();
    let mut expected: Vec<String> = rule::tensors(&GREY_28.unet_config())
        .into_iter()
        .map(|t| format!(r#"{{"name":"{}","shape":{:?}}}"#, t.name, t.shape).replace(", ", ","))
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[wasm_bindgen_test]
fn a_scheduler_file_is_read_or_refused_on_its_own() {
    ddim_web::web::start();
    let info: JsValue = scheduler_info(r#"{"num_train_timesteps": 4000, "novelty": 1}"#)
        .map_err(message)
        .unwrap()
        .into();
    assert_eq!(
        String::from(JSON::stringify(&info).unwrap()),
        r#"{"num_train_timesteps":4000,"timestep_spacing":"leading","unknown_keys":["novelty"]}"#
    );
    for (json, word) in [
        ("null", "not a JSON object"),
        (r#"{"_class_name": "PNDMScheduler"}"#, "_class_name"),
        (r#"{"num_train_timesteps": 0}"#, "num_train_timesteps"),
    ] {
        let text = scheduler_info(json).map_err(message).err().unwrap();
        assert!(text.contains(word), "{json}: {text}");
    }
}
