//! What arrives on the wire, byte for byte, and what never leaves.

use serde_json::json;

use blueprint_model::{
    BlockPath, Secrets, Value,
    egress::{HostPattern, Place, SecretUse},
    secret::Policy,
};

use super::{super::HttpRequest, OK, run};
use crate::testing::{Attempt, message_of, secrets, secrets_with, server::Server};

/// Sends the fields to a server of its own and checks what arrives: `{}` is the server's port.
#[track_caller]
fn check_wire<const N: usize>(fields: [(&'static str, Value); N], path: &str, expected: &[&str]) {
    let server = Server::start([OK]);
    let url = ("url", json!(server.url(path)));
    let end = run(&Attempt::new(fields.into_iter().chain([url])));
    assert_eq!(&*end.outcome, "success", "{:?}", end.message);
    let mut wire = expected.join("\r\n");
    wire = wire.replace("{}", &server.port.to_string());
    assert_eq!(server.requests(), [wire]);
}

#[test]
fn a_get_says_little() {
    check_wire(
        [],
        "/a%20b?x=1#fragment",
        &[
            "GET /a%20b?x=1 HTTP/1.1",
            "user-agent: blueprint/0.1.0",
            "accept: */*",
            "host: 127.0.0.1:{}",
            "\r\n",
        ],
    );
}

#[test]
fn a_value_goes_as_json_with_an_idempotency_key() {
    check_wire(
        [("method", json!("post")), ("body", json!({"b": [1, null], "a": "é"}))],
        "/",
        &[
            "POST / HTTP/1.1",
            "content-type: application/json",
            "user-agent: blueprint/0.1.0",
            "accept: */*",
            "idempotency-key: 0199-run/block",
            "host: 127.0.0.1:{}",
            "content-length: 23",
            "",
            r#"{"b":[1,null],"a":"é"}"#,
        ],
    );
}

#[test]
fn text_goes_as_it_is() {
    check_wire(
        [("method", json!("PUT")), ("body", json!("a=b & \"c\"\n"))],
        "/",
        &[
            "PUT / HTTP/1.1",
            "content-type: text/plain; charset=utf-8",
            "user-agent: blueprint/0.1.0",
            "accept: */*",
            "idempotency-key: 0199-run/block",
            "host: 127.0.0.1:{}",
            "content-length: 10",
            "",
            "a=b & \"c\"\n",
        ],
    );
}

#[test]
fn authors_headers_win_and_lists_repeat() {
    let headers = json!({
        "Content-Type": "application/x-www-form-urlencoded",
        "Idempotency-Key": "mine",
        "User-Agent": "me",
        "Accept": ["a/b", "c/d"],
        "X-Number": 7,
        "X-None": null,
    });
    check_wire(
        [
            ("method", json!("PATCH")),
            ("query", json!({"q": "a&b", "tag": ["x", "y"], "no": null, "n": 1.5, "t": true})),
            ("headers", headers),
            ("body", json!({"name": "A&B", "n": [1, 2]})),
        ],
        "/s?page=2",
        &[
            "PATCH /s?page=2&q=a%26b&tag=x&tag=y&n=1.5&t=true HTTP/1.1",
            "content-type: application/x-www-form-urlencoded",
            "idempotency-key: mine",
            "user-agent: me",
            "accept: a/b",
            "accept: c/d",
            "x-number: 7",
            "host: 127.0.0.1:{}",
            "content-length: 18",
            "",
            "name=A%26B&n=1&n=2",
        ],
    );
}

#[test]
fn handles_become_values_only_on_the_wire() {
    let secrets = secrets(&[("KEY", "s3cr3t/ü \"&%")]);
    let key = secrets.handle(0);
    let upper = secrets.derive(0, vec![key.clone()]);
    let server = Server::start([OK, OK, OK]);
    let plain = Attempt::new([
        ("method", json!("POST")),
        ("url", json!(server.url(&format!("/p/{key}/x?k={key}")))),
        ("query", json!({"u": format!("<{upper}>")})),
        ("headers", json!({"Authorization": format!("Bearer {key}")})),
        ("body", json!({"key": key, "list": [format!("{upper}!")]})),
    ])
    .with_secrets(&secrets);
    let end = run(&plain);
    let wire = server.requests().remove(0);
    let (head, body) = wire.split_once("\r\n\r\n").unwrap();
    let encoded = "s3cr3t%2F%C3%BC%20%22%26%25";
    let upper_encoded = "S3CR3T%2F%C3%9C%20%22%26%25";
    assert!(
        head.starts_with(&format!(
            "POST /p/{encoded}/x?k={encoded}&u=%3C{upper_encoded}%3E HTTP/1.1\r\n"
        )),
        "{head}"
    );
    assert!(head.contains("\r\nauthorization: Bearer s3cr3t/ü \"&%\r\n"), "{head}");
    assert_eq!(body, r#"{"key":"s3cr3t/ü \"&%","list":["S3CR3T/Ü \"&%!"]}"#);
    assert!(!wire.contains(&key) && !wire.contains(&upper), "{wire}");
    let shown = end.result.to_string();
    assert!(shown.contains(&key) && !shown.contains("s3cr3t"), "{shown}");
    let uses: Vec<String> = plain.notes().uses.iter().map(SecretUse::destination).collect();
    let host = format!("http://127.0.0.1:{}", server.port);
    let places = ["path", "query", "query", "header:authorization", "body", "body"];
    assert_eq!(uses, places.map(|place| format!("{host} {place}")));
    for (kind, body, expected) in [
        ("application/json", format!("{{\"k\": \"{key}\"}}"), r#"{"k": "s3cr3t/ü \"&%"}"#),
        ("application/x-www-form-urlencoded", format!("k={key}"), &*format!("k={encoded}")),
    ] {
        let attempt = Attempt::new([
            ("method", json!("POST")),
            ("url", json!(server.url("/"))),
            ("headers", json!({"content-type": kind})),
            ("body", json!(body)),
        ]);
        run(&attempt.with_secrets(&secrets));
        let wire = server.requests().pop().unwrap();
        assert_eq!(wire.split_once("\r\n\r\n").unwrap().1, expected);
    }
}

#[track_caller]
fn check_refused(secrets: &Secrets, fields: [(&'static str, Value); 2], expected: &str) {
    let attempt = Attempt::new(fields).with_secrets(secrets);
    assert_eq!(message_of(attempt.run(&HttpRequest::default())), expected);
    // A value that no header can carry has come as far as the header.
    let is_carried = expected.starts_with("header `x-key` holds");
    assert!(attempt.notes().uses.iter().all(|used| used.refused.is_some() || is_carried));
}

#[test]
fn policies_and_forms_are_enforced_before_anything_leaves() {
    let policy = Policy {
        hosts: vec![HostPattern::parse("api.acme.example").unwrap()],
        places: vec![Place::parse("header:X-Key").unwrap()],
        ..Policy::default()
    };
    let secrets = secrets_with(vec![
        ("BOUND", "value-one", policy),
        ("LINES", "value\r\nX-Evil: 1", Policy::default()),
    ]);
    let (bound, lines) = (secrets.handle(0), secrets.handle(1));
    let with_header = |name: &str, value: &str| ("headers", json!({name: value}));
    check_refused(
        &secrets,
        [("url", json!("https://evil.example/")), with_header("X-Key", &bound)],
        "secret `BOUND` may not leave here: `evil.example` is not among the hosts that the vault \
         allows",
    );
    check_refused(
        &secrets,
        [("url", json!("https://api.acme.example/")), with_header("X-Other", &bound)],
        "secret `BOUND` may not leave here: the vault does not allow it in `header:x-other`",
    );
    check_refused(
        &secrets,
        [("url", json!("https://a.example/")), with_header("X-Key", &lines)],
        "header `x-key` holds a line break or another character that headers cannot carry",
    );
    check_refused(
        &secrets,
        [("url", json!("https://a.example/")), with_header(&lines, "x")],
        "a secret cannot be part of a header's name",
    );
    check_refused(
        &secrets,
        [("url", json!("https://a.example/")), with_header("X-Key", &lines[..30])],
        "a secret's handle was cut or changed on the way; use `vault.KEY` whole, or a function such \
         as `base64(vault.KEY)` on it",
    );
}

#[track_caller]
fn check_error<const N: usize>(fields: [(&'static str, Value); N], expected: &str) {
    assert_eq!(message_of(Attempt::new(fields).run(&HttpRequest::default())), expected);
}

#[test]
fn bad_fields_are_errors() {
    let url = || ("url", json!("https://a.example/"));
    check_error([], "`url` is empty");
    check_error(
        [url(), ("method", json!("TRACE"))],
        "`method` must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    );
    for (name, expected) in [
        ("Host", "header `Host` is set by the engine and cannot be given"),
        ("Content-Length", "header `Content-Length` is set by the engine and cannot be given"),
        ("a b", "`a b` cannot be a header's name"),
    ] {
        check_error([url(), ("headers", json!({name: "x"}))], expected);
    }
    check_error(
        [url(), ("headers", json!({"a": "x", "A": "y"}))],
        "header `a` is given twice; use a list for two values",
    );
    check_error(
        [url(), ("headers", json!({"a": "x\r\nb: y"}))],
        "header `a` holds a line break or another character that headers cannot carry",
    );
    check_error(
        [url(), ("headers", json!({"a": {"b": 1}}))],
        "`headers.a` must be text or a list of texts, not object",
    );
}

#[test]
fn keys_of_items_fit_into_a_header() {
    let server = Server::start([OK]);
    let secrets = secrets(&[("KEY", "value-one")]);
    let mut attempt = Attempt::new([("method", json!("DELETE")), ("url", json!(server.url("/")))])
        .with_secrets(&secrets);
    let scope = format!("each[Ål\n%{}].", secrets.handle(0));
    attempt.cx.path = BlockPath { scope: scope.into(), id: "remove".into() };
    run(&attempt);
    let wire = server.requests().remove(0);
    let key = "0199-run/each[%C3%85l%0A%25%E2%9F%A8vault.KEY%E2%9F%A9].remove";
    assert!(wire.contains(&format!("\r\nidempotency-key: {key}\r\n")), "{wire}");
    assert!(wire.starts_with("DELETE / HTTP/1.1\r\n"));
}
