//! Notes: small values with names, kept beside the runs.

use blueprint_model::{JournalError, Value};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::sqlite::{failure, statements::Statements};

pub(super) const ALL: &str = "SELECT name, value FROM notes";
const ONE: &str = "SELECT name, value FROM notes WHERE name = ?1";
const FROM: &str = "SELECT name, value FROM notes WHERE name >= ?1 ORDER BY name";
const PUT: &str = "INSERT OR REPLACE INTO notes (name, value) VALUES (?1, ?2)";
const FORGET: &str = "DELETE FROM notes WHERE name = ?1";

/// Returns the note with this name.
pub(super) fn one(connection: &Connection, name: &str) -> Result<Option<Value>, JournalError> {
    let found = connection.query_row(ONE, [name], |row| Ok(note(row))).optional();
    Ok(found.map_err(failure::read)?.transpose()?.map(|(_, value)| value))
}

/// Returns the notes whose names begin with this, in the order of their names.
pub(super) fn beginning_with(
    connection: &Connection,
    prefix: &str,
) -> Result<Vec<(String, Value)>, JournalError> {
    let mut statement = connection.prepare(FROM).map_err(failure::read)?;
    let mut rows = statement.query([prefix]).map_err(failure::read)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failure::read)? {
        let (name, value) = note(row)?;
        if !name.starts_with(prefix) {
            break;
        }
        found.push((name, value));
    }
    Ok(found)
}

/// Keeps a note in place of an earlier one; `None` forgets it.
pub(super) fn put(
    statements: &mut Statements<'_>,
    name: &str,
    value: Option<&[u8]>,
) -> rusqlite::Result<()> {
    match value {
        Some(value) => statements.of(PUT)?.execute(params![name, value])?,
        None => statements.of(FORGET)?.execute([name])?,
    };
    Ok(())
}

/// Reads the columns name and value.
pub(super) fn note(row: &Row<'_>) -> Result<(String, Value), JournalError> {
    let read = || Ok((row.get::<_, String>(0)?, row.get_ref(1)?.as_blob()?));
    let (name, value) = read().map_err(failure::read)?;
    match serde_json::from_slice(value) {
        Ok(value) => Ok((name, value)),
        Err(err) => Err(failure::damaged(format!("note `{name}` cannot be read: {err}"))),
    }
}
