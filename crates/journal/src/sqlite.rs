//! A journal in one file of a database: what is acknowledged survives the end of the process.
//!
//! One thread writes, all that waits in one transaction. Readers have connections of their own and
//! disturb nobody. Who works on a run is said by a lock on a file of its own, not by a clock.

mod blobs;
mod checkpoint;
mod failure;
mod letters;
mod list;
mod live;
mod notes;
mod owners;
mod queue;
mod reader;
mod recent;
mod schema;
mod statements;
mod sum;
mod tail;
mod tasks;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{Builder, JoinHandle},
};

use async_trait::async_trait;
use blueprint_model::{
    Event, Journal, JournalError, RunId, RunRecord, Value,
    format::stored,
    journal::{
        Claimed, Due, Head, History, Lease, Letter, Mailbox, OpenQuestion, Opened, Posted,
        QuestionFilter, Rest, RunFilter, RunSummary,
    },
};
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::oneshot;

pub use self::verify::Verified;
use self::{
    checkpoint::Checkpointer,
    live::{Leases, Live, Wait},
    owners::Alive,
    queue::{Asked, NewRun, Queue, Task, closed},
};

/// How many connections for reading are kept.
const MAX_READERS: usize = 4;

/// How many runs are forgotten in one transaction.
const REMOVE_AT_ONCE: usize = 64;

/// What a flush waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flush {
    /// The disk: nothing acknowledged is lost, also when the power fails.
    #[default]
    Full,
    /// The operating system: nothing acknowledged is lost when the process ends.
    Normal,
    /// Nothing: the last moments may be lost, never the order.
    Off,
}

impl Flush {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Full, Self::Normal, Self::Off];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Normal => "normal",
            Self::Off => "off",
        }
    }

    /// Returns the policy with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flush| flush.as_str() == name)
    }

    /// Returns what the database calls it.
    fn pragma(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            // Without waiting for the disk where the log is moved, a power cut would leave a file that is
            // no store any more, and take notes along.
            Self::Normal | Self::Off => "NORMAL",
        }
    }
}

/// A journal in a file of an `SQLite` database. Dropping it writes what waits and gives back its leases.
pub struct SqliteJournal {
    shared: Arc<Shared>,
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    writer: Option<JoinHandle<()>>,
}

/// What the writer and the others share.
struct Shared {
    queue: Queue,
    leases: Leases,
    /// The folder of the owners' locks.
    owners: PathBuf,
    flush: Flush,
}

impl SqliteJournal {
    /// Opens the store in this file, and makes it where there is none.
    pub fn open(path: &Path, flush: Flush) -> Result<Self, JournalError> {
        Self::start(schema::open(path, flush)?, path, flush)
    }

    /// Begins to write through this connection.
    fn start(connection: Connection, path: &Path, flush: Flush) -> Result<Self, JournalError> {
        let shared = Arc::new(Shared {
            queue: Queue::default(),
            leases: Leases::default(),
            owners: owners::folder(path),
            flush,
        });
        let its = shared.clone();
        let log = Checkpointer::new(path.into(), flush);
        let writer = Builder::new()
            .name("journal".into())
            .spawn(move || writer::work(&connection, &its, log))
            .map_err(|err| JournalError::Write(format!("there is no thread for it: {err}")))?;
        Ok(Self { shared, path: path.into(), readers: Mutex::default(), writer: Some(writer) })
    }

    /// Returns what a flush waits for.
    pub fn flush_policy(&self) -> Flush {
        self.shared.flush
    }

    /// Looks at everything that is stored.
    pub fn verify(&self) -> Result<Verified, JournalError> {
        self.read_with(|connection| verify::verify(connection, &mut self.alive()))
    }

    async fn ask<T>(&self, task: impl FnOnce(Asked<T>) -> Task) -> Result<T, JournalError> {
        let (asked, waiting) = Asked::new();
        self.shared.queue.ask(task(asked));
        waiting.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Waits until what was added here can be read, where a flush does not wait.
    async fn catch_up(&self) -> Result<(), JournalError> {
        match self.shared.flush {
            Flush::Off => self.ask(|asked| Task::Bury(Vec::new(), asked)).await,
            Flush::Full | Flush::Normal => Ok(()),
        }
    }

    /// Frees the runs of owners that are gone.
    async fn bury(&self) -> Result<(), JournalError> {
        let mut alive = self.alive();
        let mut owners = self.read_with(reader::owners)?;
        owners.retain(|owner| !alive.is_alive(owner));
        if owners.is_empty() {
            return Ok(());
        }
        self.ask(|asked| Task::Bury(owners, asked)).await
    }

    fn begin_wait(&self, lease: &Lease) -> Result<Option<Waiting>, JournalError> {
        let live = self.shared.leases.find(lease)?;
        if self.shared.flush == Flush::Off {
            return live.failure().map_or(Ok(None), Err);
        }
        match live.wait()? {
            Wait::Over => Ok(None),
            Wait::For(waiting) => {
                self.shared.queue.hurry();
                Ok(Some(waiting))
            }
        }
    }

    fn alive(&self) -> Alive<'_> {
        Alive::new(&self.shared.owners)
    }

    fn read_with<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let idle = self.readers().pop();
        let connection = idle.map_or_else(|| schema::open_to_read(&self.path), Ok)?;
        let result = work(&connection);
        let mut readers = self.readers();
        if readers.len() < MAX_READERS {
            readers.push(connection);
        }
        result
    }

    fn readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Waiting = oneshot::Receiver<Result<(), JournalError>>;

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        self.shared.queue.close();
        self.readers().clear();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has said so.
            drop(writer.join());
        }
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn open(
        &self,
        run: &RunId,
        record: &RunRecord,
        first: &Event,
        mailbox: Mailbox,
    ) -> Result<Opened, JournalError> {
        let mut blobs = Vec::new();
        let body = stored::encode_record(record, &mut |bytes| blobs::put(&mut blobs, bytes));
        let event = stored::encode(&first.kind, &mut |bytes| blobs::put(&mut blobs, bytes));
        let first = (first.time.as_microsecond(), first.kind.name(), event);
        let (run, record) = (run.clone(), record.clone());
        let new = Box::new(NewRun { run, record, body, first, blobs, mailbox });
        self.ask(|asked| Task::Open(new, asked)).await
    }

    async fn claim(&self, run: &RunId, mailbox: Mailbox) -> Result<Claimed, JournalError> {
        self.ask(|asked| Task::Claim(run.clone(), mailbox, asked)).await
    }

    fn append(&self, lease: &Lease, event: &Event) -> Result<(), JournalError> {
        let live = self.shared.leases.find(lease)?;
        let mut blobs = Vec::new();
        let body = stored::encode(&event.kind, &mut |bytes| blobs::put(&mut blobs, bytes));
        self.shared.queue.wait_for_room();
        live.push(&self.shared.queue, event, body, blobs)
    }

    async fn flush(&self, lease: &Lease) -> Result<(), JournalError> {
        match self.begin_wait(lease)? {
            Some(waiting) => waiting.await.unwrap_or_else(|_| Err(closed())),
            None => Ok(()),
        }
    }

    fn durable(&self, lease: &Lease) -> u64 {
        match self.shared.flush {
            Flush::Off => u64::MAX,
            Flush::Full | Flush::Normal => {
                self.shared.leases.find(lease).map_or(0, |live: Arc<Live>| live.durable())
            }
        }
    }

    async fn release(&self, lease: Lease, rest: Rest) -> Result<(), JournalError> {
        let live = self.shared.leases.find(&lease)?;
        let flushed = self.flush(&lease).await;
        if flushed.is_ok() && rest == Rest::Ended && live.is_finished() {
            // The run's last event has given it back.
            self.shared.leases.remove(&lease);
            return Ok(());
        }
        // What was lost is found out by whoever goes on.
        let rest = if flushed.is_ok() { rest } else { Rest::Abandoned };
        let released = self.ask(|asked| Task::Release(live, rest, asked)).await;
        flushed.and(released)
    }

    async fn read(&self, run: &RunId) -> Result<Option<History>, JournalError> {
        self.catch_up().await?;
        self.read_with(|connection| reader::history(connection, &mut self.alive(), run))
    }

    async fn head(&self, run: &RunId) -> Result<Option<Head>, JournalError> {
        self.catch_up().await?;
        self.read_with(|connection| reader::head(connection, &mut self.alive(), run))
    }

    async fn events(
        &self,
        run: &RunId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, JournalError> {
        self.catch_up().await?;
        self.read_with(|connection| tail::events(connection, run, after, limit))
    }

    async fn list(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, JournalError> {
        self.catch_up().await?;
        self.read_with(|connection| list::list(connection, &mut self.alive(), filter))
    }

    async fn questions(&self, filter: &QuestionFilter) -> Result<Vec<OpenQuestion>, JournalError> {
        self.catch_up().await?;
        self.read_with(|connection| reader::questions(connection, filter))
    }

    async fn post(&self, run: &RunId, letter: &Letter) -> Result<Posted, JournalError> {
        self.ask(|asked| Task::Post(run.clone(), letter.clone(), asked)).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Due, JournalError> {
        self.catch_up().await?;
        self.bury().await?;
        self.read_with(|connection| reader::due(connection, now, limit))
    }

    async fn remove(&self, runs: &[RunId]) -> Result<u64, JournalError> {
        let mut removed = 0;
        for some in runs.chunks(REMOVE_AT_ONCE) {
            removed += self.ask(|asked| Task::Remove(some.to_vec(), asked)).await?;
        }
        Ok(removed)
    }

    async fn note(&self, name: &str) -> Result<Option<Value>, JournalError> {
        self.read_with(|connection| notes::one(connection, name))
    }

    async fn notes(&self, prefix: &str) -> Result<Vec<(String, Value)>, JournalError> {
        self.read_with(|connection| notes::beginning_with(connection, prefix))
    }

    async fn put_note(&self, name: &str, value: Option<&Value>) -> Result<(), JournalError> {
        let value = value.map(|value| value.to_string().into_bytes());
        self.ask(|asked| Task::PutNote(name.into(), value, asked)).await
    }
}
