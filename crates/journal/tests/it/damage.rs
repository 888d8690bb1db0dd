//! Damage is found and named: no event is missing or other without a word.

use std::{fs, path::PathBuf};

use blueprint_journal::{Flush, SqliteJournal};
use blueprint_model::{Event, Journal, JournalError, event::RunStatus, journal::Rest};
use rusqlite::Connection;
use serde_json::json;

use crate::sample::{AT, Place, add, ends, finishes, large, open, record, run, wait};

/// Stores a run of six events and another one, and closes the store.
fn stored() -> Place {
    let place = Place::new();
    wait(async {
        let journal = place.open();
        for name in ["a", "b"] {
            let lease = open(&journal, &run(name), &record()).await;
            let kinds = vec![
                finishes(AT, json!({ "n": 1, "text": "some words" })),
                finishes(AT, large()),
                finishes(AT, json!([1, 2, 3])),
                finishes(AT, json!(5)),
                ends(RunStatus::Succeeded),
            ];
            add(&journal, &lease, 1, kinds).await;
            journal.release(lease, Rest::Ended).await.expect("it is written");
        }
    });
    place
}

fn change(place: &Place, sql: &str) {
    let connection = Connection::open(place.path()).expect("it is there");
    connection.execute_batch(sql).expect("SQL");
}

/// Changes the store, and checks what reading the run says.
#[track_caller]
fn check(sql: &str, expected: &str) {
    let place = stored();
    change(&place, sql);
    let journal = place.open();
    let read = wait(journal.read(&run("a")));
    let Err(JournalError::Damaged(text)) = read else { panic!("{sql}: {:?}", read.map(|_| ())) };
    assert!(text.starts_with(expected), "{sql}: {text}");
    assert!(text.ends_with("restore it from a backup, or move it away to begin a new one"));
    assert_eq!(wait(journal.read(&run("b"))).map(|it| it.is_some()), Ok(true), "{sql}");
    assert_eq!(journal.verify().expect("it can be read").damage, [text], "{sql}");
}

const FIRST: i64 = 1 << 32;

#[test]
fn every_changed_byte_of_an_event_is_found() {
    let place = stored();
    let connection = Connection::open(place.path()).unwrap();
    for seq in 1..=6 {
        let at = FIRST + seq;
        let select = format!("SELECT body FROM events WHERE place = {at}");
        let body: Vec<u8> = connection.query_row(&select, [], |row| row.get(0)).unwrap();
        let journal = place.open();
        for byte in 0..body.len() {
            let mut changed = body.clone();
            changed[byte] ^= 1 << (byte % 8);
            let update = format!("UPDATE events SET body = ?1 WHERE place = {at}");
            connection.execute(&update, [&changed]).unwrap();
            let Err(JournalError::Damaged(text)) = wait(journal.read(&run("a"))) else {
                panic!("byte {byte} of event {seq}")
            };
            assert!(text.starts_with(&format!("event {seq} of run a ")), "{text}");
        }
        let update = format!("UPDATE events SET body = ?1 WHERE place = {at}");
        connection.execute(&update, [&body]).unwrap();
        assert!(wait(journal.read(&run("a"))).is_ok());
    }
}

#[test]
fn every_part_of_an_event_is_covered() {
    let event = format!("UPDATE events SET {{}} WHERE place = {}", FIRST + 2);
    let set = |what: &str| event.replace("{}", what);
    check(&set("time = time + 1"), "event 2 of run a is not what was written");
    check(&set("kind = 'log'"), "event 2 of run a is not what was written");
    check(&set("sum = sum + 1"), "event 2 of run a is not what was written");
    check(&set("body = body || ' '"), "event 2 of run a cannot be read");
    check(&set("body = x''"), "event 2 of run a is not what was written");
    check(&set("body = 7"), "event 2 of run a cannot be read");
}

#[test]
fn missing_and_moved_events_are_found() {
    let delete = |seq: i64| format!("DELETE FROM events WHERE place = {}", FIRST + seq);
    check(&delete(1), "event 1 of run a is gone");
    check(&delete(3), "event 3 of run a is gone");
    check(&delete(6), "event 6 of run a is gone");
    check(&format!("DELETE FROM events WHERE place < {}", 2 * FIRST), "event 1 of run a is gone");
    let body = |seq: i64| format!("(SELECT body FROM events WHERE place = {})", FIRST + seq);
    let swap = format!(
        "CREATE TEMP TABLE t AS SELECT {} AS a, {} AS b;
         UPDATE events SET body = (SELECT b FROM t) WHERE place = {};
         UPDATE events SET body = (SELECT a FROM t) WHERE place = {}",
        body(4),
        body(5),
        FIRST + 4,
        FIRST + 5
    );
    check(&swap, "event 4 of run a is not what was written");
    let other = format!("UPDATE events SET place = {} WHERE place = {}", FIRST + 7, FIRST + 6);
    check(&other, "event 6 of run a is gone");
    let twice = format!(
        "INSERT INTO events SELECT place + 1, time, kind, body, sum FROM events WHERE place = {}",
        FIRST + 6
    );
    check(&twice, "event 7 of run a is not what was written");
}

#[test]
fn a_changed_record_is_found() {
    check("DELETE FROM records WHERE slot = 1", "the record of run a is gone");
    let change = "UPDATE records SET body = replace(body, 'cli', 'api') WHERE slot = 1";
    check(
        &format!("{change}; UPDATE records SET body = CAST(body AS BLOB)"),
        "the record of run a is that of another",
    );
    let setup = "UPDATE records SET body = CAST(replace(body, 'orders.yaml', 'Orders.yaml') AS BLOB) WHERE slot = 1";
    check(setup, "event 1 of run a is not what was written");
    check(
        "UPDATE runs SET sum = sum + 1 WHERE slot = 1",
        "event 6 of run a is not what was written",
    );
    check("UPDATE runs SET events = 5 WHERE slot = 1", "event 6 of run a is not what was written");
    check("UPDATE runs SET phase = 'merry' WHERE slot = 1", "run a is in no phase");
}

#[test]
fn a_changed_value_is_found() {
    for sql in [
        "UPDATE blobs SET bytes = CAST('1' AS BLOB) WHERE length(bytes) > 1000",
        "DELETE FROM blobs WHERE length(bytes) > 1000",
    ] {
        let place = stored();
        change(&place, sql);
        let journal = place.open();
        let read = wait(journal.read(&run("a")));
        let Err(JournalError::Damaged(text)) = read else { panic!("{sql}") };
        assert!(text.starts_with("event 3 of run a cannot be read"), "{text}");
        assert!(!journal.verify().unwrap().damage.is_empty());
    }
}

#[test]
fn a_changed_letter_is_found() {
    let place = stored();
    change(
        &place,
        "INSERT INTO letters (slot, kind, scope, block, answer) VALUES (1, 'answer', 0, 0, x'7b')",
    );
    let damage = place.open().verify().expect("it can be read").damage;
    assert!(
        matches!(&damage[..], [text] if text.starts_with("letter 1 cannot be read")),
        "{damage:?}"
    );
}

#[test]
fn a_changed_note_is_found_and_leaves_the_others() {
    let place = stored();
    change(&place, "INSERT INTO notes VALUES ('a', '1'), ('b', x'7b'), ('c', CAST('2' AS BLOB))");
    let journal = place.open();
    let damage = journal.verify().expect("it can be read").damage;
    assert_eq!(damage.len(), 2, "{damage:?}");
    assert!(damage[1].starts_with("note `b` cannot be read"), "{damage:?}");
    assert!(matches!(wait(journal.note("b")), Err(JournalError::Damaged(_))));
    assert_eq!(wait(journal.note("c")), Ok(Some(json!(2))));
}

/// Opens a store that may be damaged and reads a run; checks that its events are what was written,
/// or the first of them, or that damage is reported.
#[track_caller]
fn check_torn(place: &Place, all: &[Event], what: &str) -> usize {
    let journal = match SqliteJournal::open(&place.path(), Flush::Off) {
        Ok(journal) => journal,
        Err(JournalError::Damaged(_) | JournalError::Read(_) | JournalError::Write(_)) => return 0,
        Err(err) => panic!("{what}: {err}"),
    };
    match wait(journal.read(&run("a"))) {
        Ok(Some(history)) => {
            let count = history.events.len();
            assert_eq!(history.summary.events, count as u64, "{what}");
            assert!(history.events == all[..count], "{what}");
            count
        }
        Ok(None) | Err(JournalError::Damaged(_) | JournalError::Read(_)) => 0,
        Err(err) => panic!("{what}: {err}"),
    }
}

#[test]
fn a_torn_log_gives_the_transactions_before() {
    let place = Place::new();
    let journal = place.open();
    let all = wait(async {
        let lease = open(&journal, &run("a"), &record()).await;
        for seq in 1..=12 {
            add(&journal, &lease, seq, vec![finishes(AT, json!("x".repeat(300 * seq as usize)))])
                .await;
        }
        journal.read(&run("a")).await.unwrap().unwrap().events
    });
    let wal = |place: &Place| PathBuf::from(format!("{}-wal", place.path().display()));
    let whole = fs::read(wal(&place)).unwrap();
    let (head, frame) = (32, 24 + 4096);
    let frames = (whole.len() - head) / frame;
    assert!(frames > 20, "{frames}");
    let mut counts = Vec::new();
    for at in 0..=frames {
        for more in [0, 1, 24, 2_000] {
            let length = (head + at * frame + more).min(whole.len());
            let copy = place.copy();
            fs::write(wal(&copy), &whole[..length]).unwrap();
            counts.push(check_torn(&copy, &all, &format!("log of {length} bytes")));
            // A page of which a part was written.
            let mut torn = whole.clone();
            torn[length.saturating_sub(1)..].fill(0);
            fs::write(wal(&copy), torn).unwrap();
            check_torn(&copy, &all, &format!("log of {length} bytes, then none"));
        }
    }
    assert!(counts.is_sorted(), "{counts:?}");
    assert_eq!(counts.last(), Some(&13));
    drop(journal);
}

#[test]
fn a_cut_file_is_found() {
    let place = stored();
    let whole = fs::read(place.path()).unwrap();
    let all = wait(place.open().read(&run("a"))).unwrap().unwrap().events;
    for length in (0..whole.len()).step_by(1_024).chain([1, 99, 100, 101, whole.len() - 1]) {
        let copy = Place::new();
        fs::create_dir_all(copy.path().parent().unwrap()).unwrap();
        fs::write(copy.path(), &whole[..length]).unwrap();
        let count = check_torn(&copy, &all, &format!("file of {length} bytes"));
        assert!(count == 0 || count == all.len(), "file of {length} bytes: {count}");
    }
}

#[test]
fn a_changed_byte_of_the_file_is_found_or_does_no_harm() {
    let place = stored();
    let whole = fs::read(place.path()).unwrap();
    let all = wait(place.open().read(&run("a"))).unwrap().unwrap().events;
    // A step that falls on other places of each page.
    for at in (0..whole.len()).step_by(397) {
        let copy = Place::new();
        fs::create_dir_all(copy.path().parent().unwrap()).unwrap();
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        fs::write(copy.path(), changed).unwrap();
        let count = check_torn(&copy, &all, &format!("byte {at}"));
        assert!(count == 0 || count == all.len(), "byte {at}: {count}");
    }
}
