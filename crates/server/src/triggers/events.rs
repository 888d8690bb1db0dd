//! Events by name: they start what has such a trigger, and answer what waits for them.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use blueprint_engine::{PlannedKind, PlannedTrigger};
use blueprint_model::Value;
use blueprint_project::answers;
use serde::Deserialize;
use serde_json::json;

use super::fire;
use crate::{catalogue::Snapshot, problem::Problem, runs, site::Site};

/// Whose event it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    /// The component's name.
    component: Option<String>,
}

/// Takes an event; the body is its payload.
pub(super) async fn take(
    State(site): State<Arc<Site>>,
    Path(event): Path<String>,
    Query(from): Query<From>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (payload, key) = (fire::payload(&body)?, fire::key(&headers)?);
    let snapshot = site.catalogue.now();
    let (mut started, mut failed, mut first) = (Vec::new(), Vec::new(), None);
    for (blueprint, trigger) in listeners(&snapshot, &event, from.component.as_deref()) {
        let run = async {
            let key = key.as_deref();
            let wanted = fire::firing(blueprint, trigger, payload.clone(), key)?;
            runs::start(&site, wanted).await
        };
        match run.await {
            Ok(run) => started.push(json!({
                "blueprint": blueprint,
                "trigger": trigger.id,
                "run": run.run.as_str(),
            })),
            Err(problem) => {
                failed.push(json!({
                    "blueprint": blueprint,
                    "trigger": trigger.id,
                    "detail": problem.detail,
                }));
                first.get_or_insert(problem);
            }
        }
    }
    let answered = answers::send(&*site.journal, None, &event, &payload).await?;
    let answered: Vec<Value> = answered
        .iter()
        .map(|(open, _)| json!({"run": open.run.as_str(), "block": open.block.to_string()}))
        .collect();
    if started.is_empty() && answered.is_empty() {
        let nobody = || Problem::not_found(format!("nobody waits for an event `{event}`"));
        return Err(first.unwrap_or_else(nobody));
    }
    let body = json!({"started": started, "answered": answered, "failed": failed});
    Ok((StatusCode::ACCEPTED, Json(body)).into_response())
}

/// Returns the triggers that an event fires.
fn listeners<'s>(
    snapshot: &'s Snapshot,
    name: &str,
    from: Option<&str>,
) -> Vec<(&'s str, &'s PlannedTrigger)> {
    let mut found = Vec::new();
    for (blueprint, entry) in &snapshot.entries {
        for trigger in entry.plan.iter().flat_map(|plan| &plan.triggers) {
            if let PlannedKind::Event { component, event } = &trigger.kind
                && event == name
                && component.as_deref().is_none_or(|component| from == Some(component))
            {
                found.push((blueprint.as_str(), trigger));
            }
        }
    }
    found
}
