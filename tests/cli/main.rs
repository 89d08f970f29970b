//! The program as a terminal sees it: files, messages, exit codes.
#![cfg(not(target_arch = "wasm32"))]

mod animate;
mod compare;
mod files;
mod interpolate;
mod invert;
mod plan;
#[path = "../network/rule.rs"]
mod rule;
mod sample;
mod support;
