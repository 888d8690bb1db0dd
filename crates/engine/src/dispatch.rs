//! The loop of a run: takes what is due, lets blocks work, records what came of it.
//!
//! One task per run owns the state. `record` is the only door: an event is taken by the journal, then
//! applied, and published once it is durable. Blocks that touch nothing outside may run ahead of the
//! store, since they can be run again with the same result; what goes outside, and the end, wait
//! until all before is durable.

mod follow;
mod work;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use blueprint_model::{
    Event, EventKind, Inputs, Journal, JournalError, Limits, RunId, RunRecord, Secrets, Value,
    block::RunFacts,
    event::{At, CancelReason},
    journal::{Claimed, History, Lease, Mailbox, Opened, Rest, StartKey},
    secret::Derived,
    value::Shared,
};
use jiff::Timestamp;
use tokio::{
    sync::{Semaphore, mpsc},
    task::{Id, JoinError, JoinSet},
};

pub(crate) use self::follow::is_answered;
use self::work::{AtWork, Worked};
use crate::{
    clock::{Clock, Ids},
    handle::{Halt, RunEnd, RunHandle, Stop},
    library::Library,
    plan::Plan,
    replay::Script,
    resolve::Surroundings,
    state::{Command, RunState},
    view,
};

/// After this many commands a run lets others have a turn and looks whether it shall stop.
const TURNS: usize = 64;

/// After so many events that are not durable yet a run waits for the store.
const MAX_BEHIND: u64 = 4_096;

/// So many threads may wait for heavy scripts in other processes; there are fewer such processes.
const MOST_THREADS: usize = 64;

/// What runs share in a process. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    journal: Arc<dyn Journal>,
    clock: Clock,
    ids: Ids,
    limits: Arc<Limits>,
    parks_after: Option<Duration>,
    /// Room for threads that wait for scripts in other processes.
    threads: Arc<Semaphore>,
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
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a run comes from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Origin {
    /// What started it: `cli`, or the kind of a trigger.
    pub trigger: String,
    /// By which the one who started it knows it again: the same key gives the same run.
    pub key: Option<String>,
    /// What else it takes to set the run up again; kept with it and opaque here.
    pub setup: Value,
}

/// What a run that another process began goes on with: made from its record.
pub struct Rebuilt {
    /// The blueprint.
    pub plan: Arc<Plan>,
    /// The blueprints that it may call.
    pub library: Arc<Library>,
    /// The secrets it mentions, with its handles.
    pub secrets: Secrets,
    /// The process variables it may see.
    pub env: Arc<BTreeMap<String, String>>,
}

/// Why a run could not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The inputs do not fit; everything that is wrong with them.
    #[error("{}", .0.join("\n"))]
    Inputs(Vec<String>),
    /// A run with this key is there, and was asked to do the same.
    #[error("a run with this key is there: {0}")]
    Known(RunId),
    /// A run with this key is there, and was asked to do something else.
    #[error("run {0} has this key and was given something else")]
    Conflict(RunId),
    /// The store does not take it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Why a run could not be resumed; `E` is why it could not be set up again.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError<E> {
    /// There is no such run.
    #[error("there is no run {0}")]
    Unknown(RunId),
    /// Somebody works on it.
    #[error("another process works on run {0}")]
    Busy(RunId),
    /// It has ended.
    #[error("run {0} has ended")]
    Ended(RunId),
    /// What it needs is not there.
    #[error("{0}")]
    Setup(E),
    /// The store does not give it.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Engine {
    /// Returns an engine over a journal.
    pub fn new(journal: Arc<dyn Journal>, clock: Clock, ids: Ids, limits: Limits) -> Self {
        let (limits, threads) = (Arc::new(limits), Arc::new(Semaphore::new(MOST_THREADS)));
        Self { journal, clock, ids, limits, parks_after: None, threads }
    }

    /// Parks runs that have nothing to do for at least this long: they keep neither task nor memory
    /// until a [`Host`](crate::Host) goes on with them.
    #[must_use]
    pub fn parking(mut self, after: Duration) -> Self {
        self.parks_after = Some(after);
        self
    }

    /// Returns the store of its runs.
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }

    /// Returns the time by its clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Starts a run on the current runtime.
    pub async fn start(&self, start: StartRun) -> Result<RunHandle, StartError> {
        let inputs = start.plan.inputs_from(&start.inputs).map_err(StartError::Inputs)?;
        let (id, started) = (self.ids.run(), self.clock.now());
        let payload = Arc::new(start.payload);
        let timeout = [start.timeout, start.plan.timeout].into_iter().flatten().min();
        let record = RunRecord {
            blueprint: start.plan.name.clone(),
            trigger: start.origin.trigger,
            started,
            deadline: timeout.and_then(|timeout| started.checked_add(timeout).ok()),
            key: start.origin.key.map(|key| StartKey { key, payload: payload.clone() }),
            sources: start.library.sources(&start.plan),
            handles: start.secrets.handles(),
            setup: start.origin.setup,
        };
        let blueprint = record.blueprint.clone();
        let kind = EventKind::RunStarted { blueprint, inputs, payload };
        let first = Event { run: id.clone(), seq: 1, time: self.clock.now(), kind };
        let stop = Arc::new(Stop::default());
        let lease = match self.journal.open(&id, &record, &first, mailbox(&stop)).await? {
            Opened::New(lease) => lease,
            Opened::Known(run) => return Err(StartError::Known(run)),
            Opened::Conflict(run) => return Err(StartError::Conflict(run)),
        };
        let (plan, library) = (start.plan, start.library);
        let around = Around { secrets: start.secrets, env: start.env, stop };
        let (mut run, events) = self.run(lease, &record, plan, library, around);
        run.take(first);
        Ok(handle(run, events))
    }

    /// Goes on with a run that nobody works on, on the current runtime. What had finished does not
    /// run again; what was in flight does, with the same idempotency keys. `rebuild` makes from the
    /// run's record what it runs with.
    pub async fn resume<E>(
        &self,
        run: &RunId,
        rebuild: impl FnOnce(&RunRecord) -> Result<Rebuilt, E>,
    ) -> Result<RunHandle, ResumeError<E>> {
        let stop = Arc::new(Stop::default());
        let lease = match self.journal.claim(run, mailbox(&stop)).await? {
            Claimed::Yes(lease) => lease,
            Claimed::Busy => return Err(ResumeError::Busy(run.clone())),
            Claimed::Ended => return Err(ResumeError::Ended(run.clone())),
            Claimed::Unknown => return Err(ResumeError::Unknown(run.clone())),
        };
        match self.set_up(&lease, stop, rebuild).await {
            Ok(handle) => Ok(handle),
            Err(err) => {
                self.journal.release(lease, Rest::Abandoned).await?;
                Err(err)
            }
        }
    }

    async fn set_up<E>(
        &self,
        lease: &Lease,
        stop: Arc<Stop>,
        rebuild: impl FnOnce(&RunRecord) -> Result<Rebuilt, E>,
    ) -> Result<RunHandle, ResumeError<E>> {
        let unknown = || ResumeError::Unknown(lease.run.clone());
        let history = self.journal.read(&lease.run).await?.ok_or_else(unknown)?;
        let rebuilt = rebuild(&history.record).map_err(ResumeError::Setup)?;
        let around = Around { secrets: rebuilt.secrets, env: rebuilt.env, stop };
        let (mut run, events) =
            self.run(lease.clone(), &history.record, rebuilt.plan, rebuilt.library, around);
        run.catch_up(history)?;
        Ok(handle(run, events))
    }

    fn run(
        &self,
        lease: Lease,
        record: &RunRecord,
        plan: Arc<Plan>,
        library: Arc<Library>,
        around: Around,
    ) -> (Run, mpsc::UnboundedReceiver<Arc<Event>>) {
        let (sender, events) = mpsc::unbounded_channel();
        let facts = RunFacts {
            id: lease.run.clone(),
            blueprint: record.blueprint.clone(),
            started_at: record.started,
        };
        let run = Run {
            engine: self.clone(),
            state: RunState::new(plan.clone(), library, self.limits.depth),
            plan,
            secrets: around.secrets,
            around: Surroundings {
                facts: Arc::new(facts),
                env: around.env,
                context: Shared::default(),
                session: Shared::default(),
                nothing: Shared::default(),
            },
            id: lease.run.clone(),
            lease,
            seq: 0,
            started: record.started,
            now: self.clock.now(),
            deadline: record.deadline,
            stop: around.stop,
            events: sender,
            unpublished: VecDeque::new(),
            tasks: JoinSet::new(),
            at_work: BTreeMap::new(),
            held: BTreeMap::new(),
            script: None,
        };
        (run, events)
    }
}

/// What a run sees of its process.
struct Around {
    secrets: Secrets,
    env: Arc<BTreeMap<String, String>>,
    stop: Arc<Stop>,
}

fn mailbox(stop: &Arc<Stop>) -> Mailbox {
    let stop = stop.clone();
    Arc::new(move |letter| stop.deliver(letter))
}

fn handle(run: Run, events: mpsc::UnboundedReceiver<Arc<Event>>) -> RunHandle {
    let (id, stop) = (run.id.clone(), run.stop.clone());
    let mut task = JoinSet::new();
    task.spawn(run.drive());
    RunHandle { id, stop, events: Some(events), task }
}

/// What a task leaves: which block it worked for, and what came of it unless the store failed.
type Done = (At, Result<Worked, JournalError>);

/// A run in motion.
struct Run {
    engine: Engine,
    state: RunState,
    plan: Arc<Plan>,
    secrets: Secrets,
    around: Surroundings,
    id: RunId,
    lease: Lease,
    seq: u64,
    started: Timestamp,
    /// The time when the clock was last read: after each piece of work and each wait. What the loop
    /// does in between takes no time worth telling.
    now: Timestamp,
    deadline: Option<Timestamp>,
    stop: Arc<Stop>,
    events: mpsc::UnboundedSender<Arc<Event>>,
    /// Events that nobody has seen, since they are not durable yet.
    unpublished: VecDeque<Arc<Event>>,
    tasks: JoinSet<Done>,
    at_work: BTreeMap<At, AtWork>,
    /// The inputs of blocks that wait, for when they go on.
    held: BTreeMap<At, Inputs>,
    /// What it goes by instead of the clock, if it is a replay.
    script: Option<Box<Script>>,
}

impl Run {
    async fn drive(mut self) -> Result<Halt, JournalError> {
        // Who starts many runs lets the earlier ones have their turn.
        tokio::task::yield_now().await;
        // Letters may have come before anybody was there.
        self.look_up()?;
        loop {
            self.advance().await?;
            if self.state.is_over() {
                break;
            }
            if let Some(wake) = self.parks() {
                return self.park(wake).await;
            }
            self.wait().await?;
        }
        self.flush().await?;
        self.engine.journal.release(self.lease.clone(), Rest::Ended).await?;
        let (status, value, error) = self.state.verdict();
        Ok(Halt::Ended(RunEnd {
            run: self.id,
            status,
            value: self.secrets.view(&value).map_or(value, Arc::new),
            error: error.map(|mut error| {
                view::show_error(&mut error, &self.secrets);
                error
            }),
            counts: self.state.counts(),
            duration_us: micros_between(self.started, self.now),
            cancelled: self.state.cancel_reason(),
        }))
    }

    /// Takes the facts of a run that another process began.
    fn catch_up(&mut self, history: History) -> Result<(), JournalError> {
        for event in history.events {
            self.seq = event.seq;
            self.state.apply(&event.kind, event.time);
            if let EventKind::SecretDerived { token, function, arguments, .. } = event.kind {
                self.secrets.learn(Derived { token, function, arguments });
            }
        }
        self.secrets.begin_again(self.seq);
        self.record(EventKind::RunResumed { after: self.seq })
    }

    /// The only door: taken by the store, then applied, and published once it is durable. Redaction
    /// has come before: effects are searched where they come in, and views hide handles.
    fn record(&mut self, kind: EventKind) -> Result<(), JournalError> {
        if self.script.is_some() {
            // A replay moves the time from fact to fact.
            self.read_clock();
        }
        let (run, seq, time) = (self.id.clone(), self.seq + 1, self.now);
        let event = Event { run, seq, time, kind };
        self.engine.journal.append(&self.lease, &event)?;
        self.take(event);
        Ok(())
    }

    /// Applies an event that the store has taken, and publishes it.
    fn take(&mut self, event: Event) {
        self.seq = event.seq;
        let changes = self.script.as_ref().map(|_| self.state.staged(&event.kind));
        self.state.apply(&event.kind, event.time);
        if let (Some(script), Some(changes)) = (self.script.as_deref_mut(), changes) {
            script.note(&event.kind, changes);
        }
        if !self.events.is_closed() {
            self.unpublished.push_back(Arc::new(view::shown(event, &self.secrets)));
            self.publish();
        }
    }

    /// Shows what is durable to who looks on.
    fn publish(&mut self) {
        let durable = self.engine.journal.durable(&self.lease);
        while let Some(event) = self.unpublished.pop_front_if(|event| event.seq <= durable) {
            // The receiver may go at any time; the run does not depend on being watched.
            drop(self.events.send(event));
        }
    }

    async fn flush(&mut self) -> Result<(), JournalError> {
        self.engine.journal.flush(&self.lease).await?;
        self.read_clock();
        self.publish();
        Ok(())
    }

    /// Returns whether the run can be parked, and until when: nothing works, and nothing is due soon.
    fn parks(&self) -> Option<Option<Timestamp>> {
        let after = self.engine.parks_after?;
        if !self.tasks.is_empty() || !self.at_work.is_empty() {
            return None;
        }
        let wake = self.next_wake();
        let soon = self.now.checked_add(after).ok()?;
        wake.is_none_or(|wake| wake > soon).then_some(wake)
    }

    async fn park(mut self, wake: Option<Timestamp>) -> Result<Halt, JournalError> {
        self.flush().await?;
        self.engine.journal.release(self.lease.clone(), Rest::Parked(wake)).await?;
        Ok(Halt::Parked(wake))
    }

    async fn advance(&mut self) -> Result<(), JournalError> {
        let mut turns = 0;
        while let Some(command) = self.state.next(self.state.running() < self.plan.concurrency) {
            self.perform(command)?;
            turns += 1;
            if turns % TURNS == 0 {
                tokio::task::yield_now().await;
                self.look_up()?;
                let durable = self.engine.journal.durable(&self.lease);
                if self.seq.saturating_sub(durable) >= MAX_BEHIND {
                    self.flush().await?;
                }
            }
        }
        Ok(())
    }

    fn perform(&mut self, command: Command) -> Result<(), JournalError> {
        match command {
            Command::Start(at) => self.go_on(at, None, None),
            Command::Resume(at, granted) => {
                let inputs = self.held.remove(&at);
                self.go_on(at, inputs, Some(granted))
            }
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
            Command::Interrupt(at) => self.interrupted(at),
            Command::Finish => {
                let (status, value, error) = self.state.verdict();
                let counts = self.state.counts();
                let duration_us = micros_between(self.started, self.now);
                self.record(EventKind::RunFinished { status, value, error, counts, duration_us })
            }
        }
    }

    /// Waits until there is something to do.
    async fn wait(&mut self) -> Result<(), JournalError> {
        let now = self.read_clock();
        let pause = self.next_wake().map(|wake| Duration::from_micros(micros_between(now, wake)));
        let (stop, journal) = (self.stop.clone(), self.engine.journal.clone());
        let clock = self.engine.clock.clone();
        let rests = self.tasks.is_empty();
        tokio::select! {
            biased;
            () = stop.wish.notified() => {}
            Some(joined) = self.tasks.join_next_with_id() => self.joined(joined)?,
            flushed = journal.flush(&self.lease), if !self.unpublished.is_empty() => {
                flushed?;
                self.publish();
            }
            // A microsecond more, so that the time has really come.
            () = clock.pass(pause.unwrap_or_default() + Duration::from_micros(1), rests),
                if pause.is_some() => {}
            else => {}
        }
        self.look_up()
    }

    /// When something is due by the clock alone.
    fn next_wake(&self) -> Option<Timestamp> {
        let deadline = self.deadline.filter(|_| self.state.cancel_reason().is_none());
        [self.state.next_wake(), deadline].into_iter().flatten().min()
    }

    /// Looks whether somebody wants the run to stop, its time is up, or a timer rings.
    fn look_up(&mut self) -> Result<(), JournalError> {
        let now = self.read_clock();
        // What is done already was done before the run is to stop.
        while let Some(joined) = self.tasks.try_join_next_with_id() {
            self.joined(joined)?;
        }
        if self.stop.take_wish() {
            self.cancel(CancelReason::Requested)?;
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.cancel(CancelReason::Deadline)?;
        }
        // An answer that is there counts, even where the question's time is up meanwhile: it may have
        // come in time, and nobody was at work on the run.
        for (at, answer) in self.stop.take_answers() {
            self.answer(at, answer)?;
        }
        self.state.wake(now);
        self.publish();
        Ok(())
    }

    /// Takes what a task left, unless the block was put down before it could be stopped.
    fn joined(&mut self, joined: Result<(Id, Done), JoinError>) -> Result<(), JournalError> {
        let Ok((id, (at, worked))) = joined else { return Ok(()) };
        self.read_clock();
        let mut worked = worked?;
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
        Some(Duration::from_micros(micros_between(self.now, deadline)))
    }

    fn cancel(&mut self, reason: CancelReason) -> Result<(), JournalError> {
        if self.state.cancel_reason().is_some() || self.state.is_over() {
            return Ok(());
        }
        self.record(EventKind::CancelRequested { reason })
    }

    /// Takes an answer in, unless nobody waits for it any more. What comes from outside is searched.
    fn answer(&mut self, at: At, mut answer: Shared) -> Result<(), JournalError> {
        if !self.state.wants_answer(at) {
            return Ok(());
        }
        if !self.secrets.is_empty() {
            self.secrets.catch(Arc::make_mut(&mut answer));
        }
        let block = self.state.path(at);
        self.record(EventKind::AnswerReceived { at, block, answer })
    }

    fn read_clock(&mut self) -> Timestamp {
        self.now = self.engine.clock.now();
        self.now
    }
}

fn micros_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_microsecond().saturating_sub(from.as_microsecond())).unwrap_or(0)
}
