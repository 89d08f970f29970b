//! What people have of models, and what anybody may have made of it: every layout gives the same model, and no bytes
//! make a reader panic, ask for absurd memory or say more than a line.
#![cfg(not(target_arch = "wasm32"))]

#[path = "readers/archive.rs"]
mod archive;
#[path = "maths/dice.rs"]
mod dice;
#[path = "readers/fuzz.rs"]
mod fuzz;
#[path = "readers/hostile.rs"]
mod hostile;
#[path = "readers/layouts.rs"]
mod layouts;
#[path = "readers/memory.rs"]
mod memory;
#[path = "readers/mutate.rs"]
mod mutate;
#[path = "readers/outline.rs"]
mod outline;
#[path = "readers/targets.rs"]
mod targets;

#[path = "network/rule.rs"]
#[allow(dead_code)]
mod rule;
