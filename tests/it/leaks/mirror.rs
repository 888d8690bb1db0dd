//! A server that was sent secrets and gives them back, in every way that servers have.
//!
//! It knows the values, as a server that was sent them does. Paths say how it answers; `/echo` and its
//! kind answer with what really arrived.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use serde_json::json;
use tests::oracle::{self, SPELLINGS};

/// A running server. It ends when it is dropped.
pub(super) struct Mirror {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    values: Vec<String>,
    received: Mutex<Vec<Vec<u8>>>,
    is_over: AtomicBool,
}

impl Mirror {
    /// Starts a server that knows these values.
    pub(super) fn knowing(values: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let shared = Arc::new(Shared { values, ..Shared::default() });
        let own = shared.clone();
        let listening = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if own.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let own = own.clone();
                thread::spawn(move || serve(stream, &own));
            }
        });
        Self { address, shared, listening: Some(listening) }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns everything that arrived so far.
    pub(super) fn received(&self) -> Vec<u8> {
        self.shared.received.lock().unwrap().concat()
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            listening.join().unwrap_or_default();
        }
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    let Some(request) = read_request(&mut stream) else {
        drop(stream.write_all(b"not TLS\r\n"));
        return;
    };
    shared.received.lock().unwrap().push(request.clone());
    let line = String::from_utf8_lossy(&request).into_owned();
    let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
    if path.starts_with("/slow/") {
        // Until the client hangs up.
        drop(stream.read(&mut [0; 1]));
        return;
    }
    // The client may have gone.
    drop(stream.write_all(&answer(&path, &request, &shared.values)));
}

fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(head) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
            let len = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let len: usize = len.map_or(0, |len| len.trim().parse().unwrap());
            if request.len() >= head + 4 + len {
                return Some(request);
            }
        }
        if request.first() == Some(&0x16) {
            return None; // It speaks TLS, this server does not.
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(len) => request.extend(&buffer[..len]),
        }
    }
}

fn answer(path: &str, request: &[u8], values: &[String]) -> Vec<u8> {
    let seen = String::from_utf8_lossy(request).into_owned();
    let (name, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let at = |n: usize| values[n % values.len()].as_str();
    let number = rest.split(['/', '?']).next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let value = at(number);
    match name {
        "echo" => with("text/plain", &seen),
        "echo-json" => with("application/json", &json!({"seen": seen}).to_string()),
        "echo-key" => with("application/json", &json!({seen.as_str(): {seen: 1}}).to_string()),
        "echo-twice" => {
            let inner = json!({"seen": seen}).to_string();
            with("application/json", &json!({"inner": inner}).to_string())
        }
        "spell" => {
            let which = rest.split('/').nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
            let (_, write): oracle::Spelling = SPELLINGS[which];
            with("text/plain", &format!("before {} behind", write(value)))
        }
        "base64" => {
            let before = "x".repeat(rest.len());
            with("text/plain", &oracle::base64(format!("{before}{value}yz").as_bytes()))
        }
        "latin1" => {
            // As servers do that take the bytes of a header for Latin-1.
            let read: String = value.bytes().map(char::from).collect();
            with("text/plain", &read)
        }
        "latin1-json" => {
            let read: String = value.bytes().map(char::from).collect();
            with("application/json", &json!({"seen": {read: [1]}}).to_string())
        }
        "latin1-bytes" => {
            let bytes: Vec<u8> = value.chars().map(|c| u8::try_from(c).unwrap()).collect();
            let sent = String::from_utf8_lossy(&bytes);
            with("application/json", &json!({"seen": sent}).to_string())
        }
        "mixed-header" => {
            let mixed = [b"X-Seen: \xe9 ", value.as_bytes()].concat();
            let mut answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n".to_vec();
            answer.extend(mixed);
            answer.extend(b"\r\n\r\n");
            answer
        }
        "headers" => {
            let line = value.replace('\n', " ");
            let headers = format!("X-Seen: {line}\r\nSet-Cookie: s={line}\r\nX-{number}: 1\r\n");
            whole("200 OK", "text/plain", &headers, b"ok")
        }
        "location" => {
            let line = value.replace('\n', " ");
            whole("302 Found", "text/plain", &format!("Location: /x?{line}\r\n"), b"")
        }
        "error" => {
            let page = format!("<h1>500</h1><pre>{}</pre>", (SPELLINGS[18].1)(&seen));
            whole("500 Internal Server Error", "text/html", "", page.as_bytes())
        }
        "reason" => {
            let line = value.replace('\n', " ");
            whole(&format!("500 {line}"), &format!("text/{line}"), "", b"no")
        }
        "bad-json" => with("application/json", &format!("{{\"a\": {value}")),
        "binary" => {
            let bytes = [b"\xff\xfe", value.as_bytes(), b"\xff"].concat();
            whole("200 OK", "application/octet-stream", "", &bytes)
        }
        "chunks" => chunks(value),
        "gzip" => whole("200 OK", "text/plain", "Content-Encoding: gzip\r\n", &gzip(value)),
        _ => odd_answer(path, name, number, value),
    }
}

/// Answers that break rules, lead elsewhere or give something new.
fn odd_answer(path: &str, name: &str, number: usize, value: &str) -> Vec<u8> {
    match name {
        "cut" => {
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9999\r\n\r\n";
            format!("{head}{value}").into_bytes()
        }
        "no-http" => format!("{value}\r\n\r\n").into_bytes(),
        "bad-header" => format!("HTTP/1.1 200 OK\r\n{value}\0: x\r\n\r\n").into_bytes(),
        "to" => {
            let status = if number == 302 { "302 Found" } else { "307 Temporary Redirect" };
            let to = path.split_once('?').map_or("/", |(_, to)| to);
            whole(status, "text/plain", &format!("Location: {to}\r\n"), b"")
        }
        "token" => with("application/json", &json!({"access_token": value}).to_string()),
        "reference" => with("application/json", &json!({"text": "@{vault.UNUSED}"}).to_string()),
        _ => with("application/json", "{}"),
    }
}

fn with(content_type: &str, body: &str) -> Vec<u8> {
    whole("200 OK", content_type, "", body.as_bytes())
}

fn whole(status: &str, content_type: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: \
         close\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// One byte at a time.
fn chunks(value: &str) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\
                Connection: close\r\n\r\n";
    let mut bytes = head.as_bytes().to_vec();
    for byte in value.bytes() {
        bytes.extend([b"1\r\n", [byte].as_slice(), b"\r\n"].concat());
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// A gzip file whose only block is not compressed. Nobody looks at its sum.
fn gzip(value: &str) -> Vec<u8> {
    let len = u16::try_from(value.len()).unwrap();
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    bytes.extend(len.to_le_bytes());
    bytes.extend((!len).to_le_bytes());
    bytes.extend(value.as_bytes());
    bytes.extend([0; 8]);
    bytes
}
