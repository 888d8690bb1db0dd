//! A new run that begins at a block of an earlier one: what came before it answers as it did.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use blueprint_engine::{Library, Outline, Plan, state_after};
use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, EventKind, Finish, Inputs, Secrets, Value,
    block::{Change, Wish},
    journal::{HandleTable, History},
    secret::Derived,
    value::Map,
};
use serde_json::json;

use crate::{
    failure::Failure,
    history::Kept,
    store::{self, Pinned},
};

/// The run that a new one takes answers from.
pub struct Earlier {
    /// What the new run is set up with, beside mocks.
    pub setup: Value,
    /// The inputs that it had.
    pub inputs: Value,
    /// What its trigger brought.
    pub payload: Value,
    /// What its handles stand for.
    pub handles: Option<HandleTable>,
}

/// What a run needs that is an earlier one once more.
pub struct Again {
    /// Its inputs.
    pub inputs: Value,
    /// Its payload.
    pub payload: Value,
    /// Its setup: its mocks, and which run it was.
    pub setup: Value,
}

/// Returns what a run needs that is this one once more.
///
/// # Errors
///
/// Returns a failure if its inputs held a secret, which is not kept.
pub fn again(kept: &Kept) -> Result<Again> {
    let run = &kept.history.summary.run;
    let first = kept.history.events.first().map(|event| &event.kind);
    let Some(EventKind::RunStarted { inputs, payload, .. }) = first else {
        let message = format!("run {} was kept without its inputs", run.short());
        return Err(Failure::wrong(message).into());
    };
    if kept.secrets.view(inputs).is_some() || kept.secrets.view(payload).is_some() {
        let message = format!("the inputs of run {} held a secret, which is not kept", run.short());
        let hint = format!("give them anew: blueprint run {}", kept.history.summary.blueprint);
        return Err(Failure::wrong(message).help(hint).into());
    }
    let mut setup: Map<String, Value> = match &kept.history.record.setup {
        Value::Object(map) => map.clone(),
        _ => Map::new(),
    };
    setup.insert("retry_of".into(), run.as_str().into());
    let setup = Value::Object(setup);
    Ok(Again { inputs: (**inputs).clone(), payload: (**payload).clone(), setup })
}

/// Takes from a run the answers of every block that does not follow on `block`; `run` is how a person
/// named it.
///
/// # Errors
///
/// Returns a failure if there is no such block, or an answer holds a secret that is gone.
pub fn of(block: &str, run: &str, plan: &Arc<Plan>, history: History) -> Result<Earlier> {
    let short = history.summary.run.short();
    if history.record.blueprint != plan.name {
        let message =
            format!("run {short} is one of `{}`, not of `{}`", history.record.blueprint, plan.name);
        let help = format!("blueprint run {} --from {block} --of {run}", history.record.blueprint);
        return Err(Failure::wrong(message).help(help).into());
    }
    let follows = followers(block, &plan.outline())?;
    let answers = answers(&history, plan, |id| !follows.contains(id));
    refuse_lost_secrets(&history, &answers)?;
    let first = history.events.first().map(|event| &event.kind);
    let Some(EventKind::RunStarted { inputs, payload, .. }) = first else {
        return Err(Failure::wrong(format!("run {short} has no first event")).into());
    };
    let (inputs, payload) = ((**inputs).clone(), (**payload).clone());
    let mut setup = json!({
        "run": history.summary.run.as_str(),
        "block": block,
        "answers": answers,
        "derived": derived(&history),
    });
    if let Some(start) = start_of(&history.record.setup) {
        // What that run left out has no answers, and is left out again.
        if followers(start, &plan.outline()).is_ok_and(|kept| kept.contains(block)) {
            setup["start"] = start.into();
        }
    }
    Ok(Earlier { setup, inputs, payload, handles: history.record.handles })
}

/// Returns the block that a run starts at, if it is set up with one.
pub fn start_of(setup: &Value) -> Option<&str> {
    setup["start"].as_str().or_else(|| setup["from"]["start"].as_str())
}

/// Returns the block and all that can be reached from it.
fn followers(block: &str, outline: &Outline) -> Result<BTreeSet<String>> {
    let place = outline.nodes.iter().position(|node| node.id == block);
    let Some(start) = place else {
        if block.contains(['.', '/', '[']) {
            let message = format!("block `{block}` is inside another one");
            let help = "a run begins at a block of the blueprint's own graph";
            return Err(Failure::wrong(message).help(help).into());
        }
        let names = outline.nodes.iter().map(|node| node.id.as_str());
        return Err(Failure::unknown("block", block, names).into());
    };
    let mut reached = BTreeSet::from([start]);
    let mut work = vec![start];
    while let Some(from) = work.pop() {
        for edge in outline.edges.iter().filter(|edge| edge.from == from) {
            if reached.insert(edge.to) {
                work.push(edge.to);
            }
        }
    }
    Ok(reached.into_iter().map(|at| outline.nodes[at].id.clone()).collect())
}

/// Returns the ends of blocks of the run's own graph, by id, with what they made of the state.
fn answers(history: &History, plan: &Plan, is_kept: impl Fn(&str) -> bool) -> Map<String, Value> {
    let changed = changed_keys(history, &is_kept);
    let kept = history.events.iter().filter(|event| match &event.kind {
        EventKind::StateChanged { block, .. } => is_kept(&root_of(&block.to_string())),
        _ => true,
    });
    // Blocks of different branches may answer in another order, so each brings what came of all.
    let state = state_after(plan, kept);
    let mut answers = Map::new();
    for event in &history.events {
        let EventKind::BlockFinished { block, outcome, result, message, is_return, .. } =
            &event.kind
        else {
            continue;
        };
        let id = block.to_string();
        if !block.scope.is_empty() || !is_kept(&id) {
            continue;
        }
        let mut answer = json!({"outcome": **outcome, "result": **result});
        if let Some(message) = message {
            answer["message"] = message.as_str().into();
        }
        if *is_return {
            answer["is_return"] = true.into();
        }
        if let Some(keys) = changed.get(&id) {
            let change = |key: &String| match state.get(key) {
                Some(value) => json!({"key": key, "value": value}),
                None => json!({"key": key}),
            };
            answer["changes"] = keys.iter().map(change).collect();
        }
        answers.insert(id, answer);
    }
    answers
}

/// Returns the keys of the run's state that each block changed, its body included.
fn changed_keys(
    history: &History,
    is_kept: &impl Fn(&str) -> bool,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut changed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut callees: Vec<String> = Vec::new();
    for event in &history.events {
        match &event.kind {
            EventKind::BlockWaiting { block, wish: Wish::Call { .. }, .. } => {
                callees.push(block.callee());
            }
            EventKind::StateChanged { block, changes, .. }
                if !callees.iter().any(|callee| block.scope.starts_with(callee.as_str())) =>
            {
                let root = root_of(&block.to_string());
                if is_kept(&root) {
                    let keys = changes.iter().filter_map(|change| change.path.first().cloned());
                    changed.entry(root).or_default().extend(keys);
                }
            }
            _ => {}
        }
    }
    changed
}

/// Returns the block of the blueprint's own graph that a block is in: ids hold neither `[` nor `/`.
fn root_of(block: &str) -> String {
    block.split(['[', '/']).next().unwrap_or_default().to_owned()
}

/// Refuses answers with handles that stand for nothing any more.
fn refuse_lost_secrets(history: &History, answers: &Map<String, Value>) -> Result<()> {
    let secrets = store::handles(history);
    match answers.iter().find(|(_, answer)| secrets.has_unknown(answer)) {
        None => Ok(()),
        Some((block, _)) => {
            let message = format!(
                "block `{block}` answered with a secret that only run {} had",
                history.summary.run.short()
            );
            let help = format!("let it run again: --from {block}");
            Err(Failure::wrong(message).help(help).into())
        }
    }
}

fn derived(history: &History) -> Vec<Value> {
    let derived = history.events.iter().filter_map(|event| match &event.kind {
        EventKind::SecretDerived { token, function, arguments, .. } => {
            Some(json!({"token": token, "function": function, "arguments": arguments}))
        }
        _ => None,
    });
    // A run that took answers itself has handles from before it.
    let earlier = history.record.setup["from"]["derived"].as_array().cloned();
    earlier.into_iter().flatten().chain(derived).collect()
}

/// Lets the handles in a run's recorded answers stand for what they stood for.
pub fn learn(record: &Value, secrets: &Secrets) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    for one in record["from"]["derived"].as_array().into_iter().flatten() {
        let arguments = one["arguments"].as_array().into_iter().flatten().filter_map(text);
        if let (Some(token), Some(function)) = (text(&one["token"]), text(&one["function"])) {
            secrets.learn(Derived { token, function, arguments: arguments.collect() });
        }
    }
}

/// Returns plan and library with the blocks in them that answer as they did in an earlier run.
///
/// # Errors
///
/// Returns a failure if a block never ends that way any more.
pub fn put(setup: &Value, plan: Arc<Plan>, library: Arc<Library>) -> Result<Pinned> {
    let Some(answers) = setup["from"]["answers"].as_object() else {
        return Ok(Pinned { plan, library });
    };
    let mut blocks: BTreeMap<String, Arc<dyn Block>> = BTreeMap::new();
    for info in plan.blocks() {
        let Some(answer) = answers.get(&info.path) else { continue };
        let end = end_of(answer).context("an answer of an earlier run has no outcome")?;
        let is_known = info.outcomes.iter().any(|(name, _)| **name == *end.outcome);
        // What fails without an outcome of its own ends with one that cannot be handled.
        let is_failure = &*end.outcome == info.spec.failure && end.message.is_some();
        if !is_known && !is_failure && !end.is_return {
            let message =
                format!("block `{}` ended with `{}`, and never does now", info.path, end.outcome);
            let help = format!("let it run again: --from {}", info.path);
            return Err(Failure::wrong(message).help(help).into());
        }
        blocks.insert(info.path.clone(), Arc::new(Recorded { spec: info.spec, end }));
    }
    Ok(Pinned { plan: Arc::new(plan.with_answers(&blocks)), library })
}

fn end_of(answer: &Value) -> Option<End> {
    let changes = answer["changes"].as_array().into_iter().flatten().filter_map(|change| {
        let path = vec![change["key"].as_str()?.to_owned()];
        Some(Change { path, value: change.get("value").cloned() })
    });
    Some(End {
        message: answer["message"].as_str().map(str::to_owned),
        is_return: answer["is_return"] == true,
        changes: changes.collect(),
        ..End::new(answer["outcome"].as_str()?.to_owned(), answer["result"].clone())
    })
}

/// A block that ends as it did in an earlier run.
struct Recorded {
    spec: &'static BlockSpec,
    end: End,
}

#[async_trait]
impl Block for Recorded {
    fn spec(&self) -> &'static BlockSpec {
        self.spec
    }

    async fn run(&self, _inputs: &Inputs, _cx: &BlockCx) -> Result<Finish, BlockError> {
        Ok(self.end.clone().into())
    }
}
