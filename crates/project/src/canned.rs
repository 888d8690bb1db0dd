//! Canned answers: blocks that do not work but answer as told, in trials and tests.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::Result;
use async_trait::async_trait;
use blueprint_engine::{BlockInfo, Library, Plan};
use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, Finish, Inputs, Value, block::Reach, diagnostic,
    value::Shared,
};

use crate::{earlier, failure::Failure, store::Pinned};

/// What a block answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The outcome; without one, the first that is not error-like.
    pub outcome: Option<String>,
    /// The result.
    pub result: Shared,
    /// Why, on an error-like outcome.
    pub message: Option<String>,
}

impl Answer {
    /// Reads an answer: an object of `outcome`, `result` and `message`, or any other value, which
    /// then is the result. An object with only a `message` is a result.
    pub fn of(value: Value) -> Self {
        let keys = ["outcome", "result", "message"];
        let plain = |value: Value| Self { outcome: None, result: Arc::new(value), message: None };
        match value {
            Value::Object(map)
                if map.keys().all(|key| keys.contains(&key.as_str()))
                    && (map.contains_key("outcome") || map.contains_key("result")) =>
            {
                let text = |key: &str| match map.get(key) {
                    Some(Value::String(text)) => Some(text.clone()),
                    Some(Value::Null) | None => None,
                    Some(other) => Some(other.to_string()),
                };
                Self {
                    outcome: text("outcome"),
                    message: text("message"),
                    result: Arc::new(map.get("result").cloned().unwrap_or_default()),
                }
            }
            other => plain(other),
        }
    }
}

/// What went wrong with canned answers while a run went on.
pub type Faults = Arc<Mutex<Vec<String>>>;

/// How often answers are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// The one answer each time.
    Always,
    /// Each answer once, in order.
    Each,
}

/// A block that answers as told.
pub struct Canned {
    spec: &'static BlockSpec,
    path: String,
    ends: Vec<End>,
    times: Times,
    next: AtomicUsize,
    faults: Faults,
}

impl Canned {
    /// Returns a block that gives these answers.
    ///
    /// # Errors
    ///
    /// Returns a failure if the block never ends with such an outcome.
    pub fn new(
        info: &BlockInfo,
        answers: &[Answer],
        times: Times,
        faults: Faults,
    ) -> Result<Self, Failure> {
        let ends = answers.iter().map(|answer| end(info, answer)).collect::<Result<_, _>>()?;
        let (spec, path, next) = (info.spec, info.path.clone(), AtomicUsize::new(0));
        Ok(Self { spec, path, ends, times, next, faults })
    }

    /// Returns a block that must not run: it reaches outside and nobody said what it answers.
    pub fn forbidden(info: &BlockInfo, faults: Faults) -> Self {
        let (spec, path, next) = (info.spec, info.path.clone(), AtomicUsize::new(0));
        Self { spec, path, ends: Vec::new(), times: Times::Each, next, faults }
    }

    fn fault(&self, message: String) -> BlockError {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if !faults.contains(&message) {
            faults.push(message.clone());
        }
        BlockError::permanent(message)
    }
}

#[async_trait]
impl Block for Canned {
    fn spec(&self) -> &'static BlockSpec {
        self.spec
    }

    async fn run(&self, _inputs: &Inputs, _cx: &BlockCx) -> Result<Finish, BlockError> {
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        let call = if self.times == Times::Always { 0 } else { call };
        match (self.ends.as_slice(), self.ends.get(call)) {
            ([], _) => Err(self.fault(format!(
                "block `{}` is a `{}`, which {}, and has no mock",
                self.path,
                self.spec.kind,
                reaches(self.spec.reach)
            ))),
            (_, Some(end)) => Ok(end.clone().into()),
            (ends, None) => Err(self.fault(format!(
                "block `{}` ran more often than it has mocked answers, which are {}",
                self.path,
                ends.len()
            ))),
        }
    }
}

fn reaches(reach: Reach) -> &'static str {
    match reach {
        Reach::Answered => "waits for an answer from outside",
        Reach::Outside | Reach::Inside => "reaches outside",
    }
}

/// Finds the block that a person named: by its path without items, by its id where that is the only
/// one, or as `CALL/BLOCK` in the blueprint that a block calls. Returns the blueprint's name too.
///
/// # Errors
///
/// Returns a failure if there is no such block, or several.
pub fn find_block(
    typed: &str,
    plan: &Arc<Plan>,
    library: &Library,
) -> Result<(String, BlockInfo), Failure> {
    if let Some((call, inner)) = typed.split_once('/') {
        let (_, caller) = find_block(call, plan, library)?;
        let callee = caller.calls.as_deref().and_then(|name| library.get(name));
        let callee = callee.ok_or_else(|| {
            Failure::wrong(format!("block `{call}` calls no blueprint that is known now"))
        })?;
        return find_block(inner, callee, library);
    }
    let blocks = plan.blocks();
    let found: Vec<&BlockInfo> = match blocks.iter().find(|block| block.path == typed) {
        Some(block) => vec![block],
        None => blocks.iter().filter(|block| block.id() == typed).collect(),
    };
    match found.as_slice() {
        [block] => Ok((plan.name.clone(), (*block).clone())),
        [] => {
            let known = blocks.iter().map(|block| block.path.as_str());
            Err(Failure {
                hint: diagnostic::suggest(typed, known),
                ..Failure::wrong(format!("`{}` has no block `{typed}`", plan.name))
            })
        }
        several => {
            let paths: Vec<String> =
                several.iter().map(|block| format!("`{}`", block.path)).collect();
            let message = format!("`{}` has several blocks `{typed}`", plan.name);
            Err(Failure::wrong(message).help(format!("say which: {}", paths.join(", "))))
        }
    }
}

/// Says which block takes the place of another one, given the name of the blueprint it is in.
pub type Replace<'r> = &'r mut dyn FnMut(&str, &BlockInfo) -> Option<Arc<dyn Block>>;

/// Returns plan and library with other blocks in them: `replace` is asked for each block of each
/// blueprint, by the blueprint's name and the block.
pub fn recast(
    plan: &Arc<Plan>,
    library: &Library,
    replace: Replace<'_>,
) -> (Arc<Plan>, Arc<Library>) {
    let mut plans: BTreeMap<String, Arc<Plan>> = BTreeMap::new();
    for known in library.plans().chain([plan]) {
        if !plans.contains_key(&known.name) {
            let name = known.name.clone();
            let recast = known.with_blocks(&mut |block| replace(&name, block));
            plans.insert(known.name.clone(), Arc::new(recast));
        }
    }
    let plan = plans[&plan.name].clone();
    // The same blueprints were linked before, so there is nothing new to find.
    let linked = Library::link(plans.into_values().collect(), &[]);
    (plan, Arc::new(linked.library))
}

fn end(info: &BlockInfo, answer: &Answer) -> Result<End, Failure> {
    let (result, message) = (answer.result.clone(), answer.message.clone());
    if info.outcomes.is_empty() {
        return match &answer.outcome {
            None => {
                Ok(End { outcome: "success".into(), result, is_return: true, ..End::default() })
            }
            Some(_) => {
                let message = format!("block `{}` ends its graph and has no outcomes", info.path);
                Err(Failure::wrong(message).help("give the value that it returns"))
            }
        };
    }
    let found = match &answer.outcome {
        Some(name) => info.outcomes.iter().find(|(known, _)| known == name),
        None => info.outcomes.iter().find(|(_, is_error)| !is_error).or(info.outcomes.first()),
    };
    let Some((outcome, is_error)) = found else {
        let typed = answer.outcome.as_deref().unwrap_or_default();
        let known = info.outcomes.iter().map(|(name, _)| name.as_str());
        return Err(Failure {
            hint: diagnostic::suggest(typed, known),
            ..Failure::wrong(format!("block `{}` never ends with `{typed}`", info.path))
        });
    };
    let message = match (is_error, message) {
        (true, None) => Some("as the mock says".into()),
        (true, message) => message,
        (false, _) => None,
    };
    let is_transient = *is_error && may_pass(&result);
    let outcome = outcome.clone().into();
    Ok(End { outcome, result, message, is_transient, ..End::default() })
}

/// Returns whether `retry` tries an error again: those of HTTP by their status, as the real block
/// does, and all others, so that retries can be tried out.
fn may_pass(result: &Value) -> bool {
    match result.get("status_code").and_then(Value::as_u64) {
        Some(status) => matches!(status, 408 | 425 | 429 | 500..=599),
        None => true,
    }
}

/// Returns plan and library as a run's setup says: with the blocks in them that it mocks, or that
/// answer as they did in an earlier run, and from the block that it starts at.
///
/// # Errors
///
/// Returns a failure if there is no such block, or no such answer of it.
pub fn put_again(setup: &Value, plan: Arc<Plan>, library: Arc<Library>) -> Result<Pinned> {
    let Pinned { plan, library } = earlier::put(setup, plan, library)?;
    let Pinned { plan, library } = put_mocks(setup, plan, library)?;
    Ok(Pinned { plan: start_at(setup, plan)?, library })
}

fn start_at(setup: &Value, plan: Arc<Plan>) -> Result<Arc<Plan>> {
    let Some(block) = earlier::start_of(setup) else { return Ok(plan) };
    match plan.starting_at(block) {
        Some(part) => Ok(Arc::new(part)),
        None => {
            let outline = plan.outline();
            let names = outline.nodes.iter().map(|node| node.id.as_str());
            Err(Failure::unknown("block", block, names).into())
        }
    }
}

fn put_mocks(setup: &Value, plan: Arc<Plan>, library: Arc<Library>) -> Result<Pinned> {
    let Some(mocks) = setup.get("mocks").and_then(Value::as_object) else {
        return Ok(Pinned { plan, library });
    };
    let mut blocks: BTreeMap<(String, String), Arc<dyn Block>> = BTreeMap::new();
    for (name, value) in mocks {
        let (blueprint, info) = find_block(name, &plan, &library)?;
        let answers = [Answer::of(value.clone())];
        let block = Canned::new(&info, &answers, Times::Always, Faults::default())?;
        blocks.insert((blueprint, info.path), Arc::new(block));
    }
    let (plan, library) = recast(&plan, &library, &mut |blueprint, block| {
        blocks.get(&(blueprint.into(), block.path.clone())).cloned()
    });
    Ok(Pinned { plan, library })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(value: Value, outcome: Option<&str>, result: Value, message: Option<&str>) {
        let expected = Answer {
            outcome: outcome.map(Into::into),
            result: Arc::new(result),
            message: message.map(Into::into),
        };
        assert_eq!(Answer::of(value), expected);
    }

    #[test]
    fn an_answer_is_an_outcome_or_a_value() {
        check(json!([1]), None, json!([1]), None);
        check(json!({"body": 1}), None, json!({"body": 1}), None);
        check(json!({"result": 1}), None, json!(1), None);
        check(json!({"outcome": "error", "message": "no"}), Some("error"), json!(null), Some("no"));
        check(json!({"message": "hi"}), None, json!({"message": "hi"}), None);
        check(json!({"outcome": 1, "x": 2}), None, json!({"outcome": 1, "x": 2}), None);
        check(json!({}), None, json!({}), None);
    }
}
