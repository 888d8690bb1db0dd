//! What becomes of answers, and of none.

use std::time::Duration;

use serde_json::json;

use blueprint_model::{Block as _, End, Value};

use super::{super::HttpRequest, respond, run};
use crate::testing::{
    Attempt, block_on, end_of,
    server::{Act, Server},
};

#[track_caller]
fn check_answer(answer: &str, outcome: &str, message: Option<&str>, expected: &Value) -> End {
    let server = Server::start([answer]);
    let end = run(&Attempt::new([("url", json!(server.url("/x?q=1")))]));
    let host = format!("http://127.0.0.1:{}", server.port);
    assert_eq!(&*end.outcome, outcome, "{:?}", end.message);
    assert_eq!(end.message.as_deref().map(|text| text.replace(&host, "HOST")).as_deref(), message);
    assert_eq!(end.result["request"], json!({"method": "GET", "url": server.url("/x?q=1")}));
    let shown = json!([end.result["status_code"], end.result["headers"], end.result["body"]]);
    assert_eq!(&shown, expected);
    end
}

#[test]
fn answers_become_values() {
    check_answer(
        "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nSet-Cookie: a=1\r\nset-cookie: \
         b=2\r\nVary: x\r\nVary: y\r\ncontent-length: 7\r\nconnection: close\r\n\r\n{\"n\":1}",
        "success",
        None,
        &json!([
            201,
            {
                "content-type": "application/json",
                "set-cookie": ["a=1", "b=2"],
                "vary": "x, y",
                "content-length": "7",
                "connection": "close",
            },
            {"n": 1},
        ]),
    );
    check_answer(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "success",
        None,
        &json!([200, {"transfer-encoding": "chunked"}, "hello"]),
    );
    let empty = "HTTP/1.1 204 No Content\r\ncontent-type: application/json\r\n\r\n";
    check_answer(empty, "success", None, &json!([204, {"content-type": "application/json"}, null]));
}

#[test]
fn other_statuses_are_response_errors() {
    let headers = json!({"content-length": "2", "connection": "close"});
    for (status, message, is_transient) in [
        ("404 Not Found", "GET `HOST` answered 404 Not Found", false),
        ("400 Whatever", "GET `HOST` answered 400 Bad Request", false),
        ("408 x", "GET `HOST` answered 408 Request Timeout", true),
        ("425 x", "GET `HOST` answered 425 Too Early", true),
        ("429 x", "GET `HOST` answered 429 Too Many Requests", true),
        ("500 x", "GET `HOST` answered 500 Internal Server Error", true),
        ("503 x", "GET `HOST` answered 503 Service Unavailable", true),
        ("599 x", "GET `HOST` answered 599", true),
        ("304 x", "GET `HOST` answered 304 Not Modified", false),
    ] {
        let code: u16 = status[..3].parse().unwrap();
        let body = if code == 304 { "" } else { "no" };
        let expected = json!([code, headers, body]);
        let answer = respond(status, "", "no");
        let end = check_answer(&answer, "response_error", Some(message), &expected);
        assert_eq!(end.is_transient, is_transient, "{status}");
        assert_eq!(end.retry_after, None);
    }
}

#[test]
fn the_other_side_may_say_when_to_try_again() {
    for (value, seconds) in [("7", 7), ("Tue, 24 Nov 2026 12:01:00 GMT", 60)] {
        let answer = respond("429 Slow Down", &format!("retry-after: {value}\r\n"), "");
        let server = Server::start([&*answer]);
        let end = run(&Attempt::new([("url", json!(server.url("/")))]));
        assert_eq!(end.retry_after, Some(Duration::from_secs(seconds)));
    }
    let server = Server::start([&*respond("200 OK", "retry-after: 7\r\n", "")]);
    assert_eq!(run(&Attempt::new([("url", json!(server.url("/")))])).retry_after, None);
}

#[test]
fn bodies_that_cannot_be_read_are_response_errors() {
    let end = check_answer(
        &respond("200 OK", "content-type: application/json\r\n", "<oops>"),
        "response_error",
        Some("GET `HOST` answered 200 OK: its body is not JSON: expected value at line 1 column 1"),
        &json!([
            200,
            {"content-type": "application/json", "content-length": "6", "connection": "close"},
            "<oops>",
        ]),
    );
    assert!(!end.is_transient);
    check_answer(
        &respond("200 OK", "content-encoding: gzip\r\n", "\u{1f}"),
        "response_error",
        Some("GET `HOST` answered 200 OK: its body is compressed, which was not asked for"),
        &json!([
            200,
            {"content-encoding": "gzip", "content-length": "1", "connection": "close"},
            null,
        ]),
    );
}

#[test]
fn large_bodies_are_left_unread() {
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let endless = Act::SendForever(head.into(), chunk.into());
    let announced = respond("200 OK", "", &"x".repeat(101));
    let exact = respond("200 OK", "", &"x".repeat(100));
    let server = Server::act(vec![
        vec![endless],
        vec![Act::Send(announced.into())],
        vec![Act::Send(exact.into())],
    ]);
    for outcome in ["response_error", "response_error", "success"] {
        let url = ("url", json!(server.url("/")));
        let end = run(&Attempt::new([url, ("max_response_bytes", json!("100B"))]));
        assert_eq!(&*end.outcome, outcome);
        if let Some(message) = end.message {
            let expected = "its body is larger than `max_response_bytes` (100 B)";
            assert!(message.ends_with(expected), "{message}");
            assert_eq!(end.result["body"], json!(null));
        }
    }
}

/// Checks that there is no answer, and why: `HOST` is the server.
#[track_caller]
fn check_no_answer(act: Act, expected: &str) {
    let server = Server::act(vec![vec![act]]);
    let end = run(&Attempt::new([("url", json!(server.url("/p?token=abc")))]));
    let host = format!("http://127.0.0.1:{}", server.port);
    assert_eq!(&*end.outcome, "connection_error");
    assert_eq!(end.message.unwrap().replace(&host, "HOST"), expected);
    assert!(end.is_transient);
    assert_eq!(end.result["status_code"], json!(null));
    assert_eq!(end.result["request"]["url"], json!(server.url("/p?token=abc")));
}

#[test]
fn broken_servers_are_connection_errors() {
    let send = |text: &str| Act::Send(text.into());
    check_no_answer(send(""), "no answer from `HOST`: the connection was closed early");
    check_no_answer(
        send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"),
        "the answer of `HOST` broke off: the connection was closed early",
    );
    let not_http = "no answer from `HOST`: what came is not valid HTTP, or its headers are too \
                    large";
    check_no_answer(send("SSH-2.0-OpenSSH_9.7\r\n"), not_http);
    let head = "HTTP/1.1 200 OK\r\n";
    let long = format!("x-long: {}\r\n", "x".repeat(10_000));
    check_no_answer(Act::SendForever(head.into(), b"x-more: 1\r\n".into()), not_http);
    check_no_answer(Act::SendForever(head.into(), long.into()), not_http);
    check_no_answer(Act::SendForever(b"HTTP/1.1 200 OK\r\nx: ".into(), vec![b'x'; 4096]), not_http);
}

#[test]
fn failed_connections_name_host_and_reason_only() {
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    let end = run(&Attempt::new([("url", json!(format!("http://127.0.0.1:{port}/p?token=abc")))]));
    let expected = format!("could not connect to `http://127.0.0.1:{port}`: connection refused");
    assert_eq!(end.message, Some(expected));
    assert!(end.is_transient);
}

#[test]
fn a_server_without_tls_is_told_from_a_broken_one() {
    let server = Server::start_talking("HTTP/1.1 400 Bad Request\r\n\r\n");
    let url = format!("https://127.0.0.1:{}/p?token=abc", server.port);
    let end = run(&Attempt::new([("url", json!(url))]));
    let expected = format!(
        "could not connect to `127.0.0.1:{}`: TLS failed: it does not speak TLS; is it `http://`?",
        server.port
    );
    assert_eq!(end.message, Some(expected));
}

#[test]
fn connections_are_used_again() {
    let keep = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let act = || Act::Send(keep.into());
    let server = Server::act(vec![vec![act(), act(), act()]]);
    let block = HttpRequest::default();
    block_on(async {
        for _ in 0..3 {
            let attempt = Attempt::new([("url", json!(server.url("/")))]);
            let end = end_of(block.run(&attempt.inputs, &attempt.cx).await);
            assert_eq!(&*end.outcome, "success");
        }
    });
    assert_eq!((server.connections(), server.requests().len()), (1, 3));
}

#[test]
fn dropping_the_attempt_hangs_up() {
    let (has_come, comes) = tokio::sync::oneshot::channel();
    let call = Box::new(move || {
        let _ = has_come.send(());
    });
    let server = Server::act(vec![vec![Act::Hang(call)]]);
    let attempt = Attempt::new([("url", json!(server.url("/")))]);
    let block = HttpRequest::default();
    block_on(async {
        tokio::select! {
            finish = block.run(&attempt.inputs, &attempt.cx) => panic!("it ended: {finish:?}"),
            come = comes => come.unwrap(),
        }
    });
    server.wait_for_hang_up();
}

#[test]
fn a_head_request_has_no_body_to_bound() {
    let server = Server::start(["HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"]);
    let end = run(&Attempt::new([
        ("method", json!("HEAD")),
        ("url", json!(server.url("/"))),
        ("max_response_bytes", json!("100B")),
    ]));
    assert_eq!((&*end.outcome, &end.result["body"]), ("success", &json!("")));
}
