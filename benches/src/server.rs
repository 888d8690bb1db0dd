//! A server of this machine that answers at once: what is left of a request is our own part of it.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

/// Starts a server that gives every request the same answer, in JSON; it lives as long as the bench.
///
/// # Panics
///
/// Panics if there is no port.
pub fn serve(answer_bytes: usize) -> SocketAddr {
    let mut body = String::from("[");
    while body.len() < answer_bytes {
        let at = body.len();
        // Writing to a `String` cannot fail.
        let _ = write!(body, "{{\"id\": {at}, \"name\": \"item {at}\", \"state\": \"open\"}}, ");
    }
    body.push_str("null]");
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let answer: Arc<[u8]> = format!("{head}{body}").into_bytes().into();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || answer_all(stream, &answer));
        }
    });
    address
}

fn answer_all(mut stream: TcpStream, answer: &[u8]) {
    let Ok(copy) = stream.try_clone() else { return };
    let mut reader = BufReader::new(copy.take(u64::MAX));
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|len| len > 0) {
        if line == "\r\n" && stream.write_all(answer).is_err() {
            return;
        }
        line.clear();
    }
}
