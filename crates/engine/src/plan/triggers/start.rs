//! Triggers that start at a block: what such a run leaves out, nobody in it may need.

use std::collections::BTreeSet;

use blueprint_model::{
    Diagnostic, Spanned,
    blueprint::Trigger,
    code::{self, Code},
    diagnostic::suggest,
};

use crate::plan::{
    compile::{Compiled, Cx, Otherwise, Part, Parts, Place, Ref, Root},
    names::{DraftGraph, index},
    part,
};

/// Judges the block that a trigger starts at.
pub(super) fn judge(
    cx: &Cx<'_>,
    parts: &Parts,
    trigger: &Trigger,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some(start) = &trigger.start else { return };
    let graph = &cx.draft.graphs[0];
    let Some(first) = graph.by_id.get(start.value.as_str()) else {
        diagnostics.push(unknown(start, graph));
        return;
    };
    if !graph.is_wired {
        return; // Who follows whom is not known.
    }
    let kept = part::reached(*first, |from| {
        graph.nodes[from as usize].edges.iter().map(|(_, to, _)| *to).collect()
    });
    let lacking = Lacking { cx, parts, start, first: *first, kept: &kept };
    for block in &kept {
        lacking.block(0, *block, 0, diagnostics);
    }
}

fn unknown(start: &Spanned<String>, graph: &DraftGraph<'_>) -> Diagnostic {
    let known = graph.nodes.iter().map(|node| &**node.id);
    let message = format!("the trigger starts at `{}`, which does not exist", start.value);
    Diagnostic::error(code::UNKNOWN_TARGET, start.span, message)
        .at("no block has this id")
        .maybe_help(suggest(&start.value, known))
}

/// Looks for results that a run which starts at a block never has.
struct Lacking<'l> {
    cx: &'l Cx<'l>,
    parts: &'l Parts,
    start: &'l Spanned<String>,
    first: u32,
    kept: &'l BTreeSet<u32>,
}

impl Lacking<'_> {
    /// Judges a block `up` graphs in, and what is in it; bodies are as deep as a file may be.
    fn block(&self, graph: u32, block: u32, up: u32, diagnostics: &mut Vec<Diagnostic>) {
        let node = &self.cx.draft.graphs[graph as usize].nodes[block as usize];
        let parts = &self.parts.blocks[graph as usize][block as usize];
        let is_first = up == 0 && block == self.first;
        let mut found = Vec::new();
        for (_, field) in &parts.fields {
            visit(field, &mut |reference| {
                found.extend(self.fault(reference, up, is_first));
            });
        }
        found.dedup();
        for (code, spelled) in found {
            let start = &self.start.value;
            let message = format!(
                "a run that starts at `{start}` has no `{spelled}`, which block `{}` needs",
                node.id
            );
            diagnostics.push(
                Diagnostic::error(code, self.start.span, message)
                    .related(node.node.id_span, "needed here")
                    .help(format!("write `{spelled}?` or `{spelled} ?? default` there")),
            );
        }
        if let Some(body) = node.body {
            for inner in 0..self.cx.draft.graphs[body as usize].nodes.len() {
                self.block(body, index(inner), up + 1, diagnostics);
            }
        }
    }

    /// Returns what is wrong with a reference, and how it is spelled.
    fn fault(&self, reference: &Ref, up: u32, is_first: bool) -> Option<(Code, String)> {
        let Otherwise::Error(spelled) = &reference.fallback else { return None };
        let code = match &reference.root {
            Root::Results { up: to, block } if *to == up && !self.kept.contains(block) => {
                code::UNSURE_RESULT
            }
            Root::Result | Root::Message if is_first => code::NO_RESULT,
            _ => return None,
        };
        Some((code, spelled.to_string()))
    }
}

/// Calls `found` for every reference, also those in brackets and defaults.
fn visit(compiled: &Compiled, found: &mut dyn FnMut(&Ref)) {
    match compiled {
        Compiled::Literal(_) | Compiled::Script(_) | Compiled::Cases(_) => {}
        Compiled::Whole(reference) => visit_ref(reference, found),
        Compiled::Text(parts) => {
            for part in parts {
                if let Part::Ref(reference) = part {
                    visit_ref(reference, found);
                }
            }
        }
        Compiled::List(items) => items.iter().for_each(|item| visit(item, found)),
        Compiled::Object(entries) => {
            entries.iter().for_each(|(_, value)| visit(value, found));
        }
    }
}

fn visit_ref(reference: &Ref, found: &mut dyn FnMut(&Ref)) {
    found(reference);
    for place in &reference.path {
        if let Place::Computed(inner) = place {
            visit_ref(inner, found);
        }
    }
    if let Otherwise::Ref(inner) = &reference.fallback {
        visit_ref(inner, found);
    }
}
