//! `repeat`: runs its body until a condition holds.

use std::sync::Arc;

use async_trait::async_trait;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs, Script, Value, Wish,
    block::{BodyEnd, Granted, Need, Pace, Reach},
    script::Variables,
    value::Shared,
};

use crate::{
    scripts::{evaluate, is_true, script_of},
    spec::{error_outcome, field, outcome},
};

static SPEC: BlockSpec = BlockSpec {
    kind: "repeat",
    summary: "Run blocks until a condition holds",
    docs: "Runs the graph in `do`, then evaluates `until` over `result` (the value of the round), \
           `round` (from 1) and `state`; if its value does not count as true (as in `if_else`), \
           there is another round, after `delay` if given. In the body, `result` of the first \
           blocks is the value of the round before. A failure in the body ends the loop.",
    fields: &[
        field("until", FieldKind::Expression, Need::Required, "The condition that ends the loop"),
        field("max_iterations", FieldKind::Integer, Need::Default("100"), "Most rounds"),
        field("delay", FieldKind::Duration, Need::Optional, "The wait between two rounds"),
        field("do", FieldKind::Body, Need::Required, "The blocks to run per round"),
    ],
    outcomes: &[
        outcome("success", "The condition holds"),
        error_outcome("exhausted", "The condition does not hold after the last round"),
        error_outcome("error", "A block of the body failed, or the condition did"),
    ],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Inside,
    result: "the value of the last round",
    example: "type: repeat\nuntil: result.status == \"done\"\nmax_iterations: 20\ndelay: 3s\ndo:\n  \
              poll:\n    type: http_request\n    url: https://api.acme.example/jobs/1\n    next: \
              pick\n  pick:\n    type: return_value\n    value: \"@{result.body}\"\n",
};

/// The `repeat` block type.
pub(crate) struct Repeat;

#[async_trait]
impl Block for Repeat {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, cx: &BlockCx) -> Result<Finish, BlockError> {
        // Faults of these fields should show before the first round and not after it.
        max_iterations(inputs, cx)?;
        inputs.duration("delay")?;
        let last = Arc::new(Value::Null);
        Ok(Finish::Wish(Wish::Round { round: 1, last, not_before: None }))
    }

    async fn resume(
        &self,
        inputs: &Inputs,
        granted: Granted,
        cx: &BlockCx,
    ) -> Result<Finish, BlockError> {
        let Granted::Round(round, end) = granted else {
            return Err(BlockError::permanent("`repeat` was resumed without its round"));
        };
        let last = match end {
            BodyEnd::Value(value) => value,
            BodyEnd::Failed { message, .. } => {
                return Err(BlockError::permanent(format!("round {round} failed: {message}")));
            }
        };
        let until = script_of(inputs, "until")?;
        let variables = variables(until, inputs, round, &last, cx);
        if is_true(&evaluate(until, &variables, cx)?) {
            return Ok(End { result: last, ..End::new("success", Value::Null) }.into());
        }
        next_round(inputs, round, last, cx)
    }
}

fn next_round(
    inputs: &Inputs,
    round: u64,
    last: Shared,
    cx: &BlockCx,
) -> Result<Finish, BlockError> {
    if round >= max_iterations(inputs, cx)? {
        let rounds = if round == 1 { "round" } else { "rounds" };
        let message = Some(format!("`until` does not hold after {round} {rounds}"));
        return Ok(End { result: last, message, ..End::new("exhausted", Value::Null) }.into());
    }
    let not_before = match inputs.duration("delay")? {
        Some(delay) => Some(
            cx.now
                .checked_add(delay)
                .map_err(|_| BlockError::permanent("`delay` reaches beyond the year 9999"))?,
        ),
        None => None,
    };
    Ok(Finish::Wish(Wish::Round { round: round + 1, last, not_before }))
}

fn max_iterations(inputs: &Inputs, cx: &BlockCx) -> Result<u64, BlockError> {
    let given = inputs.integer("max_iterations")?.unwrap_or(100);
    let limit = u64::try_from(cx.limits.items).unwrap_or(u64::MAX);
    u64::try_from(given).ok().filter(|most| (1..=limit).contains(most)).ok_or_else(|| {
        BlockError::permanent(format!("`max_iterations` must be from 1 to {limit}, not {given}"))
    })
}

/// The block's own variables, with those of the round in place of any of the same name.
fn variables(
    until: &Script,
    inputs: &Inputs,
    round: u64,
    last: &Shared,
    cx: &BlockCx,
) -> Variables {
    let own = [
        ("result", last.clone()),
        ("round", Arc::new(Value::from(round))),
        ("state", cx.state.clone()),
    ];
    let is_own = |name: &str| own.iter().any(|(known, _)| *known == name);
    let mut variables: Variables =
        inputs.variables.iter().filter(|(name, _)| !is_own(name)).cloned().collect();
    let used = own.into_iter().filter(|(name, _)| until.uses_variable(name));
    variables.extend(used.map(|(name, value)| (Arc::from(name), value)));
    variables
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::testing::{Attempt, end_of, failed, message_of, wish_of};

    #[test]
    fn it_begins_with_round_one() {
        let wish = wish_of(Attempt::new([]).run(&Repeat));
        let last = Arc::new(Value::Null);
        assert_eq!(wish, Wish::Round { round: 1, last, not_before: None });
    }

    #[test]
    fn a_failed_round_ends_the_loop() {
        let granted = Granted::Round(3, failed("no answer"));
        let message = message_of(Attempt::new([]).resume(&Repeat, granted));
        assert_eq!(message, "round 3 failed: no answer");
    }

    #[test]
    fn bounds_are_checked_before_the_first_round() {
        for (given, shown) in [(json!(0), "0"), (json!(-3), "-3"), (json!(1_000_001), "1000001")] {
            let message = message_of(Attempt::new([("max_iterations", given)]).run(&Repeat));
            assert_eq!(message, format!("`max_iterations` must be from 1 to 1000000, not {shown}"));
        }
        let message = message_of(Attempt::new([("delay", json!("soon"))]).run(&Repeat));
        assert_eq!(message, "`delay` must be a duration such as `10s`, not string");
    }

    #[test]
    fn the_next_round_waits_for_the_delay() {
        let attempt = Attempt::new([("delay", json!("3s"))]);
        let last = Arc::new(json!({"status": "busy"}));
        let wish = wish_of(next_round(&attempt.inputs, 1, last.clone(), &attempt.cx));
        let not_before = Some(attempt.cx.now.checked_add(Duration::from_secs(3)).unwrap());
        assert_eq!(wish, Wish::Round { round: 2, last, not_before });
    }

    #[test]
    fn after_the_last_round_it_is_exhausted() {
        let attempt = Attempt::new([("max_iterations", json!(2))]);
        let last = Arc::new(json!("busy"));
        let end = end_of(next_round(&attempt.inputs, 2, last, &attempt.cx));
        assert_eq!(&*end.outcome, "exhausted");
        assert_eq!(*end.result, json!("busy"));
        assert_eq!(end.message.as_deref(), Some("`until` does not hold after 2 rounds"));
        let end = end_of(next_round(&Attempt::new([]).inputs, 100, Arc::default(), &attempt.cx));
        assert_eq!(&*end.outcome, "exhausted");
    }
}
