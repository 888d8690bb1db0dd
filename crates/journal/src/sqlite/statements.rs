//! Statements, each prepared once.

use std::collections::{BTreeMap, btree_map::Entry};

use rusqlite::{Connection, Statement};

/// Statements of one connection, by their text.
pub(super) struct Statements<'c> {
    connection: &'c Connection,
    prepared: BTreeMap<&'static str, Statement<'c>>,
}

impl<'c> Statements<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, prepared: BTreeMap::new() }
    }

    pub(super) fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// Returns the statement with this text.
    pub(super) fn of(&mut self, sql: &'static str) -> rusqlite::Result<&mut Statement<'c>> {
        match self.prepared.entry(sql) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(self.connection.prepare(sql)?)),
        }
    }
}
