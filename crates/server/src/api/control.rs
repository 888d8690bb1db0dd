//! What clients do with a run that is there: cancel, resume, retry, answer.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode, response::Response};
use blueprint_model::{Value, journal::Posted};
use blueprint_project::answers::{self, Decision, Verdict};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    dto::{self, Answer, Done},
    runs::begun,
    take::{self, Body, Path, Query},
};
use crate::{acts, problem::Problem, site::Site};

/// What came of a wish, and that it is not the end of it.
type Accepted = (StatusCode, Json<Done>);

fn accepted(run: &str, status: &str) -> Accepted {
    (StatusCode::ACCEPTED, Json(Done { run: run.into(), status: status.into() }))
}

/// Asks a run to stop; its `always` blocks still run.
#[utoipa::path(
    post,
    path = "/runs/{run}/cancel",
    operation_id = "cancel_run",
    tag = "runs",
    params(("run" = String, Path, description = "Its id")),
    responses(
        (status = 202, description = "It is asked to", body = Done),
        (status = 409, description = "It has ended", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = "4XX", description = "There is none", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn cancel(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
) -> Result<Accepted, Problem> {
    let run = acts::cancel(&site, &run).await?;
    Ok(accepted(run.as_str(), "cancelling"))
}

/// Goes on with a run that nobody works on: its process is gone, or it is parked.
#[utoipa::path(
    post,
    path = "/runs/{run}/resume",
    operation_id = "resume_run",
    tag = "runs",
    params(("run" = String, Path, description = "Its id")),
    responses(
        (status = 202, description = "It goes on, here or where it is at work", body = Done),
        (status = 409, description = "It has ended", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = "4XX", description = "There is none, or it cannot go on", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The vault is locked",
            body = dto::Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn resume(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
) -> Result<Accepted, Problem> {
    let run = acts::resume(&site, &run).await?;
    Ok(accepted(run.as_str(), "running"))
}

/// How a retry is made and answered.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retried {
    /// The block to begin at: all before it answers as it did.
    from: Option<String>,
    /// How long to wait for the end, as in `30s`; at most a minute.
    #[param(example = "30s", pattern = r"^([0-9]{1,6}(ms|s|m|h|d))+$")]
    wait: Option<String>,
}

/// Starts a new run with the inputs of this one and the blueprint as it is now.
#[utoipa::path(
    post,
    path = "/runs/{run}/retry",
    operation_id = "retry_run",
    tag = "runs",
    params(("run" = String, Path, description = "Its id"), Retried),
    responses(
        (status = 200, description = "It has succeeded", body = Answer),
        (status = 202, description = "It has not ended", body = Answer, headers(
            ("Location" = String, description = "Where it stands can be asked here"),
        )),
        (status = "4XX", description = "It cannot start, or has failed", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The vault is locked",
            body = dto::Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn retry(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
    Query(retried): Query<Retried>,
) -> Result<Response, Problem> {
    let wait = take::wait(retried.wait.as_deref())?;
    let started = acts::again(&site, &run, retried.from.as_deref(), "api").await?;
    begun(&site, &started, wait).await
}

/// What a person decides.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Decided {
    /// The block that asks; needed only where several wait.
    block: Option<String>,
    /// Who decides; the blueprint sees it as `by`.
    by: Option<String>,
    /// What to say with it; the blueprint sees it as `note`.
    note: Option<String>,
    /// The fields of the form.
    #[schema(value_type = Object)]
    form: Value,
}

/// Approves what a run asks a person.
#[utoipa::path(
    post,
    path = "/runs/{run}/approve",
    operation_id = "approve_run",
    tag = "runs",
    params(("run" = String, Path, description = "Its id")),
    request_body = Decided,
    responses(
        (status = 202, description = "It gets the answer", body = Done),
        (status = 409, description = "It waits for no such decision", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = "4XX", description = "There is none, or the form is wrong", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn approve(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
    Body(decided): Body<Decided>,
) -> Result<Accepted, Problem> {
    decide(&site, &run, Verdict::Approved, decided).await
}

/// Rejects what a run asks a person.
#[utoipa::path(
    post,
    path = "/runs/{run}/reject",
    operation_id = "reject_run",
    tag = "runs",
    params(("run" = String, Path, description = "Its id")),
    request_body = Decided,
    responses(
        (status = 202, description = "It gets the answer", body = Done),
        (status = 409, description = "It waits for no such decision", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = "4XX", description = "There is none", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn reject(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
    Body(decided): Body<Decided>,
) -> Result<Accepted, Problem> {
    decide(&site, &run, Verdict::Rejected, decided).await
}

async fn decide(
    site: &Site,
    typed: &str,
    verdict: Verdict,
    decided: Decided,
) -> Result<Accepted, Problem> {
    let run = acts::find(site, typed).await?.summary.run;
    let open = answers::question(&*site.journal, &run, decided.block.as_deref()).await;
    let open = open.map_err(acts::not_awaited)?;
    let form = match verdict {
        Verdict::Approved => answers::form(&open, decided.form)?,
        Verdict::Rejected => Value::Null,
    };
    let decision = Decision { verdict, by: decided.by, note: decided.note, form };
    match answers::decide(&*site.journal, &open, decision).await? {
        Posted::Delivered | Posted::Kept => Ok(accepted(run.as_str(), verdict.as_str())),
        Posted::Ended | Posted::Unknown => {
            Err(Problem::new(StatusCode::CONFLICT, "the run has ended meanwhile"))
        }
    }
}

/// An event for one run.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sent {
    /// The event's name.
    event: String,
    /// What it brings.
    #[serde(default)]
    #[schema(value_type = Value)]
    payload: Value,
}

/// Sends an event to a run that waits for it with `wait_event`.
#[utoipa::path(
    post,
    path = "/runs/{run}/send",
    operation_id = "send_event_to_run",
    tag = "runs",
    params(("run" = String, Path, description = "Its id")),
    request_body = Sent,
    responses(
        (status = 202, description = "It gets the event", body = Done),
        (status = 409, description = "It waits for no such event", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = "4XX", description = "There is none", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn send(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
    Body(sent): Body<Sent>,
) -> Result<Accepted, Problem> {
    let run = acts::find(&site, &run).await?.summary.run;
    let reached = answers::send(&*site.journal, Some(&run), &sent.event, &sent.payload).await?;
    if reached.is_empty() {
        let detail = format!("no block of the run waits for such an event `{}`", sent.event);
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    }
    Ok(accepted(run.as_str(), "sent"))
}
