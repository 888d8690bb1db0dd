//! `approval`: a person decides how the run goes on.

use std::sync::Arc;

use async_trait::async_trait;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, End, FieldKind, Finish, Inputs, Value, Wish,
    block::{Granted, Need, Pace, Reach},
    journal::{Question, QuestionKind},
};
use serde_json::json;

use crate::spec::{error_outcome, field, outcome};

static SPEC: BlockSpec = BlockSpec {
    kind: "approval",
    summary: "Let a person decide",
    docs: "Asks a person, and waits for the answer of `blueprint runs approve` or `blueprint runs \
           reject`. `form` declares what the person fills in, as `inputs` does; what is filled in \
           is judged before it is an answer. With `timeout`, the outcome is `timeout` if nobody \
           decides in that time. It holds no thread, and the wait survives a restart.",
    fields: &[
        field("message", FieldKind::Text, Need::Required, "What the person is asked"),
        field("form", FieldKind::Form, Need::Optional, "What the person fills in"),
    ],
    outcomes: &[
        outcome("approved", "The person agreed"),
        error_outcome("rejected", "The person did not agree"),
        error_outcome("timeout", "Nobody decided within `timeout`"),
    ],
    one_of: &[],
    outcomes_from: None,
    failure: "error",
    pace: Pace::Instant,
    reach: Reach::Answered,
    result: "`{decision, by, note, form}`; null on `timeout`",
    example: "type: approval\nmessage: Pay the invoice?\nform:\n  cost_centre: {type: string}\n\
              timeout: 48h\n",
};

/// The `approval` block type.
pub(crate) struct Approval;

#[async_trait]
impl Block for Approval {
    fn spec(&self) -> &'static BlockSpec {
        &SPEC
    }

    async fn run(&self, inputs: &Inputs, _cx: &BlockCx) -> Result<Finish, BlockError> {
        inputs.object("form")?;
        Ok(Finish::Wish(Wish::Answer(Question {
            kind: QuestionKind::Approval,
            name: inputs.required_text("message")?,
            details: inputs.shared("form").cloned().unwrap_or_default(),
            until: None,
        })))
    }

    async fn resume(
        &self,
        _inputs: &Inputs,
        granted: Granted,
        _cx: &BlockCx,
    ) -> Result<Finish, BlockError> {
        match granted {
            Granted::Answer(Some(answer)) => decided(&answer),
            Granted::Answer(None) => {
                let message = Some("nobody decided in time".into());
                Ok(End { message, ..End::new("timeout", Value::Null) }.into())
            }
            Granted::Items(_) | Granted::Round(..) | Granted::Call(_) | Granted::Slept(_) => {
                Err(BlockError::permanent("an approval was given something else than an answer"))
            }
        }
    }
}

fn decided(answer: &Value) -> Result<Finish, BlockError> {
    let result = json!({
        "decision": answer["decision"],
        "by": answer["by"],
        "note": answer["note"],
        "form": answer["form"],
    });
    match answer["decision"].as_str() {
        Some("approved") => Ok(End::new("approved", result).into()),
        Some("rejected") => {
            let message = Some(rejection(answer));
            let end = End { message, result: Arc::new(result), ..End::default() };
            Ok(End { outcome: "rejected".into(), ..end }.into())
        }
        Some(_) | None => Err(BlockError::permanent(
            "the answer has no `decision` that is `approved` or `rejected`",
        )),
    }
}

fn rejection(answer: &Value) -> String {
    let by = answer["by"].as_str().map_or(String::new(), |by| format!(" by {by}"));
    let note = answer["note"].as_str().map_or(String::new(), |note| format!(": {note}"));
    format!("rejected{by}{note}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Attempt, end_of, message_of, wish_of};

    #[track_caller]
    fn check(answer: Value, outcome: &str, result: &Value, message: Option<&str>) {
        let attempt = Attempt::new([("message", json!("Pay?"))]);
        let answer = Granted::Answer((!answer.is_null()).then(|| Arc::new(answer)));
        let end = end_of(attempt.resume(&Approval, answer));
        let seen = (&*end.outcome, &*end.result, end.message.as_deref());
        assert_eq!(seen, (outcome, result, message));
    }

    #[test]
    fn it_asks_with_its_form() {
        let form = json!({"amount": {"type": "integer"}});
        let attempt = Attempt::new([("message", json!("Pay 12?")), ("form", form.clone())]);
        let question = Question {
            kind: QuestionKind::Approval,
            name: "Pay 12?".into(),
            details: Arc::new(form),
            until: None,
        };
        assert_eq!(wish_of(attempt.run(&Approval)), Wish::Answer(question));
    }

    #[test]
    fn the_decision_is_the_outcome() {
        let form = json!({"amount": 3});
        let answer = json!({"decision": "approved", "by": "Ann", "note": null, "form": form});
        check(answer.clone(), "approved", &answer, None);
        let answer = json!({"decision": "rejected", "by": "Ann", "note": "too much", "form": null});
        check(answer.clone(), "rejected", &answer, Some("rejected by Ann: too much"));
        let bare = json!({"decision": "rejected"});
        let full = json!({"decision": "rejected", "by": null, "note": null, "form": null});
        check(bare, "rejected", &full, Some("rejected"));
        check(Value::Null, "timeout", &Value::Null, Some("nobody decided in time"));
    }

    #[test]
    fn an_answer_without_a_decision_is_an_error() {
        let attempt = Attempt::new([("message", json!("Pay?"))]);
        for answer in [json!({}), json!({"decision": "perhaps"}), json!(1)] {
            let answer = Granted::Answer(Some(Arc::new(answer)));
            let message = message_of(attempt.resume(&Approval, answer));
            assert_eq!(message, "the answer has no `decision` that is `approved` or `rejected`");
        }
    }

    #[test]
    fn a_form_is_an_object() {
        let attempt = Attempt::new([("message", json!("Pay?")), ("form", json!([1]))]);
        assert_eq!(message_of(attempt.run(&Approval)), "`form` must be an object, not array");
        assert_eq!(message_of(Attempt::new([]).run(&Approval)), "`message` is empty");
    }
}
