//! `--key`: a run that is there already. Its end is given again, or waited for, or brought about.

use std::time::Duration;

use anyhow::{Context as _, Result};
use blueprint_engine::{Engine, ResumeError, RunEnd, shown};
use blueprint_model::{
    Event, EventKind, RunId,
    journal::{History, Phase},
};
use blueprint_project::{
    project::Project,
    store::{self, Rebuilder},
};

use crate::{
    app::App,
    commands::run::Output,
    execute::{self, Watched},
};

/// How often it is looked whether another process has brought the run to its end.
const LOOK: Duration = Duration::from_millis(100);

/// Returns the end of a run that is there: the one it had, or has now.
///
/// # Errors
///
/// Returns a failure if the store cannot be read, or the run cannot be resumed.
pub(super) async fn go_on(
    engine: &Engine,
    run: &RunId,
    project: &Project,
    output: Output,
    app: &mut App,
) -> Result<Watched> {
    let (mut said, mut rebuilder) = (false, None);
    loop {
        // Where it stands is little; its events are read once, when it has ended.
        match store::find(&**engine.journal(), run.as_str()).await?.phase {
            Phase::Succeeded | Phase::Failed | Phase::Cancelled => {
                let history = engine.journal().read(run).await.map_err(store::failure)?;
                let history =
                    history.with_context(|| format!("run {run} was removed meanwhile"))?;
                app.err.line(&format!("run {} has this key and has ended", run.short()))?;
                return Ok(Watched { end: end_of(&history), parked: None, signal: None });
            }
            Phase::Interrupted | Phase::Waiting => {
                let rebuilder = match &rebuilder {
                    Some(rebuilder) => rebuilder,
                    None => {
                        app.err.line(&format!("run {} has this key and goes on", run.short()))?;
                        rebuilder.insert(Rebuilder::new(project, &app.environment)?)
                    }
                };
                match execute::try_resumed(engine, run, rebuilder, output, app).await {
                    // Another process was faster; its end is waited for.
                    Err(ResumeError::Busy(_) | ResumeError::Ended(_)) => {}
                    other => return other.map_err(execute::resume_failure),
                }
            }
            Phase::Running if said => {}
            Phase::Running => {
                said = true;
                let run = run.short();
                app.err.line(&format!("another process works on run {run}, which has this key"))?;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Returns how a kept run ended, as people see it.
pub(crate) fn end_of(history: &History) -> Option<RunEnd> {
    let secrets = store::handles(history);
    let last: Event = shown(history.events.last()?.clone(), &secrets);
    let cancelled = history.events.iter().find_map(|event| match event.kind {
        EventKind::CancelRequested { reason } => Some(reason),
        _ => None,
    });
    match last.kind {
        EventKind::RunFinished { status, value, error, counts, duration_us } => {
            Some(RunEnd { run: last.run, status, value, error, counts, duration_us, cancelled })
        }
        _ => None,
    }
}
