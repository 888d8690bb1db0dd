//! What the events of runs say: in what two differ, and why a block ran or did not.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use blueprint_model::Value;
use blueprint_project::{
    compare::{self, Times},
    history::Kept,
    why,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    dto,
    take::{Path, Query},
};
use crate::{acts, problem::Problem, site::Site};

/// What is compared.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compared {
    /// Whether blocks that took much longer or shorter are differences too.
    #[serde(default)]
    times: bool,
}

/// In what two runs differ.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Differences {
    /// The two runs.
    #[schema(value_type = Vec<Object>)]
    runs: Value,
    /// Whether they ran the same texts.
    same_text: bool,
    /// What differs, the first first: `what`, `in`, `path`, `one`, `other`.
    #[schema(value_type = Vec<Object>)]
    differences: Value,
}

/// Returns in what two runs differ: inputs, blocks that ended in another way, value.
#[utoipa::path(
    get,
    path = "/runs/{run}/diff/{other}",
    operation_id = "diff_runs",
    tag = "runs",
    params(
        ("run" = String, Path, description = "The one"),
        ("other" = String, Path, description = "The other"),
        Compared,
    ),
    responses(
        (status = 200, description = "What differs", body = Differences),
        (status = "4XX", description = "One is not there", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn diff(
    State(site): State<Arc<Site>>,
    Path((run, other)): Path<(String, String)>,
    Query(compared): Query<Compared>,
) -> Result<Json<Differences>, Problem> {
    let one = acts::history(&site, &run).await?;
    let other = acts::history(&site, &other).await?;
    let times = if compared.times { Times::Shown } else { Times::Left };
    let found = aside(move || {
        let (one, other) = (Kept::of(one), Kept::of(other));
        let differences = compare::differences(&one, &other, times);
        compare::document(&one, &other, &differences)
    });
    let mut found = found.await?;
    Ok(Json(Differences {
        same_text: found["same_text"] == true,
        runs: found["runs"].take(),
        differences: found["differences"].take(),
    }))
}

/// Why a block of a run ran, or did not.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Why {
    /// Where the block stands, in words.
    verdict: String,
    /// Why, a sentence each.
    sentences: Vec<String>,
    /// The same as data: `block`, `type`, `join`, `inside`, `stands`, `edges`, `because`,
    /// `waits_for`, `failed_attempts`.
    #[schema(value_type = Object)]
    facts: Value,
}

/// Says why a block of a run ran, was skipped, was cancelled, or waits.
#[utoipa::path(
    get,
    path = "/runs/{run}/why/{block}",
    operation_id = "why_block",
    tag = "runs",
    params(
        ("run" = String, Path, description = "Its id"),
        ("block" = String, Path, description = "The path of the block in the run"),
    ),
    responses(
        (status = 200, description = "Why", body = Why),
        (status = "4XX", description = "There is no such run or block", body = dto::Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn why(
    State(site): State<Arc<Site>>,
    Path((run, block)): Path<(String, String)>,
) -> Result<Json<Why>, Problem> {
    let history = acts::history(&site, &run).await?;
    let told = aside(move || {
        let kept = Kept::of(history);
        let depth = site.project.limits().depth;
        let why = why::ask(&kept, &site.registry, depth, &block)?;
        let phase = kept.history.summary.phase;
        anyhow::Ok(Why {
            verdict: why::verdict(&why.stands, phase),
            sentences: why::sentences(&why, phase),
            facts: why::document(&why),
        })
    });
    told.await?.map(Json).map_err(|err| match Problem::from(err) {
        problem if problem.status == StatusCode::UNPROCESSABLE_ENTITY => {
            Problem { status: StatusCode::NOT_FOUND, ..problem }
        }
        problem => problem,
    })
}

/// Does what takes long for large runs where it keeps no other request waiting.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|err| anyhow::anyhow!("work for a request failed: {err}").into())
}
