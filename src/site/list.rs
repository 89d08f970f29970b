//! The list of a site's files with their checksums, which its service worker keeps: `sw.js` is one line with that list,
//! and the worker's code after it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// What a site consists of and what its service worker keeps; `scripts/site` reads the same file.
#[derive(Debug, Deserialize)]
pub struct Rules {
    /// The page: what of its folder is published.
    pub parts: Vec<String>,
    /// The service worker's code; in a site it stands at the top, after the list.
    pub worker: String,
    /// Endings of the files that are kept. Weights are not: `www/engine/weights.js` keeps those that are used.
    kept: Vec<String>,
    /// Files that are not kept though their ending says so: nothing on the page asks for them.
    apart: Vec<String>,
    /// Beginnings of the paths that are kept once they have been used: large, and few ask for them.
    later: Vec<String>,
}

/// The rules of this version.
///
/// ```
/// assert!(ddim_web::site::list::RULES.keeps("www/main.js"));
/// assert!(!ddim_web::site::list::RULES.keeps("www/models/m/diffusion_pytorch_model.safetensors"));
/// ```
pub static RULES: LazyLock<Rules> = LazyLock::new(|| {
    serde_json::from_str(include_str!("rules.json")).expect("rules.json is of this crate")
});

/// Checksums (`sha256-` and base64, as in the attribute `integrity`) by path, with slashes; `index.html` is `./`.
pub type Files = BTreeMap<String, String>;

/// What the list calls `index.html`.
const INDEX: &str = "./";

#[derive(Serialize)]
struct List<'a> {
    version: &'a str,
    files: &'a Files,
    later: &'a [String],
    others: &'a [String],
}

impl Rules {
    /// Whether the service worker keeps the file at `path`.
    pub fn keeps(&self, path: &str) -> bool {
        let ending = path.rsplit_once('.').map(|(_, ending)| ending);
        let kept = ending.is_some_and(|ending| self.kept.iter().any(|kept| kept == ending));
        kept && !self.apart.iter().any(|apart| apart == path)
    }

    /// The name in the list of the file at `path`.
    pub fn name(path: &str) -> &str {
        if path == "index.html" { INDEX } else { path }
    }

    /// The bytes whose SHA-256 names the version: those of the list, then the worker's code.
    ///
    /// # Panics
    /// Never: texts by texts are JSON.
    pub fn of_version(files: &Files, code: &str) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(files).expect("texts by texts");
        bytes.extend_from_slice(code.as_bytes());
        bytes
    }

    /// `sw.js`: `code` with the list before it, which also names `others`, in their order: files of the site that are not
    /// kept, so that the page knows all that it consists of. `version` is the beginning of the SHA-256 of [`Self::of_version`], in 16
    /// hexadecimal digits.
    ///
    /// # Panics
    /// Never: texts by texts are JSON.
    pub fn script(&self, version: &str, files: &Files, others: &[String], code: &str) -> String {
        let list = List {
            version,
            files,
            later: &self.later,
            others,
        };
        let list = serde_json::to_string(&list).expect("texts by texts");
        format!("{START}{list};\n{code}")
    }
}

/// How the line with the list begins.
const START: &str = "self.SITE = ";

/// The worker's code alone: `script` without the list that a site has before it.
pub fn code(script: &str) -> &str {
    match script.split_once('\n') {
        Some((first, code)) if first.starts_with(START) => code,
        _ => script,
    }
}
