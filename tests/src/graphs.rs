//! Random acyclic graphs, and the blueprints that say the same.

use std::sync::Arc;

use blueprint_engine::Plan;
use blueprint_model::{
    Blueprint, Registry, Spanned,
    block::Block,
    blueprint::{Edge, Graph, Join, Node, OnError, OnResume},
    diagnostic::Span,
};
use indexmap::IndexMap;

use crate::{probe, random::Random};

/// The outcomes of a probe: two to choose from, and an error.
pub const OUTCOMES: [&str; 3] = ["a", "b", "error"];

/// A graph as plain data: what the reference evaluator and the engine both read.
#[derive(Debug, Clone)]
pub struct Sketch {
    /// Each block: its join.
    pub joins: Vec<Join>,
    /// Edges: from, outcome, to.
    pub edges: Vec<(usize, usize, usize)>,
    /// The outcome that each block will end with, if it runs.
    pub outcomes: Vec<usize>,
}

impl Sketch {
    /// Returns a random graph of up to `max` blocks. `with_failures` allows errors that nothing
    /// handles.
    pub fn random(random: &mut Random, max: usize, with_failures: bool) -> Self {
        let blocks = 1 + random.below(max);
        let joins = (0..blocks)
            .map(|_| *random.pick(&[Join::Any, Join::Any, Join::All, Join::First, Join::Always]))
            .collect();
        let mut edges = Vec::new();
        for to in 1..blocks {
            for _ in 0..random.below(4) {
                let edge = (random.below(to), random.below(3), to);
                if !edges.contains(&edge) {
                    edges.push(edge);
                }
            }
        }
        let mut sketch = Self { joins, edges, outcomes: Vec::new() };
        sketch.outcomes = (0..blocks)
            .map(|block| {
                let outcome = random.below(3);
                let is_handled = outcome != 2 || sketch.has_edge(block, 2);
                if is_handled || with_failures { outcome } else { random.below(2) }
            })
            .collect();
        sketch
    }

    /// Returns whether something follows a block on an outcome.
    pub fn has_edge(&self, block: usize, outcome: usize) -> bool {
        self.edges.iter().any(|(from, o, _)| (*from, *o) == (block, outcome))
    }

    /// Returns the sketch with a block more, on an outcome that is never chosen.
    pub fn with_dead_branch(&self, random: &mut Random) -> Self {
        let mut sketch = self.clone();
        let from = random.below(self.joins.len());
        let outcome = (self.outcomes[from] + 1 + random.below(2)) % 3;
        let to = self.joins.len();
        sketch.joins.push(Join::Any);
        sketch.outcomes.push(random.below(2));
        sketch.edges.push((from, outcome, to));
        sketch
    }

    /// Returns the plan that says the same. Joins that the checker knows never to run are allowed
    /// here: the engine must handle them all the same.
    pub fn plan(&self, on_error: OnError) -> Option<Arc<Plan>> {
        let blocks: Vec<Arc<dyn Block>> = vec![Arc::new(probe::Probe)];
        Plan::build(&self.blueprint(on_error), &Registry::new(blocks, Vec::new())).plan
    }

    /// Returns the blueprint that says the same.
    pub fn blueprint(&self, on_error: OnError) -> Blueprint {
        let nodes = (0..self.joins.len()).map(|block| (id(block).into(), self.node(block)));
        Blueprint {
            name: Spanned::new("random".into(), Span::default()),
            on_error,
            graph: Graph { nodes: nodes.collect(), span: Span::default() },
            state: serde_json::json!({}),
            ..Blueprint::default()
        }
    }

    fn node(&self, block: usize) -> Node {
        let spanned = |text: &str| Spanned::new(text.to_owned(), Span::default());
        let edges = self.edges.iter().filter(|(from, ..)| *from == block);
        Node {
            id_span: Span::default(),
            span: Span::default(),
            kind: spanned("probe"),
            title: None,
            note: None,
            next: edges
                .map(|(_, outcome, to)| Edge {
                    outcome: Some(spanned(OUTCOMES[*outcome])),
                    target: spanned(&id(*to)),
                })
                .collect(),
            join: self.joins[block],
            retry: None,
            timeout: None,
            expect: None,
            on_resume: OnResume::Retry,
            secrets: Vec::new(),
            reveal: Vec::new(),
            secret_outputs: Vec::new(),
            fields: IndexMap::new(),
            body: None,
        }
    }
}

/// Returns the id of a block.
pub fn id(block: usize) -> String {
    format!("b{block}")
}
