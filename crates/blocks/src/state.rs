//! Paths into the state, and the changes that lead from one state to another.

use blueprint_model::{
    BlockError, Value,
    block::Change,
    units,
    value::{self, Map},
};

/// Returns the changes that turn `old` into `new`: objects are compared key by key, lists and
/// everything else are replaced whole.
pub(crate) fn diff(old: &Value, new: &Value) -> Result<Vec<Change>, BlockError> {
    let Value::Object(new_map) = new else {
        let kind = value::type_name(new);
        return Err(BlockError::permanent(format!("`state` must stay an object, not {kind}")));
    };
    if value::is_too_deep(new) {
        return Err(too_deep());
    }
    let empty = Map::new();
    let mut changes = Vec::new();
    diff_maps(old.as_object().unwrap_or(&empty), new_map, &mut Vec::new(), &mut changes);
    Ok(changes)
}

fn diff_maps(
    old: &Map<String, Value>,
    new: &Map<String, Value>,
    path: &mut Vec<String>,
    changes: &mut Vec<Change>,
) {
    for key in old.keys().filter(|key| !new.contains_key(key.as_str())) {
        changes.push(Change { path: joined(path, key), value: None });
    }
    for (key, value) in new {
        match (old.get(key), value) {
            (Some(before), now) if before == now => {}
            (Some(Value::Object(before)), Value::Object(now)) => {
                path.push(key.clone());
                diff_maps(before, now, path, changes);
                path.pop();
            }
            _ => changes.push(Change { path: joined(path, key), value: Some(value.clone()) }),
        }
    }
}

fn joined(path: &[String], key: &str) -> Vec<String> {
    let mut joined = path.to_vec();
    joined.push(key.into());
    joined
}

fn too_deep() -> BlockError {
    let most = units::MAX_DEPTH;
    BlockError::permanent(format!("the state would be nested more than {most} deep"))
}

/// A place in the state that need not exist yet.
#[derive(Debug)]
pub(crate) struct Place<'s> {
    /// The keys to it, from the root.
    keys: Vec<String>,
    /// How many of them lead to something that exists.
    existing: usize,
    /// What stands there now.
    pub(crate) value: Option<&'s Value>,
}

impl<'s> Place<'s> {
    /// Finds the place that a path, as after `state.`, means.
    pub(crate) fn find(state: &'s Value, path: &str) -> Result<Self, BlockError> {
        let parts = parse(path)?;
        if parts.len() > 1 && parts[0].name == "state" && state.get("state").is_none() {
            return Err(BlockError::permanent("write `path` as after `state.`, without `state.`"));
        }
        let mut place = Self { keys: Vec::new(), existing: 0, value: Some(state) };
        for part in parts {
            place.enter(part)?;
        }
        Ok(place)
    }

    /// Returns the change that puts a value there; missing parents become objects.
    pub(crate) fn set(&self, value: Value) -> Result<Change, BlockError> {
        let mut nested = value;
        for key in self.keys.iter().rev() {
            nested = Value::Object(Map::from_iter([(key.clone(), nested)]));
        }
        if value::is_too_deep(&nested) {
            return Err(too_deep());
        }
        // The change names the deepest parent that exists and brings the missing ones along.
        let path = &self.keys[..self.keys.len().min(self.existing + 1)];
        let inner = path.iter().fold(nested, |mut outer, key| outer[key.as_str()].take());
        Ok(Change { path: path.to_vec(), value: Some(inner) })
    }

    /// Returns the change that adds a value at the end of the list of this length there.
    pub(crate) fn push(mut self, len: usize, value: Value) -> Result<Change, BlockError> {
        self.keys.push(len.to_string());
        self.existing = self.keys.len();
        self.set(value)
    }

    fn enter(&mut self, part: Part) -> Result<(), BlockError> {
        match self.value {
            Some(Value::Object(map)) => {
                self.value = map.get(&part.name);
                self.existing += usize::from(self.value.is_some());
                self.keys.push(part.name);
            }
            Some(Value::Array(list)) => {
                let position = part.index.and_then(|index| value::position(index, list.len()));
                let Some(position) = position else {
                    return Err(self.misfit(&format!("has no item `{}`", part.name)));
                };
                self.value = list.get(position);
                self.existing += 1;
                self.keys.push(position.to_string());
            }
            Some(Value::Null) | None => {
                if part.is_bracketed && part.index.is_some() {
                    return Err(self.misfit("is no list"));
                }
                if self.value.take().is_some() {
                    self.existing = self.existing.saturating_sub(1);
                }
                self.keys.push(part.name);
            }
            Some(other @ (Value::Bool(_) | Value::Number(_) | Value::String(_))) => {
                return Err(self.misfit(&format!("is {}, not an object", value::type_name(other))));
            }
        }
        Ok(())
    }

    fn misfit(&self, what: &str) -> BlockError {
        let parents = self.keys.iter().fold(String::from("state"), |path, key| path + "." + key);
        BlockError::permanent(format!("`{parents}` {what}"))
    }
}

/// One part of a path.
#[derive(Debug, PartialEq)]
struct Part {
    name: String,
    index: Option<i64>,
    is_bracketed: bool,
}

impl Part {
    fn name(name: String) -> Self {
        let index = name.parse().ok().filter(|index: &i64| *index >= 0);
        Self { name, index, is_bracketed: false }
    }
}

/// Reads `a.b`, `a.0`, `a[-1]`, `a["b.c"]` and `a\.b`.
fn parse(path: &str) -> Result<Vec<Part>, BlockError> {
    let unreadable =
        || BlockError::permanent("`path` must be keys joined by dots, as in `totals.paris`");
    let mut parts = Vec::new();
    let mut rest = path.trim();
    loop {
        let (part, after) = match rest.strip_prefix('[') {
            Some(inner) => parse_bracket(inner),
            None => parse_name(rest),
        }
        .ok_or_else(unreadable)?;
        parts.push(part);
        if parts.len() > units::MAX_DEPTH {
            return Err(too_deep());
        }
        rest = match after.strip_prefix('.') {
            Some(next) if !next.starts_with('[') => next,
            None if after.starts_with('[') => after,
            None if after.is_empty() => return Ok(parts),
            Some(_) | None => return Err(unreadable()),
        };
    }
}

fn parse_name(text: &str) -> Option<(Part, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    let end = loop {
        match chars.next() {
            Some((_, '\\')) => name.push(chars.next()?.1),
            Some((at, '.' | '[')) => break at,
            Some((_, ']')) => return None,
            Some((_, c)) => name.push(c),
            None => break text.len(),
        }
    };
    (!name.is_empty()).then(|| (Part::name(name), &text[end..]))
}

fn parse_bracket(text: &str) -> Option<(Part, &str)> {
    if text.starts_with('"') {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<String>();
        let name = values.next()?.ok()?;
        let rest = text[values.byte_offset()..].strip_prefix(']')?;
        return Some((Part { name, index: None, is_bracketed: true }, rest));
    }
    let (inner, rest) = text.split_once(']')?;
    let index: i64 = inner.trim().parse().ok()?;
    let part = Part { name: index.to_string(), index: Some(index), is_bracketed: true };
    Some((part, rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check_diff(old: &Value, new: &Value, expected: &[(&str, Option<Value>)]) {
        let changes = diff(old, new).unwrap();
        let shown: Vec<(String, Option<Value>)> =
            changes.into_iter().map(|change| (change.path.join("/"), change.value)).collect();
        let expected: Vec<(String, Option<Value>)> =
            expected.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn only_what_differs_is_a_change() {
        check_diff(&json!({"a": 1, "b": {"c": 2}}), &json!({"a": 1, "b": {"c": 2}}), &[]);
        check_diff(
            &json!({"a": 1, "b": {"c": 2, "d": 3}}),
            &json!({"a": 1, "b": {"c": 4, "d": 3}}),
            &[("b/c", Some(json!(4)))],
        );
        check_diff(
            &json!({"gone": 1, "b": {"gone": 1}}),
            &json!({"b": {}, "new": null}),
            &[("gone", None), ("b/gone", None), ("new", Some(json!(null)))],
        );
        check_diff(&json!({"a": [1, 2]}), &json!({"a": [1, 3]}), &[("a", Some(json!([1, 3])))]);
        check_diff(&json!({"a": 1}), &json!({"a": {"b": 1}}), &[("a", Some(json!({"b": 1})))]);
        check_diff(&json!(null), &json!({"a": 1}), &[("a", Some(json!(1)))]);
    }

    #[test]
    fn the_state_stays_an_object_and_shallow() {
        let err = diff(&json!({}), &json!([1])).unwrap_err();
        assert_eq!(err.message, "`state` must stay an object, not array");
        let mut deep = json!(1);
        for _ in 0..units::MAX_DEPTH {
            deep = json!({"a": deep});
        }
        let err = diff(&json!({}), &deep).unwrap_err();
        assert_eq!(err.message, "the state would be nested more than 128 deep");
        let err = Place::find(&json!({}), "b").unwrap().set(deep).unwrap_err();
        assert_eq!(err.message, "the state would be nested more than 128 deep");
    }

    #[track_caller]
    fn check_set(state: &Value, path: &str, expected: Result<(&str, Value), &str>) {
        let change = Place::find(state, path).and_then(|place| place.set(json!("v")));
        let shown = change.map(|change| (change.path.join("/"), change.value.unwrap()));
        let expected = expected.map(|(path, value)| (path.to_owned(), value));
        assert_eq!(shown.map_err(|err| err.message), expected.map_err(str::to_owned), "{path}");
    }

    #[test]
    fn missing_parents_become_objects() {
        check_set(&json!({}), "a", Ok(("a", json!("v"))));
        check_set(&json!({}), "a.b.c", Ok(("a", json!({"b": {"c": "v"}}))));
        check_set(&json!({"a": {}}), "a.b.c", Ok(("a/b", json!({"c": "v"}))));
        check_set(&json!({"a": {"b": 1}}), "a.b", Ok(("a/b", json!("v"))));
        check_set(&json!({"a": null}), "a", Ok(("a", json!("v"))));
        check_set(&json!({"a": null}), "a.b", Ok(("a", json!({"b": "v"}))));
        check_set(&json!({"x": {"a": null}}), "x.a.b", Ok(("x/a", json!({"b": "v"}))));
        check_set(&json!(null), "a.b", Ok(("a", json!({"b": "v"}))));
        check_set(&json!({}), "a.0", Ok(("a", json!({"0": "v"}))));
    }

    #[test]
    fn numbers_index_lists() {
        let state = json!({"l": [{"n": 1}, 2], "o": {"0": 1}});
        check_set(&state, "l.1", Ok(("l/1", json!("v"))));
        check_set(&state, "l[-1]", Ok(("l/1", json!("v"))));
        check_set(&state, "l[0].n", Ok(("l/0/n", json!("v"))));
        check_set(&state, "l.0.m.k", Ok(("l/0/m", json!({"k": "v"}))));
        check_set(&state, "o.0", Ok(("o/0", json!("v"))));
        check_set(&state, "l.2", Err("`state.l` has no item `2`"));
        check_set(&state, "l.n", Err("`state.l` has no item `n`"));
        check_set(&state, "l.1.x", Err("`state.l.1` is integer, not an object"));
        check_set(&state, "none[0]", Err("`state.none` is no list"));
    }

    #[test]
    fn keys_may_be_quoted_or_escaped() {
        check_set(&json!({}), r#"["a.b"]"#, Ok(("a.b", json!("v"))));
        check_set(&json!({}), r"a\.b", Ok(("a.b", json!("v"))));
        check_set(&json!({"a": {}}), r#"a["]"].c"#, Ok(("a/]", json!({"c": "v"}))));
        check_set(&json!({}), " naïve key ", Ok(("naïve key", json!("v"))));
    }

    #[test]
    fn what_is_no_path_is_an_error() {
        let expected = "`path` must be keys joined by dots, as in `totals.paris`";
        for path in ["", ".", "a.", ".a", "a..b", "a[", "a[x]", "a]", "a.[0]", r#"a["b"#, "a\\"] {
            check_set(&json!({}), path, Err(expected));
        }
        let hint = "write `path` as after `state.`, without `state.`";
        check_set(&json!({"a": 1}), "state.a", Err(hint));
        check_set(&json!({}), "state", Ok(("state", json!("v"))));
    }
}
