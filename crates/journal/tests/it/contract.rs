//! What every store does alike: each test is run with the one in memory and with the one in a file.

use blueprint_journal::{Flush, MemoryJournal, SqliteJournal};
use blueprint_model::{
    EventKind, Journal, JournalError, RunRecord,
    event::{At, CancelReason, RunStatus},
    journal::{
        Claimed, Due, Letter, Opened, Phase, Posted, QuestionFilter, QuestionKind, Rest, RunFilter,
        StartKey,
    },
};
use serde_json::json;

use crate::sample::{
    AT, Inbox, Place, add, answer, answered, asks, ends, events, every_kind, finishes, first,
    full_record, no_mailbox, open, record, run, starts, time, wait,
};

/// Runs a test with every store.
#[track_caller]
pub(crate) fn with_each(test: &impl AsyncFn(&dyn Journal)) {
    wait(test(&MemoryJournal::keeping()));
    for flush in Flush::ALL {
        let place = Place::new();
        wait(test(&SqliteJournal::open(&place.path(), flush).expect("a folder of our own")));
    }
}

fn keyed(key: &str, payload: i64) -> RunRecord {
    RunRecord {
        key: Some(StartKey { key: key.into(), payload: json!({ "n": payload }).into() }),
        ..record()
    }
}

#[test]
fn a_run_comes_back_as_it_was() {
    with_each(&async |journal| {
        let lease = open(journal, &run("a"), &full_record()).await;
        add(journal, &lease, 1, every_kind()).await;
        journal.release(lease, Rest::Ended).await.unwrap();
        let history = journal.read(&run("a")).await.unwrap().unwrap();
        assert_eq!(history.record, full_record());
        assert_eq!(history.events[0], first(&run("a")));
        assert_eq!(history.events[1..], events(&run("a"), 2, every_kind()));
        let summary = history.summary;
        assert_eq!((summary.phase, summary.events), (Phase::Failed, 1 + every_kind().len() as u64));
        assert_eq!(summary.ended, Some(time(summary.events as i64)));
        assert_eq!(journal.read(&run("b")).await.unwrap(), None);
    });
}

#[test]
fn flushed_events_are_durable() {
    with_each(&async |journal| {
        let lease = open(journal, &run("a"), &record()).await;
        add(journal, &lease, 1, vec![starts(), finishes(AT, json!(1))]).await;
        assert!(journal.durable(&lease) >= 3);
        journal.flush(&lease).await.unwrap();
        journal.release(lease, Rest::Abandoned).await.unwrap();
        assert_eq!(journal.read(&run("a")).await.unwrap().unwrap().events.len(), 3);
    });
}

#[test]
fn phases_follow_the_life_of_a_run() {
    with_each(&async |journal| {
        let phase = async || journal.list(&RunFilter::default()).await.unwrap()[0].clone();
        let lease = open(journal, &run("a"), &record()).await;
        assert_eq!(phase().await.phase, Phase::Running);
        journal.release(lease, Rest::Parked(Some(time(50)))).await.unwrap();
        assert_eq!((phase().await.phase, phase().await.wake), (Phase::Waiting, Some(time(50))));
        let Claimed::Yes(lease) = journal.claim(&run("a"), no_mailbox()).await.unwrap() else {
            panic!("nobody works on it")
        };
        assert_eq!((phase().await.phase, phase().await.wake), (Phase::Running, None));
        journal.release(lease, Rest::Abandoned).await.unwrap();
        assert_eq!(phase().await.phase, Phase::Interrupted);
        let Claimed::Yes(lease) = journal.claim(&run("a"), no_mailbox()).await.unwrap() else {
            panic!("nobody works on it")
        };
        add(journal, &lease, 1, vec![ends(RunStatus::Succeeded)]).await;
        journal.release(lease, Rest::Ended).await.unwrap();
        let summary = phase().await;
        assert_eq!((summary.phase, summary.ended), (Phase::Succeeded, Some(time(2))));
    });
}

#[test]
fn every_end_has_its_phase() {
    with_each(&async |journal| {
        let ends_and_phases = [
            (RunStatus::Succeeded, Phase::Succeeded),
            (RunStatus::Failed, Phase::Failed),
            (RunStatus::Cancelled, Phase::Cancelled),
        ];
        for (status, phase) in ends_and_phases {
            let lease = open(journal, &run(status.as_str()), &record()).await;
            add(journal, &lease, 1, vec![ends(status)]).await;
            journal.release(lease, Rest::Ended).await.unwrap();
            let history = journal.read(&run(status.as_str())).await.unwrap().unwrap();
            assert_eq!(history.summary.phase, phase);
        }
    });
}

#[test]
fn a_lease_excludes_others_until_it_is_given_back() {
    with_each(&async |journal| {
        let lease = open(journal, &run("a"), &record()).await;
        let claim = async || journal.claim(&run("a"), no_mailbox()).await.unwrap();
        assert_eq!(claim().await, Claimed::Busy);
        journal.release(lease.clone(), Rest::Parked(None)).await.unwrap();
        let Claimed::Yes(second) = claim().await else { panic!("it was given back") };
        assert!(second.fence > lease.fence);
        assert_eq!(claim().await, Claimed::Busy);
        add(journal, &second, 1, vec![ends(RunStatus::Cancelled)]).await;
        journal.release(second, Rest::Ended).await.unwrap();
        assert_eq!(claim().await, Claimed::Ended);
        assert_eq!(journal.claim(&run("b"), no_mailbox()).await.unwrap(), Claimed::Unknown);
    });
}

#[test]
fn an_old_lease_is_refused() {
    with_each(&async |journal| {
        let old = open(journal, &run("a"), &record()).await;
        journal.release(old.clone(), Rest::Abandoned).await.unwrap();
        let claimed = journal.claim(&run("a"), no_mailbox()).await.unwrap();
        let Claimed::Yes(new) = claimed else { panic!("it was given back") };
        let event = &events(&run("a"), 2, vec![starts()])[0];
        assert_eq!(journal.append(&old, event), Err(JournalError::Fenced(run("a"))));
        let released = journal.release(old, Rest::Ended).await;
        assert_eq!(released, Err(JournalError::Fenced(run("a"))));
        add(journal, &new, 1, vec![starts()]).await;
        journal.release(new, Rest::Abandoned).await.unwrap();
        assert_eq!(journal.read(&run("a")).await.unwrap().unwrap().events.len(), 2);
    });
}

#[test]
fn events_go_on_after_a_claim() {
    with_each(&async |journal| {
        let lease = open(journal, &run("a"), &record()).await;
        add(journal, &lease, 1, vec![starts(), finishes(AT, json!(1))]).await;
        journal.release(lease, Rest::Abandoned).await.unwrap();
        let claimed = journal.claim(&run("a"), no_mailbox()).await.unwrap();
        let Claimed::Yes(lease) = claimed else { panic!("it was given back") };
        add(journal, &lease, 3, vec![EventKind::RunResumed { after: 2 }]).await;
        journal.release(lease, Rest::Abandoned).await.unwrap();
        assert_eq!(journal.read(&run("a")).await.unwrap().unwrap().events.len(), 4);
    });
}

#[test]
fn a_key_gives_the_same_run_again() {
    with_each(&async |journal| {
        let again = async |name: &str, record: &RunRecord| {
            journal.open(&run(name), record, &first(&run(name)), no_mailbox()).await.unwrap()
        };
        let lease = open(journal, &run("a"), &keyed("k", 1)).await;
        assert_eq!(again("b", &keyed("k", 1)).await, Opened::Known(run("a")));
        assert_eq!(again("b", &keyed("k", 2)).await, Opened::Conflict(run("a")));
        assert!(matches!(again("b", &keyed("other", 1)).await, Opened::New(_)));
        let other = RunRecord { blueprint: "other".into(), ..keyed("k", 2) };
        assert!(matches!(again("c", &other).await, Opened::New(_)));
        add(journal, &lease, 1, vec![ends(RunStatus::Failed)]).await;
        journal.release(lease, Rest::Ended).await.unwrap();
        assert_eq!(again("d", &keyed("k", 1)).await, Opened::Known(run("a")));
        journal.remove(&[run("a")]).await.unwrap();
        assert!(matches!(again("d", &keyed("k", 1)).await, Opened::New(_)));
    });
}

#[test]
fn a_list_shows_what_passes_and_the_newest_first() {
    with_each(&async |journal| {
        for (n, blueprint) in (0_i64..).zip(["orders", "mails", "orders", "mails"]) {
            let record =
                RunRecord { blueprint: blueprint.into(), started: time(n * 10), ..record() };
            let lease = open(journal, &run(&format!("{n}-run-{n}")), &record).await;
            if n < 2 {
                add(journal, &lease, 1, vec![ends(RunStatus::Succeeded)]).await;
                journal.release(lease, Rest::Ended).await.unwrap();
            }
        }
        let check = async |filter: RunFilter, expected: &[&str]| {
            let found = journal.list(&filter).await.unwrap();
            let found: Vec<&str> = found.iter().map(|summary| &summary.run.as_str()[..1]).collect();
            assert_eq!(found, expected, "{filter:?}");
        };
        let all = RunFilter::default;
        check(all(), &["3", "2", "1", "0"]).await;
        check(RunFilter { limit: Some(2), ..all() }, &["3", "2"]).await;
        check(RunFilter { blueprint: Some("orders".into()), ..all() }, &["2", "0"]).await;
        check(RunFilter { trigger: Some("cron".into()), ..all() }, &[]).await;
        check(RunFilter { id: Some("1-r".into()), ..all() }, &["1"]).await;
        check(RunFilter { id: Some("run-2".into()), ..all() }, &["2"]).await;
        check(RunFilter { id: Some("%".into()), ..all() }, &[]).await;
        check(RunFilter { since: Some(time(20)), ..all() }, &["3", "2"]).await;
        check(RunFilter { until: Some(time(20)), ..all() }, &["1", "0"]).await;
        check(RunFilter { phases: vec![Phase::Running], ..all() }, &["3", "2"]).await;
        check(RunFilter { phases: vec![Phase::Succeeded], ..all() }, &["1", "0"]).await;
        let both = vec![Phase::Succeeded, Phase::Running];
        check(RunFilter { phases: both, ..all() }, &["3", "2", "1", "0"]).await;
        let one = RunFilter {
            id: Some("2".into()),
            blueprint: Some("orders".into()),
            since: Some(time(0)),
            ..all()
        };
        check(one, &["2"]).await;
    });
}

/// Takes in runs of three moments, some ended, some waiting, some worked on.
async fn take_in_runs_of_three_moments(journal: &dyn Journal) {
    for (n, name) in (0_i64..).zip(["m", "c", "x", "a", "k", "b", "z", "d", "p", "e", "q", "r"]) {
        let blueprint = if n % 2 == 0 { "orders" } else { "mails" };
        let record =
            RunRecord { blueprint: blueprint.into(), started: time(n / 4 * 10), ..record() };
        let lease = open(journal, &run(name), &record).await;
        match n % 3 {
            0 => {
                add(journal, &lease, 1, vec![ends(RunStatus::Failed)]).await;
                journal.release(lease, Rest::Ended).await.expect("it is written");
            }
            1 => journal.release(lease, Rest::Parked(None)).await.expect("it is written"),
            _ => {}
        }
    }
}

#[test]
fn pages_hold_each_run_once_also_among_those_of_one_moment() {
    with_each(&async |journal| {
        take_in_runs_of_three_moments(journal).await;
        let all = RunFilter::default;
        let filters = [
            all(),
            RunFilter { blueprint: Some("mails".into()), ..all() },
            RunFilter { trigger: Some("cli".into()), phases: vec![Phase::Waiting], ..all() },
            RunFilter { phases: vec![Phase::Failed, Phase::Running], ..all() },
            RunFilter { since: Some(time(10)), ..all() },
            RunFilter { until: Some(time(20)), ..all() },
            RunFilter { since: Some(time(1)), until: Some(time(11)), ..all() },
        ];
        for filter in filters {
            let whole = journal.list(&filter).await.unwrap();
            assert!(whole.len() > 2, "{filter:?}");
            for size in 1..=whole.len() {
                let mut pages = Vec::new();
                let mut page = RunFilter { limit: Some(size), ..filter.clone() };
                loop {
                    let found = journal.list(&page).await.unwrap();
                    let Some(last) = found.last() else { break };
                    assert!(found.len() <= size);
                    page.before = Some(last.run.clone());
                    pages.extend(found);
                }
                assert_eq!(pages, whole, "{filter:?}, {size} at once");
            }
        }
    });
}

#[test]
fn a_list_goes_on_after_a_run_that_it_does_not_show() {
    with_each(&async |journal| {
        take_in_runs_of_three_moments(journal).await;
        let names = async |filter: RunFilter| {
            let found = journal.list(&filter).await.unwrap();
            found.into_iter().map(|it| it.run.as_str().to_owned()).collect::<Vec<_>>().concat()
        };
        let all = RunFilter::default;
        assert_eq!(names(all()).await, "rqpezkdbxmca");
        let before = |name| RunFilter { before: Some(run(name)), ..all() };
        assert_eq!(names(before("z")).await, "kdbxmca");
        assert_eq!(
            names(RunFilter { blueprint: Some("mails".into()), ..before("z") }).await,
            "dbca"
        );
        assert_eq!(names(RunFilter { until: Some(time(10)), ..before("z") }).await, "xmca");
        assert_eq!(names(RunFilter { until: Some(time(20)), ..before("z") }).await, "kdbxmca");
        assert_eq!(names(RunFilter { since: Some(time(10)), ..before("z") }).await, "kdb");
        assert_eq!(names(RunFilter { since: Some(time(20)), ..before("z") }).await, "");
        assert_eq!(names(before("a")).await, "");
        assert_eq!(names(before("nobody")).await, "");
    });
}

#[test]
fn questions_are_open_until_they_are_settled() {
    with_each(&async |journal| {
        let lease = open(journal, &run("a"), &record()).await;
        let at = |block| At { scope: 1, block };
        let kinds = vec![
            asks(at(0), QuestionKind::Approval, "first"),
            asks(at(1), QuestionKind::Event, "paid"),
            asks(at(2), QuestionKind::Event, "sent"),
            asks(at(3), QuestionKind::Event, "paid"),
        ];
        add(journal, &lease, 1, kinds).await;
        let names = async |filter: QuestionFilter| {
            let found = journal.questions(&filter).await.unwrap();
            found.into_iter().map(|it| (it.question.name, it.at.block)).collect::<Vec<_>>()
        };
        let all = QuestionFilter::default;
        let open = journal.questions(&all()).await.unwrap();
        assert_eq!(open.len(), 4);
        assert_eq!((&open[0].run, &*open[0].blueprint), (&run("a"), "orders"));
        assert_eq!((open[0].at, open[0].since), (at(0), time(2)));
        assert_eq!(open[0].question, crate::sample::question(QuestionKind::Approval, "first"));
        assert_eq!(open[0].block, crate::sample::path());
        let paid = QuestionFilter { name: Some("paid".into()), ..all() };
        assert_eq!(names(paid).await, [("paid".into(), 1), ("paid".into(), 3)]);
        let approvals = QuestionFilter { kind: Some(QuestionKind::Approval), ..all() };
        assert_eq!(names(approvals).await, [("first".into(), 0)]);
        assert_eq!(names(QuestionFilter { run: Some(run("b")), ..all() }).await, []);
        add(journal, &lease, 5, vec![answered(at(0)), finishes(at(1), json!(1))]).await;
        assert_eq!(names(all()).await, [("sent".into(), 2), ("paid".into(), 3)]);
        journal.release(lease, Rest::Parked(None)).await.unwrap();
        let claimed = journal.claim(&run("a"), no_mailbox()).await.unwrap();
        let Claimed::Yes(lease) = claimed else { panic!("it is parked") };
        let cancelled = EventKind::BlockCancelled {
            at: at(2),
            block: crate::sample::path(),
            reason: CancelReason::Timeout,
        };
        let again = asks(at(3), QuestionKind::Event, "again");
        add(journal, &lease, 7, vec![cancelled, again]).await;
        assert_eq!(names(all()).await, [("again".into(), 3)]);
        add(journal, &lease, 9, vec![ends(RunStatus::Failed)]).await;
        assert_eq!(names(all()).await, []);
    });
}

#[test]
fn letters_wait_until_what_came_of_them_is_recorded() {
    with_each(&async |journal| {
        let post = async |letter: &Letter| journal.post(&run("a"), letter).await.unwrap();
        assert_eq!(post(&Letter::Cancel).await, Posted::Unknown);
        let inbox = Inbox::default();
        let opened =
            journal.open(&run("a"), &record(), &first(&run("a")), inbox.mailbox()).await.unwrap();
        let Opened::New(lease) = opened else { panic!("it is new") };
        assert_eq!(post(&answer(AT)).await, Posted::Delivered);
        assert_eq!(inbox.letters(), [answer(AT)]);
        journal.release(lease, Rest::Parked(None)).await.unwrap();
        assert_eq!(post(&Letter::Cancel).await, Posted::Kept);

        let inbox = Inbox::default();
        let claimed = journal.claim(&run("a"), inbox.mailbox()).await.unwrap();
        let Claimed::Yes(lease) = claimed else { panic!("it is parked") };
        assert_eq!(inbox.letters(), [answer(AT), Letter::Cancel]);
        let requested = EventKind::CancelRequested { reason: CancelReason::Requested };
        add(journal, &lease, 1, vec![requested]).await;
        journal.release(lease, Rest::Parked(None)).await.unwrap();

        let inbox = Inbox::default();
        let claimed = journal.claim(&run("a"), inbox.mailbox()).await.unwrap();
        let Claimed::Yes(lease) = claimed else { panic!("it is parked") };
        assert_eq!(inbox.letters(), [answer(AT)]);
        assert_eq!(post(&answer(At { block: 9, ..AT })).await, Posted::Delivered);
        add(journal, &lease, 2, vec![answered(AT)]).await;
        journal.release(lease, Rest::Parked(None)).await.unwrap();

        let inbox = Inbox::default();
        let claimed = journal.claim(&run("a"), inbox.mailbox()).await.unwrap();
        let Claimed::Yes(lease) = claimed else { panic!("it is parked") };
        assert_eq!(inbox.letters(), [answer(At { block: 9, ..AT })]);
        add(journal, &lease, 3, vec![ends(RunStatus::Cancelled)]).await;
        assert_eq!(post(&Letter::Cancel).await, Posted::Ended);
        assert_eq!(inbox.letters().len(), 1);
    });
}

#[test]
fn runs_are_due_when_somebody_should_claim_them() {
    with_each(&async |journal| {
        let due = async |now, limit| journal.due(time(now), limit).await.unwrap();
        let names = |due: &Due| {
            let mut names: Vec<_> = due.runs.iter().map(|run| run.as_str().to_owned()).collect();
            names.sort();
            names
        };
        let rests = [
            ("abandoned", Rest::Abandoned),
            ("early", Rest::Parked(Some(time(10)))),
            ("late", Rest::Parked(Some(time(20)))),
            ("for letters", Rest::Parked(None)),
        ];
        for (name, rest) in rests {
            let lease = open(journal, &run(name), &record()).await;
            journal.release(lease, rest).await.unwrap();
        }
        let working = open(journal, &run("working"), &record()).await;
        let ended = open(journal, &run("ended"), &record()).await;
        add(journal, &ended, 1, vec![ends(RunStatus::Succeeded)]).await;
        journal.release(ended, Rest::Ended).await.unwrap();

        assert_eq!(due(0, 9).await, Due { runs: vec![run("abandoned")], next: Some(time(10)) });
        let found = due(10, 9).await;
        assert_eq!(
            (names(&found), found.next),
            (vec!["abandoned".into(), "early".into()], Some(time(20)))
        );
        assert_eq!(due(30, 1).await.runs.len(), 1);
        assert_eq!(due(30, 0).await.runs, []);
        journal.post(&run("late"), &answer(AT)).await.unwrap();
        journal.post(&run("for letters"), &Letter::Cancel).await.unwrap();
        journal.post(&run("working"), &Letter::Cancel).await.unwrap();
        let found = due(10, 9).await;
        assert_eq!(
            (names(&found), found.next),
            (vec!["abandoned".into(), "early".into(), "for letters".into(), "late".into()], None)
        );
        for run in found.runs {
            let claimed = journal.claim(&run, no_mailbox()).await.unwrap();
            assert!(matches!(claimed, Claimed::Yes(_)), "{run}");
        }
        assert_eq!(due(99, 9).await, Due::default());
        journal.release(working, Rest::Abandoned).await.unwrap();
        assert_eq!(names(&due(99, 9).await), ["working"]);
    });
}

#[test]
fn only_runs_that_have_ended_are_removed() {
    with_each(&async |journal| {
        let lease = open(journal, &run("a"), &record()).await;
        add(journal, &lease, 1, vec![ends(RunStatus::Succeeded)]).await;
        journal.release(lease, Rest::Ended).await.unwrap();
        let kept = open(journal, &run("b"), &record()).await;
        add(journal, &kept, 1, vec![starts()]).await;
        let runs = [run("a"), run("b"), run("c")];
        assert_eq!(journal.remove(&runs).await.unwrap(), 1);
        assert_eq!(journal.remove(&runs).await.unwrap(), 0);
        assert_eq!(journal.read(&run("a")).await.unwrap(), None);
        assert_eq!(journal.list(&RunFilter::default()).await.unwrap().len(), 1);
        add(journal, &kept, 2, vec![finishes(AT, json!(2)), starts()]).await;
        assert_eq!(journal.read(&run("b")).await.unwrap().unwrap().events.len(), 4);
    });
}
