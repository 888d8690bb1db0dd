//! Opening the file: whose it is, which format it has, and how it gets to today's.

use std::{fs, path::Path, time::Duration};

use blueprint_model::JournalError;
use rusqlite::{Connection, OpenFlags};

use crate::sqlite::{Flush, failure, owners};

/// Marks the file as ours: `blpr`.
const APPLICATION: i64 = 0x626c_7072;

/// The steps from an empty file to today's format; a file's version is the number of steps taken.
const STEPS: [&str; 3] = [
    include_str!("schema/001.sql"),
    include_str!("schema/002.sql"),
    include_str!("schema/003.sql"),
];

/// The pages after which the writer itself moves all of the log into the database: 64 MiB. A thread
/// beside it does so long before, where it can.
const MAX_LOG: u32 = 16_384;

/// How long another process may hold the file before that is an error.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Opens a store for writing; makes it where there is none.
pub(super) fn open(path: &Path, flush: Flush) -> Result<Connection, JournalError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|err| failure::file(folder, &err))?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags)?;
    if version(&connection, path)? < STEPS.len() as u64 {
        // Two processes may be the first at the same time.
        let lock = owners::setup_lock(&owners::folder(path))?;
        set_up(&connection, path)?;
        drop(lock);
    }
    let set = || {
        let mode: String =
            connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        connection.execute_batch(&format!(
            "PRAGMA synchronous = {}; PRAGMA wal_autocheckpoint = {MAX_LOG}",
            flush.pragma()
        ))?;
        Ok(mode)
    };
    match set().map_err(failure::write)?.as_str() {
        "wal" => Ok(connection),
        _ => Err(JournalError::Write(format!(
            "the file system of `{}` has no shared memory; choose a local folder",
            path.display()
        ))),
    }
}

/// Opens a store that is there, for reading.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags)?;
    connection
        .execute_batch("PRAGMA query_only = ON; PRAGMA cell_size_check = ON")
        .map_err(failure::read)?;
    Ok(connection)
}

/// Opens a store that is there, for moving its log.
pub(super) fn open_to_move(path: &Path, flush: Flush) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags)?;
    let pragma = format!("PRAGMA synchronous = {}", flush.pragma());
    connection.execute_batch(&pragma).map_err(failure::write)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, JournalError> {
    let connect = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(MAX_WAIT)?;
        Ok(connection)
    };
    connect().map_err(failure::write)
}

/// Returns the version of a file of ours; 0 if it is empty.
fn version(connection: &Connection, path: &Path) -> Result<u64, JournalError> {
    let number = |pragma| connection.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let look = || {
        // Another process may be making it: what is read is of one moment.
        let moment = connection.unchecked_transaction()?;
        let application = number("PRAGMA application_id")?;
        let version = number("PRAGMA user_version")?;
        let tables = number("SELECT count(*) FROM sqlite_schema")?;
        moment.commit()?;
        Ok((application, version, tables))
    };
    let known = STEPS.len() as u64;
    match look().map_err(failure::read)? {
        (0, 0, 0) => Ok(0),
        (APPLICATION, version, _) => match version.cast_unsigned() {
            found if found > known => Err(JournalError::UnknownVersion { found, known }),
            found => Ok(found),
        },
        _ => Err(JournalError::Read(format!(
            "`{}` belongs to another program; choose another file",
            path.display()
        ))),
    }
}

/// Takes the steps that are missing.
fn set_up(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let found = version(connection, path)?;
    if found == 0 {
        make_private(path)?;
    }
    let take = || {
        // The mode stands in the file, and cannot change within a transaction.
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        for (step, number) in STEPS.iter().zip(1_u64..).skip(usize::try_from(found).unwrap_or(0)) {
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {step}; PRAGMA application_id = {APPLICATION};
                 PRAGMA user_version = {number}; COMMIT"
            ))?;
        }
        Ok(())
    };
    take().map_err(failure::write)
}

/// Lets nobody else read the file. The database gives its companions the same rights.
#[cfg(unix)]
fn make_private(path: &Path) -> Result<(), JournalError> {
    // By name: closing a handle of our own would end the locks that SQLite holds on the file.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(path, mode).map_err(|err| failure::file(path, &err))
}

/// Elsewhere the rights of the folder hold.
#[cfg(not(unix))]
fn make_private(_path: &Path) -> Result<(), JournalError> {
    Ok(())
}
