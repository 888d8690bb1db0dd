//! What needs a look inside: a disk that is full, and letters that cannot be read.

use std::{path::PathBuf, sync::Arc};

use blueprint_model::{
    Event, EventKind, Journal, JournalError, RunId, RunRecord, Value,
    block::Level,
    event::At,
    id::BlockPath,
    journal::{Claimed, Lease, Opened},
};
use jiff::Timestamp;

use super::*;

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a thread is here")
        .block_on(future)
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a new folder");
    let path = folder.path().join("runs.db");
    (folder, path)
}

/// Opens a store on a disk that has room for so many pages only.
fn open_small(path: &Path, pages: u32) -> SqliteJournal {
    let connection = schema::open(path, Flush::Normal).expect("a folder of our own");
    connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).expect("SQL");
    SqliteJournal::start(connection, path, Flush::Normal).expect("a thread")
}

fn record() -> RunRecord {
    RunRecord {
        blueprint: "orders".into(),
        trigger: "cli".into(),
        started: Timestamp::UNIX_EPOCH,
        deadline: None,
        key: None,
        sources: Vec::new(),
        handles: None,
        setup: Value::Null,
    }
}

fn begin(journal: &SqliteJournal, run: &str) -> Lease {
    let (id, record) = (RunId::new(run), record());
    match wait(journal.open(&id, &record, &log(&id, 1, String::new()), Arc::new(|_| ()))) {
        Ok(Opened::New(lease)) => lease,
        other => panic!("{other:?}"),
    }
}

fn log(run: &RunId, seq: u64, text: String) -> Event {
    let block = BlockPath { scope: "".into(), id: "b".into() };
    let kind = EventKind::Log { at: At { scope: 0, block: 0 }, block, level: Level::Info, text };
    Event { run: run.clone(), seq, time: Timestamp::UNIX_EPOCH, kind }
}

fn full() -> Result<(), JournalError> {
    Err(JournalError::Write("the disk is full".into()))
}

#[test]
fn a_full_disk_is_said_and_the_store_opens_again() {
    let (_folder, path) = place();
    let journal = open_small(&path, 60);
    let lease = begin(&journal, "a");
    let mut stored = 1;
    let failed = (2..1_000).find_map(|seq| {
        journal.append(&lease, &log(&lease.run, seq, "x".repeat(10_000))).ok()?;
        let flushed = wait(journal.flush(&lease));
        stored += u64::from(flushed.is_ok());
        flushed.is_err().then_some(flushed)
    });
    assert_eq!(failed, Some(full()));
    assert!(stored > 5, "{stored}");
    assert_eq!(journal.durable(&lease), stored);
    // Nothing after what was lost is taken, and nobody is told otherwise.
    assert_eq!(journal.append(&lease, &log(&lease.run, stored + 2, String::new())), full());
    assert_eq!(wait(journal.flush(&lease)), full());
    assert_eq!(wait(journal.release(lease, Rest::Ended)), full());
    drop(journal);

    let journal = SqliteJournal::open(&path, Flush::Full).expect("there is room again");
    let run = RunId::new("a");
    let history = wait(journal.read(&run)).expect("it is whole").expect("it is there");
    assert_eq!(history.events.len() as u64, stored);
    let Ok(Claimed::Yes(lease)) = wait(journal.claim(&run, Arc::new(|_| ()))) else {
        panic!("nobody works on it")
    };
    journal.append(&lease, &log(&run, stored + 1, "again".into())).expect("it goes on");
    assert_eq!(wait(journal.flush(&lease)), Ok(()));
    assert_eq!(journal.verify().expect("it can be read").damage, [""; 0]);
}

#[test]
fn a_run_that_asks_for_too_much_fails_alone() {
    let (_folder, path) = place();
    let journal = open_small(&path, 100);
    let (small, large) = (begin(&journal, "small"), begin(&journal, "large"));
    journal.append(&large, &log(&large.run, 2, "x".repeat(1 << 20))).expect("it is taken");
    for seq in 2..=60 {
        journal.append(&small, &log(&small.run, seq, "x".into())).expect("it is taken");
    }
    assert_eq!(wait(journal.flush(&large)), full());
    assert_eq!(wait(journal.flush(&small)), Ok(()));
    let history = wait(journal.read(&small.run)).expect("it is whole").expect("it is there");
    assert_eq!(history.events.len(), 60);
}

#[test]
fn opening_a_run_on_a_full_disk_says_so() {
    let (_folder, path) = place();
    drop(SqliteJournal::open(&path, Flush::Normal));
    let journal = open_small(&path, 1);
    let id = RunId::new("a");
    let record = RunRecord { trigger: "x".repeat(100_000), ..record() };
    let opened = wait(journal.open(&id, &record, &log(&id, 1, String::new()), Arc::new(|_| ())));
    assert_eq!(opened.map(|_| ()), full());
    assert_eq!(wait(journal.read(&id)), Ok(None));
    assert!(journal.shared.leases.is_empty());
}
