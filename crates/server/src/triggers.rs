//! What starts runs beside a person: schedules, signed calls from outside, events by name.
//!
//! [`due`] decides what a schedule fires, [`cron`] is the loop around it. [`webhook`] takes signed
//! calls, [`events`] those with a name. [`list`] tells where all of them stand. Whatever fires, a
//! run is started by [`crate::runs::start`], with a key where it must start once only.

pub(crate) mod cron;
mod due;
mod events;
mod fire;
pub(crate) mod list;
mod signature;
mod webhook;

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use blueprint_engine::Plan;
use blueprint_model::{RunId, Value, event::RunStatus, format, units};
use blueprint_project::triggers::{self, Firing};
use serde::Deserialize;
use serde_json::json;

use crate::{
    problem::Problem,
    runs::{self, Ended, Wanted},
    site::Site,
};

/// The longest wait for the end of a run.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Returns the routes below `/api/v1`.
pub(crate) fn api_routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/triggers", get(list::all))
        .route("/triggers/{blueprint}/{id}/fire", post(fire::fire))
        .route("/events/{name}", post(events::take))
}

/// Returns the routes of signed calls.
pub(crate) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/hooks/{blueprint}", post(webhook::only))
        .route("/hooks/{blueprint}/{id}", post(webhook::one))
}

/// How a start is answered.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// How long to wait for the end, as in `30s`.
    wait: Option<String>,
}

impl Asked {
    fn wait(&self) -> Result<Duration, Problem> {
        let Some(text) = &self.wait else { return Ok(Duration::ZERO) };
        match units::parse_duration(text) {
            Some(wait) => Ok(wait.min(MAX_WAIT)),
            None => {
                let problem = Problem::new(StatusCode::BAD_REQUEST, "`wait` is no duration");
                Err(problem.help("wait=30s"))
            }
        }
    }
}

/// Returns what a call of the API with this body starts: the blueprint's `api` trigger, if it has
/// one, gives inputs that the body lacks, and says where the run starts.
///
/// # Errors
///
/// Returns a problem if the body lacks what an input of the trigger needs.
pub(crate) fn called(plan: &Plan, body: Value) -> Result<Wanted, Problem> {
    Ok(wanted(&plan.name, triggers::called(plan, body).map_err(anyhow::Error::from)?))
}

/// Returns what a firing starts.
fn wanted(blueprint: &str, firing: Firing) -> Wanted {
    let Firing { inputs, payload, origin } = firing;
    Wanted { blueprint: blueprint.into(), inputs, payload, origin, timeout: None }
}

/// Starts a run and waits for its end as long as is asked for.
async fn start(site: &Arc<Site>, wanted: Wanted, wait: Duration) -> Result<Response, Problem> {
    let started = runs::start(site, wanted).await?;
    let ended = match wait {
        Duration::ZERO => None,
        wait => runs::ended(site, &started.run, wait).await?,
    };
    Ok(answer(&started.run, ended.as_ref()))
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
    let error = end.error.as_ref().map(
        |error| json!({"block": error.block, "outcome": error.outcome, "message": error.message}),
    );
    let body = json!({
        "run": run.as_str(),
        "status": end.status.as_str(),
        "value": *end.value,
        "error": error,
        "duration_ms": format::in_ms(end.duration_us),
    });
    (status, Json(body)).into_response()
}
