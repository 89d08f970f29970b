//! `ddim-web serve`: who comes with something else than a request. tests/e2e/serve.test.mjs asks it what a browser asks.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::support::{Folder, refused};

/// The server at work.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn new(folder: &Folder) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ddim-web"))
            .args(["serve", "--port", "0", "."])
            .current_dir(&folder.0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.split('/').nth(2).unwrap().to_string();
        Self { child, address }
    }

    /// All that it answers to `bytes`, until it or we have nothing more to say.
    fn answer(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        // It may have answered before the end.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn whatever_is_sent_gets_one_answer_and_the_next_one_is_served() {
    let folder = Folder::new("serve-hostile");
    fs::write(folder.path("index.html"), "home").unwrap();
    let server = Server::new(&folder);
    let host = "Host: localhost\r\n";
    let long = format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(40_000));
    let many = format!("GET / HTTP/1.1\r\n{host}{}\r\n", "A: b\r\n".repeat(200));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (format!("GET / HTTP/1.1\r\n{host}\r\n").into(), "200 OK"),
        (format!("GET /? HTTP/1.0\r\n{host}\r\n").into(), "200 OK"),
        ("GET / HTTP/1.1\r\n\r\n".into(), "403"),
        (format!("GET / HTTP/1.1\r\n{host}{host}\r\n").into(), "400"),
        (format!("GET /%zz HTTP/1.1\r\n{host}\r\n").into(), "400"),
        (format!("GET /%ff HTTP/1.1\r\n{host}\r\n").into(), "400"),
        (format!("GET /% HTTP/1.1\r\n{host}\r\n").into(), "400"),
        (format!("GET /%00 HTTP/1.1\r\n{host}\r\n").into(), "404"),
        (
            format!("GET /..%2f..%2fetc/passwd HTTP/1.1\r\n{host}\r\n").into(),
            "404",
        ),
        (
            format!("GET //etc/passwd HTTP/1.1\r\n{host}\r\n").into(),
            "404",
        ),
        (
            format!("GET /..%5c..%5cx HTTP/1.1\r\n{host}\r\n").into(),
            "404",
        ),
        (
            format!("GET http://localhost/ HTTP/1.1\r\n{host}\r\n").into(),
            "404",
        ),
        (format!("GET * HTTP/1.1\r\n{host}\r\n").into(), "404"),
        (
            format!("POST / HTTP/1.1\r\n{host}Content-Length: 4\r\n\r\nbody").into(),
            "405",
        ),
        (format!("DELETE / HTTP/1.1\r\n{host}\r\n").into(), "405"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc".to_vec(), "400"),
        (b"GET /\r\n\r\n".to_vec(), "400"),
        (b"GET / HTTP/3\r\n\r\n".to_vec(), "400"),
        (long.into(), "431"),
        (many.into(), "431"),
    ];
    for (bytes, status) in cases {
        let answer = server.answer(&bytes);
        let asked = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        let first = answer.lines().next().unwrap_or_default();
        assert!(
            first.starts_with(&format!("HTTP/1.1 {status}")),
            "{asked:?}: {answer}"
        );
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{asked:?}: {answer}"
        );
    }
    // What follows a body that was not read is no request.
    let smuggled = format!(
        "GET / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n{host}\r\n"
    );
    let answer = server.answer(smuggled.as_bytes());
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    // Two at once are answered in turn.
    let two = format!("GET / HTTP/1.1\r\n{host}\r\nHEAD /nothing HTTP/1.1\r\n{host}\r\n");
    let answer = server.answer(two.as_bytes());
    let statuses: Vec<&str> = answer
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|rest| &rest[..3])
        .collect();
    assert_eq!(statuses, ["200", "404"]);
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test]
fn a_folder_that_is_none_and_a_port_that_is_taken_are_told() {
    let folder = Folder::new("serve-refusals");
    let run = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_ddim-web"))
            .arg("serve")
            .args(arguments)
            .current_dir(&folder.0)
            .output()
            .unwrap()
    };
    refused(&run(&["nothing"]), 1, "nothing: not a folder");
    refused(&run(&[".", "--port", "70000"]), 2, "70000");
    fs::write(folder.path("index.html"), "").unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    refused(&run(&[".", "--port", &port]), 1, "is taken");
}
