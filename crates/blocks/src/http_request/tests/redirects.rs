//! Where redirects lead, and addresses that are never connected to.

use std::fmt::Write as _;

use blueprint_model::{
    egress::{HostPattern, Place, SecretUse},
    secret::Policy,
};
use serde_json::json;

use super::{super::HttpRequest, OK, redirect, run};
use crate::testing::{
    Attempt, message_of, secrets, secrets_with,
    server::{Act, Server},
};

#[test]
fn redirects_are_followed_only_on_request() {
    let server = Server::start([&*redirect("302 Found", "/next")]);
    let end = run(&Attempt::new([("url", json!(server.url("/")))]));
    assert_eq!(&*end.outcome, "response_error");
    assert!(end.message.unwrap().ends_with(
        "answered 302 Found: redirects are followed only with `follow_redirects: true`"
    ));
    assert_eq!(end.result["headers"]["location"], json!("/next"));
}

#[test]
fn the_same_origin_gets_everything_again() {
    let secrets = secrets(&[("KEY", "value-one")]);
    let key = secrets.handle(0);
    let server = Server::start([&*redirect("307 Temporary Redirect", "/next?x=1"), OK]);
    let attempt = Attempt::new([
        ("method", json!("POST")),
        ("url", json!(server.url(&format!("/{key}")))),
        ("headers", json!({"X-Key": key})),
        ("body", json!({"k": key})),
        ("follow_redirects", json!(true)),
    ]);
    let end = run(&attempt.with_secrets(&secrets));
    assert_eq!(&*end.outcome, "success");
    assert_eq!(end.result["request"], json!({"method": "POST", "url": server.url("/next?x=1")}));
    let [_, second] = &server.requests()[..] else { panic!("not two requests") };
    assert!(second.starts_with("POST /next?x=1 HTTP/1.1\r\nx-key: value-one\r\n"), "{second}");
    assert!(second.ends_with("\r\n\r\n{\"k\":\"value-one\"}"), "{second}");
    assert!(!second.contains("referer"), "{second}");
}

#[test]
fn another_origin_gets_no_secret_no_body_and_no_referer() {
    let secrets = secrets(&[("KEY", "value-one")]);
    let key = secrets.handle(0);
    let other = Server::start([OK]);
    let server = Server::start([&*redirect("303 See Other", &other.url("/other?a=b"))]);
    let attempt = Attempt::new([
        ("method", json!("POST")),
        ("url", json!(server.url(&format!("/?k={key}")))),
        (
            "headers",
            json!({"Authorization": "Basic eA==", "Cookie": "c=1", "X-Key": "literal",
                   "Referer": "https://a.example/", "User-Agent": key, "Accept": "a/b"}),
        ),
        ("body", json!({"k": key})),
        ("follow_redirects", json!(true)),
    ]);
    let end = run(&attempt.with_secrets(&secrets));
    assert_eq!(&*end.outcome, "success");
    let mut expected = String::from("GET /other?a=b HTTP/1.1\r\naccept: a/b\r\n");
    write!(expected, "host: 127.0.0.1:{}\r\n\r\n", other.port).unwrap();
    assert_eq!(other.requests(), [expected]);
}

/// Checks that a redirect to another server is not followed, and why.
#[track_caller]
fn check_not_followed(status: &str, location: &str, expected: &str) {
    let secrets = secrets(&[("KEY", "value-one")]);
    let server = Server::start([&*redirect(status, location)]);
    let attempt = Attempt::new([
        ("method", json!("POST")),
        ("url", json!(server.url("/"))),
        ("headers", json!({"X-Key": secrets.handle(0)})),
        ("body", json!("text")),
        ("follow_redirects", json!(true)),
    ]);
    let end = run(&attempt.with_secrets(&secrets));
    assert_eq!(&*end.outcome, "response_error");
    let message = end.message.unwrap();
    assert!(message.ends_with(expected), "{message}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn some_redirects_are_never_followed() {
    let elsewhere = "http://127.0.0.1:1/";
    let body =
        "answered 307 Temporary Redirect: the redirect would take the body to another origin";
    check_not_followed("307 x", elsewhere, body);
    let secret = "answered 303 See Other: the redirect would take a secret to another origin";
    check_not_followed("303 x", "http://127.0.0.1:1/?stolen=value-one", secret);
    let host = "the redirect: a secret cannot be part of a host name; write scheme and host in the \
                blueprint, and use the secret in path, query or headers";
    check_not_followed("303 x", "http://value-one.evil.example/", host);
    let scheme = "the redirect: `url` must begin with `https://` or `http://`";
    check_not_followed("303 x", "file:///etc/passwd", scheme);
    check_not_followed("303 x", "http://", "the redirect leads to no URL");
}

#[test]
fn a_secret_in_a_redirect_to_the_same_origin_stays_a_handle() {
    let secrets = secrets(&[("KEY", "value-one")]);
    let server = Server::start([&*redirect("302 Found", "/next?k=value-one"), OK]);
    let attempt = Attempt::new([
        ("url", json!(server.url("/"))),
        ("follow_redirects", json!(true)),
        ("headers", json!({"X-Key": secrets.handle(0)})),
    ]);
    let end = run(&attempt.with_secrets(&secrets));
    let handle = secrets.handle(0);
    assert_eq!(end.result["request"]["url"], json!(server.url(&format!("/next?k={handle}"))));
    assert!(server.requests()[1].starts_with("GET /next?k=value-one HTTP/1.1\r\n"));
}

#[test]
fn each_hop_is_judged_by_policy() {
    let policy =
        Policy { places: vec![Place::parse("header:X-Key").unwrap()], ..Policy::default() };
    let secrets = secrets_with(vec![("KEY", "value-one", policy)]);
    // The server echoes the value into a place where it may not stand.
    let server = Server::start([&*redirect("302 Found", "/next?k=value-one"), OK]);
    let attempt = Attempt::new([
        ("url", json!(server.url("/"))),
        ("follow_redirects", json!(true)),
        ("headers", json!({"X-Key": secrets.handle(0)})),
    ]);
    let attempt = attempt.with_secrets(&secrets);
    let message = message_of(attempt.run(&HttpRequest::default()));
    assert_eq!(message, "secret `KEY` may not leave here: the vault does not allow it in `query`");
    assert_eq!(server.requests().len(), 1);
    let uses: Vec<&str> = attempt.notes().uses.iter().map(SecretUse::outcome).collect();
    assert_eq!(uses, ["swap", "refuse"]);
}

#[test]
fn a_host_that_is_allowed_cannot_send_a_secret_on() {
    let other = Server::start([OK]);
    let server = Server::start([&*redirect("302 Found", &other.url("/"))]);
    let allowed = format!("http://127.0.0.1:{}", server.port);
    let hosts = vec![HostPattern::parse(&allowed).unwrap()];
    let secrets = secrets_with(vec![("KEY", "value-one", Policy { hosts, ..Policy::default() })]);
    let attempt = Attempt::new([
        ("url", json!(server.url("/"))),
        ("follow_redirects", json!(true)),
        ("headers", json!({"X-Key": secrets.handle(0), "Accept": secrets.handle(0)})),
    ]);
    let attempt = attempt.with_secrets(&secrets);
    assert_eq!(&*run(&attempt).outcome, "success");
    assert!(server.requests()[0].contains("value-one"));
    assert!(!other.requests()[0].contains("value-one"));
    let hosts: Vec<String> = attempt.notes().uses.iter().map(|used| used.host.clone()).collect();
    assert_eq!(hosts, [allowed.clone(), allowed]);
}

#[test]
fn redirects_change_the_method_as_browsers_do() {
    for (status, method, second, keeps_body) in [
        ("301", "POST", "GET", false),
        ("302", "POST", "GET", false),
        ("303", "PUT", "GET", false),
        ("303", "HEAD", "HEAD", true),
        ("302", "PUT", "PUT", true),
        ("308", "POST", "POST", true),
    ] {
        let server = Server::start([&*redirect(&format!("{status} x"), "next"), OK]);
        run(&Attempt::new([
            ("method", json!(method)),
            ("url", json!(server.url("/a/b"))),
            ("body", json!("text")),
            ("follow_redirects", json!(true)),
        ]));
        let wire = server.requests().pop().unwrap();
        assert!(wire.starts_with(&format!("{second} /a/next HTTP/1.1\r\n")), "{status}: {wire}");
        assert_eq!(wire.ends_with("text"), keeps_body, "{status}: {wire}");
        assert_eq!(wire.contains("content-type"), keeps_body, "{status}: {wire}");
    }
}

#[test]
fn endless_redirects_end() {
    let again = redirect("302 Found", "/again");
    let connections = (0..20).map(|_| vec![Act::Send(again.clone().into())]).collect();
    let server = Server::act(connections);
    let url = ("url", json!(server.url("/")));
    let end = run(&Attempt::new([url, ("follow_redirects", json!(true))]));
    assert_eq!(&*end.outcome, "response_error");
    assert!(end.message.unwrap().ends_with("answered 302 Found: more than 10 redirects"));
    assert_eq!(server.requests().len(), 11);
}

#[test]
fn private_addresses_are_refused_where_limits_say_so() {
    let server = Server::start([OK, &*redirect("302 x", "http://127.0.0.2:1/")]);
    let attempt = |host: &str, allow: &[&str]| {
        let url = format!("http://{host}:{}/", server.port);
        let mut attempt = Attempt::new([("url", json!(url)), ("follow_redirects", json!(true))]);
        attempt.limits(|limits| {
            limits.network.allows_private = false;
            limits.network.allow = allow.iter().map(|entry| (*entry).to_owned()).collect();
        });
        attempt
    };
    let hint = "list it in `network.allow` of `project.yaml` to allow it";
    for host in ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]"] {
        let message = message_of(attempt(host, &[]).run(&HttpRequest::default()));
        assert!(message.contains("is a loopback address"), "{message}");
        assert!(message.ends_with(hint), "{message}");
    }
    let end = run(&attempt("localhost", &[]));
    assert_eq!(&*end.outcome, "connection_error");
    let message = end.message.unwrap();
    assert!(message.starts_with("connections to `localhost` are refused:"), "{message}");
    assert!(!end.is_transient);
    assert!(server.requests().is_empty());
    assert_eq!(&*run(&attempt("127.0.0.1", &["127.0.0.1"])).outcome, "success");
    let message = message_of(attempt("127.0.0.1", &["127.0.0.1"]).run(&HttpRequest::default()));
    assert!(message.starts_with("connections to `127.0.0.2` are refused"), "{message}");
}

#[test]
fn metadata_addresses_are_refused_even_after_a_redirect() {
    let server = Server::start([&*redirect("302 x", "http://[::ffff:169.254.169.254]/latest")]);
    let url = ("url", json!(server.url("/")));
    let attempt = Attempt::new([url, ("follow_redirects", json!(true))]);
    let message = message_of(attempt.run(&HttpRequest::default()));
    assert!(message.ends_with("is a cloud metadata address"), "{message}");
}
