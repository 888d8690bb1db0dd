//! Triggers: where they stand, one fired by hand, and events by name.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    dto::{self, Answer},
    runs::begun,
    take::{self, Body, Path, Query},
};
use crate::{
    problem::Problem,
    runs,
    site::Site,
    triggers::{
        self,
        events::{self, Event},
        list::{self, Listed},
    },
};

/// Every trigger of the plans in force.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Triggers {
    /// By blueprint and place in its file.
    triggers: Vec<Listed>,
}

/// How a firing is answered.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// How long to wait for the end of the run, as in `30s`; at most a minute.
    #[param(example = "30s", pattern = r"^([0-9]{1,6}(ms|s|m|h|d))+$")]
    wait: Option<String>,
}

/// Where an event comes from.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct From {
    /// The component's name.
    component: Option<String>,
}

/// What came of an event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Taken {
    /// The runs that it started.
    started: Vec<Begun>,
    /// The blocks that waited for it.
    answered: Vec<Waited>,
    /// The triggers that started nothing.
    failed: Vec<Failed>,
}

/// A run that a trigger started.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Begun {
    blueprint: String,
    trigger: String,
    run: String,
}

/// A block that waited for an event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Waited {
    run: String,
    block: String,
}

/// A trigger that started nothing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Failed {
    blueprint: String,
    trigger: String,
    /// Why.
    detail: String,
}

/// Lists the triggers, with the next five times of schedules and the last firing.
#[utoipa::path(
    get,
    path = "/triggers",
    operation_id = "list_triggers",
    tag = "triggers",
    responses((status = 200, description = "All of them", body = Triggers)),
)]
pub(crate) async fn list(State(site): State<Arc<Site>>) -> Result<Json<Triggers>, Problem> {
    Ok(Json(Triggers { triggers: list::triggers(&site).await? }))
}

/// Fires a trigger by hand; the body is its payload, without one its own.
#[utoipa::path(
    post,
    path = "/triggers/{blueprint}/{id}/fire",
    operation_id = "fire_trigger",
    tag = "triggers",
    params(
        ("blueprint" = String, Path, description = "The blueprint"),
        ("id" = String, Path, description = "The trigger, as in `cron-1`"),
        Asked,
        ("Idempotency-Key" = Option<String>, Header, description = "A key of your choice",
            pattern = "^[!-~]{1,255}$"),
    ),
    request_body(content = Object, description = "The payload"),
    responses(
        (status = 200, description = "The run has succeeded", body = Answer),
        (status = 202, description = "It has not ended", body = Answer),
        (status = "4XX", description = "It cannot start", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "A secret is missing, or the vault is locked",
            body = dto::Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn fire(
    State(site): State<Arc<Site>>,
    Path((blueprint, id)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    Body(payload): Body,
) -> Result<Response, Problem> {
    let (wait, key) = (take::wait(asked.wait.as_deref())?, take::key(&headers)?);
    let wanted = triggers::fired(&site, (&blueprint, &id), payload, key.as_deref())?;
    let started = runs::start(&site, wanted).await?;
    begun(&site, &started, wait).await
}

/// Takes an event: it fires every trigger for it, and answers every run that waits for it.
#[utoipa::path(
    post,
    path = "/events/{name}",
    operation_id = "send_event",
    tag = "triggers",
    params(
        ("name" = String, Path, description = "The event"),
        From,
        ("Idempotency-Key" = Option<String>, Header, description = "A key of your choice",
            pattern = "^[!-~]{1,255}$"),
    ),
    request_body(content = Object, description = "The payload"),
    responses(
        (status = 202, description = "Somebody has it", body = Taken),
        (status = "4XX", description = "Nobody waits for it, or nothing can start",
            body = dto::Problem, content_type = "application/problem+json"),
        (status = 503, description = "A secret is missing, or the vault is locked",
            body = dto::Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn event(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    Query(from): Query<From>,
    headers: HeaderMap,
    Body(payload): Body,
) -> Result<Response, Problem> {
    let key = take::key(&headers)?;
    let (component, key) = (from.component.as_deref(), key.as_deref());
    let event = Event { name: &name, component, payload, key };
    let mut outcome = events::take(&site, &event).await?;
    if outcome.started.is_empty() && outcome.answered.is_empty() {
        return Err(match outcome.failed.pop() {
            Some((.., problem)) => problem,
            None => Problem::not_found(format!("nobody waits for an event `{name}`")),
        });
    }
    let started = outcome.started.into_iter();
    let answered = outcome.answered.iter();
    let failed = outcome.failed.into_iter();
    let taken = Taken {
        started: started
            .map(|(blueprint, trigger, run)| Begun { blueprint, trigger, run: run.to_string() })
            .collect(),
        answered: answered
            .map(|open| Waited { run: open.run.to_string(), block: open.block.to_string() })
            .collect(),
        failed: failed
            .map(|(blueprint, trigger, problem)| Failed {
                blueprint,
                trigger,
                detail: problem.detail,
            })
            .collect(),
    };
    Ok((StatusCode::ACCEPTED, Json(taken)).into_response())
}
