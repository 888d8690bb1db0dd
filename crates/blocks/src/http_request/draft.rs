//! A request before it is sealed: everything it says, with handles in place of secrets.

use reqwest::{Method, header::HeaderName};
use serde_json::json;
use url::Url;

use blueprint_model::{BlockCx, BlockError, Inputs, Secrets, Value};

use crate::http_request::{
    payload::{Payload, pairs},
    target::{self, percent_encode},
};

/// The methods a request may have.
pub(super) const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Headers that say how the connection is used, or where the request goes.
const REFUSED_HEADERS: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The author's headers that another origin may see.
const PORTABLE_HEADERS: &[&str] = &["accept", "accept-language", "user-agent"];

const USER_AGENT: &str = concat!("blueprint/", env!("CARGO_PKG_VERSION"));

/// A request with handles in place of secrets.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    /// The method.
    pub(super) method: Method,
    /// Where to; handles stand in path and query only.
    pub(super) url: Url,
    /// The headers, in order.
    pub(super) headers: Vec<(HeaderName, String)>,
    /// What it carries.
    pub(super) payload: Option<Payload>,
}

impl Draft {
    /// Reads a block's fields.
    pub(super) fn read(inputs: &Inputs, cx: &BlockCx) -> Result<Self, BlockError> {
        let secrets = cx.egress.secrets();
        let method = method(inputs)?;
        let mut url = target::parse(&inputs.required_text("url")?, secrets)?;
        if let Some(query) = inputs.object("query")? {
            target::add_query(&mut url, &pairs("query", query)?);
        }
        let headers = headers(inputs, secrets)?;
        let mut draft = Self { method, url, headers, payload: None };
        if let Some(body) = inputs.get("body") {
            let payload = Payload::read(body, draft.header("content-type"))?;
            draft.add_missing("content-type", payload.content_type().into());
            draft.payload = Some(payload);
        }
        draft.add_missing("user-agent", USER_AGENT.into());
        draft.add_missing("accept", "*/*".into());
        if !is_safe(&draft.method) {
            draft.add_missing("idempotency-key", idempotency_key(cx));
        }
        Ok(draft)
    }

    /// Returns what the result says about the request: no headers, no body, no values.
    pub(super) fn view(&self) -> Value {
        json!({"method": self.method.as_str(), "url": self.url.as_str()})
    }

    /// Returns the request that a redirect asks for, or why it is not followed.
    pub(super) fn redirected(
        &self,
        status: u16,
        location: Option<&str>,
        cx: &BlockCx,
    ) -> Result<Self, String> {
        let secrets = cx.egress.secrets();
        let location = location.ok_or("the redirect says not where to")?;
        // A server that echoes a secret would else choose where it goes next.
        let caught = secrets.catch_text(location);
        let url = self
            .url
            .join(caught.as_deref().unwrap_or(location))
            .map_err(|_| "the redirect leads to no URL")?;
        let url = target::check(url, secrets).map_err(|err| format!("the redirect: {err}"))?;
        let mut next = Self { url, ..self.clone() };
        let is_post = self.method == Method::POST;
        if (status == 303 && self.method != Method::HEAD) || (status < 303 && is_post) {
            next.method = Method::GET;
            next.payload = None;
            next.headers.retain(|(name, _)| {
                !name.as_str().starts_with("content-") && name != "idempotency-key"
            });
        }
        if self.url.origin() == next.url.origin() {
            return Ok(next);
        }
        if next.payload.is_some() {
            return Err("the redirect would take the body to another origin".into());
        }
        if secrets.holds_token(next.url.as_str()) {
            return Err("the redirect would take a secret to another origin".into());
        }
        next.headers.retain(|(name, value)| {
            PORTABLE_HEADERS.contains(&name.as_str()) && !secrets.holds_token(value)
        });
        Ok(next)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn add_missing(&mut self, name: &'static str, value: String) {
        if self.header(name).is_none() {
            self.headers.push((HeaderName::from_static(name), value));
        }
    }
}

fn method(inputs: &Inputs) -> Result<Method, BlockError> {
    let name = inputs.text("method")?.unwrap_or_else(|| "GET".into()).to_ascii_uppercase();
    Method::from_bytes(name.as_bytes())
        .ok()
        .filter(|method| METHODS.contains(&method.as_str()))
        .ok_or_else(|| {
            let known = METHODS.join(", ");
            BlockError::permanent(format!("`method` must be one of {known}"))
        })
}

fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

fn headers(inputs: &Inputs, secrets: &Secrets) -> Result<Vec<(HeaderName, String)>, BlockError> {
    let Some(map) = inputs.object("headers")? else { return Ok(Vec::new()) };
    let mut seen: Vec<(HeaderName, &str)> = Vec::new();
    for key in map.keys() {
        if secrets.holds_token(key) {
            return Err(BlockError::permanent("a secret cannot be part of a header's name"));
        }
        let name = HeaderName::from_bytes(key.as_bytes())
            .map_err(|_| BlockError::permanent(format!("`{key}` cannot be a header's name")))?;
        if REFUSED_HEADERS.contains(&name.as_str()) {
            let message = format!("header `{key}` is set by the engine and cannot be given");
            return Err(BlockError::permanent(message));
        }
        if seen.iter().any(|(known, _)| *known == name) {
            let message = format!("header `{name}` is given twice; use a list for two values");
            return Err(BlockError::permanent(message));
        }
        seen.push((name, key));
    }
    let named = pairs("headers", map)?.into_iter().filter_map(|(key, value)| {
        let (name, _) = seen.iter().find(|(_, known)| *known == key)?;
        Some((name.clone(), value))
    });
    Ok(named.collect())
}

/// The key of the block, in characters that a header can carry; an item's key may be any text.
fn idempotency_key(cx: &BlockCx) -> String {
    let key = cx.key();
    let shown = cx.egress.secrets().view_text(&key).unwrap_or(key);
    let is_plain = |c: char| c.is_ascii_graphic() && c != '%';
    shown
        .chars()
        .map(|c| if is_plain(c) { c.to_string() } else { percent_encode(&c.to_string()) })
        .collect()
}
