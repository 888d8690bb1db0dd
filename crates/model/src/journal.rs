//! The contract of a store of events.

use async_trait::async_trait;

use crate::{event::Event, id::RunId};

/// A store of events, append-only, one sequence per run.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Takes an event, in order. It is durable once a later [`Journal::flush`] of the run returns.
    fn append(&self, run: &RunId, event: &Event) -> Result<(), JournalError>;

    /// Returns when every event of the run taken so far is durable.
    async fn flush(&self, run: &RunId) -> Result<(), JournalError>;

    /// Returns all events of a run, in order.
    async fn read(&self, run: &RunId) -> Result<Vec<Event>, JournalError>;
}

/// Why a store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// No event can be taken: the disk is full, the file cannot be written.
    #[error("the journal cannot be written: {0}")]
    Write(String),
    /// What was stored cannot be read, or is damaged.
    #[error("the journal cannot be read: {0}")]
    Read(String),
}
