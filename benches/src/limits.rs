//! What the machine can do without an engine: the limits of BENCHMARKS, on the same graph.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use blueprint_model::Value;
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{pass, shapes::Shape};

/// A graph as rows of targets, with the number of edges into each block.
pub struct Rows {
    targets: Vec<Vec<usize>>,
    in_degree: Vec<u32>,
    out_degree: Vec<u32>,
    sources: Vec<Vec<usize>>,
}

impl Rows {
    /// Returns the rows of a shape.
    pub fn of(shape: Shape, blocks: usize) -> Self {
        let mut rows = Self {
            targets: vec![Vec::new(); blocks],
            in_degree: vec![0; blocks],
            out_degree: vec![0; blocks],
            sources: vec![Vec::new(); blocks],
        };
        for (from, to) in shape.edges(blocks) {
            rows.targets[from].push(to);
            rows.sources[to].push(from);
            rows.in_degree[to] += 1;
            rows.out_degree[from] += 1;
        }
        rows
    }
}

type Work = Pin<Box<dyn Future<Output = Value> + Send>>;

fn work(n: u64) -> Work {
    Box::pin(async move { pass::result(n) })
}

/// L0: one loop that awaits each block and drops each result after its last reader.
pub fn loop_of_blocks(runtime: &Runtime, rows: &Rows) {
    runtime.block_on(async {
        let mut open = rows.in_degree.clone();
        let mut readers = rows.out_degree.clone();
        let mut results: Vec<Option<Arc<Value>>> = vec![None; open.len()];
        let mut ready: std::collections::VecDeque<usize> =
            (0..open.len()).filter(|at| open[*at] == 0).collect();
        while let Some(at) = ready.pop_front() {
            let result = Arc::new(work(at as u64).await);
            if readers[at] > 0 {
                results[at] = Some(result);
            }
            for source in &rows.sources[at] {
                readers[*source] -= 1;
                if readers[*source] == 0 {
                    results[*source] = None;
                }
            }
            for target in &rows.targets[at] {
                open[*target] -= 1;
                if open[*target] == 0 {
                    ready.push_back(*target);
                }
            }
        }
    });
}

/// L1: one task a block, with atomic counters.
pub fn tasks(runtime: &Runtime, rows: &Arc<Rows>) {
    struct Shared {
        rows: Arc<Rows>,
        open: Vec<AtomicU32>,
        results: Vec<Mutex<Option<Arc<Value>>>>,
        ready: tokio::sync::mpsc::UnboundedSender<usize>,
    }
    runtime.block_on(async {
        let (ready, mut finished) = tokio::sync::mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            rows: rows.clone(),
            open: rows.in_degree.iter().map(|n| AtomicU32::new(*n)).collect(),
            results: rows.in_degree.iter().map(|_| Mutex::default()).collect(),
            ready,
        });
        let mut tasks = JoinSet::new();
        let mut left = rows.in_degree.len();
        let spawn = |tasks: &mut JoinSet<()>, at: usize| {
            let shared = shared.clone();
            tasks.spawn(async move {
                let result = Arc::new(work(at as u64).await);
                if let Ok(mut slot) = shared.results[at].lock() {
                    *slot = Some(result);
                }
                // The receiver lives until all have finished.
                let _ = shared.ready.send(at);
            });
        };
        for at in 0..left {
            if shared.open[at].load(Ordering::Relaxed) == 0 {
                spawn(&mut tasks, at);
            }
        }
        while left > 0 {
            let Some(at) = finished.recv().await else { break };
            left -= 1;
            for target in &shared.rows.targets[at] {
                if shared.open[*target].fetch_sub(1, Ordering::AcqRel) == 1 {
                    spawn(&mut tasks, *target);
                }
            }
        }
        tasks.join_all().await;
    });
}
