//! What the database says went wrong, as what a caller can do about it.

use std::{io, path::Path};

use blueprint_model::{JournalError, RunId};
use rusqlite::ErrorCode;

/// What to do about a store that is not as it was written.
const NEXT: &str = "restore it from a backup, or move it away to begin a new one";

/// Why a task was not done.
pub(super) enum Fault {
    /// The database gave up: the transaction is undone.
    Sql(rusqlite::Error),
    /// Nothing was written, and this is why.
    Told(JournalError),
}

impl From<rusqlite::Error> for Fault {
    fn from(err: rusqlite::Error) -> Self {
        Self::Sql(err)
    }
}

impl From<Fault> for JournalError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Sql(err) => read(err),
            Fault::Told(err) => err,
        }
    }
}

/// Returns why something could not be written.
pub(super) fn write(err: rusqlite::Error) -> JournalError {
    say(err, JournalError::Write)
}

/// Returns why something could not be read.
pub(super) fn read(err: rusqlite::Error) -> JournalError {
    say(err, JournalError::Read)
}

/// Returns why a file beside the store could not be used.
pub(super) fn file(path: &Path, err: &io::Error) -> JournalError {
    JournalError::Write(format!("`{}`: {err}", path.display()))
}

/// Returns that something is not what was written.
pub(super) fn damaged(what: impl std::fmt::Display) -> JournalError {
    JournalError::Damaged(format!("{what}: {NEXT}"))
}

/// Returns that an event is not what was written.
pub(super) fn damaged_event(run: &RunId, seq: u64, why: impl std::fmt::Display) -> JournalError {
    damaged(format!("event {seq} of run {run} {why}"))
}

fn say(err: rusqlite::Error, otherwise: impl Fn(String) -> JournalError) -> JournalError {
    let (failure, text) = match err {
        rusqlite::Error::SqliteFailure(failure, text) => (failure, text),
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..) => return damaged(err),
        other => return otherwise(other.to_string()),
    };
    let text = text.unwrap_or_else(|| failure.to_string());
    match failure.code {
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => damaged(text),
        ErrorCode::DiskFull => otherwise("the disk is full".into()),
        ErrorCode::SystemIoFailure => otherwise(format!(
            "the disk reports an error ({text}, number {}); is there space left?",
            failure.extended_code
        )),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            otherwise("another process has held it for too long".into())
        }
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => otherwise(
            "it may not be written to: look at the rights of the file and its folder".into(),
        ),
        ErrorCode::CannotOpen => {
            otherwise("it cannot be opened: look at the rights of the file and its folder".into())
        }
        _ => otherwise(text),
    }
}
