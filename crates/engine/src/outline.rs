//! The shape of a plan, for drawings and lists.

use blueprint_model::{
    Value,
    block::{FieldKind, Reach},
};

use crate::plan::{Compiled, GraphPlan, Plan, Step};

/// The shape of one graph.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outline {
    /// Blocks in file order.
    pub nodes: Vec<OutlineNode>,
    /// Edges in file order; `from` and `to` are places in `nodes`.
    pub edges: Vec<OutlineEdge>,
}

/// A block in an outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineNode {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub title: Option<String>,
    /// Its type.
    pub kind: &'static str,
    /// Whether it names a secret.
    pub uses_secrets: bool,
    /// The secrets that it names.
    pub secrets: Vec<String>,
    /// Secrets whose value its script may see.
    pub reveals: Vec<String>,
    /// Whether it touches the world outside.
    pub reaches_outside: bool,
    /// Outcomes that an edge handles.
    pub handled: Vec<String>,
    /// Its error-like outcomes.
    pub errors: Vec<String>,
    /// Error-like outcomes that no edge handles.
    pub unhandled: Vec<String>,
    /// The most attempts.
    pub attempts: u32,
    /// The blueprint that it runs, if its name is not computed.
    pub calls: Option<String>,
    /// The graph in it.
    pub body: Option<Outline>,
    /// Line and column in the file, from 1.
    pub place: (usize, usize),
}

/// An edge in an outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineEdge {
    /// Where it comes from.
    pub from: usize,
    /// On which outcome.
    pub outcome: String,
    /// Where it leads.
    pub to: usize,
}

impl Plan {
    /// Returns the shape of the plan.
    pub fn outline(&self) -> Outline {
        self.outline_of(&self.graphs[0])
    }

    fn outline_of(&self, graph: &GraphPlan) -> Outline {
        let mut outline = Outline::default();
        for (from, step) in graph.steps.iter().enumerate() {
            let handled = |ix: usize| step.edges.iter().any(|edge| edge.outcome as usize == ix);
            let outcomes = step.outcomes.iter().enumerate();
            outline.nodes.push(OutlineNode {
                id: step.id.to_string(),
                title: step.title.clone(),
                kind: step.kind.kind,
                uses_secrets: !step.permit.keys.is_empty(),
                secrets: secrets(step),
                reaches_outside: step.kind.reach != Reach::Inside,
                reveals: step.permit.reveal.iter().map(ToString::to_string).collect(),
                handled: outcomes
                    .clone()
                    .filter(|(ix, _)| handled(*ix))
                    .map(|(_, outcome)| outcome.name.to_string())
                    .collect(),
                errors: outcomes
                    .clone()
                    .filter(|(_, outcome)| outcome.is_error)
                    .map(|(_, outcome)| outcome.name.to_string())
                    .collect(),
                unhandled: outcomes
                    .filter(|(ix, outcome)| outcome.is_error && !handled(*ix))
                    .map(|(_, outcome)| outcome.name.to_string())
                    .collect(),
                attempts: step.retry.as_ref().map_or(1, |retry| retry.attempts),
                calls: callee(step),
                // Bodies are as deep as the reader lets a file be.
                body: step.body.map(|body| self.outline_of(&self.graphs[body as usize])),
                place: self.source.position(step.span.start),
            });
            outline.edges.extend(step.edges.iter().map(|edge| OutlineEdge {
                from,
                outcome: step.outcomes[edge.outcome as usize].name.to_string(),
                to: edge.to as usize,
            }));
        }
        outline
    }
}

fn secrets(step: &Step) -> Vec<String> {
    let mut names: Vec<String> =
        step.permit.keys.iter().map(|(name, _)| name.to_string()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

pub(crate) fn callee(step: &Step) -> Option<String> {
    let field = step.kind.fields.iter().find(|field| field.kind == FieldKind::Blueprint)?;
    match step.fields.iter().find(|(name, _)| *name == field.name)? {
        (_, Compiled::Literal(value)) => match &**value {
            Value::String(name) => Some(name.clone()),
            _ => None,
        },
        _ => None,
    }
}
