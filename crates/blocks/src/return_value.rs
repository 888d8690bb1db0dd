//! `return_value`: ends its graph with a value.

use std::sync::Arc;

use async_trait::async_trait;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs, Value,
    block::{Need, Pace, Reach},
};

use crate::spec::field;

static SPEC: BlockSpec = BlockSpec {
    kind: "return_value",
    summary: "End the graph with a value",
    docs: "Ends the graph it stands in (the blueprint, or one round or item of a loop) with a \
           value; any value will do, `null` too. Blocks of that graph that are still running are \
           cancelled. Nothing follows it.",
    fields: &[field("value", FieldKind::Any, Need::Required, "The value")],
    outcomes: &[],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Inside,
    result: "the value",
    example: "type: return_value\nvalue: {warmest: \"@{result}\"}\n",
};

/// The `return_value` block type.
pub(crate) struct ReturnValue;

#[async_trait]
impl Block for ReturnValue {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, _cx: &BlockCx) -> Result<Finish, BlockError> {
        let result = inputs.shared("value").cloned().unwrap_or_else(|| Arc::new(Value::Null));
        let outcome = "success".into();
        Ok(End { outcome, result, is_return: true, ..End::default() }.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Attempt, end_of};

    #[test]
    fn every_value_is_returned_as_it_is() {
        for value in [json!({"a": [1]}), json!(""), json!(0), json!(false), json!(null)] {
            let end = end_of(Attempt::new([("value", value.clone())]).run(&ReturnValue));
            assert!(end.is_return);
            assert_eq!(*end.result, value);
        }
    }
}
