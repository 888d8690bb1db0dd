//! The guard before every route: by which name, from which page, by whom, and with what right.

use std::{error::Error, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{Html, IntoResponse, Redirect, Response},
};
use blueprint_model::code;
use blueprint_project::store;
use futures_util::FutureExt as _;
use http_body_util::LengthLimitError;
use maud::{DOCTYPE, html};
use subtle::ConstantTimeEq as _;
use tokio::time::{Instant, timeout};

use super::{
    Scope, Visitor, Who, bearer,
    buckets::Rate,
    hosts::Sender,
    login,
    rules::{self, Needs},
};
use crate::{problem::Problem, site::Site, ui::shell::Fault};

/// The longest body that is read.
pub(crate) const MAX_BODY: usize = 1 << 20;
/// What proxies add to a request.
const FORWARDED: [&str; 5] =
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
/// What a page may load and do: what is of this server, and nothing written into the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' \
                      data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
                      base-uri 'none'";

/// Why the guard lets somebody not pass.
enum Refusal {
    Problem(Problem),
    /// They have to log in, to come back here.
    Login(String),
    /// A browser comes from the page of somebody else, and so without its cookie: it shall ask again
    /// from a page of ours.
    Again,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Lets pass who may, and gives every answer the headers of a careful server.
pub(crate) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = match admit(&site, request).await {
        Ok(request) => answer(request, next).await,
        Err(Refusal::Login(from)) => Redirect::to(&login::address(&from)).into_response(),
        Err(Refusal::Again) => ask_again(),
        Err(Refusal::Problem(problem)) if is_page(&path) => Fault(problem).into_response(),
        Err(Refusal::Problem(problem)) => problem.into_response(),
    };
    if response.status() == StatusCode::UNAUTHORIZED {
        let bearer = HeaderValue::from_static("Bearer realm=\"blueprint\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    }
    harden(response.headers_mut(), &path);
    response
}

/// Returns the route's answer. A bug in a route is one request's trouble and no other's.
async fn answer(request: Request, next: Next) -> Response {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    answer.unwrap_or_else(|_| {
        let detail = "the server could not do this";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
    })
}

async fn admit(site: &Arc<Site>, request: Request) -> Result<Request, Refusal> {
    let (mut parts, body) = request.into_parts();
    let access = &site.access;
    let host = access.hosts.asked_by(&parts.headers, &parts.uri).ok_or_else(other_host)?;
    if !access.is_required() && FORWARDED.iter().any(|name| parts.headers.contains_key(*name)) {
        return Err(behind_proxy().into());
    }
    let sender = access.hosts.sender(&parts.headers, host);
    let path = parts.uri.path().to_owned();
    let route = parts.extensions.get::<MatchedPath>().map_or(path.as_str(), MatchedPath::as_str);
    let needs = rules::of(&parts.method, route);
    let mut visitor = match access.identify(&parts.headers, &*site.journal, site.now()).await {
        Ok(visitor) => visitor,
        // Whether the server lives can be asked whatever its store does.
        Err(_) if needs == Needs::Nothing => access.nobody(),
        Err(err) => return Err(Problem::from(store::failure(err)).into()),
    };
    let is_act = !parts.method.is_safe();
    let is_browser = !matches!(visitor.who, Who::Bearer { .. });
    match needs {
        // Others send to these on purpose; a page of others in somebody's browser has no rights.
        Needs::Signature if sender == Sender::Other => visitor = access.nobody(),
        Needs::Signature => {}
        Needs::Nothing | Needs::Scope(_) | Needs::Seldom(_) => {
            if is_act && is_browser && sender == Sender::Other {
                return Err(cross_site().into());
            }
        }
    }
    if let Needs::Scope(scope) | Needs::Seldom(scope) = needs {
        allow(&visitor, scope, &parts, sender)?;
    }
    if let Needs::Seldom(_) = needs {
        let address = parts.extensions.get::<SocketAddr>().map(SocketAddr::ip);
        let taken = access.buckets.take(Rate::Secrets, &visitor.bucket(address), Instant::now());
        taken.map_err(too_often)?;
    }
    let body = if is_act {
        read(&parts.headers, body, site.bounds.body_time).await?
    } else {
        Bytes::new()
    };
    if is_act && is_browser && needs != Needs::Signature {
        match is_page(&path) {
            true => check_form(&visitor, &parts.headers, &body)?,
            false => check_json(&parts.headers, &body)?,
        }
    }
    parts.extensions.insert(visitor);
    Ok(Request::from_parts(parts, Body::from(body)))
}

fn allow(visitor: &Visitor, scope: Scope, parts: &Parts, sender: Sender) -> Result<(), Refusal> {
    if visitor.may(scope) {
        return Ok(());
    }
    if !visitor.is_nobody() {
        let detail = format!("this needs the scope `{scope}`");
        return Err(Problem::new(StatusCode::FORBIDDEN, detail).code(code::NOT_ALLOWED).into());
    }
    let path = parts.uri.path();
    if !is_page(path) || bearer(&parts.headers).is_some() || !wants_document(&parts.headers) {
        let problem = Problem::new(StatusCode::UNAUTHORIZED, "this needs a token");
        let problem = problem.code(code::NO_TOKEN);
        return Err(problem.help("send the header `Authorization: Bearer TOKEN`").into());
    }
    if parts.method != Method::GET {
        return Err(Refusal::Login("/".into()));
    }
    if sender == Sender::Other {
        return Err(Refusal::Again);
    }
    Err(Refusal::Login(parts.uri.path_and_query().map_or(path, |it| it.as_str()).into()))
}

/// Reads a body whole, within bounds of size and time.
async fn read(headers: &HeaderMap, body: Body, within: Duration) -> Result<Bytes, Problem> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|it| it.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > MAX_BODY) {
        return Err(too_large());
    }
    match timeout(within, axum::body::to_bytes(body, MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(err)) if is_too_large(&err) => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "the body was cut off")),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body came too slowly")),
    }
}

fn is_too_large(err: &axum::Error) -> bool {
    let mut cause: Option<&dyn Error> = Some(err);
    while let Some(err) = cause {
        if err.is::<LengthLimitError>() {
            return true;
        }
        cause = err.source();
    }
    false
}

/// Looks for the text of the form that only a page of ours has.
fn check_form(visitor: &Visitor, headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    let is = |text: &[u8]| bool::from(text.ct_eq(visitor.csrf.as_bytes()));
    if headers.get("x-csrf").is_some_and(|text| is(text.as_bytes())) {
        return Ok(());
    }
    // What the form carries is written without escapes.
    let mut pairs = body.split(|byte| *byte == b'&');
    let text = pairs.find_map(|pair| pair.strip_prefix(b"_csrf="));
    match kind_of(headers) == "application/x-www-form-urlencoded" && text.is_some_and(is) {
        true => Ok(()),
        false => Err(forged()),
    }
}

/// Looks whether a body is what no form of another page can send.
fn check_json(headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
    if body.is_empty() || kind_of(headers) == "application/json" {
        return Ok(());
    }
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is no JSON");
    Err(problem.help("send the header `Content-Type: application/json`"))
}

fn kind_of(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

/// Returns whether this is a path of a page, and not of what programs ask.
fn is_page(path: &str) -> bool {
    let others = ["/api/v1", "/hooks", "/healthz", "/readyz", "/metrics", "/assets"];
    !others.iter().any(|above| {
        path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Returns whether a whole page is asked for, and not a part of one.
fn wants_document(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let is_document = text("sec-fetch-dest").is_none_or(|it| it == "document");
    let accepts = text("accept").is_none_or(|it| it.contains("text/html") || it.contains("*/*"));
    is_document && accepts
}

fn harden(headers: &mut HeaderMap, path: &str) {
    let pairs = [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        // Without any, browsers send the forms of these pages as if they were of nobody.
        ("referrer-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ];
    for (name, value) in pairs {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let is_asset = path.starts_with("/assets/") && headers.contains_key(header::CACHE_CONTROL);
    if !is_asset {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

fn ask_again() -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { title { "Blueprint" } meta http-equiv="refresh" content="0"; }
            body { p { "One moment. " a href="" { "Go on" } } }
        }
    };
    Html(page.into_string()).into_response()
}

fn other_host() -> Problem {
    let problem =
        Problem::new(StatusCode::MISDIRECTED_REQUEST, "this server does not go by that name");
    problem.code(code::OTHER_HOST).help("project.yaml: server: {hosts: [team.example]}")
}

/// A server that knows nobody is for who is on this machine; through a proxy anybody could be.
fn behind_proxy() -> Problem {
    let detail = "this server is for this machine only, and the request came through a proxy";
    let problem = Problem::new(StatusCode::FORBIDDEN, detail).code(code::OTHER_HOST);
    problem.help("name the proxy's host in project.yaml: server: {hosts: [team.example]}")
}

fn cross_site() -> Problem {
    let problem = Problem::new(StatusCode::FORBIDDEN, "this was sent by a page of another site");
    problem.code(code::CROSS_SITE)
}

fn forged() -> Problem {
    let problem = Problem::new(StatusCode::FORBIDDEN, "this form is not of a page of this server");
    problem.code(code::CROSS_SITE).help("load the page again, then send the form")
}

/// Returns the problem of a body beyond the bound.
pub(crate) fn too_large() -> Problem {
    let detail = format!("the body is larger than {} KiB", MAX_BODY >> 10);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

/// Returns the problem of somebody who does something too often.
pub(super) fn too_often(seconds: u64) -> Problem {
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too often");
    Problem { retry_after: Some(seconds), ..problem.code(code::TOO_OFTEN) }
}
