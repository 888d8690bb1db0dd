//! Where a run stands: a fold over its events that decides all and does nothing.
//!
//! [`RunState::apply`] takes a fact; [`RunState::next`] gives what is due because of the facts so
//! far. No clock, no I/O, no chance: the same events give the same decisions, in a live run, after a
//! crash, in a replay. Each event costs the edges it resolves and nothing more.
//!
//! The rules are those of `docs/semantics.md`; the numbers in comments are theirs.

mod edges;
mod nested;
mod scope;
mod winding;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use blueprint_model::{
    EventKind,
    block::{BodyEnd, Change, Granted, Wish},
    blueprint::OnResume,
    event::{At, CancelReason, Counts, RunError, RunStatus},
    id::BlockPath,
    value::Shared,
};
use jiff::Timestamp;

pub(crate) use self::scope::{Scope, Slot, Status};
use self::scope::{Wait, WaitKind};
use crate::{
    change,
    library::Library,
    plan::{Plan, Step},
};

/// What is due.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Start an attempt of a block.
    Start(At),
    /// Let a block go on with what came of its wish.
    Resume(At, Granted),
    /// Record that the time of a loop's next round has come.
    Open(At, Wish),
    /// Record that a block is skipped, because of this edge (`from.outcome`).
    Skip(At, String),
    /// Stop a block, or give it up before it starts.
    Cancel(At, CancelReason),
    /// End a block whose own deadline passed while its body ran.
    Expire(At),
    /// End a block that was in flight when the last process ended, and must not run twice.
    Interrupt(At),
    /// End the run.
    Finish,
}

/// Where a run stands.
pub struct RunState {
    library: Arc<Library>,
    plan: Arc<Plan>,
    max_depth: usize,
    scopes: Vec<Option<Box<Scope>>>,
    cells: Vec<Cell>,
    queue: VecDeque<Due>,
    starts: VecDeque<At>,
    timers: BTreeSet<(Timestamp, At, Timer)>,
    /// The blocks' own deadlines.
    deadlines: BTreeSet<(Timestamp, At)>,
    counts: Counts,
    cancel: Option<CancelReason>,
    is_over: bool,
    running: usize,
}

/// A state: of the run, or of a called blueprint.
struct Cell {
    value: Shared,
    version: u64,
}

/// What may be due; judged again when taken, since events may have overtaken it.
#[derive(Debug, Clone)]
enum Due {
    Resume(At),
    Open(At),
    Skip(At, u32),
    Cancel(At, CancelReason),
    Expire(At),
    Interrupt(At),
    Finish,
}

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Retry,
    Sleep,
    Round,
}

impl RunState {
    /// Returns the state of a run of `plan` before its first event. `library` holds the blueprints
    /// it may call, `max_depth` bounds their nesting.
    pub fn new(plan: Arc<Plan>, library: Arc<Library>, max_depth: usize) -> Self {
        Self {
            library,
            plan,
            max_depth,
            scopes: Vec::new(),
            cells: Vec::new(),
            queue: VecDeque::new(),
            starts: VecDeque::new(),
            timers: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            counts: Counts::default(),
            cancel: None,
            is_over: false,
            running: 0,
        }
    }

    /// Takes a fact.
    pub fn apply(&mut self, event: &EventKind, time: Timestamp) {
        // That a block's deadline has passed is no event: every event from then on tells it.
        self.ring_deadlines(time);
        match event {
            EventKind::RunStarted { inputs, payload, .. } => self.begin(inputs, payload),
            EventKind::BlockStarted { at, attempt, .. } => self.started(*at, *attempt, time),
            EventKind::AttemptFailed { at, attempt, retry_at, .. } => {
                self.will_retry(*at, *attempt, *retry_at);
            }
            EventKind::BlockWaiting { at, wish, .. } => self.waiting(*at, wish, time),
            EventKind::AnswerReceived { at, answer, .. } => {
                self.answered(*at, Some(answer.clone()));
            }
            EventKind::StateChanged { at, changes, .. } => {
                self.slot_mut(*at).staged = Some(changes.clone());
            }
            EventKind::BlockFinished { at, outcome, result, message, is_return, .. } => {
                self.finished(*at, outcome, result, message.as_deref(), *is_return);
            }
            EventKind::BlockSkipped { at, .. } => {
                self.counts.skipped += 1;
                self.end(*at, Status::Skipped);
            }
            EventKind::BlockCancelled { at, .. } => {
                self.counts.cancelled += 1;
                self.end(*at, Status::Cancelled);
            }
            EventKind::CancelRequested { reason } => self.cancel_all(*reason),
            EventKind::RunResumed { .. } => self.recover(),
            EventKind::RunFinished { .. } => self.is_over = true,
            EventKind::SecretUsed { .. }
            | EventKind::SecretDerived { .. }
            | EventKind::Log { .. } => {}
        }
    }

    /// Returns what is due next, or `None` until another event or timer.
    ///
    /// With `may_start` false, starts stay in the queue: the run has as many blocks at work as it
    /// may have. What is taken is not given again.
    pub fn next(&mut self, may_start: bool) -> Option<Command> {
        while let Some(due) = self.queue.pop_front() {
            if let Some(command) = self.judge(&due) {
                return Some(command);
            }
        }
        while let Some(at) = self.starts.pop_front_if(|_| may_start) {
            if self.may_start(at) {
                return Some(Command::Start(at));
            }
        }
        None
    }

    /// Returns when the next timer is due.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let timer = self.timers.first().map(|(time, ..)| *time);
        let deadline = self.deadlines.first().map(|(time, _)| *time);
        [timer, deadline].into_iter().flatten().min()
    }

    /// Takes every timer that is due at `now`.
    pub fn wake(&mut self, now: Timestamp) {
        while let Some((_, at, timer)) =
            self.timers.first().copied().filter(|(time, ..)| *time <= now)
        {
            self.timers.pop_first();
            if self.is_open(at) {
                self.ring(at, timer);
            }
        }
        self.ring_deadlines(now);
    }

    fn ring_deadlines(&mut self, now: Timestamp) {
        while let Some((time, at)) =
            self.deadlines.first().copied().filter(|(time, _)| *time <= now)
        {
            self.deadlines.pop_first();
            if self.is_open(at) {
                self.expire(at, time);
            }
        }
    }

    /// Rings a block's timers although their time has not come: that of its own deadline, or the
    /// others.
    pub(crate) fn ring_early(&mut self, at: At, is_deadline: bool) {
        if is_deadline {
            let own = self.deadlines.iter().filter(|(_, other)| *other == at);
            for (time, at) in own.copied().collect::<Vec<_>>() {
                self.deadlines.remove(&(time, at));
                self.expire(at, time);
            }
            return;
        }
        let own = self.timers.iter().filter(|(_, other, _)| *other == at);
        for (time, at, timer) in own.copied().collect::<Vec<_>>() {
            self.timers.remove(&(time, at, timer));
            self.ring(at, timer);
        }
    }

    /// Returns the changes of the state that take effect with this fact.
    pub(crate) fn staged(&self, event: &EventKind) -> Vec<Change> {
        match event {
            EventKind::BlockFinished { at, .. } => {
                self.slot(*at).staged.as_deref().map(<[Change]>::to_vec).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// Puts blocks that were in flight when the process ended back to where they start, or lets them
    /// fail where they must not run twice.
    fn recover(&mut self) {
        for scope in 0..self.scopes.len() {
            let Some(slots) = self.scopes[scope].as_ref().map(|scope| scope.slots.len()) else {
                continue;
            };
            for block in 0..slots {
                let at = at(scope, block);
                if self.slot(at).status != Status::Running {
                    continue;
                }
                match self.step(at).on_resume {
                    OnResume::Retry => {
                        self.slot_mut(at).attempt -= 1;
                        self.make_due(at);
                    }
                    OnResume::Fail => self.queue.push_back(Due::Interrupt(at)),
                }
            }
        }
    }

    /// Returns whether a block waits for an answer from outside.
    pub fn wants_answer(&self, at: At) -> bool {
        let scope = self.scopes.get(at.scope as usize).and_then(Option::as_deref);
        let slot = scope.and_then(|scope| scope.slots.get(at.block as usize));
        let wait = slot.and_then(|slot| slot.wait.as_deref());
        wait.is_some_and(|wait| {
            wait.cancelling.is_none() && matches!(wait.wish, WaitKind::Answer { answer: None })
        })
    }

    /// Returns whether the run has ended.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Returns how many blocks are at work.
    pub fn running(&self) -> usize {
        self.running
    }

    /// Returns how the run would end now: its status, value and error.
    pub fn verdict(&self) -> (RunStatus, Shared, Option<RunError>) {
        let Some(root) = self.scopes.first().and_then(Option::as_deref) else {
            return (RunStatus::Cancelled, Shared::default(), None);
        };
        match (&root.failure, self.cancel) {
            (Some(error), _) => (RunStatus::Failed, Shared::default(), Some(error.clone())),
            (None, Some(reason)) => {
                let error = (reason == CancelReason::Deadline).then(|| RunError {
                    block: String::new(),
                    outcome: "deadline".into(),
                    message: "the run's deadline passed".into(),
                });
                (RunStatus::Cancelled, Shared::default(), error)
            }
            (None, None) => (RunStatus::Succeeded, root.value(), None),
        }
    }

    /// Returns how many blocks ended in which way so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns why the run is being cancelled, if it is.
    pub fn cancel_reason(&self) -> Option<CancelReason> {
        self.cancel
    }

    /// Returns how many scopes were opened so far; those that are over count too.
    pub(crate) fn opened(&self) -> u32 {
        u32::try_from(self.scopes.len()).expect("the limits bound scopes")
    }

    /// Puts a block back that has not started, to start again.
    pub(crate) fn start_again(&mut self, at: At) {
        self.starts.push_back(at);
    }

    /// Returns a block as checked.
    pub(crate) fn step(&self, at: At) -> &Step {
        let scope = self.scope(at.scope);
        &scope.plan.graphs[scope.graph as usize].steps[at.block as usize]
    }

    /// Returns a block's name in the run.
    pub(crate) fn path(&self, at: At) -> BlockPath {
        BlockPath { scope: self.scope(at.scope).prefix.clone(), id: self.step(at).id.clone() }
    }

    pub(crate) fn scope(&self, scope: u32) -> &Scope {
        self.scopes[scope as usize]
            .as_deref()
            .expect("an open scope: its blocks have not all ended")
    }

    pub(crate) fn slot(&self, at: At) -> &Slot {
        &self.scope(at.scope).slots[at.block as usize]
    }

    /// Returns the state that a scope's blocks see, and its version.
    pub(crate) fn state_of(&self, scope: u32) -> (&Shared, u64) {
        let cell = &self.cells[self.scope(scope).cell as usize];
        (&cell.value, cell.version)
    }

    fn scope_mut(&mut self, scope: u32) -> &mut Scope {
        self.scopes[scope as usize]
            .as_deref_mut()
            .expect("an open scope: its blocks have not all ended")
    }

    fn slot_mut(&mut self, at: At) -> &mut Slot {
        &mut self.scope_mut(at.scope).slots[at.block as usize]
    }

    fn begin(&mut self, inputs: &Shared, payload: &Shared) {
        let plan = self.plan.clone();
        self.cells.push(Cell { value: plan.state.clone(), version: 0 });
        let scope = Scope::root(plan, inputs.clone(), payload.clone());
        self.open(scope);
    }

    fn started(&mut self, at: At, attempt: u32, time: Timestamp) {
        let slot = self.slot_mut(at);
        slot.attempt = attempt;
        slot.staged = None;
        slot.started.get_or_insert(time);
        self.set_status(at, Status::Running);
    }

    fn will_retry(&mut self, at: At, attempt: u32, retry_at: Timestamp) {
        let slot = self.slot_mut(at);
        slot.staged = None;
        slot.wait = None;
        slot.attempt = attempt;
        self.set_status(at, Status::Retrying);
        self.timers.insert((retry_at, at, Timer::Retry));
    }

    fn set_status(&mut self, at: At, status: Status) {
        let was = std::mem::replace(&mut self.slot_mut(at).status, status);
        self.running += usize::from(status == Status::Running);
        self.running -= usize::from(was == Status::Running);
    }

    fn commit(&mut self, at: At) {
        let Some(changes) = self.slot_mut(at).staged.take() else { return };
        let cell = self.scope(at.scope).cell as usize;
        let cell = &mut self.cells[cell];
        cell.version += 1;
        let state = Arc::make_mut(&mut cell.value);
        for change in changes.iter() {
            change::apply(state, change);
        }
    }

    fn judge(&mut self, due: &Due) -> Option<Command> {
        match due {
            Due::Resume(at) => self.granted(*at).map(|granted| Command::Resume(*at, granted)),
            Due::Open(at) => self.round_of(*at).map(|wish| Command::Open(*at, wish)),
            Due::Skip(at, edge) => {
                let is_open = self.is_open(*at) && self.slot(*at).status == Status::Pending;
                (is_open && !self.is_given_up(*at))
                    .then(|| Command::Skip(*at, self.edge_name(*at, *edge)))
            }
            Due::Cancel(at, reason) => self.is_open(*at).then_some(Command::Cancel(*at, *reason)),
            Due::Expire(at) => {
                let is_expired = self.is_open(*at)
                    && self.slot(*at).wait.as_deref().is_some_and(|wait| wait.is_expired);
                is_expired.then_some(Command::Expire(*at))
            }
            Due::Interrupt(at) => {
                let is_in_flight = self.is_open(*at) && self.slot(*at).status == Status::Running;
                is_in_flight.then_some(Command::Interrupt(*at))
            }
            Due::Finish => (!self.is_over).then_some(Command::Finish),
        }
    }

    pub(crate) fn may_start(&self, at: At) -> bool {
        self.is_open(at) && self.slot(at).status == Status::Due && !self.is_given_up(at)
    }

    /// Returns whether the block has not ended.
    pub(crate) fn is_open(&self, at: At) -> bool {
        let scope = self.scopes[at.scope as usize].as_deref();
        scope.is_some_and(|scope| !scope.slots[at.block as usize].status.is_ended())
    }

    fn ring(&mut self, at: At, timer: Timer) {
        match timer {
            Timer::Retry if self.slot(at).status == Status::Retrying => self.make_due(at),
            Timer::Sleep => self.woken(at),
            // Opening it is a fact, so that the events alone tell which scopes there are.
            Timer::Round => self.queue.push_back(Due::Open(at)),
            Timer::Retry => {}
        }
    }
}

fn at(scope: usize, block: usize) -> At {
    let narrow =
        |n: usize| u32::try_from(n).expect("the plan bounds blocks, the limits bound items");
    At { scope: narrow(scope), block: narrow(block) }
}

/// How a nested graph ended, as its scope says it.
fn body_end(scope: &Scope) -> BodyEnd {
    match &scope.failure {
        Some(error) => {
            BodyEnd::Failed { block: error.block.clone(), message: error.message.clone() }
        }
        None => BodyEnd::Value(scope.value()),
    }
}
