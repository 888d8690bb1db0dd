//! What a run's blueprint looks like, made once for all pages about the run.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::Arc,
};

use blueprint_engine::{Outline, Plan};
use blueprint_model::{Registry, RunRecord, Source};
use blueprint_project::{drawing::Drawing, store};

use crate::ui::blueprint::source;

/// The blueprint of a run as it was when the run began.
#[derive(Default)]
pub(in crate::ui) struct Shape {
    /// Its blocks, bodies after their owners, each with its type.
    pub(in crate::ui) blocks: Vec<(String, String)>,
    /// Its graph.
    pub(in crate::ui) drawing: Drawing,
    /// The lines of each block.
    pub(in crate::ui) places: BTreeMap<String, RangeInclusive<usize>>,
    /// Its plan; `None` where this version of the program finds a fault in it.
    pub(in crate::ui) plan: Option<Arc<Plan>>,
    /// Its text.
    pub(in crate::ui) source: Option<Source>,
    /// Blocks and outcomes that an edge leads on from.
    handled: BTreeSet<(String, String)>,
    sizes: BTreeMap<String, usize>,
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shape of {} blocks", self.blocks.len())
    }
}

impl Shape {
    /// Returns the shape of a run's blueprint.
    pub(in crate::ui) fn of(record: &RunRecord, registry: &Registry) -> Self {
        let source = record.sources.first().map(|source| Source::new(&source.file, &source.text));
        let Ok(pinned) = store::pinned(record, registry) else {
            return Self { source, ..Self::default() };
        };
        let outline = pinned.plan.outline();
        let mut shape = Self::of_outline(&record.blueprint, outline.clone());
        if let Some(source) = &source {
            shape.places = source::places(source, &outline);
        }
        Self { plan: Some(pinned.plan), source, ..shape }
    }

    /// Returns the shape of an outline.
    pub(in crate::ui) fn of_outline(name: &str, outline: Outline) -> Self {
        let mut shape = Self::default();
        shape.add("", &outline);
        shape.drawing = Drawing::of(name, outline);
        shape
    }

    fn add(&mut self, prefix: &str, outline: &Outline) {
        for node in &outline.nodes {
            let id = format!("{prefix}{}", node.id);
            self.blocks.push((id.clone(), node.kind.into()));
            for outcome in &node.handled {
                self.handled.insert((id.clone(), outcome.clone()));
            }
            if let Some(body) = &node.body {
                self.sizes.insert(id.clone(), body.nodes.len());
                // Bodies are as deep as the reader lets a file be.
                self.add(&format!("{id}."), body);
            }
        }
    }

    /// Returns whether an edge leads on from this outcome.
    pub(super) fn is_handled(&self, block: &str, outcome: &str) -> bool {
        self.handled.contains(&(block.to_owned(), outcome.to_owned()))
    }

    /// Returns how many blocks the body of a block has; none if it has no body.
    pub(super) fn body_size(&self, block: &str) -> usize {
        self.sizes.get(block).copied().unwrap_or(0)
    }
}
