//! An HTTP server on loopback that records what arrives, byte for byte, and answers by script.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// What the server does with a request.
pub(crate) enum Act {
    /// Writes these bytes.
    Send(Vec<u8>),
    /// Writes the first bytes, then the second ones until the client hangs up.
    SendForever(Vec<u8>, Vec<u8>),
    /// Answers nothing, calls this, and waits until the client hangs up.
    Hang(Box<dyn FnOnce() + Send>),
}

/// A running server.
pub(crate) struct Server {
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    log: Arc<Mutex<Log>>,
}

#[derive(Default)]
struct Log {
    connections: usize,
    requests: Vec<Vec<u8>>,
    is_hung_up: bool,
}

impl Server {
    /// Starts a server that gives one answer per connection.
    pub(crate) fn start<const N: usize>(answers: [&str; N]) -> Self {
        Self::act(answers.map(|answer| vec![Act::Send(answer.into())]).into())
    }

    /// Starts a server with the acts of each connection, one per request.
    pub(crate) fn act(connections: Vec<Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(Log::default()));
        let shared = log.clone();
        thread::spawn(move || {
            for acts in connections {
                let (stream, _) = listener.accept().unwrap();
                note(&shared, |log| log.connections += 1);
                serve(stream, acts, &shared);
            }
        });
        Self { port, log }
    }

    /// Starts a server that says this to whoever comes, without listening first.
    pub(crate) fn start_talking(text: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(text.as_bytes()).unwrap();
            stream.shutdown(Shutdown::Write).ok();
            // Leaving bytes unread would reset the connection before the client has read.
            while stream.read(&mut [0; 512]).is_ok_and(|len| len > 0) {}
        });
        Self { port, log: Arc::default() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Returns what has arrived, one text per request.
    pub(crate) fn requests(&self) -> Vec<String> {
        let requests = note(&self.log, |log| log.requests.clone());
        requests.into_iter().map(|bytes| String::from_utf8(bytes).unwrap()).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        note(&self.log, |log| log.connections)
    }

    /// Waits until the client of a hanging request has hung up.
    pub(crate) fn wait_for_hang_up(&self) {
        while !note(&self.log, |log| log.is_hung_up) {
            thread::yield_now();
        }
    }
}

fn note<T>(log: &Mutex<Log>, change: impl FnOnce(&mut Log) -> T) -> T {
    change(&mut log.lock().unwrap_or_else(PoisonError::into_inner))
}

fn serve(mut stream: TcpStream, acts: Vec<Act>, log: &Mutex<Log>) {
    for act in acts {
        let Some(request) = read_request(&mut stream) else { return };
        note(log, |log| log.requests.push(request));
        match act {
            Act::Send(bytes) => {
                // The client may hang up before the end, when it has seen enough.
                if stream.write_all(&bytes).is_err() {
                    return;
                }
            }
            Act::SendForever(first, again) => {
                let mut next = first;
                while stream.write_all(&next).is_ok() {
                    next.clone_from(&again);
                }
            }
            Act::Hang(call) => {
                call();
                let hung_up = stream.read(&mut [0; 1]);
                note(log, |log| log.is_hung_up = matches!(hung_up, Ok(0) | Err(_)));
            }
        }
    }
    stream.shutdown(Shutdown::Write).ok();
}

/// Reads head and body of a request; `None` where the client sends none.
fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        request.push(byte[0]);
    }
    let head = String::from_utf8(request.clone()).unwrap().to_ascii_lowercase();
    let len = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; len.map_or(0, |len| len.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    request.extend(body);
    Some(request)
}
