//! A plan with other blocks in it: canned answers in tests and trials.

use std::{collections::BTreeMap, sync::Arc};

use blueprint_model::{
    Block, Value,
    block::{BlockSpec, Reach},
};

use super::{Compiled, Otherwise, Part, Place, Plan, Ref, Root, Step, uses};

/// A block of a plan, for who wants to put another in its place.
#[derive(Debug, Clone)]
pub struct BlockInfo {
    /// Its path without items: `each_city.fetch`.
    pub path: String,
    /// Its type.
    pub spec: &'static BlockSpec,
    /// The outcomes it can end with, each with whether it is error-like.
    pub outcomes: Vec<(String, bool)>,
    /// The blueprint that it runs, if its name is not computed.
    pub calls: Option<String>,
}

impl BlockInfo {
    /// Returns whether it touches the world outside, or waits for an answer from there.
    pub fn reaches_outside(&self) -> bool {
        self.spec.reach != Reach::Inside
    }

    /// Returns the last part of its path.
    pub fn id(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or(&self.path)
    }
}

impl Plan {
    /// Returns every block, bodies included, in file order of each graph.
    pub fn blocks(&self) -> Vec<BlockInfo> {
        let prefixes = self.prefixes();
        let graphs = self.graphs.iter().zip(&prefixes);
        graphs
            .flat_map(|(graph, prefix)| graph.steps.iter().map(move |step| info(prefix, step)))
            .collect()
    }

    /// Returns the plan with another block in the place of each for which `replace` gives one.
    ///
    /// The new block gets the old one's fields, with the names of secrets in place of secrets; it
    /// needs none. What was in its body never runs.
    #[must_use]
    pub fn with_blocks(
        &self,
        replace: &mut dyn FnMut(&BlockInfo) -> Option<Arc<dyn Block>>,
    ) -> Self {
        let mut plan = self.clone();
        let prefixes = self.prefixes();
        let mut is_gone = vec![false; self.graphs.len()];
        let mut replaced = Vec::new();
        // A body comes after the graph it belongs to.
        for (number, graph) in plan.graphs.iter_mut().enumerate() {
            for (block, step) in graph.steps.iter_mut().enumerate() {
                let other = match is_gone[number] {
                    true => None,
                    false => replace(&info(&prefixes[number], step)),
                };
                if other.is_some() || is_gone[number] {
                    replaced.push((super::names::index(number), super::names::index(block)));
                    if let Some(body) = step.body {
                        is_gone[body as usize] = true;
                    }
                }
                if let Some(other) = other {
                    put(step, other);
                }
            }
        }
        plan.sites.retain(|site| !replaced.contains(&site.at));
        plan.calls.retain(|call| !replaced.contains(&call.at));
        plan.needs = uses::needs(&plan.sites);
        plan
    }

    /// Returns the plan with blocks of its own graph that only answer: nothing is resolved for them,
    /// and they are neither tried again nor judged. What the plan needs stays as it is.
    #[must_use]
    pub fn with_answers(&self, answers: &BTreeMap<String, Arc<dyn Block>>) -> Self {
        let mut plan = self.clone();
        for step in &mut plan.graphs[0].steps {
            if let Some(block) = answers.get(&*step.id) {
                put(step, block.clone());
                step.fields.clear();
                step.variables.clear();
                (step.retry, step.timeout, step.expect) = (None, None, None);
                (step.sees_state, step.is_scripted) = (false, false);
                step.runs_elsewhere = false;
            }
        }
        plan
    }

    /// Returns what stands before the ids of each graph's blocks.
    pub(crate) fn prefixes(&self) -> Vec<String> {
        let mut prefixes = vec![String::new(); self.graphs.len()];
        for (number, graph) in self.graphs.iter().enumerate() {
            for step in &graph.steps {
                if let Some(body) = step.body {
                    prefixes[body as usize] = format!("{}{}.", prefixes[number], step.id);
                }
            }
        }
        prefixes
    }
}

fn info(prefix: &str, step: &Step) -> BlockInfo {
    let outcomes = step.outcomes.iter();
    BlockInfo {
        path: format!("{prefix}{}", step.id),
        spec: step.kind,
        outcomes: outcomes.map(|outcome| (outcome.name.to_string(), outcome.is_error)).collect(),
        calls: crate::outline::callee(step),
    }
}

fn put(step: &mut Step, block: Arc<dyn Block>) {
    step.block = block;
    step.body = None;
    step.permit = Arc::default();
    for (_, field) in &mut step.fields {
        hide_secrets(field);
    }
}

fn hide_secrets(field: &mut Compiled) {
    match field {
        Compiled::Literal(_) | Compiled::Script(_) | Compiled::Cases(_) => {}
        Compiled::Whole(reference) => {
            if let Some(name) = secret_name(reference) {
                *field = Compiled::Literal(Arc::new(Value::from(name)));
            }
        }
        Compiled::Text(parts) => parts.iter_mut().for_each(|part| {
            if let Part::Ref(reference) = part
                && let Some(name) = secret_name(reference)
            {
                *part = Part::Text(name);
            }
        }),
        Compiled::List(items) => items.iter_mut().for_each(hide_secrets),
        Compiled::Object(entries) => {
            entries.iter_mut().for_each(|(_, value)| hide_secrets(value));
        }
    }
}

/// Returns how a reference to a secret is shown; takes secrets out of the defaults of others.
fn secret_name(reference: &mut Ref) -> Option<String> {
    if let Otherwise::Ref(inner) = &mut reference.fallback
        && let Some(name) = secret_name(inner)
    {
        reference.fallback = Otherwise::Literal(Value::from(name));
    }
    if reference.root != Root::Vault {
        return None;
    }
    Some(match reference.path.first() {
        Some(Place::Key(key)) => format!("⟨vault.{key}⟩"),
        Some(Place::Index(_) | Place::Computed(_)) | None => "⟨vault⟩".into(),
    })
}
