//! A blueprint, checked and compiled: what every run of it shares.
//!
//! [`Plan::build`] judges names first and meaning second, reports every fault at once, and none that
//! only follows from another.

mod compile;
mod fields;
mod flow;
mod graph;
mod names;
mod part;
mod preview;
mod replace;
mod scope;
mod scripts;
mod secrets;
mod state_keys;
mod triggers;
mod uses;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use blueprint_model::{
    Block, Blueprint, Diagnostic, Registry, SecretName, Source, Span, Value,
    block::BlockSpec,
    blueprint::{Join, OnError, OnResume, Retry},
    diagnostic::is_full,
    egress::{Permit, SecretGrant},
    schema::{self, Schema},
    value::{Map, Shared},
};

pub(crate) use self::compile::{Compiled, Otherwise, Part, Place, Ref, Root};
pub use self::{
    preview::{Preview, PreviewField},
    replace::BlockInfo,
    triggers::{PlannedKind, PlannedTrigger},
    uses::{Goes, PlannedUse},
};

/// A blueprint, checked and compiled. Immutable; shared by all runs.
#[derive(Clone)]
pub struct Plan {
    /// The blueprint's name.
    pub name: String,
    /// The file it came from.
    pub source: Source,
    /// What `inputs` must look like.
    pub inputs: Schema,
    /// The initial state.
    pub state: Shared,
    /// The deadline of a run.
    pub timeout: Option<Duration>,
    /// Most blocks at work at once.
    pub concurrency: usize,
    /// What starts a run, in file order.
    pub triggers: Vec<PlannedTrigger>,
    pub(crate) on_error: OnError,
    pub(crate) graphs: Vec<GraphPlan>,
    pub(crate) needs: Vec<SecretNeed>,
    pub(crate) sites: Vec<uses::Site>,
    pub(crate) calls: Vec<CallSite>,
}

/// A secret that a plan mentions.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretNeed {
    /// Its name.
    pub name: SecretName,
    /// Whether a run may start without it.
    pub is_optional: bool,
    /// What the blueprint grants it.
    pub grant: SecretGrant,
}

/// A block that runs another blueprint.
#[derive(Debug, Clone)]
pub(crate) struct CallSite {
    /// The callee's name; `None` where it is computed.
    pub name: Option<String>,
    pub span: Span,
    /// Graph and block.
    pub at: (u32, u32),
}

/// One graph of a plan: the blueprint's own is the first, bodies follow.
#[derive(Clone)]
pub(crate) struct GraphPlan {
    pub steps: Vec<Step>,
    /// Blocks that nothing leads to, in file order.
    pub roots: Arc<[u32]>,
}

/// A block as checked.
#[derive(Clone)]
pub(crate) struct Step {
    pub id: Arc<str>,
    pub title: Option<String>,
    pub kind: &'static BlockSpec,
    pub block: Arc<dyn Block>,
    pub span: Span,
    pub outcomes: Arc<[StepOutcome]>,
    /// Edges out, in file order.
    pub edges: Vec<StepEdge>,
    /// Edges in, in file order of their blocks.
    pub incoming: Vec<Incoming>,
    pub in_degree: u32,
    pub join: Join,
    pub retry: Option<Retry>,
    pub timeout: Option<Duration>,
    pub on_resume: OnResume,
    pub expect: Option<Box<Schema>>,
    pub fields: Vec<(&'static str, Compiled)>,
    /// What the block's scripts use, by name.
    pub variables: Vec<(Arc<str>, Ref)>,
    /// Whether it looks at the state as a whole: scripts that use it, fields that are paths into it.
    pub sees_state: bool,
    /// Whether it runs scripts.
    pub is_scripted: bool,
    /// Whether who runs its scripts only waits for another process.
    pub runs_elsewhere: bool,
    /// What its scripts were seen to cost.
    pub cost: Arc<Cost>,
    pub permit: Arc<Permit>,
    pub body: Option<u32>,
    /// Blocks of this graph whose results it or its body reads.
    pub reads: Vec<u32>,
    /// Blocks of this graph that read its result.
    pub readers: u32,
    /// Whether it is no part of the plan: a run that starts at another block never reaches it.
    pub is_left_out: bool,
}

impl Step {
    /// Returns the place of an outcome among those it can end with.
    pub(crate) fn position(&self, outcome: &str) -> Option<usize> {
        self.outcomes.iter().position(|known| *known.name == *outcome)
    }

    /// Returns whether an edge leads on from an outcome.
    pub(crate) fn is_handled(&self, outcome: usize) -> bool {
        self.edges.iter().any(|edge| edge.outcome as usize == outcome)
    }

    /// Returns whether this end is an error that no edge handles.
    pub(crate) fn is_unhandled(&self, outcome: Option<usize>, is_return: bool) -> bool {
        let Some(ix) = outcome else { return !is_return };
        self.outcomes[ix].is_error && !self.is_handled(ix)
    }
}

/// What a block's scripts were seen to cost in the last two runs of any run of the plan, in
/// microseconds: the last one, and the lower of both. One alone may have been slow because the
/// machine was busy.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    last_us: AtomicU64,
    lower_us: AtomicU64,
}

impl Cost {
    /// A hand-over to a thread costs several microseconds; below this it does not pay.
    const HEAVY_US: u64 = 30;

    /// What once took so long is no accident of a busy machine.
    const SURELY_HEAVY_US: u64 = 20_000;

    pub(crate) fn note(&self, took_us: u64) {
        let before = self.last_us.load(Ordering::Relaxed);
        self.last_us.store(took_us, Ordering::Relaxed);
        self.lower_us.store(before.min(took_us), Ordering::Relaxed);
    }

    pub(crate) fn is_heavy(&self) -> bool {
        self.lower_us.load(Ordering::Relaxed) >= Self::HEAVY_US
            || self.last_us.load(Ordering::Relaxed) >= Self::SURELY_HEAVY_US
    }
}

/// An outcome of a block as checked.
#[derive(Debug, Clone)]
pub(crate) struct StepOutcome {
    pub name: Arc<str>,
    pub is_error: bool,
}

/// An edge out of a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepEdge {
    /// Which of the block's outcomes.
    pub outcome: u32,
    /// The block that follows.
    pub to: u32,
    /// The edge's place among those that come into it.
    pub place: u32,
}

/// An edge into a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming {
    pub from: u32,
    pub outcome: u32,
}

/// What checking gives: a plan unless there is an error, and all that was found.
pub struct Built {
    /// The plan, if there is no error.
    pub plan: Option<Arc<Plan>>,
    /// Every fault, warning and hint, in file order.
    pub diagnostics: Vec<Diagnostic>,
}

impl Built {
    /// Returns what there is where so much is wrong that the rest was not looked at.
    fn refused(mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|diagnostic| diagnostic.span);
        Self { plan: None, diagnostics }
    }
}

/// The most blocks at work at once, where the blueprint does not say.
const DEFAULT_CONCURRENCY: usize = 64;

impl Plan {
    /// Checks and compiles a blueprint.
    pub fn build(blueprint: &Blueprint, registry: &Registry) -> Built {
        let mut diagnostics = Vec::new();
        let draft = names::judge(blueprint, registry, &mut diagnostics);
        if is_full(&diagnostics) {
            return Built::refused(diagnostics);
        }
        let graphs = graph::connect(&draft, &mut diagnostics);
        let flows: Vec<flow::Flow> = graphs
            .iter()
            .zip(&draft.graphs)
            .map(|(graph, draft)| flow::Flow::of(graph, draft))
            .collect();
        flow::judge(&draft, &graphs, &flows, &mut diagnostics);
        let state_keys = state_keys::of(blueprint, &draft);
        let cx = compile::Cx {
            blueprint,
            registry,
            draft: &draft,
            graphs: &graphs,
            flows: &flows,
            state_keys,
        };
        let mut parts = compile::compile(&cx, &mut diagnostics);
        let triggers = triggers::judge(&cx, &parts, &mut diagnostics);
        if is_full(&diagnostics) {
            return Built::refused(diagnostics);
        }
        let (needs, sites) = secrets::judge(&cx, &mut parts, &mut diagnostics);
        diagnostics.sort_by_key(|diagnostic| diagnostic.span);
        // A block without a type was reported by the reader.
        let is_typed = draft.graphs.iter().all(names::DraftGraph::is_typed);
        let has_error = !is_typed || diagnostics.iter().any(Diagnostic::is_error);
        let plan = (!has_error).then(|| {
            let calls = std::mem::take(&mut parts.calls);
            let graphs = compile::assemble(&cx, graphs.as_slice(), parts);
            Arc::new(Self {
                name: blueprint.name.value.clone(),
                source: blueprint.source.clone(),
                inputs: blueprint.inputs.clone(),
                state: Arc::new(blueprint.state.clone()),
                timeout: blueprint.timeout,
                concurrency: blueprint.concurrency.unwrap_or(DEFAULT_CONCURRENCY),
                triggers,
                on_error: blueprint.on_error,
                graphs,
                needs,
                sites,
                calls,
            })
        });
        Built { plan, diagnostics }
    }

    /// Returns a block of one of its graphs.
    pub(crate) fn step(&self, graph: u32, block: u32) -> &Step {
        &self.graphs[graph as usize].steps[block as usize]
    }

    /// Returns the secrets that it mentions, each once, by name.
    pub fn secrets(&self) -> &[SecretNeed] {
        &self.needs
    }

    /// Returns whether it runs other blueprints.
    pub fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Returns the inputs of a run: `given` with defaults, or everything that is wrong with it.
    pub fn inputs_from(&self, given: &Value) -> Result<Shared, Vec<String>> {
        let given = match given {
            Value::Object(_) => given.clone(),
            Value::Null => Value::Object(Map::new()),
            // A payload that is no object has no inputs in it; `payload` itself holds it.
            _ if self.inputs.properties.is_empty() => Value::Object(Map::new()),
            _ => return Err(vec!["the inputs must be an object".into()]),
        };
        let inputs = schema::with_defaults(&self.inputs, given);
        let misfits = schema::check(&self.inputs, &inputs);
        if misfits.is_empty() {
            return Ok(Arc::new(inputs));
        }
        Err(misfits
            .iter()
            .map(|misfit| {
                let path = misfit.path.trim_start_matches('.');
                format!("input `{path}` {}{}", misfit.message, self.known_inputs(path))
            })
            .collect())
    }

    fn known_inputs(&self, path: &str) -> String {
        let known = self.inputs.properties.keys().map(String::as_str);
        if self.inputs.properties.contains_key(path.split(['.', '[']).next().unwrap_or("")) {
            return String::new();
        }
        blueprint_model::diagnostic::suggest(path, known)
            .map_or(String::new(), |hint| format!(" ({hint})"))
    }
}

/// The needs of several plans as one list, the stricter word winning.
pub(crate) fn merge_needs<'p>(plans: impl Iterator<Item = &'p Arc<Plan>>) -> Vec<SecretNeed> {
    let mut merged: BTreeMap<SecretName, SecretNeed> = BTreeMap::new();
    for need in plans.flat_map(|plan| &plan.needs) {
        merged
            .entry(need.name.clone())
            .and_modify(|known| known.is_optional &= need.is_optional)
            .or_insert_with(|| need.clone());
    }
    merged.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_heavy_after_two_slow_runs_or_a_very_slow_one() {
        let cost = Cost::default();
        for (took_us, is_heavy) in [
            (2, false),
            (5_000, false),
            (2, false),
            (40, false),
            (90, true),
            (3, false),
            (20_000, true),
        ] {
            cost.note(took_us);
            assert_eq!(cost.is_heavy(), is_heavy, "{took_us}");
        }
    }
}
