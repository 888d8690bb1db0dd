//! A change of a state, applied: the same in a run, after a crash, and when a run is looked at again.

use blueprint_model::{
    Value,
    block::Change,
    value::{self, Map, Step},
};

/// Applies a change to a state. Missing parents become objects, so that a change never gets lost.
pub(crate) fn apply(state: &mut Value, change: &Change) {
    let Some((last, parents)) = change.path.split_last() else {
        *state = change.value.clone().unwrap_or_default();
        return;
    };
    let mut here = state;
    for name in parents {
        here = child_mut(here, name);
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

fn child_mut<'v>(value: &'v mut Value, name: &str) -> &'v mut Value {
    let is_there = value::step(value, &Step::Key(name)).is_some();
    if !is_there && !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Array(list) => {
            let index = name.parse::<usize>().expect("`step` found it by this index");
            &mut list[index]
        }
        Value::Object(map) => map.entry(name).or_insert(Value::Null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            unreachable!("made an object above")
        }
    }
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
