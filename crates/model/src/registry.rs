//! What blueprints of a process can name: block types, script languages, process variables.

use std::{collections::BTreeMap, sync::Arc};

use crate::{block::Block, script::Language};

/// The block types, script languages and process variables.
#[derive(Clone)]
pub struct Registry {
    blocks: Arc<Vec<Arc<dyn Block>>>,
    by_kind: Arc<BTreeMap<&'static str, usize>>,
    languages: Arc<Vec<Arc<dyn Language>>>,
    variables: Arc<[String]>,
}

impl Registry {
    /// Returns the registry of these types and languages; the first language is the default one.
    pub fn new(blocks: Vec<Arc<dyn Block>>, languages: Vec<Arc<dyn Language>>) -> Self {
        let by_kind =
            blocks.iter().enumerate().map(|(at, block)| (block.spec().kind, at)).collect();
        Self {
            blocks: Arc::new(blocks),
            by_kind: Arc::new(by_kind),
            languages: Arc::new(languages),
            variables: Arc::default(),
        }
    }

    /// Returns the registry with process variables that blueprints may read.
    #[must_use]
    pub fn with_variables(mut self, names: &[String]) -> Self {
        self.variables = names.into();
        self
    }

    /// Returns the process variables that blueprints may read.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// Returns the block type with this name.
    pub fn block(&self, kind: &str) -> Option<&Arc<dyn Block>> {
        self.by_kind.get(kind).map(|at| &self.blocks[*at])
    }

    /// Returns every block type, in the order of the manual.
    pub fn blocks(&self) -> &[Arc<dyn Block>] {
        &self.blocks
    }

    /// Returns the language with this name, or the default one.
    pub fn language(&self, name: Option<&str>) -> Option<&Arc<dyn Language>> {
        match name {
            None => self.languages.first(),
            Some(name) => self.languages.iter().find(|language| language.name() == name),
        }
    }

    /// Returns every language.
    pub fn languages(&self) -> &[Arc<dyn Language>] {
        &self.languages
    }
}
