//! Events per second in a file, beside a bare append and flush (L4) and a bare batched writer (L3).

use std::{path::Path, sync::Arc};

use benches::{
    disk::Writer,
    harness::{Compared, Effort, Table, compare},
};
use blueprint::bench::{
    flush::{self as disk, Appender},
    harness::time,
    table::ns,
};
use blueprint_journal::{Flush, SqliteJournal};
use blueprint_model::{
    Event, EventKind, Journal, RunId, RunRecord, Value,
    event::{Counts, RunStatus},
    journal::{Lease, Opened, PinnedSource, Rest},
};
use jiff::Timestamp;
use tokio::{runtime::Runtime, task::JoinSet};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RUNS_AT_ONCE: usize = 64;

fn main() {
    let effort = Effort::of_process();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads for the runtime");
    let mut table = Table::new(&["flush", "what", "events", "ours", "limit", "what", "× limit"]);
    for flush in [Flush::Full, Flush::Normal] {
        strict(effort, &runtime, flush, &mut table);
        many(effort, &runtime, flush, &mut table);
        behind(effort, &runtime, flush, &mut table);
    }
    growth(effort, &runtime, &mut table);
    table.print();
    once(effort, &runtime);
}

fn row(table: &mut Table, names: [&str; 3], events: usize, compared: &Compared) {
    let ratio = compared.ratio;
    table.row(&[
        names[0].into(),
        names[1].into(),
        events.to_string(),
        ns(compared.ours.median),
        ns(compared.limit.median),
        names[2].into(),
        format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.p10, ratio.p90),
    ]);
}

/// One run that waits for each event: the limit is a file that is flushed as often.
fn strict(effort: Effort, runtime: &Runtime, flush: Flush, table: &mut Table) {
    let events = effort.size(300, 3);
    let mut store = Store::new(flush);
    let folder = folder();
    let mut file = Appender::new(folder.path(), disk::body()).expect("a new file");
    let compared = compare(
        effort,
        events,
        || store.runs(runtime, 1, events, Pace::Strict),
        || match flush {
            Flush::Full => file.flush_each(events).expect("there is a disk"),
            Flush::Normal | Flush::Off => file.append(events).expect("there is space"),
        },
    );
    row(table, [flush.as_str(), "1 run, strict", "append and fdatasync"], events, &compared);
}

/// Many runs that each wait for each event: the limit is one writer that takes as many at once.
fn many(effort: Effort, runtime: &Runtime, flush: Flush, table: &mut Table) {
    let each = effort.size(50, 2);
    let events = each * RUNS_AT_ONCE;
    let mut store = Store::new(flush);
    let folder = folder();
    let mut writer = Writer::new(folder.path(), flush, disk::body());
    let compared = compare(
        effort,
        events,
        || store.runs(runtime, RUNS_AT_ONCE, each, Pace::Strict),
        || writer.write(events, RUNS_AT_ONCE),
    );
    let limit = "bare writer, 64 a transaction";
    row(table, [flush.as_str(), "64 runs, strict", limit], events, &compared);
}

/// One run that waits at its end: the limit is one writer with large transactions.
fn behind(effort: Effort, runtime: &Runtime, flush: Flush, table: &mut Table) {
    let events = effort.size(20_000, 20);
    let mut store = Store::new(flush);
    let folder = folder();
    let mut writer = Writer::new(folder.path(), flush, disk::body());
    let compared = compare(
        effort,
        events,
        || store.runs(runtime, 1, events, Pace::Behind),
        || writer.write(events, 1_000),
    );
    let limit = "bare writer, 1,000 a transaction";
    row(table, [flush.as_str(), "1 run, behind", limit], events, &compared);
}

/// The same run in a store with a long history, and in an empty one.
fn growth(effort: Effort, runtime: &Runtime, table: &mut Table) {
    let history = effort.size(1_000_000, 1_000);
    let mut full = Store::new(Flush::Full);
    let runs = history / 1_000;
    full.runs(runtime, runs, 1_000, Pace::Behind);
    for (name, pace, events) in [
        ("strict", Pace::Strict, effort.size(300, 3)),
        ("behind", Pace::Behind, effort.size(20_000, 3)),
    ] {
        let mut empty = Store::new(Flush::Full);
        let compared = compare(
            effort,
            events,
            || full.runs(runtime, 1, events, pace),
            || empty.runs(runtime, 1, events, pace),
        );
        let what = format!("1 run, {name}, {history} events before");
        row(table, ["full", &what, "the same in an empty store"], events, &compared);
    }
}

/// What happens once: opening, reading, listing, looking for what is due.
fn once(effort: Effort, runtime: &Runtime) {
    let mut table = Table::new(&["what", "time"]);
    let mut took = |what: &str, work: &mut dyn FnMut()| {
        let times = (0..5).map(|_| time(&mut *work).as_nanos() as f64);
        let best = times.fold(f64::INFINITY, f64::min);
        table.row(&[what.into(), ns(best)]);
    };
    let mut store = Store::new(Flush::Full);
    let events = effort.size(30_000, 30);
    store.runs(runtime, 1, events, Pace::Behind);
    let path = store.path.clone();
    took("open and close an existing store", &mut || drop(open(&path, Flush::Full)));
    let run = RunId::new("run-0");
    took("read a run of 30,000 events", &mut || {
        let history = runtime.block_on(store.journal.read(&run)).expect("it is whole");
        assert_eq!(history.map_or(0, |it| it.events.len()), events + 1);
    });
    let parked = effort.size(100_000, 10);
    took("park 100,000 runs", &mut || store.park(runtime, parked / 5));
    let now = Timestamp::from_microsecond(0).expect("a time");
    took("due among them, none is", &mut || {
        let due = runtime.block_on(store.journal.due(now, 100)).expect("it is whole");
        assert!(due.runs.is_empty());
    });
    took("due among them, 100 are", &mut || {
        let due = runtime.block_on(store.journal.due(Timestamp::MAX, 100)).expect("it is whole");
        assert_eq!(due.runs.len(), parked.min(100));
    });
    table.print();
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// Each event is waited for.
    Strict,
    /// The last event is waited for.
    Behind,
}

/// A store in a folder that goes with it.
struct Store {
    journal: Arc<SqliteJournal>,
    path: std::path::PathBuf,
    runs: usize,
    _folder: tempfile::TempDir,
}

impl Store {
    fn new(flush: Flush) -> Self {
        let folder = folder();
        let path = folder.path().join("runs.db");
        Self { journal: Arc::new(open(&path, flush)), path, runs: 0, _folder: folder }
    }

    fn name(&mut self) -> RunId {
        self.runs += 1;
        RunId::new(&format!("run-{}", self.runs - 1))
    }

    /// Does so many runs at once, each of so many events and its end.
    fn runs(&mut self, runtime: &Runtime, runs: usize, events: usize, pace: Pace) {
        let names: Vec<RunId> = (0..runs).map(|_| self.name()).collect();
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for run in names {
                let journal = self.journal.clone();
                tasks.spawn(async move { one(&journal, run, events, pace).await });
            }
            tasks.join_all().await;
        });
    }

    fn park(&mut self, runtime: &Runtime, runs: usize) {
        let names: Vec<RunId> = (0..runs).map(|_| self.name()).collect();
        let wake = Timestamp::from_microsecond(1_000_000).ok();
        runtime.block_on(async {
            for some in names.chunks(1_000) {
                let mut tasks = JoinSet::new();
                for run in some {
                    let (run, journal) = (run.clone(), self.journal.clone());
                    tasks.spawn(async move {
                        let lease = begin(&journal, &run).await;
                        journal.release(lease, Rest::Parked(wake)).await.expect("it is written");
                    });
                }
                tasks.join_all().await;
            }
        });
    }
}

async fn one(journal: &SqliteJournal, run: RunId, events: usize, pace: Pace) {
    let lease = begin(journal, &run).await;
    for seq in 2..=events as u64 {
        journal.append(&lease, &event(&run, seq)).expect("it is taken");
        if pace == Pace::Strict {
            journal.flush(&lease).await.expect("it is written");
        }
    }
    let seq = events as u64 + 1;
    let last = Event { kind: end(), ..event(&run, seq) };
    journal.append(&lease, &last).expect("it is taken");
    journal.release(lease, Rest::Ended).await.expect("it is written");
}

async fn begin(journal: &SqliteJournal, run: &RunId) -> Lease {
    match journal.open(run, &record(), &event(run, 1), Arc::new(|_| ())).await {
        Ok(Opened::New(lease)) => lease,
        other => panic!("{other:?}"),
    }
}

fn open(path: &Path, flush: Flush) -> SqliteJournal {
    SqliteJournal::open(path, flush).expect("a folder of our own")
}

/// Beside the build, since the folder for temporary files may be in memory.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a new folder")
}

fn record() -> RunRecord {
    RunRecord {
        blueprint: "bench".into(),
        trigger: "bench".into(),
        started: Timestamp::UNIX_EPOCH,
        deadline: None,
        key: None,
        sources: vec![PinnedSource { file: "bench.yaml".into(), text: "name: bench\n".into() }],
        handles: None,
        setup: Value::Null,
    }
}

fn event(run: &RunId, seq: u64) -> Event {
    let kind = disk::finished(u32::try_from(seq).expect("a bench is small"));
    Event { run: run.clone(), seq, time: Timestamp::UNIX_EPOCH, kind }
}

fn end() -> EventKind {
    EventKind::RunFinished {
        status: RunStatus::Succeeded,
        value: Arc::new(Value::Null),
        error: None,
        counts: Counts::default(),
        duration_us: 1,
    }
}
