//! Notes: small values with names, beside the runs.

use blueprint_journal::{Flush, MemoryJournal, SqliteJournal};
use blueprint_model::{Journal, Value};
use serde_json::json;

use crate::{
    contract::with_each,
    sample::{Place, events, open, record, run, starts, wait},
};

/// Returns the names of the notes whose names begin with this.
async fn names(journal: &dyn Journal, prefix: &str) -> Vec<String> {
    let found = journal.notes(prefix).await.expect("it is whole");
    found.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn notes_are_kept_replaced_and_forgotten() {
    with_each(&async |journal| {
        assert_eq!(journal.note("a").await, Ok(None));
        journal.put_note("a", None).await.unwrap();
        let values = [
            json!({ "hash": "é\u{0}", "n": [1, 2.5, u64::MAX, null, true] }),
            Value::Null,
            json!("x".repeat(100_000)),
            json!(1),
        ];
        for value in values {
            journal.put_note("a", Some(&value)).await.unwrap();
            assert_eq!(journal.note("a").await, Ok(Some(value.clone())));
            assert_eq!(journal.notes("").await, Ok(vec![("a".into(), value)]));
        }
        journal.put_note("b", Some(&json!(2))).await.unwrap();
        journal.put_note("a", None).await.unwrap();
        assert_eq!(journal.note("a").await, Ok(None));
        assert_eq!(journal.notes("").await, Ok(vec![("b".into(), json!(2))]));
    });
}

#[test]
fn notes_are_found_by_the_begin_of_their_names() {
    with_each(&async |journal| {
        let all =
            ["", "%", "%a", "A", "_", "_a", "a", "a%", "a%b", "a_", "a_b", "ab", "b", "é", "éa"];
        for name in all.into_iter().rev() {
            journal.put_note(name, Some(&json!(name))).await.unwrap();
        }
        assert_eq!(names(journal, "").await, all);
        assert_eq!(names(journal, "%").await, ["%", "%a"]);
        assert_eq!(names(journal, "_").await, ["_", "_a"]);
        assert_eq!(names(journal, "a").await, ["a", "a%", "a%b", "a_", "a_b", "ab"]);
        assert_eq!(names(journal, "a%").await, ["a%", "a%b"]);
        assert_eq!(names(journal, "a_").await, ["a_", "a_b"]);
        assert_eq!(names(journal, "é").await, ["é", "éa"]);
        assert_eq!(names(journal, "c").await, [""; 0]);
        assert_eq!(names(journal, "éaa").await, [""; 0]);
        assert_eq!(journal.note("a_b").await, Ok(Some(json!("a_b"))));
        assert_eq!(journal.note("A_B").await, Ok(None));
    });
}

#[test]
fn a_note_goes_with_events_that_wait() {
    with_each(&async |journal| {
        let lease = open(journal, &run("a"), &record()).await;
        for seq in 2..40 {
            journal.append(&lease, &events(&run("a"), seq, vec![starts()])[0]).unwrap();
            journal.put_note("seq", Some(&json!(seq))).await.unwrap();
            assert_eq!(journal.note("seq").await, Ok(Some(json!(seq))));
        }
        journal.flush(&lease).await.unwrap();
        assert_eq!(journal.read(&run("a")).await.unwrap().unwrap().events.len(), 39);
    });
}

#[test]
fn a_store_that_forgets_runs_keeps_notes() {
    wait(async {
        let journal = MemoryJournal::forgetful();
        journal.put_note("a", Some(&json!(1))).await.unwrap();
        assert_eq!(journal.note("a").await, Ok(Some(json!(1))));
    });
}

#[test]
fn another_process_sees_notes_at_once() {
    for flush in Flush::ALL {
        let place = Place::new();
        let open = || SqliteJournal::open(&place.path(), flush).expect("a folder of our own");
        let (first, second) = (open(), open());
        wait(async {
            for n in 0..20 {
                let (here, there) = if n % 2 == 0 { (&first, &second) } else { (&second, &first) };
                here.put_note("n", Some(&json!(n))).await.unwrap();
                assert_eq!(there.note("n").await, Ok(Some(json!(n))));
                here.put_note(&format!("own/{n}"), Some(&json!(n))).await.unwrap();
                assert_eq!(names(there, "own/").await.len(), n + 1);
            }
            first.put_note("n", None).await.unwrap();
            assert_eq!(second.note("n").await, Ok(None));
        });
    }
}

#[test]
fn two_processes_that_write_notes_do_not_lose_any() {
    let place = Place::new();
    let stores = [place.open(), place.open()];
    std::thread::scope(|scope| {
        for (number, store) in stores.iter().enumerate() {
            scope.spawn(move || {
                wait(async {
                    for n in 0..50 {
                        let name = format!("{number}/{n:02}");
                        store.put_note(&name, Some(&json!(n))).await.unwrap();
                    }
                });
            });
        }
    });
    for store in &stores {
        assert_eq!(wait(names(store, "")).len(), 100);
    }
}

#[test]
fn notes_outlive_the_process_whatever_a_flush_waits_for() {
    for flush in Flush::ALL {
        let place = Place::new();
        let killed = SqliteJournal::open(&place.path(), flush).expect("a folder of our own");
        wait(async {
            killed.put_note("kept", Some(&json!(1))).await.unwrap();
            killed.put_note("gone", Some(&json!(1))).await.unwrap();
            killed.put_note("gone", None).await.unwrap();
            assert_eq!(names(&place.copy().open(), "").await, ["kept"]);
        });
    }
}
