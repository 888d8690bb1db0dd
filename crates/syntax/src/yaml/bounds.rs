//! The bounds of a file, checked before what they bound is built.

use blueprint_model::{Diagnostic, Span, code, units};

use crate::yaml::{Data, Tree};

/// Largest file, in bytes.
pub const MAX_BYTES: u64 = 10_000_000;

/// Most lines of `%` before the first value.
const MAX_DIRECTIVES: usize = 100;

/// Most values in a file.
const MAX_NODES: usize = 1_000_000;

/// Values that every file may have, and bytes for each one more: a file of blocks has about 15, one
/// of nothing but `[],` three.
const FREE_NODES: usize = 50_000;
const BYTES_A_NODE: usize = 10;

/// Values and keys that one block may have, and all that stands beside the blocks; where a file is
/// large, bytes for each of them.
const FREE_PART: usize = 50_000;
const BYTES_A_PART_NODE: usize = 20;

/// Most values, and most bytes of text, that anchors and aliases may copy.
const MAX_COPIED_NODES: usize = 10_000;
const MAX_COPIED_BYTES: usize = 1 << 20;

/// Judges a text before the parser sees it, which keeps all tokens of a `[ ]` in memory.
pub(crate) fn oversize(text: &str) -> Option<Diagnostic> {
    if text.len() as u64 > MAX_BYTES {
        let message = format!("the file has {} bytes, more than {MAX_BYTES}", text.len());
        return Some(too_large(Span::new(0, 0), message));
    }
    if text.lines().take_while(|line| line.starts_with('%')).nth(MAX_DIRECTIVES).is_some() {
        let message = format!("the file begins with more than {MAX_DIRECTIVES} directives");
        let fault = Diagnostic::error(code::TOO_LARGE, Span::new(0, 1), message);
        return Some(fault.help("remove the lines that begin with `%`: they mean nothing here"));
    }
    if text.len() <= MAX_NODES {
        return None;
    }
    let separators = text.bytes().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    (separators > MAX_NODES).then(|| {
        let message = format!("the file has more than {MAX_NODES} commas and brackets");
        too_large(Span::new(0, 0), message)
    })
}

/// Returns how many values a file of this text may have.
pub(crate) fn most_nodes(text: &str) -> usize {
    MAX_NODES.min(FREE_NODES + text.len() / BYTES_A_NODE)
}

/// Returns the fault of a file with more values than [`most_nodes`].
pub(crate) fn too_many_nodes(span: Span, most: usize) -> Diagnostic {
    too_large(span, format!("the file has more than {most} values"))
}

/// Returns how many values and keys one part of a blueprint may have.
pub(crate) fn most_in_part(text: &str) -> usize {
    FREE_PART.max(text.len() / BYTES_A_PART_NODE)
}

/// Returns the fault of a part with more values and keys than [`most_in_part`].
pub(crate) fn too_large_part(span: Span, most: usize) -> Diagnostic {
    too_large(span, format!("one part of the file has more than {most} values and keys"))
}

/// Returns the fault of values below the deepest level.
pub(crate) fn too_deep(span: Span) -> Diagnostic {
    let message = format!("values are nested more than {} deep", units::MAX_DEPTH);
    Diagnostic::error(code::TOO_LARGE, span, message).help("nest less")
}

/// Returns the fault of an anchor or an alias that copies too much.
pub(crate) fn too_many_copies(span: Span) -> Diagnostic {
    Diagnostic::error(code::TOO_LARGE, span, "aliases would make the file too large")
        .help("write the values out, or keep them in `state`")
}

fn too_large(span: Span, message: String) -> Diagnostic {
    Diagnostic::error(code::TOO_LARGE, span, message)
        .help("keep large data in a file of its own and read it with a block")
}

/// What anchors and aliases may still copy.
pub(crate) struct Copies {
    nodes: usize,
    bytes: usize,
}

impl Default for Copies {
    fn default() -> Self {
        Self { nodes: MAX_COPIED_NODES, bytes: MAX_COPIED_BYTES }
    }
}

impl Copies {
    /// Takes what a copy of `tree` needs; returns whether there was enough, and whether the copy
    /// stays above the deepest level when it is put at `depth`.
    pub(crate) fn take(&mut self, tree: &Tree, depth: usize) -> bool {
        let Some(nodes) = self.nodes.checked_sub(1).filter(|_| depth <= units::MAX_DEPTH) else {
            return false;
        };
        self.nodes = nodes;
        match &tree.data {
            Data::Scalar(_) => true,
            Data::Text(raw) => self.take_bytes(raw.value.len()),
            Data::List(items) => items.iter().all(|item| self.take(item, depth + 1)),
            Data::Map(map) => map.iter().all(|(key, entry)| {
                self.take_bytes(key.len()) && self.take(&entry.value, depth + 1)
            }),
        }
    }

    fn take_bytes(&mut self, len: usize) -> bool {
        let left = self.bytes.checked_sub(len);
        self.bytes = left.unwrap_or(0);
        left.is_some()
    }
}
