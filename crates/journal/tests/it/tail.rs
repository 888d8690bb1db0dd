//! Some events of a run: pages of them, and the new ones while it goes on.

use std::collections::BTreeMap;

use blueprint_journal::{MemoryJournal, SqliteJournal};
use blueprint_model::{
    Event, Journal, JournalError, RunId,
    event::RunStatus,
    journal::{Head, Phase, Rest},
};
use rusqlite::Connection;
use serde_json::json;

use crate::{
    contract::with_each,
    sample::{
        AT, Place, add, ends, events, every_kind, finishes, full_record, large, open, record, run,
        starts, wait,
    },
};

/// Checks pages of every length from every event on.
async fn check_pages(journal: &dyn Journal, id: &RunId, all: &[Event]) {
    for after in 0..=all.len() {
        for limit in 0..=all.len() - after {
            let found = journal.events(id, after as u64, limit).await.expect("it is whole");
            assert!(found == all[after..after + limit], "{id}: {limit} after {after}");
        }
        let rest = journal.events(id, after as u64, usize::MAX).await.expect("it is whole");
        assert!(rest == all[after..], "{id}: all after {after}");
    }
    for after in [all.len() as u64 + 1, 1 << 32, u64::MAX] {
        assert_eq!(journal.events(id, after, 5).await, Ok(Vec::new()));
    }
}

/// Returns what is new after these events, and puts it to them.
async fn follow(journal: &dyn Journal, id: &RunId, seen: &mut Vec<Event>, limit: usize) -> usize {
    let new = journal.events(id, seen.len() as u64, limit).await.expect("it is whole");
    let count = new.len();
    seen.extend(new);
    count
}

#[test]
fn a_head_is_a_run_without_its_events() {
    with_each(&async |journal| {
        let lease = open(journal, &run("a"), &full_record()).await;
        add(journal, &lease, 1, vec![starts()]).await;
        let history = journal.read(&run("a")).await.unwrap().unwrap();
        let head = journal.head(&run("a")).await.unwrap().unwrap();
        assert_eq!((head.summary.phase, head.summary.events), (Phase::Running, 2));
        assert_eq!(head, Head { summary: history.summary, record: full_record() });
        journal.release(lease, Rest::Parked(None)).await.unwrap();
        assert_eq!(journal.head(&run("a")).await.unwrap().unwrap().summary.phase, Phase::Waiting);
        assert_eq!(journal.head(&run("b")).await.unwrap(), None);
    });
}

#[test]
fn pages_of_events_are_as_long_as_asked() {
    with_each(&async |journal| {
        assert_eq!(journal.events(&run("a"), 0, 9).await, Ok(Vec::new()));
        for name in ["before", "a", "after"] {
            let lease = open(journal, &run(name), &record()).await;
            add(journal, &lease, 1, every_kind()).await;
            journal.release(lease, Rest::Ended).await.unwrap();
        }
        let all = journal.read(&run("a")).await.unwrap().unwrap().events;
        check_pages(journal, &run("a"), &all).await;
        journal.remove(&[run("a")]).await.unwrap();
        assert_eq!(journal.events(&run("a"), 0, 9).await, Ok(Vec::new()));
    });
}

#[test]
fn new_events_are_there_while_a_run_goes_on() {
    with_each(&async |journal| {
        let lease = open(journal, &run("a"), &record()).await;
        let mut seen = Vec::new();
        for seq in 2..200 {
            let event = events(&run("a"), seq, vec![finishes(AT, json!(seq))]).remove(0);
            journal.append(&lease, &event).unwrap();
            if seq % 3 == 0 {
                journal.flush(&lease).await.unwrap();
                while follow(journal, &run("a"), &mut seen, 2).await > 0 {}
                assert!(seen.len() as u64 >= seq.min(journal.durable(&lease)));
            } else {
                follow(journal, &run("a"), &mut seen, 9).await;
            }
        }
        journal.flush(&lease).await.unwrap();
        follow(journal, &run("a"), &mut seen, 9).await;
        assert!(seen == journal.read(&run("a")).await.unwrap().unwrap().events);
        assert_eq!(seen.len(), 199);
    });
}

#[test]
fn events_of_many_runs_at_once_are_found_wherever_they_are() {
    with_each(&async |journal| {
        let mut leases = Vec::new();
        for n in 0..12 {
            leases.push(open(journal, &run(&format!("run-{n}")), &record()).await);
        }
        for seq in (2..20).step_by(2) {
            for lease in &leases {
                for event in events(&lease.run, seq, vec![starts(), finishes(AT, large())]) {
                    journal.append(lease, &event).unwrap();
                }
            }
            for lease in &leases {
                journal.flush(lease).await.unwrap();
            }
            let all = journal.read(&run("run-5")).await.unwrap().unwrap().events;
            check_pages(journal, &run("run-5"), &all).await;
            assert_eq!(all.len() as u64, seq + 1);
        }
    });
}

#[test]
fn pages_may_lie_in_both_tables() {
    // All of it, its end, its begin, each second one, and one alone.
    for condition in ["1", "place & 15 > 4", "place & 15 < 6", "place & 1", "place & 15 = 5"] {
        let place = Place::new();
        wait(async {
            let journal = place.open();
            for name in ["a", "b"] {
                let lease = open(&journal, &run(name), &record()).await;
                let kinds = (0..7).map(|n| finishes(AT, json!(n))).collect();
                add(&journal, &lease, 1, kinds).await;
                journal.release(lease, Rest::Abandoned).await.unwrap();
            }
            let all = journal.read(&run("a")).await.unwrap().unwrap().events;
            drop(journal);
            place.leave_recent(condition);
            check_pages(&place.open(), &run("a"), &all).await;
        });
    }
}

#[test]
fn another_process_sees_events_as_soon_as_they_are_durable() {
    let place = Place::new();
    wait(async {
        let (first, second) = (place.open(), place.open());
        let lease = open(&first, &run("a"), &record()).await;
        let mut seen = Vec::new();
        for seq in 1..50 {
            add(&first, &lease, seq, vec![starts()]).await;
            follow(&second, &run("a"), &mut seen, 5).await;
            assert_eq!(seen.len() as u64, seq + 1);
        }
        assert!(seen == first.read(&run("a")).await.unwrap().unwrap().events);
    });
}

/// Writes events of so many runs at once, each with its end.
fn write_many(journal: &SqliteJournal, names: &[RunId], count: u64) {
    wait(async {
        let mut leases = Vec::new();
        for name in names {
            leases.push(open(journal, name, &record()).await);
        }
        for seq in 2..count {
            for lease in &leases {
                let event = events(&lease.run, seq, vec![finishes(AT, json!(seq))]).remove(0);
                journal.append(lease, &event).expect("it is taken");
            }
            journal.flush(&leases[0]).await.expect("it is written");
        }
        for lease in leases {
            add(journal, &lease, count - 1, vec![ends(RunStatus::Succeeded)]).await;
        }
    });
}

#[test]
fn whoever_follows_many_runs_of_another_process_misses_nothing() {
    const COUNT: u64 = 600;
    let place = Place::new();
    let (writing, reading) = (place.open(), place.open());
    let names: Vec<RunId> = (0..12).map(|n| run(&format!("run-{n}"))).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| write_many(&writing, &names, COUNT));
        wait(async {
            let mut seen: BTreeMap<&RunId, Vec<Event>> = BTreeMap::new();
            // Runs that come late have no events yet.
            while seen.len() < names.len() || seen.values().any(|it| it.len() < COUNT as usize) {
                for name in &names {
                    follow(&reading, name, seen.entry(name).or_default(), 100).await;
                }
            }
            for (name, seen) in seen {
                assert!(seen == writing.read(name).await.unwrap().unwrap().events, "{name}");
            }
        });
    });
}

#[test]
fn a_page_that_is_damaged_is_refused_and_others_are_not() {
    let place = Place::new();
    wait(async {
        let journal = place.open();
        let lease = open(&journal, &run("a"), &record()).await;
        add(&journal, &lease, 1, (0..9).map(|n| finishes(AT, json!(n))).collect()).await;
        let change = |sql: &str| {
            let connection = Connection::open(place.path()).expect("it is there");
            connection.execute_batch(sql).expect("SQL");
        };
        let damaged = async |after| match journal.events(&run("a"), after, 2).await {
            Ok(events) => events.len().to_string(),
            Err(JournalError::Damaged(text)) => text[..text.find(':').unwrap()].into(),
            Err(err) => panic!("{err}"),
        };
        change("UPDATE events SET time = time + 1 WHERE place & 15 = 5");
        assert_eq!(damaged(3).await, "event 5 of run a is not what was written");
        assert_eq!([damaged(0).await, damaged(5).await], ["2", "2"]);
        change("DELETE FROM events WHERE place & 15 = 5");
        assert_eq!(damaged(3).await, "event 5 of run a is gone");
        assert_eq!(damaged(5).await, "event 5 of run a is gone");
        assert_eq!([damaged(2).await, damaged(6).await], ["2", "2"]);
        change("UPDATE runs SET sum = sum + 1");
        assert_eq!(damaged(8).await, "event 10 of run a is not what was written");
        change("DELETE FROM records");
        assert_eq!(damaged(0).await, "the record of run a is gone");
    });
}

#[test]
fn a_forgetful_store_has_no_events() {
    let journal = MemoryJournal::forgetful();
    wait(async {
        open(&journal, &run("a"), &record()).await;
        assert_eq!(journal.events(&run("a"), 0, 9).await, Ok(Vec::new()));
        assert_eq!(journal.head(&run("a")).await, Ok(None));
    });
}
