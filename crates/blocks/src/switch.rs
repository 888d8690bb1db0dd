//! `switch`: takes the way of the first case that is true.

use async_trait::async_trait;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs, Value,
    block::{Need, Pace, Reach},
};

use crate::{
    scripts::{evaluate, is_true},
    spec::{error_outcome, field, outcome},
};

static SPEC: BlockSpec = BlockSpec {
    kind: "switch",
    summary: "Take the way of the first case that is true",
    docs: "Evaluates the cases in the order of the file and goes on with the outcome named like \
           the first one whose value counts as true (as in `if_else`); later ones are not \
           evaluated. Without any, `default`.",
    fields: &[field("cases", FieldKind::Cases, Need::Required, "Names with their expressions")],
    outcomes: &[
        outcome("default", "No case is true"),
        error_outcome("error", "An expression failed"),
    ],
    one_of: &[],
    outcomes_from: Some("cases"),
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Inside,
    result: "the name of the case, or `default`",
    example: "type: switch\ncases:\n  large: inputs.amount > 1000\n  small: inputs.amount > \
              0\nnext: {large: approve, small: accept, default: reject}\n",
};

/// The `switch` block type.
pub(crate) struct Switch;

#[async_trait]
impl Block for Switch {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, cx: &BlockCx) -> Result<Finish, BlockError> {
        for (name, script) in inputs.cases("cases") {
            let value = evaluate(script, &inputs.variables, cx)
                .map_err(|err| BlockError::permanent(format!("case `{name}`: {err}")))?;
            if is_true(&value) {
                return Ok(End::new(name.to_string(), Value::from(&**name)).into());
            }
        }
        Ok(End::new("default", "default".into()).into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Attempt, end_of};

    #[test]
    fn without_a_case_it_is_the_default() {
        let end = end_of(Attempt::new([]).run(&Switch));
        assert_eq!(&*end.outcome, "default");
        assert_eq!(*end.result, json!("default"));
    }
}
