//! The command line: `ddim-web sample`, `invert`, `interpolate`, `compare`, `evaluate`, `train` and `plan`.
//!
//! Exit codes: 0 success, 1 failed, 2 wrong usage. Errors are one line on standard error.

#[cfg(not(target_arch = "wasm32"))]
mod native {
    pub mod animation;
    pub mod canvas;
    pub mod cli;
    pub mod common;
    pub mod compare;
    pub mod dataset;
    pub mod eta;
    pub mod evaluate;
    pub mod files;
    pub mod film;
    pub mod interpolate;
    pub mod invert;
    pub mod ode;
    pub mod outputs;
    pub mod picture;
    pub mod pictures;
    pub mod plan;
    pub mod plot;
    pub mod run;
    pub mod runner;
    pub mod sample;
    pub mod sheet;
    pub mod stop;
    pub mod terminal;
    pub mod train;
    pub mod webp;
}

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    native::cli::run()
}

/// wasm-pack builds every program of the package; in a browser there is no terminal.
#[cfg(target_arch = "wasm32")]
fn main() {}
