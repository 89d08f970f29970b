//! One cell to make: the unit that is kept on disk.

use serde_json::Value;

use super::store::Settings;
use crate::error::CliError;

/// What makes the result of a cell.
pub type Work<'a> = Box<dyn Fn() -> Result<Value, CliError> + 'a>;

/// A cell that may have to be made.
pub struct Task<'a> {
    /// Everything that its result depends on.
    pub settings: Settings,
    /// What the terminal calls it.
    pub name: String,
    /// How many times one image runs through the network.
    pub cost: u64,
    /// Makes the result.
    pub work: Work<'a>,
}
