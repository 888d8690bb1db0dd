//! Whether the process lives, and whether it can serve.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::{problem::Problem, site::Site};

/// For how long an answer of the store holds: asking writes to the disk.
const FRESH: Duration = Duration::from_secs(1);
/// The note that is written to see whether the store takes it.
const NOTE: &str = "server.ready";

/// What is remembered of the last look at the store.
#[derive(Default)]
pub(crate) struct Health {
    seen: Mutex<Option<(Instant, bool)>>,
}

/// Whether something is well.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Well {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Says that the process lives.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "get_health",
    tag = "server",
    responses((status = 200, description = "It lives", body = Well)),
)]
pub(crate) async fn lives() -> Json<Well> {
    Json(Well { status: "ok" })
}

/// Says whether the server can serve: its store takes what is written, and it is not about to stop.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "get_readiness",
    tag = "server",
    responses(
        (status = 200, description = "It can serve", body = Well),
        (status = 503, description = "It cannot now", body = crate::api::dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn ready(State(site): State<Arc<Site>>) -> Result<Json<Well>, Problem> {
    let not = |detail| Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
    if site.is_closing() {
        return not("the server is about to stop");
    }
    let seen = *site.health.seen.lock().unwrap_or_else(PoisonError::into_inner);
    let is_writable = match seen {
        Some((at, is_writable)) if at.elapsed() < FRESH => is_writable,
        Some(_) | None => {
            let note = json!(site.now().to_string());
            let is_writable = site.journal.put_note(NOTE, Some(&note)).await.is_ok();
            let now = Some((Instant::now(), is_writable));
            *site.health.seen.lock().unwrap_or_else(PoisonError::into_inner) = now;
            is_writable
        }
    };
    match is_writable {
        true => Ok(Json(Well { status: "ok" })),
        false => not("the run store cannot be written"),
    }
}
