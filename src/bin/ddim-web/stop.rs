//! Ctrl-C, and a request to terminate: the work in progress ends in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::CliError;

/// Whether the program has been asked to end.
#[derive(Debug, Clone)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Becomes true at the first Ctrl-C; the second ends the program at once. Once per program.
    ///
    /// # Errors
    /// [`CliError::Failed`] when the system does not let the program listen.
    pub fn watch() -> Result<Self, CliError> {
        let stop = Self(Arc::new(AtomicBool::new(false)));
        let seen = stop.0.clone();
        ctrlc::set_handler(move || {
            if seen.swap(true, Ordering::Relaxed) {
                std::process::exit(1);
            }
        })
        .map_err(CliError::failed)?;
        Ok(stop)
    }

    /// Whether it is time to end.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
