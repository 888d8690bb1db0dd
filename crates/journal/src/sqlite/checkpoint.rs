//! Moves what is in the write-ahead log into the database, beside the writer: what runs wait for is
//! in the log already, and moving it takes as long as a hundred commits.

use std::{
    mem,
    path::PathBuf,
    sync::mpsc::{SyncSender, sync_channel},
    thread::{Builder, JoinHandle},
};

use rusqlite::Connection;

use crate::sqlite::{Flush, schema};

/// After so many bytes of events the log is moved. The writer moves it itself only where it is
/// sixteen times as long: see `schema`.
const EVERY: usize = 4 << 20;

/// A thread that moves the log, from the first time that there is much in it.
pub(super) struct Checkpointer {
    path: PathBuf,
    flush: Flush,
    written: usize,
    wish: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn new(path: PathBuf, flush: Flush) -> Self {
        Self { path, flush, written: 0, wish: None, thread: None }
    }

    /// Takes note of what was written.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written < EVERY {
            return;
        }
        if self.thread.is_none() {
            self.start();
        }
        // While it is busy with what was there before, it is asked again later.
        if self.wish.as_ref().is_some_and(|wish| wish.try_send(()).is_ok()) {
            self.written = 0;
        }
    }

    fn start(&mut self) {
        let (wish, wishes) = sync_channel(0);
        let (path, flush) = (mem::take(&mut self.path), self.flush);
        let work = move || {
            let Ok(connection) = schema::open_to_move(&path, flush) else { return };
            while wishes.recv().is_ok() {
                move_log(&connection);
            }
        };
        // Without a thread the log gets longer, until the writer moves it.
        self.thread = Builder::new().name("journal-log".into()).spawn(work).ok();
        self.wish = Some(wish);
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wish = None;
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            drop(thread.join());
        }
    }
}

/// What could not be moved now, because somebody reads it or the disk is full, is moved later.
fn move_log(connection: &Connection) {
    drop(connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())));
}
