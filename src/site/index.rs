//! `index.html` and the manifest of a site: its title, its views, its first picture, and its address for those who show
//! a link.

use serde_json::Value;

use super::SiteError;

const FILE: &str = "index.html";
const MANIFEST: &str = "www/manifest.webmanifest";

/// The picture for those who show a link, as a path in the site.
pub const CARD: &str = "www/style/card.png";

/// What a site changes of the page.
#[derive(Debug, Clone, Default)]
pub struct Site<'a> {
    /// What the site is called.
    pub title: &'a str,
    /// The views that it has; none for all.
    pub views: &'a [String],
    /// Path of the picture that is on show before the model has made one.
    pub poster: &'a str,
    /// What the picture beside a link shows, where it is another one than the page's.
    pub card: Option<&'a str>,
    /// Where the site will be, with a slash at its end.
    pub url: Option<&'a str>,
}

impl Site<'_> {
    /// `index.html` of this site, made of the page's, or of that of another site.
    ///
    /// # Errors
    /// [`SiteError::Lacks`] when it has no place for something.
    pub fn index(&self, page: &str) -> Result<String, SiteError> {
        // What another site had of its own.
        let own = ["name=\"views\"", "rel=\"canonical\"", "property=\"og:url\""];
        let mut html: String = page
            .split_inclusive('\n')
            .filter(|line| !own.iter().any(|own| line.contains(own)))
            .collect();
        let title = escaped(self.title);
        let spoken = between(&html, "<title>", "</title>")?;
        let subject = spoken.split(" · ").next().unwrap_or_default().to_string();
        put(
            &mut html,
            "<title>",
            "</title>",
            &format!("{subject} · {title}"),
        )?;
        put(&mut html, "<h1>", "</h1>", &title)?;
        let card = format!("{}{CARD}", escaped(self.url.unwrap_or_default()));
        let contents = [
            ("property=\"og:site_name\"", Some(title.as_str())),
            ("property=\"og:title\"", Some(title.as_str())),
            ("property=\"og:image\"", Some(card.as_str())),
            ("name=\"twitter:image\"", Some(card.as_str())),
        ];
        for (name, content) in contents {
            if let Some(content) = content {
                put(
                    &mut html,
                    &format!("<meta {name} content=\""),
                    "\"",
                    content,
                )?;
            }
        }
        if let Some(alt) = self.card {
            let start = "<meta property=\"og:image:alt\" content=\"";
            put(&mut html, start, "\"", &escaped(alt))?;
        }
        let poster = escaped(self.poster);
        put(&mut html, "<img id=\"poster\" src=\"", "\"", &poster)?;

        let mut tags = String::new();
        if !html.contains("<meta name=\"service-worker\"") {
            tags += "    <meta name=\"service-worker\" content=\"sw.js\">\n";
        }
        if let Some(url) = self.url {
            let url = escaped(url);
            tags += &format!("    <link rel=\"canonical\" href=\"{url}\">\n");
            tags += &format!("    <meta property=\"og:url\" content=\"{url}\">\n");
        }
        insert(&mut html, "  </head>", &tags)?;
        if !self.views.is_empty() {
            // Before the first script, which asks for it.
            let views = escaped(&self.views.join(" "));
            let tag = format!("    <meta name=\"views\" content=\"{views}\">\n");
            insert(&mut html, "    <title>", &tag)?;
        }
        Ok(html)
    }

    /// `www/manifest.webmanifest` of this site, made of the page's: what an installed page is called.
    ///
    /// # Errors
    /// [`SiteError::Json`] when that is no object.
    pub fn manifest(&self, page: &str) -> Result<String, SiteError> {
        let failed = |found: String| SiteError::Json {
            file: MANIFEST,
            found,
        };
        let mut value: Value = serde_json::from_str(page).map_err(|e| failed(e.to_string()))?;
        let object = value
            .as_object_mut()
            .ok_or_else(|| failed("another value".into()))?;
        object.insert("name".into(), self.title.into());
        object.insert("short_name".into(), self.title.into());
        Ok(format!("{value:#}\n"))
    }
}

/// `text` for HTML, in an attribute or between tags.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            other => escaped.push(other),
        }
    }
    escaped
}

fn lacks(expected: &str) -> SiteError {
    SiteError::Lacks {
        file: FILE,
        expected: expected.trim().into(),
    }
}

/// What stands between the first `start` and the next `end`.
fn between<'a>(html: &'a str, start: &str, end: &str) -> Result<&'a str, SiteError> {
    let (_, rest) = html.split_once(start).ok_or_else(|| lacks(start))?;
    let (inside, _) = rest.split_once(end).ok_or_else(|| lacks(start))?;
    Ok(inside)
}

/// Puts `text` between the first `start` and the next `end`.
fn put(html: &mut String, start: &str, end: &str, text: &str) -> Result<(), SiteError> {
    let length = between(html, start, end)?.len();
    let at = html.find(start).ok_or_else(|| lacks(start))? + start.len();
    html.replace_range(at..at + length, text);
    Ok(())
}

/// Puts `text` before the first `place`.
fn insert(html: &mut String, place: &str, text: &str) -> Result<(), SiteError> {
    let at = html.find(place).ok_or_else(|| lacks(place))?;
    html.insert_str(at, text);
    Ok(())
}
