//! `log_message`: writes a line into the log of the run.

use async_trait::async_trait;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs, Value,
    block::{Level, Need, Pace, Reach},
    value,
};

use crate::spec::{field, outcome};

static SPEC: BlockSpec = BlockSpec {
    kind: "log_message",
    summary: "Write a line into the log of the run",
    docs: "Writes a message into the log of the run. Lists and objects are shown as JSON. A \
           secret is shown by its name and never by its value.",
    fields: &[
        field(
            "level",
            FieldKind::Choice(&["info", "warning", "error"]),
            Need::Default("\"info\""),
            "How loud",
        ),
        field("message", FieldKind::Any, Need::Required, "The message"),
    ],
    outcomes: &[outcome("success", "Always")],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Inside,
    result: "the message as text",
    example: "type: log_message\nlevel: warning\nmessage: \"no answer for @{inputs.city}\"\n",
};

/// The `log_message` block type.
pub(crate) struct LogMessage;

#[async_trait]
impl Block for LogMessage {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, cx: &BlockCx) -> Result<Finish, BlockError> {
        let level = match inputs.text("level")? {
            None => Level::Info,
            Some(name) => Level::parse(&name).ok_or_else(|| {
                BlockError::permanent("`level` must be `info`, `warning` or `error`")
            })?,
        };
        let text = inputs.get("message").and_then(value::to_text).unwrap_or_else(|| "null".into());
        cx.log(level, text.clone());
        Ok(End::new("success", Value::from(text)).into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use blueprint_model::block::LogLine;

    use super::*;
    use crate::testing::{Attempt, end_of, message_of};

    #[track_caller]
    fn check(level: Value, message: Value, expected: (Level, &str)) {
        let attempt = Attempt::new([("level", level), ("message", message)]);
        let end = end_of(attempt.run(&LogMessage));
        assert_eq!(*end.result, json!(expected.1));
        let line = LogLine { level: expected.0, text: expected.1.into() };
        assert_eq!(attempt.notes().log, [line]);
    }

    #[test]
    fn every_value_has_a_text() {
        check(json!(null), json!("hello"), (Level::Info, "hello"));
        check(json!("warning"), json!(7), (Level::Warning, "7"));
        check(json!("error"), json!({"a": [1]}), (Level::Error, r#"{"a":[1]}"#));
        check(json!("info"), json!(null), (Level::Info, "null"));
    }

    #[test]
    fn an_unknown_level_is_an_error() {
        let attempt = Attempt::new([("level", json!("loud")), ("message", json!("x"))]);
        let message = message_of(attempt.run(&LogMessage));
        assert_eq!(message, "`level` must be `info`, `warning` or `error`");
    }
}
