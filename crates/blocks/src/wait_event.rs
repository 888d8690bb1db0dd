//! `wait_event`: goes on when something happens elsewhere.

use async_trait::async_trait;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs, Value, Wish,
    block::{Granted, Need, Pace, Reach},
    journal::{Question, QuestionKind},
};

use crate::spec::{error_outcome, field, outcome};

static SPEC: BlockSpec = BlockSpec {
    kind: "wait_event",
    summary: "Go on when an event comes",
    docs: "Waits for an event with this name, as `blueprint runs send` sends it. With `filter`, \
           only for one whose payload holds what the filter holds, objects part by part. With \
           `timeout`, the outcome is `timeout` if none comes in that time. Events from before it \
           waits are not seen. It holds no thread, and the wait survives a restart.",
    fields: &[
        field("name", FieldKind::Text, Need::Required, "The event's name"),
        field("filter", FieldKind::Object, Need::Optional, "What its payload must hold"),
    ],
    outcomes: &[
        outcome("success", "The event came"),
        error_outcome("timeout", "It did not come within `timeout`"),
    ],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Answered,
    result: "the payload of the event; null on `timeout`",
    example: "type: wait_event\nname: order-paid\nfilter: {order: 17}\ntimeout: 24h\n",
};

/// The `wait_event` block type.
pub(crate) struct WaitEvent;

#[async_trait]
impl Block for WaitEvent {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, _cx: &BlockCx) -> Result<Finish, BlockError> {
        inputs.object("filter")?;
        Ok(Finish::Wish(Wish::Answer(Question {
            kind: QuestionKind::Event,
            name: inputs.required_text("name")?,
            details: inputs.shared("filter").cloned().unwrap_or_default(),
            until: None,
        })))
    }

    async fn resume(
        &self,
        inputs: &Inputs,
        granted: Granted,
        _cx: &BlockCx,
    ) -> Result<Finish, BlockError> {
        match granted {
            Granted::Answer(Some(payload)) => {
                Ok(End { result: payload, ..End::new("success", Value::Null) }.into())
            }
            Granted::Answer(None) => {
                let name = inputs.text("name")?.unwrap_or_default();
                let message = Some(format!("event `{name}` did not come in time"));
                Ok(End { message, ..End::new("timeout", Value::Null) }.into())
            }
            Granted::Items(_) | Granted::Round(..) | Granted::Call(_) | Granted::Slept(_) => {
                Err(BlockError::permanent("it was given something else than an event"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::testing::{Attempt, end_of, message_of, wish_of};

    #[test]
    fn it_asks_for_an_event_that_holds_its_filter() {
        let filter = json!({"order": 17});
        let attempt = Attempt::new([("name", json!("paid")), ("filter", filter.clone())]);
        let question = Question {
            kind: QuestionKind::Event,
            name: "paid".into(),
            details: Arc::new(filter),
            until: None,
        };
        assert_eq!(wish_of(attempt.run(&WaitEvent)), Wish::Answer(question));
    }

    #[test]
    fn the_payload_is_the_result() {
        let attempt = Attempt::new([("name", json!("paid"))]);
        let payload = Arc::new(json!({"order": 17}));
        let end = end_of(attempt.resume(&WaitEvent, Granted::Answer(Some(payload.clone()))));
        assert_eq!((&*end.outcome, end.result, end.message), ("success", payload, None));
    }

    #[test]
    fn no_event_in_time_is_a_timeout() {
        let attempt = Attempt::new([("name", json!("paid"))]);
        let end = end_of(attempt.resume(&WaitEvent, Granted::Answer(None)));
        assert_eq!((&*end.outcome, &*end.result), ("timeout", &Value::Null));
        assert_eq!(end.message.as_deref(), Some("event `paid` did not come in time"));
    }

    #[test]
    fn a_filter_is_an_object() {
        let attempt = Attempt::new([("name", json!("paid")), ("filter", json!("all"))]);
        assert_eq!(message_of(attempt.run(&WaitEvent)), "`filter` must be an object, not string");
    }
}
