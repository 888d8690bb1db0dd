//! Leases that are held here: how far each run has come, who waits, and where its letters go.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use blueprint_model::{
    Event, EventKind, JournalError, RunId,
    block::Wish,
    event::{At, RunStatus},
    journal::{Lease, Mailbox, Phase},
};
use tokio::sync::oneshot;

use crate::sqlite::{
    queue::{Effect, Queue, Row},
    sum,
};

/// Locks for the table of leases; runs are spread over them.
const SHARDS: usize = 16;

/// The most events of a run: its numbers take half of an event's key.
const MAX_EVENTS: u64 = u32::MAX as u64;

type Waiter = oneshot::Sender<Result<(), JournalError>>;

/// A run on which this store works.
pub(super) struct Live {
    pub(super) lease: Lease,
    pub(super) mailbox: Mailbox,
    /// The last letter that went to the mailbox. Held while letters go, so that none goes twice.
    pub(super) seen: Mutex<i64>,
    /// The last batch that it was in; the writer's own.
    batch: AtomicU64,
    durable: AtomicU64,
    has_failed: AtomicBool,
    state: Mutex<State>,
}

struct State {
    chain: Chain,
    questions: BTreeSet<At>,
    is_finished: bool,
    failure: Option<JournalError>,
    waiters: Vec<(u64, Waiter)>,
}

/// The end of a run's events.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    pub(super) events: u64,
    pub(super) sum: u64,
}

/// How a wait for the disk begins.
pub(super) enum Wait {
    Over,
    For(oneshot::Receiver<Result<(), JournalError>>),
}

impl Live {
    pub(super) fn new(
        lease: Lease,
        mailbox: Mailbox,
        chain: Chain,
        questions: BTreeSet<At>,
    ) -> Self {
        Self {
            lease,
            mailbox,
            seen: Mutex::new(0),
            batch: AtomicU64::new(0),
            durable: AtomicU64::new(chain.events),
            has_failed: AtomicBool::new(false),
            state: Mutex::new(State {
                chain,
                questions,
                is_finished: false,
                failure: None,
                waiters: Vec::new(),
            }),
        }
    }

    /// Chains an event, whose body is encoded, and puts it in the queue.
    pub(super) fn push(
        self: Arc<Self>,
        queue: &Queue,
        event: &Event,
        body: Vec<u8>,
        blobs: Vec<Blob>,
    ) -> Result<(), JournalError> {
        let live = self.clone();
        let mut state = self.state();
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        let Chain { events, sum } = state.chain;
        if event.seq != events + 1 || event.seq > MAX_EVENTS {
            return Err(JournalError::Write(format!(
                "event {} of run {} cannot follow event {events}",
                event.seq, event.run
            )));
        }
        let (time, kind) = (event.time.as_microsecond(), event.kind.name());
        let sum = sum::next(sum, event.seq, time, kind, &body);
        state.chain = Chain { events: event.seq, sum };
        let effect = state.effect(&event.kind);
        queue.push(Row { live, seq: event.seq, time, kind, body, sum, blobs, effect })
    }

    /// Begins to wait until all events so far are durable.
    pub(super) fn wait(&self) -> Result<Wait, JournalError> {
        let mut state = self.state();
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        let last = state.chain.events;
        if self.durable() >= last {
            return Ok(Wait::Over);
        }
        let (waiter, waiting) = oneshot::channel();
        state.waiters.push((last, waiter));
        Ok(Wait::For(waiting))
    }

    /// Takes note that all events up to this one are durable.
    pub(super) fn settle(&self, seq: u64) {
        self.durable.store(seq, Ordering::Release);
        let mut state = self.state();
        for (_, waiter) in state.waiters.extract_if(.., |(last, _)| *last <= seq) {
            // Who no longer waits does not care.
            drop(waiter.send(Ok(())));
        }
    }

    /// Takes note that an event was lost: none after it can be taken.
    pub(super) fn fail(&self, failure: &JournalError) {
        self.has_failed.store(true, Ordering::Release);
        let mut state = self.state();
        state.failure.get_or_insert_with(|| failure.clone());
        for (_, waiter) in state.waiters.drain(..) {
            drop(waiter.send(Err(failure.clone())));
        }
    }

    /// Returns whether this batch is the first of which it is told.
    pub(super) fn enters(&self, batch: u64) -> bool {
        self.batch.swap(batch, Ordering::Relaxed) != batch
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    pub(super) fn failure(&self) -> Option<JournalError> {
        if self.has_failed() { self.state().failure.clone() } else { None }
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// Returns whether the run's last event was taken.
    pub(super) fn is_finished(&self) -> bool {
        self.state().is_finished
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns what an event changes beside the list of events.
    fn effect(&mut self, kind: &EventKind) -> Effect {
        match kind {
            EventKind::BlockWaiting { at, wish: Wish::Answer(question), .. } => {
                self.questions.insert(*at);
                Effect::Asked { at: *at, kind: question.kind, name: question.name.clone() }
            }
            EventKind::AnswerReceived { at, .. } => {
                self.questions.remove(at);
                Effect::Answered(*at)
            }
            EventKind::AttemptFailed { at, .. }
            | EventKind::BlockFinished { at, .. }
            | EventKind::BlockCancelled { at, .. }
                if self.questions.remove(at) =>
            {
                Effect::Closed(*at)
            }
            EventKind::CancelRequested { .. } => Effect::CancelTaken,
            EventKind::RunFinished { status, .. } => {
                self.is_finished = true;
                Effect::Ended(phase(*status))
            }
            EventKind::RunStarted { .. }
            | EventKind::BlockStarted { .. }
            | EventKind::AttemptFailed { .. }
            | EventKind::BlockWaiting { .. }
            | EventKind::StateChanged { .. }
            | EventKind::SecretUsed { .. }
            | EventKind::SecretDerived { .. }
            | EventKind::Log { .. }
            | EventKind::BlockFinished { .. }
            | EventKind::BlockSkipped { .. }
            | EventKind::BlockCancelled { .. }
            | EventKind::RunResumed { .. } => Effect::None,
        }
    }
}

fn phase(status: RunStatus) -> Phase {
    match status {
        RunStatus::Succeeded => Phase::Succeeded,
        RunStatus::Failed => Phase::Failed,
        RunStatus::Cancelled => Phase::Cancelled,
    }
}

/// The leases that are held here, by slot.
#[derive(Default)]
pub(super) struct Leases {
    shards: [RwLock<BTreeMap<u64, Arc<Live>>>; SHARDS],
    count: AtomicUsize,
}

impl Leases {
    /// Returns what a lease stands for; an error if it is no longer held.
    pub(super) fn find(&self, lease: &Lease) -> Result<Arc<Live>, JournalError> {
        match self.at(lease.slot) {
            Some(live) if live.lease == *lease => Ok(live),
            Some(_) | None => Err(JournalError::Fenced(lease.run.clone())),
        }
    }

    /// Returns the lease on the run in this slot.
    pub(super) fn at(&self, slot: u64) -> Option<Arc<Live>> {
        self.shard(slot).read().unwrap_or_else(PoisonError::into_inner).get(&slot).cloned()
    }

    pub(super) fn insert(&self, live: Live) {
        let slot = live.lease.slot;
        let mut shard = self.shard(slot).write().unwrap_or_else(PoisonError::into_inner);
        if shard.insert(slot, Arc::new(live)).is_none() {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn remove(&self, lease: &Lease) {
        let mut shard = self.shard(lease.slot).write().unwrap_or_else(PoisonError::into_inner);
        if shard.get(&lease.slot).is_some_and(|live| live.lease == *lease) {
            shard.remove(&lease.slot);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Returns every lease.
    pub(super) fn all(&self) -> Vec<Arc<Live>> {
        let shards = self.shards.iter();
        let held = |shard: &RwLock<BTreeMap<u64, Arc<Live>>>| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.values().cloned().collect::<Vec<_>>()
        };
        shards.flat_map(held).collect()
    }

    fn shard(&self, slot: u64) -> &RwLock<BTreeMap<u64, Arc<Live>>> {
        &self.shards[slot as usize % SHARDS]
    }
}

/// A large value, kept once under its hash.
pub(super) struct Blob {
    pub(super) hash: [u8; 32],
    pub(super) bytes: Vec<u8>,
}

/// Returns the run that an error about a lease names.
pub(super) fn fenced(run: &RunId) -> JournalError {
    JournalError::Fenced(run.clone())
}
