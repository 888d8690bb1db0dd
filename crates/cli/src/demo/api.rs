//! A mock API on a loopback port: the services that the example blueprints call.
//!
//! It stands in for two hosts, checks the secrets as a real one would, and remembers what it was
//! sent, so that the demo can show where a secret arrived.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use blueprint_model::secret::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, body, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

const SIGNING_KEY: &str = "example-signing-3Vb8";

/// Requests after so many are not remembered: a demo may be left open for days.
const MAX_REMEMBERED: usize = 10_000;

/// A running mock API. It ends when it is dropped.
pub struct MockApi {
    /// Where it listens.
    pub address: SocketAddr,
    log: Arc<Mutex<Log>>,
    _tasks: JoinSet<()>,
}

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// The host it was meant for.
    pub host: String,
    /// Method, path and query.
    pub line: String,
    /// Headers, as `name: value`.
    pub headers: Vec<String>,
    /// The body.
    pub body: String,
}

#[derive(Default)]
struct Log {
    received: Vec<Received>,
    /// How often each job was asked for.
    asked: u32,
}

impl Log {
    fn remember(&mut self, received: Received) {
        if self.received.len() < MAX_REMEMBERED {
            self.received.push(received);
        }
    }
}

impl MockApi {
    /// Starts it on a free port of 127.0.0.1, in the current runtime. Each answer takes `pause`, as
    /// those of a real one do.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no free port.
    pub async fn start(pause: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let log = Arc::<Mutex<Log>>::default();
        let shared = log.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let log = shared.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| answer(request, pause, log.clone()));
                    let connection = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service);
                    // A client may hang up at any time.
                    drop(connection.await);
                });
            }
        });
        Ok(Self { address, log, _tasks: tasks })
    }

    /// Returns every request so far, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.log).received.clone()
    }
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    request: Request<Incoming>,
    pause: Duration,
    log: Arc<Mutex<Log>>,
) -> Result<Response<Full<body::Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let header = |name: &str| {
        head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let received = Received {
        host: header("host"),
        line: format!("{} {}", head.method, head.uri),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or_default()))
            .collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    let (status, value) = route(&received, &header, head.uri.query().unwrap_or(""), &log);
    lock(&log).remember(received);
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::from(value.to_string()));
    Ok(response.unwrap_or_default())
}

fn route(
    received: &Received,
    header: &dyn Fn(&str) -> String,
    query: &str,
    log: &Mutex<Log>,
) -> (StatusCode, Value) {
    let (method, target) = received.line.split_once(' ').unwrap_or_default();
    let path = target.split('?').next().unwrap_or(target);
    let has_token = header("authorization") == "Bearer example-orders-9Zk4";
    match (received.host.as_str(), method, path) {
        ("api.weather.example", "GET", "/v1/now") => weather(header, query),
        ("api.orders.example", "GET", "/v1/items") => page(query),
        ("api.orders.example", "POST", "/v1/reminders") => reminder(header, &received.body),
        ("api.orders.example", "POST", "/v1/payments") => payment(header, &received.body),
        ("api.orders.example", ..) if !has_token => unauthorized(),
        ("api.orders.example", "GET", "/v1/orders") => (StatusCode::OK, orders()),
        ("api.orders.example", "GET", "/v1/reports/sales") => {
            (StatusCode::OK, json!({"total": 1250}))
        }
        ("api.orders.example", "GET", "/v1/reports/stock") => {
            (StatusCode::OK, json!({"total": 37}))
        }
        ("api.orders.example", "POST", "/v1/jobs") => {
            (StatusCode::ACCEPTED, json!({"id": "job-1", "state": "running"}))
        }
        ("api.orders.example", "GET", "/v1/jobs/job-1") => job(log),
        _ => (StatusCode::NOT_FOUND, json!({"error": "there is no such thing"})),
    }
}

fn weather(header: &dyn Fn(&str) -> String, query: &str) -> (StatusCode, Value) {
    if header("authorization") != "Bearer example-weather-7Qx2" {
        return unauthorized();
    }
    let celsius = match parameter(query, "q").as_str() {
        "Paris" => 11.5,
        "Oslo" => 3.0,
        "Lisbon" => 18.0,
        "Nairobi" => 24.5,
        _ => return (StatusCode::NOT_FOUND, json!({"error": "unknown city"})),
    };
    let is_imperial = parameter(query, "units") == "imperial";
    let temperature = if is_imperial { celsius * 1.8 + 32.0 } else { celsius };
    (StatusCode::OK, json!({"city": parameter(query, "q"), "temperature": temperature}))
}

/// The export is text inside the answer, as old systems have it.
fn orders() -> Value {
    let order = |id: u32, total: f64, days_late: u32| json!({"id": format!("A-{id}"), "total": total, "days_late": days_late});
    let export = json!({"orders": [
        order(17, 120.0, 45),
        order(18, 80.0, 3),
        order(21, 310.5, 92),
        order(24, 55.0, 31),
    ]});
    json!({"export": export.to_string()})
}

fn page(query: &str) -> (StatusCode, Value) {
    let page = match parameter(query, "page").as_str() {
        "1" => json!({"items": ["ant", "bee"], "next": 2}),
        "2" => json!({"items": ["cat", "dog"], "next": 3}),
        "3" => json!({"items": ["elk"], "next": null}),
        _ => return (StatusCode::NOT_FOUND, json!({"error": "there is no such page"})),
    };
    (StatusCode::OK, page)
}

fn reminder(header: &dyn Fn(&str) -> String, body: &str) -> (StatusCode, Value) {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let text = format!("{}:{}", body["order"].as_str().unwrap_or_default(), body["due"]);
    let signature = sign("hex", &text);
    if header("x-signature") != signature {
        return (StatusCode::FORBIDDEN, json!({"error": "the signature is wrong"}));
    }
    (StatusCode::OK, json!({"sent": true}))
}

fn payment(header: &dyn Fn(&str) -> String, body: &str) -> (StatusCode, Value) {
    let login = basic_auth("example-user-5Tn1", "example-password-8Wd6");
    if header("authorization") != login {
        return unauthorized();
    }
    if header("x-signature") != sign("base64", body) {
        return (StatusCode::FORBIDDEN, json!({"error": "the signature is wrong"}));
    }
    (StatusCode::CREATED, json!({"receipt": "R-2026-11"}))
}

fn job(log: &Mutex<Log>) -> (StatusCode, Value) {
    let mut log = lock(log);
    log.asked += 1;
    // The third time it is done, so that a poll sees it at work.
    if log.asked.is_multiple_of(3) {
        return (StatusCode::OK, json!({"state": "done", "file": "export-1.csv"}));
    }
    (StatusCode::OK, json!({"state": "running"}))
}

fn unauthorized() -> (StatusCode, Value) {
    (StatusCode::UNAUTHORIZED, json!({"error": "the credentials are missing or wrong"}))
}

fn parameter(query: &str, name: &str) -> String {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

fn sign(encoding: &str, text: &str) -> String {
    let signature = derive("hmac_sha256", &[Bytes::text(SIGNING_KEY), Bytes::text(text)]);
    signature
        .and_then(|bytes| derive(encoding, &[bytes]))
        .map_or(String::new(), |bytes| to_text(&bytes))
}

fn basic_auth(user: &str, password: &str) -> String {
    let login = derive("basic_auth", &[Bytes::text(user), Bytes::text(password)]);
    login.map_or(String::new(), |bytes| to_text(&bytes))
}

/// The same functions as in scripts: here they meet the value itself.
fn derive(function: &str, arguments: &[Bytes]) -> Option<Bytes> {
    let known = blueprint_vault::derivations().iter().find(|known| known.name == function)?;
    (known.compute)(arguments).ok()
}

fn to_text(bytes: &Bytes) -> String {
    bytes.to_text().to_string()
}
