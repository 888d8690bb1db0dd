//! The first pass: names. Types, fields, targets and outcomes, each judged alone.

use std::{collections::BTreeMap, sync::Arc};

use blueprint_model::{
    Block, Blueprint, Diagnostic, Registry, Span,
    block::BlockSpec,
    blueprint::{Edge, FieldValue, Graph, Node},
    code,
    diagnostic::{did_you_mean, is_full, suggest},
};

use super::{StepOutcome, fields};

/// The deepest nesting of bodies in a file.
const MAX_NESTING: usize = 32;

/// The keys that every block has.
const BLOCK_KEYS: [&str; 12] = [
    "type",
    "title",
    "note",
    "position",
    "next",
    "join",
    "retry",
    "timeout",
    "expect",
    "on_resume",
    "secrets",
    "reveal",
];

/// A blueprint with its names looked up.
pub(crate) struct Draft<'b> {
    pub graphs: Vec<DraftGraph<'b>>,
    /// Whether a name is that of a block, anywhere in the file.
    all_ids: BTreeMap<&'b str, Span>,
}

/// A graph with its names looked up.
pub(crate) struct DraftGraph<'b> {
    pub nodes: Vec<DraftNode<'b>>,
    pub by_id: BTreeMap<&'b str, u32>,
    pub owner: Option<(u32, u32)>,
    /// Whether every edge as written leads from an outcome to a block; else what follows from edges
    /// is not known.
    pub is_wired: bool,
}

/// A block with its names looked up.
pub(crate) struct DraftNode<'b> {
    pub id: &'b Arc<str>,
    pub node: &'b Node,
    /// Its type; `None` where the type is unknown, which is reported once and silences the rest.
    pub block: Option<Arc<dyn Block>>,
    /// Shared by all blocks of a type that has no others.
    pub outcomes: Arc<[StepOutcome]>,
    /// Which outcome leads to which block of the same graph.
    pub edges: Vec<(u32, u32, Span)>,
    pub body: Option<u32>,
}

impl DraftGraph<'_> {
    /// Returns whether every block has a type.
    pub(crate) fn is_typed(&self) -> bool {
        self.nodes.iter().all(|node| node.block.is_some())
    }
}

impl DraftNode<'_> {
    pub(crate) fn spec(&self) -> Option<&'static BlockSpec> {
        self.block.as_ref().map(|block| block.spec())
    }
}

/// Looks all names up.
pub(crate) fn judge<'b>(
    blueprint: &'b Blueprint,
    registry: &Registry,
    diagnostics: &mut Vec<Diagnostic>,
) -> Draft<'b> {
    let mut draft = Draft { graphs: Vec::new(), all_ids: BTreeMap::new() };
    let mut known = BTreeMap::new();
    // Bodies are taken in as they are found: a list of work instead of recursion.
    let mut work = vec![(&blueprint.graph, None, 0)];
    while let Some((graph, owner, depth)) = work.pop() {
        if depth > MAX_NESTING {
            diagnostics.push(too_deep(graph));
            continue;
        }
        let number = index(draft.graphs.len());
        let mut nodes = Vec::with_capacity(graph.nodes.len());
        for (id, node) in &graph.nodes {
            if is_full(diagnostics) {
                break;
            }
            draft.all_ids.insert(id, node.id_span);
            let block = find_type(node, id, registry, diagnostics);
            let spec = block.as_ref().map(|block| block.spec());
            let outcomes = spec.map(|spec| outcomes(spec, node, &mut known)).unwrap_or_default();
            if let Some(body) = node.body.as_deref() {
                work.push((body, Some((number, index(nodes.len()))), depth + 1));
            }
            nodes.push(DraftNode { id, node, block, outcomes, edges: Vec::new(), body: None });
        }
        let by_id = nodes.iter().enumerate().map(|(at, node)| (&**node.id, index(at))).collect();
        if let Some((graph, node)) = owner {
            let owner: &mut DraftGraph<'_> = &mut draft.graphs[graph as usize];
            owner.nodes[node as usize].body = Some(number);
        }
        if nodes.is_empty() {
            diagnostics.push(no_blocks(graph));
        }
        draft.graphs.push(DraftGraph { nodes, by_id, owner, is_wired: true });
    }
    for graph in 0..draft.graphs.len() {
        let edges = edges_of(&draft, graph, diagnostics);
        let nodes = &draft.graphs[graph].nodes;
        draft.graphs[graph].is_wired =
            nodes.iter().zip(&edges).all(|(node, edges)| node.node.next.len() == edges.len());
        for (node, edges) in draft.graphs[graph].nodes.iter_mut().zip(edges) {
            node.edges = edges;
            if let Some(block) = node.block.as_ref().filter(|_| !is_full(diagnostics)) {
                judge_keys(node, block.spec(), registry, diagnostics);
            }
        }
    }
    draft
}

pub(crate) fn index(n: usize) -> u32 {
    u32::try_from(n).expect("the reader bounds the blocks of a file")
}

fn too_deep(graph: &Graph) -> Diagnostic {
    let message = format!("loops are nested more than {MAX_NESTING} deep");
    Diagnostic::error(code::TOO_DEEP, graph.span, message)
        .help("move an inner loop into a blueprint of its own, and run that: `run_blueprint`")
}

fn no_blocks(graph: &Graph) -> Diagnostic {
    Diagnostic::error(code::NO_BLOCKS, graph.span, "there are no blocks")
        .help("add one, such as `hello: {type: return_value, value: hello}`")
}

fn find_type(
    node: &Node,
    id: &str,
    registry: &Registry,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Arc<dyn Block>> {
    let kind = &node.kind;
    if kind.value.is_empty() {
        return None; // The reader has reported it.
    }
    if let Some(block) = registry.block(&kind.value) {
        return Some(block.clone());
    }
    let known = || registry.blocks().iter().map(|block| block.spec().kind);
    let mut diagnostic = Diagnostic::error(
        code::UNKNOWN_TYPE,
        kind.span,
        format!("block `{id}` has the unknown type `{}`", kind.value),
    )
    .at("no block type has this name");
    diagnostic = match did_you_mean(&kind.value, known()) {
        Some(name) => diagnostic.help(format!("did you mean `{name}`?")).fix(kind.span, name),
        None => diagnostic.help("`blueprint blocks` lists every type"),
    };
    diagnostics.push(diagnostic);
    None
}

/// Returns the outcomes of a block; `known` has those of types whose blocks all have the same.
fn outcomes(
    spec: &'static BlockSpec,
    node: &Node,
    known: &mut BTreeMap<&'static str, Arc<[StepOutcome]>>,
) -> Arc<[StepOutcome]> {
    match spec.outcomes_from {
        None => known.entry(spec.kind).or_insert_with(|| all_outcomes(spec, node)).clone(),
        Some(_) => all_outcomes(spec, node),
    }
}

fn all_outcomes(spec: &'static BlockSpec, node: &Node) -> Arc<[StepOutcome]> {
    let dynamic = spec
        .outcomes_from
        .and_then(|field| node.fields.get(field))
        .map(|field| match &field.value.kind {
            FieldValue::Object(entries) => {
                entries.iter().map(|(key, _)| key.value.as_str()).collect()
            }
            FieldValue::Scalar(_) | FieldValue::Text(_) | FieldValue::List(_) => Vec::new(),
        })
        .unwrap_or_default();
    let dynamic =
        dynamic.into_iter().map(|name| StepOutcome { name: name.into(), is_error: false });
    let fixed = spec
        .outcomes
        .iter()
        .map(|outcome| StepOutcome { name: outcome.name.into(), is_error: outcome.is_error });
    dynamic.chain(fixed).collect()
}

fn edges_of(
    draft: &Draft<'_>,
    graph: usize,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Vec<(u32, u32, Span)>> {
    let graph = &draft.graphs[graph];
    graph
        .nodes
        .iter()
        .map(|node| {
            let mut edges: Vec<(u32, u32, Span)> = Vec::new();
            for edge in &node.node.next {
                if is_full(diagnostics) {
                    break;
                }
                let target = find_target(draft, graph, node, edge, diagnostics);
                let outcome = find_outcome(node, edge, diagnostics);
                let (Some(target), Some(outcome)) = (target, outcome) else { continue };
                let span = edge.target.span;
                if edges.iter().any(|(o, t, _)| (*o, *t) == (outcome, target)) {
                    let name = &edge.target.value;
                    let message = format!("the edge from `{}` to `{name}` is there twice", node.id);
                    diagnostics.push(
                        Diagnostic::error(code::DUPLICATE_EDGE, span, message)
                            .help("remove one of the two"),
                    );
                    continue;
                }
                edges.push((outcome, target, span));
            }
            edges
        })
        .collect()
}

fn find_target(
    draft: &Draft<'_>,
    graph: &DraftGraph<'_>,
    node: &DraftNode<'_>,
    edge: &Edge,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<u32> {
    let target = &edge.target;
    if let Some(found) = graph.by_id.get(target.value.as_str()) {
        return Some(*found);
    }
    if let Some(elsewhere) = draft.all_ids.get(target.value.as_str()) {
        let message =
            format!("`{}` leads to `{}`, which is in another graph", node.id, target.value);
        diagnostics.push(
            Diagnostic::error(code::BORDER, target.span, message)
                .at("no edge may cross the border of a body")
                .related(*elsewhere, format!("`{}` is here", target.value))
                .help("let the loop's own `next` lead on, or move the block into the same graph"),
        );
        return None;
    }
    let known = graph.nodes.iter().map(|node| &**node.id);
    let message = match &edge.outcome {
        Some(outcome) => format!(
            "outcome `{}` of block `{}` leads to `{}`, which does not exist",
            outcome.value, node.id, target.value
        ),
        None => format!("block `{}` leads to `{}`, which does not exist", node.id, target.value),
    };
    let mut diagnostic =
        Diagnostic::error(code::UNKNOWN_TARGET, target.span, message).at("no block has this id");
    diagnostic = match did_you_mean(&target.value, known.clone()) {
        Some(name) => diagnostic.help(format!("did you mean `{name}`?")).fix(target.span, name),
        None => diagnostic.maybe_help(suggest(&target.value, known)),
    };
    diagnostics.push(diagnostic);
    None
}

fn find_outcome(
    node: &DraftNode<'_>,
    edge: &Edge,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<u32> {
    let spec = node.spec()?;
    if node.outcomes.is_empty() {
        let span = edge.outcome.as_ref().map_or(edge.target.span, |outcome| outcome.span);
        let message = format!("nothing can follow `{}`: a `{}` ends its graph", node.id, spec.kind);
        diagnostics.push(
            Diagnostic::error(code::UNKNOWN_OUTCOME, span, message).help("remove its `next`"),
        );
        return None;
    }
    let Some(outcome) = &edge.outcome else {
        return short_outcome(node, spec, edge, diagnostics);
    };
    let found = node.outcomes.iter().position(|known| *known.name == *outcome.value);
    if found.is_none() {
        let known = node.outcomes.iter().map(|known| &*known.name);
        let message = format!("a `{}` never ends with outcome `{}`", spec.kind, outcome.value);
        let mut diagnostic = Diagnostic::error(code::UNKNOWN_OUTCOME, outcome.span, message)
            .at("not an outcome of this block")
            .maybe_help(suggest(&outcome.value, known.clone()));
        if let Some(name) = did_you_mean(&outcome.value, known) {
            diagnostic = diagnostic.fix(outcome.span, name);
        }
        diagnostics.push(diagnostic);
    }
    found.map(index)
}

/// The short forms of `next` mean success; a block that chooses has no such thing.
fn short_outcome(
    node: &DraftNode<'_>,
    spec: &'static BlockSpec,
    edge: &Edge,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<u32> {
    let found = node.outcomes.iter().position(|outcome| *outcome.name == *"success");
    if found.is_none() {
        let names: Vec<String> =
            node.outcomes.iter().map(|outcome| format!("{}: …", outcome.name)).collect();
        let message = format!(
            "`{}` must say which outcome leads where: a `{}` has no `success`",
            node.id, spec.kind
        );
        diagnostics.push(
            Diagnostic::error(code::UNKNOWN_OUTCOME, edge.target.span, message)
                .help(format!("write `next: {{{}}}`", names.join(", "))),
        );
    }
    found.map(index)
}

fn judge_keys(
    node: &DraftNode<'_>,
    spec: &'static BlockSpec,
    registry: &Registry,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for (name, field) in &node.node.fields {
        if is_full(diagnostics) {
            return;
        }
        match spec.field(name) {
            Some(known) => fields::judge(node.id, known, &field.value, registry, diagnostics),
            None => diagnostics.push(unknown_field(node, spec, name, field.key_span)),
        }
    }
    fields::judge_missing(node, spec, diagnostics);
    fields::judge_choice(node, spec, diagnostics);
    if let Some(body) = node.node.body.as_deref().filter(|_| !spec.has_body()) {
        let message = format!("a `{}` has no body", spec.kind);
        diagnostics.push(
            Diagnostic::error(code::UNKNOWN_FIELD, body.span, message)
                .help("only loops have `do`; lead to the blocks by `next` instead"),
        );
    }
}

fn unknown_field(
    node: &DraftNode<'_>,
    spec: &'static BlockSpec,
    name: &str,
    span: Span,
) -> Diagnostic {
    let fields = spec.fields.iter().map(|field| field.name);
    let known: Vec<&str> = fields.clone().chain(BLOCK_KEYS).collect();
    let message = format!("block `{}`: a `{}` has no field `{name}`", node.id, spec.kind);
    let diagnostic = Diagnostic::error(code::UNKNOWN_FIELD, span, message).at("not known here");
    match did_you_mean(name, known) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(span, near),
        None => diagnostic.maybe_help(suggest(name, fields)),
    }
}
