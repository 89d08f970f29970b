//! A model as a page of its own: what of such a folder is not there already.

use js_sys::Uint8Array;
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::site::list::{Files, RULES, Rules, code};
use crate::site::models::{Entry, id};
use crate::site::texts::{Words, texts};
use crate::web::values::plain_object;
use crate::web::{Kind, WebError};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What `site_texts()` gives. */
export interface SiteTexts {
  /** index.html. */
  index: string;
  /** www/manifest.webmanifest. */
  manifest: string;
  /** www/models/index.json. */
  models: string;
  /** README.md. */
  readme: string;
  /** Folders of the models in www/models/, with a slash at their ends. */
  paths: string[];
}
"#;

#[wasm_bindgen]
extern "C" {
    /// TypeScript's `SiteTexts`.
    #[wasm_bindgen(typescript_type = "SiteTexts")]
    pub type JsSiteTexts;
}

fn refused(name: &str, what: &dyn std::fmt::Display) -> WebError {
    WebError {
        kind: Kind::Input,
        message: format!("{name}: {what}"),
    }
}

/// The texts of a site with `models`, a list as in models/index.json, made of the page's index.html and
/// manifest.webmanifest. `shown` tells whether the picture beside a link is one of theirs. As `ddim-web publish` writes them.
#[wasm_bindgen]
pub fn site_texts(
    index: &str,
    manifest: &str,
    models: &str,
    shown: bool,
) -> Result<JsSiteTexts, WebError> {
    #[derive(Serialize)]
    struct Made<'a> {
        index: &'a str,
        manifest: &'a str,
        models: &'a str,
        readme: &'a str,
        paths: Vec<&'a str>,
    }
    let mut models: Vec<Entry> =
        serde_json::from_str(models).map_err(|error| refused("models", &error))?;
    let mut taken = Vec::new();
    for entry in &mut models {
        entry.id = id(&entry.id, &taken);
        entry.path = format!("{}/", entry.id);
        taken.push(entry.id.clone());
    }
    let words = Words {
        models: &models,
        shown,
        ..Words::default()
    };
    let made = texts(index, manifest, &words).map_err(|error| refused("page", &error))?;
    let made = Made {
        index: &made.index,
        manifest: &made.manifest,
        models: &made.models,
        readme: &made.readme,
        paths: models.iter().map(|entry| entry.path.as_str()).collect(),
    };
    Ok(plain_object(&made)?.unchecked_into())
}

/// The list for the service worker and the other files, of the checksums of all files by their paths, as JSON.
fn split(sums: &str) -> Result<(Files, Vec<String>), WebError> {
    let sums: Files = serde_json::from_str(sums).map_err(|error| refused("sums", &error))?;
    let (kept, others): (Files, Files) = sums.into_iter().partition(|(path, _)| RULES.keeps(path));
    let named = |(path, sum): (String, String)| (Rules::name(&path).to_string(), sum);
    Ok((
        kept.into_iter().map(named).collect(),
        others.into_keys().collect(),
    ))
}

/// The bytes whose SHA-256 names the version of a site: 16 hexadecimal digits of it. `sums` are the checksums of all its
/// files (`sha256-` and base64) by their paths, as JSON; `script` is the page's service worker.
#[wasm_bindgen]
pub fn site_version(sums: &str, script: &str) -> Result<Uint8Array, WebError> {
    let (files, _) = split(sums)?;
    Ok(Uint8Array::from(
        Rules::of_version(&files, code(script)).as_slice(),
    ))
}

/// The service worker of a site, sw.js: see `site_version`.
#[wasm_bindgen]
pub fn site_script(version: &str, sums: &str, script: &str) -> Result<String, WebError> {
    let (files, others) = split(sums)?;
    Ok(RULES.script(version, &files, &others, code(script)))
}
