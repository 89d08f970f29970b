//! All texts that a site has of its own, made of the page's: for `ddim-web publish`, and for the page itself.

use super::SiteError;
use super::index::Site;
use super::models::{Entry, index};
use super::space::readme;

/// What is to be said.
#[derive(Debug, Clone, Copy, Default)]
pub struct Words<'a> {
    /// What the site is called; `None` for the name of its model where there is one, else ddim-web.
    pub title: Option<&'a str>,
    /// The views that it has; none for all.
    pub views: &'a [String],
    /// Where it will be, with a slash at its end.
    pub url: Option<&'a str>,
    /// Its models.
    pub models: &'a [Entry],
    /// Whether the picture beside a link is one of theirs.
    pub shown: bool,
}

/// The texts by their files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// `index.html`.
    pub index: String,
    /// `www/manifest.webmanifest`.
    pub manifest: String,
    /// `www/models/index.json`.
    pub models: String,
    /// `README.md`.
    pub readme: String,
}

/// The texts of a site, made of `index` and `manifest` of the page.
///
/// # Errors
/// [`SiteError`] where these have no place for something.
pub fn texts(index_html: &str, manifest: &str, words: &Words) -> Result<Texts, SiteError> {
    let names: Vec<String> = words
        .models
        .iter()
        .map(|entry| entry.name.clone())
        .collect();
    let title = match (words.title, names.as_slice()) {
        (Some(title), _) => title,
        (None, [one]) => one,
        (None, _) => "ddim-web",
    };
    let poster = words.models.first().map_or("", |entry| &entry.path);
    let poster = format!("www/models/{poster}preview.png");
    let alt = format!("Pictures out of noise, made by {}", names.join(", "));
    let site = Site {
        title,
        views: words.views,
        poster: &poster,
        card: words.shown.then_some(alt.as_str()),
        url: words.url,
    };
    Ok(Texts {
        index: site.index(index_html)?,
        manifest: site.manifest(manifest)?,
        models: index(words.models),
        readme: readme(title, &names),
    })
}
