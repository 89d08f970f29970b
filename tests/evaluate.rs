//! The measurements against NumPy, PyTorch and closed forms, and the program `ddim-web evaluate`.
#![cfg(not(target_arch = "wasm32"))]

#[path = "evaluate/distance.rs"]
mod distance;
#[path = "evaluate/intervals.rs"]
mod intervals;
#[path = "evaluate/network.rs"]
mod network;
#[path = "evaluate/paired.rs"]
mod paired;
#[path = "evaluate/program.rs"]
mod program;
#[path = "evaluate/refusals.rs"]
mod refusals;
#[path = "network/rule.rs"]
mod rule;
#[path = "evaluate/sums.rs"]
mod sums;
#[path = "evaluate/support.rs"]
mod support;
#[path = "evaluate/tables.rs"]
mod tables;
