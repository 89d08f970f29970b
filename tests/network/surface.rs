//! The JavaScript surface, called as JavaScript calls it.
#![cfg(target_arch = "wasm32")]

use ddim_web::web::{
    WebDenoiser, WebError, between, expected_tensors, mixed, nearest, noised, run_numbers,
    scheduler_info,
};
use js_sys::{Array, Float32Array, JSON, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{GREY_28, assert_close, largest_difference};
use crate::rule;

async fn denoiser() -> WebDenoiser {
    ddim_web::web::start();
    let weights = rule::weights(&GREY_28.unet_config());
    WebDenoiser::load(
        GREY_28.config.into(),
        Uint8Array::from(weights.as_slice()).unchecked_into(),
        "cpu".into(),
        None,
    )
    .await
    .map_err(message)
    .unwrap()
}

fn pictures<T: JsCast>(values: &[f32]) -> T {
    Float32Array::from(values).unchecked_into()
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
        r#"{"engine":"plan","device":"cpu","adapter":"SIMD128","parameters":1112801,"in_channels":1,"out_channels":1,"sample_size":[28,28],"classes":null,"unknown_keys":[],"notes":[]}"#
    );
}

#[wasm_bindgen_test]
async fn predict_equals_diffusers() {
    let model = denoiser().await;
    let (_, x) = GREY_28.tensor("x1");
    let (_, expected) = GREY_28.tensor("out1");
    let found = model
        .predict(pictures(&x), 1.0, 981.0, None)
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

fn floats(object: &JsValue, key: &str) -> Vec<f32> {
    get(object, key)
        .dyn_into::<Float32Array>()
        .unwrap()
        .to_vec()
}

#[wasm_bindgen_test]
async fn a_step_is_taken_apart_into_the_terms_of_equation_12() {
    let model = denoiser().await;
    let text = r#"{"steps": 3, "eta": 0.5, "seed": 4, "clip": false}"#;
    let mut run = model
        .sampler(options(text).into())
        .map_err(message)
        .unwrap();
    assert!(run.dissect().map_err(message).unwrap().is_none());
    let before: JsValue = run.next(None).await.map_err(message).unwrap().into();
    let step: JsValue = run.next(None).await.map_err(message).unwrap().into();
    let found: JsValue = run.dissect().unwrap().into();
    let numbers: JsValue = run_numbers(options(text).into())
        .map_err(message)
        .unwrap()
        .into();
    let numbers = Array::from(&numbers).get(1);
    for key in ["t", "t_next", "a", "b", "sigma"] {
        assert_eq!(get(&found, key), get(&numbers, key), "{key}");
    }
    assert_eq!(
        (get(&found, "index"), get(&found, "t_next")),
        (1.into(), 0.into())
    );
    assert!(get(&numbers, "gamma").as_f64().unwrap() > 0.0);
    assert!(get(&get(&numbers, "forward"), "variance").as_f64().unwrap() > 0.0);
    let number = |key| get(&numbers, key).as_f64().unwrap();
    let (a, b, alpha_bar) = (number("a"), number("b"), number("alpha_bar"));
    let (x_t, x0_hat) = (floats(&before, "x_t"), floats(&step, "x0_hat"));
    assert_eq!(floats(&found, "x0_hat"), x0_hat);
    let predicted: Vec<f32> = x0_hat.iter().map(|x| (a * f64::from(*x)) as f32).collect();
    assert_close(&floats(&found, "predicted"), &predicted, 1e-6);
    // x_t = sqrt(alpha_bar) x0_hat + sqrt(1 - alpha_bar) eps
    let direction: Vec<f32> = x_t
        .iter()
        .zip(&x0_hat)
        .map(|(x_t, x0_hat)| {
            let noise = f64::from(*x_t) - alpha_bar.sqrt() * f64::from(*x0_hat);
            (b * noise / (1.0 - alpha_bar).sqrt()) as f32
        })
        .collect();
    assert_close(&floats(&found, "direction"), &direction, 1e-5);
    let last: JsValue = run.next(None).await.map_err(message).unwrap().into();
    assert_eq!(get(&last, "done"), true);
    let found: JsValue = run.dissect().unwrap().into();
    assert_eq!(get(&found, "t_next"), JsValue::NULL);
}

#[wasm_bindgen_test]
async fn a_picture_is_noised_up_to_t_and_brought_back_from_there() {
    let model = denoiser().await;
    let (_, picture) = GREY_28.tensor("x1");
    let image = picture.len() as f64;
    let at = |t: f64| noised("{}", t, pictures(&picture), image, 1.0, None).map_err(message);
    let x_t = at(500.0).unwrap();
    let options = options(r#"{"steps": 4, "from": 500, "to": 100}"#);
    Reflect::set(&options, &"latents".into(), &x_t).unwrap();
    let mut run = model.sampler(options.into()).map_err(message).unwrap();
    // tau is 0, 250, 500, 750
    assert_eq!(run.total(), 2);
    let step: JsValue = run.next(Some(2.0)).await.map_err(message).unwrap().into();
    assert_eq!(
        (get(&step, "t"), get(&step, "done")),
        (250.into(), true.into())
    );
    let row = mixed(pictures(&picture), pictures(&x_t.to_vec()), 3.0)
        .map_err(message)
        .unwrap()
        .to_vec();
    assert_eq!(row[..picture.len()], picture);
    for (found, word) in [
        (
            at(1000.0).err(),
            "t: expected a time step of 0 to 999, found 1000",
        ),
        (at(-1.0).err(), "t: expected an integer"),
        (at(f64::NAN).err(), "t: expected an integer"),
        (
            noised("{}", 5.0, pictures(&picture), 5.0, 0.0, None)
                .map_err(message)
                .err(),
            "images",
        ),
        (
            mixed(pictures(&[0.0]), pictures(&[0.0]), 1.0)
                .map_err(message)
                .err(),
            "frames",
        ),
        (
            mixed(pictures(&[0.0]), pictures(&[]), 2.0)
                .map_err(message)
                .err(),
            "one size",
        ),
    ] {
        assert!(
            found.as_ref().is_some_and(|text| text.contains(word)),
            "{word}: {found:?}"
        );
    }
}

#[wasm_bindgen_test]
fn the_nearest_pictures_are_named_with_their_distances() {
    let set = pictures(&[0.0, 0.0, 3.0, 4.0, 1.0, 0.0]);
    let found: JsValue = nearest(pictures(&[0.0, 0.0]), set, 2.0, 2.0)
        .map_err(message)
        .unwrap()
        .into();
    assert_eq!(
        String::from(JSON::stringify(&found).unwrap()),
        r#"[[{"index":0,"distance":0},{"index":2,"distance":1}]]"#
    );
    let refused = |width, count| {
        nearest(pictures(&[0.0; 2]), pictures(&[0.0; 4]), width, count)
            .map_err(message)
            .err()
    };
    assert!(
        refused(2.0, 3.0)
            .unwrap()
            .contains("neighbours: expected 1 to 2, found 3")
    );
    assert!(refused(0.0, 1.0).unwrap().contains("images"));
    assert!(refused(2.0, 0.5).unwrap().contains("neighbours"));
}

#[wasm_bindgen_test]
async fn the_rate_of_a_picture_rises_while_its_time_steps_fall() {
    let model = denoiser().await;
    let (_, picture) = GREY_28.tensor("x1");
    let picture: Vec<f32> = picture.iter().map(|v| v.clamp(-1.0, 1.0)).collect();
    let options = |json: &str| {
        let options = options(json);
        let image = Float32Array::from(picture.as_slice());
        Reflect::set(&options, &"image".into(), &image).unwrap();
        options
    };
    let run = model.rate_distortion(options(r#"{"terms": 3}"#).into());
    let mut run = run.map_err(message).unwrap();
    assert_eq!(run.total(), 3);
    let points: JsValue = run.next().await.map_err(message).unwrap().into();
    let points = Array::from(&points);
    let number = |i: u32, key: &str| get(&points.get(i), key).as_f64().unwrap();
    assert_eq!((points.length(), number(2, "t")), (3, 0.0));
    for i in 1..3 {
        assert!(number(i, "t") < number(i - 1, "t"));
        assert!(number(i, "rate") > number(i - 1, "rate"));
    }
    // Before the last point both others' parts of the chain have been sent, before the first at most its own.
    let risen = number(2, "rate") - number(0, "rate");
    let (first, second) = (number(0, "cost"), number(1, "cost"));
    assert!(
        (second..=first + second).contains(&risen),
        "{risen} {first} {second}"
    );
    assert!(number(0, "distortion") > 0.0);
    let rest: JsValue = run.next().await.map_err(message).unwrap().into();
    assert_eq!(Array::from(&rest).length(), 0);
    for (json, word) in [
        (r#"{"terms": 1}"#, "terms: expected 2 to 1000"),
        (r#"{"terms": 0.5}"#, "terms"),
        (r#"{"seed": -1}"#, "seed"),
        (r#"{"steps": 5}"#, "unknown key steps"),
        (r#"{"label": 3}"#, "class"),
    ] {
        let run = model.rate_distortion(options(json).into());
        let text = match run {
            Err(error) => message(error),
            Ok(mut run) => message(run.next().await.err().unwrap()),
        };
        assert!(text.contains(word), "{word}: {text}");
    }
    let short = options(r#"{"terms": 3}"#);
    Reflect::set(&short, &"image".into(), &Float32Array::new_with_length(5)).unwrap();
    assert!(model.rate_distortion(short.into()).is_err());
}

#[wasm_bindgen_test]
fn noises_are_joined_by_a_path() {
    let end = |values: &[f32]| Float32Array::from(values);
    let ends = || {
        let ends = [end(&[1.0, 0.0]), end(&[0.0, 1.0])];
        ends.iter().collect::<Array>().unchecked_into()
    };
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
        (r#"{"from": 5}"#, "from: the images at time step 5"),
        (
            r#"{"from": 1000}"#,
            "from: expected a time step of 0 to 999",
        ),
        (r#"{"to": 999.5}"#, "to: expected an integer"),
        (r#"{"to": 999}"#, "to: expected a time step of less than"),
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
        let weights = Uint8Array::from(weights).unchecked_into();
        WebDenoiser::load(config.into(), weights, device.into(), None)
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
            .predict(pictures(&[0.0; 7]), 1.0, 1.0, None)
            .await
            .map_err(message)
            .err()
            .unwrap()
            .contains("found 7")
    );
    assert!(
        model
            .predict(pictures(&[0.0; 784]), 1.0, f32::NAN, None)
            .await
            .map_err(message)
            .err()
            .unwrap()
            .contains("t:")
    );
    assert!(
        model
            .predict(pictures(&[0.0; 784]), 1.5, 1.0, None)
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
        r#"{"num_train_timesteps":4000,"timestep_spacing":"leading","unknown_keys":["novelty"],"notes":[]}"#
    );
    for (json, word) in [
        ("null", "not a JSON object"),
        (r#"{"_class_name": "ScoreSdeVeScheduler"}"#, "_class_name"),
        (r#"{"num_train_timesteps": 0}"#, "num_train_timesteps"),
    ] {
        let text = scheduler_info(json).map_err(message).err().unwrap();
        assert!(text.contains(word), "{json}: {text}");
    }
}
