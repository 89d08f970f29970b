//! What a site has of its own: words, lists, and the folder that it becomes.

use std::fs;
use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ddim_web::site::index::CARD;
use ddim_web::site::list::{Files, RULES, Rules, code};
use ddim_web::site::models::LONGEST;
use ddim_web::site::texts::{self, texts};
use sha2::{Digest, Sha256};

use super::models::Shelf;
use super::page::{Page, SCRIPT};
use super::pictures;
use crate::draw::picture::write_png;
use crate::error::CliError;
use crate::files::whole::{read, read_text, write_atomically};

const README: &str = "README.md";
const INDEX: &str = "index.html";
const MANIFEST: &str = "www/manifest.webmanifest";

/// What a site has at its top, in the order in which it is put in place: the service worker, which tells open pages of
/// the new version, last.
pub const NAMES: [&str; 5] = [README, "pkg", "www", INDEX, SCRIPT];

/// Stands in the README of a site, and by it a folder is known to be one.
const SIGNATURE: &str = "`ddim-web publish`";

/// Title and address of a site.
pub struct Words {
    title: Option<String>,
    url: Option<String>,
}

impl Words {
    /// # Errors
    /// [`CliError::Usage`] for a title that is none, or an address that is none of a site.
    pub fn new(title: Option<&str>, url: Option<&str>) -> Result<Self, CliError> {
        let title = title.map(|title| title.split_whitespace().collect::<Vec<_>>().join(" "));
        if let Some(title) = &title {
            let length = title.chars().count();
            if length == 0 || length > LONGEST {
                return Err(CliError::Usage(format!(
                    "title: expected 1 to {LONGEST} characters, found {length}"
                )));
            }
        }
        let url = url.map(|url| format!("{}/", url.trim_end_matches('/')));
        if let Some(url) = &url {
            let rest = ["https://", "http://"]
                .iter()
                .find_map(|start| url.strip_prefix(start));
            let odd = |c: char| c.is_whitespace() || c.is_control() || "\"<>?#".contains(c);
            if rest.is_none_or(|rest| rest.len() < 2 || rest.contains(odd)) {
                return Err(CliError::Usage(format!(
                    "url: expected the address of the site, beginning with https://, found {url}"
                )));
            }
        }
        Ok(Self { title, url })
    }
}

/// Refuses a folder that holds something else than a site, before any work.
///
/// # Errors
/// [`CliError::Failed`] names it.
pub fn check_target(out: &Path, force: bool) -> Result<(), CliError> {
    let failed = |what: &str| CliError::Failed(format!("{}: {what}", out.display()));
    if !out.exists() {
        return Ok(());
    }
    if !out.is_dir() {
        return Err(failed("expected a folder to write, found a file"));
    }
    if force {
        return Ok(());
    }
    let entries = fs::read_dir(out).map_err(|e| failed(&e.to_string()))?;
    // A repository that is to be published has hidden ones alone at first.
    let mut seen = entries
        .flatten()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    if seen.next().is_none() || is_site(out) {
        return Ok(());
    }
    Err(failed(
        "holds something else: name a new folder, or replace what is in it with --force",
    ))
}

fn is_site(folder: &Path) -> bool {
    let signed = read_text(&folder.join(README)).is_ok_and(|text| text.contains(SIGNATURE));
    signed && folder.join(SCRIPT).is_file() && folder.join("www/models/index.json").is_file()
}

/// Writes into `folder`, where page and models are, what stands in neither. Gives the bytes of all files.
///
/// # Errors
/// The path, and what went wrong.
pub fn write(
    folder: &Path,
    page: &Page,
    words: &Words,
    views: &[String],
    shelf: &Shelf,
) -> Result<u64, CliError> {
    let put = |path: &str, text: &str| write_atomically(&folder.join(path), text.as_bytes());
    let shown = !shelf.previews().is_empty();
    if shown {
        write_png(&folder.join(CARD), &pictures::card(shelf.previews()))?;
    }
    let said = texts::Words {
        title: words.title.as_deref(),
        views,
        url: words.url.as_deref(),
        models: shelf.entries(),
        shown,
    };
    let texts =
        texts(&page.text(INDEX)?, &page.text(MANIFEST)?, &said).map_err(CliError::failed)?;
    put(INDEX, &texts.index)?;
    put(MANIFEST, &texts.manifest)?;
    put("www/models/index.json", &texts.models)?;

    let (mut files, mut others) = (Files::new(), Vec::new());
    let mut bytes = 0;
    for part in &RULES.parts {
        bytes += list(folder, part, &mut files, &mut others)?;
    }
    others.sort();
    let of_version = Rules::of_version(&files, &page.worker);
    let digest = Sha256::digest(&of_version);
    let version: String = digest[..8].iter().map(|b| format!("{b:02x}")).collect();
    let script = RULES.script(&version, &files, &others, code(&page.worker));
    put(SCRIPT, &script)?;
    put(README, &texts.readme)?;
    Ok(bytes + (script.len() + texts.readme.len()) as u64)
}

/// Adds the file or folder `path` of the site to the list, or to `others` what its service worker does not keep. Gives its
/// bytes.
fn list(
    site: &Path,
    path: &str,
    files: &mut Files,
    others: &mut Vec<String>,
) -> Result<u64, CliError> {
    let place = site.join(path);
    if !place.is_dir() {
        let bytes = read(&place)?;
        if RULES.keeps(path) {
            let sum = format!("sha256-{}", STANDARD.encode(Sha256::digest(&bytes)));
            files.insert(Rules::name(path).into(), sum);
        } else {
            others.push(path.into());
        }
        return Ok(bytes.len() as u64);
    }
    let failed = |e: io::Error| CliError::Failed(format!("{}: {e}", place.display()));
    let mut sum = 0;
    for entry in fs::read_dir(&place).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        sum += list(
            site,
            &format!("{path}/{}", name.to_string_lossy()),
            files,
            others,
        )?;
    }
    Ok(sum)
}
