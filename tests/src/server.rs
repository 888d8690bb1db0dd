//! A small HTTP server on loopback that stands in for every host of a case and answers by path.
//!
//! | path | answer |
//! |---|---|
//! | `/status/N` | status N, `{"status": N}` |
//! | `/json`, `/text`, `/empty`, `/empty-json`, `/bad-json`, `/bytes`, `/compressed`, `/big` | a body of that kind |
//! | `/echo…` | the request itself, as JSON |
//! | `/headers/NAME` | the value of that request header, as text |
//! | `/mirror/ENCODING` | the value behind `Bearer `, encoded: `base64`, `hex`, `reversed`, `upper`, `split` |
//! | `/redirect/N/PATH`, `/redirect/N?to=URL`, `/redirect/loop` | a redirect |
//! | `/flaky/N` | 503 N times, then 200 |
//! | `/retry-after` | 429 with `Retry-After: 60`, then 200 |
//! | `/meet/N` | answers once N requests are here at the same time |
//! | `/hold/NAME`, `/release/NAME` | the first answers once the second was asked for |
//! | `/slow` | never answers |
//! | `/close` | closes the connection without an answer |

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::{
    net::TcpListener,
    sync::Notify,
    task::{AbortHandle, JoinSet},
};

/// Headers that every request has, or that differ from run to run.
const USUAL_HEADERS: [&str; 5] = ["accept", "host", "user-agent", "content-length", "connection"];

/// A running server. It ends when it is dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// How often each path was asked for.
    asked: BTreeMap<String, u32>,
    /// How many requests are at each `/meet/…` right now.
    here: BTreeMap<String, u32>,
    received: Vec<Received>,
    connections: Vec<AbortHandle>,
}

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The host it was meant for.
    pub host: String,
    /// Method, path and query.
    pub line: String,
    /// Headers that say something, as `name: value`.
    pub headers: Vec<String>,
    /// The body.
    pub body: String,
}

impl Server {
    /// Starts a server on a free port, in the current runtime.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no free port.
    pub async fn start() -> io::Result<Self> {
        Self::after(&BTreeMap::new()).await
    }

    /// Starts a server that has answered each of these paths so often.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no free port.
    pub async fn after(answered: &BTreeMap<String, u32>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::<Shared>::default();
        {
            let mut state = lock(&shared);
            state.asked.clone_from(answered);
            state.here.clone_from(answered);
        }
        let own = shared.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = own.clone();
                let handle = connections.spawn(async move {
                    let service = service_fn(move |request| answer(request, shared.clone()));
                    let connection = hyper::server::conn::http1::Builder::new()
                        .auto_date_header(false)
                        .serve_connection(TokioIo::new(stream), service);
                    // A client may hang up at any time.
                    drop(connection.await);
                });
                lock(&own).connections.push(handle);
            }
        });
        Ok(Self { address, shared, _tasks: tasks })
    }

    /// Returns every request so far, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared).received.clone()
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer before it is sent.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn json(value: &Value) -> Self {
        Self::with("application/json", value.to_string())
    }

    fn with(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status: 200, headers, body: body.into() }
    }

    fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let text = |value: &hyper::header::HeaderValue| {
        value.as_bytes().iter().map(|byte| char::from(*byte)).collect::<String>()
    };
    let mut headers: Vec<(String, String)> =
        head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
    headers.sort();
    let host = head.headers.get("host").map(text).unwrap_or_default();
    let path = head.uri.path().to_owned();
    let received = Received {
        host,
        line: format!("{} {}", head.method, head.uri),
        headers: headers
            .iter()
            .filter(|(name, _)| !USUAL_HEADERS.contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {value}"))
            .collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let asked = {
        let mut state = lock(&shared);
        state.received.push(received.clone());
        let asked = state.asked.entry(path.clone()).or_default();
        *asked += 1;
        *asked
    };
    shared.changed.notify_waiters();
    wait_if_asked(&path, &shared).await?;
    let query = head.uri.query().unwrap_or("");
    let answer = route(&path, query, &headers, &received, asked);
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Full::from(answer.body)).map_err(io::Error::other)
}

/// Holds the answers of those paths that do not answer at once, or not at all.
async fn wait_if_asked(path: &str, shared: &Shared) -> io::Result<()> {
    if path == "/slow" {
        std::future::pending::<()>().await;
    }
    if path == "/close" {
        return Err(io::Error::other("closed on purpose"));
    }
    if let Some(name) = path.strip_prefix("/hold/") {
        let wanted = format!("/release/{name}");
        until(shared, |state| state.asked.contains_key(&wanted)).await;
    }
    if let Some(number) = path.strip_prefix("/meet/").and_then(|n| n.parse::<u32>().ok()) {
        *lock(shared).here.entry(path.into()).or_default() += 1;
        shared.changed.notify_waiters();
        until(shared, |state| state.here.get(path).is_some_and(|here| *here >= number)).await;
    }
    Ok(())
}

async fn until(shared: &Shared, test: impl Fn(&State) -> bool) {
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        // Whatever changes from here on wakes it.
        changed.as_mut().enable();
        if test(&lock(shared)) {
            return;
        }
        changed.await;
    }
}

fn route(
    path: &str,
    query: &str,
    headers: &[(String, String)],
    received: &Received,
    asked: u32,
) -> Answer {
    let number = |prefix: &str| path.strip_prefix(prefix).and_then(|rest| rest.parse().ok());
    if let Some(status) = number("/status/") {
        return Answer::json(&json!({"status": status})).status(status);
    }
    if let Some(failures) = number("/flaky/") {
        let failures = u32::from(failures);
        let status = if asked <= failures { 503 } else { 200 };
        return Answer::json(&json!({"asked": asked})).status(status);
    }
    if let Some(name) = path.strip_prefix("/headers/") {
        let found = headers.iter().find(|(known, _)| known == name);
        return Answer::with("text/plain", found.map_or("", |(_, value)| value.as_str()));
    }
    if let Some(encoding) = path.strip_prefix("/mirror/") {
        return Answer::json(&json!({"mirrored": mirror(encoding, headers)}));
    }
    if let Some(rest) = path.strip_prefix("/redirect/") {
        return redirect(rest, query);
    }
    if path.starts_with("/echo") {
        return Answer::json(&echo(headers, received));
    }
    fixed(path, asked)
}

fn fixed(path: &str, asked: u32) -> Answer {
    match path {
        "/json" => Answer::json(&json!({"name": "Ann", "tags": ["a", "b"], "age": 41})),
        "/text" => Answer::with("text/plain; charset=utf-8", "just text"),
        "/empty" => Answer { status: 204, headers: Vec::new(), body: Vec::new() },
        "/empty-json" => Answer::with("application/json", ""),
        "/bad-json" => Answer::with("application/json", "{\"name\": "),
        "/bytes" => Answer::with("image/png", [0x89, 0x50, 0xff, 0x00]),
        "/compressed" => Answer::with("text/plain", "x").header("content-encoding", "gzip"),
        "/big" => Answer::with("text/plain", "x".repeat(200_000)),
        "/cookies" => Answer::json(&json!(null))
            .header("set-cookie", "a=1")
            .header("set-cookie", "b=2")
            .header("x-many", "one")
            .header("x-many", "two"),
        "/token" => Answer::json(&json!({"access_token": "example-issued-token-4Hn6"})),
        "/retry-after" if asked == 1 => {
            Answer::json(&json!({"asked": asked})).status(429).header("retry-after", "60")
        }
        _ => Answer::json(&json!({"path": path})),
    }
}

fn redirect(rest: &str, query: &str) -> Answer {
    let (status, path) = rest.split_once('/').unwrap_or((rest, ""));
    let location = match (query.strip_prefix("to="), rest) {
        (Some(url), _) => url.to_owned(),
        (None, "loop") => "/redirect/loop".into(),
        (None, _) => format!("/{path}"),
    };
    let status = status.parse().unwrap_or(302);
    Answer::json(&json!({"moved": true})).status(status).header("location", location)
}

fn echo(headers: &[(String, String)], received: &Received) -> Value {
    let mut shown = Map::new();
    for (name, value) in headers.iter().filter(|(name, _)| !USUAL_HEADERS.contains(&name.as_str()))
    {
        let joined = match shown.get(name).and_then(Value::as_str) {
            Some(before) => format!("{before}, {value}"),
            None => value.clone(),
        };
        shown.insert(name.clone(), joined.into());
    }
    let (method, path) = received.line.split_once(' ').unwrap_or_default();
    let body = match serde_json::from_str(&received.body) {
        Ok(value) => value,
        Err(_) => Value::from(received.body.as_str()),
    };
    json!({"method": method, "host": received.host, "path": path, "headers": shown, "body": body})
}

fn mirror(encoding: &str, headers: &[(String, String)]) -> String {
    let header = headers.iter().find(|(name, _)| name == "authorization");
    let value = header.and_then(|(_, value)| value.strip_prefix("Bearer ")).unwrap_or_default();
    let derive = |name: &str| {
        let known = blueprint_vault::derivations().iter().find(|known| known.name == name);
        let argument = [blueprint_model::secret::Bytes::text(value)];
        known
            .and_then(|known| (known.compute)(&argument).ok())
            .map_or(String::new(), |bytes| bytes.to_text().to_string())
    };
    match encoding {
        "reversed" => value.chars().rev().collect(),
        "upper" => value.to_uppercase(),
        "inside" => format!("before{value}after"),
        "json" => json!({ "inner": json!({"key": value}).to_string() }).to_string(),
        other => derive(other),
    }
}
