//! `for_each`: runs its body once per item.

use std::sync::Arc;

use async_trait::async_trait;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs, Value, Wish,
    block::{BodyEnd, ForEach, Granted, Need, Pace, Reach},
    value::{self, Map, Shared},
};

use crate::spec::{error_outcome, field, outcome};

static SPEC: BlockSpec = BlockSpec {
    kind: "for_each",
    summary: "Run blocks once per item of a list or object",
    docs: "Runs the graph in `do` once per item. Inside, `item` is the item and `item_id` its \
           index or key; with `as: city` they are also `city` and `city_id`, which inner loops \
           still see. Results keep the order of the items, whichever ends first. With \
           `on_item_error: stop` the first failure ends the loop; with `continue` the other items \
           still run, and the outcome is `partial` if some failed. An item that failed or never \
           ran is null in the result.",
    fields: &[
        field("items", FieldKind::Collection, Need::Required, "The list or object to go through"),
        field("as", FieldKind::Name, Need::Optional, "A name for the item beside `item`"),
        field("concurrency", FieldKind::Integer, Need::Default("1"), "Most items at once"),
        field(
            "on_item_error",
            FieldKind::Choice(&["stop", "continue"]),
            Need::Default("\"stop\""),
            "What the failure of an item does to the others",
        ),
        field("do", FieldKind::Body, Need::Required, "The blocks to run per item"),
    ],
    outcomes: &[
        outcome("success", "Every item ended well"),
        error_outcome("partial", "Some items failed and `on_item_error` is `continue`"),
        error_outcome("error", "An item failed, or the items are no list or object"),
    ],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Inside,
    result: "the items' values: a list, or an object with the same keys",
    example: "type: for_each\nitems: [Paris, Oslo]\nas: city\nconcurrency: 2\ndo:\n  greet:\n    \
              type: return_value\n    value: \"Hello @{city}\"\n",
};

/// The `for_each` block type.
pub(crate) struct ForEachItem;

#[async_trait]
impl Block for ForEachItem {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, cx: &BlockCx) -> Result<Finish, BlockError> {
        let items = items(inputs)?;
        if items.len() > cx.limits.items {
            return Err(BlockError::permanent(format!(
                "`items` has {} items; the limit is {}",
                items.len(),
                cx.limits.items
            )));
        }
        let concurrency = usize::try_from(inputs.integer("concurrency")?.unwrap_or(1))
            .ok()
            .filter(|concurrency| *concurrency > 0)
            .ok_or_else(|| BlockError::permanent("`concurrency` must be at least 1"))?;
        let stops_on_error = stops_on_error(inputs)?;
        if items.is_empty() {
            return Ok(End::new("success", collect(inputs, Vec::new())).into());
        }
        Ok(Finish::Wish(Wish::Items(ForEach {
            items: Arc::new(items),
            name: inputs.text("as")?.map(Arc::from),
            concurrency,
            stops_on_error,
        })))
    }

    async fn resume(
        &self,
        inputs: &Inputs,
        granted: Granted,
        _cx: &BlockCx,
    ) -> Result<Finish, BlockError> {
        let Granted::Items(ended) = granted else {
            return Err(BlockError::permanent("`for_each` was resumed without its items"));
        };
        let total = ended.len();
        let mut failures = Vec::new();
        let mut values = Vec::with_capacity(total);
        for (id, end) in ended {
            let value = match end {
                Some(BodyEnd::Value(value)) => Shared::unwrap_or_clone(value),
                Some(BodyEnd::Failed { message, .. }) => {
                    failures.push((id.clone(), message));
                    Value::Null
                }
                None => Value::Null,
            };
            values.push((id, value));
        }
        let stops = stops_on_error(inputs)?;
        let (outcome, message) = match failures.first() {
            None => ("success", None),
            Some((id, why)) if stops => ("error", Some(format!("item {} failed: {why}", show(id)))),
            Some((id, why)) => {
                let count = failures.len();
                let first = format!("{count} of {total} items failed; item {}: {why}", show(id));
                ("partial", Some(first))
            }
        };
        Ok(End { message, ..End::new(outcome, collect(inputs, values)) }.into())
    }
}

fn items(inputs: &Inputs) -> Result<Vec<(Value, Shared)>, BlockError> {
    match inputs.get("items") {
        Some(Value::Array(list)) => Ok(list
            .iter()
            .enumerate()
            .map(|(index, item)| (Value::from(index), Arc::new(item.clone())))
            .collect()),
        Some(Value::Object(map)) => Ok(map
            .iter()
            .map(|(key, item)| (Value::from(key.as_str()), Arc::new(item.clone())))
            .collect()),
        other => Err(BlockError::permanent(format!(
            "`items` must be a list or an object, not {}",
            other.map_or("null", value::type_name)
        ))),
    }
}

fn stops_on_error(inputs: &Inputs) -> Result<bool, BlockError> {
    match inputs.text("on_item_error")?.as_deref() {
        None | Some("stop") => Ok(true),
        Some("continue") => Ok(false),
        Some(_) => Err(BlockError::permanent("`on_item_error` must be `stop` or `continue`")),
    }
}

/// Gives the values the shape of the items: a list, or an object with the same keys.
fn collect(inputs: &Inputs, values: Vec<(Value, Value)>) -> Value {
    if !inputs.get("items").is_some_and(Value::is_object) {
        return values.into_iter().map(|(_, value)| value).collect();
    }
    let keyed = values.into_iter().map(|(id, value)| (key(&id), value));
    Value::Object(keyed.collect::<Map<String, Value>>())
}

fn key(id: &Value) -> String {
    value::to_text(id).unwrap_or_default()
}

fn show(id: &Value) -> String {
    if id.is_string() { format!("`{}`", key(id)) } else { key(id) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Attempt, end_of, failed, message_of, value, wish_of};

    fn loop_of(finish: Result<Finish, BlockError>) -> ForEach {
        match wish_of(finish) {
            Wish::Items(items) => items,
            other => panic!("not a loop: {other:?}"),
        }
    }

    #[test]
    fn a_list_is_gone_through_by_index() {
        let attempt = Attempt::new([("items", json!(["a", "b"])), ("as", json!("letter"))]);
        let wish = loop_of(attempt.run(&ForEachItem));
        let ids: Vec<&Value> = wish.items.iter().map(|(id, _)| id).collect();
        assert_eq!(ids, [&json!(0), &json!(1)]);
        assert_eq!(*wish.items[1].1, json!("b"));
        assert_eq!(wish.name.as_deref(), Some("letter"));
        assert_eq!(wish.concurrency, 1);
        assert!(wish.stops_on_error);
    }

    #[test]
    fn an_object_is_gone_through_by_key_in_its_order() {
        let attempt = Attempt::new([
            ("items", json!({"z": 1, "a": 2})),
            ("concurrency", json!(8)),
            ("on_item_error", json!("continue")),
        ]);
        let wish = loop_of(attempt.run(&ForEachItem));
        assert_eq!(wish.items[0].0, json!("z"));
        assert_eq!(wish.concurrency, 8);
        assert!(!wish.stops_on_error);
    }

    #[test]
    fn nothing_to_do_is_success() {
        let end = end_of(Attempt::new([("items", json!([]))]).run(&ForEachItem));
        assert_eq!((&*end.outcome, &*end.result), ("success", &json!([])));
        let end = end_of(Attempt::new([("items", json!({}))]).run(&ForEachItem));
        assert_eq!((&*end.outcome, &*end.result), ("success", &json!({})));
    }

    #[test]
    fn bad_fields_are_errors() {
        for (items, concurrency, expected) in [
            (json!(null), json!(1), "`items` must be a list or an object, not null"),
            (json!("ab"), json!(1), "`items` must be a list or an object, not string"),
            (json!([1]), json!(0), "`concurrency` must be at least 1"),
            (json!([1]), json!(-1), "`concurrency` must be at least 1"),
        ] {
            let attempt = Attempt::new([("items", items), ("concurrency", concurrency)]);
            assert_eq!(message_of(attempt.run(&ForEachItem)), expected);
        }
    }

    #[test]
    fn too_many_items_are_an_error() {
        let mut attempt = Attempt::new([("items", json!([1, 2, 3]))]);
        attempt.limits(|limits| limits.items = 2);
        assert_eq!(message_of(attempt.run(&ForEachItem)), "`items` has 3 items; the limit is 2");
    }

    #[test]
    fn values_keep_the_order_of_the_items() {
        let attempt = Attempt::new([("items", json!(["a", "b"]))]);
        let granted = vec![(json!(0), Some(value(json!(1)))), (json!(1), Some(value(json!(2))))];
        let end = end_of(attempt.resume(&ForEachItem, Granted::Items(granted)));
        assert_eq!((&*end.outcome, &*end.result), ("success", &json!([1, 2])));
        let attempt = Attempt::new([("items", json!({"z": 0, "a": 0}))]);
        let granted =
            vec![(json!("z"), Some(value(json!(1)))), (json!("a"), Some(value(json!(2))))];
        let end = end_of(attempt.resume(&ForEachItem, Granted::Items(granted)));
        assert_eq!(end.result.to_string(), r#"{"z":1,"a":2}"#);
    }

    #[test]
    fn stop_names_the_item_and_leaves_null_for_the_rest() {
        let attempt = Attempt::new([("items", json!([1, 2, 3]))]);
        let granted = vec![
            (json!(0), Some(value(json!("x")))),
            (json!(1), Some(failed("no such city"))),
            (json!(2), None),
        ];
        let end = end_of(attempt.resume(&ForEachItem, Granted::Items(granted)));
        assert_eq!(&*end.outcome, "error");
        assert_eq!(end.message.as_deref(), Some("item 1 failed: no such city"));
        assert_eq!(*end.result, json!(["x", null, null]));
    }

    #[test]
    fn continue_with_failures_is_partial() {
        let attempt = Attempt::new([
            ("items", json!({"oslo": 1, "paris": 2, "rome": 3})),
            ("on_item_error", json!("continue")),
        ]);
        let granted = vec![
            (json!("oslo"), Some(value(json!(5)))),
            (json!("paris"), Some(failed("closed"))),
            (json!("rome"), Some(failed("full"))),
        ];
        let end = end_of(attempt.resume(&ForEachItem, Granted::Items(granted)));
        assert_eq!(&*end.outcome, "partial");
        assert_eq!(end.message.as_deref(), Some("2 of 3 items failed; item `paris`: closed"));
        assert_eq!(*end.result, json!({"oslo": 5, "paris": null, "rome": null}));
    }
}
