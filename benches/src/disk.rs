//! What the disk can do without an engine: L4, a file that is flushed after each record, and L3, one
//! thread that inserts records into SQLite.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
};

use blueprint_journal::Flush;
use blueprint_model::{EventKind, event::At, format::stored, id::BlockPath};
use rusqlite::{Connection, params};

use crate::pass;

/// A file that is only appended to.
pub struct Appender {
    file: File,
    body: Vec<u8>,
}

impl Appender {
    /// Makes a file in a folder, for records with this body.
    ///
    /// # Panics
    ///
    /// Panics where the disk does not do it, as do the others here.
    pub fn new(folder: &Path, body: Vec<u8>) -> Self {
        let path = folder.join("log");
        let file = OpenOptions::new().create(true).append(true).open(path).expect("a new file");
        Self { file, body }
    }

    /// Appends records, each on the disk before the next with `Flush::Full`.
    ///
    /// # Panics
    ///
    /// Panics if the disk is full.
    pub fn append(&mut self, events: usize, flush: Flush) {
        for _ in 0..events {
            self.file.write_all(&self.body).expect("there is space");
            if flush == Flush::Full {
                self.file.sync_data().expect("there is a disk");
            }
        }
    }
}

/// One thread that inserts events into a table, and does nothing else.
pub struct Writer {
    connection: Connection,
    body: Vec<u8>,
    place: i64,
}

impl Writer {
    /// Makes a database in a folder, for records with this body.
    ///
    /// # Panics
    ///
    /// Panics where the disk does not do it.
    pub fn new(folder: &Path, flush: Flush, body: Vec<u8>) -> Self {
        let connection = Connection::open(folder.join("bare.db")).expect("a new file");
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).expect("a local folder");
        connection
            .execute_batch(&format!(
                "PRAGMA synchronous = {}; CREATE TABLE events (place INTEGER PRIMARY KEY,
                 time INTEGER NOT NULL, kind TEXT NOT NULL, body BLOB NOT NULL, sum INTEGER NOT NULL)",
                flush.as_str()
            ))
            .expect("SQL");
        Self { connection, body, place: 0 }
    }

    /// Inserts records, `at_once` in one transaction.
    ///
    /// # Panics
    ///
    /// Panics if the disk is full.
    pub fn write(&mut self, events: usize, at_once: usize) {
        let sql = "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut insert = self.connection.prepare(sql).expect("SQL");
        for from in (0..events).step_by(at_once) {
            self.connection.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
            for _ in from..events.min(from + at_once) {
                self.place += 1;
                let row = params![self.place, self.place, "block_finished", self.body, self.place];
                insert.execute(row).expect("there is space");
            }
            self.connection.execute_batch("COMMIT").expect("there is a disk");
        }
    }
}

/// Returns the body of the record that a block leaves.
pub fn body() -> Vec<u8> {
    stored::encode(&finished(1), &mut |_| String::new())
}

/// Returns the end of a block.
pub fn finished(block: u32) -> EventKind {
    EventKind::BlockFinished {
        at: At { scope: 0, block },
        block: BlockPath { scope: "".into(), id: format!("b{block}").into() },
        attempt: 1,
        outcome: "success".into(),
        result: pass::result(u64::from(block)).into(),
        message: None,
        is_return: false,
        duration_us: 1,
    }
}
