//! `run_blueprint`: runs another blueprint and waits for its value.

use std::sync::Arc;

use async_trait::async_trait;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs, Value, Wish,
    block::{BodyEnd, Granted, Need, Pace, Reach},
    value::Map,
};

use crate::spec::{error_outcome, field, outcome};

static SPEC: BlockSpec = BlockSpec {
    kind: "run_blueprint",
    summary: "Run another blueprint and wait for its value",
    docs: "Runs a blueprint of the same project. An object as `payload` is checked against the \
           callee's inputs like those of any other start. The callee has its own state; its \
           failure is the error of this block. It waits without holding a thread.",
    fields: &[
        field("blueprint", FieldKind::Blueprint, Need::Required, "The name of the blueprint"),
        field("payload", FieldKind::Any, Need::Default("{}"), "What it starts with"),
    ],
    outcomes: &[
        outcome("success", "The blueprint ended well"),
        error_outcome("error", "It failed, or its inputs do not fit"),
    ],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Inside,
    result: "the value that the blueprint returned",
    example: "type: run_blueprint\nblueprint: city-weather\npayload: {cities: [Paris]}\n",
};

/// The `run_blueprint` block type.
pub(crate) struct RunBlueprint;

#[async_trait]
impl Block for RunBlueprint {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, _cx: &BlockCx) -> Result<Finish, BlockError> {
        let blueprint = inputs.required_text("blueprint")?;
        let empty = || Arc::new(Value::Object(Map::new()));
        let payload = inputs.shared("payload").cloned().unwrap_or_else(empty);
        Ok(Finish::Wish(Wish::Call { blueprint, payload }))
    }

    async fn resume(
        &self,
        inputs: &Inputs,
        granted: Granted,
        _cx: &BlockCx,
    ) -> Result<Finish, BlockError> {
        match granted {
            Granted::Call(BodyEnd::Value(result)) => {
                Ok(End { result, ..End::new("success", Value::Null) }.into())
            }
            Granted::Call(BodyEnd::Failed { message, .. }) => {
                let blueprint = inputs.required_text("blueprint")?;
                let message = format!("blueprint `{blueprint}` failed: {message}");
                Err(BlockError::permanent(message))
            }
            Granted::Items(_) | Granted::Round(..) | Granted::Slept(_) | Granted::Answer(_) => {
                Err(BlockError::permanent("`run_blueprint` was resumed without its callee"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Attempt, end_of, failed, message_of, value, wish_of};

    #[track_caller]
    fn check_payload(given: Value, expected: Value) {
        let attempt = Attempt::new([("blueprint", json!("other")), ("payload", given)]);
        let wish = wish_of(attempt.run(&RunBlueprint));
        assert_eq!(wish, Wish::Call { blueprint: "other".into(), payload: Arc::new(expected) });
    }

    #[test]
    fn the_payload_is_handed_on() {
        check_payload(json!({"n": 1}), json!({"n": 1}));
        check_payload(json!([1]), json!([1]));
        check_payload(json!(null), json!({}));
    }

    #[test]
    fn the_callees_end_is_its_own() {
        let attempt = Attempt::new([("blueprint", json!("other"))]);
        let end = end_of(attempt.resume(&RunBlueprint, Granted::Call(value(json!([7])))));
        assert_eq!((&*end.outcome, &*end.result), ("success", &json!([7])));
        let granted = Granted::Call(failed("division by zero"));
        assert_eq!(
            message_of(attempt.resume(&RunBlueprint, granted)),
            "blueprint `other` failed: division by zero"
        );
    }
}
