//! What a section adds to the results.

use serde_json::Value;

/// What a section adds to the two files.
pub struct Chapter {
    /// Its key in results.json.
    pub name: &'static str,
    /// Its value there: one entry for each group of settings.
    pub json: Value,
    /// Its chapter in results.md; empty where there are no cells.
    pub text: String,
}
