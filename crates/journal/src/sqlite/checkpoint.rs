//! Moves what is in the write-ahead log into the database, so that the log begins again where it
//! began. What is written over blocks that are there needs no change of the file's size and of its
//! map, and is on the disk in 0.55 to 0.65 of the time that a growing file takes.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, Write as _},
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

/// After about so many new pages it is looked how long the log is.
const SOME: usize = 64;

/// So many pages the file has before they are needed, and by so many it grows.
const AHEAD: u64 = 128;

/// A page in the log, and about what of it a transaction fills with events.
const PAGE: u64 = 4_096 + 24;
const FILLED: usize = 3_000;

/// How many pages the log has, and how many of them are moved. It moves nothing.
const LENGTH: &str = "PRAGMA wal_checkpoint(NOOP)";
const MOVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// A thread that moves the log beside the writer, from the first time that there is much in it: what
/// runs wait for is in the log already, and moving it takes as long as a hundred commits.
pub(super) struct Checkpointer {
    path: PathBuf,
    log: OsString,
    flush: Flush,
    /// About how many pages are new since it was looked how long the log is.
    new: usize,
    /// At how many pages the log is moved.
    next: i64,
    wish: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn new(path: PathBuf, flush: Flush) -> Self {
        let mut log = path.clone().into_os_string();
        log.push("-wal");
        Self { path, log, flush, new: 0, next: MANY, wish: None, thread: None }
    }

    /// Looks after the log, after a transaction of so many bytes of events.
    pub(super) fn look_after(&mut self, statements: &mut Statements<'_>, bytes: usize) {
        // The page of the events and that of the runs, and those that were filled.
        self.new += 2 + bytes / FILLED;
        if self.new < SOME {
            return;
        }
        self.new = 0;
        // What cannot be moved now, because somebody reads it or the disk is full, is moved later.
        // It is -1 where another process writes just now.
        let Ok((pages @ 0.., moved)) = run(statements, LENGTH) else { return };
        // Where the file does not get longer ahead, it does with each transaction.
        drop(grow(&self.log, pages.cast_unsigned()));
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

/// Makes the file of the log longer than the log, with zeros, which are no page of it. Each piece
/// goes to the end of the file as it is then, so that it covers nothing of another process either.
fn grow(log: &OsString, pages: u64) -> io::Result<()> {
    let mut file: File = OpenOptions::new().append(true).open(log)?;
    if file.metadata()?.len() < (pages + AHEAD) * PAGE {
        file.write_all(&vec![0; usize::try_from(AHEAD * PAGE).unwrap_or(0)])?;
    }
    Ok(())
}

/// Returns how many pages the log has, and how many of them are moved.
fn run(statements: &mut Statements<'_>, sql: &'static str) -> rusqlite::Result<(i64, i64)> {
    statements.of(sql)?.query_row([], |row| Ok((row.get(1)?, row.get(2)?)))
}
