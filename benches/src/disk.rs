//! What SQLite can do without an engine: L3, one thread that inserts records into a table.

use std::path::Path;

use blueprint_journal::Flush;
use rusqlite::{Connection, params};

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
    /// Panics where the disk does not do it, as below.
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
