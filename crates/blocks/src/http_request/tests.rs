//! What the tests of `http_request` share: small answers of a server.

use blueprint_model::End;

use super::HttpRequest;
use crate::testing::{Attempt, end_of};

mod answers;
mod redirects;
mod wire;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn respond(status: &str, headers: &str, body: &str) -> String {
    let len = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {len}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn redirect(status: &str, location: &str) -> String {
    respond(status, &format!("location: {location}\r\n"), "")
}

#[track_caller]
fn run(attempt: &Attempt) -> End {
    end_of(attempt.run(&HttpRequest::default()))
}
