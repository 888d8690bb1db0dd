//! What a request brings, read so that what is wrong with it is told as a problem.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Path as AxumPath, Query as AxumQuery, Request,
        rejection::BytesRejection,
    },
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use blueprint_model::{Value, units};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::problem::Problem;

/// The longest wait for the end of a run.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// The longest key of a start.
const MAX_KEY: usize = 255;

/// The variable parts of a path.
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let taken = AxumPath::<T>::from_request_parts(parts, state).await;
        match taken {
            Ok(AxumPath(taken)) => Ok(Self(taken)),
            Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "the path cannot be read")),
        }
    }
}

/// What stands behind the `?`.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match AxumQuery::<T>::from_request_parts(parts, state).await {
            Ok(AxumQuery(taken)) => Ok(Self(taken)),
            Err(rejection) => {
                let text = rejection.body_text();
                let why = text.rsplit_once("string: ").map_or(text.as_str(), |(_, why)| why);
                Err(bad(format!("the query is wrong: {why}")))
            }
        }
    }
}

/// A body of JSON; an empty object where there is none.
pub(crate) struct Body<T = Value>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = Bytes::from_request(request, state).await.map_err(|err| unread(&err))?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            let nothing = serde_json::from_value(json!({}));
            return nothing.map(Self).map_err(|_| bad("the body is empty"));
        }
        if !is_json {
            let problem =
                Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body is not said to be JSON");
            return Err(problem.help("send the header `Content-Type: application/json`"));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|err| {
            // What is wrong with a field quotes no value of it.
            match err.is_data() {
                true => {
                    let detail = format!("the body is wrong: {}", shape(&err));
                    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
                }
                false => bad(format!(
                    "the body is no JSON: it breaks off or is wrong at line {} column {}",
                    err.line(),
                    err.column()
                )),
            }
        })
    }
}

/// Says what is wrong with the shape of a body without what is in it: it may hold a secret.
fn shape(err: &serde_json::Error) -> String {
    let text = err.to_string();
    let known = ["missing field", "unknown field", "duplicate field"];
    let end = text.find(" at line ").unwrap_or(text.len());
    match known.iter().any(|known| text.starts_with(known)) {
        true => text[..end].into(),
        false => format!("a field has another type, at line {}", err.line()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

fn unread(err: &BytesRejection) -> Problem {
    match err.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
        }
        _ => bad("the body cannot be read"),
    }
}

/// Returns the key that makes a run start once only, from the header `Idempotency-Key`.
///
/// # Errors
///
/// Returns a problem if it is empty, too long or no plain text.
pub(crate) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let is_plain = |key: &&str| key.bytes().all(|byte| byte.is_ascii_graphic());
    let key = key.to_str().ok().filter(is_plain);
    let key = key.filter(|key| (1..=MAX_KEY).contains(&key.len()));
    match key {
        // A run that a schedule or a webhook is to start could be taken from it otherwise.
        Some(key) if key.starts_with("cron/") || key.starts_with("webhook/") => {
            Err(bad("`Idempotency-Key` must not begin like those of triggers"))
        }
        Some(key) => Ok(Some(key.into())),
        None => Err(bad(format!(
            "`Idempotency-Key` must be 1 to {MAX_KEY} plain characters, without blanks"
        ))),
    }
}

/// Reads how long a client wants to wait; what is longer than the bound is that.
///
/// # Errors
///
/// Returns a problem if it is no duration.
pub(crate) fn wait(text: Option<&str>) -> Result<Duration, Problem> {
    Ok(duration("wait", text)?.unwrap_or_default().min(MAX_WAIT))
}

/// Reads a duration of the query.
///
/// # Errors
///
/// Returns a problem if it is none.
pub(crate) fn duration(name: &str, text: Option<&str>) -> Result<Option<Duration>, Problem> {
    let Some(text) = text else { return Ok(None) };
    match units::parse_duration(text) {
        Some(duration) => Ok(Some(duration)),
        None => Err(bad(format!("`{name}` is no duration")).help(format!("{name}=30s"))),
    }
}

/// Returns the problem of a request that cannot be understood.
pub(crate) fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}
