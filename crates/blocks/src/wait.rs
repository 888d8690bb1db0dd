//! `wait`: goes on later.

use async_trait::async_trait;
use jiff::Timestamp;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs, Value, Wish,
    block::{Granted, Need, Pace, Reach},
};

use crate::spec::{field, outcome};

static SPEC: BlockSpec = BlockSpec {
    kind: "wait",
    summary: "Go on after a time or at a time",
    docs: "Waits for a `duration`, or `until` a time (RFC 3339 text such as \
           `2026-11-24T12:00:00Z`, or seconds since 1970): exactly one of them. A time that has \
           passed does not wait. It holds no thread, and the wait survives a restart.",
    fields: &[
        field("duration", FieldKind::Duration, Need::Optional, "How long"),
        field("until", FieldKind::Text, Need::Optional, "Until when"),
    ],
    outcomes: &[outcome("success", "The time has come")],
    one_of: &["duration", "until"],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Inside,
    result: "the time when the wait ended, as RFC 3339 text",
    example: "type: wait\nduration: 5m\n",
};

/// The `wait` block type.
pub(crate) struct Wait;

#[async_trait]
impl Block for Wait {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, cx: &BlockCx) -> Result<Finish, BlockError> {
        let until = end_time(inputs, cx.now)?;
        if until <= cx.now {
            return Ok(ended(cx.now));
        }
        Ok(Finish::Wish(Wish::Sleep { until }))
    }

    async fn resume(
        &self,
        _inputs: &Inputs,
        granted: Granted,
        _cx: &BlockCx,
    ) -> Result<Finish, BlockError> {
        match granted {
            Granted::Slept(until) => Ok(ended(until)),
            Granted::Items(_) | Granted::Round(..) | Granted::Call(_) | Granted::Answer(_) => {
                Err(BlockError::permanent("a wait was given something else than time"))
            }
        }
    }
}

fn ended(at: Timestamp) -> Finish {
    End::new("success", Value::from(at.to_string())).into()
}

/// The time the wait ends, counted from now.
fn end_time(inputs: &Inputs, now: Timestamp) -> Result<Timestamp, BlockError> {
    match (inputs.duration("duration")?, inputs.text("until")?) {
        (Some(duration), None) => now
            .checked_add(duration)
            .map_err(|_| BlockError::permanent("`duration` reaches beyond the year 9999")),
        (None, Some(until)) => parse_time(until.trim()).ok_or_else(|| {
            BlockError::permanent(
                "`until` must be a time such as `2026-11-24T12:00:00Z`, or seconds since 1970",
            )
        }),
        (Some(_), Some(_)) => {
            Err(BlockError::permanent("give either `duration` or `until`, not both"))
        }
        (None, None) => Err(BlockError::permanent("give `duration` or `until`")),
    }
}

fn parse_time(text: &str) -> Option<Timestamp> {
    match text.parse::<f64>() {
        Ok(seconds) => {
            let elapsed = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
            Timestamp::from_duration(elapsed).ok()
        }
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Attempt, end_of, message_of, wish_of};

    #[track_caller]
    fn check(field: &'static str, given: Value, expected: &str) {
        let attempt = Attempt::new([(field, given)]);
        let until: Timestamp = expected.parse().unwrap();
        assert_eq!(wish_of(attempt.run(&Wait)), Wish::Sleep { until });
        let end = end_of(attempt.resume(&Wait, Granted::Slept(until)));
        assert_eq!(*end.result, json!(expected));
    }

    #[test]
    fn both_fields_mean_a_time() {
        // The test kit's clock stands at 2026-11-24T12:00:00Z.
        check("duration", json!("1m30s"), "2026-11-24T12:01:30Z");
        check("until", json!("2026-11-24T14:00:00+01:00"), "2026-11-24T13:00:00Z");
    }

    #[test]
    fn a_time_may_be_text_or_seconds() {
        check("until", json!("2026-11-25T00:00:00Z"), "2026-11-25T00:00:00Z");
        check("until", json!(1_795_564_800), "2026-11-25T00:00:00Z");
        check("until", json!("1795564800.5"), "2026-11-25T00:00:00.5Z");
    }

    #[test]
    fn a_past_time_does_not_wait() {
        let end = end_of(Attempt::new([("until", json!("2020-01-01T00:00:00Z"))]).run(&Wait));
        assert_eq!(*end.result, json!("2026-11-24T12:00:00Z"));
    }

    #[test]
    fn exactly_one_field_is_needed() {
        let both = Attempt::new([("duration", json!("1s")), ("until", json!("0"))]);
        let message = message_of(both.run(&Wait));
        assert_eq!(message, "give either `duration` or `until`, not both");
        assert_eq!(message_of(Attempt::new([]).run(&Wait)), "give `duration` or `until`");
    }

    #[test]
    fn what_is_no_time_is_an_error() {
        for text in ["tomorrow", "2026-11-24", "1e300", "NaN", "inf"] {
            let message = message_of(Attempt::new([("until", json!(text))]).run(&Wait));
            assert!(message.starts_with("`until` must be a time"), "{text}: {message}");
        }
        let message = message_of(Attempt::new([("duration", json!("9999999d"))]).run(&Wait));
        assert_eq!(message, "`duration` reaches beyond the year 9999");
    }
}
