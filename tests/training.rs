//! Training on the plan: what its list promises, and that every engine computes the gradients it says.

#![cfg(not(target_arch = "wasm32"))]

#[path = "training/list.rs"]
mod list;

#[cfg(feature = "gpu")]
#[path = "training/gpu.rs"]
mod gpu;
