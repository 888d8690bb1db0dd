//! What the machine can do without an engine: the limits that figures are held against, on the same
//! graph.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use blueprint_model::Value;
use tokio::{runtime::Runtime, sync::Notify};

use crate::bench::{pass, shapes::Shape, stage};

/// A limit, as figures name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// A bare loop.
    Loop,
    /// A task a block.
    Tasks,
    /// The script language alone.
    Scripts,
    /// One thread that writes to SQLite.
    Writer,
    /// One flush of the disk.
    Flush,
}

impl Limit {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loop => "L0",
            Self::Tasks => "L1",
            Self::Scripts => "L2",
            Self::Writer => "L3",
            Self::Flush => "L4",
        }
    }

    /// Returns what it is, for those who see the name for the first time.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Loop => "a bare loop that awaits each block",
            Self::Tasks => "one task per block",
            Self::Scripts => "the script language alone, compiled once",
            Self::Writer => "one thread that writes records to SQLite",
            Self::Flush => "one flush of the disk",
        }
    }
}

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
        let mut ready: VecDeque<usize> = (0..open.len()).filter(|at| open[*at] == 0).collect();
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

/// What the tasks of L1 share.
struct Shared {
    rows: Arc<Rows>,
    open: Vec<AtomicU32>,
    results: Vec<OnceLock<Value>>,
    left: AtomicUsize,
    end: Notify,
}

/// L1, so many times over: one task a block, with atomic counters; a task that ends starts those that
/// have waited for it alone, and the last one says so.
pub fn tasks(runtime: &Runtime, rows: &Arc<Rows>, times: usize) {
    let rows = rows.clone();
    stage::on_worker(runtime, async move {
        for _ in 0..times {
            tasks_once(&rows).await;
        }
    });
}

async fn tasks_once(rows: &Arc<Rows>) {
    let blocks = rows.in_degree.len();
    if blocks == 0 {
        return;
    }
    let shared = Arc::new(Shared {
        rows: rows.clone(),
        open: rows.in_degree.iter().map(|n| AtomicU32::new(*n)).collect(),
        results: rows.in_degree.iter().map(|_| OnceLock::new()).collect(),
        left: AtomicUsize::new(blocks),
        end: Notify::new(),
    });
    for at in (0..blocks).filter(|at| rows.in_degree[*at] == 0) {
        spawn(&shared, at);
    }
    shared.end.notified().await;
}

#[expect(clippy::disallowed_methods, reason = "the limit is what tasks can do that nobody owns")]
fn spawn(shared: &Arc<Shared>, at: usize) {
    let shared = shared.clone();
    let task = tokio::spawn(async move {
        let result = work(at as u64).await;
        // Each block runs once, so that its place is empty.
        drop(shared.results[at].set(result));
        for target in &shared.rows.targets[at] {
            if shared.open[*target].fetch_sub(1, Ordering::AcqRel) == 1 {
                spawn(&shared, *target);
            }
        }
        if shared.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            shared.end.notify_one();
        }
    });
    drop(task);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_of_every_shape_is_worked_on() {
        let runtime = crate::execute::runtime().unwrap();
        for shape in Shape::ALL {
            for blocks in [0, 1, 100] {
                let rows = Arc::new(Rows::of(shape, blocks));
                // Both end only after the last block.
                loop_of_blocks(&runtime, &rows);
                tasks(&runtime, &rows, 2);
            }
        }
    }
}
