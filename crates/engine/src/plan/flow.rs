//! What is sure to have run: dominators of blocks and outcomes, and which edges exclude each other.
//!
//! Nodes of the tree are blocks and their outcomes; the parent of a node is the nearest block or
//! outcome that every way to it passes. In an acyclic graph the parent of a block is the lowest
//! common ancestor of its incoming edges, taken in topological order (Cooper, Harvey and Kennedy,
//! "A Simple, Fast Dominance Algorithm", 2001). Ancestors are found in logarithmic time by jump
//! pointers (Myers, "An Applicative Random-Access Stack", 1983). A block with `join: all` also has
//! everything sure that any of its edges has; those are looked up along the way.

use std::collections::BTreeSet;

use blueprint_model::{Diagnostic, blueprint::Join, code};

use super::{
    graph::Connected,
    names::{Draft, DraftGraph, index},
};

/// Joins with more edges than this are not looked at pair by pair.
const MAX_PAIRS: usize = 256;

const ROOT: u32 = 0;

/// The dominator tree of one graph.
pub(crate) struct Flow {
    nodes: Vec<Node>,
    /// Tree node of each block; 0 for blocks of a graph with a circle.
    blocks: Vec<u32>,
    /// Per block, the tree nodes of its incoming edges.
    incoming: Vec<Vec<u32>>,
}

#[derive(Clone, Copy)]
struct Node {
    parent: u32,
    jump: u32,
    depth: u32,
    is_outcome: bool,
    /// The block that it is, or whose outcome it is.
    block: u32,
    /// Of the parent block's outcomes, those by which it can be reached, as bits.
    guards: u64,
    /// The nearest block with `join: all` on the way up, itself included.
    nearest_all: Option<u32>,
}

impl Flow {
    /// Builds the tree of a graph.
    pub(crate) fn of(connected: &Connected, draft: &DraftGraph<'_>) -> Self {
        let blocks = connected.graph.node_count();
        let root = Node {
            parent: ROOT,
            jump: ROOT,
            depth: 0,
            is_outcome: true,
            guards: 0,
            nearest_all: None,
            block: u32::MAX,
        };
        let mut flow = Self {
            nodes: vec![root],
            blocks: vec![ROOT; blocks],
            incoming: vec![Vec::new(); blocks],
        };
        // Tree node of each (block, outcome), filled as blocks are reached.
        let mut outcomes: Vec<Vec<(u32, u32)>> = vec![Vec::new(); blocks];
        for block in &connected.order {
            let edges: Vec<u32> = connected
                .incoming(*block)
                .into_iter()
                .map(|(from, outcome)| {
                    flow.outcome_node(&mut outcomes[from as usize], from, outcome)
                })
                .collect();
            let join = draft.nodes[*block as usize].node.join;
            // An `always` block runs whatever happened, so nothing before it is sure.
            let parent = match join {
                Join::Always => ROOT,
                Join::Any | Join::All | Join::First => {
                    edges.iter().copied().reduce(|a, b| flow.common(a, b)).unwrap_or(ROOT)
                }
            };
            let guards =
                edges.iter().fold(0, |guards, edge| guards | flow.guards_at(*edge, parent));
            let node = flow.push(parent, false, *block, guards);
            if join == Join::All {
                flow.nodes[node as usize].nearest_all = Some(node);
            }
            flow.blocks[*block as usize] = node;
            flow.incoming[*block as usize] = edges;
        }
        flow
    }

    /// Returns whether `block` is sure to have run when `reader` starts.
    pub(crate) fn is_sure(&self, block: u32, reader: u32) -> bool {
        let target = self.blocks[block as usize];
        let reader = self.blocks[reader as usize];
        if target == reader {
            return false;
        }
        let mut seen = BTreeSet::new();
        let mut work = vec![reader];
        while let Some(from) = work.pop() {
            if self.is_ancestor(target, from) {
                return true;
            }
            let mut all = self.nodes[from as usize].nearest_all;
            while let Some(here) = all.filter(|here| seen.insert(*here)) {
                let node = self.nodes[here as usize];
                work.extend(&self.incoming[node.block as usize]);
                all = self.nodes[node.parent as usize].nearest_all;
            }
        }
        false
    }

    /// Returns whether two incoming edges (by their tree nodes) can never both be taken.
    fn is_exclusive(&self, a: u32, b: u32) -> bool {
        let common = self.common(a, b);
        if common == a || common == b || self.nodes[common as usize].is_outcome {
            return false;
        }
        let guards_a = self.guards_at(a, common);
        let guards_b = self.guards_at(b, common);
        guards_a != 0 && guards_b != 0 && guards_a & guards_b == 0
    }

    /// Returns two incoming edges of a block, by place, that can both be taken.
    pub(crate) fn pair_together(&self, block: u32) -> Option<(usize, usize)> {
        self.find_pair(&self.incoming[block as usize], |a, b| !self.is_exclusive(a, b))
    }

    /// Returns two incoming edges of a block, by place, that can never both be taken.
    fn pair_exclusive(&self, block: u32) -> Option<(usize, usize)> {
        let edges = &self.incoming[block as usize];
        if edges.len() > MAX_PAIRS {
            return None;
        }
        self.find_pair(edges, |a, b| self.is_exclusive(a, b))
    }

    fn find_pair(&self, nodes: &[u32], test: impl Fn(u32, u32) -> bool) -> Option<(usize, usize)> {
        if nodes.len() > MAX_PAIRS {
            return Some((0, 1));
        }
        (0..nodes.len())
            .flat_map(|a| (a + 1..nodes.len()).map(move |b| (a, b)))
            .find(|(a, b)| test(nodes[*a], nodes[*b]))
    }

    fn outcome_node(&mut self, known: &mut Vec<(u32, u32)>, from: u32, outcome: u32) -> u32 {
        if let Some((_, node)) = known.iter().find(|(other, _)| *other == outcome) {
            return *node;
        }
        let guard = 1_u64.checked_shl(outcome).unwrap_or(u64::MAX);
        let node = self.push(self.blocks[from as usize], true, from, guard);
        known.push((outcome, node));
        node
    }

    fn push(&mut self, parent: u32, is_outcome: bool, block: u32, guards: u64) -> u32 {
        let above = self.nodes[parent as usize];
        let jump = self.nodes[above.jump as usize];
        let is_even = above.depth - jump.depth == jump.depth - self.nodes[jump.jump as usize].depth;
        let node = Node {
            parent,
            jump: if is_even { jump.jump } else { parent },
            depth: above.depth + 1,
            is_outcome,
            block,
            guards,
            nearest_all: above.nearest_all,
        };
        self.nodes.push(node);
        index(self.nodes.len() - 1)
    }

    /// Returns the outcomes of block `top` by which the way to `node` goes, as bits.
    fn guards_at(&self, node: u32, top: u32) -> u64 {
        if node == top {
            return 0;
        }
        let child = self.raise(node, self.nodes[top as usize].depth + 1);
        self.nodes[child as usize].guards
    }

    fn common(&self, a: u32, b: u32) -> u32 {
        let depth = self.nodes[a as usize].depth.min(self.nodes[b as usize].depth);
        let (mut a, mut b) = (self.raise(a, depth), self.raise(b, depth));
        while a != b {
            let (node_a, node_b) = (self.nodes[a as usize], self.nodes[b as usize]);
            (a, b) = if node_a.jump == node_b.jump {
                (node_a.parent, node_b.parent)
            } else {
                (node_a.jump, node_b.jump)
            };
        }
        a
    }

    fn raise(&self, mut node: u32, depth: u32) -> u32 {
        while self.nodes[node as usize].depth > depth {
            let Node { parent, jump, .. } = self.nodes[node as usize];
            node = if self.nodes[jump as usize].depth >= depth { jump } else { parent };
        }
        node
    }

    fn is_ancestor(&self, above: u32, below: u32) -> bool {
        let depth = self.nodes[above as usize].depth;
        self.nodes[below as usize].depth >= depth && self.raise(below, depth) == above
    }
}

/// Reports joins that can never run, and returns that can race.
pub(crate) fn judge(
    draft: &Draft<'_>,
    graphs: &[Connected],
    flows: &[Flow],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let wired = draft.graphs.iter().zip(graphs).zip(flows).filter(|((draft, _), _)| draft.is_wired);
    for ((draft, connected), flow) in wired {
        for (block, node) in draft.nodes.iter().enumerate() {
            let block = index(block);
            if node.node.join == Join::All
                && let Some(pair) = flow.pair_exclusive(block)
            {
                diagnostics.push(never_runs(draft, connected, block, pair));
            }
        }
        racing_returns(draft, flow, diagnostics);
    }
}

fn never_runs(
    draft: &DraftGraph<'_>,
    connected: &Connected,
    block: u32,
    pair: (usize, usize),
) -> Diagnostic {
    let incoming = connected.incoming(block);
    let name = |place: usize| {
        let (from, outcome) = incoming[place];
        let node = &draft.nodes[from as usize];
        format!("{}.{}", node.id, node.outcomes[outcome as usize].name)
    };
    let node = &draft.nodes[block as usize];
    let message = format!(
        "block `{}` can never run: `join: all` waits for `{}` and `{}`, which exclude each other",
        node.id,
        name(pair.0),
        name(pair.1)
    );
    Diagnostic::error(code::NEVER_RUNS, node.node.id_span, message)
        .help("remove `join: all`: the default, `any`, runs once either was taken")
}

fn racing_returns(draft: &DraftGraph<'_>, flow: &Flow, diagnostics: &mut Vec<Diagnostic>) {
    let returns: Vec<usize> = (0..draft.nodes.len())
        .filter(|at| draft.nodes[*at].spec().is_some_and(|spec| spec.outcomes.is_empty()))
        .take(MAX_PAIRS)
        .collect();
    let nodes: Vec<u32> = returns.iter().map(|at| flow.blocks[*at]).collect();
    let pair = flow.find_pair(&nodes, |a, b| !flow.is_exclusive(a, b));
    let Some((a, b)) = pair.filter(|_| nodes.iter().all(|node| *node != ROOT)) else { return };
    let (first, second) = (&draft.nodes[returns[a]], &draft.nodes[returns[b]]);
    let message = format!("the returns `{}` and `{}` can race", first.id, second.id);
    diagnostics.push(
        Diagnostic::warning(code::RACING_RETURNS, second.node.id_span, message)
            .related(first.node.id_span, "the other one")
            .help("let both lead to one return, or choose between them with `if_else`"),
    );
}
