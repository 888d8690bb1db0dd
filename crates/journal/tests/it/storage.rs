//! What is in the file: large values once, nothing of what was removed, nobody else's.

use blueprint_journal::{Flush, SqliteJournal};
use blueprint_model::{
    Journal, JournalError, RunRecord,
    event::RunStatus,
    journal::{PinnedSource, Rest},
};
use rusqlite::Connection;
use serde_json::json;

use crate::sample::{
    AT, Place, add, ends, events, finishes, first, large, no_mailbox, open, record, run, starts,
    wait,
};

fn count(place: &Place, table: &str) -> i64 {
    let connection = Connection::open(place.path()).expect("it is there");
    connection
        .query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
        .expect("it is a table")
}

#[test]
fn large_values_are_stored_once_and_go_with_their_last_run() {
    wait(async {
        let place = Place::new();
        let journal = place.open();
        let shared = finishes(AT, large());
        for name in ["a", "b"] {
            let lease = open(&journal, &run(name), &record()).await;
            let own = finishes(AT, json!(name.repeat(100_000)));
            let kinds =
                vec![starts(), shared.clone(), shared.clone(), own, ends(RunStatus::Failed)];
            add(&journal, &lease, 1, kinds).await;
            journal.release(lease, Rest::Ended).await.unwrap();
        }
        // The shared value, one value of each run, and the source of both.
        assert_eq!((count(&place, "blobs"), count(&place, "blob_uses")), (4, 6));
        assert_eq!(journal.remove(&[run("a")]).await.unwrap(), 1);
        assert_eq!((count(&place, "blobs"), count(&place, "blob_uses")), (3, 3));
        assert_eq!(journal.read(&run("b")).await.unwrap().unwrap().events.len(), 6);
        assert_eq!(journal.remove(&[run("b")]).await.unwrap(), 1);
        for table in ["runs", "records", "events", "blobs", "blob_uses", "questions", "letters"] {
            assert_eq!(count(&place, table), 0, "{table}");
        }
    });
}

#[test]
fn sources_are_stored_once() {
    wait(async {
        let place = Place::new();
        let journal = place.open();
        let source = |text: &str| PinnedSource { file: "f".into(), text: text.into() };
        for (name, text) in [("a", "one"), ("b", "one"), ("c", "two")] {
            let record = RunRecord { sources: vec![source(text), source("both")], ..record() };
            open(&journal, &run(name), &record).await;
        }
        assert_eq!(count(&place, "blobs"), 3);
    });
}

#[test]
fn an_event_out_of_order_is_refused() {
    wait(async {
        let place = Place::new();
        let journal = place.open();
        let lease = open(&journal, &run("a"), &record()).await;
        for seq in [1, 3] {
            let event = &events(&run("a"), seq, vec![starts()])[0];
            assert!(matches!(journal.append(&lease, event), Err(JournalError::Write(_))));
        }
        add(&journal, &lease, 1, vec![starts(), starts()]).await;
    });
}

#[test]
fn a_run_is_opened_once() {
    wait(async {
        let place = Place::new();
        let journal = place.open();
        open(&journal, &run("a"), &record()).await;
        let again = journal.open(&run("a"), &record(), &first(&run("a")), no_mailbox()).await;
        assert_eq!(again, Err(JournalError::Write("run a is there already".into())));
    });
}

#[test]
fn files_of_others_are_refused() {
    let place = Place::new();
    let refused = || SqliteJournal::open(&place.path(), Flush::Full).err().expect("it is refused");
    std::fs::create_dir_all(place.path().parent().unwrap()).unwrap();
    std::fs::write(place.path(), "a letter to a friend ".repeat(100)).unwrap();
    assert!(matches!(refused(), JournalError::Damaged(_)));
    std::fs::remove_file(place.path()).unwrap();
    Connection::open(place.path()).unwrap().execute_batch("CREATE TABLE mails (id)").unwrap();
    let JournalError::Read(text) = refused() else { panic!("{}", refused()) };
    assert!(text.contains("belongs to another program"), "{text}");
}

#[test]
fn a_newer_version_is_refused() {
    let place = Place::new();
    drop(place.open());
    let connection = Connection::open(place.path()).unwrap();
    connection.execute_batch("PRAGMA user_version = 7").unwrap();
    let refused = SqliteJournal::open(&place.path(), Flush::Full).err();
    assert_eq!(refused, Some(JournalError::UnknownVersion { found: 7, known: 3 }));
}

#[cfg(unix)]
#[test]
fn nobody_else_reads_the_files() {
    use std::os::unix::fs::PermissionsExt;

    wait(async {
        let place = Place::new();
        let journal = place.open();
        open(&journal, &run("a"), &record()).await;
        let mode = |ending: &str| {
            let name = format!("{}{ending}", place.path().display());
            std::fs::metadata(name).unwrap().permissions().mode() & 0o777
        };
        assert_eq!(["", "-wal", "-shm"].map(mode), [0o600; 3]);
        assert_eq!(mode("-owners"), 0o700);
    });
}

#[test]
fn many_events_at_once_come_in_order() {
    wait(async {
        let place = Place::new();
        let journal = place.open();
        let lease = open(&journal, &run("a"), &record()).await;
        let kinds = (0..3_000).map(|n| finishes(AT, json!(n))).collect();
        add(&journal, &lease, 1, kinds).await;
        let history = journal.read(&run("a")).await.unwrap().unwrap();
        assert!(history.events.iter().zip(1..).all(|(event, seq)| event.seq == seq));
        assert_eq!(history.events.len(), 3_001);
    });
}

#[test]
fn events_are_read_before_and_after_they_are_moved_to_their_place() {
    let place = Place::new();
    wait(async {
        let journal = place.open();
        let mut written = Vec::new();
        for name in ["a", "b"] {
            let lease = open(&journal, &run(name), &record()).await;
            let kinds = vec![starts(), finishes(AT, json!(1)), starts(), finishes(AT, large())];
            add(&journal, &lease, 1, kinds).await;
            journal.release(lease, Rest::Abandoned).await.unwrap();
            written.push(journal.read(&run(name)).await.unwrap().unwrap().events);
        }
        drop(journal);
        // The end of the first, and the middle of the second.
        place.leave_recent("place BETWEEN (1 << 32) + 4 AND (1 << 32) + 5");
        place.leave_recent("place BETWEEN (2 << 32) + 2 AND (2 << 32) + 3");
        assert_eq!((count(&place, "events"), count(&place, "recent")), (6, 4));

        let journal = place.open();
        for (name, events) in ["a", "b"].into_iter().zip(&written) {
            assert!(journal.read(&run(name)).await.unwrap().unwrap().events == *events, "{name}");
        }
        assert_eq!(journal.verify().unwrap().damage, [""; 0]);
        drop(journal);
        assert_eq!((count(&place, "events"), count(&place, "recent")), (10, 0));

        let journal = place.open();
        for (name, events) in ["a", "b"].into_iter().zip(&written) {
            assert!(journal.read(&run(name)).await.unwrap().unwrap().events == *events, "{name}");
        }
        assert_eq!(journal.verify().unwrap().damage, [""; 0]);
    });
}

#[test]
fn a_run_is_forgotten_with_its_events_that_have_no_place_yet() {
    let place = Place::new();
    wait(async {
        let journal = place.open();
        let lease = open(&journal, &run("a"), &record()).await;
        add(&journal, &lease, 1, vec![starts(), ends(RunStatus::Failed)]).await;
        journal.release(lease, Rest::Ended).await.unwrap();
        drop(journal);
        place.leave_recent("place BETWEEN (1 << 32) + 2 AND (1 << 32) + 3");

        let journal = place.open();
        assert_eq!(journal.remove(&[run("a")]).await.unwrap(), 1);
        drop(journal);
        assert_eq!((count(&place, "events"), count(&place, "recent")), (0, 0));
    });
}

#[test]
fn events_of_many_runs_at_once_are_all_there() {
    let place = Place::new();
    let names: Vec<String> = (0..20).map(|n| format!("run-{n}")).collect();
    wait(async {
        let journal = place.open();
        let mut leases = Vec::new();
        for name in &names {
            leases.push(open(&journal, &run(name), &record()).await);
        }
        for seq in (2..300).step_by(2) {
            for lease in &leases {
                for event in events(&lease.run, seq, vec![starts(), finishes(AT, json!(seq))]) {
                    journal.append(lease, &event).unwrap();
                }
            }
            // Whose events are the last is written with all before it.
            journal.flush(&leases[19]).await.unwrap();
        }
        for (name, lease) in names.iter().zip(&leases) {
            assert_eq!(journal.durable(lease), 299, "{name}");
            assert_eq!(journal.read(&run(name)).await.unwrap().unwrap().events.len(), 299);
        }
        drop(journal);
        assert_eq!((count(&place, "events"), count(&place, "recent")), (20 * 299, 0));
        assert_eq!(place.open().verify().unwrap().damage, [""; 0]);
    });
}
