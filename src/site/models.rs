//! `www/models/index.json`: the models of a site, as the page reads them (`www/models.js`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The longest id or name that the page takes, in characters.
pub const LONGEST: usize = 100;

/// One model of the list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// As in links.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its folder beside the list, with a slash at the end.
    pub path: String,
    /// SHA-256 in 64 hexadecimal digits, by the name of a file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sha256: BTreeMap<String, String>,
    /// What it draws, in a sentence.
    #[serde(default)]
    pub note: String,
    /// Whose work it is and under which terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<String>,
    /// What the classes of a conditional model are called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// The class that stands for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub null_label: Option<usize>,
    /// Pictures that it was not trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<Samples>,
}

/// Pictures that a model was not trained on, side by side in one PNG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    /// Name of the PNG in the model's folder.
    pub file: String,
    /// How many.
    pub count: usize,
    /// Whose they are, and under which licence.
    pub credit: String,
}

/// The text of `index.json`.
///
/// # Panics
/// Never: an entry is JSON.
pub fn index(entries: &[Entry]) -> String {
    let list = serde_json::to_string_pretty(entries).expect("an entry is JSON");
    format!("{list}\n")
}

/// An id for a model of this `name` that is none of `taken`: small letters, digits and hyphens.
///
/// ```
/// use ddim_web::site::models::id;
/// assert_eq!(id("My Faces (v2)", &[]), "my-faces-v2");
/// assert_eq!(id("faces", &["faces".into()]), "faces-2");
/// ```
pub fn id(name: &str, taken: &[String]) -> String {
    /// Leaves room for a number.
    const MOST: usize = LONGEST - 10;
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let mut first = words.join("-");
    first.truncate(MOST);
    if first.is_empty() {
        first = "model".into();
    }
    let numbered = (2..).map(|number| format!("{first}-{number}"));
    std::iter::once(first.clone())
        .chain(numbered)
        .find(|id| !taken.contains(id))
        .unwrap_or(first)
}
