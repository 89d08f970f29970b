//! What JavaScript catches: an `Error` with the Rust message and a `kind`, so that nobody has to read messages.
//!
//! The kinds of the typed errors of the layers below are in `kinds`.

use js_sys::{Error, Reflect};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/**
 * What every `Error` that this package throws says of itself in `kind`; the message is for people.
 *
 * - `config`: config.json cannot be used
 * - `scheduler`: scheduler_config.json cannot be used
 * - `weights`: the weights are damaged, or those of another network
 * - `options`: an option of the call cannot be used
 * - `input`: the numbers or the size do not fit the network
 * - `memory`: there is not enough memory: a smaller batch or size may do. What was there before is as it was
 * - `device`: there is no usable graphics card, or it failed or has no room
 * - `lost`: the graphics card is gone and was not found again; another call may find it
 * - `diverged`: the network's answer holds numbers that are not finite
 * - `over`: the run has ended before
 *
 * A panic throws nothing: see `on_panic`.
 */
export type ErrorKind = "config" | "scheduler" | "weights" | "options" | "input" | "memory" | "device" | "lost" | "diverged" | "over";
"#;

/// What went wrong: TypeScript's `ErrorKind`, which says what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// config.json.
    Config,
    /// scheduler_config.json.
    Scheduler,
    /// The weights file.
    Weights,
    /// An option of a call.
    Options,
    /// The numbers that the network was given.
    Input,
    /// There is not enough memory.
    Memory,
    /// The graphics card cannot be had, or failed.
    Device,
    /// The graphics card is gone.
    Lost,
    /// The prediction stopped being a number.
    Diverged,
    /// The run has ended before.
    Over,
}

impl Kind {
    /// The value of `kind`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Scheduler => "scheduler",
            Self::Weights => "weights",
            Self::Options => "options",
            Self::Input => "input",
            Self::Memory => "memory",
            Self::Device => "device",
            Self::Lost => "lost",
            Self::Diverged => "diverged",
            Self::Over => "over",
        }
    }
}

/// A typed error that knows its kind.
pub trait HasKind: std::error::Error {
    /// What went wrong.
    fn kind(&self) -> Kind;
}

/// An error on its way to JavaScript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebError {
    /// What went wrong.
    pub kind: Kind,
    /// The same in one line that names the thing.
    pub message: String,
}

impl WebError {
    /// An option that cannot be used.
    pub fn options(message: String) -> Self {
        Self {
            kind: Kind::Options,
            message,
        }
    }
}

impl From<WebError> for JsValue {
    fn from(WebError { kind, message }: WebError) -> Self {
        let error = Error::new(&message);
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&error, &"kind".into(), &kind.name().into());
        error.into()
    }
}

/// Any error of the layers below, on its way to JavaScript.
pub fn js_error(error: impl HasKind) -> WebError {
    WebError {
        kind: error.kind(),
        message: error.to_string(),
    }
}
