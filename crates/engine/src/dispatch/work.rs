//! One attempt of one block: inputs, work, and the facts that it leaves.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use blueprint_model::{
    Block, EventKind, Inputs, JournalError, Limits, Secrets,
    block::{BlockCx, BlockError, Cancel, End, Finish, Granted, Notes, Pace, Reach},
    egress::Egress,
    event::{At, CancelReason},
    schema, units,
    value::{self, Shared},
};
use futures_util::FutureExt as _;
use tokio::task::AbortHandle;

use super::{Run, micros_between};
use crate::{
    plan::{Plan, Step},
    resolve::Resolver,
    retry,
    state::Status,
};

/// Longer than any run; a block without a deadline has the run's.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A block that works in a task of its own.
pub(super) struct AtWork {
    abort: AbortHandle,
    cancel: Cancel,
}

/// What a piece of work leaves.
pub(super) struct Worked {
    pub finish: Result<Finish, BlockError>,
    pub notes: Notes,
    pub inputs: Arc<Inputs>,
}

/// What a piece of work needs.
struct Job {
    block: Arc<dyn Block>,
    inputs: Arc<Inputs>,
    cx: BlockCx,
    granted: Option<Granted>,
}

impl Run {
    pub(super) async fn start(&mut self, at: At) -> Result<(), JournalError> {
        self.go_on(at, None, None).await
    }

    /// Lets a block work: from its start, or from where its wish was granted. A block that was
    /// resumed after a crash has no inputs yet.
    pub(super) async fn go_on(
        &mut self,
        at: At,
        inputs: Option<Arc<Inputs>>,
        granted: Option<Granted>,
    ) -> Result<(), JournalError> {
        let plan = self.state.scope(at.scope).plan.clone();
        let step = step_of(&plan, self.state.scope(at.scope).graph, at);
        let egress = Egress::new(self.secrets.clone(), step.permit.clone());
        let attempt = self.state.slot(at).attempt + u32::from(granted.is_none());
        let inputs = match inputs {
            Some(inputs) => inputs,
            None => {
                let resolver = Resolver {
                    state: &self.state,
                    around: &self.around,
                    egress: &egress,
                    at,
                    attempt,
                };
                match resolver.inputs(step) {
                    Ok(inputs) => Arc::new(inputs),
                    Err(message) => return self.failed_to_resolve(at, step, attempt, message),
                }
            }
        };
        let cx = self.cx(at, step, egress, attempt);
        let job = Job { block: step.block.clone(), inputs, cx, granted };
        match step.kind.pace {
            Pace::Instant => self.work_now(at, step, job),
            Pace::Waiting => self.work_apart(at, step, job).await,
        }
    }

    /// Takes what a piece of work left.
    pub(super) fn worked(&mut self, at: At, worked: Worked) -> Result<(), JournalError> {
        let plan = self.state.scope(at.scope).plan.clone();
        let step = step_of(&plan, self.state.scope(at.scope).graph, at);
        let attempt = self.state.slot(at).attempt.max(1);
        self.leave_notes(at, worked.notes)?;
        match worked.finish {
            Ok(Finish::Wish(wish)) => {
                self.held.insert(at, worked.inputs);
                let block = self.state.path(at);
                self.record(EventKind::BlockWaiting { at, block, wish })
            }
            Ok(Finish::End(end)) => self.ended(at, step, attempt, end),
            Err(err) => self.ended(at, step, attempt, failure(step, &err)),
        }
    }

    pub(super) fn expire(&mut self, at: At) -> Result<(), JournalError> {
        let plan = self.state.scope(at.scope).plan.clone();
        let step = step_of(&plan, self.state.scope(at.scope).graph, at);
        self.put_down(at);
        let attempt = self.state.slot(at).attempt.max(1);
        self.ended(at, step, attempt, failure(step, &timed_out(step)))
    }

    /// Stops a block's work, if it is at work.
    pub(super) fn put_down(&mut self, at: At) {
        self.held.remove(&at);
        if let Some(work) = self.at_work.remove(&at) {
            work.cancel.cancel();
            work.abort.abort();
        }
    }

    fn cx(&self, at: At, step: &Step, egress: Egress, attempt: u32) -> BlockCx {
        let state = match step.sees_state {
            true => self.state.state_of(at.scope).0.clone(),
            false => Shared::default(),
        };
        BlockCx {
            run: self.around.facts.clone(),
            path: self.state.path(at),
            attempt,
            now: self.engine.clock.now(),
            state,
            cancel: self.stop.for_scripts(),
            limits: limits_for(&self.engine.limits, step),
            egress,
            notes: Mutex::default(),
        }
    }

    /// Works on the dispatcher's own turn. If somebody wants the run to stop meanwhile, the work is
    /// thrown away: it was pure, and the block is cancelled or, with `join: always`, done again.
    fn work_now(&mut self, at: At, step: &Step, job: Job) -> Result<(), JournalError> {
        let worked = AssertUnwindSafe(work(job)).catch_unwind().now_or_never();
        let worked = match worked {
            Some(Ok(worked)) => worked,
            Some(Err(_)) | None => broken(step),
        };
        if self.stop.take_wish() {
            self.cancel(CancelReason::Requested)?;
            if self.state.is_given_up(at) {
                return Ok(());
            }
            if worked.finish.is_err() && self.state.slot(at).status == Status::Due {
                self.state.start_again(at);
                return Ok(());
            }
        }
        self.worked(at, worked)
    }

    async fn work_apart(&mut self, at: At, step: &Step, mut job: Job) -> Result<(), JournalError> {
        let block = self.state.path(at);
        let attempt = job.cx.attempt;
        self.record(EventKind::BlockStarted { at, block, attempt })?;
        if step.kind.reach == Reach::Outside {
            self.engine.journal.flush(&self.id).await?;
        }
        let cancel = Cancel::default();
        job.cx.cancel = cancel.clone();
        let timeout = step.timeout.unwrap_or(FOREVER);
        let (late, broken) = (late(step), broken(step));
        let future = async move {
            let work = AssertUnwindSafe(work(job)).catch_unwind();
            let worked = tokio::time::timeout(timeout, work).await;
            (at, worked.unwrap_or(Ok(late)).unwrap_or(broken))
        };
        let abort = self.tasks.spawn(future);
        self.at_work.insert(at, AtWork { abort, cancel });
        Ok(())
    }

    fn failed_to_resolve(
        &mut self,
        at: At,
        step: &Step,
        attempt: u32,
        message: String,
    ) -> Result<(), JournalError> {
        self.ended(at, step, attempt, failure(step, &BlockError::permanent(message)))
    }

    /// Takes the end of an attempt: another attempt, or the end of the block.
    fn ended(&mut self, at: At, step: &Step, attempt: u32, end: End) -> Result<(), JournalError> {
        let end = self.examine(step, end);
        let is_error = step
            .outcomes
            .iter()
            .find(|outcome| outcome.name == end.outcome)
            .is_none_or(|outcome| outcome.is_error);
        let block = self.state.path(at);
        if let Some(retry) = step.retry.as_ref().filter(|_| is_error && !end.is_return)
            && let Some(pause) = retry::pause(retry, attempt, &end, self.engine.ids.chance())
            && let Ok(retry_at) = self.engine.clock.now().checked_add(pause)
        {
            let message = end.message.unwrap_or_default();
            let outcome = end.outcome;
            return self.record(EventKind::AttemptFailed {
                at,
                block,
                attempt,
                outcome,
                message,
                retry_at,
            });
        }
        if !end.changes.is_empty() {
            let (block, changes) = (block.clone(), end.changes);
            self.record(EventKind::StateChanged { at, block, changes })?;
        }
        let now = self.engine.clock.now();
        let started = self.state.slot(at).started.unwrap_or(now);
        self.record(EventKind::BlockFinished {
            at,
            block,
            attempt,
            outcome: end.outcome,
            result: end.result,
            message: end.message,
            is_return: end.is_return,
            duration_us: micros_between(started, now),
        })
    }

    /// Searches what came from outside for secrets, and holds the result against its bounds.
    fn examine(&self, step: &Step, mut end: End) -> End {
        if step.kind.reach == Reach::Outside || !step.permit.reveal.is_empty() {
            catch(&self.secrets, &mut end);
        }
        let is_success = end.message.is_none() && !end.is_return;
        let max = self.engine.limits.result_size;
        if step.kind.reach == Reach::Outside && value::size(&end.result) > max {
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
            return End { result, ..failure(step, &BlockError::permanent(message)) };
        }
        end
    }

    fn leave_notes(&mut self, at: At, notes: Notes) -> Result<(), JournalError> {
        for used in notes.uses {
            let block = self.state.path(at);
            self.record(EventKind::SecretUsed {
                at,
                block,
                key: used.key.as_str().into(),
                version: used.version,
                action: used.action.into(),
                destination: used.destination,
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

async fn work(job: Job) -> Worked {
    let Job { block, inputs, cx, granted } = job;
    let finish = match granted {
        None => block.run(&inputs, &cx).await,
        Some(granted) => block.resume(&inputs, granted, &cx).await,
    };
    let notes = cx.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
    Worked { finish, notes, inputs }
}

fn step_of(plan: &Plan, graph: u32, at: At) -> &Step {
    &plan.graphs[graph as usize].steps[at.block as usize]
}

fn failure(step: &Step, err: &BlockError) -> End {
    End {
        outcome: step.kind.failure.into(),
        message: Some(err.message.clone()),
        is_transient: err.is_transient,
        ..End::default()
    }
}

fn late(step: &Step) -> Worked {
    Worked { finish: Err(timed_out(step)), notes: Notes::default(), inputs: Arc::default() }
}

fn timed_out(step: &Step) -> BlockError {
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

/// A script of the block must not outlive the block's own deadline.
fn limits_for(limits: &Arc<Limits>, step: &Step) -> Arc<Limits> {
    match step.timeout.filter(|timeout| *timeout < limits.script.time) {
        None => limits.clone(),
        Some(timeout) => {
            let mut own = (**limits).clone();
            own.script.time = timeout;
            Arc::new(own)
        }
    }
}

/// A panic of a block is a bug of ours; its text may hold anything and is not shown.
fn broken(step: &Step) -> Worked {
    let message =
        format!("block type `{}` has a bug and panicked; please report it", step.kind.kind);
    let finish = Err(BlockError::permanent(message));
    Worked { finish, notes: Notes::default(), inputs: Arc::default() }
}
