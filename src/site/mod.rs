//! The page as a folder that a static host serves: what stands in its files, and which of them its service worker keeps.
//!
//! Text in, text out: no file is read or written here, so `ddim-web publish` and the page itself can both make such a
//! folder. `scripts/site` keeps the same files, by the same `rules.json`.

pub mod card;
pub mod index;
pub mod list;
pub mod models;
pub mod space;
pub mod texts;

/// Why a page cannot be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// A file of the page lacks what is to be changed in it.
    #[error("{file}: expected {expected}, found none: the page is of another version")]
    Lacks {
        /// Path of the file in the page.
        file: &'static str,
        /// What it should have.
        expected: String,
    },
    /// A file of the page is no JSON object.
    #[error("{file}: expected a JSON object, found {found}")]
    Json {
        /// Path of the file in the page.
        file: &'static str,
        /// What was found.
        found: String,
    },
}
