//! What can be done with a run that is there: find it, stop it, go on with it, run it once more. For
//! the API and for pages.

use std::sync::Arc;

use axum::http::StatusCode;
use blueprint_engine::{Origin, ResumeError};
use blueprint_model::{
    RunId, code,
    journal::{Head, History, Letter, Posted},
};
use blueprint_project::{earlier, failure::Failure, history::Kept, store};
use serde_json::json;
use tokio::{runtime::Handle, task::spawn_blocking};

use crate::{
    problem::Problem,
    runs::{self, Started, Wanted},
    site::Site,
};

/// The longest text that can be the id of a run.
const MAX_ID: usize = 64;

/// Returns the run with this id, or the only one whose id begins or ends so; `@last` is the newest.
///
/// # Errors
///
/// Returns a problem if there is no such run, or several.
pub(crate) async fn find(site: &Site, typed: &str) -> Result<Head, Problem> {
    let is_id = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if typed.len() > MAX_ID || !(is_id(typed) || typed == "@last") {
        return Err(no_run(typed));
    }
    if let Some(head) = head(site, &RunId::new(typed)).await? {
        return Ok(head);
    }
    let found = store::find(&*site.journal, typed).await.map_err(|err| {
        let problem = Problem::from(err);
        match problem.status {
            // None has that id, and several begin or end so.
            StatusCode::UNPROCESSABLE_ENTITY => {
                Problem { status: StatusCode::NOT_FOUND, ..problem }
            }
            _ => problem,
        }
    })?;
    head(site, &found.run).await?.ok_or_else(|| no_run(typed))
}

async fn head(site: &Site, run: &RunId) -> Result<Option<Head>, Problem> {
    Ok(site.journal.head(run).await.map_err(store::failure)?)
}

fn no_run(typed: &str) -> Problem {
    Problem::not_found(format!("there is no run `{typed}`")).code(code::NO_RUN)
}

/// Returns a run with its events.
///
/// # Errors
///
/// Returns a problem if there is no such run, or it cannot be read.
pub(crate) async fn history(site: &Site, typed: &str) -> Result<History, Problem> {
    let run = find(site, typed).await?.summary.run;
    // All of a long run takes its time and memory, so few are read at once and on threads of their own.
    let _turn = site.histories.acquire().await;
    let journal = site.journal.clone();
    let runtime = Handle::current();
    let read = spawn_blocking(move || runtime.block_on(journal.read(&run)));
    let history = read.await.map_err(anyhow::Error::from)?.map_err(store::failure)?;
    history.ok_or_else(|| no_run(typed))
}

/// Asks a run to stop, whoever works on it.
///
/// # Errors
///
/// Returns a problem if there is no such run, or it has ended.
pub(crate) async fn cancel(site: &Site, typed: &str) -> Result<RunId, Problem> {
    let run = find(site, typed).await?.summary.run;
    match site.journal.post(&run, &Letter::Cancel).await.map_err(store::failure)? {
        // Where nobody works on it, the host does so because of the letter.
        Posted::Delivered | Posted::Kept => Ok(run),
        Posted::Ended => Err(has_ended(&run)),
        Posted::Unknown => Err(no_run(typed)),
    }
}

/// Goes on with a run that nobody works on. One that somebody works on is left to them.
///
/// # Errors
///
/// Returns a problem if there is no such run, it has ended, what it needs is not there, or there are
/// too many runs.
pub(crate) async fn resume(site: &Arc<Site>, typed: &str) -> Result<RunId, Problem> {
    let run = find(site, typed).await?.summary.run;
    let resumed = site.runs.apart(go_on(site.clone(), run, typed.to_owned())).await;
    resumed.unwrap_or_else(|| Err(Problem::stopping()))
}

async fn go_on(site: Arc<Site>, run: RunId, typed: String) -> Result<RunId, Problem> {
    let permit = site.runs.turn().await?;
    let resumed = site.engine.resume(&run, |record| {
        // It compiles blueprints and asks the vault.
        tokio::task::block_in_place(|| site.rebuilder.rebuild(record))
    });
    match resumed.await {
        Ok(handle) => {
            drop(site.runs.keep(handle, permit, site.clone()));
            Ok(run)
        }
        Err(ResumeError::Busy(run)) => Ok(run),
        Err(ResumeError::Ended(run)) => Err(has_ended(&run)),
        Err(ResumeError::Unknown(_)) => Err(no_run(&typed)),
        Err(ResumeError::Setup(err)) => Err(err.into()),
        Err(ResumeError::Journal(err)) => Err(store::failure(err).into()),
    }
}

/// Starts a run with the inputs of an earlier one and the blueprint as it is now; with `from`, what
/// came before that block answers as it did.
///
/// # Errors
///
/// Returns a problem if that is not possible, or for the reasons of a start.
pub(crate) async fn again(
    site: &Arc<Site>,
    typed: &str,
    from: Option<&str>,
    trigger: &str,
) -> Result<Started, Problem> {
    let history = history(site, typed).await?;
    let blueprint = history.record.blueprint.clone();
    let (inputs, payload, setup) = match from {
        None => {
            let again = earlier::again(&Kept::of(history))?;
            (again.inputs, again.payload, again.setup)
        }
        Some(block) => {
            let plan = runs::plan_of(&site.catalogue.now(), &blueprint)?;
            let run = history.summary.run.clone();
            let earlier = earlier::of(block, run.as_str(), &plan, history)?;
            (earlier.inputs, earlier.payload, json!({"from": earlier.setup}))
        }
    };
    let origin = Origin { trigger: trigger.into(), key: None, setup };
    runs::start(site, Wanted { blueprint, inputs, payload, origin, timeout: None }).await
}

fn has_ended(run: &RunId) -> Problem {
    Problem::new(StatusCode::CONFLICT, format!("run {} has ended", run.short()))
}

/// Returns the problem of an answer that nobody waits for.
pub(crate) fn not_awaited(err: anyhow::Error) -> Problem {
    let is_asker = err.downcast_ref::<Failure>().is_some();
    let problem = Problem::from(err);
    match is_asker && problem.status == StatusCode::UNPROCESSABLE_ENTITY {
        true => Problem { status: StatusCode::CONFLICT, ..problem },
        false => problem,
    }
}
