//! Training on the plan: what its list promises, and that every engine computes the gradients it says.

#![cfg(not(target_arch = "wasm32"))]

#[path = "training/cpu.rs"]
mod cpu;
#[path = "training/finite.rs"]
mod finite;
#[cfg(feature = "gpu")]
#[path = "training/gpu.rs"]
mod gpu;
#[path = "training/list.rs"]
mod list;
#[path = "training/parts.rs"]
mod parts;
#[path = "plan/random.rs"]
#[allow(dead_code, reason = "shared with tests that need all of it")]
mod random;
#[path = "network/rule.rs"]
#[allow(dead_code, reason = "shared with tests that need all of it")]
mod rule;
#[path = "training/torch.rs"]
mod torch;
