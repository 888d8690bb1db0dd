//! What a client is told when something cannot be done: `application/problem+json` (RFC 9457).

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use blueprint_model::code::Code;
use blueprint_project::failure::{Blame, Failure};
use serde_json::json;

/// Why a request was not served. It says nothing of what is inside the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The status.
    pub(crate) status: StatusCode,
    /// The kind of fault, if it has a page of its own.
    pub(crate) code: Option<Code>,
    /// What is wrong: a lower-case fragment; never a secret's value.
    pub(crate) detail: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// Each thing that is wrong, where there are several.
    pub(crate) faults: Vec<String>,
    /// After how many seconds it is worth trying again.
    pub(crate) retry_after: Option<u64>,
}

impl Problem {
    /// Returns a problem with this status.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: None,
            detail: detail.into(),
            hint: None,
            faults: Vec::new(),
            retry_after: None,
        }
    }

    /// Returns the problem of a thing that is not there.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// Adds the kind of fault.
    pub(crate) fn code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// Adds what to do.
    pub(crate) fn help(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<anyhow::Error> for Problem {
    fn from(err: anyhow::Error) -> Self {
        let Some(failure) = err.downcast_ref::<Failure>() else {
            // What went wrong inside is for who runs the server, not for who asks.
            tracing::error!("{err:#}");
            return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "the server could not do this");
        };
        let status = match failure.blame {
            Blame::Asker => StatusCode::UNPROCESSABLE_ENTITY,
            Blame::Environment => StatusCode::SERVICE_UNAVAILABLE,
        };
        let problem = Self::new(status, failure.message.clone());
        Self { code: failure.code, hint: failure.hint.clone(), ..problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut body = json!({
            "type": "about:blank",
            "title": title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(code) = self.code {
            body["code"] = code.to_string().into();
        }
        if let Some(hint) = self.hint {
            body["hint"] = hint.into();
        }
        if !self.faults.is_empty() {
            body["faults"] = self.faults.into();
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
