//! `add_to_state_list`: adds a value at the end of a list in the state.

use async_trait::async_trait;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs, Value,
    block::{Need, Pace, Reach},
    value,
};

use crate::{
    spec::{error_outcome, field, outcome},
    state::Place,
};

static SPEC: BlockSpec = BlockSpec {
    kind: "add_to_state_list",
    summary: "Add a value at the end of a list in the state",
    docs: "Adds a value at the end of the list at a path of the state. Where there is nothing, or \
           `null`, a new list begins; anything else is an error. Missing parents become objects.",
    fields: &[
        field("path", FieldKind::StatePath, Need::Required, "Where, as after `state.`"),
        field("value", FieldKind::Any, Need::Required, "The value to add"),
    ],
    outcomes: &[
        outcome("success", "The value is in the list"),
        error_outcome("error", "There is something else than a list"),
    ],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Inside,
    result: "the new length of the list",
    example: "type: add_to_state_list\npath: seen\nvalue: \"@{inputs.city}\"\n",
};

/// The `add_to_state_list` block type.
pub(crate) struct AddToStateList;

#[async_trait]
impl Block for AddToStateList {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, cx: &BlockCx) -> Result<Finish, BlockError> {
        let path = inputs.required_text("path")?;
        let place = Place::find(&cx.state, &path)?;
        let added = inputs.get("value").cloned().unwrap_or(Value::Null);
        let (len, change) = match place.value {
            None | Some(Value::Null) => (0, place.set(Value::from(vec![added]))?),
            // Only the new item is a change: filling a list stays linear in events and journal.
            Some(Value::Array(list)) => (list.len(), place.push(list.len(), added)?),
            Some(other) => {
                let kind = value::type_name(other);
                let message = format!("`state.{}` is {kind}, not a list", path.trim());
                return Err(BlockError::permanent(message));
            }
        };
        if len >= cx.limits.items {
            let limit = cx.limits.items;
            return Err(BlockError::permanent(format!("the list already has {limit} items")));
        }
        let changes = vec![change];
        Ok(End { changes, ..End::new("success", Value::from(len + 1)) }.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Attempt, end_of, message_of};

    #[track_caller]
    fn check(state: Value, path: &str, len: usize, change: (&str, Value)) {
        let attempt = Attempt::new([("path", json!(path)), ("value", json!({"n": 1}))]);
        let end = end_of(attempt.with_state(state).run(&AddToStateList));
        assert_eq!(*end.result, json!(len));
        let shown = (end.changes[0].path.join("/"), end.changes[0].value.clone().unwrap());
        assert_eq!(shown, (change.0.to_owned(), change.1));
        assert_eq!(end.changes.len(), 1);
    }

    #[test]
    fn a_list_grows_by_one_item() {
        check(json!({"l": [1, 2]}), "l", 3, ("l/2", json!({"n": 1})));
        check(json!({"l": []}), "l", 1, ("l/0", json!({"n": 1})));
        check(json!({"a": {"l": [[]]}}), "a.l[0]", 1, ("a/l/0/0", json!({"n": 1})));
    }

    #[test]
    fn where_nothing_is_a_list_begins() {
        check(json!({}), "l", 1, ("l", json!([{"n": 1}])));
        check(json!({"l": null}), "l", 1, ("l", json!([{"n": 1}])));
        check(json!({}), "a.l", 1, ("a", json!({"l": [{"n": 1}]})));
    }

    #[test]
    fn something_else_is_not_replaced() {
        for (value, kind) in [(json!(0), "integer"), (json!(""), "string"), (json!({}), "object")] {
            let attempt = Attempt::new([("path", json!("l")), ("value", json!(1))])
                .with_state(json!({"l": value}));
            let expected = format!("`state.l` is {kind}, not a list");
            assert_eq!(message_of(attempt.run(&AddToStateList)), expected);
        }
    }

    #[test]
    fn a_list_has_a_bound() {
        let mut attempt = Attempt::new([("path", json!("l")), ("value", json!(1))])
            .with_state(json!({"l": [1, 2]}));
        attempt.limits(|limits| limits.items = 2);
        assert_eq!(message_of(attempt.run(&AddToStateList)), "the list already has 2 items");
    }
}
