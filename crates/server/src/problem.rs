//! What a client is told when something cannot be done: `application/problem+json` (RFC 9457).

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use blueprint_model::code::{self, Code};
use blueprint_project::failure::{Blame, Failure};

use crate::api::dto;

/// Why a request was not served. It says nothing of what is inside the server.
#[derive(Debug, Clone, PartialEq)]
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
    /// The run that failed, where a client waited for it.
    pub(crate) run: Option<Box<dto::Answer>>,
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
            run: None,
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

impl Problem {
    /// Returns whether the same may be possible a little later.
    pub(crate) fn may_pass(&self) -> bool {
        self.retry_after.is_some() || self.status == StatusCode::SERVICE_UNAVAILABLE
    }

    /// Returns the problem of a server that is to stop.
    pub(crate) fn stopping() -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping");
        Self { retry_after: Some(1), ..problem }
    }

    /// Returns what somebody may know of what is wrong around the server: no paths, addresses or words
    /// of the system.
    fn of_environment(failure: &Failure) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        tracing::error!("{failure}");
        let problem = Self::new(status, "something that the server needs is not in order");
        let hint = Some("what the server printed says more, and so does: blueprint doctor".into());
        Self { code: failure.code, hint, ..problem }
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
            Blame::Asker if failure.code == Some(code::NO_RUN) => StatusCode::NOT_FOUND,
            Blame::Asker => StatusCode::UNPROCESSABLE_ENTITY,
            // It stays so until somebody stores them: trying again does not help.
            Blame::Environment if failure.code == Some(code::SECRETS_MISSING) => {
                StatusCode::CONFLICT
            }
            Blame::Environment => return Self::of_environment(failure),
        };
        let problem = Self::new(status, failure.message.clone());
        Self { code: failure.code, hint: failure.hint.clone(), ..problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = dto::Problem {
            r#type: "about:blank".into(),
            title: title.into(),
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code.map(|code| code.to_string()),
            hint: self.hint,
            faults: self.faults,
            run: self.run.map(|run| *run),
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
