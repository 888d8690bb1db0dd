//! The second pass: meaning. References find what they read, scripts become programs, and every
//! block what it needs to run.

use std::{collections::BTreeSet, sync::Arc};

use blueprint_model::{
    Blueprint, Diagnostic, Reference, Registry, Script, Span, Template, Value,
    block::{BlockSpec, FieldKind, FieldSpec, Need, Reach},
    blueprint::{FieldNode, FieldValue},
    diagnostic::is_full,
    egress::Permit,
    template::{Fallback, PathPart, Segment},
    value::Shared,
};

use super::{
    CallSite, Cost, GraphPlan, Incoming, Step, StepEdge,
    flow::Flow,
    graph::Connected,
    names::{Draft, DraftNode, index},
    scope::{self, Reader},
    scripts,
};

/// What the second pass looks at.
pub(crate) struct Cx<'c> {
    pub blueprint: &'c Blueprint,
    pub registry: &'c Registry,
    pub draft: &'c Draft<'c>,
    pub graphs: &'c [Connected],
    pub flows: &'c [Flow],
    /// First names of everything that is ever in the state; `None` where that cannot be told.
    pub state_keys: Option<BTreeSet<String>>,
}

/// A field, ready to be resolved.
#[derive(Debug, Clone)]
pub(crate) enum Compiled {
    /// A value without references.
    Literal(Shared),
    /// One reference, which keeps its type.
    Whole(Ref),
    /// Text with references in it.
    Text(Vec<Part>),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
    Script(Script),
    Cases(Arc<Vec<(Arc<str>, Script)>>),
}

/// A part of a text.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Text(String),
    Ref(Ref),
}

/// A reference that has found what it reads.
#[derive(Debug, Clone)]
pub(crate) struct Ref {
    pub root: Root,
    pub path: Vec<Place>,
    pub fallback: Otherwise,
}

/// A step of a path.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Key(String),
    Index(i64),
    Computed(Box<Ref>),
}

/// What a reference gives when its path leads nowhere.
#[derive(Debug, Clone)]
pub(crate) enum Otherwise {
    /// An error; the text is the path as written.
    Error(Box<str>),
    Null,
    Literal(Value),
    Ref(Box<Ref>),
}

/// Where a path begins. `up` counts graphs outwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Root {
    Vault,
    Inputs,
    Payload,
    State,
    /// The result of the block that led here.
    Result,
    /// The value of the round before, for the first blocks of a `repeat` body.
    LastRound {
        up: u32,
    },
    /// The result of one block.
    Results {
        up: u32,
        block: u32,
    },
    /// The results of several blocks, as an object: for scripts.
    AllResults(Arc<[(u32, u32, Arc<str>)]>),
    Message,
    Item {
        up: u32,
    },
    ItemId {
        up: u32,
    },
    Round {
        up: u32,
    },
    Run,
    Context,
    Session,
    Env,
}

/// What the second pass makes of the blocks, per graph and block.
#[derive(Default)]
pub(crate) struct Parts {
    pub blocks: Vec<Vec<BlockParts>>,
    pub calls: Vec<CallSite>,
}

/// What the second pass makes of one block.
#[derive(Default)]
pub(crate) struct BlockParts {
    pub fields: Vec<(&'static str, Compiled)>,
    pub variables: Vec<(Arc<str>, Ref)>,
    pub reads: Vec<u32>,
    pub secrets: Vec<SecretSite>,
    /// What it may do with secrets; `None` where it has none.
    pub permit: Option<Arc<Permit>>,
}

/// A place where a block names a secret.
#[derive(Debug, Clone)]
pub(crate) struct SecretSite {
    /// The key; `None` where it is computed, or `vault` is used whole.
    pub key: Option<String>,
    /// Whether a missing key is fine there.
    pub is_optional: bool,
    /// The field.
    pub field: &'static str,
    /// The key inside the field, where it is an object.
    pub part: Option<String>,
    pub span: Span,
}

/// Compiles every block.
pub(crate) fn compile(cx: &Cx<'_>, diagnostics: &mut Vec<Diagnostic>) -> Parts {
    let mut parts = Parts::default();
    for graph in &cx.draft.graphs {
        parts.blocks.push(graph.nodes.iter().map(|_| BlockParts::default()).collect());
    }
    for (graph, draft) in cx.draft.graphs.iter().enumerate() {
        for (block, node) in draft.nodes.iter().enumerate() {
            if is_full(diagnostics) {
                return parts;
            }
            let Some(spec) = node.spec() else { continue };
            let reader = Reader { cx, graph: index(graph), block: index(block) };
            let mut builder = Builder {
                reader: &reader,
                parts: &mut parts,
                diagnostics: &mut *diagnostics,
                keys: Vec::new(),
                is_full: false,
            };
            builder.block(node, spec);
        }
    }
    parts
}

/// Puts the graphs of a faultless blueprint together.
pub(crate) fn assemble(cx: &Cx<'_>, graphs: &[Connected], parts: Parts) -> Vec<GraphPlan> {
    let mut plans = Vec::with_capacity(graphs.len());
    let common = Common::default();
    for ((draft, connected), blocks) in cx.draft.graphs.iter().zip(graphs).zip(parts.blocks) {
        let mut steps = Vec::with_capacity(blocks.len());
        for (block, (node, parts)) in draft.nodes.iter().zip(blocks).enumerate() {
            steps.push(step(cx, node, (connected, index(block)), parts, &common));
        }
        place_edges(&mut steps);
        count_readers(&mut steps);
        let roots = (0..steps.len()).filter(|at| steps[*at].in_degree == 0).map(index).collect();
        plans.push(GraphPlan { steps, roots });
    }
    plans
}

/// What blocks without secrets and scripts have in common, so that each of them is small.
#[derive(Default)]
struct Common {
    permit: Arc<Permit>,
    cost: Arc<Cost>,
}

fn step(
    cx: &Cx<'_>,
    node: &DraftNode<'_>,
    (connected, block): (&Connected, u32),
    parts: BlockParts,
    common: &Common,
) -> Step {
    let block_type = node.block.clone().expect("an unknown type is an error");
    let kind = block_type.spec();
    let incoming: Vec<Incoming> = connected
        .incoming(block)
        .into_iter()
        .map(|(from, outcome)| Incoming { from, outcome })
        .collect();
    let defaults = &cx.blueprint.defaults;
    let is_outside = kind.reach == Reach::Outside;
    let default_retry = defaults.retry.clone().filter(|_| is_outside);
    let default_timeout = defaults.timeout.filter(|_| is_outside);
    let is_scripted = parts
        .fields
        .iter()
        .any(|(_, compiled)| matches!(compiled, Compiled::Script(_) | Compiled::Cases(_)));
    let runs_elsewhere = parts.fields.iter().any(|(_, compiled)| match compiled {
        Compiled::Script(script) => script.runs_elsewhere(),
        Compiled::Cases(cases) => cases.iter().any(|(_, script)| script.runs_elsewhere()),
        Compiled::Literal(_)
        | Compiled::Whole(_)
        | Compiled::Text(_)
        | Compiled::List(_)
        | Compiled::Object(_) => false,
    });
    let sees_state = parts.variables.iter().any(|(_, reference)| reference.root == Root::State)
        || kind.fields.iter().any(|field| field.kind == FieldKind::StatePath)
        || kind.has_body();
    Step {
        id: node.id.clone(),
        title: node.node.title.clone(),
        kind,
        block: block_type,
        span: node.node.id_span,
        outcomes: node.outcomes.clone(),
        edges: node
            .edges
            .iter()
            .map(|(outcome, to, _)| StepEdge { outcome: *outcome, to: *to, place: 0 })
            .collect(),
        in_degree: index(incoming.len()),
        incoming,
        join: node.node.join,
        retry: node.node.retry.as_deref().cloned().or(default_retry),
        timeout: node.node.timeout.or(default_timeout),
        on_resume: node.node.on_resume,
        expect: node.node.expect.clone(),
        fields: parts.fields,
        variables: parts.variables,
        sees_state,
        is_scripted,
        runs_elsewhere,
        cost: if is_scripted { Arc::default() } else { common.cost.clone() },
        permit: parts.permit.unwrap_or_else(|| common.permit.clone()),
        body: node.body,
        reads: parts.reads,
        readers: 0,
        is_left_out: false,
    }
}

/// Tells each edge its place among the edges into its target.
pub(crate) fn place_edges(steps: &mut [Step]) {
    let places: Vec<Vec<(u32, u32)>> = steps
        .iter()
        .map(|step| step.incoming.iter().map(|edge| (edge.from, edge.outcome)).collect())
        .collect();
    for (from, step) in steps.iter_mut().enumerate() {
        for edge in &mut step.edges {
            let known = &places[edge.to as usize];
            let place = known.binary_search(&(index(from), edge.outcome));
            edge.place = index(place.expect("an edge out of a block is an edge into its target"));
        }
        // Blocks that become ready together start in file order, whatever the order in `next`.
        step.edges.sort_by_key(|edge| edge.to);
    }
}

/// Counts for each block who reads its result.
pub(crate) fn count_readers(steps: &mut [Step]) {
    for reader in 0..steps.len() {
        for read in 0..steps[reader].reads.len() {
            let read = steps[reader].reads[read] as usize;
            steps[read].readers += 1;
        }
    }
}

struct Builder<'b> {
    reader: &'b Reader<'b>,
    parts: &'b mut Parts,
    diagnostics: &'b mut Vec<Diagnostic>,
    /// The keys of objects that lead to the value at hand.
    keys: Vec<String>,
    is_full: bool,
}

impl Builder<'_> {
    /// Returns whether there are so many errors that no more are looked for; remembers that, as a
    /// text may have a hundred thousand references.
    fn is_full(&mut self) -> bool {
        self.is_full = self.is_full || is_full(self.diagnostics);
        self.is_full
    }

    fn block(&mut self, node: &DraftNode<'_>, spec: &'static BlockSpec) {
        for field in spec.fields {
            let written = node.node.fields.get(field.name);
            let compiled = match (written, field.need) {
                (Some(written), _) => self.field(node, field, &written.value),
                (None, Need::Default(literal)) => {
                    Some(Compiled::Literal(Arc::new(default(literal))))
                }
                (None, Need::Required | Need::Optional) => None,
            };
            if let Some(compiled) = compiled {
                self.mine().fields.push((field.name, compiled));
            }
        }
    }

    fn field(
        &mut self,
        node: &DraftNode<'_>,
        field: &'static FieldSpec,
        written: &FieldNode,
    ) -> Option<Compiled> {
        match field.kind {
            FieldKind::Body => None,
            FieldKind::Code | FieldKind::Expression => {
                self.script(node, field, written).map(Compiled::Script)
            }
            FieldKind::Cases => self.cases(node, field, written),
            FieldKind::Blueprint => {
                let name = match written.as_literal() {
                    Some(Value::String(name)) => Some(name),
                    Some(_) | None => None,
                };
                let at = (self.reader.graph, self.reader.block);
                self.parts.calls.push(CallSite { name, span: written.span, at });
                Some(self.value(field, written))
            }
            _ => Some(self.value(field, written)),
        }
    }

    fn value(&mut self, field: &'static FieldSpec, written: &FieldNode) -> Compiled {
        if let Some(value) = written.as_literal() {
            return Compiled::Literal(Arc::new(value));
        }
        match &written.kind {
            FieldValue::Scalar(value) => Compiled::Literal(Arc::new(value.clone())),
            FieldValue::Text(text) => self.template(field, &text.template),
            FieldValue::List(items) => {
                Compiled::List(items.iter().map(|item| self.value(field, item)).collect())
            }
            FieldValue::Object(entries) => Compiled::Object(
                entries
                    .iter()
                    .map(|(key, node)| {
                        self.keys.push(key.value.clone());
                        let value = self.value(field, node);
                        self.keys.pop();
                        (key.value.clone(), value)
                    })
                    .collect(),
            ),
        }
    }

    fn template(&mut self, field: &'static FieldSpec, template: &Template) -> Compiled {
        if let Some(whole) = template.as_whole() {
            return match self.reference(field, whole) {
                Some(reference) => Compiled::Whole(reference),
                None => Compiled::Literal(Shared::default()),
            };
        }
        let parts = template
            .segments
            .iter()
            .filter_map(|segment| match segment {
                Segment::Text(text) => Some(Part::Text(text.clone())),
                Segment::Reference(reference) => self.reference(field, reference).map(Part::Ref),
            })
            .collect();
        Compiled::Text(parts)
    }

    fn reference(&mut self, field: &'static FieldSpec, written: &Reference) -> Option<Ref> {
        if self.is_full() {
            return None;
        }
        let found = scope::find(self.reader, written);
        let found = match found {
            Ok(found) => found,
            Err(diagnostic) => {
                self.diagnostics.push(*diagnostic);
                return None;
            }
        };
        if found.root == Root::Vault {
            self.secret(field, written);
        }
        self.reads(&found.root);
        let path = written.path[found.skip..]
            .iter()
            .map(|part| match part {
                PathPart::Key(key) => Some(Place::Key(key.clone())),
                PathPart::Index(index) => Some(Place::Index(*index)),
                PathPart::Computed(inner) => {
                    self.reference(field, inner).map(|inner| Place::Computed(Box::new(inner)))
                }
            })
            .collect::<Option<Vec<Place>>>()?;
        let fallback = match &written.fallback {
            Fallback::Error => Otherwise::Error(written.to_string().into()),
            Fallback::Null => Otherwise::Null,
            Fallback::Literal(value) => Otherwise::Literal(value.clone()),
            Fallback::Path(inner) => Otherwise::Ref(Box::new(self.reference(field, inner)?)),
        };
        Some(Ref { root: found.root, path, fallback })
    }

    fn secret(&mut self, field: &'static FieldSpec, written: &Reference) {
        let site = SecretSite {
            key: written.first_key().map(Into::into),
            is_optional: !matches!(written.fallback, Fallback::Error),
            field: field.name,
            part: self.keys.first().cloned(),
            span: written.span,
        };
        self.mine().secrets.push(site);
    }

    /// Notes that this block reads a result, so that it is kept until then. A body reads through the
    /// block that owns it.
    fn reads(&mut self, root: &Root) {
        match root {
            Root::Results { up, block } => self.note_read(*up, *block),
            Root::AllResults(results) => {
                for (up, block, _) in results.iter() {
                    self.note_read(*up, *block);
                }
            }
            Root::Result => {
                for (from, _) in self.reader.incoming() {
                    self.note_read(0, from);
                }
            }
            Root::Vault
            | Root::Inputs
            | Root::Payload
            | Root::State
            | Root::LastRound { .. }
            | Root::Message
            | Root::Item { .. }
            | Root::ItemId { .. }
            | Root::Round { .. }
            | Root::Run
            | Root::Context
            | Root::Session
            | Root::Env => {}
        }
    }

    fn note_read(&mut self, up: u32, block: u32) {
        let (graph, reader) = self.reader.owner_at(up);
        let reads = &mut self.parts.blocks[graph as usize][reader as usize].reads;
        if let Err(place) = reads.binary_search(&block) {
            reads.insert(place, block);
        }
    }

    fn script(
        &mut self,
        node: &DraftNode<'_>,
        field: &'static FieldSpec,
        written: &FieldNode,
    ) -> Option<Script> {
        if self.is_full() {
            return None;
        }
        let source = scripts::Source { node, field, written };
        let script = scripts::compile(self.reader, &source, self.diagnostics)?;
        for found in scripts::variables(self.reader, &source, &script, self.diagnostics) {
            match found {
                scripts::Found::Secret(site) => self.mine().secrets.push(site),
                scripts::Found::Variable(name, root) => {
                    self.reads(&root);
                    let known = &mut self.mine().variables;
                    if !known.iter().any(|(other, _)| *other == name) {
                        let reference = Ref { root, path: Vec::new(), fallback: Otherwise::Null };
                        known.push((name, reference));
                    }
                }
            }
        }
        Some(script)
    }

    fn cases(
        &mut self,
        node: &DraftNode<'_>,
        field: &'static FieldSpec,
        written: &FieldNode,
    ) -> Option<Compiled> {
        let FieldValue::Object(entries) = &written.kind else { return None };
        let cases: Vec<(Arc<str>, Script)> = entries
            .iter()
            .filter_map(|(name, case)| {
                Some((name.value.as_str().into(), self.script(node, field, case)?))
            })
            .collect();
        Some(Compiled::Cases(Arc::new(cases)))
    }

    fn mine(&mut self) -> &mut BlockParts {
        &mut self.parts.blocks[self.reader.graph as usize][self.reader.block as usize]
    }
}

/// Returns the value of a field's default.
fn default(literal: &str) -> Value {
    serde_json::from_str(literal).unwrap_or_else(|_| Value::from(literal))
}
