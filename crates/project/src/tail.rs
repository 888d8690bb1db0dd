//! The events of a run as they come, whoever works on it: read from its store, shown as people see
//! them.

use blueprint_engine::shown;
use blueprint_model::{
    Event, EventKind, Journal, JournalError, RunId, Secrets,
    journal::{Head, RunRecord},
    secret::Derived,
};

use crate::earlier;

/// How many events are read at once.
const PAGE: usize = 500;

/// A place in the events of a run. What was not asked for yet is in the store, not in memory.
#[derive(Clone)]
pub struct Tail {
    run: RunId,
    handles: Secrets,
    after: u64,
}

impl Tail {
    /// Returns the place after event number `after` of a run, and the run; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be read.
    pub async fn open(
        journal: &dyn Journal,
        run: &RunId,
        after: u64,
    ) -> Result<Option<(Head, Self)>, JournalError> {
        let Some(head) = journal.head(run).await? else { return Ok(None) };
        let handles = handles_of(&head.record);
        let mut tail = Self { run: run.clone(), handles, after: 0 };
        // What was derived before stands in what comes after.
        while !tail.handles.is_empty() && tail.after < after {
            let limit = usize::try_from(after - tail.after).unwrap_or(PAGE).min(PAGE);
            if tail.next(journal, limit).await?.is_empty() {
                break;
            }
        }
        tail.after = after;
        Ok(Some((head, tail)))
    }

    /// Returns the next events that are there, at most `limit`.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be read.
    pub async fn next(
        &mut self,
        journal: &dyn Journal,
        limit: usize,
    ) -> Result<Vec<Event>, JournalError> {
        let events = journal.events(&self.run, self.after, limit).await?;
        if let Some(last) = events.last() {
            self.after = last.seq;
        }
        let show = |event: Event| {
            learn(&event, &self.handles);
            shown(event, &self.handles)
        };
        Ok(events.into_iter().map(show).collect())
    }

    /// Returns the number of the last event that was returned.
    pub fn after(&self) -> u64 {
        self.after
    }
}

/// Returns the handles of a run, with all that were made on the way; none if there is no such run.
///
/// # Errors
///
/// Returns an error if the store cannot be read.
pub async fn handles(journal: &dyn Journal, run: &RunId) -> Result<Secrets, JournalError> {
    let tail = Tail::open(journal, run, u64::MAX).await?;
    Ok(tail.map_or_else(Secrets::none, |(_, tail)| tail.handles))
}

/// Returns a run and its last event as it is shown; `None` if there is no such run. It reads no other
/// event, unless that one holds a handle that was made on the way.
///
/// # Errors
///
/// Returns an error if the store cannot be read.
pub async fn last(
    journal: &dyn Journal,
    run: &RunId,
) -> Result<Option<(Head, Option<Event>)>, JournalError> {
    let Some(head) = journal.head(run).await? else { return Ok(None) };
    let before = head.summary.events.saturating_sub(1);
    let Some(event) = journal.events(run, before, 1).await?.pop() else {
        return Ok(Some((head, None)));
    };
    let handles = handles_of(&head.record);
    if !has_unknown(&event, &handles) {
        return Ok(Some((head, Some(shown(event, &handles)))));
    }
    let Some((head, mut tail)) = Tail::open(journal, run, before).await? else { return Ok(None) };
    let event = tail.next(journal, 1).await?.pop();
    Ok(Some((head, event)))
}

/// Returns whether an event holds a handle of which is not known what it stands for.
fn has_unknown(event: &Event, handles: &Secrets) -> bool {
    let text = |text: &str| handles.has_unknown(&text.into());
    match &event.kind {
        EventKind::RunFinished { value, error, .. } => {
            handles.has_unknown(value)
                || error.as_ref().is_some_and(|error| text(&error.message) || text(&error.block))
        }
        // Others are the last only while a run is at work; they are shown with all that is known.
        _ => !handles.is_empty(),
    }
}

/// Returns the handles that a run began with, to show it: no value is behind them.
pub(crate) fn handles_of(record: &RunRecord) -> Secrets {
    let table = record.handles.as_ref();
    let secrets = table.map_or_else(Secrets::none, blueprint_vault::without_values);
    earlier::learn(&record.setup, &secrets);
    secrets
}

/// Lets a handle that a block made stand for what it stands for.
pub(crate) fn learn(event: &Event, secrets: &Secrets) {
    if let EventKind::SecretDerived { token, function, arguments, .. } = event.kind.clone() {
        secrets.learn(Derived { token, function, arguments });
    }
}
