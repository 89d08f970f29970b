//! Time that passes, natively and in the browser.

/// A stopwatch.
pub struct Clock {
    #[cfg(not(target_arch = "wasm32"))]
    started: std::time::Instant,
    #[cfg(target_arch = "wasm32")]
    started: f64,
}

#[cfg(not(target_arch = "wasm32"))]
impl Clock {
    /// Runs from now on.
    pub fn start() -> Self {
        Self {
            started: std::time::Instant::now(),
        }
    }

    /// Seconds since then.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}

#[cfg(target_arch = "wasm32")]
mod browser {
    use wasm_bindgen::prelude::wasm_bindgen;

    #[wasm_bindgen]
    extern "C" {
        /// Milliseconds; pages and workers both have it.
        #[wasm_bindgen(js_namespace = performance)]
        pub fn now() -> f64;
    }
}

#[cfg(target_arch = "wasm32")]
impl Clock {
    /// Runs from now on.
    pub fn start() -> Self {
        Self {
            started: browser::now(),
        }
    }

    /// Seconds since then.
    pub fn seconds(&self) -> f64 {
        (browser::now() - self.started) / 1000.0
    }
}
