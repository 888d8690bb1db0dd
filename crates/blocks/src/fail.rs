//! `fail`: ends with an error of the author's own.

use async_trait::async_trait;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, FieldKind, Finish, Inputs,
    block::{Need, Pace, Reach},
};

use crate::spec::{error_outcome, field};

static SPEC: BlockSpec = BlockSpec {
    kind: "fail",
    summary: "End with an error",
    docs: "Always ends with `error` and the message. Without a next block for it, the run (or the \
           round or item of a loop) fails with this message.",
    fields: &[field("message", FieldKind::Text, Need::Required, "Why")],
    outcomes: &[error_outcome("error", "Always")],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Inside,
    result: "none",
    example: "type: fail\nmessage: \"order @{inputs.order} is unknown\"\n",
};

/// The `fail` block type.
pub(crate) struct Fail;

#[async_trait]
impl Block for Fail {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, _cx: &BlockCx) -> Result<Finish, BlockError> {
        Err(BlockError::permanent(inputs.required_text("message")?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Attempt, message_of};

    #[test]
    fn the_message_is_the_authors() {
        let attempt = Attempt::new([("message", json!("order 7 is unknown"))]);
        assert_eq!(message_of(attempt.run(&Fail)), "order 7 is unknown");
    }

    #[test]
    fn a_missing_message_is_still_a_failure() {
        assert_eq!(message_of(Attempt::new([]).run(&Fail)), "`message` is empty");
    }
}
