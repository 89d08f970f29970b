//! What every option of a run is refused with.

/// An option that no run can have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{option}: expected {expected}, found {found}")]
pub struct OptionError {
    /// Its name.
    pub option: &'static str,
    /// What it may be.
    pub expected: String,
    /// What it is.
    pub found: String,
}
