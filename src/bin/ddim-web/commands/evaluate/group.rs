//! Cells that belong into one table: they share all settings except those along its axes.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::store::{Cell, Settings, damaged};
use crate::error::CliError;

/// A cell of a table: where it stands, and its result.
#[derive(Debug, Clone)]
pub struct Entry<T> {
    /// The settings along the table's axes.
    pub axes: Settings,
    /// The result.
    pub result: T,
}

impl<T> Entry<T> {
    /// The setting `name`, as text.
    pub fn word(&self, name: &str) -> &str {
        self.axes.get(name).and_then(Value::as_str).unwrap_or("")
    }

    /// The setting `steps`.
    pub fn steps(&self) -> usize {
        let steps = self.axes.get("steps").and_then(Value::as_u64);
        steps.unwrap_or(0) as usize
    }
}

/// The cells of one table.
#[derive(Debug, Clone)]
pub struct Group<T> {
    /// What they share.
    pub shared: Settings,
    /// The cells, as they were given.
    pub entries: Vec<Entry<T>>,
}

impl<T> Group<T> {
    /// The shared setting `name`, as a number.
    pub fn number(&self, name: &str) -> u64 {
        self.shared.get(name).and_then(Value::as_u64).unwrap_or(0)
    }

    /// The shared setting `name`, as text.
    pub fn word(&self, name: &str) -> &str {
        self.shared.get(name).and_then(Value::as_str).unwrap_or("")
    }
}

/// Sorts `cells` into tables with these `axes`.
///
/// # Errors
/// [`CliError::Failed`] when a result is not what its section writes.
pub fn groups<T: DeserializeOwned>(
    cells: Vec<Cell>,
    axes: &[&str],
) -> Result<Vec<Group<T>>, CliError> {
    let mut groups: Vec<Group<T>> = Vec::new();
    for cell in cells {
        let Cell {
            settings,
            result,
            path,
        } = cell;
        let (axes, shared): (Settings, Settings) = settings
            .into_iter()
            .partition(|(name, _)| axes.contains(&name.as_str()));
        let result = serde_json::from_value(result).map_err(|error| damaged(&path, &error))?;
        let entry = Entry { axes, result };
        match groups.iter_mut().find(|group| group.shared == shared) {
            Some(group) => group.entries.push(entry),
            None => groups.push(Group {
                shared,
                entries: vec![entry],
            }),
        }
    }
    // The largest table first; equal ones in the order of their settings, which the cells came in.
    groups.sort_by_key(|group| std::cmp::Reverse(group.entries.len()));
    Ok(groups)
}
