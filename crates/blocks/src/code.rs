//! `code`: runs a script.

use std::sync::Arc;

use async_trait::async_trait;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs,
    block::{Need, Pace, Reach},
};

use crate::{
    scripts::{run_script, script_of},
    spec::{error_outcome, field, outcome},
    state,
};

static SPEC: BlockSpec = BlockSpec {
    kind: "code",
    summary: "Run a script",
    docs: "Runs a script in a sandbox without files, network, clock or environment. Data reaches \
           it as variables (`inputs`, `state`, `result`, `results`, the loop's item …), never by \
           pasting. Its result is what `set_output(x)` was given last, else the value of its last \
           expression. Changes to `state` take effect together, when the block ends well.",
    fields: &[
        field("code", FieldKind::Code, Need::Required, "The script"),
        field("language", FieldKind::Language, Need::Default("\"rhai\""), "Its language"),
    ],
    outcomes: &[
        outcome("success", "The script ran to its end"),
        error_outcome("error", "The script failed, or met a bound of the sandbox"),
    ],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Inside,
    result: "what `set_output` was given, else the value of the last expression",
    example: "type: code\ncode: |\n  state.total += inputs.amount;\n  set_output(#{total: \
              state.total});\n",
};

/// The `code` block type.
pub(crate) struct Code;

#[async_trait]
impl Block for Code {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, cx: &BlockCx) -> Result<Finish, BlockError> {
        let script_end = run_script(script_of(inputs, "code")?, &inputs.variables, cx)?;
        let changes = match &script_end.state {
            Some(new) => state::diff(&cx.state, new)?,
            None => Vec::new(),
        };
        let result = Arc::new(script_end.value);
        Ok(End { outcome: "success".into(), result, changes, ..End::default() }.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Attempt, message_of};

    #[test]
    fn a_field_that_is_no_script_is_an_error() {
        let attempt = Attempt::new([("code", json!("1"))]);
        assert_eq!(message_of(attempt.run(&Code)), "`code` holds no script");
    }
}
