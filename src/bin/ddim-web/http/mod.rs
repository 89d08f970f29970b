//! A server of static files for a preview: it does what static hosts do, listens on 127.0.0.1 only, and serves nobody who
//! calls it by another name than this machine's own. `scripts/serve.mjs` does the same in Node;
//! `tests/e2e/serve.test.mjs` tests both.

mod answer;
mod paths;
mod request;
mod send;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use request::Connection;

/// A browser opens 6 at once, and there are few browsers; more than this is nobody who looks at a preview.
const MOST_CONNECTIONS: usize = 128;

/// How long a browser may say nothing, or take nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// After a failure to accept (no file handles left), so that it is not tried all the time.
const PAUSE: Duration = Duration::from_millis(50);

/// A folder on a port.
pub struct Server {
    listener: TcpListener,
    root: PathBuf,
}

impl Server {
    /// Serves `folder` on `port` of 127.0.0.1; 0 is any free one.
    ///
    /// # Errors
    /// What the system said of the port, or of the folder.
    pub fn bind(folder: &Path, port: u16) -> io::Result<Self> {
        Ok(Self {
            listener: TcpListener::bind((Ipv4Addr::LOCALHOST, port))?,
            root: fs::canonicalize(folder)?,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system said.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers, in threads of its own, until the process ends.
    pub fn start(self) {
        let Self { listener, root } = self;
        let (root, open) = (Arc::new(root), Arc::new(AtomicUsize::new(0)));
        thread::spawn(move || {
            loop {
                let Ok((stream, _)) = listener.accept() else {
                    thread::sleep(PAUSE);
                    continue;
                };
                let (root, open) = (root.clone(), open.clone());
                if open.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
                    open.fetch_sub(1, Ordering::Relaxed);
                    continue;
                }
                thread::spawn(move || {
                    // Who goes away in the middle of an answer is no failure of the server.
                    let _ = serve(stream, &root);
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
    }
}

/// All that one browser asks on one connection.
fn serve(stream: TcpStream, root: &Path) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut connection = Connection::new(stream);
    loop {
        let (answer, stay) = match connection.request()? {
            Ok(None) => return Ok(()),
            Ok(Some(request)) => (answer::answer(&request, root), request.stay),
            Err(refusal) => (refusal, false),
        };
        send::send(connection.stream(), &answer, stay)?;
        if !stay {
            return connection.close();
        }
    }
}
