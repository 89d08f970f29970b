//! The command line: `ddim-web sample`, `invert`, `interpolate`, `compare`, `dissect`, `variations`, `mix`, `nearest`,
//! `evaluate`, `train`, `plan`, `steps`, `publish` and `serve`.
//!
//! Exit codes: 0 success, 1 failed, 2 wrong usage. Errors are one line on standard error.
//!
//! wasm-pack builds every program of the package; in a browser there is no terminal, and this one is empty.

#[cfg(not(target_arch = "wasm32"))]
mod args;
#[cfg(not(target_arch = "wasm32"))]
mod cli;
#[cfg(not(target_arch = "wasm32"))]
mod commands;
#[cfg(not(target_arch = "wasm32"))]
mod draw;
#[cfg(not(target_arch = "wasm32"))]
mod error;
#[cfg(not(target_arch = "wasm32"))]
mod files;
#[cfg(not(target_arch = "wasm32"))]
mod http;
#[cfg(not(target_arch = "wasm32"))]
mod progress;
#[cfg(not(target_arch = "wasm32"))]
mod stop;
#[cfg(not(target_arch = "wasm32"))]
mod terminal;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    cli::run()
}

#[cfg(target_arch = "wasm32")]
fn main() {}
