//! The loop of a run: takes what is due, lets blocks work, records what came of it.
//!
//! One task per run owns the state. `record` is the only door: an event goes to the journal, is
//! applied, and is published, in that order. What goes outside waits until all before it is durable.

mod work;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use blueprint_model::{
    Event, EventKind, Inputs, Journal, JournalError, Limits, RunId, Secrets, Value,
    block::{Granted, RunFacts},
    event::{At, CancelReason},
    value::Shared,
};
use jiff::Timestamp;
use tokio::{
    sync::mpsc,
    task::{Id, JoinError, JoinSet},
};

use self::work::{AtWork, Worked};
use crate::{
    clock::{Clock, Ids},
    handle::{RunEnd, RunHandle, Stop},
    library::Library,
    plan::Plan,
    resolve::Surroundings,
    state::{Command, RunState},
    view,
};

/// After this many commands a run lets others have a turn and looks whether it shall stop.
const TURNS: usize = 64;

/// What runs share in a process. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    journal: Arc<dyn Journal>,
    clock: Clock,
    ids: Ids,
    limits: Arc<Limits>,
}

/// What a run starts with.
pub struct StartRun {
    /// The blueprint.
    pub plan: Arc<Plan>,
    /// The blueprints that it may call.
    pub library: Arc<Library>,
    /// The inputs as given: an object.
    pub inputs: Value,
    /// What the trigger brought.
    pub payload: Value,
    /// The secrets it mentions.
    pub secrets: Secrets,
    /// The process variables it may see.
    pub env: Arc<BTreeMap<String, String>>,
    /// A deadline that stands above the blueprint's own.
    pub timeout: Option<Duration>,
}

/// Why a run could not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The inputs do not fit; everything that is wrong with them.
    #[error("{}", .0.join("\n"))]
    Inputs(Vec<String>),
}

impl Engine {
    /// Returns an engine over a journal.
    pub fn new(journal: Arc<dyn Journal>, clock: Clock, ids: Ids, limits: Limits) -> Self {
        Self { journal, clock, ids, limits: Arc::new(limits) }
    }

    /// Starts a run on the current runtime.
    pub fn start(&self, start: StartRun) -> Result<RunHandle, StartError> {
        let inputs = start.plan.inputs_from(&start.inputs).map_err(StartError::Inputs)?;
        let id = self.ids.run();
        let stop = Arc::new(Stop::default());
        let (sender, events) = mpsc::unbounded_channel();
        let started = self.clock.now();
        let facts =
            RunFacts { id: id.clone(), blueprint: start.plan.name.clone(), started_at: started };
        let timeout = [start.timeout, start.plan.timeout].into_iter().flatten().min();
        let run = Run {
            engine: self.clone(),
            state: RunState::new(start.plan.clone(), start.library, self.limits.depth),
            plan: start.plan,
            secrets: start.secrets,
            around: Surroundings {
                facts: Arc::new(facts),
                env: start.env,
                context: Shared::default(),
                session: Shared::default(),
            },
            id: id.clone(),
            seq: 0,
            started,
            deadline: timeout.and_then(|timeout| started.checked_add(timeout).ok()),
            stop: stop.clone(),
            events: sender,
            tasks: JoinSet::new(),
            at_work: BTreeMap::new(),
            held: BTreeMap::new(),
        };
        let mut task = JoinSet::new();
        task.spawn(run.drive(inputs, Arc::new(start.payload)));
        Ok(RunHandle { id, stop, events: Some(events), task })
    }
}

/// A run in motion.
struct Run {
    engine: Engine,
    state: RunState,
    plan: Arc<Plan>,
    secrets: Secrets,
    around: Surroundings,
    id: RunId,
    seq: u64,
    started: Timestamp,
    deadline: Option<Timestamp>,
    stop: Arc<Stop>,
    events: mpsc::UnboundedSender<Arc<Event>>,
    tasks: JoinSet<(At, Worked)>,
    at_work: BTreeMap<At, AtWork>,
    /// The inputs of blocks that wait, for when they go on.
    held: BTreeMap<At, Arc<Inputs>>,
}

impl Run {
    async fn drive(mut self, inputs: Shared, payload: Shared) -> Result<RunEnd, JournalError> {
        let blueprint = self.plan.name.clone();
        self.record(EventKind::RunStarted { blueprint, inputs, payload })?;
        loop {
            self.advance().await?;
            if self.state.is_over() {
                break;
            }
            self.wait().await?;
        }
        self.engine.journal.flush(&self.id).await?;
        let (status, value, error) = self.state.verdict();
        Ok(RunEnd {
            run: self.id,
            status,
            value: self.secrets.view(&value).map_or(value, Arc::new),
            error: error.map(|mut error| {
                view::show_error(&mut error, &self.secrets);
                error
            }),
            counts: self.state.counts(),
            duration_us: micros_between(self.started, self.engine.clock.now()),
            cancelled: self.state.cancel_reason(),
        })
    }

    /// The only door: durable, then applied, then published. Redaction has come before: effects are
    /// searched where they come in, and views hide handles.
    fn record(&mut self, kind: EventKind) -> Result<(), JournalError> {
        self.seq += 1;
        let event =
            Event { run: self.id.clone(), seq: self.seq, time: self.engine.clock.now(), kind };
        self.engine.journal.append(&self.id, &event)?;
        self.state.apply(&event.kind, event.time);
        if !self.events.is_closed() {
            // The receiver may go at any time; the run does not depend on being watched.
            drop(self.events.send(Arc::new(view::of(event, &self.secrets))));
        }
        Ok(())
    }

    async fn advance(&mut self) -> Result<(), JournalError> {
        let mut turns = 0;
        while let Some(command) = self.state.next(self.state.running() < self.plan.concurrency) {
            self.perform(command).await?;
            turns += 1;
            if turns % TURNS == 0 {
                tokio::task::yield_now().await;
                self.look_up()?;
            }
        }
        Ok(())
    }

    async fn perform(&mut self, command: Command) -> Result<(), JournalError> {
        match command {
            Command::Start(at) => self.start(at).await,
            Command::Resume(at, granted) => self.resume(at, granted).await,
            Command::Open(at, wish) => {
                let block = self.state.path(at);
                self.record(EventKind::BlockWaiting { at, block, wish })
            }
            Command::Skip(at, edge) => {
                let block = self.state.path(at);
                self.record(EventKind::BlockSkipped { at, block, edge })
            }
            Command::Cancel(at, reason) => {
                self.put_down(at)?;
                let block = self.state.path(at);
                self.record(EventKind::BlockCancelled { at, block, reason })
            }
            Command::Expire(at) => self.expire(at),
            Command::Finish => {
                let (status, value, error) = self.state.verdict();
                let counts = self.state.counts();
                let duration_us = micros_between(self.started, self.engine.clock.now());
                self.record(EventKind::RunFinished { status, value, error, counts, duration_us })
            }
        }
    }

    /// Waits until there is something to do.
    async fn wait(&mut self) -> Result<(), JournalError> {
        let now = self.engine.clock.now();
        let is_cancelling = self.state.cancel_reason().is_some();
        let deadline = self.deadline.filter(|_| !is_cancelling);
        let wake = [self.state.next_wake(), deadline].into_iter().flatten().min();
        let pause = wake.map(|wake| Duration::from_micros(micros_between(now, wake)));
        let stop = self.stop.clone();
        tokio::select! {
            biased;
            () = stop.wish.notified() => {}
            Some(joined) = self.tasks.join_next_with_id() => self.joined(joined)?,
            // A microsecond more, so that the time has really come.
            () = tokio::time::sleep(pause.unwrap_or_default() + Duration::from_micros(1)),
                if pause.is_some() => {}
            else => {}
        }
        self.look_up()
    }

    /// Looks whether somebody wants the run to stop, its time is up, or a timer rings.
    fn look_up(&mut self) -> Result<(), JournalError> {
        let now = self.engine.clock.now();
        if self.stop.take_wish() {
            self.cancel(CancelReason::Requested)?;
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.cancel(CancelReason::Deadline)?;
        }
        self.state.wake(now);
        while let Some(joined) = self.tasks.try_join_next_with_id() {
            self.joined(joined)?;
        }
        Ok(())
    }

    /// Takes what a task left, unless the block was put down before it could be stopped.
    fn joined(
        &mut self,
        joined: Result<(Id, (At, Worked)), JoinError>,
    ) -> Result<(), JournalError> {
        let Ok((id, (at, mut worked))) = joined else { return Ok(()) };
        if self.at_work.get(&at).is_none_or(|work| work.id() != id) {
            return Ok(());
        }
        if let Some(work) = self.at_work.remove(&at) {
            worked.notes.uses.extend(work.notes().uses);
        }
        self.worked(at, worked)
    }

    /// The time until the run's deadline, while it is in force.
    fn time_left(&self) -> Option<Duration> {
        let deadline = self.deadline.filter(|_| self.state.cancel_reason().is_none())?;
        Some(Duration::from_micros(micros_between(self.engine.clock.now(), deadline)))
    }

    fn cancel(&mut self, reason: CancelReason) -> Result<(), JournalError> {
        if self.state.cancel_reason().is_some() || self.state.is_over() {
            return Ok(());
        }
        self.record(EventKind::CancelRequested { reason })
    }

    async fn resume(&mut self, at: At, granted: Granted) -> Result<(), JournalError> {
        let inputs = self.held.remove(&at);
        self.go_on(at, inputs, Some(granted)).await
    }
}

fn micros_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_microsecond().saturating_sub(from.as_microsecond())).unwrap_or(0)
}
