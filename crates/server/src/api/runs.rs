//! Runs: start them, list them, and where they stand.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use blueprint_engine::Origin;
use blueprint_model::{
    Value, code,
    event::RunStatus,
    journal::{Head, Phase, QuestionFilter, RunFilter},
    units,
};
use blueprint_project::{answers, store, tail};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    dto::{self, Answer, Run, RunDetails, Runs, ValueOf},
    take::{self, Body, Path, Query, bad},
};
use crate::{
    acts,
    problem::Problem,
    runs::{self, Ended, Started, Wanted},
    site::Site,
    triggers,
};

/// How many runs a page of the list has, where nothing says how many.
const PAGE: usize = 50;
/// The most runs of a page.
const MAX_PAGE: usize = 500;

/// How a start is answered.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// How long to wait for the end, as in `30s`; at most a minute.
    #[param(example = "30s", pattern = r"^([0-9]{1,6}(ms|s|m|h|d))+$")]
    wait: Option<String>,
    /// A deadline that stands above the blueprint's own, as in `5m`.
    #[param(example = "5m", pattern = r"^([0-9]{1,6}(ms|s|m|h|d))+$")]
    timeout: Option<String>,
}

/// Starts a run of a blueprint; the body is its inputs, and nothing else.
///
/// With the header `Idempotency-Key` the same key and body give the same run, however often they are
/// sent. Without `wait` the answer is 202 at once.
#[utoipa::path(
    post,
    path = "/blueprints/{name}/runs",
    operation_id = "start_run",
    tag = "runs",
    params(
        ("name" = String, Path, description = "The blueprint"),
        Asked,
        ("Idempotency-Key" = Option<String>, Header, description = "A key of your choice",
            pattern = "^[!-~]{1,255}$"),
    ),
    request_body(content = Object, description = "The inputs"),
    responses(
        (status = 200, description = "It has succeeded", body = Answer),
        (status = 202, description = "It has not ended", body = Answer, headers(
            ("Location" = String, description = "Where it stands can be asked here"),
        )),
        (status = 409, description = "The key was used otherwise, a secret is missing, or nothing is in force",
            body = dto::Problem, content_type = "application/problem+json"),
        (status = 422, description = "The inputs are wrong, or the run has failed; then `run` is there",
            body = dto::Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many runs; `Retry-After` says when to try again",
            body = dto::Problem, content_type = "application/problem+json"),
        (status = "4XX", description = "It cannot start", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "The vault is locked",
            body = dto::Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn start(
    State(site): State<Arc<Site>>,
    Path(blueprint): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    Body(inputs): Body,
) -> Result<Response, Problem> {
    let wait = take::wait(asked.wait.as_deref())?;
    let timeout = take::duration("timeout", asked.timeout.as_deref())?;
    let key = take::key(&headers)?;
    if !inputs.is_object() {
        let detail = "the inputs must be an object";
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
        return Err(problem.code(code::BAD_INPUTS));
    }
    let wanted = triggers::called(&site, &blueprint, inputs)?;
    let origin = Origin { key, ..wanted.origin };
    let wanted = Wanted { origin, timeout, ..wanted };
    let started = runs::start(&site, wanted).await?;
    begun(&site, &started, wait).await
}

/// Returns the answer about a run that was started, once it has ended or that long has passed.
pub(crate) async fn begun(
    site: &Site,
    started: &Started,
    wait: Duration,
) -> Result<Response, Problem> {
    let run = started.run.as_str();
    let ended = match wait {
        Duration::ZERO => None,
        wait => started.ended(site, wait).await?,
    };
    let mut response = match ended {
        Some(end) => outcome(run, &end)
            .map_or_else(IntoResponse::into_response, |answer| Json(answer).into_response()),
        None => (StatusCode::ACCEPTED, Json(Answer::open(run))).into_response(),
    };
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v1/runs/{run}")) {
        headers.insert(header::LOCATION, location);
    }
    if !started.is_new {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Returns the answer about a run that has ended, or the problem of one that has not succeeded.
fn outcome(run: &str, end: &Ended) -> Result<Answer, Problem> {
    let answer = Answer::ended(run, end);
    let detail = match (end.status, &end.error) {
        (RunStatus::Succeeded, _) => return Ok(answer),
        (RunStatus::Cancelled, _) => "the run was cancelled".into(),
        (RunStatus::Failed, None) => "the run failed".into(),
        (RunStatus::Failed, Some(error)) => {
            format!("block `{}` ended with `{}`: {}", error.block, error.outcome, error.message)
        }
    };
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    let problem = match end.status {
        RunStatus::Failed => problem.code(code::BLOCK_FAILED),
        RunStatus::Succeeded | RunStatus::Cancelled => problem,
    };
    Err(Problem { run: Some(Box::new(answer)), ..problem })
}

/// Which runs a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    /// Only runs that stand so: one or several of `running`, `waiting`, `interrupted`, `succeeded`,
    /// `failed`, `cancelled`, with commas between.
    #[param(
        example = "failed,cancelled",
        pattern = r"^(running|waiting|interrupted|succeeded|failed|cancelled)(,(running|waiting|interrupted|succeeded|failed|cancelled))*$"
    )]
    status: Option<String>,
    /// Only runs of this blueprint.
    blueprint: Option<String>,
    /// Only runs that this started.
    trigger: Option<String>,
    /// Only runs that started since: so long ago, as in `2h`, or at a time.
    #[param(
        example = "2h",
        pattern = r"^(([0-9]{1,6}(ms|s|m|h|d))+|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)$"
    )]
    since: Option<String>,
    /// Only runs that started before: so long ago, or at a time.
    #[param(
        example = "2026-11-24T07:00:00Z",
        pattern = r"^(([0-9]{1,6}(ms|s|m|h|d))+|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)$"
    )]
    until: Option<String>,
    /// The `next` of the page before.
    before: Option<String>,
    /// How many; 50 where it is not given.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Lists runs, the newest first, also those of other processes.
#[utoipa::path(
    get,
    path = "/runs",
    operation_id = "list_runs",
    tag = "runs",
    params(Listed),
    responses(
        (status = 200, description = "A page of them", body = Runs),
        (status = "4XX", description = "A filter is wrong", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(site): State<Arc<Site>>,
    Query(listed): Query<Listed>,
) -> Result<Json<Runs>, Problem> {
    let limit @ 1..=MAX_PAGE = listed.limit.unwrap_or(PAGE) else {
        return Err(bad(format!("`limit` must be 1 to {MAX_PAGE}")));
    };
    let now = site.now();
    let filter = RunFilter {
        id: None,
        phases: phases(listed.status.as_deref())?,
        blueprint: listed.blueprint,
        trigger: listed.trigger,
        since: when("since", listed.since.as_deref(), now)?,
        until: when("until", listed.until.as_deref(), now)?,
        before: listed.before.as_deref().map(blueprint_model::RunId::new),
        limit: Some(limit + 1),
    };
    let found = site.journal.list(&filter).await.map_err(store::failure)?;
    let has_more = found.len() > limit;
    let runs: Vec<Run> = found.iter().take(limit).map(Run::from).collect();
    let last = found.iter().take(limit).next_back();
    let next = last.filter(|_| has_more).map(|last| last.run.to_string());
    Ok(Json(Runs { runs, next }))
}

fn phases(text: Option<&str>) -> Result<Vec<Phase>, Problem> {
    let names = text.into_iter().flat_map(|text| text.split(','));
    let phase = |name: &str| {
        let found = Phase::ALL.into_iter().find(|phase| phase.as_str() == name.trim());
        found.ok_or_else(|| {
            let known = Phase::ALL.map(Phase::as_str).join(", ");
            bad(format!("`{name}` is no status")).help(format!("status={known}"))
        })
    };
    names.map(phase).collect()
}

fn when(name: &str, text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    if let Some(ago) = units::parse_duration(text) {
        return Ok(Some(now.checked_sub(ago).unwrap_or(Timestamp::MIN)));
    }
    let hint = format!("{name}=2h, {name}=2026-11-24T07:00:00Z");
    text.parse()
        .map(Some)
        .map_err(|_| bad(format!("`{name}` is neither a duration nor a time")).help(hint))
}

/// Returns where a run stands, how it ended, and what it waits for.
#[utoipa::path(
    get,
    path = "/runs/{run}",
    operation_id = "get_run",
    tag = "runs",
    params(("run" = String, Path, description = "Its id, or the only beginning or end of one")),
    responses(
        (status = 200, description = "It", body = RunDetails),
        (status = "4XX", description = "There is none", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn one(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
) -> Result<Json<RunDetails>, Problem> {
    let Head { summary, record } = acts::find(&site, &run).await?;
    let end = runs::end_of(&site, &summary.run).await.map_err(store::failure)?;
    let from = record.setup["from"]["run"].as_str();
    let retry_of = record.setup["retry_of"].as_str().or(from).map(str::to_owned);
    let questions = match end {
        Some(_) => Vec::new(),
        None => questions(&site, &summary.run).await?,
    };
    Ok(Json(RunDetails {
        end: end.map(|end| Answer::ended(summary.run.as_str(), &end)),
        run: Run::from(&summary),
        deadline: record.deadline.map(dto::time),
        retry_of,
        questions,
    }))
}

/// Returns what a run waits for, as it is shown.
async fn questions(
    site: &Site,
    run: &blueprint_model::RunId,
) -> Result<Vec<dto::Question>, Problem> {
    let filter = QuestionFilter { run: Some(run.clone()), ..QuestionFilter::default() };
    let open = site.journal.questions(&filter).await.map_err(store::failure)?;
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let handles = tail::handles(&*site.journal, run).await.map_err(store::failure)?;
    Ok(open
        .into_iter()
        .map(|open| dto::Question::from(&answers::as_shown(open, &handles)))
        .collect())
}

/// Returns the value of a run that has succeeded.
#[utoipa::path(
    get,
    path = "/runs/{run}/value",
    operation_id = "get_value",
    tag = "runs",
    params(("run" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "Its value", body = ValueOf),
        (status = 409, description = "It has not ended", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "It has not succeeded", body = dto::Problem,
            content_type = "application/problem+json"),
        (status = "4XX", description = "There is none", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn value(
    State(site): State<Arc<Site>>,
    Path(run): Path<String>,
) -> Result<Json<ValueOf>, Problem> {
    let head = acts::find(&site, &run).await?;
    let run = &head.summary.run;
    let end = runs::end_of(&site, run).await.map_err(store::failure)?;
    let Some(end) = end else {
        let detail = format!("run {} has not ended", run.short());
        return Err(Problem::new(StatusCode::CONFLICT, detail));
    };
    let value: Value = outcome(run.as_str(), &end)?.value;
    Ok(Json(ValueOf { value }))
}
