//! Edges as a petgraph, and the order of blocks; circles are faults that print their path.

use blueprint_model::{Diagnostic, code, diagnostic::is_full};
use petgraph::{
    algo::{kosaraju_scc, toposort},
    graph::{DiGraph, NodeIndex},
};

use super::names::{Draft, DraftGraph, index};

/// A graph with its edges: nodes are blocks in file order, edges carry the outcome's number.
pub(crate) struct Connected {
    pub graph: DiGraph<u32, u32>,
    /// Blocks in an order in which every edge leads forward; empty if there is a circle.
    pub order: Vec<u32>,
}

impl Connected {
    /// Returns the edges into a block, in file order of the blocks they come from.
    pub(crate) fn incoming(&self, node: u32) -> Vec<(u32, u32)> {
        let mut incoming: Vec<(u32, u32)> = self
            .graph
            .edges_directed(NodeIndex::new(node as usize), petgraph::Direction::Incoming)
            .map(|edge| {
                use petgraph::visit::EdgeRef as _;
                (index(edge.source().index()), *edge.weight())
            })
            .collect();
        incoming.sort_unstable();
        incoming
    }
}

/// Connects the blocks of every graph and reports circles.
pub(crate) fn connect(draft: &Draft<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Connected> {
    draft.graphs.iter().map(|graph| connect_one(graph, diagnostics)).collect()
}

fn connect_one(draft: &DraftGraph<'_>, diagnostics: &mut Vec<Diagnostic>) -> Connected {
    let edges = draft.nodes.iter().map(|node| node.edges.len()).sum();
    let mut graph = DiGraph::with_capacity(draft.nodes.len(), edges);
    for node in 0..draft.nodes.len() {
        graph.add_node(index(node));
    }
    for (from, node) in draft.nodes.iter().enumerate() {
        for (outcome, to, _) in &node.edges {
            graph.add_edge(NodeIndex::new(from), NodeIndex::new(*to as usize), *outcome);
        }
    }
    let order = match toposort(&graph, None) {
        Ok(order) => order.into_iter().map(|node| index(node.index())).collect(),
        Err(_) => {
            report_circles(draft, &graph, diagnostics);
            Vec::new()
        }
    };
    Connected { graph, order }
}

fn report_circles(
    draft: &DraftGraph<'_>,
    graph: &DiGraph<u32, u32>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for component in kosaraju_scc(graph) {
        if is_full(diagnostics) {
            break;
        }
        let first = component.iter().min().copied().expect("components are not empty");
        if component.len() == 1 && graph.find_edge(first, first).is_none() {
            continue;
        }
        let path = circle_from(graph, first, &component);
        let names: Vec<&str> = path.iter().map(|at| &**draft.nodes[at.index()].id).collect();
        let last = draft.nodes[path[path.len() - 1].index()].edges.iter();
        let node = &draft.nodes[first.index()];
        let span = last
            .clone()
            .find(|(_, to, _)| *to as usize == first.index())
            .map_or(node.node.id_span, |(_, _, span)| *span);
        let message =
            format!("the blocks wait for each other: {} → {}", names.join(" → "), names[0]);
        diagnostics.push(
            Diagnostic::error(code::CYCLE, span, message)
                .at("this edge closes the circle")
                .help("to run blocks again and again, put them into a `repeat` or `for_each`"),
        );
    }
}

/// Returns a shortest way from `start` back to itself inside its component, by breadth first.
fn circle_from(
    graph: &DiGraph<u32, u32>,
    start: NodeIndex,
    component: &[NodeIndex],
) -> Vec<NodeIndex> {
    let mut before = vec![None; graph.node_count()];
    let is_inside: std::collections::BTreeSet<NodeIndex> = component.iter().copied().collect();
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for next in graph.neighbors(node).filter(|next| is_inside.contains(next)) {
            if next == start {
                let mut path = vec![node];
                let mut here = node;
                while let Some(previous) = before[here.index()].filter(|_| here != start) {
                    here = previous;
                    path.push(here);
                }
                path.reverse();
                return path;
            }
            if before[next.index()].is_none() {
                before[next.index()] = Some(node);
                queue.push_back(next);
            }
        }
    }
    vec![start]
}
