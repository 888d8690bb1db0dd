//! Nested graphs of a running tree: which block they belong to, and when they are forgotten.

use std::collections::BTreeSet;

use blueprint_model::{BlockPath, event::At};

use crate::render::tree::{Node, Scope, State, Tree, Wait};

/// The most failed items of one loop that are kept.
const MAX_FAILED_ITEMS: usize = 20;

impl Tree {
    /// Returns the node of a block; a new one at the first event of the block.
    pub(super) fn node(&mut self, at: At, block: &BlockPath) -> &mut Node {
        if !self.scopes.contains_key(&at.scope) {
            self.open(at.scope, &block.scope);
        }
        let prefix = self.scopes.get(&at.scope).map_or("", |scope| &scope.static_prefix);
        self.nodes.entry(at).or_insert_with(|| Node {
            id: (*block.id).into(),
            path: block.to_string(),
            static_path: format!("{prefix}{}", block.id),
            started_at: None,
            attempt: 1,
            state: State::Running,
            wait: None,
            scopes: BTreeSet::new(),
        })
    }

    /// Counts the end of a block in its scope, and the end of its scope in the block around it.
    pub(super) fn end_in_scope(&mut self, at: At, is_unhandled: bool) {
        let Some(scope) = self.scopes.get_mut(&at.scope) else { return };
        scope.ended += 1;
        let has_failed = is_unhandled && scope.failed_at.is_none();
        if has_failed {
            scope.failed_at = Some(at);
        }
        let is_over = self.outline.size(&scope.static_prefix) == Some(scope.ended);
        let (host, is_kept) = (scope.host, scope.failed_at.is_some());
        let Some(host) = host.and_then(|host| self.nodes.get_mut(&host)) else { return };
        let Some(Wait::Items(progress)) = &mut host.wait else { return };
        progress.failed += usize::from(has_failed);
        progress.done += usize::from(is_over);
        let is_kept = is_kept && progress.failed <= MAX_FAILED_ITEMS;
        if is_over && !is_kept {
            host.scopes.remove(&at.scope);
            self.forget(at.scope);
        }
    }

    /// Forgets the graphs in a block that has ended, but for those that failed.
    pub(super) fn collapse(&mut self, at: At) {
        let Some(node) = self.nodes.get_mut(&at) else { return };
        let scopes = std::mem::take(&mut node.scopes);
        let (kept, over): (BTreeSet<u32>, BTreeSet<u32>) = scopes.into_iter().partition(|scope| {
            self.scopes.get(scope).is_some_and(|scope| scope.failed_at.is_some())
        });
        node.scopes = kept;
        over.into_iter().for_each(|scope| self.forget(scope));
    }

    fn open(&mut self, number: u32, path: &str) {
        let Some((host, label, separator)) = self.host_of(path) else {
            self.scopes.insert(number, Scope::default());
            return;
        };
        let Some(node) = self.nodes.get_mut(&host) else { return };
        let static_prefix = format!("{}{separator}", node.static_path);
        // A loop shows its failed items, anything else the graph that runs now.
        let last = match node.wait {
            Some(Wait::Items(_)) => BTreeSet::new(),
            _ => std::mem::take(&mut node.scopes),
        };
        node.scopes.insert(number);
        last.into_iter().for_each(|scope| self.forget(scope));
        let scope = Scope { host: Some(host), label, static_prefix, ..Scope::default() };
        self.scopes.insert(number, scope);
    }

    /// Returns the block around a scope, the item's label and what separates the paths.
    ///
    /// Keys of items may hold brackets and dots themselves, so the path is compared with those of
    /// blocks that are known to have graphs.
    fn host_of(&self, path: &str) -> Option<(At, String, char)> {
        path.rmatch_indices(['[', '/']).find_map(|(at, separator)| {
            let host = self.hosts.get(&path[..at])?;
            let rest = &path[at + 1..];
            match separator {
                "[" => Some((*host, rest.trim_end_matches('.').strip_suffix(']')?.into(), '.')),
                _ => Some((*host, String::new(), '/')),
            }
        })
    }

    fn forget(&mut self, number: u32) {
        self.scopes.remove(&number);
        let first = At { scope: number, block: 0 };
        let last = At { scope: number, block: u32::MAX };
        let inner: Vec<At> = self.nodes.range(first..=last).map(|(at, _)| *at).collect();
        for at in inner {
            let Some(node) = self.nodes.remove(&at) else { continue };
            self.hosts.remove(&node.path);
            node.scopes.into_iter().for_each(|scope| self.forget(scope));
        }
    }
}
