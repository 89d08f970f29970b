//! Panics reach JavaScript. One never settles the promise of the call that it happened in, so whoever waits for that
//! has to hear of it in another way.

use std::cell::RefCell;
use std::panic::{self, PanicHookInfo};

use js_sys::Function;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `(message: string) => void`.
    #[wasm_bindgen(typescript_type = "(message: string) => void")]
    pub type JsPanicListener;
}

thread_local! {
    static LISTENER: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Calls `listener` with the message of every panic from now on, in place of the listener before. After a panic the
/// module is of no further use, and calls that were under way never end.
#[wasm_bindgen]
pub fn on_panic(listener: JsPanicListener) {
    LISTENER.set(Some(JsValue::from(listener).unchecked_into()));
}

/// Sends panics to the console, with their stack, and to the listener.
pub fn install() {
    panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        let listener = LISTENER.with_borrow(Clone::clone);
        if let Some(listener) = listener {
            // What a listener throws is its own affair.
            let _ = listener.call1(&JsValue::NULL, &message(info).into());
        }
    }));
}

fn message<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    info.payload_as_str().unwrap_or("no reason given")
}
