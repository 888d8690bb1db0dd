//! A small server that answers as `HashiCorp` Vault does, after its public description: key-value
//! engine version 2, tokens, roles, namespaces, seals.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use serde_json::{Map, Value, json};

/// What the server knows, and what it was asked.
#[derive(Default)]
pub(crate) struct State {
    /// Versions of each secret, by `namespace|mount/path`.
    pub(crate) secrets: BTreeMap<String, Vec<Map<String, Value>>>,
    /// Metadata that its owner gave, by the same.
    pub(crate) custom: BTreeMap<String, Value>,
    /// Seconds left and whether it can be renewed, by token.
    pub(crate) tokens: BTreeMap<String, (i64, bool)>,
    /// The role and its secret.
    pub(crate) role: Option<(String, String)>,
    /// Whether it is sealed.
    pub(crate) is_sealed: bool,
    /// Whether it answers with a redirect.
    pub(crate) is_standby: bool,
    /// Whether names may be listed.
    pub(crate) forbids_lists: bool,
    /// Every request: method and path.
    pub(crate) asked: Vec<String>,
    /// How often somebody logged in.
    pub(crate) logins: u32,
}

/// A running server. Its thread ends with the process.
pub(crate) struct Server {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Value,
}

impl Server {
    pub(crate) fn start(state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = shared.clone();
                thread::spawn(move || serve(&stream.unwrap(), &shared));
            }
        });
        Self { address, state }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state().asked)
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let Some(request) = read(stream) else { return };
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    state.asked.push(format!("{} {}{}", request.method, request.path, request.query));
    let (status, body) = state.answer(&request);
    drop(state);
    let body = body.to_string();
    let location = if status == 307 { "location: http://127.0.0.1:1/elsewhere\r\n" } else { "" };
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\n{location}connection: close\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = stream;
    // The other side may have had enough.
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())));
    drop(stream.shutdown(Shutdown::Write));
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let len = headers.get("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
    let mut body = vec![0; len];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path.to_owned(), format!("?{query}")),
        None => (target, String::new()),
    };
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Request { method, path, query, headers, body })
}

impl State {
    fn answer(&mut self, request: &Request) -> (u16, Value) {
        let errors = |status, text: &str| (status, json!({"errors": [text]}));
        if self.is_sealed {
            return errors(503, "Vault is sealed");
        }
        if self.is_standby {
            return errors(307, "standby");
        }
        if request.headers.get("x-vault-request").map(String::as_str) != Some("true") {
            return errors(400, "missing request header");
        }
        let Some(path) = request.path.strip_prefix("/v1/") else { return errors(404, "") };
        if (request.method.as_str(), path) == ("POST", "auth/approle/login") {
            return self.log_in(&request.body);
        }
        let token = request.headers.get("x-vault-token").cloned().unwrap_or_default();
        let Some((left, is_renewable)) = self.tokens.get(&token).copied() else {
            return errors(403, "permission denied");
        };
        match (request.method.as_str(), path) {
            ("GET", "auth/token/lookup-self") => {
                (200, json!({"data": {"ttl": left, "renewable": is_renewable}}))
            }
            ("POST", "auth/token/renew-self") if is_renewable => {
                (200, json!({"auth": {"lease_duration": left, "renewable": true}}))
            }
            ("POST", "auth/token/renew-self") => errors(400, "lease is not renewable"),
            ("GET", path) => {
                let namespace =
                    request.headers.get("x-vault-namespace").cloned().unwrap_or_default();
                self.read(&namespace, path, &request.query)
            }
            _ => errors(405, ""),
        }
    }

    fn log_in(&mut self, body: &Value) -> (u16, Value) {
        let given = (body["role_id"].as_str(), body["secret_id"].as_str());
        match &self.role {
            Some((role, secret)) if given == (Some(role), Some(secret)) => {
                self.logins += 1;
                let token = format!("login-token-{}", self.logins);
                self.tokens.insert(token.clone(), (600, true));
                let auth = json!({"client_token": token, "lease_duration": 600, "renewable": true});
                (200, json!({"auth": auth}))
            }
            _ => (400, json!({"errors": ["invalid role or secret ID"]})),
        }
    }

    fn read(&self, namespace: &str, path: &str, query: &str) -> (u16, Value) {
        let nothing = || (404, json!({"errors": []}));
        let mut parts = path.splitn(3, '/');
        let (mount, kind) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let rest = parts.next().unwrap_or("");
        let id = format!("{namespace}|{mount}/{rest}");
        let metadata = |versions: &[Map<String, Value>]| {
            json!({
                "version": versions.len(),
                "current_version": versions.len(),
                "created_time": "2026-11-23T12:00:00.5Z",
                "updated_time": "2026-11-23T12:00:00.5Z",
                "deletion_time": "",
                "destroyed": false,
                "custom_metadata": self.custom.get(&id).cloned().unwrap_or(Value::Null),
            })
        };
        let versions = self.secrets.get(&id);
        match (kind, query) {
            ("metadata", "?list=true") | ("subkeys", _) if self.forbids_lists => {
                (403, json!({"errors": ["permission denied"]}))
            }
            ("metadata", "?list=true") => {
                let prefix = if rest.is_empty() { id } else { format!("{id}/") };
                let below = self.secrets.keys().filter_map(|key| key.strip_prefix(&prefix));
                let keys: Vec<&str> = below.filter(|key| !key.contains('/')).collect();
                if keys.is_empty() { nothing() } else { (200, json!({"data": {"keys": keys}})) }
            }
            ("data", _) => {
                match versions.and_then(|versions| versions.last().map(|last| (versions, last))) {
                    // A version that was deleted has metadata and no data.
                    Some((versions, last)) if last.is_empty() => {
                        (404, json!({"data": {"data": null, "metadata": metadata(versions)}}))
                    }
                    Some((versions, last)) => {
                        (200, json!({"data": {"data": last, "metadata": metadata(versions)}}))
                    }
                    None => nothing(),
                }
            }
            ("metadata", _) => {
                versions.map_or_else(nothing, |versions| (200, json!({"data": metadata(versions)})))
            }
            ("subkeys", _) => match versions.and_then(|versions| versions.last()) {
                Some(last) => {
                    let keys: Map<String, Value> =
                        last.keys().map(|key| (key.clone(), Value::Null)).collect();
                    (200, json!({"data": {"subkeys": keys}}))
                }
                None => nothing(),
            },
            _ => nothing(),
        }
    }
}
