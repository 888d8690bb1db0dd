//! Letters: how they are stored, and how they reach a run that is worked on here.

use std::sync::{Arc, PoisonError};

use blueprint_model::{JournalError, event::At, journal::Letter};
use rusqlite::{Row, params};

use crate::sqlite::{failure, live::Live, statements::Statements};

const ADD: &str =
    "INSERT INTO letters (slot, kind, scope, block, answer) VALUES (?1, ?2, ?3, ?4, ?5)";
const AFTER: &str = "SELECT id, slot FROM letters WHERE id > ?1 ORDER BY id";
const OF_RUN: &str = "SELECT id, kind, scope, block, answer FROM letters
     WHERE slot = ?1 AND id > ?2 ORDER BY id";
const VERSION: &str = "PRAGMA data_version";

/// Keeps a letter.
pub(super) fn add(
    statements: &mut Statements<'_>,
    slot: i64,
    letter: &Letter,
) -> rusqlite::Result<()> {
    let (kind, at, answer) = match letter {
        Letter::Cancel => ("cancel", None, None),
        Letter::Answer { at, answer } => ("answer", Some(at), Some(answer.to_string())),
    };
    let (scope, block) = (at.map(|at| at.scope), at.map(|at| at.block));
    let answer = answer.map(String::into_bytes);
    statements.of(ADD)?.execute(params![slot, kind, scope, block, answer])?;
    Ok(())
}

/// Returns a number that changes when another connection has changed the file.
pub(super) fn version(statements: &mut Statements<'_>) -> rusqlite::Result<i64> {
    statements.of(VERSION)?.query_row([], |row| row.get(0))
}

/// Returns the letters after this one, with the slots of their runs.
pub(super) fn after(statements: &mut Statements<'_>, id: i64) -> rusqlite::Result<Vec<(i64, i64)>> {
    statements.of(AFTER)?.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Hands over the letters that a run has not seen yet. What cannot be read stays where it is.
pub(super) fn hand_over(statements: &mut Statements<'_>, live: &Arc<Live>) {
    // Held to the end: whoever else hands over finds these seen.
    let mut seen = live.seen.lock().unwrap_or_else(PoisonError::into_inner);
    let slot = live.lease.slot.cast_signed();
    let Ok(letters) = of_run(statements, slot, *seen) else { return };
    for (id, letter) in letters {
        *seen = id;
        (live.mailbox)(letter);
    }
}

fn of_run(
    statements: &mut Statements<'_>,
    slot: i64,
    seen: i64,
) -> Result<Vec<(i64, Letter)>, JournalError> {
    let statement = statements.of(OF_RUN).map_err(failure::read)?;
    let mut rows = statement.query(params![slot, seen]).map_err(failure::read)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failure::read)? {
        found.push(letter(row)?);
    }
    Ok(found)
}

/// Reads the columns id, kind, scope, block and answer.
pub(super) fn letter(row: &Row<'_>) -> Result<(i64, Letter), JournalError> {
    let read = || Ok((row.get(0)?, row.get_ref(1)?.as_str()? == "cancel"));
    let (id, is_cancel) = read().map_err(failure::read)?;
    if is_cancel {
        return Ok((id, Letter::Cancel));
    }
    // Whatever else there is must be an answer.
    let read = || Ok((At { scope: row.get(2)?, block: row.get(3)? }, row.get_ref(4)?.as_blob()?));
    let (at, answer) = read().map_err(failure::read)?;
    let answer = serde_json::from_slice(answer)
        .map_err(|err| failure::damaged(format!("letter {id} cannot be read: {err}")))?;
    Ok((id, Letter::Answer { at, answer: Arc::new(answer) }))
}
