//! What is answered to a request: a file, a part of it, "you have it", or a line of text.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::paths::{decoded, is_hidden, is_text, place, type_of};
use super::request::Request;

/// A status, headers, and what follows them.
pub struct Answer {
    /// HTTP's number.
    pub status: u16,
    /// Names and values, without those that say how the body is sent.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
    /// Whether the body is left out though its headers are there.
    pub head: bool,
}

/// What follows the headers.
pub enum Body {
    /// Nothing.
    Nothing,
    /// These bytes.
    Text(Vec<u8>),
    /// Bytes `from` to `to`, which does not belong to them, of a file.
    Part {
        /// Where it is.
        file: PathBuf,
        /// The first byte.
        from: u64,
        /// The one after the last.
        to: u64,
    },
    /// A file, compressed.
    Compressed(PathBuf),
}

impl Answer {
    /// One line of text.
    pub fn text(status: u16, line: &str) -> Self {
        let headers = vec![
            ("Content-Type", "text/plain; charset=utf-8".into()),
            ("Cache-Control", "no-cache".into()),
        ];
        Self {
            status,
            headers,
            body: Body::Text(format!("{line}\n").into_bytes()),
            head: false,
        }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// Names of this machine. A foreign name that leads here is a page that wants to read what is served (DNS rebinding).
fn is_own(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .any(|own| own.eq_ignore_ascii_case(name))
}

/// What `request` gets of the files under `root`, which is where they really are.
pub fn answer(request: &Request, root: &Path) -> Answer {
    let head = request.method == "HEAD";
    Answer {
        head,
        ..found(request, root)
    }
}

fn found(request: &Request, root: &Path) -> Answer {
    if !request.header("host").is_some_and(is_own) {
        let what = "this server answers only to 127.0.0.1, localhost and [::1]";
        return Answer::text(403, what);
    }
    if request.method != "GET" && request.method != "HEAD" {
        return Answer::text(405, "only GET and HEAD").with("Allow", "GET, HEAD".into());
    }
    let (raw, query) = match request.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (request.target.as_str(), None),
    };
    let Some(path) = decoded(raw) else {
        return Answer::text(400, "the address is not valid percent-encoding");
    };
    let missing = || Answer::text(404, &format!("not found: {raw}"));
    let Some(inside) = path.strip_prefix('/') else {
        return missing();
    };
    if inside.split('/').any(is_hidden) {
        return missing();
    }
    let mut file = root.to_path_buf();
    file.extend(inside.split('/').filter(|segment| !segment.is_empty()));
    let Some((mut file, mut info)) = known(&file, root) else {
        return missing();
    };
    let is_folder = path.ends_with('/');
    if info.is_dir() {
        if !is_folder {
            // The name as it was sent; "./" before it, since it may have a colon.
            let name = raw.rsplit('/').next().unwrap_or_default();
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            return Answer::text(301, "moved").with("Location", format!("./{name}/{query}"));
        }
        let Some(index) = known(&file.join("index.html"), root) else {
            return missing();
        };
        (file, info) = index;
    } else if is_folder {
        return missing();
    }
    if !info.is_file() {
        return missing();
    }
    of_file(request, file, &info)
}

fn known(file: &Path, root: &Path) -> Option<(PathBuf, Metadata)> {
    let real = place(file, root)?;
    let info = fs::metadata(&real).ok()?;
    Some((real, info))
}

fn of_file(request: &Request, file: PathBuf, info: &Metadata) -> Answer {
    let size = info.len();
    let time = info.modified().unwrap_or(UNIX_EPOCH);
    let modified = httpdate::fmt_http_date(time.max(UNIX_EPOCH));
    let etag = format!("\"{:x}-{size:x}\"", microseconds(time));
    // What is published anew must not meet an old page: browsers ask every time, and are told when nothing changed.
    let mut headers = vec![
        ("Cache-Control", "no-cache".to_string()),
        ("Last-Modified", modified.clone()),
        ("Accept-Ranges", "bytes".into()),
    ];
    if is_known(request, &etag, &modified) {
        headers.push(("ETag", etag));
        return Answer {
            status: 304,
            headers,
            body: Body::Nothing,
            head: false,
        };
    }
    let part = match request.method.as_str() {
        "GET" => part(request, size, &etag, &modified),
        _ => Part::Whole,
    };
    let mime = type_of(&file);
    let takes_gzip = request.header("accept-encoding").is_some_and(takes_gzip);
    headers.push(("Content-Type", mime.into()));
    headers.push(("X-Content-Type-Options", "nosniff".into()));
    let (status, body) = match part {
        Part::Nowhere => {
            return Answer::text(416, &format!("the file has {size} bytes"))
                .with("Content-Range", format!("bytes */{size}"));
        }
        Part::Of(from, to) => {
            headers.push(("Content-Range", format!("bytes {from}-{}/{size}", to - 1)));
            headers.push(("ETag", etag));
            (206, Body::Part { file, from, to })
        }
        Part::Whole if takes_gzip && is_text(mime) => {
            headers.push(("Content-Encoding", "gzip".into()));
            headers.push(("Vary", "Accept-Encoding".into()));
            headers.push(("ETag", format!("W/{etag}")));
            (200, Body::Compressed(file))
        }
        Part::Whole => {
            headers.push(("ETag", etag));
            let (from, to) = (0, size);
            (200, Body::Part { file, from, to })
        }
    };
    Answer {
        status,
        headers,
        body,
        head: false,
    }
}

fn microseconds(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros())
}

/// Whether `accept-encoding` allows gzip.
fn takes_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight.trim().strip_prefix("q=").map(str::parse::<f64>);
        name.trim().eq_ignore_ascii_case("gzip") && refused != Some(Ok(0.0))
    })
}

/// Whether the browser has the file already. The same file has the same ETag and date; one that is merely older is
/// another, as after a step back in a repository.
fn is_known(request: &Request, etag: &str, modified: &str) -> bool {
    match request.header("if-none-match") {
        None => request.header("if-modified-since") == Some(modified),
        Some(tags) => tags.split(',').any(|tag| {
            let tag = tag.trim();
            tag == "*" || tag.trim_start_matches("W/") == etag
        }),
    }
}

/// Which part of a file is sent.
enum Part {
    /// All of it: nothing else is asked for, or several parts, or a part of another version.
    Whole,
    /// From a byte to another, which does not belong to it.
    Of(u64, u64),
    /// The file has no such part.
    Nowhere,
}

fn part(request: &Request, size: u64, etag: &str, modified: &str) -> Part {
    let version = request.header("if-range");
    if version.is_some_and(|version| version != etag && version != modified) {
        return Part::Whole;
    }
    let range = request.header("range").unwrap_or_default();
    let Some((first, last)) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Part::Whole;
    };
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if (first.is_empty() && last.is_empty()) || !is_number(first) || !is_number(last) {
        return Part::Whole;
    }
    // What no number holds lies behind every file.
    let number = |text: &str| text.parse().unwrap_or(u64::MAX);
    let (from, to) = match (first, last) {
        ("", last) => (size.saturating_sub(number(last)), size),
        (first, "") => (number(first), size),
        (first, last) if number(first) > number(last) => return Part::Whole,
        (first, last) => (number(first), number(last).saturating_add(1).min(size)),
    };
    if from < to {
        Part::Of(from, to)
    } else {
        Part::Nowhere
    }
}
