//! Replays: a run that goes by the record of an earlier one instead of by the clock.
//!
//! One thing happens at a time, each when the recorded run had it. What came from outside is taken
//! from the record: answers, the time, the wish to stop. All else is done anew.

use std::sync::{Arc, atomic::AtomicI64};

use blueprint_model::{
    Event, EventKind, JournalError,
    block::{End, Finish, Reach, Wish},
    event::At,
    id::BlockPath,
    journal::{History, Opened},
};
use jiff::Timestamp;

use super::{
    Around, Engine, Rebuilt, Run, StartError,
    work::{INTERRUPTED, timed_out},
};
use crate::{
    clock::{Clock, Ids},
    handle::Stop,
    plan::Step,
    replay::{Replay, Script, Turn, Verdict},
    state::Status,
};

/// What a replay does with an attempt.
pub(super) enum Again {
    /// Lets it work: it touches nothing outside.
    Anew,
    /// Takes the end that was recorded.
    Recorded(End),
    /// Leaves it: nobody recorded what came of it.
    Unanswered,
}

impl Engine {
    /// Runs a plan again with what was recorded of a run: answers from outside are those of then,
    /// and all else is done anew, in the order of then. `with` may hold another plan; its secrets
    /// need no values. The journal of the engine takes the replay like any run.
    pub async fn replay(&self, history: &History, with: Rebuilt) -> Result<Replay, StartError> {
        let started = history.record.started;
        let time = Arc::new(AtomicI64::new(started.as_microsecond()));
        let mut engine = self.clone();
        engine.clock = Clock::Skipping(time.clone());
        engine.ids = Ids::counted();
        let id = &history.summary.run;
        let mut record = history.record.clone();
        // What was cancelled, and when, is in the record.
        record.deadline = None;
        record.key = None;
        let (mut inputs, mut payload) = Default::default();
        if let Some(first) = history.events.first()
            && let EventKind::RunStarted { inputs: given, payload: brought, .. } = &first.kind
        {
            inputs = with.plan.inputs_from(given).map_err(StartError::Inputs)?;
            payload = brought.clone();
        }
        let blueprint = record.blueprint.clone();
        let kind = EventKind::RunStarted { blueprint, inputs, payload };
        let first = Event { run: id.clone(), seq: 1, time: started, kind };
        let lease = match engine.journal.open(id, &record, &first, Arc::new(|_| {})).await? {
            Opened::New(lease) => lease,
            Opened::Known(run) => return Err(StartError::Known(run)),
            Opened::Conflict(run) => return Err(StartError::Conflict(run)),
        };
        let stop = Arc::new(Stop::default());
        let around = Around { secrets: with.secrets, env: with.env, stop };
        let (mut run, _) = engine.run(lease, &record, with.plan, with.library, around);
        run.script = Some(Box::new(Script::new(&history.events, time)));
        run.take(first);
        run.follow().await?;
        let verdict = run.state.is_over().then(|| {
            let (status, value, error) = run.state.verdict();
            Verdict { status, value, error }
        });
        let script = run.script.take().expect("it was given above");
        Ok(Replay::of(&history.events, *script, verdict))
    }
}

impl Run {
    async fn follow(&mut self) -> Result<(), JournalError> {
        loop {
            while let Some(command) = self.state.next(true) {
                self.take_turn(command).await?;
            }
            let Some(script) = self.script.as_deref_mut() else { return Ok(()) };
            match script.next() {
                None => return Ok(()),
                Some((Turn::Cancel(reason), _)) => self.cancel(reason)?,
                Some((Turn::Block(at), is_late)) => self.move_on(at, is_late).await?,
            }
        }
    }

    /// Does at once what follows from the facts so far; starts wait for their turn.
    async fn take_turn(&mut self, command: super::Command) -> Result<(), JournalError> {
        if let super::Command::Start(at) = command {
            self.line_up(at);
            return Ok(());
        }
        if self.stops_before(&command)? {
            return Ok(());
        }
        self.perform(command)?;
        self.finish_work().await
    }

    /// Cancels the run if the recorded one was cancelled before it came to this; returns whether it
    /// did not come to it any more. What a block works is heard of all the same: it is done when the
    /// wish to stop is heard.
    fn stops_before(&mut self, command: &super::Command) -> Result<bool, JournalError> {
        use super::Command;
        let (Command::Resume(at, _) | Command::Open(at, _) | Command::Skip(at, _)) = command else {
            return Ok(false);
        };
        let block = self.state.path(*at);
        let script = self.script.as_deref_mut();
        let Some(reason) = script.and_then(|script| script.cancel_before(&block)) else {
            return Ok(false);
        };
        self.cancel(reason)?;
        Ok(!matches!(command, Command::Resume(..)))
    }

    fn line_up(&mut self, at: At) {
        let is_answered = is_answered(self.state.step(at));
        let block = self.state.path(at);
        if let Some(script) = self.script.as_deref_mut() {
            script.line_up(at, &block, is_answered);
        }
    }

    /// Lets a block go on whose turn it is: it starts, its pause or wait is over, or it gets the
    /// answer that it got.
    async fn move_on(&mut self, at: At, is_late: bool) -> Result<(), JournalError> {
        if !self.state.is_open(at) {
            return Ok(());
        }
        match self.state.slot(at).status {
            Status::Due if self.state.may_start(at) => {
                let block = self.state.path(at);
                if self.script.as_deref_mut().is_some_and(|script| script.begins(&block)) {
                    self.begin(at)?;
                    // What it came to has a turn of its own: other things happened meanwhile.
                    self.line_up(at);
                    return Ok(());
                }
                self.go_on(at, None, None)?;
                self.finish_work().await
            }
            Status::Running => {
                let inputs = self.held.remove(&at);
                self.go_on(at, inputs, None)?;
                self.finish_work().await
            }
            Status::Retrying => {
                self.state.ring_early(at, false);
                Ok(())
            }
            Status::Waiting => self.end_wait(at, is_late),
            Status::Due
            | Status::Pending
            | Status::Finished
            | Status::Skipped
            | Status::Cancelled => Ok(()),
        }
    }

    fn end_wait(&mut self, at: At, is_late: bool) -> Result<(), JournalError> {
        let block = self.state.path(at);
        let timeout = timed_out(self.state.step(at)).message;
        let Some(script) = self.script.as_deref_mut() else { return Ok(()) };
        if let Some(answer) = script.answer(&block) {
            return self.answer(at, answer);
        }
        if is_late && self.state.wants_answer(at) {
            script.unanswered.push(block);
            return Ok(());
        }
        let is_timeout =
            script.next_end(&block).is_some_and(|end| end.message.as_ref() == Some(&timeout));
        self.state.ring_early(at, is_timeout);
        Ok(())
    }

    async fn finish_work(&mut self) -> Result<(), JournalError> {
        while let Some(joined) = self.tasks.join_next_with_id().await {
            self.joined(joined)?;
        }
        Ok(())
    }

    /// Returns what to do with an attempt; `None` if this is no replay.
    pub(super) fn again(&mut self, at: At, step: &Step, number: u32) -> Option<Again> {
        self.script.as_ref()?;
        let block = self.state.path(at);
        let script = self.script.as_deref_mut()?;
        if !is_answered(step) {
            // What the clock ended, or the end of the process, came from outside as well.
            let timeout = timed_out(step).message;
            let is_outside = |message: &str| message == timeout || message == INTERRUPTED;
            let is_recorded = script
                .next_end(&block)
                .is_some_and(|end| end.message.as_deref().is_some_and(is_outside));
            if !is_recorded {
                return Some(Again::Anew);
            }
        }
        Some(match script.end_of(&block, number) {
            Some(end) => Again::Recorded(end),
            None => {
                script.unanswered.push(block);
                Again::Unanswered
            }
        })
    }

    /// In a replay, returns what a piece of work left with the times of then in it.
    pub(super) fn as_recorded(&mut self, at: At, began: Timestamp, finish: Finish) -> Finish {
        let Some(script) = self.script.as_deref_mut() else { return finish };
        let block: BlockPath = self.state.path(at);
        match finish {
            Finish::Wish(wish @ (Wish::Sleep { .. } | Wish::Answer(_))) => {
                Finish::Wish(script.as_recorded(&block, wish))
            }
            Finish::Wish(wish) => Finish::Wish(wish),
            Finish::End(mut end) => {
                // A result that is the time itself is the time of then.
                let is_time = end.result.as_str() == Some(&began.to_string());
                if let Some(recorded) = script.next_end(&block).filter(|_| is_time) {
                    end.result = recorded.result.clone();
                }
                Finish::End(end)
            }
        }
    }
}

/// Returns whether a replay takes a block's end from the record: it touched the world outside, or
/// saw the value of a secret.
pub(crate) fn is_answered(step: &Step) -> bool {
    let permit = &step.permit;
    step.kind.reach == Reach::Outside || !permit.reveal.is_empty() || !permit.outputs.is_empty()
}
