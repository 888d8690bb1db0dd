//! A kept run as people see it: its events with handles by name, and what they say of each block.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Result;
use blueprint_engine::shown;
use blueprint_model::{
    Event, EventKind, Journal, Secrets, Wish,
    event::{At, CancelReason, RunError},
    journal::History,
    value::Shared,
};
use jiff::Timestamp;

use crate::{
    project::Project,
    store::{self, Pinned},
};

/// A kept run.
pub struct Kept {
    /// As it is kept.
    pub history: History,
    /// Its events as they are shown.
    pub events: Vec<Event>,
    /// Its handles.
    pub secrets: Secrets,
}

/// A block of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its path.
    pub path: String,
    /// The number of its first event.
    pub first: u64,
    /// When that was.
    pub since: Timestamp,
    /// The last attempt that began or failed.
    pub attempt: u32,
    /// Attempts that failed and were followed by another.
    pub failed: Vec<FailedAttempt>,
    /// What it waits for.
    pub wish: Option<Wish>,
    /// How it ended.
    pub end: Option<End>,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempt {
    /// Which.
    pub attempt: u32,
    /// The outcome it would have ended with.
    pub outcome: String,
    /// Why.
    pub message: String,
    /// When it failed.
    pub time: Timestamp,
}

/// How a block ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// With an outcome.
    With {
        /// The outcome.
        outcome: String,
        /// The result.
        result: Shared,
        /// Why, on an error-like outcome.
        message: Option<String>,
        /// How long it took, in microseconds.
        duration_us: u64,
    },
    /// Skipped, because of this edge.
    Skipped(String),
    /// Cancelled.
    Cancelled(CancelReason),
}

impl Kept {
    /// Reads the run that a person named.
    ///
    /// # Errors
    ///
    /// Returns a failure if there is no such run, or what is kept of it is damaged.
    pub async fn read(journal: &dyn Journal, typed: &str) -> Result<Self> {
        Ok(Self::of(store::read(journal, typed).await?))
    }

    /// Returns a run as it is shown.
    pub fn of(history: History) -> Self {
        let secrets = store::handles(&history);
        let events = history.events.iter().map(|event| shown(event.clone(), &secrets)).collect();
        Self { history, events, secrets }
    }

    /// Returns the name of its file; that it was kept with.
    pub fn file(&self) -> &str {
        self.history.record.sources.first().map_or("", |source| source.file.as_str())
    }

    /// Returns its blueprints; `None` where this version of the program finds a fault in them.
    pub fn pinned(&self, project: &Project) -> Option<Pinned> {
        store::pinned(&self.history.record, &project.registry().ok()?).ok()
    }

    /// Returns its inputs.
    pub fn inputs(&self) -> Shared {
        match self.events.first().map(|event| &event.kind) {
            Some(EventKind::RunStarted { inputs, .. }) => inputs.clone(),
            _ => Shared::default(),
        }
    }

    /// Returns its value and its error, once it has ended.
    pub fn ending(&self) -> Option<(&Shared, Option<&RunError>)> {
        match &self.events.last()?.kind {
            EventKind::RunFinished { value, error, .. } => Some((value, error.as_ref())),
            _ => None,
        }
    }

    /// Returns how often it was resumed.
    pub fn resumed(&self) -> usize {
        self.events.iter().filter(|it| matches!(it.kind, EventKind::RunResumed { .. })).count()
    }

    /// Returns the run of which it is a retry.
    pub fn retry_of(&self) -> Option<&str> {
        self.history.record.setup.get("retry_of")?.as_str()
    }
}

/// Returns the blocks that have an event, in the order in which they got their first.
pub fn entries(events: &[Event]) -> Vec<Entry> {
    let mut places: BTreeMap<At, usize> = BTreeMap::new();
    let mut entries: Vec<Entry> = Vec::new();
    for event in events {
        let Some((at, block)) = event.kind.block() else { continue };
        let place = *places.entry(at).or_insert_with(|| {
            entries.push(Entry {
                path: block.to_string(),
                first: event.seq,
                since: event.time,
                attempt: 0,
                failed: Vec::new(),
                wish: None,
                end: None,
            });
            entries.len() - 1
        });
        take(&mut entries[place], event);
    }
    entries
}

fn take(entry: &mut Entry, event: &Event) {
    match &event.kind {
        EventKind::BlockStarted { attempt, .. } => {
            entry.attempt = *attempt;
            entry.wish = None;
        }
        EventKind::AttemptFailed { attempt, outcome, message, .. } => {
            entry.attempt = *attempt;
            entry.wish = None;
            let (outcome, message) = (outcome.to_string(), message.clone());
            let failed = FailedAttempt { attempt: *attempt, outcome, message, time: event.time };
            entry.failed.push(failed);
        }
        EventKind::BlockWaiting { wish, .. } => entry.wish = Some(wish.clone()),
        EventKind::BlockFinished { outcome, result, message, duration_us, attempt, .. } => {
            entry.attempt = *attempt;
            entry.end = Some(End::With {
                outcome: outcome.to_string(),
                result: Arc::clone(result),
                message: message.clone(),
                duration_us: *duration_us,
            });
        }
        EventKind::BlockSkipped { edge, .. } => entry.end = Some(End::Skipped(edge.clone())),
        EventKind::BlockCancelled { reason, .. } => entry.end = Some(End::Cancelled(*reason)),
        EventKind::RunStarted { .. }
        | EventKind::AnswerReceived { .. }
        | EventKind::StateChanged { .. }
        | EventKind::SecretUsed { .. }
        | EventKind::SecretDerived { .. }
        | EventKind::Log { .. }
        | EventKind::RunResumed { .. }
        | EventKind::CancelRequested { .. }
        | EventKind::RunFinished { .. } => {}
    }
}
