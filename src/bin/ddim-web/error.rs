//! What becomes of a failure: one line, and an exit code.

use ddim_web::runs::{Refusal, RunError};

/// A failure, as the terminal sees it.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The arguments make no sense: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// Something went wrong on the way: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// Somebody asked it to end: exit code 1.
    #[error("stopped before the end")]
    Stopped,
}

impl CliError {
    /// A failure with the message of `error`.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }

    /// Wrong usage with the message of `error`.
    pub fn usage(error: impl std::fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<Refusal> for CliError {
    fn from(refusal: Refusal) -> Self {
        Self::usage(refusal)
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Refused(refusal) => refusal.into(),
            RunError::Stopped => Self::Stopped,
            other => Self::failed(other),
        }
    }
}
