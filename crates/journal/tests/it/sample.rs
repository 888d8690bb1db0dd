//! Runs, records and events to store, and a store to put them in.

use std::{
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use blueprint_journal::{Flush, SqliteJournal};
use blueprint_model::{
    Event, EventKind, Journal, RunId, RunRecord,
    block::{Change, ForEach, Level, Wish},
    event::{At, CancelReason, Counts, RunError, RunStatus},
    id::{BlockPath, SecretName},
    journal::{
        HandleTable, Lease, Letter, Mailbox, Opened, PinnedSource, Question, QuestionKind, StartKey,
    },
};
use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Where most questions are asked.
pub(crate) const AT: At = At { scope: 0, block: 3 };

/// A folder with a store in it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("it works") }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("state/runs.db")
    }

    pub(crate) fn open(&self) -> SqliteJournal {
        SqliteJournal::open(&self.path(), Flush::Normal).expect("it works")
    }

    /// Returns a copy of the store as it is now: what is left if the process ended here.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new();
        let (from, to) = (self.path(), copy.path());
        std::fs::create_dir_all(to.parent().expect("it works")).expect("it works");
        for ending in ["", "-wal"] {
            let name = |path: &PathBuf| PathBuf::from(format!("{}{ending}", path.display()));
            if name(&from).exists() {
                std::fs::copy(name(&from), name(&to)).expect("it works");
            }
        }
        copy
    }

    /// Takes the events of which this is true from their place, as if the process of their run had
    /// ended before it moved them there.
    pub(crate) fn leave_recent(&self, condition: &str) {
        let connection = Connection::open(self.path()).expect("it works");
        let these = format!("FROM events WHERE {condition}");
        connection
            .execute_batch(&format!(
                "INSERT INTO recent (place, time, kind, body, sum)
                 SELECT place, time, kind, body, sum {these} ORDER BY place; DELETE {these}"
            ))
            .expect("it works");
    }
}

/// Waits for a future.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("it works")
        .block_on(future)
}

/// Letters that have come.
#[derive(Clone, Default)]
pub(crate) struct Inbox(Arc<Mutex<Vec<Letter>>>);

impl Inbox {
    pub(crate) fn mailbox(&self) -> Mailbox {
        let inbox = self.clone();
        Arc::new(move |letter| inbox.0.lock().unwrap_or_else(PoisonError::into_inner).push(letter))
    }

    pub(crate) fn letters(&self) -> Vec<Letter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the letters once there are so many.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Letter> {
        loop {
            let letters = self.letters();
            if letters.len() >= count {
                return letters;
            }
            std::thread::yield_now();
        }
    }
}

pub(crate) fn no_mailbox() -> Mailbox {
    Arc::new(|_| ())
}

pub(crate) fn run(name: &str) -> RunId {
    RunId::new(name)
}

pub(crate) fn time(us: i64) -> Timestamp {
    Timestamp::from_microsecond(1_700_000_000_000_000 + us).expect("it works")
}

/// A record with nothing special in it.
pub(crate) fn record() -> RunRecord {
    RunRecord {
        blueprint: "orders".into(),
        trigger: "cli".into(),
        started: time(0),
        deadline: None,
        key: None,
        sources: vec![PinnedSource { file: "orders.yaml".into(), text: "name: orders\n".into() }],
        handles: None,
        setup: Value::Null,
    }
}

/// A record with all that one can hold.
pub(crate) fn full_record() -> RunRecord {
    RunRecord {
        deadline: Some(time(9_000_000)),
        key: Some(StartKey { key: "order 7".into(), payload: Arc::new(json!({ "order": 7 })) }),
        sources: vec![
            PinnedSource { file: "orders.yaml".into(), text: "name: orders\n".into() },
            PinnedSource { file: "inner.yaml".into(), text: "name: inner # ö\n".into() },
        ],
        handles: Some(HandleTable {
            seed: [7; 32],
            keys: vec![(SecretName::parse("API_KEY").expect("it works"), 3)],
        }),
        setup: json!({ "env": { "A": "b" }, "n": [1, 2.5, null, true] }),
        ..record()
    }
}

pub(crate) fn path() -> BlockPath {
    BlockPath { scope: "each[12].".into(), id: "price".into() }
}

pub(crate) fn question(kind: QuestionKind, name: &str) -> Question {
    Question {
        kind,
        name: name.into(),
        details: Arc::new(json!({ "form": ["amount"] })),
        until: Some(time(5_000_000)),
    }
}

pub(crate) fn asks(at: At, kind: QuestionKind, name: &str) -> EventKind {
    EventKind::BlockWaiting { at, block: path(), wish: Wish::Answer(question(kind, name)) }
}

pub(crate) fn answered(at: At) -> EventKind {
    EventKind::AnswerReceived { at, block: path(), answer: Arc::new(json!({ "yes": true })) }
}

pub(crate) fn answer(at: At) -> Letter {
    Letter::Answer { at, answer: Arc::new(json!({ "yes": true })) }
}

pub(crate) fn ends(status: RunStatus) -> EventKind {
    EventKind::RunFinished {
        status,
        value: Arc::new(json!(["done"])),
        error: None,
        counts: Counts { ran: 1, skipped: 2, cancelled: 3 },
        duration_us: 4,
    }
}

pub(crate) fn starts() -> EventKind {
    EventKind::RunStarted {
        blueprint: "orders".into(),
        inputs: Arc::new(json!({ "n": 1 })),
        payload: Arc::new(Value::Null),
    }
}

pub(crate) fn finishes(at: At, result: Value) -> EventKind {
    EventKind::BlockFinished {
        at,
        block: path(),
        attempt: 1,
        outcome: "success".into(),
        result: Arc::new(result),
        message: None,
        is_return: false,
        duration_us: 12,
    }
}

/// A value that is stored apart.
pub(crate) fn large() -> Value {
    json!({ "text": "x".repeat(100_000), "n": 1 })
}

/// Every kind of event and of wish, with large values.
pub(crate) fn every_kind() -> Vec<EventKind> {
    every_kind_with(large(), &"é".repeat(40_000))
}

/// Every kind of event and of wish, with this value and this text.
pub(crate) fn every_kind_with(large: Value, text: &str) -> Vec<EventKind> {
    let block = path();
    let at = AT;
    let waits = |wish| EventKind::BlockWaiting { at, block: path(), wish };
    let large = Arc::new(large);
    let items = Arc::new(vec![(json!(0), Arc::new(json!("a"))), (json!("k"), large.clone())]);
    let mut kinds = vec![
        starts(),
        EventKind::RunStarted {
            blueprint: "orders".into(),
            inputs: large.clone(),
            payload: large.clone(),
        },
        EventKind::BlockStarted { at, block: block.clone(), attempt: 2 },
        EventKind::AttemptFailed {
            at,
            block: block.clone(),
            attempt: 2,
            outcome: "error".into(),
            message: "it \"broke\"\n".into(),
            retry_at: time(77),
        },
        waits(Wish::Items(ForEach {
            items,
            name: Some("order".into()),
            concurrency: 8,
            stops_on_error: true,
        })),
        waits(Wish::Round { round: 3, last: large.clone(), not_before: Some(time(8)) }),
        waits(Wish::Round { round: 1, last: Arc::new(Value::Null), not_before: None }),
        waits(Wish::Call { blueprint: "inner".into(), payload: Arc::new(json!([1])) }),
        waits(Wish::Sleep { until: time(1_000) }),
        asks(at, QuestionKind::Approval, "may it?"),
        answered(at),
        asks(at, QuestionKind::Event, "paid"),
    ];
    kinds.extend(rest_of_kinds(large, text));
    kinds
}

fn rest_of_kinds(large: Arc<Value>, text: &str) -> Vec<EventKind> {
    let (at, block) = (AT, path());
    vec![
        EventKind::StateChanged {
            at,
            block: block.clone(),
            changes: vec![
                Change { path: vec!["a".into(), "0".into()], value: Some((*large).clone()) },
                Change { path: vec!["b".into()], value: None },
                Change { path: vec!["c".into()], value: Some(Value::Null) },
            ]
            .into(),
        },
        EventKind::SecretUsed {
            at,
            block: block.clone(),
            key: "API_KEY".into(),
            version: 3,
            action: "swap".into(),
            destination: "api.example header".into(),
        },
        EventKind::SecretDerived {
            at,
            block: block.clone(),
            token: "t0ken".into(),
            function: "sha256".into(),
            arguments: vec!["a".into(), String::new()],
        },
        EventKind::Log { at, block: block.clone(), level: Level::Warning, text: text.into() },
        EventKind::BlockFinished {
            at,
            block: block.clone(),
            attempt: 2,
            outcome: "error".into(),
            result: large,
            message: Some("no".into()),
            is_return: true,
            duration_us: u64::MAX,
        },
        EventKind::BlockSkipped { at, block: block.clone(), edge: "check.true".into() },
        EventKind::BlockCancelled { at, block, reason: CancelReason::Deadline },
        EventKind::RunResumed { after: 18 },
        EventKind::CancelRequested { reason: CancelReason::Requested },
        EventKind::RunFinished {
            status: RunStatus::Failed,
            value: Arc::new(Value::Null),
            error: Some(RunError {
                block: "each[12].price".into(),
                outcome: "error".into(),
                message: "no".into(),
            }),
            counts: Counts { ran: 1, skipped: 2, cancelled: 3 },
            duration_us: 5,
        },
    ]
}

/// Puts numbers and times on what happens in a run, from this number on.
pub(crate) fn events(run: &RunId, first: u64, kinds: Vec<EventKind>) -> Vec<Event> {
    let numbered = kinds.into_iter().zip(first..);
    numbered
        .map(|(kind, seq)| Event { run: run.clone(), seq, time: time(seq as i64), kind })
        .collect()
}

/// Returns the first event of a run.
pub(crate) fn first(run: &RunId) -> Event {
    events(run, 1, vec![starts()]).remove(0)
}

/// Opens a run that must be new, and has one event then.
pub(crate) async fn open(journal: &dyn Journal, id: &RunId, record: &RunRecord) -> Lease {
    match journal.open(id, record, &first(id), no_mailbox()).await.expect("it works") {
        Opened::New(lease) => lease,
        other => panic!("{other:?}"),
    }
}

/// Adds events to a run after that with this number, and waits until they are durable.
pub(crate) async fn add(journal: &dyn Journal, lease: &Lease, after: u64, kinds: Vec<EventKind>) {
    for event in events(&lease.run, after + 1, kinds) {
        journal.append(lease, &event).expect("it works");
    }
    journal.flush(lease).await.expect("it works");
}
