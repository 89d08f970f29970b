//! The trainer against PyTorch, its promises about runs, and the program `ddim-web train`.
#![cfg(not(target_arch = "wasm32"))]

#[path = "train/classes.rs"]
mod classes;
#[path = "train/damage.rs"]
mod damage;
#[path = "train/labels.rs"]
mod labels;
#[path = "train/parity.rs"]
mod parity;
#[path = "train/program.rs"]
mod program;
#[path = "network/rule.rs"]
mod rule;
#[path = "train/rules.rs"]
mod rules;
#[path = "train/runs.rs"]
mod runs;
#[path = "train/support.rs"]
mod support;
