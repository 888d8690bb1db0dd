//! Blocks per second in memory, beside a bare loop (L0) and a task a block (L1).

use std::sync::Arc;

use benches::{
    harness::{Effort, Table, compare, ns},
    limits::{Rows, loop_of_blocks, tasks},
    pass::Pass,
    shapes::{KINDS, Kind, Shape, blueprint},
};
use blueprint_engine::{Clock, Engine, Ids, Library, Origin, Plan, StartRun};
use blueprint_journal::MemoryJournal;
use blueprint_model::{Block, Limits, Registry, Secrets, Value, event::RunStatus};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let effort = Effort::of_process();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads for the runtime");
    let mut table =
        Table::new(&["shape", "kind", "blocks", "ours", "blocks/s", "L0", "× L0", "L1", "× L1"]);
    let sizes = if effort == Effort::Full { vec![100, 1_000, 10_000, 100_000] } else { vec![100] };
    for (shape_name, shape) in Shape::ALL {
        for kind in KINDS {
            for blocks in &sizes {
                if kind.name != "pass" && *blocks != effort.size(1_000, 100) {
                    continue;
                }
                table.row(&row(effort, &runtime, (shape_name, shape), kind, *blocks));
            }
        }
    }
    table.print();
}

fn row(
    effort: Effort,
    runtime: &Runtime,
    (shape_name, shape): (&str, Shape),
    kind: Kind,
    blocks: usize,
) -> Vec<String> {
    let plan = plan(&blueprint(shape, kind, blocks));
    let rows = Arc::new(Rows::of(shape, blocks));
    let engine = engine();
    let times = (20_000 / blocks).max(1);
    let run_all = || {
        for _ in 0..times {
            run(runtime, &engine, &plan);
        }
    };
    let l0 = compare(effort, blocks * times, run_all, || {
        for _ in 0..times {
            loop_of_blocks(runtime, &rows);
        }
    });
    let l1 = compare(effort, blocks * times, run_all, || {
        for _ in 0..times {
            tasks(runtime, &rows);
        }
    });
    vec![
        shape_name.into(),
        kind.name.into(),
        blocks.to_string(),
        ns(l0.ours.median),
        format!("{:.2} M", 1e3 / l0.ours.median),
        ns(l0.limit.median),
        format!("{:.2} ({:.2}–{:.2})", l0.ratio.median, l0.ratio.p10, l0.ratio.p90),
        ns(l1.limit.median),
        format!("{:.2} ({:.2}–{:.2})", l1.ratio.median, l1.ratio.p10, l1.ratio.p90),
    ]
}

fn plan(text: &str) -> Arc<Plan> {
    let (blueprint, faults) = blueprint_syntax::parse("bench.yaml", text);
    assert!(faults.is_empty(), "{faults:?}");
    let registry = blueprint::wiring::registry();
    let mut blocks: Vec<Arc<dyn Block>> = registry.blocks().to_vec();
    blocks.push(Arc::new(Pass));
    let registry = Registry::new(blocks, registry.languages().to_vec());
    Plan::build(&blueprint, &registry).plan.expect("the generator writes faultless blueprints")
}

fn engine() -> Engine {
    let journal = Arc::new(MemoryJournal::forgetful());
    Engine::new(journal, Clock::System, Ids::Random, Limits::default())
}

fn run(runtime: &Runtime, engine: &Engine, plan: &Arc<Plan>) {
    let start = StartRun {
        plan: plan.clone(),
        library: Arc::new(Library::default()),
        inputs: Value::Null,
        payload: Value::Null,
        secrets: Secrets::none(),
        env: Arc::default(),
        timeout: None,
        origin: Origin::default(),
    };
    let end = runtime.block_on(async {
        let mut handle = engine.start(start).await.expect("there are no inputs to be wrong");
        drop(handle.events());
        handle.finished().await.expect("a journal in memory takes all")
    });
    assert_eq!(end.status, RunStatus::Succeeded);
}
