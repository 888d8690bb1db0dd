//! Ends the process of a run after each of its events, as the journal sees it, and goes on.
//!
//! What a run does depends on the events so far and on nothing else, so it must end the same. An
//! attempt that was in flight is made again: what it had already told (uses of secrets, lines of the
//! log) does not count, and a request that had no answer yet is as good as never sent.

use std::{collections::BTreeMap, sync::Arc};

use blueprint_engine::{Clock, Engine, Ids, Rebuilt};
use blueprint_journal::MemoryJournal;
use blueprint_model::{
    Diagnostic, Event, EventKind, Journal, RunRecord, Value,
    block::Wish,
    event::At,
    journal::{Letter, QuestionFilter},
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    case::Case,
    run::{self, CheckedCase, Prepared, Ran, Way},
    secrets,
    server::Server,
    trace,
};

/// Runs a case, then ends it after each number of events that `pick` chooses from all it has, and
/// resumes it. Returns how often it was ended.
///
/// # Errors
///
/// Returns the first difference between the traces.
///
/// # Panics
///
/// Panics if one of the runs does not end as every run must.
pub fn crash_anywhere(
    case: &CheckedCase,
    pick: impl Fn(usize) -> Vec<usize>,
) -> Result<usize, String> {
    if case.checked.diagnostics.iter().any(Diagnostic::is_error) {
        return Ok(0);
    }
    let case = &case.case;
    let runtime = Way::OneThread.runtime();
    let result = runtime.block_on(async {
        let server = Server::start().await.expect("a port");
        let prepared = run::prepare(case, Way::OneThread);
        let Ok((whole, history)) = run::play(case, &prepared, server.address).await else {
            return Ok(0);
        };
        let expected = trace::of_run(&whole);
        let crashes = pick(whole.journal.len());
        for after in &crashes {
            let seen =
                trace::of_run(&resume(case, &prepared, &whole, &history.record, *after).await);
            if seen != expected {
                return Err(difference(&whole, *after, &expected, &seen));
            }
        }
        Ok(crashes.len())
    });
    runtime.shutdown_background();
    result
}

fn difference(whole: &Ran, after: usize, expected: &str, seen: &str) -> String {
    let last = &whole.journal[after - 1].kind;
    let block = last.block().map_or(String::new(), |(_, block)| format!(" of `{block}`"));
    let place = format!("after event {after}, {}{block}", last.name());
    format!("ended {place}, it goes on otherwise\n--- whole\n{expected}--- resumed\n{seen}---")
}

/// Goes on with the run after so many events, to its end.
async fn resume(
    case: &Case,
    prepared: &Prepared,
    whole: &Ran,
    record: &RunRecord,
    after: usize,
) -> Ran {
    let id = &whole.end.run;
    let server = Server::after(&answered(&whole.journal, after)).await.expect("a port");
    let delay = Clock::System.now().duration_since(whole.journal[after - 1].time);
    let later = Later(delay);
    let journal = Arc::new(MemoryJournal::keeping());
    let events = whole.journal[..after].iter().map(|event| later.event(event)).collect();
    journal.put(id, later.record(record), events);
    write(case, &journal, whole, after).await;
    let limits = case.limits(server.address);
    let engine = Engine::new(journal.clone(), Clock::System, Ids::counted(), limits);
    let rebuild = |record: &RunRecord| -> Result<Rebuilt, String> {
        let secrets = match &record.handles {
            None => blueprint_model::Secrets::none(),
            Some(handles) => secrets::reload(&prepared.needs, &case.vault, handles)
                .map_err(|err| err.to_string())?,
        };
        let (plan, library) = (prepared.plan.clone(), prepared.library.clone());
        Ok(Rebuilt { plan, library, secrets, env: prepared.env.clone() })
    };
    let handle = engine.resume(id, rebuild).await.expect("nobody works on it");
    let ran = run::watch(handle, &*journal, case).await;
    let mut seen = without_work_in_flight(whole, after);
    seen.extend(ran.events);
    Ran { events: seen, ..ran }
}

/// Leaves the letters that the run had not taken in.
async fn write(case: &Case, journal: &MemoryJournal, whole: &Ran, after: usize) {
    let id = &whole.end.run;
    let events = &whole.journal[..after];
    let is_cancelled =
        events.iter().any(|event| matches!(event.kind, EventKind::CancelRequested { .. }));
    let is_signalled = events.iter().any(|event| run::is_signal(event, &case.cancel));
    if is_signalled && !is_cancelled {
        journal.post(id, &Letter::Cancel).await.expect("memory");
    }
    let open = journal.questions(&QuestionFilter::default()).await.expect("memory");
    for open in open {
        run::answer(case, journal, id, (open.at, &open.block, &open.question)).await;
    }
}

/// What people saw of the run before, without what an attempt told that is made again.
fn without_work_in_flight(whole: &Ran, after: usize) -> Vec<Arc<Event>> {
    let is_told = |place: usize, at: At| {
        let later = whole.journal[place + 1..].iter().zip(place + 1..);
        let mut own = later.filter(|(event, _)| event.kind.block().is_some_and(|(it, _)| it == at));
        let ending = own.find(|(event, _)| !is_note(&event.kind));
        // What a block told when it was stopped is not told again, since it is not started again.
        ending.is_some_and(|(event, place)| {
            place < after || matches!(event.kind, EventKind::BlockCancelled { .. })
        })
    };
    let seen = whole.events[..after].iter().enumerate();
    seen.filter(|(place, event)| match event.kind.block() {
        Some((at, _)) if is_note(&event.kind) => is_told(*place, at),
        Some(_) | None => true,
    })
    .map(|(_, event)| event.clone())
    .collect()
}

fn is_note(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::StateChanged { .. }
            | EventKind::SecretUsed { .. }
            | EventKind::SecretDerived { .. }
            | EventKind::Log { .. }
    )
}

/// How often the server had answered each path.
fn answered(journal: &[Event], after: usize) -> BTreeMap<String, u32> {
    let mut paths: BTreeMap<At, String> = BTreeMap::new();
    for event in journal {
        if let EventKind::BlockFinished { at, result, .. } = &event.kind
            && let Some(path) = path_of(result)
        {
            paths.insert(*at, path);
        }
    }
    let mut answered: BTreeMap<String, u32> = BTreeMap::new();
    for event in &journal[..after] {
        let ends =
            matches!(event.kind, EventKind::AttemptFailed { .. } | EventKind::BlockFinished { .. });
        if let Some((at, _)) = event.kind.block().filter(|_| ends)
            && let Some(path) = paths.get(&at)
        {
            *answered.entry(path.clone()).or_default() += 1;
        }
    }
    answered
}

fn path_of(result: &Value) -> Option<String> {
    let url = result.get("request")?.get("url")?.as_str()?;
    let (_, rest) = url.split_once("://")?;
    let path = rest.find('/').map_or("/", |at| &rest[at..]);
    Some(path.split('?').next().unwrap_or(path).to_owned())
}

/// Moves times, as if the process had ended just now.
struct Later(SignedDuration);

impl Later {
    fn time(&self, time: &mut Timestamp) {
        *time = time.checked_add(self.0).expect("a time of this century");
    }

    fn record(&self, record: &RunRecord) -> RunRecord {
        let mut record = record.clone();
        self.time(&mut record.started);
        record.deadline.iter_mut().for_each(|deadline| self.time(deadline));
        record
    }

    fn event(&self, event: &Event) -> Event {
        let mut event = event.clone();
        self.time(&mut event.time);
        match &mut event.kind {
            EventKind::AttemptFailed { retry_at, .. } => self.time(retry_at),
            EventKind::BlockWaiting { wish, .. } => match wish {
                Wish::Sleep { until } => self.time(until),
                Wish::Round { not_before, .. } => {
                    not_before.iter_mut().for_each(|time| self.time(time));
                }
                Wish::Answer(question) => {
                    question.until.iter_mut().for_each(|time| self.time(time));
                }
                Wish::Items(_) | Wish::Call { .. } => {}
            },
            EventKind::RunStarted { .. }
            | EventKind::BlockStarted { .. }
            | EventKind::AnswerReceived { .. }
            | EventKind::StateChanged { .. }
            | EventKind::SecretUsed { .. }
            | EventKind::SecretDerived { .. }
            | EventKind::Log { .. }
            | EventKind::BlockFinished { .. }
            | EventKind::BlockSkipped { .. }
            | EventKind::BlockCancelled { .. }
            | EventKind::RunResumed { .. }
            | EventKind::CancelRequested { .. }
            | EventKind::RunFinished { .. } => {}
        }
        event
    }
}
