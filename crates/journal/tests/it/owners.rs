//! Who works on a run, across processes: here several stores on one file.

use blueprint_model::{
    Journal, JournalError,
    journal::{Claimed, Phase, Rest, RunFilter},
};
use serde_json::json;

use crate::sample::{
    AT, Place, add, events, finishes, no_mailbox, open, record, run, starts, time, wait,
};

#[test]
fn two_stores_do_not_take_the_same_run() {
    wait(async {
        let place = Place::new();
        let (first, second) = (place.open(), place.open());
        let lease = open(&first, &run("a"), &record()).await;
        let claim = async || second.claim(&run("a"), no_mailbox()).await.unwrap();
        assert_eq!(claim().await, Claimed::Busy);
        assert_eq!(second.due(time(0), 9).await.unwrap().runs, []);
        assert_eq!(second.list(&RunFilter::default()).await.unwrap()[0].phase, Phase::Running);
        first.release(lease, Rest::Abandoned).await.unwrap();
        assert_eq!(second.due(time(0), 9).await.unwrap().runs, [run("a")]);
        assert!(matches!(claim().await, Claimed::Yes(_)));
        assert_eq!(first.claim(&run("a"), no_mailbox()).await.unwrap(), Claimed::Busy);
    });
}

#[test]
fn dropping_a_store_writes_what_waits_and_frees_its_runs() {
    wait(async {
        let place = Place::new();
        let (first, second) = (place.open(), place.open());
        let lease = open(&first, &run("a"), &record()).await;
        for event in events(&run("a"), 2, vec![starts(), finishes(AT, json!(1))]) {
            first.append(&lease, &event).unwrap();
        }
        drop(first);
        let history = second.read(&run("a")).await.unwrap().unwrap();
        assert_eq!((history.summary.phase, history.events.len()), (Phase::Interrupted, 3));
        let claimed = second.claim(&run("a"), no_mailbox()).await.unwrap();
        let Claimed::Yes(lease) = claimed else { panic!("{claimed:?}") };
        assert_eq!(lease.fence, 2);
    });
}

#[test]
fn runs_of_a_process_that_is_gone_are_free_at_once() {
    wait(async {
        let place = Place::new();
        let killed = place.open();
        let lease = open(&killed, &run("a"), &record()).await;
        add(&killed, &lease, 1, vec![starts()]).await;
        let left = place.copy();
        let next = left.open();
        assert_eq!(next.list(&RunFilter::default()).await.unwrap()[0].phase, Phase::Interrupted);
        let count = async |phase| {
            let filter = RunFilter { phases: vec![phase], ..RunFilter::default() };
            next.list(&filter).await.unwrap().len()
        };
        assert_eq!((count(Phase::Interrupted).await, count(Phase::Running).await), (1, 0));
        assert_eq!(next.due(time(0), 9).await.unwrap().runs, [run("a")]);
        let claimed = next.claim(&run("a"), no_mailbox()).await.unwrap();
        let Claimed::Yes(lease) = claimed else { panic!("{claimed:?}") };
        add(&next, &lease, 2, vec![finishes(AT, json!(1))]).await;
        assert_eq!(next.read(&run("a")).await.unwrap().unwrap().events.len(), 3);
        drop(killed);
    });
}

#[test]
fn whoever_lost_a_run_learns_it_and_keeps_the_others() {
    wait(async {
        let place = Place::new();
        let (first, second) = (place.open(), place.open());
        let lost = open(&first, &run("lost"), &record()).await;
        let kept = open(&first, &run("kept"), &record()).await;
        // As if somebody cleared up by hand.
        let folder = format!("{}-owners", place.path().display());
        std::fs::remove_dir_all(folder).unwrap();
        let claimed = second.claim(&run("lost"), no_mailbox()).await.unwrap();
        let Claimed::Yes(new) = claimed else { panic!("{claimed:?}") };
        let event = |name: &str| events(&run(name), 2, vec![starts()]).remove(0);
        first.append(&lost, &event("lost")).unwrap();
        first.append(&kept, &event("kept")).unwrap();
        assert_eq!(first.flush(&lost).await, Err(JournalError::Fenced(run("lost"))));
        assert_eq!(first.flush(&kept).await, Ok(()));
        assert_eq!(first.append(&lost, &event("lost")), Err(JournalError::Fenced(run("lost"))));
        add(&second, &new, 1, vec![starts(), finishes(AT, json!(2))]).await;
        assert_eq!(second.read(&run("lost")).await.unwrap().unwrap().events.len(), 3);
        assert_eq!(second.verify().unwrap().damage, [""; 0]);
    });
}

#[test]
fn files_of_those_who_are_gone_are_removed() {
    wait(async {
        let place = Place::new();
        let folder = std::path::PathBuf::from(format!("{}-owners", place.path().display()));
        let locks = || {
            let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            entries.filter(|path| path.extension().is_some_and(|it| it == "lock")).count()
        };
        let first = place.open();
        std::fs::write(folder.join("gone.lock"), "").unwrap();
        open(&first, &run("a"), &record()).await;
        assert_eq!(locks(), 1);
        let second = place.open();
        open(&second, &run("b"), &record()).await;
        assert_eq!(locks(), 2);
        drop(first);
        drop(second);
        assert_eq!(locks(), 0);
    });
}
