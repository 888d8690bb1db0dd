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

/// The least and the most time that is given to runs that waited for the last transaction, to join the
/// next one. In between, half of what the last one took: that is what each may lose or win by it.
const GATHER: (Duration, Duration) = (Duration::from_micros(50), Duration::from_millis(4));

/// How often letters from other processes are looked for while runs are worked on.
pub(super) const POLL: Duration = Duration::from_millis(25);

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

impl Row {
    /// Returns about how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let blobs = self.blobs.iter().map(|blob| blob.bytes.len());
        ROW_BYTES + self.body.len() + blobs.sum::<usize>()
    }
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
    /// Keeps a note, as bytes, or forgets it.
    PutNote(String, Option<Vec<u8>>, Asked<()>),
    /// Frees the runs of owners that are gone.
    Bury(Vec<String>, Asked<()>),
}

/// A run that is to be taken in.
pub(super) struct NewRun {
    pub(super) run: RunId,
    pub(super) record: RunRecord,
    pub(super) body: Vec<u8>,
    /// When its first event was recorded, of what kind it is, and its body.
    pub(super) first: (i64, &'static str, Vec<u8>),
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
    /// How many wait for the rows so far.
    waiters: usize,
    /// With so many waiting it is not waited for more.
    expected: usize,
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
    /// It waits for more.
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
        let bytes = row.bytes();
        let mut inner = self.inner();
        if inner.is_closed {
            return Err(closed());
        }
        inner.rows.push(row);
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let is_much = inner.rows.len() >= MANY || total >= MAX_BYTES;
        self.wake(inner, is_much);
        Ok(())
    }

    pub(super) fn ask(&self, task: Task) {
        let mut inner = self.inner();
        // A task that is dropped tells the one who waits that the store is closed.
        if !inner.is_closed {
            inner.tasks.push(task);
            let is_ready = inner.waiting() == 1 || inner.is_ready();
            self.wake(inner, is_ready);
        }
    }

    /// Says that somebody waits for the events so far.
    pub(super) fn hurry(&self) {
        let mut inner = self.inner();
        if inner.rows.is_empty() {
            // They are being written already.
            return;
        }
        inner.waiters += 1;
        // The first one changes how long is waited.
        let is_ready = inner.waiting() == 1 || inner.is_ready();
        self.wake(inner, is_ready);
    }

    /// Lets the writer end once all is written.
    pub(super) fn close(&self) {
        let mut inner = self.inner();
        inner.is_closed = true;
        self.wake(inner, true);
        self.room.notify_all();
    }

    /// Waits for something to do; `last` is how long the last transaction took, nothing if there was
    /// none. While `is_watching`, it does not wait long.
    pub(super) fn take(&self, is_watching: bool, last: Duration) -> Batch {
        let mut inner = self.inner();
        // Who waited for the last transaction soon waits for the next: no event needs to wake the writer
        // until then.
        let mut is_expecting = !last.is_zero();
        loop {
            if inner.is_ready() {
                return self.take_all(&mut inner);
            }
            if inner.is_closed {
                return Batch::Closed;
            }
            let (writer, time) = match inner.waits() {
                Waits::More => (Writer::Lingers, Some(LINGER)),
                Waits::Any if is_expecting => (Writer::Lingers, Some(LINGER)),
                Waits::Others => (Writer::Lingers, Some((last / 2).clamp(GATHER.0, GATHER.1))),
                Waits::Any => (Writer::Idle, is_watching.then_some(POLL)),
            };
            inner.writer = writer;
            let is_over;
            (inner, is_over) = self.rest(inner, time);
            inner.writer = Writer::Busy;
            if is_over && !inner.is_closed {
                match writer {
                    Writer::Lingers if inner.is_empty() => is_expecting = false,
                    Writer::Lingers => return self.take_all(&mut inner),
                    Writer::Idle | Writer::Busy => return Batch::Nothing,
                }
            }
        }
    }

    /// Sleeps until there is work, or this time is over.
    fn rest<'i>(
        &self,
        inner: MutexGuard<'i, Inner>,
        time: Option<Duration>,
    ) -> (MutexGuard<'i, Inner>, bool) {
        let Some(time) = time else {
            return (self.work.wait(inner).unwrap_or_else(PoisonError::into_inner), false);
        };
        let waited = self.work.wait_timeout(inner, time);
        let (inner, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        (inner, timeout.timed_out())
    }

    fn take_all(&self, inner: &mut Inner) -> Batch {
        inner.expected = inner.waiting();
        inner.waiters = 0;
        if self.bytes.swap(0, Ordering::Relaxed) >= MAX_BYTES {
            self.room.notify_all();
        }
        Batch::Work(mem::take(&mut inner.rows), mem::take(&mut inner.tasks))
    }

    /// Wakes the writer if it is idle, or if `is_ready` and it waits for more.
    fn wake(&self, mut inner: MutexGuard<'_, Inner>, is_ready: bool) {
        let must = match inner.writer {
            Writer::Busy => false,
            Writer::Idle => true,
            Writer::Lingers => is_ready,
        };
        if must {
            inner.writer = Writer::Busy;
            drop(inner);
            self.work.notify_one();
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For what the writer waits.
enum Waits {
    /// For anything to do.
    Any,
    /// For more events, while nobody waits for those that are there.
    More,
    /// For others who will wait as well.
    Others,
}

impl Inner {
    fn is_ready(&self) -> bool {
        let is_many = self.rows.len() >= MANY;
        let are_all = self.waiting() >= self.expected.max(1);
        !self.is_empty() && (is_many || are_all || self.is_closed)
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.tasks.is_empty()
    }

    fn waits(&self) -> Waits {
        match (self.waiting(), self.rows.is_empty()) {
            (0, true) => Waits::Any,
            (0, false) => Waits::More,
            (_, _) => Waits::Others,
        }
    }

    /// Returns how many wait for the next transaction.
    fn waiting(&self) -> usize {
        self.waiters + self.tasks.len()
    }
}
