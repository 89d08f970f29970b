//! What the program says: results on standard output, remarks on standard error.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};

use crate::error::CliError;

/// Prints a line of the results.
///
/// # Errors
/// [`CliError::Failed`] when nobody takes it: a full disk, a closed pipe.
pub fn say(line: impl Display) -> Result<(), CliError> {
    writeln!(stdout(), "{line}").map_err(|e| CliError::Failed(format!("standard output: {e}")))
}

/// Prints a remark. A closed standard error is no reason to end a run of hours.
pub fn remark(line: impl Display) {
    let _ = writeln!(stderr(), "{line}");
}
