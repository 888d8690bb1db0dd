//! Looking at everything: is each page, each event and each value what was written?

use blueprint_model::JournalError;
use rusqlite::Connection;

use crate::sqlite::{blobs, failure, letters, notes, owners::Alive, reader};

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// How many runs there are.
    pub runs: u64,
    /// How many events they have.
    pub events: u64,
    /// How many large values and texts there are.
    pub values: u64,
    /// What is damaged, a sentence each. Empty: nothing is.
    pub damage: Vec<String>,
}

/// Looks at everything.
pub(super) fn verify(
    connection: &Connection,
    alive: &mut Alive<'_>,
) -> Result<Verified, JournalError> {
    let mut verified = Verified::default();
    if let Err(err) = look(connection, alive, &mut verified) {
        verified.note(err)?;
    }
    Ok(verified)
}

fn look(
    connection: &Connection,
    alive: &mut Alive<'_>,
    verified: &mut Verified,
) -> Result<(), JournalError> {
    let moment = connection.unchecked_transaction().map_err(failure::read)?;
    let pages = strings(connection, "PRAGMA integrity_check")?;
    verified.damage.extend(pages.into_iter().filter(|page| page != "ok"));
    for run in reader::all(connection, alive)? {
        verified.runs += 1;
        let checked = reader::record(connection, &run).and_then(|(_, first)| {
            reader::events_of(connection, &run, first, &mut |_| verified.events += 1)
        });
        if let Err(err) = checked {
            verified.note(err)?;
        }
    }
    values(connection, verified)?;
    waiting_letters(connection, verified)?;
    all_notes(connection, verified)?;
    drop(moment);
    Ok(())
}

/// Looks at the large values and texts.
fn values(connection: &Connection, verified: &mut Verified) -> Result<(), JournalError> {
    let mut statement =
        connection.prepare("SELECT hash, bytes FROM blobs").map_err(failure::read)?;
    let mut rows = statement.query([]).map_err(failure::read)?;
    while let Some(row) = rows.next().map_err(failure::read)? {
        verified.values += 1;
        let read = || Ok((row.get::<_, [u8; 32]>(0)?, row.get_ref(1)?.as_blob()?));
        let (hash, bytes) = read().map_err(failure::read)?;
        if blobs::hash(bytes) != hash {
            verified.damage.push("a large value is not what was written".into());
        }
    }
    Ok(())
}

/// Looks at the letters that wait.
fn waiting_letters(connection: &Connection, verified: &mut Verified) -> Result<(), JournalError> {
    let mut statement = connection
        .prepare("SELECT id, kind, scope, block, answer FROM letters")
        .map_err(failure::read)?;
    let mut rows = statement.query([]).map_err(failure::read)?;
    while let Some(row) = rows.next().map_err(failure::read)? {
        if let Err(err) = letters::letter(row) {
            verified.note(err)?;
        }
    }
    Ok(())
}

/// Looks at the notes.
fn all_notes(connection: &Connection, verified: &mut Verified) -> Result<(), JournalError> {
    let mut statement = connection.prepare(notes::ALL).map_err(failure::read)?;
    let mut rows = statement.query([]).map_err(failure::read)?;
    while let Some(row) = rows.next().map_err(failure::read)? {
        if let Err(err) = notes::note(row) {
            verified.note(err)?;
        }
    }
    Ok(())
}

impl Verified {
    /// Keeps damage; other errors say nothing about what is stored.
    fn note(&mut self, err: JournalError) -> Result<(), JournalError> {
        match err {
            JournalError::Damaged(text) => {
                self.damage.push(text);
                Ok(())
            }
            other => Err(other),
        }
    }
}

fn strings(connection: &Connection, sql: &str) -> Result<Vec<String>, JournalError> {
    let look = || {
        let mut statement = connection.prepare(sql)?;
        statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()
    };
    look().map_err(failure::read)
}
