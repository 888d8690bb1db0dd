//! `set_state`: puts a value into the state.

use std::sync::Arc;

use async_trait::async_trait;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs, Value,
    block::{Need, Pace, Reach},
};

use crate::{
    spec::{error_outcome, field, outcome},
    state::Place,
};

static SPEC: BlockSpec = BlockSpec {
    kind: "set_state",
    summary: "Put a value into the state",
    docs: "Puts a value at a path of the state, whatever was there before; `null` is a value. \
           Missing parents become objects. A number indexes a list, `[-1]` its last item; an item \
           that is not there is an error (`add_to_state_list` adds one).",
    fields: &[
        field("path", FieldKind::StatePath, Need::Required, "Where, as after `state.`"),
        field("value", FieldKind::Any, Need::Required, "The value"),
    ],
    outcomes: &[
        outcome("success", "The value is there"),
        error_outcome("error", "The path does not fit the state"),
    ],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Inside,
    result: "the value",
    example: "type: set_state\npath: totals.paris\nvalue: 12\n",
};

/// The `set_state` block type.
pub(crate) struct SetState;

#[async_trait]
impl Block for SetState {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, cx: &BlockCx) -> Result<Finish, BlockError> {
        let place = Place::find(&cx.state, &inputs.required_text("path")?)?;
        let result = inputs.shared("value").cloned().unwrap_or_else(|| Arc::new(Value::Null));
        let changes = vec![place.set(Value::clone(&result))?];
        Ok(End { outcome: "success".into(), result, changes, ..End::default() }.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use blueprint_model::block::Change;

    use super::*;
    use crate::testing::{Attempt, end_of, message_of};

    #[test]
    fn the_value_is_result_and_change() {
        for value in [json!({"n": 1}), json!(null)] {
            let attempt = Attempt::new([("path", json!("a.b")), ("value", value.clone())])
                .with_state(json!({"a": {"b": 0, "c": 1}}));
            let end = end_of(attempt.run(&SetState));
            assert_eq!(*end.result, value);
            let change = Change { path: vec!["a".into(), "b".into()], value: Some(value) };
            assert_eq!(end.changes, [change]);
        }
    }

    #[test]
    fn a_path_that_does_not_fit_is_an_error() {
        let attempt = Attempt::new([("path", json!("a.b")), ("value", json!(1))])
            .with_state(json!({"a": "text"}));
        assert_eq!(message_of(attempt.run(&SetState)), "`state.a` is string, not an object");
    }
}
