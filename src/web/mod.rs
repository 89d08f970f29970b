//! The JavaScript surface: thin, typed, every call fallible.
//!
//! Types here convert and forward; errors become JavaScript `Error`s with the Rust message and a `kind`. Each file has the
//! TypeScript of its own types, so that a package has those of what is in it: `network` (the feature of that name) is what
//! `pkg/` has, `figures` what `pkg/figures/` has, `training` what `pkg/training/` has. The features `cpu` and `gpu` are
//! their engines.

#[cfg(all(feature = "gpu", any(feature = "network", feature = "training")))]
mod adapter;
mod checks;
#[cfg(any(feature = "network", feature = "training"))]
mod device;
mod error;
#[cfg(feature = "figures")]
mod figures;
mod kinds;
mod lists;
#[cfg(feature = "network")]
mod network;
#[cfg(any(feature = "network", feature = "figures"))]
mod options;
mod panic;
mod scheduler;
#[cfg(all(
    feature = "cpu",
    feature = "gpu",
    any(feature = "network", feature = "training")
))]
mod software;
#[cfg(feature = "training")]
mod training;
mod values;

use error::js_error;
pub use error::{Kind, WebError};
#[cfg(feature = "figures")]
pub use figures::*;
#[cfg(feature = "network")]
pub use network::*;
pub use panic::on_panic;
pub use scheduler::scheduler_info;
#[cfg(all(
    feature = "cpu",
    feature = "gpu",
    any(feature = "network", feature = "training")
))]
pub use software::is_software_adapter;
#[cfg(feature = "training")]
pub use training::WebTrainer;

use wasm_bindgen::prelude::*;

#[cfg(feature = "burn")]
unsafe extern "C" {
    fn __wasm_call_ctors();
}

/// Runs the module's static constructors, sends panics to the console and to [`on_panic`]'s listener, and completes
/// what older browsers leave out of WebGPU. Idempotent.
///
/// cubecl registers its kernels in static constructors. Unless the module calls them itself,
/// wasm-ld wraps every export in code that runs them again at each call from JavaScript.
#[wasm_bindgen(start)]
pub fn start() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        panic::install();
        #[cfg(all(feature = "gpu", any(feature = "network", feature = "training")))]
        adapter::complete_descriptions();
        #[cfg(feature = "burn")]
        // SAFETY: the linker's own function, without arguments; `Once` keeps it from running twice.
        unsafe {
            __wasm_call_ctors()
        };
    });
}
