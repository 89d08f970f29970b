//! From the path of an address to a file under the root, and to its type.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Types by ending.
const TYPES: [(&str, &str); 18] = [
    ("css", "text/css; charset=utf-8"),
    ("gif", "image/gif"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json; charset=utf-8"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mp4", "video/mp4"),
    ("png", "image/png"),
    ("safetensors", OTHER),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff2", "font/woff2"),
];

const OTHER: &str = "application/octet-stream";

/// The type of a file, by its name.
pub fn type_of(file: &Path) -> &'static str {
    let ending = file.extension().and_then(|ending| ending.to_str());
    let found = ending.and_then(|ending| {
        TYPES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(ending))
    });
    found.map_or(OTHER, |(_, mime)| mime)
}

/// Whether static hosts compress files of this type.
pub fn is_text(mime: &str) -> bool {
    let starts = [
        "text/",
        "image/svg",
        "application/json",
        "application/manifest",
        "application/wasm",
    ];
    starts.iter().any(|start| mime.starts_with(start))
}

/// A part of a path that is nobody's business: .git, .., or what holds a NUL or a slash of Windows.
pub fn is_hidden(segment: &str) -> bool {
    segment.starts_with('.') || segment.contains(['\\', '\0'])
}

/// Where a file really is, once links are followed; `None` for what is not there, not under `root`, or hidden.
pub fn place(file: &Path, root: &Path) -> Option<PathBuf> {
    let real = fs::canonicalize(file).ok()?;
    let inside = real.strip_prefix(root).ok()?;
    let seen = inside.components().all(|part| match part {
        Component::Normal(name) => name.to_str().is_some_and(|name| !is_hidden(name)),
        _ => false,
    });
    seen.then_some(real)
}

/// `path` with its percent-encoding undone, `None` where that is not valid, or no UTF-8.
pub fn decoded(path: &str) -> Option<String> {
    let mut rest = path.split('%').skip(1);
    let valid = rest.all(|after| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let text = percent_encoding::percent_decode_str(path).decode_utf8();
    text.ok().filter(|_| valid).map(Into::into)
}
