//! `parse_json`: turns JSON text into a value.

use std::sync::Arc;

use async_trait::async_trait;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs, Value,
    block::{Need, Pace, Reach},
    units,
    value::Shared,
};

use crate::spec::{error_outcome, field, outcome};

static SPEC: BlockSpec = BlockSpec {
    kind: "parse_json",
    summary: "Turn JSON text into a value",
    docs: "Parses JSON text. What is not text, and so already a value, passes through. Nesting \
           deeper than 127 is an error, and so is text larger than the bound on results.",
    fields: &[field("text", FieldKind::Any, Need::Required, "The JSON text")],
    outcomes: &[
        outcome("success", "The text is JSON"),
        error_outcome("error", "It is not; the message says where"),
    ],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Inside,
    result: "the value",
    example: "type: parse_json\ntext: '{\"cities\": [\"Paris\", \"Oslo\"]}'\n",
};

/// The `parse_json` block type.
pub(crate) struct ParseJson;

#[async_trait]
impl Block for ParseJson {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, cx: &BlockCx) -> Result<Finish, BlockError> {
        let result = match inputs.shared("text") {
            None => Arc::new(Value::Null),
            Some(given) => match given.as_str() {
                None => Shared::clone(given),
                Some(text) => Arc::new(parse(text, cx.limits.result_size)?),
            },
        };
        Ok(End { outcome: "success".into(), result, ..End::default() }.into())
    }
}

fn parse(text: &str, limit: u64) -> Result<Value, BlockError> {
    if u64::try_from(text.len()).is_ok_and(|len| len > limit) {
        let limit = units::format_size(limit);
        return Err(BlockError::permanent(format!("`text` is larger than {limit}")));
    }
    if text.trim().is_empty() {
        return Err(BlockError::permanent("`text` is empty, which is not JSON"));
    }
    // The parser's messages name kind and place and never quote the text.
    serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|err| BlockError::permanent(format!("`text` is not JSON: {err}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Attempt, end_of, message_of};

    #[track_caller]
    fn check(given: Value, expected: &Value) {
        let end = end_of(Attempt::new([("text", given)]).run(&ParseJson));
        assert_eq!((&*end.outcome, &*end.result), ("success", expected));
    }

    #[track_caller]
    fn check_error(text: &str, expected: &str) {
        assert_eq!(message_of(Attempt::new([("text", json!(text))]).run(&ParseJson)), expected);
    }

    #[test]
    fn text_is_parsed_and_values_pass() {
        check(json!(r#" {"b": 1, "a": [null, "x"]} "#), &json!({"b": 1, "a": [null, "x"]}));
        check(json!("\u{feff}\"x\""), &json!("x"));
        check(json!("null"), &json!(null));
        check(json!([1]), &json!([1]));
        check(json!({"a": 1}), &json!({"a": 1}));
        check(json!(7), &json!(7));
        check(json!(null), &json!(null));
    }

    #[test]
    fn messages_say_where_and_quote_nothing() {
        check_error("hunter2", "`text` is not JSON: expected value at line 1 column 1");
        let expected = "`text` is not JSON: key must be a string at line 2 column 3";
        check_error("{\"a\": 1,\n  secret: 2}", expected);
        check_error("{} x", "`text` is not JSON: trailing characters at line 1 column 4");
        check_error(" \n", "`text` is empty, which is not JSON");
        check_error("1e999", "`text` is not JSON: number out of range at line 1 column 5");
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = "[".repeat(100_000);
        check_error(&deep, "`text` is not JSON: recursion limit exceeded at line 1 column 128");
        let most = format!("{}{}", "[".repeat(127), "]".repeat(127));
        assert_eq!(
            &*end_of(Attempt::new([("text", json!(most))]).run(&ParseJson)).outcome,
            "success"
        );
        let mut attempt = Attempt::new([("text", json!("[1, 2]"))]);
        attempt.limits(|limits| limits.result_size = 5);
        assert_eq!(message_of(attempt.run(&ParseJson)), "`text` is larger than 5 B");
    }
}
