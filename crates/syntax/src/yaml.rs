//! YAML text to a tree with places: bounds first, then events, then repair of what can be repaired.

mod bounds;
mod build;
mod explain;
mod extent;
mod places;
mod repair;
mod scalar;
mod trace;
mod tree;
mod words;

use std::borrow::Cow;

use blueprint_model::{Diagnostic, Span};

pub use bounds::MAX_BYTES;
pub(crate) use explain::short;
pub(crate) use tree::{Data, Entry, Map, Raw, Tree};

use crate::yaml::{build::Failure, places::Insertions, trace::Trace};

/// Most repairs of one file.
const MAX_REPAIRS: usize = 200;

/// Most bytes that are parsed again because of repairs.
const MAX_REPAIRED_BYTES: usize = 32_000_000;

/// What is done with a file that is no YAML because of its references; only blueprints have any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repair {
    /// They are read as if quoted.
    References,
    /// Nothing.
    Nothing,
}

/// A text and the tree that is in it.
pub(crate) struct Document<'t> {
    file: &'t str,
    text: Cow<'t, str>,
    insertions: Insertions,
    /// The tree; `None` where the text is no YAML or beyond a bound.
    pub(crate) root: Option<Tree>,
    /// Faults and repairs.
    pub(crate) faults: Vec<Diagnostic>,
}

impl Document<'_> {
    /// Returns the way from a text's value to the file as written.
    pub(crate) fn trace(&self, raw: &Raw) -> Trace {
        Trace::of(&self.text, raw)
    }

    /// Returns the byte of the file as written for a byte that a trace gave.
    pub(crate) fn to_file(&self, byte: usize) -> usize {
        self.insertions.to_file(byte)
    }

    /// Returns what is written at a place of the file.
    pub(crate) fn written(&self, span: Span) -> Option<&str> {
        self.file.get(span.range())
    }

    /// Returns what follows a scalar in the file.
    pub(crate) fn after(&self, raw: &Raw) -> &str {
        self.text.get(raw.end..).unwrap_or("")
    }
}

/// Reads a text. Time and memory are linear in its length.
pub(crate) fn load(text: &str, repair: Repair) -> Document<'_> {
    let mut document = Document {
        file: text,
        text: Cow::Borrowed(text),
        insertions: Insertions::default(),
        root: None,
        faults: Vec::new(),
    };
    if let Some(fault) = bounds::oversize(text) {
        document.faults.push(fault);
        return document;
    }
    let mut repairs = Vec::new();
    loop {
        let (result, mut faults) = build::build(&document.text, &document.insertions, repair);
        match result {
            Ok(root) => document.root = Some(root),
            Err(Failure::Fault(fault)) => faults.push(*fault),
            Err(Failure::Full | Failure::NoBlocks) => {}
            Err(Failure::Scan(scan)) => {
                let may_repair = repair == Repair::References
                    && repairs.len() < MAX_REPAIRS
                    && (repairs.len() + 1) * text.len() < MAX_REPAIRED_BYTES.max(text.len() * 2);
                let file = repair::File {
                    text,
                    repaired: &document.text,
                    insertions: &document.insertions,
                };
                if let Some(mended) = repair::repair(file, &scan).filter(|_| may_repair) {
                    document.insertions.add(&mended.insertions);
                    document.text = Cow::Owned(document.insertions.apply(text));
                    repairs.push(mended.fault);
                    continue;
                }
                faults.push(explain::explain(file, &scan));
            }
        }
        document.faults = repairs;
        document.faults.append(&mut faults);
        return document;
    }
}
