//! A journal in memory: for runs that nobody wants to resume, and for tests.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use blueprint_model::{Event, Journal, JournalError, RunId};

/// A journal that lives as long as the process, and keeps events only where asked to.
#[derive(Default)]
pub struct MemoryJournal {
    runs: Option<Mutex<BTreeMap<RunId, Vec<Event>>>>,
}

impl MemoryJournal {
    /// Returns a journal that forgets each event at once.
    pub fn forgetful() -> Self {
        Self { runs: None }
    }

    /// Returns a journal that keeps every event.
    pub fn keeping() -> Self {
        Self { runs: Some(Mutex::default()) }
    }

    fn runs(&self) -> Option<MutexGuard<'_, BTreeMap<RunId, Vec<Event>>>> {
        self.runs.as_ref().map(|runs| runs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    fn append(&self, run: &RunId, event: &Event) -> Result<(), JournalError> {
        if let Some(mut runs) = self.runs() {
            runs.entry(run.clone()).or_default().push(event.clone());
        }
        Ok(())
    }

    async fn flush(&self, _run: &RunId) -> Result<(), JournalError> {
        Ok(())
    }

    async fn read(&self, run: &RunId) -> Result<Vec<Event>, JournalError> {
        Ok(self.runs().and_then(|runs| runs.get(run).cloned()).unwrap_or_default())
    }
}
