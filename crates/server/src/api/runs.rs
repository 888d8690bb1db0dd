//! Runs: start them, and where they stand.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use blueprint_engine::Origin;
use blueprint_model::{RunId, Value, event::RunStatus, format, units};
use serde::Deserialize;
use serde_json::json;

use crate::{
    problem::Problem,
    runs::{self, Ended, Wanted},
    site::Site,
};

/// How a start is answered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// How long to wait for the end, as in `30s`.
    wait: Option<String>,
}

/// Starts a run of a blueprint; the body is its inputs.
pub(super) async fn start(
    State(site): State<Arc<Site>>,
    Path(blueprint): Path<String>,
    Query(asked): Query<Asked>,
    Json(inputs): Json<Value>,
) -> Result<Response, Problem> {
    let wait = asked.wait.as_deref().map(|text| {
        units::parse_duration(text)
            .ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "`wait` is no duration"))
    });
    let wait = wait.transpose()?.unwrap_or(Duration::ZERO);
    let origin = Origin { trigger: "api".into(), ..Origin::default() };
    let payload = inputs.clone();
    let wanted = Wanted { blueprint, inputs, payload, origin, timeout: None };
    let started = runs::start(&site, wanted).await?;
    let ended = match wait {
        Duration::ZERO => None,
        wait => runs::ended(&site, &started.run, wait).await?,
    };
    Ok(answer(&started.run, ended.as_ref()))
}

/// Returns where a run stands.
pub(super) async fn status(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
) -> Result<Response, Problem> {
    let run = RunId::new(&run);
    let ended = runs::ended(&site, &run, Duration::ZERO).await?;
    Ok(answer(&run, ended.as_ref()))
}

fn answer(run: &RunId, ended: Option<&Ended>) -> Response {
    let Some(end) = ended else {
        let body = json!({"run": run.as_str(), "status": "running"});
        return (StatusCode::ACCEPTED, Json(body)).into_response();
    };
    let status = match end.status {
        RunStatus::Succeeded => StatusCode::OK,
        RunStatus::Failed | RunStatus::Cancelled => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let body = json!({
        "run": run.as_str(),
        "status": end.status.as_str(),
        "value": *end.value,
        "error": end.error.as_ref().map(|error| json!({
            "block": error.block,
            "outcome": error.outcome,
            "message": error.message,
        })),
        "duration_ms": format::in_ms(end.duration_us),
    });
    (status, Json(body)).into_response()
}
