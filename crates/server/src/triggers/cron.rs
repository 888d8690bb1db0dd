//! Schedules: one loop looks which of them are due and starts their runs.
//!
//! A run's key is made of the trigger and the time of the schedule, so that it starts once whatever
//! happens between the start and the note about it, and however many servers look.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use blueprint_engine::{PlannedKind, PlannedTrigger, Schedule};
use blueprint_model::blueprint::{Missed, Overlap};
use blueprint_project::{store, triggers};
use futures_util::future;
use jiff::Timestamp;

use super::{
    due::{self, Last, Memory, Rule, Verdict},
    wanted,
};
use crate::{catalogue::Snapshot, problem::Problem, runs, site::Site};

/// How often changed files and runs that end are looked for.
const LOOK: Duration = Duration::from_millis(300);

/// Where the notes about triggers are.
pub(super) const NOTES: &str = "trigger/";

/// A trigger with a schedule.
struct Timed<'t> {
    blueprint: &'t str,
    trigger: &'t PlannedTrigger,
    schedule: &'t Schedule,
    missed: Missed,
    overlap: Overlap,
}

/// What the loop knows of a trigger between two looks.
struct Watched {
    schedule: String,
    /// When it is to be looked at again; `None` is never.
    due: Option<Timestamp>,
}

/// Starts what schedules say, for ever.
pub(crate) async fn run(site: Arc<Site>) {
    let mut watched: BTreeMap<String, Watched> = BTreeMap::new();
    loop {
        let (snapshot, now) = (site.catalogue.now(), site.now());
        let all: BTreeMap<String, Timed<'_>> =
            timed(&snapshot).map(|timed| (timed.note(), timed)).collect();
        watched.retain(|name, known| {
            all.get(name).is_some_and(|timed| timed.schedule.to_string() == known.schedule)
        });
        let is_due = |name: &&String| {
            watched.get(*name).is_none_or(|known| known.due.is_some_and(|due| due <= now))
        };
        let due = all.keys().filter(is_due).map(|name| async {
            let timed = &all[name];
            match timed.look(&site, now).await {
                Ok(due) => Some((name.clone(), timed.watched(due))),
                Err(problem) => {
                    tracing::error!("trigger {}: {}", timed.name(), problem.detail);
                    None
                }
            }
        });
        for (name, known) in future::join_all(due).await.into_iter().flatten() {
            watched.insert(name, known);
        }
        let next = watched.values().filter_map(|known| known.due).min();
        let left = next.map_or(LOOK, |next| {
            Duration::try_from(next.duration_since(site.now())).unwrap_or_default()
        });
        // Not at once where something must be tried again.
        tokio::time::sleep(left.clamp(Duration::from_millis(10), LOOK)).await;
    }
}

/// Returns the name of the note about a trigger.
pub(super) fn note(blueprint: &str, id: &str) -> String {
    format!("{NOTES}{blueprint}/{id}")
}

fn timed(snapshot: &Snapshot) -> impl Iterator<Item = Timed<'_>> {
    let all = snapshot.entries.iter();
    let all = all.filter_map(|(name, entry)| Some((name, entry.plan.as_ref()?)));
    all.flat_map(|(blueprint, plan)| {
        plan.triggers.iter().filter_map(move |trigger| match &trigger.kind {
            PlannedKind::Cron { schedule, missed, overlap } => {
                Some(Timed { blueprint, trigger, schedule, missed: *missed, overlap: *overlap })
            }
            PlannedKind::Api | PlannedKind::Event { .. } | PlannedKind::Webhook { .. } => None,
        })
    })
}

impl Timed<'_> {
    fn name(&self) -> String {
        format!("{}/{}", self.blueprint, self.trigger.id)
    }

    fn note(&self) -> String {
        note(self.blueprint, &self.trigger.id)
    }

    fn watched(&self, due: Option<Timestamp>) -> Watched {
        Watched { schedule: self.schedule.to_string(), due }
    }

    /// Fires what is due; returns when to look again.
    async fn look(&self, site: &Arc<Site>, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
        let note = site.journal.note(&self.note()).await.map_err(store::failure)?;
        let before = note.as_ref().and_then(Memory::of);
        let is_busy = self.is_busy(site, before.as_ref()).await?;
        let soon = now.checked_add(LOOK).unwrap_or(now);
        let rule = Rule { schedule: self.schedule, missed: self.missed, overlap: self.overlap };
        let Verdict { fire, mut memory } = due::judge(&rule, before.clone(), is_busy, now);
        for time in fire {
            let (run, problem) = match self.fire(site, time).await {
                Ok(run) => (Some(run), None),
                // Too much to do, or something is not in order for now: it stays due.
                Err(problem) if problem.may_pass() => return Ok(Some(soon)),
                Err(problem) => {
                    tracing::warn!("trigger {} cannot fire: {}", self.name(), problem.detail);
                    (None, Some(problem.detail))
                }
            };
            memory.last = Some(Last { time, run, problem });
        }
        if before.as_ref() != Some(&memory) {
            let value = memory.to_note();
            site.journal.put_note(&self.note(), Some(&value)).await.map_err(store::failure)?;
        }
        Ok(match memory.is_waiting() {
            true => Some(soon),
            false => self.schedule.next_after(now),
        })
    }

    async fn is_busy(&self, site: &Site, memory: Option<&Memory>) -> Result<bool, Problem> {
        let last = memory.and_then(|memory| memory.last.as_ref()?.run.as_ref());
        let Some(run) = last.filter(|_| self.overlap != Overlap::Parallel) else {
            return Ok(false);
        };
        let head = site.journal.head(run).await.map_err(store::failure)?;
        Ok(head.is_some_and(|head| !head.summary.phase.is_ended()))
    }

    async fn fire(
        &self,
        site: &Arc<Site>,
        time: Timestamp,
    ) -> Result<blueprint_model::RunId, Problem> {
        let nothing = || blueprint_model::Value::Null;
        let firing = triggers::firing(self.trigger, nothing(), nothing());
        let mut firing = firing.map_err(anyhow::Error::from)?;
        firing.origin.key = Some(format!("cron/{}/{time}", self.name()));
        Ok(runs::start(site, wanted(self.blueprint, firing)).await?.run)
    }
}
