//! A part of a plan: what a run reaches that starts at one block.

use std::{collections::BTreeSet, sync::Arc};

use super::{Plan, Step, compile, names::index, uses};

/// Returns a block and all that can be reached from it, given where the edges of each block lead.
pub(super) fn reached(start: u32, next: impl Fn(u32) -> Vec<u32>) -> BTreeSet<u32> {
    let mut reached = BTreeSet::from([start]);
    let mut work = vec![start];
    while let Some(from) = work.pop() {
        work.extend(next(from).into_iter().filter(|to| reached.insert(*to)));
    }
    reached
}

impl Plan {
    /// Returns the plan of runs that start at a block of its own graph: what cannot be reached from
    /// there is left out, with the secrets that only it needs, and joins count only edges from what
    /// is left. `None` if there is no such block.
    pub fn starting_at(&self, block: &str) -> Option<Self> {
        let steps = &self.graphs[0].steps;
        let start = index(steps.iter().position(|step| *step.id == *block)?);
        let kept =
            reached(start, |from| steps[from as usize].edges.iter().map(|edge| edge.to).collect());
        let mut plan = self.clone();
        let graph = &mut plan.graphs[0];
        graph.roots = Arc::new([start]);
        for (number, step) in graph.steps.iter_mut().enumerate() {
            if kept.contains(&index(number)) {
                step.incoming.retain(|edge| kept.contains(&edge.from));
            } else {
                leave_out(step);
            }
            step.in_degree = index(step.incoming.len());
            step.readers = 0;
        }
        compile::place_edges(&mut graph.steps);
        compile::count_readers(&mut graph.steps);
        let gone = plan.left_out();
        plan.sites.retain(|site| !gone.contains(&site.at));
        plan.calls.retain(|call| !gone.contains(&call.at));
        plan.needs = uses::needs(&plan.sites);
        Some(plan)
    }

    /// Returns graph and block of everything that is left out, bodies included.
    fn left_out(&self) -> BTreeSet<(u32, u32)> {
        let mut gone = BTreeSet::new();
        let mut is_gone = vec![false; self.graphs.len()];
        // A body comes after the graph it belongs to.
        for (number, graph) in self.graphs.iter().enumerate() {
            for (block, step) in graph.steps.iter().enumerate() {
                if !is_gone[number] && !step.is_left_out {
                    continue;
                }
                gone.insert((index(number), index(block)));
                if let Some(body) = step.body {
                    is_gone[body as usize] = true;
                }
            }
        }
        gone
    }
}

fn leave_out(step: &mut Step) {
    step.is_left_out = true;
    step.edges.clear();
    step.incoming.clear();
    step.reads.clear();
}
