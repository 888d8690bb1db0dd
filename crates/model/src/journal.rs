//! The contract of a store of runs: what each began with, its events in order, and who works on it;
//! and of small notes beside them.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    event::{At, Event},
    id::{BlockPath, RunId, SecretName},
    value::{Shared, Value},
};

/// A store of runs, append-only, one sequence of events per run.
///
/// Whoever works on a run holds its [`Lease`]; nobody else can add events to it.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Takes a new run in, with its first event, and gives the lease on it; both are durable when
    /// this returns. A run with the same blueprint and key as an earlier one is not taken in again.
    /// Letters to the run go to `mailbox`, on any thread.
    async fn open(
        &self,
        run: &RunId,
        record: &RunRecord,
        first: &Event,
        mailbox: Mailbox,
    ) -> Result<Opened, JournalError>;

    /// Gives the lease on a run that nobody works on and that has not ended. Letters that wait for
    /// it go to `mailbox` before this returns.
    async fn claim(&self, run: &RunId, mailbox: Mailbox) -> Result<Claimed, JournalError>;

    /// Takes an event, in order. It is durable once a later [`Journal::flush`] returns. Under a lease
    /// that is not held any more this, like all that needs one, is [`JournalError::Fenced`].
    fn append(&self, lease: &Lease, event: &Event) -> Result<(), JournalError>;

    /// Returns when every event of the run taken so far is durable.
    async fn flush(&self, lease: &Lease) -> Result<(), JournalError>;

    /// Returns the number of the last event that is durable; `u64::MAX` where none ever is more so
    /// than another.
    fn durable(&self, lease: &Lease) -> u64;

    /// Gives a lease back, once all is durable: the run has ended, or is parked.
    async fn release(&self, lease: Lease, rest: Rest) -> Result<(), JournalError>;

    /// Returns a run with all its events; `None` if there is no such run.
    async fn read(&self, run: &RunId) -> Result<Option<History>, JournalError>;

    /// Returns a run without its events; `None` if there is no such run.
    async fn head(&self, run: &RunId) -> Result<Option<Head>, JournalError>;

    /// Returns the events of a run after that with this number, in order, at most `limit` of them;
    /// none if there is no such run. It reads what it returns and little else, however many events
    /// the run has, and returns none that is not durable.
    async fn events(
        &self,
        run: &RunId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Event>, JournalError>;

    /// Returns the runs that pass, the newest first.
    async fn list(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, JournalError>;

    /// Returns the questions that runs wait for an answer to, the oldest first.
    async fn questions(&self, filter: &QuestionFilter) -> Result<Vec<OpenQuestion>, JournalError>;

    /// Leaves a letter for a run. It is kept until the run has recorded what came of it.
    async fn post(&self, run: &RunId, letter: &Letter) -> Result<Posted, JournalError>;

    /// Returns runs that somebody should claim: their process is gone, their time has come, or a
    /// letter waits; at most `limit` of them.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Due, JournalError>;

    /// Forgets runs that have ended; others are left alone. Returns how many are gone.
    async fn remove(&self, runs: &[RunId]) -> Result<u64, JournalError>;

    /// Returns the note with this name.
    async fn note(&self, name: &str) -> Result<Option<Value>, JournalError>;

    /// Returns the notes whose names begin with this, in the order of their names.
    async fn notes(&self, prefix: &str) -> Result<Vec<(String, Value)>, JournalError>;

    /// Keeps a note in place of an earlier one with this name; `None` forgets it. Whatever a flush
    /// waits for, it is durable when this returns, and others who have the store open see it.
    async fn put_note(&self, name: &str, value: Option<&Value>) -> Result<(), JournalError>;
}

/// Takes the letters to a run.
pub type Mailbox = Arc<dyn Fn(Letter) + Send + Sync>;

/// What a run began with: all that it takes to go on with it in another process.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// The blueprint's name.
    pub blueprint: String,
    /// What started it: `cli`, or the kind of a trigger.
    pub trigger: String,
    /// When it started.
    pub started: Timestamp,
    /// When it is cancelled, whatever it does.
    pub deadline: Option<Timestamp>,
    /// By which the one who started it knows it again.
    pub key: Option<StartKey>,
    /// The texts of its blueprint and of all that it may call, its own first.
    pub sources: Vec<PinnedSource>,
    /// What its handles stand for; `None` where it keeps no secrets.
    pub handles: Option<HandleTable>,
    /// What else whoever starts runs needs to set it up again. Opaque here.
    pub setup: Value,
}

/// A key of the caller's choice: the same key gives the same run.
#[derive(Debug, Clone, PartialEq)]
pub struct StartKey {
    /// The key.
    pub key: String,
    /// What the run was asked to do; another payload under the same key is an error.
    pub payload: Shared,
}

/// A blueprint's text as it was when the run began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedSource {
    /// The file's name, for messages.
    pub file: String,
    /// Its text.
    pub text: Arc<str>,
}

/// What makes a run's handles: no value is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandleTable {
    /// The random bytes that tokens are made from.
    pub seed: [u8; 32],
    /// The keys that were loaded, each with its version.
    pub keys: Vec<(SecretName, u64)>,
}

/// The right to add events to a run. It lasts until it is given back or its process ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// The store's own number for it.
    pub slot: u64,
    /// Counts up with each claim: an older one is refused.
    pub fence: u64,
}

/// What came of [`Journal::open`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// The run is taken in.
    New(Lease),
    /// A run with this key was there before.
    Known(RunId),
    /// A run with this key was there before, and was asked to do something else.
    Conflict(RunId),
}

/// What came of [`Journal::claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// Nobody worked on it.
    Yes(Lease),
    /// Somebody works on it.
    Busy,
    /// It has ended.
    Ended,
    /// There is no such run.
    Unknown,
}

/// Why a lease is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The run has ended.
    Ended,
    /// The run is parked until a letter comes or this time, if there is one.
    Parked(Option<Timestamp>),
    /// Whoever worked on it stops before its end; somebody else shall go on.
    Abandoned,
}

/// Something that somebody outside wants a run to know.
#[derive(Debug, Clone, PartialEq)]
pub enum Letter {
    /// It shall stop.
    Cancel,
    /// An answer to a question that a block waits with.
    Answer {
        /// The block.
        at: At,
        /// The answer.
        answer: Shared,
    },
}

/// What came of [`Journal::post`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// Somebody works on the run and gets it.
    Delivered,
    /// Nobody works on the run: it waits with it.
    Kept,
    /// The run has ended.
    Ended,
    /// There is no such run.
    Unknown,
}

/// Runs that somebody should claim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Due {
    /// The runs.
    pub runs: Vec<RunId>,
    /// When the next parked run is due.
    pub next: Option<Timestamp>,
}

/// Where a run stands, from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Somebody works on it.
    Running,
    /// It is parked: it waits for a time, a person or an event, and nobody needs to work on it.
    Waiting,
    /// Whoever worked on it is gone; it can be resumed.
    Interrupted,
    /// It ended, every error handled.
    Succeeded,
    /// It ended with an error that was not handled.
    Failed,
    /// It was cancelled, or its deadline passed.
    Cancelled,
}

impl Phase {
    /// Every phase, in the order of a run's life.
    pub const ALL: [Self; 6] = [
        Self::Running,
        Self::Waiting,
        Self::Interrupted,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Interrupted => "interrupted",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns whether the run has ended.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSummary {
    /// The run.
    pub run: RunId,
    /// The blueprint's name.
    pub blueprint: String,
    /// What started it.
    pub trigger: String,
    /// Where it stands.
    pub phase: Phase,
    /// When it started.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// When it wakes by itself, if it is parked for a time.
    pub wake: Option<Timestamp>,
    /// How many events it has.
    pub events: u64,
}

/// A run without its events.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// Where it stands.
    pub summary: RunSummary,
    /// What it began with.
    pub record: RunRecord,
}

/// A run with all that is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Where it stands.
    pub summary: RunSummary,
    /// What it began with.
    pub record: RunRecord,
    /// Its events, in order.
    pub events: Vec<Event>,
}

/// Which runs a list shows. Empty, it shows all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunFilter {
    /// The id begins or ends with this.
    pub id: Option<String>,
    /// Where it stands.
    pub phases: Vec<Phase>,
    /// The blueprint's name.
    pub blueprint: Option<String>,
    /// What started it.
    pub trigger: Option<String>,
    /// Started at or after this time.
    pub since: Option<Timestamp>,
    /// Started before this time.
    pub until: Option<Timestamp>,
    /// After this run in the list: where the next page begins. If it is gone, there are none.
    pub before: Option<RunId>,
    /// At most so many; `None` means all.
    pub limit: Option<usize>,
}

impl RunFilter {
    /// Returns whether a list shows this run; `before` and `limit` are not looked at: they depend on
    /// other runs.
    pub fn passes(&self, summary: &RunSummary) -> bool {
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        let run = summary.run.as_str();
        let fits = |part: &String| run.starts_with(part.as_str()) || run.ends_with(part.as_str());
        self.id.as_ref().is_none_or(fits)
            && (self.phases.is_empty() || self.phases.contains(&summary.phase))
            && is(&self.blueprint, &summary.blueprint)
            && is(&self.trigger, &summary.trigger)
            && self.since.is_none_or(|since| summary.started >= since)
            && self.until.is_none_or(|until| summary.started < until)
    }
}

/// What a block asks of the world outside, and waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// A person's decision, or an event.
    pub kind: QuestionKind,
    /// The event's name; what the person is asked.
    pub name: String,
    /// The fields of the form; what an event must hold.
    pub details: Shared,
    /// Until when it waits.
    pub until: Option<Timestamp>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum QuestionKind {
    /// A person's decision.
    Approval,
    /// An event with a name.
    Event,
}

impl QuestionKind {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Event => "event",
        }
    }
}

/// A question in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenQuestion {
    /// The run that waits.
    pub run: RunId,
    /// Its blueprint's name.
    pub blueprint: String,
    /// The block that waits.
    pub at: At,
    /// Its name.
    pub block: BlockPath,
    /// Since when.
    pub since: Timestamp,
    /// The question.
    pub question: Question,
}

/// Which questions a list shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct QuestionFilter {
    /// Those of this run.
    pub run: Option<RunId>,
    /// Those of this kind.
    pub kind: Option<QuestionKind>,
    /// Those with this name.
    pub name: Option<String>,
}

impl QuestionFilter {
    /// Returns whether a list shows this question.
    pub fn passes(&self, open: &OpenQuestion) -> bool {
        self.run.as_ref().is_none_or(|run| *run == open.run)
            && self.kind.is_none_or(|kind| kind == open.question.kind)
            && self.name.as_ref().is_none_or(|name| *name == open.question.name)
    }
}

/// Why a store could not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// No event can be taken: the disk is full, the file cannot be written.
    #[error("the run store cannot be written: {0}")]
    Write(String),
    /// What was stored cannot be read.
    #[error("the run store cannot be read: {0}")]
    Read(String),
    /// What was stored is not what was written.
    #[error("the run store is damaged: {0}")]
    Damaged(String),
    /// Another process took the run over.
    #[error("another process has taken over run {0}")]
    Fenced(RunId),
    /// The store was written by a newer version of this program.
    #[error("the run store has format {found}, and this program knows formats up to {known}")]
    UnknownVersion {
        /// What the file says.
        found: u64,
        /// What this program knows.
        known: u64,
    },
}
