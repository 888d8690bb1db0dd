//! `if_else`: takes one of two ways.

use async_trait::async_trait;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs,
    block::{Need, Pace, Reach},
};

use crate::{
    scripts::{evaluate, is_true, script_of},
    spec::{error_outcome, field, outcome},
};

static SPEC: BlockSpec = BlockSpec {
    kind: "if_else",
    summary: "Take one of two ways",
    docs: "Evaluates an expression and goes on with `then` if its value counts as true, else with \
           `else`. False are `false`, `null` (`()` in Rhai), `0`, `\"\"`, `[]` and `{}`; \
           everything else is true, also the texts `\"false\"` and `\"0\"`.",
    fields: &[field("expression", FieldKind::Expression, Need::Required, "The condition")],
    outcomes: &[
        outcome("then", "The value counts as true"),
        outcome("else", "The value counts as false"),
        error_outcome("error", "The expression failed"),
    ],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Inside,
    result: "the value of the expression",
    example: "type: if_else\nexpression: inputs.amount > 100\nnext: {then: approve, else: \
              accept}\n",
};

/// The `if_else` block type.
pub(crate) struct IfElse;

#[async_trait]
impl Block for IfElse {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, cx: &BlockCx) -> Result<Finish, BlockError> {
        let value = evaluate(script_of(inputs, "expression")?, &inputs.variables, cx)?;
        let outcome = if is_true(&value) { "then" } else { "else" };
        Ok(End::new(outcome, value).into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Attempt, message_of};

    #[test]
    fn a_field_that_is_no_script_is_an_error() {
        let attempt = Attempt::new([("expression", json!(true))]);
        assert_eq!(message_of(attempt.run(&IfElse)), "`expression` holds no script");
    }
}
