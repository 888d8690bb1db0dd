//! Kept runs: how long one takes to go on, what a parked one costs, how punctual it wakes, and how
//! much a long history slows down a new one.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use benches::{
    disk::Writer,
    harness::{Effort, Table, compare},
    memory::resident,
};
use blueprint::bench::{
    flush::{self, Appender},
    harness::{Spread, time},
    pass::{Outside, Pass},
    shapes::{Kind, Shape, blueprint},
    table::ns,
};
use blueprint_engine::{
    Clock, Engine, Halt, Host, Ids, Library, News, Origin, Plan, Rebuilt, RunHandle, StartRun,
};
use blueprint_journal::{Flush, SqliteJournal};
use blueprint_model::{
    Block, EventKind, Journal, Limits, Registry, RunId, RunRecord, Secrets, Value, event::RunStatus,
};
use jiff::Timestamp;
use serde_json::json;
use tokio::{runtime::Runtime, task::JoinSet};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PARKED: &str = "\
name: parked
inputs: {at: {type: string}}
blocks:
  hold: {type: wait, until: '@{inputs.at}', next: end}
  end: {type: return_value, value: 1}
";

/// Measures something, and adds rows.
type Part = fn(Effort, &Runtime, &mut Table);

fn main() {
    let effort = Effort::of_process();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads for the runtime");
    let mut table = Table::new(&["what", "size", "measured", "p10–p90"]);
    let parts: [(&str, Part); 3] = [("resume", resume), ("parked", parked), ("growth", growth)];
    // A name on the command line measures that part alone.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|it| it == name);
    for (_, part) in parts.iter().filter(|(name, _)| is_wanted(name)) {
        part(effort, &runtime, &mut table);
    }
    table.print();
    if is_wanted("throughput") {
        throughput(effort, &runtime).print();
    }
}

/// Blocks whose events are on the disk, beside what the disk can do: one chain of blocks that reach
/// outside (each waits for the flush), one of blocks that do not, and many runs at once of both. A
/// block that reaches outside leaves two records, that it started and how it ended, and so the bare
/// writer has twice as many, as many in a transaction as all runs leave while they wait once.
fn throughput(effort: Effort, runtime: &Runtime) -> Table {
    let mut table = Table::new(&["what", "blocks", "a block", "limit", "its records", "× limit"]);
    let cases = [
        ("chain, strict", Kind::OUTSIDE, 1, effort.size(300, 3), "append and fdatasync"),
        ("chain, behind", Kind::PASS, 1, effort.size(20_000, 20), "bare writer, 1,000 at once"),
        ("64 chains, strict", Kind::OUTSIDE, 64, effort.size(50, 2), "bare writer, 128 at once"),
        ("64 chains, behind", Kind::PASS, 64, effort.size(300, 2), "bare writer, 1,000 at once"),
    ];
    for (what, kind, runs, blocks, limit) in cases {
        let folder = folder();
        let engine = engine(&store(folder.path()));
        let plan = plan(&blueprint(Shape::Chain, kind, blocks).text);
        let mut file = Appender::new(folder.path(), flush::body()).expect("a new file");
        let mut writer = Writer::new(folder.path(), Flush::Full, flush::body());
        let units = runs * blocks;
        let compared = compare(
            effort,
            units,
            || run_many(runtime, &engine, &plan, runs),
            || match (runs, kind.name) {
                (1, "outside") => file.flush_each(units).expect("there is a disk"),
                (_, "outside") => writer.write(2 * units, 128),
                _ => writer.write(units, 1_000),
            },
        );
        let ratio = compared.ratio;
        table.row(&[
            what.into(),
            units.to_string(),
            ns(compared.ours.median),
            limit.into(),
            ns(compared.limit.median),
            format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.p10, ratio.p90),
        ]);
    }
    table
}

fn run_many(runtime: &Runtime, engine: &Engine, plan: &Arc<Plan>, runs: usize) {
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..runs {
            let (engine, plan) = (engine.clone(), plan.clone());
            tasks.spawn(async move { start(&engine, &plan, json!({})).await.halted().await });
        }
        while let Some(joined) = tasks.join_next().await {
            let halt = joined.expect("no panic").expect("the store takes all");
            assert!(matches!(halt, Halt::Ended(end) if end.status == RunStatus::Succeeded));
        }
    });
}

/// Beside the build, since the folder for temporary files may be in memory.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a new folder")
}

/// From the call that resumes a run to the end of its next block.
fn resume(effort: Effort, runtime: &Runtime, table: &mut Table) {
    let blocks = effort.size(10_000, 100);
    let text = blueprint(Shape::Chain, Kind::PASS, blocks).text;
    // The last block leads to a wait, at which the run is parked.
    let last = format!("b{}", blocks - 1);
    let text =
        format!("{text}  hold: {{type: wait, duration: 1ms, next: end}}\n  end: {{type: pass}}\n")
            .replace(
                &format!("  {last}: {{type: pass"),
                &format!("  {last}: {{next: hold, type: pass"),
            );
    let plan = plan(&text);
    let folder = folder();
    let journal = store(folder.path());
    let engine = engine(&journal).parking(Duration::ZERO);
    let mut took = Vec::new();
    for _ in 0..effort.rounds() {
        let run = runtime.block_on(async {
            let handle = start(&engine, &plan, json!({})).await;
            let run = handle.id().clone();
            let halt = handle.halted().await.expect("the store takes all");
            assert!(matches!(halt, Halt::Parked(Some(_))), "{halt:?}");
            run
        });
        let us = time(|| {
            runtime.block_on(async {
                let mut handle = again(&engine, &run, &plan).await;
                let mut events = handle.events().expect("nobody took them");
                while let Some(event) = events.recv().await {
                    if matches!(event.kind, EventKind::BlockFinished { .. }) {
                        break;
                    }
                }
                handle.halted().await.expect("the store takes all");
            });
        });
        took.push(us.as_nanos() as f64);
    }
    let spread = Spread::of(took);
    row(table, "resume, to the end of the next block", blocks, spread);
}

/// Memory of a parked run, and how late it wakes.
fn parked(effort: Effort, runtime: &Runtime, table: &mut Table) {
    let runs = effort.size(100_000, 50);
    let folder = folder();
    let journal = store(folder.path());
    let plan = plan(PARKED);
    let engine = engine(&journal).parking(Duration::ZERO);
    let began = engine.now();
    // All are parked before the first wakes; then they wake over some time.
    let first = began + Duration::from_millis(runs as u64 / 2 + 2_000);
    let spread_ms = runs as u64;
    let before = resident();
    let due: BTreeMap<RunId, Timestamp> = runtime.block_on(async {
        let mut due = BTreeMap::new();
        let mut open = JoinSet::new();
        for number in 0..runs {
            let at = first + Duration::from_millis(number as u64 * spread_ms / runs as u64);
            let (engine, plan) = (engine.clone(), plan.clone());
            open.spawn(async move {
                let handle = start(&engine, &plan, json!({"at": at.to_string()})).await;
                let run = handle.id().clone();
                let halt = handle.halted().await.expect("the store takes all");
                assert!(matches!(halt, Halt::Parked(Some(_))), "{halt:?}");
                (run, at)
            });
            if open.len() >= 500 {
                let (run, at) = open.join_next().await.expect("some").expect("no panic");
                due.insert(run, at);
            }
        }
        while let Some(joined) = open.join_next().await {
            let (run, at) = joined.expect("no panic");
            due.insert(run, at);
        }
        due
    });
    let parking = (engine.now() - began).as_secs_f64();
    let memory = resident().saturating_sub(before);
    let disk = folder_size(folder.path());
    assert!(engine.now() < first, "parking took {parking} s: some woke before all were parked");
    let late = wake(runtime, &engine, plan, &due);
    let p99 = late[(late.len() - 1) * 99 / 100];
    assert!(late[0] >= 0.0, "a run woke {} ns before its time", late[0]);
    row(table, "wake-up, late by", runs, Spread::of(late));
    cells(table, "wake-up, p99 late by", runs, ns(p99), String::new());
    cells(table, "memory a parked run", runs, format!("{} B", memory / runs as u64), String::new());
    cells(table, "disk a parked run", runs, format!("{} B", disk / runs as u64), String::new());
    cells(table, "parked in", runs, format!("{parking:.1} s"), String::new());
}

/// Lets all wake, and returns how late each went on, in nanoseconds, sorted.
fn wake(
    runtime: &Runtime,
    engine: &Engine,
    plan: Arc<Plan>,
    due: &BTreeMap<RunId, Timestamp>,
) -> Vec<f64> {
    let runs = due.len();
    let late = Arc::new(Mutex::new(Vec::new()));
    let ended = AtomicU64::new(0);
    let rebuild = move |_: &RunRecord| Ok(rebuilt(&plan));
    let mut host = Host::new(engine.clone(), Arc::new(rebuild), 64);
    let (sink, clock) = (late.clone(), engine.clone());
    runtime.block_on(async {
        let everything = tokio::sync::Notify::new();
        let tell = |news: News| match news {
            News::Resumed(run) => {
                let us = clock.now().as_microsecond() - due[&run].as_microsecond();
                sink.lock().expect("no panic").push(us as f64 * 1e3);
            }
            News::Halted(_, halt) => {
                assert!(
                    matches!(halt, Ok(Halt::Ended(ref end)) if end.status == RunStatus::Succeeded)
                );
                if ended.fetch_add(1, Ordering::Relaxed) + 1 == runs as u64 {
                    everything.notify_one();
                }
            }
            News::Taken(run) => panic!("{run}: nobody else is here"),
            News::Refused(run, reason) => panic!("{run}: {reason}"),
        };
        tokio::select! {
            swept = host.sweep(tell) => swept.expect("the store is fine"),
            () = everything.notified() => {}
        }
    });
    let mut late = late.lock().expect("no panic").clone();
    late.sort_by(f64::total_cmp);
    late
}

/// A new run beside a long history, against one in an empty store.
fn growth(effort: Effort, runtime: &Runtime, table: &mut Table) {
    let events = effort.size(1_000_000, 1_000);
    let chain = effort.size(1_000, 10);
    let plan = plan(&blueprint(Shape::Chain, Kind::PASS, chain).text);
    let (full, empty) = (folder(), folder());
    let (full, empty) = (engine(&store(full.path())), engine(&store(empty.path())));
    for _ in 0..events / (chain + 2) {
        run(runtime, &full, &plan);
    }
    let compared =
        compare(effort, chain, || run(runtime, &full, &plan), || run(runtime, &empty, &plan));
    row(table, "a block, empty store", chain, compared.limit);
    row(table, "a block, long history", events, compared.ours);
    let ratio = compared.ratio;
    let spread = format!("{:.2}–{:.2}", ratio.p10, ratio.p90);
    cells(table, "long history ÷ empty store", events, format!("{:.2} ×", ratio.median), spread);
}

fn run(runtime: &Runtime, engine: &Engine, plan: &Arc<Plan>) {
    let halt = runtime.block_on(async {
        let handle = start(engine, plan, json!({})).await;
        handle.halted().await.expect("the store takes all")
    });
    assert!(matches!(halt, Halt::Ended(end) if end.status == RunStatus::Succeeded));
}

async fn start(engine: &Engine, plan: &Arc<Plan>, inputs: Value) -> RunHandle {
    let start = StartRun {
        plan: plan.clone(),
        library: Arc::new(Library::default()),
        payload: inputs.clone(),
        inputs,
        secrets: Secrets::none(),
        env: Arc::default(),
        timeout: None,
        origin: Origin::default(),
    };
    engine.start(start).await.expect("the inputs are right")
}

async fn again(engine: &Engine, run: &RunId, plan: &Arc<Plan>) -> RunHandle {
    let resumed = engine.resume(run, |_| Ok::<_, std::convert::Infallible>(rebuilt(plan)));
    resumed.await.expect("nobody else works on it")
}

fn rebuilt(plan: &Arc<Plan>) -> Rebuilt {
    Rebuilt {
        plan: plan.clone(),
        library: Arc::new(Library::default()),
        secrets: Secrets::none(),
        env: Arc::default(),
    }
}

fn plan(text: &str) -> Arc<Plan> {
    let (blueprint, faults) = blueprint_syntax::parse("bench.yaml", text);
    assert!(faults.is_empty(), "{faults:?}");
    let registry = blueprint_project::wiring::registry();
    let mut blocks: Vec<Arc<dyn Block>> = registry.blocks().to_vec();
    blocks.push(Arc::new(Pass));
    blocks.push(Arc::new(Outside));
    let registry = Registry::new(blocks, registry.languages().to_vec());
    Plan::build(&blueprint, &registry).plan.expect("the bench writes faultless blueprints")
}

fn store(folder: &Path) -> Arc<dyn Journal> {
    Arc::new(SqliteJournal::open(&folder.join("runs.db"), Flush::Full).expect("a new store"))
}

fn engine(journal: &Arc<dyn Journal>) -> Engine {
    Engine::new(journal.clone(), Clock::System, Ids::Random, Limits::default())
}

fn folder_size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("the store's folder");
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
}

fn row(table: &mut Table, what: &str, size: usize, spread: Spread) {
    let range = format!("{}–{}", ns(spread.p10), ns(spread.p90));
    cells(table, what, size, ns(spread.median), range);
}

fn cells(table: &mut Table, what: &str, size: usize, measured: String, range: String) {
    table.row(&[what.into(), size.to_string(), measured, range]);
}
