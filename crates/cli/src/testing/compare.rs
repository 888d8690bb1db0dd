//! What a run came to, held against what is expected of it.

use blueprint_model::{Value, value::Map};

use crate::testing::{Actual, Expected};

/// A part of the expected that is not what came.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The key under `expect`.
    pub key: &'static str,
    /// What is expected; `None` where nothing was said and the default does not hold.
    pub expected: Option<Value>,
    /// What came, its keys in the order of the expected.
    pub actual: Value,
}

/// Returns every part that differs.
pub fn differences(expected: &Expected, actual: &Actual) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut check = |key, expected: Option<Value>, actual: Value| {
        if expected.as_ref().is_some_and(|expected| !is_same(expected, &actual)) {
            let actual = expected.as_ref().map_or(actual.clone(), |it| in_order_of(&actual, it));
            found.push(Difference { key, expected, actual });
        }
    };
    check("status", expected.status.as_deref().map(Value::from), actual.status.as_str().into());
    check("error", expected.error.clone(), error_like(expected.error.as_ref(), actual));
    check("value", expected.value.clone(), (*actual.value).clone());
    check("state", expected.state.clone(), (*actual.state).clone());
    let trace = |lines: &[String]| lines.iter().map(String::as_str).collect::<Value>();
    check("trace", expected.trace.as_deref().map(trace), trace(&actual.trace));
    let is_silent = expected.status.is_none() && expected.error.is_none();
    if is_silent && actual.status != "succeeded" {
        let difference =
            Difference { key: "status", expected: None, actual: actual.status.as_str().into() };
        found.insert(0, difference);
        let actual = actual.error.clone().unwrap_or_default();
        found.insert(1, Difference { key: "error", expected: None, actual });
    }
    found
}

/// Returns the error of a run in the shape that is expected: a message, or these keys of it.
fn error_like(expected: Option<&Value>, actual: &Actual) -> Value {
    let Some(error) = &actual.error else { return Value::Null };
    match expected {
        Some(Value::String(_)) => error["message"].clone(),
        Some(Value::Object(keys)) if !keys.is_empty() => {
            let known = keys.keys().filter_map(|key| Some((key.clone(), error.get(key)?.clone())));
            Value::Object(known.collect())
        }
        _ => error.clone(),
    }
}

/// Returns whether two values are the same; 1 and 1.0 are.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        _ => a == b,
    }
}

/// Returns the value with the keys of its objects in another's order, so that only what differs
/// shows; numbers that are the same are written as there.
fn in_order_of(value: &Value, other: &Value) -> Value {
    match (value, other) {
        (Value::Object(map), Value::Object(order)) => {
            let known = order.iter().filter_map(|(key, inner)| Some((key, map.get(key)?, inner)));
            let mut sorted: Map<String, Value> =
                known.map(|(key, value, other)| (key.clone(), in_order_of(value, other))).collect();
            for (key, value) in map {
                sorted.entry(key.clone()).or_insert_with(|| value.clone());
            }
            Value::Object(sorted)
        }
        (Value::Array(items), Value::Array(others)) => items
            .iter()
            .enumerate()
            .map(|(at, item)| others.get(at).map_or(item.clone(), |other| in_order_of(item, other)))
            .collect(),
        (value, other) if is_same(value, other) => other.clone(),
        (value, _) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn actual() -> Actual {
        Actual {
            status: "failed".into(),
            trace: vec!["a success".into(), "b error".into()],
            value: Arc::new(json!({"x": 1, "y": [2.0]})),
            state: Arc::new(json!({})),
            error: Some(json!({"block": "b", "outcome": "error", "message": "no"})),
            faults: Vec::new(),
        }
    }

    #[track_caller]
    fn check(expected: &Expected, keys: &[&str]) {
        let found = differences(expected, &actual());
        assert_eq!(found.iter().map(|it| it.key).collect::<Vec<_>>(), keys);
    }

    #[test]
    fn only_what_is_said_is_looked_at() {
        let failed = || Expected { status: Some("failed".into()), ..Expected::default() };
        check(&failed(), &[]);
        check(&Expected::default(), &["status", "error"]);
        check(&Expected { value: Some(json!({"y": [2], "x": 1.0})), ..failed() }, &[]);
        check(&Expected { value: Some(json!({"x": 1})), ..failed() }, &["value"]);
        check(&Expected { trace: Some(vec!["a success".into()]), ..failed() }, &["trace"]);
        check(&Expected { state: Some(json!(null)), ..failed() }, &["state"]);
    }

    #[test]
    fn an_error_is_a_message_or_parts_of_it() {
        let error = |error: Value| Expected { error: Some(error), ..Expected::default() };
        check(&error(json!("no")), &[]);
        check(&error(json!({"block": "b"})), &[]);
        check(&error(json!({"block": "a"})), &["error"]);
        check(&error(json!({"blok": "b"})), &["error"]);
    }

    #[test]
    fn what_came_is_shown_in_the_order_of_the_expected() {
        let expected = Expected {
            status: Some("failed".into()),
            value: Some(json!({"y": [2], "x": 3})),
            ..Expected::default()
        };
        let found = differences(&expected, &actual());
        assert_eq!(found[0].actual.to_string(), r#"{"y":[2],"x":1}"#);
    }
}
