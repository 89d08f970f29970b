//! An answer on its way.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::read::GzEncoder;

use super::answer::{Answer, Body};

/// Sends `answer`; `stay` is whether another request may follow.
///
/// # Errors
/// What the system said: the browser is gone, or the file cannot be read to its end. The connection is of no use then.
pub fn send(to: &mut impl Write, answer: &Answer, stay: bool) -> io::Result<()> {
    let mut body: Box<dyn Read> = Box::new(io::empty());
    let mut length = None;
    match &answer.body {
        Body::Nothing => {}
        Body::Text(bytes) => {
            length = Some(bytes.len() as u64);
            body = Box::new(bytes.as_slice());
        }
        Body::Part { file, from, to } => {
            let mut file = File::open(file)?;
            file.seek(SeekFrom::Start(*from))?;
            length = Some(to - from);
            body = Box::new(file.take(to - from));
        }
        // Compressed twice as large would be a waste of time, and its length need not be known.
        Body::Compressed(_) if answer.head => {}
        Body::Compressed(file) => {
            let mut packed = Vec::new();
            let file = BufReader::new(File::open(file)?);
            GzEncoder::new(file, Compression::default()).read_to_end(&mut packed)?;
            length = Some(packed.len() as u64);
            body = Box::new(io::Cursor::new(packed));
        }
    }
    let mut head = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    if let Some(length) = length {
        head += &format!("Content-Length: {length}\r\n");
    }
    let date = httpdate::fmt_http_date(std::time::SystemTime::now());
    let connection = if stay { "keep-alive" } else { "close" };
    head += &format!("Date: {date}\r\nConnection: {connection}\r\n\r\n");
    to.write_all(head.as_bytes())?;
    if !answer.head {
        let sent = io::copy(&mut body, to)?;
        if length.is_some_and(|length| length != sent) {
            // It was cut meanwhile; the browser must not wait for the rest.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    to.flush()
}

/// HTTP's words for a status.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        301 => "Moved Permanently",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        416 => "Range Not Satisfiable",
        431 => "Request Header Fields Too Large",
        _ => "",
    }
}
