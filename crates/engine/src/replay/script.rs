//! What a replay goes by: the facts of a recorded run, block by block, and whose turn is next.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use blueprint_model::{
    Event, EventKind,
    block::{Change, End, Wish},
    event::{At, CancelReason},
    id::BlockPath,
    value::Shared,
};
use jiff::Timestamp;

use super::Ended;

/// After every recorded fact: the turn of what the recorded run did not come to.
const LATE: u64 = u64::MAX;

/// The facts of a recorded run that a replay has not come to, and what it came to so far.
///
/// Everything gets its turn where the recorded run had it, so that races end as they did.
pub(crate) struct Script {
    facts: BTreeMap<String, VecDeque<Fact>>,
    cancels: BTreeMap<u64, CancelReason>,
    turns: BTreeSet<(u64, Option<At>)>,
    /// The turn that each block waits for: a later one takes the place of an earlier one.
    lined_up: BTreeMap<At, u64>,
    /// Whether the recorded run had ended: one that had not is followed as far as it came.
    is_whole: bool,
    time: Arc<AtomicI64>,
    /// How blocks ended in the replay, in order.
    pub ends: Vec<(BlockPath, Ended)>,
    /// Blocks that would have needed an answer which nobody recorded.
    pub unanswered: Vec<BlockPath>,
}

/// A recorded fact about a block.
struct Fact {
    seq: u64,
    time: Timestamp,
    kind: FactKind,
}

enum FactKind {
    /// It was at work from then on.
    Started,
    Waiting(Wish),
    Answered(Shared),
    /// An attempt ended, and with it, unless there was another one, the block.
    Worked {
        attempt: u32,
        end: End,
        is_last: bool,
    },
    /// It never came to an end of its own.
    Stopped,
}

/// What comes next.
pub(crate) enum Turn {
    /// A block goes on.
    Block(At),
    /// The run is cancelled.
    Cancel(CancelReason),
}

impl Script {
    /// Reads the events of a run. `time` is moved on to when things happened.
    pub(crate) fn new(events: &[Event], time: Arc<AtomicI64>) -> Self {
        let mut script = Self {
            facts: BTreeMap::new(),
            cancels: BTreeMap::new(),
            turns: BTreeSet::new(),
            lined_up: BTreeMap::new(),
            is_whole: false,
            time,
            ends: Vec::new(),
            unanswered: Vec::new(),
        };
        let mut staged: BTreeMap<At, Arc<[Change]>> = BTreeMap::new();
        for event in events {
            match &event.kind {
                EventKind::StateChanged { at, changes, .. } => {
                    staged.insert(*at, changes.clone());
                }
                EventKind::CancelRequested { reason } => {
                    script.cancels.insert(event.seq, *reason);
                    script.turns.insert((event.seq, None));
                }
                EventKind::RunFinished { .. } => script.is_whole = true,
                other => script.add(event, other, &mut staged),
            }
        }
        script
    }

    fn add(&mut self, event: &Event, kind: &EventKind, staged: &mut BTreeMap<At, Arc<[Change]>>) {
        let Some((at, block)) = kind.block() else { return };
        let kind = match kind {
            EventKind::BlockWaiting { wish, .. } => FactKind::Waiting(wish.clone()),
            EventKind::AnswerReceived { answer, .. } => FactKind::Answered(answer.clone()),
            EventKind::AttemptFailed { attempt, outcome, message, .. } => {
                let message = Some(message.clone());
                // That it was tried again says that it could pass.
                let outcome = outcome.to_string().into();
                let end = End { outcome, message, is_transient: true, ..End::default() };
                FactKind::Worked { attempt: *attempt, end, is_last: false }
            }
            EventKind::BlockFinished { attempt, outcome, result, message, is_return, .. } => {
                let end = End {
                    outcome: outcome.to_string().into(),
                    result: result.clone(),
                    message: message.clone(),
                    is_return: *is_return,
                    changes: staged.remove(&at).unwrap_or_default().to_vec(),
                    ..End::default()
                };
                FactKind::Worked { attempt: *attempt, end, is_last: true }
            }
            EventKind::BlockSkipped { .. } | EventKind::BlockCancelled { .. } => FactKind::Stopped,
            EventKind::BlockStarted { .. } => FactKind::Started,
            EventKind::StateChanged { .. }
            | EventKind::SecretUsed { .. }
            | EventKind::SecretDerived { .. }
            | EventKind::Log { .. }
            | EventKind::RunStarted { .. }
            | EventKind::RunResumed { .. }
            | EventKind::CancelRequested { .. }
            | EventKind::RunFinished { .. } => return,
        };
        let facts = self.facts.entry(block.to_string()).or_default();
        // Another process began the same attempt again.
        let is_again = matches!(kind, FactKind::Started)
            && facts.back().is_some_and(|last| matches!(last.kind, FactKind::Started));
        if !is_again {
            facts.push_back(Fact { seq: event.seq, time: event.time, kind });
        }
    }

    /// Lets a block wait for its turn: where its work had ended if its answer is taken from the
    /// record, else where anything was heard of it next.
    pub(crate) fn line_up(&mut self, at: At, block: &BlockPath, is_answered: bool) {
        let facts = self.facts.get(&block.to_string());
        let front = facts.and_then(VecDeque::front);
        let is_work = |fact: &&Fact| matches!(fact.kind, FactKind::Worked { .. });
        let next = match front.map(|fact| &fact.kind) {
            None | Some(FactKind::Stopped) => None,
            Some(FactKind::Started) => front,
            Some(_) if is_answered => facts.and_then(|facts| facts.iter().find(is_work)),
            Some(FactKind::Waiting(_) | FactKind::Answered(_) | FactKind::Worked { .. }) => front,
        };
        let seq = next.map_or(LATE, |fact| fact.seq);
        if let Some(before) = self.lined_up.insert(at, seq) {
            self.turns.remove(&(before, Some(at)));
        }
        self.turns.insert((seq, Some(at)));
    }

    /// Returns what comes next; the second says whether the recorded run did not come to it.
    pub(crate) fn next(&mut self) -> Option<(Turn, bool)> {
        let (seq, at) = self.turns.pop_first()?;
        if seq == LATE && !self.is_whole {
            return None;
        }
        let turn = match at {
            Some(at) => Turn::Block(at),
            None => Turn::Cancel(self.cancels.remove(&seq)?),
        };
        Some((turn, seq == LATE))
    }

    /// Returns why the recorded run was cancelled before the next thing that is heard of a block, if
    /// it was and the replay has not come to it.
    pub(crate) fn cancel_before(&mut self, block: &BlockPath) -> Option<CancelReason> {
        let next = self.facts.get(&block.to_string())?.front()?.seq;
        let first = self.cancels.first_entry().filter(|cancel| *cancel.key() < next)?;
        let (seq, reason) = first.remove_entry();
        self.turns.remove(&(seq, None));
        Some(reason)
    }

    /// Returns whether the next thing heard of a block is that it was at work.
    pub(crate) fn begins(&mut self, block: &BlockPath) -> bool {
        self.front(block).is_some_and(|fact| matches!(fact.kind, FactKind::Started))
    }

    /// Returns the answer that a block got from outside, if that is what comes next for it.
    pub(crate) fn answer(&mut self, block: &BlockPath) -> Option<Shared> {
        let fact = self.front(block)?;
        let FactKind::Answered(answer) = &fact.kind else { return None };
        Some(answer.clone())
    }

    /// Returns how an attempt of a block had ended.
    pub(crate) fn end_of(&mut self, block: &BlockPath, number: u32) -> Option<End> {
        let facts = self.facts.get_mut(&block.to_string())?;
        let fact = facts.iter().find(|fact| matches!(fact.kind, FactKind::Worked { .. }))?;
        let FactKind::Worked { attempt, end, .. } = &fact.kind else { return None };
        let end = (*attempt == number).then(|| end.clone())?;
        let time = fact.time;
        self.move_on(time);
        Some(end)
    }

    /// Returns how a block's attempt had ended, if that is what comes next for it.
    pub(crate) fn next_end(&mut self, block: &BlockPath) -> Option<&End> {
        match &self.front(block)?.kind {
            FactKind::Worked { end, .. } => Some(end),
            FactKind::Started
            | FactKind::Waiting(_)
            | FactKind::Answered(_)
            | FactKind::Stopped => None,
        }
    }

    /// Returns the wish with the times that it had: the clock is from outside too.
    pub(crate) fn as_recorded(&mut self, block: &BlockPath, wish: Wish) -> Wish {
        let recorded = match self.front(block).map(|fact| &fact.kind) {
            Some(FactKind::Waiting(recorded)) => recorded,
            Some(
                FactKind::Started
                | FactKind::Answered(_)
                | FactKind::Worked { .. }
                | FactKind::Stopped,
            )
            | None => return wish,
        };
        match (wish, recorded) {
            (Wish::Sleep { .. }, Wish::Sleep { until }) => Wish::Sleep { until: *until },
            (Wish::Answer(mut question), Wish::Answer(recorded)) => {
                question.until = recorded.until;
                Wish::Answer(question)
            }
            (wish, _) => wish,
        }
    }

    /// Takes note of what the replay records.
    pub(crate) fn note(&mut self, kind: &EventKind, changes: Vec<Change>) {
        let Some((at, block)) = kind.block() else { return };
        let ended = match kind {
            EventKind::BlockWaiting { .. } | EventKind::AnswerReceived { .. } => {
                self.pass(block, |fact| {
                    matches!(fact, FactKind::Waiting(_) | FactKind::Answered(_))
                });
                return self.line_up(at, &block.clone(), false);
            }
            EventKind::AttemptFailed { .. } => {
                self.pass_work(block);
                return self.line_up(at, &block.clone(), false);
            }
            EventKind::BlockFinished { outcome, result, message, .. } => Ended::Finished {
                outcome: outcome.to_string(),
                result: result.clone(),
                message: message.clone(),
                changes,
            },
            EventKind::BlockSkipped { .. } => Ended::Skipped,
            EventKind::BlockCancelled { .. } => Ended::Cancelled,
            EventKind::BlockStarted { .. } => {
                return self.pass(block, |fact| matches!(fact, FactKind::Started));
            }
            EventKind::StateChanged { .. }
            | EventKind::SecretUsed { .. }
            | EventKind::SecretDerived { .. }
            | EventKind::Log { .. }
            | EventKind::RunStarted { .. }
            | EventKind::RunResumed { .. }
            | EventKind::CancelRequested { .. }
            | EventKind::RunFinished { .. } => return,
        };
        self.pass_end(block);
        self.ends.push((block.clone(), ended));
    }

    /// Drops the next fact of a block if it is such a one.
    fn pass(&mut self, block: &BlockPath, is_it: impl Fn(&FactKind) -> bool) {
        if let Some(facts) = self.facts.get_mut(&block.to_string()) {
            facts.pop_front_if(|fact| is_it(&fact.kind));
        }
    }

    /// Drops the facts of a block up to the end of an attempt.
    fn pass_work(&mut self, block: &BlockPath) {
        let Some(facts) = self.facts.get_mut(&block.to_string()) else { return };
        let is_end = |fact: &Fact| matches!(fact.kind, FactKind::Worked { .. });
        if let Some(last) = facts.iter().position(is_end) {
            facts.drain(..=last);
        }
    }

    /// Drops the facts of a block up to its end.
    fn pass_end(&mut self, block: &BlockPath) {
        let Some(facts) = self.facts.get_mut(&block.to_string()) else { return };
        let is_end = |fact: &Fact| {
            matches!(fact.kind, FactKind::Stopped | FactKind::Worked { is_last: true, .. })
        };
        match facts.iter().position(is_end) {
            Some(last) => drop(facts.drain(..=last)),
            None => facts.clear(),
        }
    }

    /// Returns the next fact of a block, and moves the time on to it.
    fn front(&mut self, block: &BlockPath) -> Option<&Fact> {
        let time = self.facts.get(&block.to_string())?.front()?.time;
        self.move_on(time);
        self.facts.get(&block.to_string())?.front()
    }

    fn move_on(&self, time: Timestamp) {
        self.time.fetch_max(time.as_microsecond(), Ordering::Relaxed);
    }
}
