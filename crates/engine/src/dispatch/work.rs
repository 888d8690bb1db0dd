//! One attempt of one block: inputs, work, and the facts that it leaves.

mod threads;

use std::{
    borrow::Cow,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use blueprint_model::{
    Block, BlockPath, EventKind, Inputs, JournalError, Limits, Secrets,
    block::{BlockCx, BlockError, Cancel, End, Finish, Granted, Notes, Pace, Reach, Wish},
    egress::{Caller, Egress},
    event::{At, CancelReason},
    schema,
    secret::{Derived, ObtainError},
    units, value,
};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::task::{AbortHandle, Id};

use super::{Run, follow::Again, micros_between};
use crate::{
    plan::{Plan, Step},
    resolve::Resolver,
    retry,
    state::Status,
};

/// Longer than any run; a block without a deadline has the run's.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Why a block ended that was in flight when the last process ended, and must not run twice.
pub(super) const INTERRUPTED: &str =
    "the process ended while the block was at work, and `on_resume` is `fail`";

/// A block that works in a task of its own.
pub(super) struct AtWork {
    abort: AbortHandle,
    cancel: Cancel,
    egress: Egress,
}

impl AtWork {
    /// Returns the task's id: an earlier attempt of the block had another.
    pub(super) fn id(&self) -> Id {
        self.abort.id()
    }

    /// Returns the uses of secrets that its work has not told: it was stopped before its end.
    pub(super) fn notes(&self) -> Notes {
        Notes { uses: self.egress.take_uses(), ..Notes::default() }
    }
}

/// One try of a block.
#[derive(Clone)]
pub(super) struct Attempt {
    /// The block's name.
    block: BlockPath,
    number: u32,
    began: Timestamp,
}

impl Attempt {
    fn of(cx: &BlockCx) -> Self {
        Self { block: cx.path.clone(), number: cx.attempt, began: cx.now }
    }
}

/// What a piece of work leaves.
pub(super) struct Worked {
    pub attempt: Attempt,
    pub finish: Result<Finish, BlockError>,
    pub notes: Notes,
    pub inputs: Inputs,
}

/// What a piece of work needs.
struct Job {
    block: Arc<dyn Block>,
    inputs: Inputs,
    cx: BlockCx,
    granted: Option<Granted>,
}

impl Run {
    /// Lets a block work: from its start, or from where its wish was granted. A block that was
    /// resumed after a crash has no inputs yet.
    pub(super) fn go_on(
        &mut self,
        at: At,
        inputs: Option<Inputs>,
        granted: Option<Granted>,
    ) -> Result<(), JournalError> {
        let (plan, graph) = self.plan_of(at);
        let step = plan.step(graph, at.block);
        let egress = Egress::new(self.secrets.clone(), step.permit.clone());
        let slot = self.state.slot(at);
        // In a replay, a block may be at work already, until its turn has come.
        let is_new = granted.is_none() && slot.status != Status::Running;
        let number = slot.attempt + u32::from(is_new);
        let inputs = match inputs {
            Some(inputs) => inputs,
            None => match self.resolve(at, step, &egress, number) {
                Ok(inputs) => inputs,
                Err(message) => return self.failed_to_resolve(at, step, number, message),
            },
        };
        if granted.is_none() {
            let again = self.again(at, step, number);
            if self.script.is_some() || step.timeout.is_some() || self.deadline.is_some() {
                // A replay has moved the time; and what has a deadline counts from now.
                self.read_clock();
            }
            match again {
                None | Some(Again::Anew) => {}
                Some(Again::Unanswered) => return Ok(()),
                Some(Again::Recorded(end)) => {
                    return self.ended(at, step, self.attempt(at, number), end);
                }
            }
        }
        let cx = self.cx(at, step, egress, number);
        let job = Job { block: step.block.clone(), inputs, cx, granted };
        match step.kind.pace {
            Pace::Instant if job.granted.is_none() && step.cost.is_heavy() => {
                self.work_on_thread(at, step, job)
            }
            Pace::Instant => self.work_now(at, step, job),
            Pace::Waiting => self.work_apart(at, step, job),
        }
    }

    fn plan_of(&self, at: At) -> (Arc<Plan>, u32) {
        let scope = self.state.scope(at.scope);
        (scope.plan.clone(), scope.graph)
    }

    /// Lets a block be at work without working yet: in a replay, that has a turn of its own.
    pub(super) fn begin(&mut self, at: At) -> Result<(), JournalError> {
        let (plan, graph) = self.plan_of(at);
        let step = plan.step(graph, at.block);
        let egress = Egress::new(self.secrets.clone(), step.permit.clone());
        let attempt = self.state.slot(at).attempt + 1;
        match self.resolve(at, step, &egress, attempt) {
            Ok(inputs) => self.held.insert(at, inputs),
            Err(message) => return self.failed_to_resolve(at, step, attempt, message),
        };
        let block = self.state.path(at);
        self.record(EventKind::BlockStarted { at, block, attempt })
    }

    fn resolve(
        &self,
        at: At,
        step: &Step,
        egress: &Egress,
        attempt: u32,
    ) -> Result<Inputs, String> {
        let (state, around) = (&self.state, &self.around);
        Resolver { state, around, egress, at, attempt }.inputs(step)
    }

    /// Takes what a piece of work left.
    pub(super) fn worked(&mut self, at: At, worked: Worked) -> Result<(), JournalError> {
        let (plan, graph) = self.plan_of(at);
        self.take_work(at, plan.step(graph, at.block), worked)
    }

    fn take_work(&mut self, at: At, step: &Step, worked: Worked) -> Result<(), JournalError> {
        let worked = match step.kind.pace {
            Pace::Instant => self.judge_time(step, worked),
            Pace::Waiting => worked,
        };
        let attempt = worked.attempt;
        let began = attempt.began;
        self.leave_handles(at)?;
        // Before anything is recorded: what the block logged may hold what it obtained.
        let finish = self.keep_outputs(at, step, worked.finish);
        self.leave_notes(at, worked.notes)?;
        match finish.map(|finish| self.as_recorded(at, began, finish)) {
            Ok(Finish::Wish(wish)) => {
                self.held.insert(at, worked.inputs);
                let wish = self.bounded(step, wish);
                self.record(EventKind::BlockWaiting { at, block: attempt.block, wish })
            }
            Ok(Finish::End(end)) => self.ended(at, step, attempt, end),
            Err(err) => self.ended(at, step, attempt, failure(step, &err)),
        }
    }

    /// A question ends with the block's time, as one that nobody answered; who looks at it sees when.
    fn bounded(&self, step: &Step, wish: Wish) -> Wish {
        let Wish::Answer(mut question) = wish else { return wish };
        let deadline = step.timeout.and_then(|it| self.now.checked_add(it).ok());
        question.until = [question.until, deadline].into_iter().flatten().min();
        Wish::Answer(question)
    }

    pub(super) fn expire(&mut self, at: At) -> Result<(), JournalError> {
        let (plan, graph) = self.plan_of(at);
        let step = plan.step(graph, at.block);
        self.put_down(at)?;
        let attempt = self.attempt(at, self.state.slot(at).attempt.max(1));
        self.ended(at, step, attempt, failure(step, &timed_out(step)))
    }

    /// Ends a block that was in flight when the last process ended, and must not run twice. There is
    /// no other attempt: nobody knows what the last one did.
    pub(super) fn interrupted(&mut self, at: At) -> Result<(), JournalError> {
        let (plan, graph) = self.plan_of(at);
        let step = plan.step(graph, at.block);
        let end = failure(step, &BlockError::permanent(INTERRUPTED));
        let (outcome, _) = outcome_of(step, &end);
        let attempt = self.attempt(at, self.state.slot(at).attempt);
        self.finish(at, attempt, outcome, end)
    }

    /// Stops a block's work, if it is at work.
    pub(super) fn put_down(&mut self, at: At) -> Result<(), JournalError> {
        self.held.remove(&at);
        if let Some(work) = self.at_work.remove(&at) {
            work.cancel.cancel();
            work.abort.abort();
            self.leave_notes(at, work.notes())?;
        }
        Ok(())
    }

    /// Makes handles of those parts of a result that are secrets from now on. A result that lacks one
    /// of them is an error, and is not kept: the secret may stand elsewhere in it.
    fn keep_outputs(
        &self,
        at: At,
        step: &Step,
        finish: Result<Finish, BlockError>,
    ) -> Result<Finish, BlockError> {
        let Ok(Finish::End(mut end)) = finish else { return finish };
        if step.permit.outputs.is_empty() {
            return Ok(Finish::End(end));
        }
        catch(&self.secrets, &mut end);
        let block = self.state.path(at).to_string();
        let block = self.secrets.view_text(&block).unwrap_or(block);
        let result = Arc::make_mut(&mut end.result);
        let failed = self.secrets.obtain(&block, &step.permit.outputs, result);
        let is_missing = |err: &&ObtainError| matches!(err, ObtainError::Missing(_));
        // An error-like outcome may come without what it lacks; what is there is kept all the same.
        let worst = match end.message.is_some() {
            true => failed.iter().find(|err| !is_missing(err)),
            false => failed.first(),
        };
        match worst {
            Some(err) => Err(BlockError::permanent(err.to_string())),
            None => Ok(Finish::End(end)),
        }
    }

    /// An attempt that begins and ends now.
    fn attempt(&self, at: At, number: u32) -> Attempt {
        Attempt { block: self.state.path(at), number, began: self.now }
    }

    fn cx(&self, at: At, step: &Step, egress: Egress, attempt: u32) -> BlockCx {
        let state = match step.sees_state {
            true => self.state.state_of(at.scope).0.clone(),
            false => self.around.nothing.clone(),
        };
        let (path, now) = (self.state.path(at), self.now);
        let cancel = match step.is_scripted {
            true => self.stop.for_scripts(),
            false => Cancel::never(),
        };
        let egress = match self.secrets.is_empty() {
            true => egress,
            false => egress.for_caller(Caller { run: self.id.clone(), block: path.clone(), now }),
        };
        BlockCx {
            run: self.around.facts.clone(),
            path,
            attempt,
            now,
            state,
            cancel,
            limits: limits_for(&self.engine.limits, step, self.time_left()),
            egress,
            notes: Mutex::default(),
        }
    }

    /// Works on the dispatcher's own turn. If somebody wants the run to stop meanwhile, the work is
    /// thrown away: it was pure, and the block is cancelled or, with `join: always`, done again.
    fn work_now(&mut self, at: At, step: &Step, job: Job) -> Result<(), JournalError> {
        let number = job.cx.attempt;
        let is_script = !step.sees_state && step.is_scripted;
        let began = if is_script { self.read_clock() } else { self.now };
        let polled = if step.runs_elsewhere { threads::poll_aside(job) } else { poll_once(job) };
        let worked = polled.unwrap_or_else(|| broken(step, self.attempt(at, number)));
        let now = self.read_clock();
        if is_script {
            step.cost.note(micros_between(began, now));
        }
        if self.begins_to_stop(step)? {
            if self.state.is_given_up(at) {
                return Ok(());
            }
            if worked.finish.is_err() && self.state.slot(at).status == Status::Due {
                self.state.start_again(at);
                return Ok(());
            }
        }
        self.take_work(at, step, worked)
    }

    /// A script that ended because its block's time was up says so, and not which bound it met.
    fn judge_time(&self, step: &Step, mut worked: Worked) -> Worked {
        if let Some(timeout) = step.timeout.filter(|_| worked.finish.is_err()) {
            let took_us = micros_between(worked.attempt.began, self.now);
            if u128::from(took_us) >= timeout.as_micros() {
                worked.finish = Err(timed_out(step));
            }
        }
        worked
    }

    /// Returns whether the run begins to wind down because somebody wished so while the block worked,
    /// or because the run's deadline passed in its script.
    fn begins_to_stop(&mut self, step: &Step) -> Result<bool, JournalError> {
        let is_late = step.is_scripted && self.time_left() == Some(Duration::ZERO);
        let reason = match (self.stop.take_wish(), is_late) {
            (true, _) => CancelReason::Requested,
            (false, true) => CancelReason::Deadline,
            (false, false) => return Ok(false),
        };
        self.cancel(reason)?;
        Ok(true)
    }

    fn work_apart(&mut self, at: At, step: &Step, mut job: Job) -> Result<(), JournalError> {
        let attempt = Attempt::of(&job.cx);
        let block = attempt.block.clone();
        self.record(EventKind::BlockStarted { at, block, attempt: attempt.number })?;
        let (journal, lease) = (self.engine.journal.clone(), self.lease.clone());
        let is_outside = step.kind.reach == Reach::Outside;
        let cancel = Cancel::default();
        job.cx.cancel = cancel.clone();
        let egress = job.cx.egress.clone();
        let timeout = step.timeout.unwrap_or(FOREVER);
        let (late, broken) = (late(step, attempt.clone()), broken(step, attempt));
        let future = async move {
            // In its own task, so that many blocks wait for one flush.
            if is_outside && let Err(err) = journal.flush(&lease).await {
                return (at, Err(err));
            }
            let work = AssertUnwindSafe(work(job)).catch_unwind();
            let worked = tokio::time::timeout(timeout, work).await;
            (at, Ok(worked.unwrap_or(Ok(late)).unwrap_or(broken)))
        };
        let abort = self.tasks.spawn(future);
        self.at_work.insert(at, AtWork { abort, cancel, egress });
        Ok(())
    }

    fn failed_to_resolve(
        &mut self,
        at: At,
        step: &Step,
        number: u32,
        message: String,
    ) -> Result<(), JournalError> {
        let attempt = self.attempt(at, number);
        self.ended(at, step, attempt, failure(step, &BlockError::permanent(message)))
    }

    /// Takes the end of an attempt: another attempt, or the end of the block.
    fn ended(
        &mut self,
        at: At,
        step: &Step,
        attempt: Attempt,
        end: End,
    ) -> Result<(), JournalError> {
        let end = self.examine(step, end);
        let (outcome, is_error) = outcome_of(step, &end);
        if let Some(retry) = step.retry.as_ref().filter(|_| is_error && !end.is_return)
            && let Some(pause) = retry::pause(retry, attempt.number, &end, self.engine.ids.chance())
            && let Ok(retry_at) = self.now.checked_add(pause)
        {
            let message = end.message.unwrap_or_default();
            return self.record(EventKind::AttemptFailed {
                at,
                block: attempt.block,
                attempt: attempt.number,
                outcome,
                message,
                retry_at,
            });
        }
        self.finish(at, attempt, outcome, end)
    }

    fn finish(
        &mut self,
        at: At,
        attempt: Attempt,
        outcome: Arc<str>,
        end: End,
    ) -> Result<(), JournalError> {
        let block = attempt.block;
        if !end.changes.is_empty() {
            let (block, changes) = (block.clone(), end.changes.into());
            self.record(EventKind::StateChanged { at, block, changes })?;
        }
        let started = self.state.slot(at).started.unwrap_or(attempt.began);
        self.record(EventKind::BlockFinished {
            at,
            block,
            attempt: attempt.number,
            outcome,
            result: end.result,
            message: end.message,
            is_return: end.is_return,
            duration_us: micros_between(started, self.now),
        })
    }

    /// Searches what came from outside for secrets, and holds the result against its bounds.
    fn examine(&self, step: &Step, mut end: End) -> End {
        let permit = &step.permit;
        if step.kind.reach != Reach::Inside
            || !permit.reveal.is_empty()
            || !permit.outputs.is_empty()
        {
            catch(&self.secrets, &mut end);
        }
        let is_success = end.message.is_none() && !end.is_return;
        let max = self.engine.limits.result_size;
        if step.kind.reach != Reach::Inside && value::size(&end.result) > max {
            let size = units::format_size(max);
            let message = format!("the result is larger than {size}; see `limits.result_size`");
            return failure(step, &BlockError::permanent(message));
        }
        if let Some(expect) = step.expect.as_ref().filter(|_| is_success)
            && let Some(misfit) = schema::check(expect, &end.result).first()
        {
            let path = if misfit.path.is_empty() { "the result" } else { misfit.path.as_str() };
            let message = format!("not as expected: `{path}` {}", misfit.message);
            let result = end.result;
            let end = failure(step, &BlockError::permanent(message));
            return End { outcome: misfit_outcome(step), result, ..end };
        }
        end
    }

    /// Records the handles that were made for results of functions over secrets.
    fn leave_handles(&mut self, at: At) -> Result<(), JournalError> {
        for Derived { token, function, arguments } in self.secrets.take_derived() {
            let block = self.state.path(at);
            self.record(EventKind::SecretDerived { at, block, token, function, arguments })?;
        }
        Ok(())
    }

    fn leave_notes(&mut self, at: At, notes: Notes) -> Result<(), JournalError> {
        for used in notes.uses {
            let block = self.state.path(at);
            self.record(EventKind::SecretUsed {
                at,
                block,
                action: used.outcome().into(),
                destination: used.destination(),
                version: used.version,
                key: used.key,
            })?;
        }
        for line in notes.log {
            let block = self.state.path(at);
            let text = self.secrets.catch_text(&line.text).unwrap_or(line.text);
            self.record(EventKind::Log { at, block, level: line.level, text })?;
        }
        Ok(())
    }
}

/// Does work that does not wait; `None` if it panicked, or waited all the same.
fn poll_once(job: Job) -> Option<Worked> {
    AssertUnwindSafe(work(job)).catch_unwind().now_or_never()?.ok()
}

async fn work(job: Job) -> Worked {
    let Job { block, inputs, cx, granted } = job;
    let finish = match granted {
        None => block.run(&inputs, &cx).await,
        Some(granted) => block.resume(&inputs, granted, &cx).await,
    };
    leave(finish, inputs, cx)
}

fn leave(finish: Result<Finish, BlockError>, inputs: Inputs, cx: BlockCx) -> Worked {
    let attempt = Attempt { block: cx.path, number: cx.attempt, began: cx.now };
    let mut notes = cx.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
    notes.uses.extend(cx.egress.take_uses());
    Worked { attempt, finish, notes, inputs }
}

/// Returns the outcome as the plan spells it, without a copy, and whether it is error-like.
fn outcome_of(step: &Step, end: &End) -> (Arc<str>, bool) {
    match step.position(&end.outcome).map(|ix| &step.outcomes[ix]) {
        Some(known) => (known.name.clone(), known.is_error),
        None => ((*end.outcome).into(), true),
    }
}

/// The outcome of a result that is not as expected: the first error-like one, as an answer came.
fn misfit_outcome(step: &Step) -> Cow<'static, str> {
    let first = step.outcomes.iter().find(|outcome| outcome.is_error);
    first.map_or_else(|| step.kind.failure.into(), |outcome| outcome.name.to_string().into())
}

fn failure(step: &Step, err: &BlockError) -> End {
    End {
        outcome: step.kind.failure.into(),
        message: Some(err.message.clone()),
        is_transient: err.is_transient,
        ..End::default()
    }
}

fn late(step: &Step, attempt: Attempt) -> Worked {
    let finish = Err(timed_out(step));
    Worked { attempt, finish, notes: Notes::default(), inputs: Inputs::default() }
}

pub(super) fn timed_out(step: &Step) -> BlockError {
    let timeout = step.timeout.unwrap_or_default();
    BlockError::transient(format!("timed out after {}", units::format_duration(timeout)))
}

fn catch(secrets: &Secrets, end: &mut End) {
    if secrets.is_empty() {
        return;
    }
    secrets.catch(Arc::make_mut(&mut end.result));
    if let Some(message) = &mut end.message
        && let Some(caught) = secrets.catch_text(message)
    {
        *message = caught;
    }
    for change in &mut end.changes {
        if let Some(value) = &mut change.value {
            secrets.catch(value);
        }
    }
}

/// A script must not outlive the deadline of its block, or that of the run.
fn limits_for(limits: &Arc<Limits>, step: &Step, left: Option<Duration>) -> Arc<Limits> {
    let deadline = [step.timeout, left].into_iter().flatten().min();
    match deadline.filter(|deadline| step.is_scripted && *deadline < limits.script.time) {
        None => limits.clone(),
        Some(timeout) => {
            let mut own = (**limits).clone();
            own.script.time = timeout;
            Arc::new(own)
        }
    }
}

/// A panic of a block is a bug of ours; its text may hold anything and is not shown.
fn broken(step: &Step, attempt: Attempt) -> Worked {
    let message =
        format!("block type `{}` has a bug and panicked; please report it", step.kind.kind);
    let finish = Err(BlockError::permanent(message));
    Worked { attempt, finish, notes: Notes::default(), inputs: Inputs::default() }
}
