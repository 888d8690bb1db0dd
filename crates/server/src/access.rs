//! Who may do what.

use axum::{extract::FromRequestParts, http::request::Parts};

/// Who may ask for something, and what they may do.
pub(crate) struct Access {}

impl Access {
    /// Returns access for who is on this machine.
    pub(crate) fn open() -> Self {
        Self {}
    }
}

/// What somebody may do. Each allows only itself; `Admin` allows all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// Look at blueprints, runs, and the names of secrets.
    Read,
    /// Start, cancel and answer runs.
    Run,
    /// Set, rename and delete secrets.
    Secrets,
    /// Make and revoke tokens.
    Admin,
}

/// Who asks, put into the request by the guard before any route.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    csrf: String,
}

impl Visitor {
    /// Returns whether they may do this.
    pub(crate) fn may(&self, _scope: Scope) -> bool {
        true
    }

    /// Returns what forms of pages carry in the hidden field `_csrf`.
    pub(crate) fn csrf(&self) -> &str {
        &self.csrf
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or(Self { csrf: String::new() }))
    }
}
