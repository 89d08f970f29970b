//! What a browser asks: the head of an HTTP request. A body is never read, as nothing that is served takes one.

use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::answer::Answer;

/// Far more than a browser sends.
const LONGEST_HEAD: usize = 32 << 10;

/// As many header lines as a request may have.
const MOST_HEADERS: usize = 100;

/// A request without a body.
pub struct Request {
    /// GET, HEAD, …
    pub method: String,
    /// Path and query, as they were sent.
    pub target: String,
    /// Names in small letters, and values.
    headers: Vec<(String, String)>,
    /// Whether another request may follow on the same connection.
    pub stay: bool,
}

impl Request {
    /// The value of the header `name`, which is in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    fn of(parsed: &httparse::Request<'_, '_>) -> Result<Self, Answer> {
        let headers: Vec<(String, String)> = parsed
            .headers
            .iter()
            .map(|header| {
                let value = String::from_utf8_lossy(header.value);
                (header.name.to_ascii_lowercase(), value.trim().to_string())
            })
            .collect();
        let of = |wanted: &str| {
            let found = headers.iter().filter(|(name, _)| name == wanted);
            found
                .map(|(_, value)| value.to_ascii_lowercase())
                .collect::<Vec<_>>()
        };
        if of("host").len() > 1 {
            return Err(Answer::text(400, "a request names one host"));
        }
        let (sizes, connection) = (of("content-length"), of("connection"));
        let has_body = sizes.iter().any(|size| size != "0") || !of("transfer-encoding").is_empty();
        let says = |word: &str| {
            let mut words = connection.iter().flat_map(|value| value.split(','));
            words.any(|found| found.trim() == word)
        };
        let stays = match parsed.version {
            Some(1) => !says("close"),
            _ => says("keep-alive"),
        };
        Ok(Self {
            method: parsed.method.unwrap_or_default().into(),
            target: parsed.path.unwrap_or_default().into(),
            headers,
            // What follows would be taken for a request.
            stay: stays && !has_body,
        })
    }
}

/// A browser at the other end.
pub struct Connection {
    stream: TcpStream,
    /// What has come and was not read.
    buffer: Vec<u8>,
}

impl Connection {
    /// One that has asked nothing yet.
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Where answers go.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// The next request, `None` when there is none any more, or what is answered to something else.
    ///
    /// # Errors
    /// What the system said; nobody is there any more.
    pub fn request(&mut self) -> io::Result<Result<Option<Request>, Answer>> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
            let mut parsed = httparse::Request::new(&mut headers);
            match parsed.parse(&self.buffer) {
                Ok(httparse::Status::Complete(length)) => {
                    let request = Request::of(&parsed);
                    self.buffer.drain(..length);
                    return Ok(request.map(Some));
                }
                Ok(httparse::Status::Partial) if self.buffer.len() < LONGEST_HEAD => {}
                Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                    let what = "the head of the request is too long";
                    return Ok(Err(Answer::text(431, what)));
                }
                Err(error) => {
                    let what = format!("this is no request in HTTP/1: {error}");
                    return Ok(Err(Answer::text(400, &what)));
                }
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece)? {
                0 => return Ok(Ok(None)),
                length => self.buffer.extend_from_slice(&piece[..length]),
            }
        }
    }

    /// Ends it so that the last answer arrives: what the browser still sends is taken for a moment.
    ///
    /// # Errors
    /// What the system said.
    pub fn close(mut self) -> io::Result<()> {
        const MOST: usize = 1 << 20;
        self.stream.shutdown(Shutdown::Write)?;
        self.stream
            .set_read_timeout(Some(Duration::from_millis(500)))?;
        let mut taken = 0;
        let mut piece = [0; 4096];
        while taken < MOST {
            match self.stream.read(&mut piece) {
                Ok(0) | Err(_) => break,
                Ok(length) => taken += length,
            }
        }
        Ok(())
    }
}
