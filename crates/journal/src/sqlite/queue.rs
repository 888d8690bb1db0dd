//! What waits to be written: events of all runs in order, and tasks with somebody who waits for them.

use std::{
    mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use blueprint_model::{
    JournalError, RunId, RunRecord,
    event::At,
    journal::{Claimed, Letter, Mailbox, Opened, Phase, Posted, QuestionKind, Rest},
};
use tokio::sync::oneshot;

use crate::sqlite::{
    failure::Fault,
    live::{Blob, Live},
};

/// So many events are written without waiting for more.
const MANY: usize = 512;

/// How long events wait for more when nobody waits for them.
const LINGER: Duration = Duration::from_millis(2);

/// How often letters from other processes are looked for while runs are worked on.
const POLL: Duration = Duration::from_millis(25);

/// The most bytes that wait; who has more waits for the disk.
const MAX_BYTES: usize = 64 << 20;

/// About what an event takes beside its body.
const ROW_BYTES: usize = size_of::<Row>();

/// An event as it is stored.
pub(super) struct Row {
    pub(super) live: Arc<Live>,
    pub(super) seq: u64,
    pub(super) time: i64,
    pub(super) kind: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) sum: u64,
    pub(super) blobs: Vec<Blob>,
    pub(super) effect: Effect,
}

/// What an event changes beside the list of events.
pub(super) enum Effect {
    None,
    /// A question is open.
    Asked {
        at: At,
        kind: QuestionKind,
        name: String,
    },
    /// A question is answered: letters with an answer to it have done their work.
    Answered(At),
    /// A question is closed.
    Closed(At),
    /// Letters that ask to stop have done their work.
    CancelTaken,
    /// The run has ended, and with it its questions and letters.
    Ended(Phase),
}

/// Something to do for somebody who waits.
pub(super) enum Task {
    Open(Box<NewRun>, Asked<Opened>),
    Claim(RunId, Mailbox, Asked<Claimed>),
    Release(Arc<Live>, Rest, Asked<()>),
    Post(RunId, Letter, Asked<Posted>),
    Remove(Vec<RunId>, Asked<u64>),
    /// Frees the runs of owners that are gone.
    Bury(Vec<String>, Asked<()>),
}

/// A run that is to be taken in.
pub(super) struct NewRun {
    pub(super) run: RunId,
    pub(super) record: RunRecord,
    pub(super) body: Vec<u8>,
    pub(super) blobs: Vec<Blob>,
    pub(super) mailbox: Mailbox,
}

/// The one who waits, and what it will be told once that is durable.
pub(super) struct Asked<T> {
    reply: oneshot::Sender<Result<T, JournalError>>,
    pub(super) outcome: Option<Result<T, JournalError>>,
}

impl<T> Asked<T> {
    pub(super) fn new() -> (Self, oneshot::Receiver<Result<T, JournalError>>) {
        let (reply, waiting) = oneshot::channel();
        (Self { reply, outcome: None }, waiting)
    }

    /// Keeps what came of the task; only what undoes the transaction is an error.
    pub(super) fn keep(&mut self, result: Result<T, Fault>) -> rusqlite::Result<()> {
        self.outcome = Some(match result {
            Ok(outcome) => Ok(outcome),
            Err(Fault::Told(err)) => Err(err),
            Err(Fault::Sql(err)) => return Err(err),
        });
        Ok(())
    }

    /// Tells the one who waits.
    pub(super) fn tell(self, failure: Option<&JournalError>) {
        let outcome = match failure {
            Some(failure) => Err(failure.clone()),
            None => self.outcome.unwrap_or_else(|| Err(closed())),
        };
        // Who no longer waits does not care.
        drop(self.reply.send(outcome));
    }
}

/// Returns that the store is closed.
pub(super) fn closed() -> JournalError {
    JournalError::Write("it is closed".into())
}

/// What waits to be written.
#[derive(Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    work: Condvar,
    room: Condvar,
    bytes: AtomicUsize,
}

#[derive(Default)]
struct Inner {
    rows: Vec<Row>,
    tasks: Vec<Task>,
    is_urgent: bool,
    is_closed: bool,
    writer: Writer,
}

/// What the writer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Writer {
    /// It writes, and looks here again before it rests.
    #[default]
    Busy,
    /// It sleeps until there is something.
    Idle,
    /// It waits for more events.
    Lingers,
}

/// What the writer does next.
pub(super) enum Batch {
    Work(Vec<Row>, Vec<Task>),
    /// Nothing came; there may be letters from elsewhere.
    Nothing,
    Closed,
}

impl Queue {
    /// Waits while too much waits to be written.
    pub(super) fn wait_for_room(&self) {
        if self.bytes.load(Ordering::Relaxed) < MAX_BYTES {
            return;
        }
        let mut inner = self.inner();
        while self.bytes.load(Ordering::Relaxed) >= MAX_BYTES && !inner.is_closed {
            inner = self.room.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn push(&self, row: Row) -> Result<(), JournalError> {
        let blobs = row.blobs.iter().map(|blob| blob.bytes.len());
        let bytes = ROW_BYTES + row.body.len() + blobs.sum::<usize>();
        let mut inner = self.inner();
        if inner.is_closed {
            return Err(closed());
        }
        inner.rows.push(row);
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let is_much = inner.rows.len() >= MANY || total >= MAX_BYTES;
        self.wake(inner, |writer| writer == Writer::Idle || (is_much && writer == Writer::Lingers));
        Ok(())
    }

    pub(super) fn ask(&self, task: Task) {
        let mut inner = self.inner();
        // A task that is dropped tells the one who waits that the store is closed.
        if !inner.is_closed {
            inner.tasks.push(task);
            self.wake(inner, |writer| writer != Writer::Busy);
        }
    }

    /// Says that somebody waits for the events so far.
    pub(super) fn hurry(&self) {
        let mut inner = self.inner();
        inner.is_urgent = true;
        self.wake(inner, |writer| writer != Writer::Busy);
    }

    /// Lets the writer end once all is written.
    pub(super) fn close(&self) {
        let mut inner = self.inner();
        inner.is_closed = true;
        self.wake(inner, |writer| writer != Writer::Busy);
        self.room.notify_all();
    }

    /// Waits for something to do. While `is_watching`, it does not wait long.
    pub(super) fn take(&self, is_watching: bool) -> Batch {
        let mut inner = self.inner();
        loop {
            if inner.is_ready() {
                return self.take_all(&mut inner);
            }
            if inner.is_closed {
                return Batch::Closed;
            }
            let lingers = !inner.rows.is_empty();
            inner.writer = if lingers { Writer::Lingers } else { Writer::Idle };
            if !lingers && !is_watching {
                inner = self.work.wait(inner).unwrap_or_else(PoisonError::into_inner);
                inner.writer = Writer::Busy;
                continue;
            }
            let time = if lingers { LINGER } else { POLL };
            let waited = self.work.wait_timeout(inner, time);
            let (held, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            inner = held;
            inner.writer = Writer::Busy;
            if timeout.timed_out() && !inner.is_closed {
                if inner.rows.is_empty() && inner.tasks.is_empty() {
                    return Batch::Nothing;
                }
                if lingers {
                    return self.take_all(&mut inner);
                }
            }
        }
    }

    fn take_all(&self, inner: &mut Inner) -> Batch {
        inner.is_urgent = false;
        if self.bytes.swap(0, Ordering::Relaxed) >= MAX_BYTES {
            self.room.notify_all();
        }
        Batch::Work(mem::take(&mut inner.rows), mem::take(&mut inner.tasks))
    }

    fn wake(&self, mut inner: MutexGuard<'_, Inner>, must: impl FnOnce(Writer) -> bool) {
        if must(inner.writer) {
            inner.writer = Writer::Busy;
            drop(inner);
            self.work.notify_one();
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn is_ready(&self) -> bool {
        !self.tasks.is_empty()
            || self.rows.len() >= MANY
            || (!self.rows.is_empty() && (self.is_urgent || self.is_closed))
    }
}
