//! What a replay came to, held against what was recorded.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use blueprint_model::{
    Event, EventKind, Value,
    block::Change,
    event::{At, RunError, RunStatus},
    format,
    id::BlockPath,
    value::Shared,
};
use serde_json::json;

use super::script::Script;

/// What came of a replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// The first thing that went another way; `None` if all went as recorded.
    pub divergence: Option<Divergence>,
    /// Every block that ended in the run or in the replay: in the order of the run, then those that
    /// only the replay has.
    pub blocks: Vec<ReplayedBlock>,
    /// How the run had ended, if it had.
    pub recorded: Option<Verdict>,
    /// How the replay ended, if it came to an end.
    pub replayed: Option<Verdict>,
}

/// Where a replay first goes another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Divergence {
    /// At a block: its place in the list.
    Block(usize),
    /// All blocks end as recorded, and the run does not.
    End,
}

/// A block in a run and in its replay.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayedBlock {
    /// The block.
    pub block: BlockPath,
    /// How it ended in the run.
    pub recorded: Option<Ended>,
    /// How it ended in the replay.
    pub replayed: Option<Ended>,
    /// What the two say together.
    pub fate: Fate,
}

/// How a block ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// With an outcome.
    Finished {
        /// The outcome.
        outcome: String,
        /// The result.
        result: Shared,
        /// Why, on an error-like outcome.
        message: Option<String>,
        /// What became of the state.
        changes: Vec<Change>,
    },
    /// It did not run.
    Skipped,
    /// It was stopped, or not started any more.
    Cancelled,
}

/// What became of a block in a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It ends as recorded.
    Same,
    /// It ends another way.
    Differs,
    /// It ended in the run only.
    Gone,
    /// It ends in the replay only.
    New,
    /// It would need an answer that nobody recorded.
    Unanswered,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Succeeded, failed or cancelled.
    pub status: RunStatus,
    /// Its value.
    pub value: Shared,
    /// Why it failed.
    pub error: Option<RunError>,
}

/// The first place at which two values are not the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The place, as in `result.items[2].name`; empty if it is the whole.
    pub path: String,
    /// What is there in the first; `None` if nothing is.
    pub first: Option<Value>,
    /// What is there in the second.
    pub second: Option<Value>,
}

impl Ended {
    /// Returns the end as an object of what it has: `outcome`, `result`, `message`, `changes`; or
    /// `ended` for a block without an outcome.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Skipped => json!({"ended": "skipped"}),
            Self::Cancelled => json!({"ended": "cancelled"}),
            Self::Finished { outcome, result, message, changes } => {
                let mut json = json!({"outcome": outcome, "result": **result});
                if let Some(message) = message {
                    json["message"] = message.as_str().into();
                }
                if !changes.is_empty() {
                    json["changes"] = changes.iter().map(format::change_to_json).collect();
                }
                json
            }
        }
    }

    /// Returns its outcome, or how else it ended.
    pub fn word(&self) -> &str {
        match self {
            Self::Finished { outcome, .. } => outcome,
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Replay {
    /// Holds a replay against the events of the run.
    pub(crate) fn of(events: &[Event], script: Script, replayed: Option<Verdict>) -> Self {
        let mut ends: BTreeMap<String, VecDeque<(usize, Ended)>> = BTreeMap::new();
        for (place, (block, ended)) in script.ends.into_iter().enumerate() {
            ends.entry(block.to_string()).or_default().push_back((place, ended));
        }
        let mut unanswered = script.unanswered;
        let mut places = Vec::new();
        let mut blocks = Vec::new();
        for (block, recorded) in recorded_ends(events) {
            let again = ends.get_mut(&block.to_string()).and_then(VecDeque::pop_front);
            let asked = unanswered.iter().position(|other| *other == block);
            let (place, replayed) = again.map_or((usize::MAX, None), |(at, end)| (at, Some(end)));
            let fate = match (&replayed, asked) {
                (Some(replayed), _) if *replayed == recorded => Fate::Same,
                (Some(_), _) => Fate::Differs,
                (None, Some(asked)) => {
                    unanswered.remove(asked);
                    Fate::Unanswered
                }
                (None, None) => Fate::Gone,
            };
            places.push(place);
            blocks.push(ReplayedBlock { block, recorded: Some(recorded), replayed, fate });
        }
        let recorded = recorded_verdict(events);
        // A run that had not ended would have come to more.
        let is_whole = recorded.is_some();
        let mut rest: Vec<(usize, BlockPath, Ended)> = ends
            .into_iter()
            .flat_map(|(block, ends)| {
                let block = BlockPath::parse(&block);
                ends.into_iter().map(move |(place, ended)| (place, block.clone(), ended))
            })
            .filter(|_| is_whole)
            .collect();
        rest.sort_by_key(|(place, ..)| *place);
        for (place, block, ended) in rest {
            places.push(place);
            let replayed = Some(ended);
            blocks.push(ReplayedBlock { block, recorded: None, replayed, fate: Fate::New });
        }
        for block in unanswered {
            places.push(usize::MAX);
            let fate = Fate::Unanswered;
            blocks.push(ReplayedBlock { block, recorded: None, replayed: None, fate });
        }
        let divergence = first(&blocks, &places).or_else(|| {
            let has_ended_otherwise = is_whole && recorded != replayed;
            has_ended_otherwise.then_some(Divergence::End)
        });
        Self { divergence, blocks, recorded, replayed }
    }
}

/// What a replay does first counts first: whatever comes later may follow from it. Then come blocks
/// without an answer, and those that it did not come to.
fn first(blocks: &[ReplayedBlock], places: &[usize]) -> Option<Divergence> {
    let others = blocks.iter().enumerate().filter(|(_, block)| block.fate != Fate::Same);
    let rank =
        |(at, block): &(usize, &ReplayedBlock)| (places[*at], block.fate != Fate::Unanswered, *at);
    others.min_by_key(rank).map(|(at, _)| Divergence::Block(at))
}

/// How the blocks of a run ended, in order.
fn recorded_ends(events: &[Event]) -> Vec<(BlockPath, Ended)> {
    let mut staged: BTreeMap<At, Arc<[Change]>> = BTreeMap::new();
    let mut ends = Vec::new();
    for event in events {
        let Some((at, block)) = event.kind.block() else { continue };
        let ended = match &event.kind {
            EventKind::StateChanged { changes, .. } => {
                staged.insert(at, changes.clone());
                continue;
            }
            EventKind::BlockFinished { outcome, result, message, .. } => Ended::Finished {
                outcome: outcome.to_string(),
                result: result.clone(),
                message: message.clone(),
                changes: staged.remove(&at).unwrap_or_default().to_vec(),
            },
            EventKind::BlockSkipped { .. } => Ended::Skipped,
            EventKind::BlockCancelled { .. } => Ended::Cancelled,
            _ => continue,
        };
        ends.push((block.clone(), ended));
    }
    ends
}

fn recorded_verdict(events: &[Event]) -> Option<Verdict> {
    events.iter().rev().find_map(|event| match &event.kind {
        EventKind::RunFinished { status, value, error, .. } => {
            Some(Verdict { status: *status, value: value.clone(), error: error.clone() })
        }
        _ => None,
    })
}

/// Returns the first place at which two values are not the same, in the order of the first.
pub fn first_difference(first: &Value, second: &Value) -> Option<Difference> {
    let mut path = String::new();
    let (a, b) = descend(Some(first), Some(second), &mut path)?;
    Some(Difference { path, first: a.cloned(), second: b.cloned() })
}

type Pair<'v> = (Option<&'v Value>, Option<&'v Value>);

fn descend<'v>(
    first: Option<&'v Value>,
    second: Option<&'v Value>,
    path: &mut String,
) -> Option<Pair<'v>> {
    if first == second {
        return None;
    }
    let steps: Vec<(String, Pair<'v>)> = match (first, second) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.map(|key| (step(key, path.is_empty()), (a.get(key), b.get(key)))).collect()
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => (0..a.len().max(b.len()))
            .map(|at| (format!("[{at}]"), (a.get(at), b.get(at))))
            .collect(),
        (first, second) => return Some((first, second)),
    };
    let before = path.len();
    for (step, (a, b)) in steps {
        path.push_str(&step);
        if let Some(found) = descend(a, b, path) {
            return Some(found);
        }
        path.truncate(before);
    }
    None
}

fn step(key: &str, is_first: bool) -> String {
    if is_first { key.to_owned() } else { format!(".{key}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        first: &Value,
        second: &Value,
        expected: Option<(&str, Option<Value>, Option<Value>)>,
    ) {
        let found = first_difference(first, second);
        let expected =
            expected.map(|(path, first, second)| Difference { path: path.into(), first, second });
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_difference_has_a_path() {
        check(&json!({"a": [1, {"b": 2}]}), &json!({"a": [1, {"b": 2}]}), None);
        check(
            &json!({"a": [1, {"b": 2}]}),
            &json!({"a": [1, {"b": 3}]}),
            Some(("a[1].b", Some(json!(2)), Some(json!(3)))),
        );
        check(&json!({"a": [1]}), &json!({"a": []}), Some(("a[0]", Some(json!(1)), None)));
        check(&json!({}), &json!({"x": null}), Some(("x", None, Some(json!(null)))));
        check(&json!(1), &json!("1"), Some(("", Some(json!(1)), Some(json!("1")))));
    }
}
