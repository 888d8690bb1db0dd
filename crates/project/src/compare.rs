//! In what two kept runs differ.

use std::{collections::BTreeMap, sync::Arc};

use blueprint_model::{Value, event::RunError};
use serde_json::json;

use crate::{
    history::{self, End, Entry, Kept},
    text,
};

/// Whether times are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// They are not.
    Left,
    /// Blocks that took much longer or shorter are differences.
    Shown,
}

/// A difference between two runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// `inputs`, `value`, `error`, or the path of a block.
    pub what: String,
    /// What of it: `end`, `result`, `message`, `duration`, or empty.
    pub aspect: &'static str,
    /// Where in the value, as in `body.items[2]`; empty for all of it.
    pub path: String,
    /// What it is in the one run.
    pub one: Value,
    /// What it is in the other.
    pub other: Value,
}

/// Returns whether two runs ran the same blueprints, letter by letter.
pub fn has_same_text(one: &Kept, other: &Kept) -> bool {
    let texts = |kept: &Kept| -> Vec<_> {
        kept.history.record.sources.iter().map(|source| source.text.clone()).collect()
    };
    texts(one) == texts(other)
}

/// Returns what differs: the inputs, then blocks in the order in which they began, then the end.
pub fn differences(one: &Kept, other: &Kept, times: Times) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("inputs", "", &one.inputs(), &other.inputs(), &mut found);
    found.extend(of_blocks(
        &history::entries(&one.events),
        &history::entries(&other.events),
        times,
    ));
    let (one, other) = (one.ending(), other.ending());
    let value = |ending: Option<(&_, _)>| {
        ending.map_or(Value::Null, |(value, _): (&Arc<Value>, _)| (**value).clone())
    };
    compare("value", "", &value(one), &value(other), &mut found);
    let error = |ending: Option<(_, Option<&RunError>)>| {
        let error = ending.and_then(|(_, error)| error);
        error.map_or(Value::Null, |error| {
            json!(format!("`{}` of `{}`: {}", error.outcome, error.block, error.message))
        })
    };
    let (one, other) = (error(one), error(other));
    if one != other {
        let (what, path) = ("error".into(), String::new());
        found.push(Difference { what, aspect: "", path, one, other });
    }
    found
}

fn of_blocks(one: &[Entry], other: &[Entry], times: Times) -> Vec<Difference> {
    let others: BTreeMap<&str, &Entry> =
        other.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let ones: BTreeMap<&str, &Entry> =
        one.iter().map(|entry| (entry.path.as_str(), entry)).collect();
    let mut pairs: Vec<(u64, &str, Option<&Entry>, Option<&Entry>)> = Vec::new();
    for (path, entry) in &ones {
        let beside = others.get(path).copied();
        let first = beside.map_or(entry.first, |beside| beside.first.min(entry.first));
        pairs.push((first, path, Some(entry), beside));
    }
    for (path, entry) in others.iter().filter(|(path, _)| !ones.contains_key(*path)) {
        pairs.push((entry.first, path, None, Some(entry)));
    }
    pairs.sort_by_key(|(first, path, ..)| (*first, *path));
    let mut found = Vec::new();
    for (_, path, one, other) in pairs {
        of_block(path, one, other, times, &mut found);
    }
    found
}

fn of_block(
    path: &str,
    one: Option<&Entry>,
    other: Option<&Entry>,
    times: Times,
    found: &mut Vec<Difference>,
) {
    let (ended, others) = (end_of(one), end_of(other));
    if ended != others {
        let (what, path) = (path.to_owned(), String::new());
        found.push(Difference {
            what,
            aspect: "end",
            path,
            one: ended.into(),
            other: others.into(),
        });
        return;
    }
    let (
        Some(End::With { result, message, duration_us, .. }),
        Some(End::With { result: others, message: other_message, duration_us: other_us, .. }),
    ) = (one.and_then(|it| it.end.as_ref()), other.and_then(|it| it.end.as_ref()))
    else {
        return;
    };
    compare(path, "result", result, others, found);
    if message != other_message {
        let (one, other) = (json!(message), json!(other_message));
        let (what, path) = (path.to_owned(), String::new());
        found.push(Difference { what, aspect: "message", path, one, other });
    }
    let (short, long) = (duration_us.min(other_us), duration_us.max(other_us));
    let is_much = long - short >= 10_000 && *long >= short.saturating_mul(2);
    if times == Times::Shown && is_much {
        let (one, other) = (text::duration(*duration_us), text::duration(*other_us));
        found.push(Difference {
            what: path.into(),
            aspect: "duration",
            path: String::new(),
            one: one.into(),
            other: other.into(),
        });
    }
}

fn end_of(entry: Option<&Entry>) -> String {
    let Some(entry) = entry else { return "not there".into() };
    match &entry.end {
        Some(End::With { outcome, .. }) => outcome.clone(),
        Some(End::Skipped(edge)) => format!("skipped: {edge} not taken"),
        Some(End::Cancelled(reason)) => format!("cancelled: {}", reason.as_str()),
        None => "not ended".into(),
    }
}

/// Compares two values and adds the first place where they differ.
fn compare(
    what: &str,
    aspect: &'static str,
    one: &Value,
    other: &Value,
    found: &mut Vec<Difference>,
) {
    let mut path = String::new();
    let (mut one, mut other) = (one, other);
    if one == other {
        return;
    }
    loop {
        let step = match (one, other) {
            (Value::Object(left), Value::Object(right)) => {
                let keys = left.keys().chain(right.keys());
                let differs = |key: &&String| left.get(*key) != right.get(*key);
                keys.clone().find(differs).map(|key| {
                    let dot = if path.is_empty() { "" } else { "." };
                    (format!("{dot}{key}"), left.get(key), right.get(key))
                })
            }
            (Value::Array(left), Value::Array(right)) => (0..left.len().max(right.len()))
                .find(|at| left.get(*at) != right.get(*at))
                .map(|at| (format!("[{at}]"), left.get(at), right.get(at))),
            _ => None,
        };
        let Some((name, left, right)) = step else { break };
        path.push_str(&name);
        let (Some(left), Some(right)) = (left, right) else {
            let (one, other) = (there(left), there(right));
            found.push(Difference { what: what.into(), aspect, path, one, other });
            return;
        };
        (one, other) = (left, right);
    }
    let (one, other) = (one.clone(), other.clone());
    found.push(Difference { what: what.into(), aspect, path, one, other });
}

fn there(value: Option<&Value>) -> Value {
    value.cloned().unwrap_or_else(|| "not there".into())
}

/// Returns two runs and their differences as JSON.
pub fn document(one: &Kept, other: &Kept, differences: &[Difference]) -> Value {
    let runs = [one, other].map(|kept| {
        let summary = &kept.history.summary;
        json!({
            "run": summary.run.as_str(),
            "blueprint": summary.blueprint,
            "status": summary.phase.as_str(),
        })
    });
    let row = |difference: &Difference| {
        json!({
            "what": difference.what,
            "in": difference.aspect,
            "path": difference.path,
            "one": difference.one,
            "other": difference.other,
        })
    };
    let differences: Vec<Value> = differences.iter().map(row).collect();
    json!({"runs": runs, "same_text": has_same_text(one, other), "differences": differences})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(one: &Value, other: &Value, expected: Option<(&str, Value, Value)>) {
        let mut found = Vec::new();
        compare("a", "result", one, other, &mut found);
        let seen = found.into_iter().map(|it| (it.path, it.one, it.other)).next();
        assert_eq!(seen, expected.map(|(path, one, other)| (path.to_owned(), one, other)));
    }

    #[test]
    fn the_first_place_that_differs_is_told() {
        check(&json!({"a": 1}), &json!({"a": 1}), None);
        check(&json!(1), &json!(2), Some(("", json!(1), json!(2))));
        check(
            &json!({"body": {"items": [1, {"n": 2}], "z": 1}}),
            &json!({"body": {"items": [1, {"n": 3}], "z": 2}}),
            Some(("body.items[1].n", json!(2), json!(3))),
        );
        check(&json!([1]), &json!([1, 2]), Some(("[1]", json!("not there"), json!(2))));
        check(&json!({"a": 1}), &json!([1]), Some(("", json!({"a": 1}), json!([1]))));
    }
}
