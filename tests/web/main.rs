//! What JavaScript hears of failures, called as JavaScript calls it: kinds of errors, panics, adapters.
#![cfg(all(target_arch = "wasm32", feature = "network"))]

use ddim_web::web::{WebDenoiser, WebError, expected_tensors, on_panic, scheduler_info};
use js_sys::{Function, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

fn get(object: &JsValue, key: &str) -> JsValue {
    Reflect::get(object, &key.into()).unwrap()
}

/// `kind` of what was thrown.
fn kind<T>(result: Result<T, WebError>) -> String {
    let thrown = JsValue::from(result.err().expect("this must be refused"));
    assert!(thrown.is_instance_of::<js_sys::Error>());
    get(&thrown, "kind").as_string().unwrap()
}

#[wasm_bindgen_test]
async fn an_error_says_what_was_wrong_in_its_kind_and_how_in_its_message() {
    ddim_web::web::start();
    let load = async |config: &str, weights: &[u8], device: &str| {
        let weights = Uint8Array::from(weights).unchecked_into();
        WebDenoiser::load(config.into(), weights, device.into(), None).await
    };
    let config = include_str!("../fixtures/unet/grey-28.json");
    assert_eq!(kind(load("{}", b"", "cpu").await), "config");
    assert_eq!(kind(load(config, b"PK", "cpu").await), "weights");
    assert_eq!(kind(load(config, b"PK", "tpu").await), "options");
    assert_eq!(kind(expected_tensors("[]")), "config");
    assert_eq!(kind(scheduler_info("null")), "scheduler");
    let error = JsValue::from(scheduler_info("null").err().unwrap());
    let message = get(&error, "message").as_string().unwrap();
    assert!(message.contains("scheduler_config.json"), "{message}");
}

#[wasm_bindgen_test]
fn a_panic_reaches_its_listener_with_its_message() {
    ddim_web::web::start();
    let heard = Object::new();
    let listener = Closure::<dyn FnMut(JsValue)>::new({
        let heard = heard.clone();
        move |message: JsValue| {
            Reflect::set(&heard, &"message".into(), &message).unwrap();
        }
    });
    on_panic(listener.as_ref().clone().unchecked_into());
    let ink = 0;
    let panicking = Closure::<dyn FnMut()>::new(move || assert!(ink > 0, "out of ink: {ink}"));
    let call: &Function = panicking.as_ref().unchecked_ref();
    // The panic ends in a trap, which JavaScript sees as an exception.
    assert!(call.call0(&JsValue::NULL).is_err());
    assert_eq!(get(&heard, "message"), "out of ink: 0");
    // The module is of no further use to these closures: dropping what a trap has left borrowed would be another panic.
    std::mem::forget((listener, panicking));
}

#[cfg(all(feature = "cpu", feature = "gpu"))]
#[wasm_bindgen_test]
fn an_adapter_is_a_program_by_any_of_its_names_or_by_its_flag() {
    use ddim_web::web::is_software_adapter;
    use js_sys::JSON;
    let is_software = |json: &str| is_software_adapter(JSON::parse(json).unwrap().unchecked_ref());
    for json in [
        r#"{"vendor": "google", "architecture": "swiftshader"}"#,
        r#"{"device": "Softpipe"}"#,
        r#"{"description": "llvmpipe (LLVM 17.0.6, 256 bits)"}"#,
        r#"{"vendor": "", "architecture": "", "device": "", "description": "", "isFallbackAdapter": true}"#,
    ] {
        assert!(is_software(json), "{json}");
    }
    for json in [
        "{}",
        r#"{"vendor": null, "isFallbackAdapter": false}"#,
        r#"{"vendor": "nvidia", "description": "NVIDIA Warpspeed"}"#,
    ] {
        assert!(!is_software(json), "{json}");
    }
}
