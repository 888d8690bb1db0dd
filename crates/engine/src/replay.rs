//! What a run's events say about it afterwards.

use blueprint_model::{
    Event, EventKind, Value,
    block::{Change, Wish},
    value::{Map, Shared},
};

use crate::plan::Plan;

/// Returns the state of a run of `plan` after these events of it. Blueprints that it called have
/// states of their own, which are not looked at.
pub fn state_after<'e>(plan: &Plan, events: impl IntoIterator<Item = &'e Event>) -> Shared {
    let mut state = (*plan.state).clone();
    let mut callees: Vec<String> = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::BlockWaiting { block, wish: Wish::Call { .. }, .. } => {
                callees.push(block.callee());
            }
            EventKind::StateChanged { block, changes, .. }
                if !callees.iter().any(|callee| block.scope.starts_with(callee)) =>
            {
                changes.iter().for_each(|change| apply(&mut state, change));
            }
            _ => {}
        }
    }
    Shared::new(state)
}

/// Applies a change as a run does: missing parents become objects.
fn apply(state: &mut Value, change: &Change) {
    let Some((last, parents)) = change.path.split_last() else {
        *state = change.value.clone().unwrap_or_default();
        return;
    };
    let mut here = state;
    for name in parents {
        here = child(here, name);
    }
    match (here, &change.value) {
        (Value::Array(list), Some(value)) => match last.parse::<usize>() {
            Ok(index) if index == list.len() => list.push(value.clone()),
            Ok(index) if index < list.len() => list[index] = value.clone(),
            Ok(_) | Err(_) => {}
        },
        (Value::Object(map), Some(value)) => {
            map.insert(last.clone(), value.clone());
        }
        (Value::Object(map), None) => {
            map.shift_remove(last);
        }
        (other, Some(value)) => {
            *other = Value::Object([(last.clone(), value.clone())].into_iter().collect());
        }
        (_, None) => {}
    }
}

fn child<'v>(value: &'v mut Value, name: &str) -> &'v mut Value {
    let index = name.parse::<usize>().ok();
    let is_item = value.as_array().is_some_and(|list| index.is_some_and(|at| at < list.len()));
    if is_item {
        return &mut value[index.unwrap_or_default()];
    }
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    // Indexing an object with a missing key adds it.
    &mut value[name]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(path: &str, value: Option<Value>, expected: &Value) {
        let mut state = json!({"n": 1, "list": [{"a": 1}, 2]});
        apply(&mut state, &Change { path: path.split('.').map(Into::into).collect(), value });
        assert_eq!(&state, expected);
    }

    #[test]
    fn changes_apply_as_in_a_run() {
        check("n", Some(json!(2)), &json!({"n": 2, "list": [{"a": 1}, 2]}));
        check("n", None, &json!({"list": [{"a": 1}, 2]}));
        check("n.m", Some(json!(2)), &json!({"n": {"m": 2}, "list": [{"a": 1}, 2]}));
        check("list.0.a", Some(json!(3)), &json!({"n": 1, "list": [{"a": 3}, 2]}));
        check("list.2", Some(json!(3)), &json!({"n": 1, "list": [{"a": 1}, 2, 3]}));
        check("x.y", Some(json!(3)), &json!({"n": 1, "list": [{"a": 1}, 2], "x": {"y": 3}}));
    }
}
