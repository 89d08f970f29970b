//! Plans: what the list of operations promises to whoever replays it, and that replaying it gives what diffusers and
//! burn give.
//!
//! Runs natively and, with fewer networks, in the browser; there the suite `network` compares with diffusers.

#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[path = "plan/cost.rs"]
mod cost;
#[path = "plan/cpu.rs"]
mod cpu;
#[path = "network/fixture.rs"]
mod fixture;
#[cfg(feature = "gpu")]
#[path = "plan/gpu.rs"]
mod gpu;
#[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
#[path = "plan/gpu_banks.rs"]
mod gpu_banks;
#[cfg(feature = "gpu")]
#[path = "plan/gpu_storage.rs"]
mod gpu_storage;
#[cfg(feature = "gpu")]
#[path = "plan/gpu_tuning.rs"]
mod gpu_tuning;
#[path = "plan/lowering.rs"]
mod lowering;
#[path = "plan/memory.rs"]
mod memory;
#[path = "plan/parity.rs"]
mod parity;
#[path = "network/platform.rs"]
mod platform;
#[path = "plan/random.rs"]
mod random;
#[path = "plan/replay.rs"]
mod replay;
#[path = "network/rule.rs"]
mod rule;
#[path = "plan/shapes.rs"]
mod shapes;
#[path = "plan/subjects.rs"]
mod subjects;
#[path = "plan/variety.rs"]
mod variety;
