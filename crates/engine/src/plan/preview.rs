//! What a run would do, as far as can be said without running: for trials.

use std::collections::{BTreeMap, BTreeSet};

use blueprint_model::{
    Value,
    block::{BlockSpec, Reach},
    blueprint::Join,
    value::{self, Map, Step as ValueStep},
};

use super::{Compiled, GraphPlan, Otherwise, Part, Place, Plan, Ref, Root, Step};

/// A block as a trial shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// Its path without items.
    pub path: String,
    /// How many bodies it is in.
    pub depth: usize,
    /// Its type.
    pub kind: &'static str,
    /// Whether it touches the world outside.
    pub reaches_outside: bool,
    /// The edges into it: block and outcome. Empty where it starts its graph.
    pub after: Vec<(String, String)>,
    /// When it runs, by these edges.
    pub join: Join,
    /// The most attempts.
    pub attempts: u32,
    /// Its fields that were written, in the order of the manual.
    pub fields: Vec<(&'static str, PreviewField)>,
}

/// A field as a trial shows it.
#[derive(Debug, Clone, PartialEq)]
pub enum PreviewField {
    /// A value in which everything is known that can be known now; the rest stands as it is
    /// written, secrets by their names.
    Value(Value),
    /// Scripts; the line in the file where the first begins.
    Script(usize),
}

/// What is known before a run.
struct Known<'k> {
    inputs: &'k Value,
    payload: &'k Value,
    env: &'k BTreeMap<String, String>,
    graph: &'k GraphPlan,
}

impl Plan {
    /// Returns every block in an order in which a run may reach it, with its fields as they would
    /// be for these inputs, as far as that can be said.
    pub fn preview(&self, inputs: &Value, env: &BTreeMap<String, String>) -> Vec<Preview> {
        let prefixes = self.prefixes();
        let mut previews = Vec::new();
        // What is still to be shown: a block and its depth.
        let mut open: Vec<(usize, usize, usize)> =
            order(&self.graphs[0]).into_iter().rev().map(|block| (0, block, 0)).collect();
        while let Some((number, block, depth)) = open.pop() {
            let graph = &self.graphs[number];
            let step = &graph.steps[block];
            let known = Known { inputs, payload: inputs, env, graph };
            previews.push(Preview {
                path: format!("{}{}", prefixes[number], step.id),
                depth,
                kind: step.kind.kind,
                reaches_outside: step.kind.reach != Reach::Inside,
                after: after(graph, step),
                join: step.join,
                attempts: step.retry.as_ref().map_or(1, |retry| retry.attempts),
                fields: known.fields(step, step.kind),
            });
            if let Some(body) = step.body {
                let body = body as usize;
                let inner = order(&self.graphs[body]).into_iter().rev();
                open.extend(inner.map(|block| (body, block, depth + 1)));
            }
        }
        previews
    }
}

/// Returns the blocks in an order in which every edge leads forward; ties break by file order.
fn order(graph: &GraphPlan) -> Vec<usize> {
    let mut missing: Vec<u32> = graph.steps.iter().map(|step| step.in_degree).collect();
    let mut ready: BTreeSet<usize> =
        missing.iter().enumerate().filter(|(_, n)| **n == 0).map(|(at, _)| at).collect();
    let mut order = Vec::with_capacity(graph.steps.len());
    while let Some(at) = ready.pop_first() {
        order.push(at);
        for edge in &graph.steps[at].edges {
            let to = edge.to as usize;
            missing[to] -= 1;
            if missing[to] == 0 {
                ready.insert(to);
            }
        }
    }
    order
}

fn after(graph: &GraphPlan, step: &Step) -> Vec<(String, String)> {
    let edge = |edge: &super::Incoming| {
        let from = &graph.steps[edge.from as usize];
        (from.id.to_string(), from.outcomes[edge.outcome as usize].name.to_string())
    };
    step.incoming.iter().map(edge).collect()
}

impl Known<'_> {
    fn fields(&self, step: &Step, spec: &BlockSpec) -> Vec<(&'static str, PreviewField)> {
        let is_default = |name: &str, compiled: &Compiled| match (spec.field(name), compiled) {
            (Some(field), Compiled::Literal(value)) => match field.need {
                blueprint_model::block::Need::Default(literal) => {
                    serde_json::from_str::<Value>(literal).is_ok_and(|default| default == **value)
                }
                _ => false,
            },
            _ => false,
        };
        let fields = step.fields.iter().filter(|(name, compiled)| !is_default(name, compiled));
        fields.map(|(name, compiled)| (*name, self.field(compiled))).collect()
    }

    fn field(&self, compiled: &Compiled) -> PreviewField {
        let line = |script: &blueprint_model::Script| {
            script.origin().lines.first().map_or(0, |(line, _)| *line)
        };
        match compiled {
            Compiled::Script(script) => PreviewField::Script(line(script)),
            Compiled::Cases(cases) => {
                PreviewField::Script(cases.first().map_or(0, |(_, script)| line(script)))
            }
            other => PreviewField::Value(self.value(other)),
        }
    }

    fn value(&self, compiled: &Compiled) -> Value {
        match compiled {
            Compiled::Literal(value) => (**value).clone(),
            Compiled::Whole(reference) => {
                self.find(reference).unwrap_or_else(|| Value::from(self.spell(reference)))
            }
            Compiled::Text(parts) => Value::String(parts.iter().map(|it| self.part(it)).collect()),
            Compiled::List(items) => items.iter().map(|item| self.value(item)).collect(),
            Compiled::Object(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), self.value(value)))
                    .collect::<Map<_, _>>(),
            ),
            Compiled::Script(_) | Compiled::Cases(_) => Value::Null,
        }
    }

    fn part(&self, part: &Part) -> String {
        match part {
            Part::Text(text) => text.clone(),
            Part::Ref(reference) => {
                let known = self.find(reference).and_then(|value| value::to_text(&value));
                known.unwrap_or_else(|| self.spell(reference))
            }
        }
    }

    /// Returns what a reference yields, if that is known and not null.
    fn find(&self, reference: &Ref) -> Option<Value> {
        let found = match reference.root {
            Root::Inputs => walk(self.inputs, &reference.path),
            Root::Payload => walk(self.payload, &reference.path),
            Root::Env => match reference.path.first()? {
                Place::Key(name) => self.env.get(name).map(|text| Value::from(text.as_str())),
                Place::Index(_) | Place::Computed(_) => None,
            },
            _ => return None,
        };
        let found = found.filter(|value| !value.is_null());
        found.or_else(|| match &reference.fallback {
            Otherwise::Literal(value) => Some(value.clone()),
            Otherwise::Ref(inner) => self.find(inner),
            Otherwise::Error(_) | Otherwise::Null => None,
        })
    }

    /// Returns a reference as it is written, or nearly so.
    fn spell(&self, reference: &Ref) -> String {
        if let (Root::Vault, Some(Place::Key(key))) = (&reference.root, reference.path.first()) {
            return format!("⟨vault.{key}⟩");
        }
        if let Otherwise::Error(spelled) = &reference.fallback {
            return format!("@{{{spelled}}}");
        }
        let mut path = self.root(&reference.root);
        for place in &reference.path {
            match place {
                Place::Key(key) => path = format!("{path}.{key}"),
                Place::Index(index) => path = format!("{path}[{index}]"),
                Place::Computed(_) => path.push_str("[…]"),
            }
        }
        format!("@{{{path}?}}")
    }

    fn root(&self, root: &Root) -> String {
        let name = match root {
            Root::Vault => "vault",
            Root::Inputs => "inputs",
            Root::Payload => "payload",
            Root::State => "state",
            Root::Result | Root::LastRound { .. } => "result",
            Root::Results { up: 0, block } => {
                return format!("results.{}", self.graph.steps[*block as usize].id);
            }
            Root::Results { .. } | Root::AllResults(_) => "results",
            Root::Message => "message",
            Root::Item { .. } => "item",
            Root::ItemId { .. } => "item_id",
            Root::Round { .. } => "round",
            Root::Run => "run",
            Root::Context => "context",
            Root::Session => "session",
            Root::Env => "env",
        };
        name.into()
    }
}

fn walk(value: &Value, path: &[Place]) -> Option<Value> {
    let mut here = value;
    for place in path {
        let step = match place {
            Place::Key(key) => ValueStep::Key(key),
            Place::Index(index) => ValueStep::Index(*index),
            Place::Computed(_) => return None,
        };
        here = value::step(here, &step)?;
    }
    Some(here.clone())
}
