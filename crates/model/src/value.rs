//! Values that flow between blocks: JSON, shared rather than copied, and the paths into it.

use std::{fmt, sync::Arc};

use crate::units;

pub use serde_json::{Map, Number, Value};

/// A value that several readers hold at once.
pub type Shared = Arc<Value>;

/// One step of a path into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// A key of an object.
    Key(&'a str),
    /// A position in a list; negative counts from the end.
    Index(i64),
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "{key}"),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// Returns the part of `value` one step further, or `None` where there is none.
///
/// A numeric key also indexes a list, so `items.0` and `items[0]` mean the same.
pub fn step<'v>(value: &'v Value, step: &Step<'_>) -> Option<&'v Value> {
    match (value, step) {
        (Value::Object(map), Step::Key(key)) => map.get(*key),
        (Value::Array(list), Step::Key(key)) => list.get(key.parse::<usize>().ok()?),
        (Value::Array(list), Step::Index(index)) => list.get(position(*index, list.len())?),
        (Value::Object(map), Step::Index(index)) => map.get(&index.to_string()),
        _ => None,
    }
}

/// Returns the position that `index` means in a list of `len`; negative counts from the end.
pub fn position(index: i64, len: usize) -> Option<usize> {
    let len = i64::try_from(len).ok()?;
    let at = if index < 0 { len + index } else { index };
    if at < 0 || at >= len { None } else { usize::try_from(at).ok() }
}

/// Returns the word for the type of a value, as JSON Schema spells it.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Returns the text that a value becomes inside other text: strings as they are, the rest as
/// compact JSON. `null` has no text and gives `None`.
pub fn to_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Calls `change` on every string of a value, at any depth, object keys included. `change` returns
/// the new text, or `None` to leave it.
///
/// Values are at most [`units::MAX_DEPTH`] deep by construction, so the recursion is bounded.
pub fn map_text(value: &mut Value, change: &mut dyn FnMut(&str) -> Option<String>) {
    match value {
        Value::String(text) => {
            if let Some(new) = change(text) {
                *text = new;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|item| map_text(item, change)),
        Value::Object(map) => {
            map.values_mut().for_each(|item| map_text(item, change));
            if let Some(renamed) = renamed_keys(map, change) {
                *map = renamed;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Returns whether any string of a value satisfies `test`, object keys included.
pub fn any_text(value: &Value, test: &mut dyn FnMut(&str) -> bool) -> bool {
    match value {
        Value::String(text) => test(text),
        Value::Array(list) => list.iter().any(|item| any_text(item, test)),
        Value::Object(map) => map.iter().any(|(key, item)| test(key) || any_text(item, test)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Returns about how many bytes a value takes as JSON; never less than its texts.
pub fn size(value: &Value) -> u64 {
    match value {
        Value::Null | Value::Bool(_) => 4,
        Value::Number(_) => 8,
        Value::String(text) => text.len() as u64 + 2,
        Value::Array(list) => list.iter().map(|item| size(item) + 1).sum::<u64>() + 2,
        Value::Object(map) => {
            map.iter().map(|(key, item)| key.len() as u64 + size(item) + 4).sum::<u64>() + 2
        }
    }
}

/// Returns whether a value holds another: objects hold at least these keys with values that hold
/// these, all else is equal.
///
/// Values are at most [`units::MAX_DEPTH`] deep by construction, so the recursion is bounded.
pub fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (_, Value::Null) => true,
        (Value::Object(value), Value::Object(part)) => part.iter().all(|(key, part)| {
            value.get(key).is_some_and(|value| value == part || contains(value, part))
        }),
        (value, part) => value == part,
    }
}

/// Returns whether a value is nested deeper than the engine accepts.
pub fn is_too_deep(value: &Value) -> bool {
    let mut level = vec![value];
    for _ in 0..units::MAX_DEPTH {
        let mut next = Vec::new();
        for value in level {
            match value {
                Value::Array(list) => next.extend(list.iter()),
                Value::Object(map) => next.extend(map.values()),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        if next.is_empty() {
            return false;
        }
        level = next;
    }
    true
}

fn renamed_keys(
    map: &Map<String, Value>,
    change: &mut dyn FnMut(&str) -> Option<String>,
) -> Option<Map<String, Value>> {
    let mut renamed = None;
    for (position, key) in map.keys().enumerate() {
        if let Some(new) = change(key) {
            renamed.get_or_insert_with(Vec::new).push((position, new));
        }
    }
    let mut names: Vec<String> = map.keys().cloned().collect();
    for (position, new) in renamed? {
        names[position] = new;
    }
    Some(names.into_iter().zip(map.values().cloned()).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn negative_indexes_count_from_the_end() {
        let list = json!([1, 2, 3]);
        assert_eq!(step(&list, &Step::Index(-1)), Some(&json!(3)));
        assert_eq!(step(&list, &Step::Index(-4)), None);
        assert_eq!(step(&list, &Step::Index(3)), None);
    }

    #[test]
    fn map_text_reaches_keys_and_keeps_their_order() {
        let mut value = json!({"b": "x", "a": ["x"]});
        map_text(&mut value, &mut |text| (text == "x" || text == "b").then(|| text.to_uppercase()));
        assert_eq!(value.to_string(), r#"{"B":"X","a":["X"]}"#);
    }

    #[test]
    fn an_object_holds_one_with_fewer_keys() {
        let order = json!({"id": 17, "of": {"name": "Ann", "no": 3}, "tags": [1, 2]});
        for part in [json!({}), json!({"id": 17}), json!({"of": {"no": 3}}), json!(null)] {
            assert!(contains(&order, &part), "{part}");
        }
        for part in [json!({"id": 18}), json!({"of": {"x": 3}}), json!({"tags": [1]}), json!([])] {
            assert!(!contains(&order, &part), "{part}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut value = json!(1);
        for _ in 0..units::MAX_DEPTH {
            value = json!([value]);
        }
        assert!(is_too_deep(&value));
        assert!(!is_too_deep(&json!({"a": [1, {"b": 2}]})));
    }
}
