//! Moves what is in the write-ahead log into the database, so that the log begins again where it
//! began. What is written over blocks that are there needs no change of the file's size and of its
//! map, and is on the disk in half of the time that a growing file takes.

use std::{
    mem,
    path::PathBuf,
    sync::mpsc::{SyncSender, sync_channel},
    thread::{Builder, JoinHandle},
};

use rusqlite::Connection;

use crate::sqlite::{Flush, schema, statements::Statements};

/// After so many pages the log is moved: 8 MiB. The writer moves all of it itself only where it is
/// eight times as long: see `schema`.
const MANY: i64 = 2_048;

/// So many pages the writer moves itself. As long as it writes, something is left of the log, and
/// the log does not begin again.
const FEW: i64 = 128;

/// How many pages the log has, and how many of them are moved. It moves nothing.
const LENGTH: &str = "PRAGMA wal_checkpoint(NOOP)";
const MOVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// A thread that moves the log beside the writer, from the first time that there is much in it: what
/// runs wait for is in the log already, and moving it takes as long as a hundred commits.
pub(super) struct Checkpointer {
    path: PathBuf,
    flush: Flush,
    /// At how many pages the log is looked after.
    next: i64,
    wish: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn new(path: PathBuf, flush: Flush) -> Self {
        Self { path, flush, next: MANY, wish: None, thread: None }
    }

    /// Looks after the log, between two transactions of the writer.
    pub(super) fn look_after(&mut self, statements: &mut Statements<'_>) {
        // What cannot be moved now, because somebody reads it or the disk is full, is moved later.
        let Ok((pages, moved)) = run(statements, LENGTH) else { return };
        if pages + MANY < self.next {
            // It has begun again.
            self.next = MANY;
        }
        if pages < self.next {
            return;
        }
        if pages - moved > FEW {
            self.move_aside();
        } else {
            drop(run(statements, MOVE));
            // Who reads the log keeps it from beginning again.
            self.next = pages + MANY;
        }
    }

    /// Lets the thread move the log, unless it does so already.
    fn move_aside(&mut self) {
        if self.thread.is_none() {
            self.start();
        }
        if let Some(wish) = &self.wish {
            // Where it is busy, it is asked again after the next transaction.
            let _ = wish.try_send(());
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

fn move_log(connection: &Connection) {
    drop(connection.query_row(MOVE, [], |_| Ok(())));
}

/// Returns how many pages the log has, and how many of them are moved.
fn run(statements: &mut Statements<'_>, sql: &'static str) -> rusqlite::Result<(i64, i64)> {
    statements.of(sql)?.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}
