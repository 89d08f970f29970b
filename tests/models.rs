//! The shipped models: each folder is whole, and gives what its peers give from the same weights, x_T and noise.
//!
//! The peers' results are in tests/fixtures/model, written by tools/make_model_fixture.py; tools/peers.py says how
//! each peer is run.
#![cfg(not(target_arch = "wasm32"))]

#[path = "models/ddim_code.rs"]
mod ddim_code;
#[path = "models/diffusers.rs"]
mod diffusers;
#[path = "models/model.rs"]
mod model;

use model::{folders, models};

#[test]
fn every_model_of_the_page_has_its_files() {
    assert!(!folders().is_empty());
    for folder in folders() {
        for name in [
            "config.json",
            "scheduler_config.json",
            "diffusion_pytorch_model.safetensors",
            "README.md",
            "preview.png",
        ] {
            assert!(
                models().join(&folder).join(name).is_file(),
                "{folder}/{name}"
            );
        }
    }
}
