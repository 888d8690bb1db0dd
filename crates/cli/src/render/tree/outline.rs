//! What a tree knows of a blueprint beforehand: which blocks there are, and of which type.

use std::collections::BTreeMap;

/// The blocks of a blueprint and of those it calls, by their paths without items.
///
/// Block `price` in the body of `each_order` is `each_order.price`; block `inner` of the blueprint
/// that `call_it` runs is `call_it/inner`.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    blocks: BTreeMap<String, Known>,
    /// How many blocks a graph has, by what its paths begin with.
    sizes: BTreeMap<String, usize>,
}

/// What is known of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its type.
    pub kind: String,
    /// Outcomes that have an edge: errors among them are handled.
    pub handles: Vec<String>,
    /// The most attempts.
    pub attempts: u32,
}

impl Outline {
    /// Adds a block.
    pub fn add(&mut self, path: &str, known: Known) {
        let prefix = path.rfind(['.', '/']).map_or("", |at| &path[..=at]);
        *self.sizes.entry(prefix.into()).or_default() += 1;
        self.blocks.insert(path.into(), known);
    }

    /// Returns what is known of a block.
    pub fn get(&self, path: &str) -> Option<&Known> {
        self.blocks.get(path)
    }

    /// Returns how many blocks are in the graph whose paths begin with `prefix`, if it is known.
    pub fn size(&self, prefix: &str) -> Option<usize> {
        self.sizes.get(prefix).copied()
    }
}
