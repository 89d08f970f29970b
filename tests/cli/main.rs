//! The program as a terminal sees it: files, messages, exit codes.
#![cfg(not(target_arch = "wasm32"))]

mod animate;
#[path = "../readers/archive.rs"]
mod archive;
mod classes;
mod compare;
mod dissect;
mod examples;
mod files;
mod interpolate;
mod invert;
mod layouts;
mod mix;
mod nearest;
mod pictures;
mod plan;
mod publish;
#[path = "../network/rule.rs"]
mod rule;
mod sample;
mod serve;
mod steps;
mod support;
mod variations;
mod writing;
