//! A run from outside: its events, its end, and the wish to stop it.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use blueprint_model::{
    Event, JournalError, RunId,
    block::Cancel,
    event::{At, CancelReason, Counts, RunError, RunStatus},
    journal::Letter,
    value::Shared,
};
use jiff::Timestamp;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinSet,
};

/// A run that was started. Dropping it stops the run where it is, without another event.
pub struct RunHandle {
    pub(crate) id: RunId,
    pub(crate) stop: Arc<Stop>,
    pub(crate) events: Option<mpsc::UnboundedReceiver<Arc<Event>>>,
    pub(crate) task: JoinSet<Result<Halt, JournalError>>,
}

/// What somebody outside wants a run to know: to stop, or an answer.
#[derive(Default)]
pub struct Stop {
    is_wished: AtomicBool,
    /// Scripts that run right now poll it; replaced once the wish was heard, so that `always`
    /// blocks can run theirs.
    scripts: Mutex<Cancel>,
    answers: Mutex<Vec<(At, Shared)>>,
    pub(crate) wish: Notify,
}

impl Stop {
    /// Asks the run to cancel: what runs is stopped, `always` blocks still run.
    pub fn cancel(&self) {
        self.is_wished.store(true, Ordering::Release);
        self.scripts().cancel();
        self.wish.notify_one();
    }

    /// Takes a letter in.
    pub fn deliver(&self, letter: Letter) {
        match letter {
            Letter::Cancel => self.cancel(),
            Letter::Answer { at, answer } => {
                self.answers.lock().unwrap_or_else(PoisonError::into_inner).push((at, answer));
                self.wish.notify_one();
            }
        }
    }

    /// Returns the answers that came since the last call.
    pub(crate) fn take_answers(&self) -> Vec<(At, Shared)> {
        std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns whether somebody asked since the last call.
    pub(crate) fn take_wish(&self) -> bool {
        let is_wished = self.is_wished.swap(false, Ordering::AcqRel);
        if is_wished {
            *self.scripts() = Cancel::default();
        }
        is_wished
    }

    /// Returns what scripts that start now shall poll.
    pub(crate) fn for_scripts(&self) -> Cancel {
        self.scripts().clone()
    }

    fn scripts(&self) -> MutexGuard<'_, Cancel> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why nobody works on a run any more.
#[derive(Debug, Clone, PartialEq)]
pub enum Halt {
    /// It has ended.
    Ended(RunEnd),
    /// It waits for an answer, or for this time, and keeps neither task nor memory meanwhile.
    Parked(Option<Timestamp>),
}

impl Halt {
    /// Returns the end, if it has ended.
    pub fn ended(self) -> Option<RunEnd> {
        match self {
            Self::Ended(end) => Some(end),
            Self::Parked(_) => None,
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnd {
    /// The run.
    pub run: RunId,
    /// Succeeded, failed or cancelled.
    pub status: RunStatus,
    /// The value of the blueprint: what it returned. Handles in it are shown, not resolved.
    pub value: Shared,
    /// Why it failed.
    pub error: Option<RunError>,
    /// How many blocks ended in which way.
    pub counts: Counts,
    /// From start to end, in microseconds.
    pub duration_us: u64,
    /// Why it was cancelled, if it was.
    pub cancelled: Option<CancelReason>,
}

impl RunHandle {
    /// Returns the run's id.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// Returns what stops the run, to keep apart from the handle.
    pub fn stop(&self) -> Arc<Stop> {
        self.stop.clone()
    }

    /// Returns the run's events as they happen, for the first caller; secrets are shown as
    /// `⟨vault.KEY⟩`. They end when the run has ended.
    pub fn events(&mut self) -> Option<mpsc::UnboundedReceiver<Arc<Event>>> {
        self.events.take()
    }

    /// Waits for the end of a run that is never parked.
    ///
    /// # Panics
    ///
    /// Goes on with a panic of the run itself, which is a bug. Panics if the engine parks runs.
    pub async fn finished(self) -> Result<RunEnd, JournalError> {
        Ok(self.halted().await?.ended().expect("only an engine with `parking` parks runs"))
    }

    /// Waits until the run has ended or is parked.
    ///
    /// # Panics
    ///
    /// Goes on with a panic of the run itself, which is a bug.
    pub async fn halted(mut self) -> Result<Halt, JournalError> {
        // Who has not taken the events by now never will, and they need not be kept.
        drop(self.events.take());
        match self.task.join_next().await {
            Some(Ok(end)) => end,
            Some(Err(err)) if err.is_panic() => std::panic::resume_unwind(err.into_panic()),
            Some(Err(_)) | None => unreachable!("the run's task is neither taken nor aborted"),
        }
    }
}
