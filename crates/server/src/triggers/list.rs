//! Where all triggers stand: what they are, when they fire next, and what came of the last time.

use std::collections::BTreeMap;

use blueprint_engine::{PlannedKind, PlannedTrigger};
use blueprint_model::{
    RunId, Value,
    journal::{RunFilter, RunSummary},
};
use blueprint_project::store;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::{cron, due::Memory};
use crate::{problem::Problem, site::Site};

/// How many times of a schedule are told.
const NEXT: usize = 5;

/// A trigger.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Listed {
    /// The blueprint's name.
    pub(crate) blueprint: String,
    /// By which it is known there, as in `cron-1`.
    pub(crate) id: String,
    /// `api`, `cron`, `event` or `webhook`.
    pub(crate) kind: &'static str,
    /// The block that its runs start at.
    pub(crate) start: Option<String>,
    /// The line in the file.
    pub(crate) line: usize,
    /// The schedule, as written.
    pub(crate) schedule: Option<String>,
    /// The schedule's time zone.
    pub(crate) timezone: Option<String>,
    /// What becomes of times that were missed: `skip` or `run_once`.
    pub(crate) missed: Option<&'static str>,
    /// What a firing does while the last run is not over: `skip`, `queue` or `parallel`.
    pub(crate) overlap: Option<&'static str>,
    /// The event's name.
    pub(crate) event: Option<String>,
    /// The component whose event it is.
    pub(crate) component: Option<String>,
    /// Where signed calls are sent to.
    pub(crate) path: Option<String>,
    /// The name of the secret that calls are signed with.
    pub(crate) signing_key: Option<String>,
    /// The next five times of a schedule.
    #[serde(serialize_with = "as_texts")]
    #[schema(value_type = Vec<String>)]
    pub(crate) next: Vec<Timestamp>,
    /// The time of the schedule at which it fired last.
    #[serde(serialize_with = "as_text_if_any")]
    #[schema(value_type = Option<String>)]
    pub(crate) last_time: Option<Timestamp>,
    /// Why it started nothing then.
    pub(crate) last_problem: Option<String>,
    /// The run of its last firing; of its kind, where it has no schedule.
    pub(crate) last_run: Option<LastRun>,
}

/// The run of a firing.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct LastRun {
    /// Its id.
    pub(crate) run: String,
    /// Where it stands: `running`, `waiting`, `succeeded` …
    pub(crate) phase: &'static str,
    /// When it started.
    #[serde(serialize_with = "as_text")]
    #[schema(value_type = String)]
    pub(crate) started: Timestamp,
}

/// Returns every trigger of the plans in force, by blueprint and place.
///
/// # Errors
///
/// Returns a problem if the store cannot be read.
pub(crate) async fn triggers(site: &Site) -> Result<Vec<Listed>, Problem> {
    let (snapshot, now) = (site.catalogue.now(), site.now());
    let notes = site.journal.notes(cron::NOTES).await.map_err(store::failure)?;
    let notes: BTreeMap<String, Value> = notes.into_iter().collect();
    let mut all = Vec::new();
    for (blueprint, entry) in &snapshot.entries {
        for trigger in entry.plan.iter().flat_map(|plan| &plan.triggers) {
            let memory = notes.get(&cron::note(blueprint, &trigger.id)).and_then(Memory::of);
            let mut listed = listed(blueprint, trigger, now);
            let last = memory.and_then(|memory| memory.last);
            let run = last.as_ref().and_then(|last| last.run.clone());
            listed.last_time = last.as_ref().map(|last| last.time);
            listed.last_problem = last.and_then(|last| last.problem);
            listed.last_run = last_run(site, blueprint, trigger, run).await?;
            all.push(listed);
        }
    }
    Ok(all)
}

async fn last_run(
    site: &Site,
    blueprint: &str,
    trigger: &PlannedTrigger,
    run: Option<RunId>,
) -> Result<Option<LastRun>, Problem> {
    let summary: Option<RunSummary> = match (run, &trigger.kind) {
        (Some(run), _) => {
            let head = site.journal.head(&run).await.map_err(store::failure)?;
            head.map(|head| head.summary)
        }
        (None, PlannedKind::Cron { .. }) => None,
        (None, kind) => {
            let filter = RunFilter {
                blueprint: Some(blueprint.into()),
                trigger: Some(kind.as_str().into()),
                limit: Some(1),
                ..RunFilter::default()
            };
            site.journal.list(&filter).await.map_err(store::failure)?.pop()
        }
    };
    Ok(summary.map(|summary| LastRun {
        run: summary.run.as_str().into(),
        phase: summary.phase.as_str(),
        started: summary.started,
    }))
}

fn as_text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn as_text_if_any<S: Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(|time| time.to_string()).serialize(serializer)
}

fn as_texts<S: Serializer>(times: &[Timestamp], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(times.iter().map(ToString::to_string))
}

fn listed(blueprint: &str, trigger: &PlannedTrigger, now: Timestamp) -> Listed {
    let mut listed = Listed {
        blueprint: blueprint.into(),
        id: trigger.id.clone(),
        kind: trigger.kind.as_str(),
        start: trigger.start.clone(),
        line: trigger.place.0,
        schedule: None,
        timezone: None,
        missed: None,
        overlap: None,
        event: None,
        component: None,
        path: None,
        signing_key: None,
        next: Vec::new(),
        last_time: None,
        last_problem: None,
        last_run: None,
    };
    match &trigger.kind {
        PlannedKind::Api => {
            listed.path = Some(format!("/api/v1/blueprints/{blueprint}/runs"));
        }
        PlannedKind::Cron { schedule, missed, overlap } => {
            listed.schedule = Some(schedule.text().into());
            listed.timezone = Some(schedule.zone().into());
            listed.missed = Some(missed.as_str());
            listed.overlap = Some(overlap.as_str());
            listed.next = schedule.times_after(now).take(NEXT).collect();
        }
        PlannedKind::Event { component, event } => {
            listed.event = Some(event.clone());
            listed.component.clone_from(component);
            listed.path = Some(format!("/api/v1/events/{event}"));
        }
        PlannedKind::Webhook { signing_key } => {
            listed.path = Some(format!("/hooks/{blueprint}/{}", trigger.id));
            listed.signing_key = signing_key.as_ref().map(ToString::to_string);
        }
    }
    listed
}
