//! A journal in memory: for runs that nobody wants to resume, and for tests.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use blueprint_model::{
    Event, EventKind, Journal, JournalError, RunId, RunRecord, Value,
    block::Wish,
    event::RunStatus,
    journal::{
        Claimed, Due, Head, History, Lease, Letter, Mailbox, OpenQuestion, Opened, Phase, Posted,
        QuestionFilter, Rest, RunFilter, RunSummary,
    },
};
use jiff::Timestamp;

/// A journal that lives as long as the process, and keeps runs only where asked to.
#[derive(Default)]
pub struct MemoryJournal {
    runs: Option<Mutex<BTreeMap<RunId, Kept>>>,
    notes: Mutex<BTreeMap<String, Value>>,
}

struct Kept {
    record: RunRecord,
    events: Vec<Event>,
    fence: u64,
    /// Where letters go while somebody works on the run.
    mailbox: Option<Mailbox>,
    /// Those of which the run has not recorded what came of them.
    letters: Vec<Letter>,
    rest: Rest,
}

impl MemoryJournal {
    /// Returns a journal that forgets each event at once.
    pub fn forgetful() -> Self {
        Self { runs: None, notes: Mutex::default() }
    }

    /// Returns a journal that keeps every event.
    pub fn keeping() -> Self {
        Self { runs: Some(Mutex::default()), notes: Mutex::default() }
    }

    /// Puts a run in as if its process had ended after these events.
    pub fn put(&self, run: &RunId, record: RunRecord, events: Vec<Event>) {
        if let Some(mut runs) = self.runs() {
            runs.insert(run.clone(), Kept { events, ..Kept::new(record) });
        }
    }

    fn runs(&self) -> Option<MutexGuard<'_, BTreeMap<RunId, Kept>>> {
        self.runs.as_ref().map(|runs| runs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn named(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn new(record: RunRecord) -> Self {
        Self {
            record,
            events: Vec::new(),
            fence: 0,
            mailbox: None,
            letters: Vec::new(),
            rest: Rest::Abandoned,
        }
    }

    fn ended(&self) -> Option<(Phase, Timestamp)> {
        let last = self.events.last()?;
        let EventKind::RunFinished { status, .. } = &last.kind else { return None };
        let phase = match status {
            RunStatus::Succeeded => Phase::Succeeded,
            RunStatus::Failed => Phase::Failed,
            RunStatus::Cancelled => Phase::Cancelled,
        };
        Some((phase, last.time))
    }

    fn questions(&self, run: &RunId) -> Vec<OpenQuestion> {
        let mut open: Vec<OpenQuestion> = Vec::new();
        if self.ended().is_some() {
            return open;
        }
        for event in &self.events {
            let Some((at, block)) = event.kind.block() else { continue };
            match &event.kind {
                EventKind::BlockWaiting { wish: Wish::Answer(question), .. } => {
                    open.retain(|question| question.at != at);
                    open.push(OpenQuestion {
                        run: run.clone(),
                        blueprint: self.record.blueprint.clone(),
                        at,
                        block: block.clone(),
                        since: event.time,
                        question: question.clone(),
                    });
                }
                EventKind::AnswerReceived { .. }
                | EventKind::AttemptFailed { .. }
                | EventKind::BlockFinished { .. }
                | EventKind::BlockCancelled { .. } => open.retain(|question| question.at != at),
                _ => {}
            }
        }
        open
    }

    /// Drops the letters that have done their work once this is recorded.
    fn settle_letters(&mut self, kind: &EventKind) {
        match kind {
            EventKind::AnswerReceived { at, .. } => self
                .letters
                .retain(|letter| !matches!(letter, Letter::Answer { at: to, .. } if to == at)),
            EventKind::CancelRequested { .. } => {
                self.letters.retain(|letter| *letter != Letter::Cancel);
            }
            EventKind::RunFinished { .. } => self.letters.clear(),
            _ => {}
        }
    }

    fn summary(&self, run: &RunId) -> RunSummary {
        let ended = self.ended();
        let phase = match (ended, &self.mailbox) {
            (Some((phase, _)), _) => phase,
            (None, Some(_)) => Phase::Running,
            (None, None) if matches!(self.rest, Rest::Parked(_)) => Phase::Waiting,
            (None, None) => Phase::Interrupted,
        };
        RunSummary {
            run: run.clone(),
            blueprint: self.record.blueprint.clone(),
            trigger: self.record.trigger.clone(),
            phase,
            started: self.record.started,
            ended: ended.map(|(_, time)| time),
            wake: self.wake(),
            events: self.events.len() as u64,
        }
    }

    fn wake(&self) -> Option<Timestamp> {
        match self.rest {
            Rest::Parked(wake) => wake,
            Rest::Ended | Rest::Abandoned => None,
        }
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn open(
        &self,
        run: &RunId,
        record: &RunRecord,
        first: &Event,
        mailbox: Mailbox,
    ) -> Result<Opened, JournalError> {
        if let Some(mut runs) = self.runs() {
            let same = runs.iter().find_map(|(id, kept)| {
                let (mine, theirs) = (record.key.as_ref()?, kept.record.key.as_ref()?);
                let is_same = kept.record.blueprint == record.blueprint && mine.key == theirs.key;
                is_same.then(|| (id.clone(), mine.payload == theirs.payload))
            });
            match same {
                Some((id, true)) => return Ok(Opened::Known(id)),
                Some((id, false)) => return Ok(Opened::Conflict(id)),
                None => {}
            }
            let events = vec![first.clone()];
            let kept = Kept { mailbox: Some(mailbox), events, ..Kept::new(record.clone()) };
            runs.insert(run.clone(), kept);
        }
        Ok(Opened::New(Lease { run: run.clone(), slot: 0, fence: 0 }))
    }

    async fn claim(&self, run: &RunId, mailbox: Mailbox) -> Result<Claimed, JournalError> {
        let Some(mut runs) = self.runs() else { return Ok(Claimed::Unknown) };
        let Some(kept) = runs.get_mut(run) else { return Ok(Claimed::Unknown) };
        if kept.ended().is_some() {
            return Ok(Claimed::Ended);
        }
        if kept.mailbox.is_some() {
            return Ok(Claimed::Busy);
        }
        kept.fence += 1;
        kept.rest = Rest::Abandoned;
        kept.letters.iter().cloned().for_each(|letter| mailbox(letter));
        kept.mailbox = Some(mailbox);
        Ok(Claimed::Yes(Lease { run: run.clone(), slot: 0, fence: kept.fence }))
    }

    fn append(&self, lease: &Lease, event: &Event) -> Result<(), JournalError> {
        if let Some(mut runs) = self.runs()
            && let Some(kept) = runs.get_mut(&lease.run)
        {
            if kept.fence != lease.fence {
                return Err(JournalError::Fenced(lease.run.clone()));
            }
            kept.settle_letters(&event.kind);
            kept.events.push(event.clone());
        }
        Ok(())
    }

    async fn flush(&self, _lease: &Lease) -> Result<(), JournalError> {
        Ok(())
    }

    fn durable(&self, _lease: &Lease) -> u64 {
        u64::MAX
    }

    async fn release(&self, lease: Lease, rest: Rest) -> Result<(), JournalError> {
        if let Some(mut runs) = self.runs()
            && let Some(kept) = runs.get_mut(&lease.run)
        {
            if kept.fence != lease.fence {
                return Err(JournalError::Fenced(lease.run));
            }
            kept.mailbox = None;
            kept.rest = rest;
        }
        Ok(())
    }

    async fn read(&self, run: &RunId) -> Result<Option<History>, JournalError> {
        let Some(runs) = self.runs() else { return Ok(None) };
        Ok(runs.get(run).map(|kept| History {
            summary: kept.summary(run),
            record: kept.record.clone(),
            events: kept.events.clone(),
        }))
    }

    async fn head(&self, run: &RunId) -> Result<Option<Head>, JournalError> {
        let Some(runs) = self.runs() else { return Ok(None) };
        let head = |kept: &Kept| Head { summary: kept.summary(run), record: kept.record.clone() };
        Ok(runs.get(run).map(head))
    }

    async fn events(
        &self,
        run: &RunId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, JournalError> {
        let Some(runs) = self.runs() else { return Ok(Vec::new()) };
        let events = runs.get(run).map_or(&[][..], |kept| &kept.events);
        let begin = events.partition_point(|event| event.seq <= after);
        Ok(events[begin..].iter().take(limit).cloned().collect())
    }

    async fn list(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, JournalError> {
        let Some(runs) = self.runs() else { return Ok(Vec::new()) };
        let mut found: Vec<RunSummary> = runs
            .iter()
            .map(|(run, kept)| kept.summary(run))
            .filter(|summary| filter.passes(summary))
            .collect();
        if let Some(before) = &filter.before {
            let Some(kept) = runs.get(before) else { return Ok(Vec::new()) };
            let end = (kept.record.started, before);
            found.retain(|summary| (summary.started, &summary.run) < end);
        }
        found.sort_by(|a, b| (b.started, &b.run).cmp(&(a.started, &a.run)));
        found.truncate(filter.limit.unwrap_or(usize::MAX));
        Ok(found)
    }

    async fn questions(&self, filter: &QuestionFilter) -> Result<Vec<OpenQuestion>, JournalError> {
        let Some(runs) = self.runs() else { return Ok(Vec::new()) };
        let all = runs.iter().flat_map(|(run, kept)| kept.questions(run));
        let mut found: Vec<OpenQuestion> = all.filter(|it| filter.passes(it)).collect();
        found.sort_by_key(|question| question.since);
        Ok(found)
    }

    async fn post(&self, run: &RunId, letter: &Letter) -> Result<Posted, JournalError> {
        let Some(mut runs) = self.runs() else { return Ok(Posted::Unknown) };
        let Some(kept) = runs.get_mut(run) else { return Ok(Posted::Unknown) };
        if kept.ended().is_some() {
            return Ok(Posted::Ended);
        }
        kept.letters.push(letter.clone());
        let Some(mailbox) = &kept.mailbox else { return Ok(Posted::Kept) };
        mailbox(letter.clone());
        Ok(Posted::Delivered)
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Due, JournalError> {
        let Some(runs) = self.runs() else { return Ok(Due::default()) };
        let mut due = Due::default();
        for (run, kept) in runs.iter() {
            if kept.mailbox.is_some() || kept.ended().is_some() {
                continue;
            }
            let sleeps = kept.letters.is_empty() && matches!(kept.rest, Rest::Parked(_));
            match kept.wake() {
                Some(wake) if sleeps && wake > now => {
                    due.next = Some(due.next.map_or(wake, |next| next.min(wake)));
                }
                None if sleeps => {}
                Some(_) | None if due.runs.len() < limit => due.runs.push(run.clone()),
                Some(_) | None => {}
            }
        }
        Ok(due)
    }

    async fn remove(&self, runs: &[RunId]) -> Result<u64, JournalError> {
        let Some(mut kept) = self.runs() else { return Ok(0) };
        let before = kept.len();
        kept.retain(|run, kept| kept.ended().is_none() || !runs.contains(run));
        Ok((before - kept.len()) as u64)
    }

    async fn note(&self, name: &str) -> Result<Option<Value>, JournalError> {
        Ok(self.named().get(name).cloned())
    }

    async fn notes(&self, prefix: &str) -> Result<Vec<(String, Value)>, JournalError> {
        let notes = self.named();
        let from = notes.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        let found = from.take_while(|(name, _)| name.starts_with(prefix));
        Ok(found.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    async fn put_note(&self, name: &str, value: Option<&Value>) -> Result<(), JournalError> {
        let mut notes = self.named();
        match value {
            Some(value) => notes.insert(name.into(), value.clone()),
            None => notes.remove(name),
        };
        Ok(())
    }
}
