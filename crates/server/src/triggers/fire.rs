//! A trigger fired by hand: as if it had fired by itself.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use blueprint_engine::PlannedTrigger;
use blueprint_model::Value;
use blueprint_project::triggers;

use super::{Asked, start, wanted};
use crate::{problem::Problem, runs::Wanted, site::Site};

/// The longest key of a start.
const MAX_KEY: usize = 255;

/// Fires a trigger; the body is its payload, without one its own.
pub(super) async fn fire(
    State(site): State<Arc<Site>>,
    Path((blueprint, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let wait = asked.wait()?;
    let snapshot = site.catalogue.now();
    let plan = snapshot.entries.get(&blueprint).and_then(|entry| entry.plan.as_ref());
    let found = plan.and_then(|plan| plan.triggers.iter().find(|trigger| trigger.id == id));
    let trigger = found.ok_or_else(|| {
        Problem::not_found(format!("`{blueprint}` has no trigger `{id}`"))
            .help("GET /api/v1/triggers lists them all")
    })?;
    let wanted = firing(&blueprint, trigger, payload(&body)?, key(&headers)?.as_deref())?;
    start(&site, wanted, wait).await
}

/// Returns what a firing by hand starts; the same key gives the same run.
pub(super) fn firing(
    blueprint: &str,
    trigger: &PlannedTrigger,
    payload: Value,
    key: Option<&str>,
) -> Result<Wanted, Problem> {
    let firing = triggers::firing(trigger, payload, Value::Null);
    let mut firing = firing.map_err(anyhow::Error::from)?;
    firing.origin.key = key.map(|key| format!("fire/{blueprint}/{}/{key}", trigger.id));
    Ok(wanted(blueprint, firing))
}

/// Reads a body of JSON; null where there is none.
pub(super) fn payload(body: &[u8]) -> Result<Value, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body)
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body is no JSON"))
}

/// Returns the key that makes a run start once only.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    match key.to_str().ok().filter(|key| !key.trim().is_empty() && key.len() <= MAX_KEY) {
        Some(key) => Ok(Some(key.into())),
        None => {
            let detail = format!("`Idempotency-Key` must be 1 to {MAX_KEY} plain characters");
            Err(Problem::new(StatusCode::BAD_REQUEST, detail))
        }
    }
}
