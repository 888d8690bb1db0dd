//! Answers from outside to what runs wait for: a person's decision, or an event by name.

use std::sync::Arc;

use anyhow::Result;
use blueprint_engine::shown;
use blueprint_model::{
    Event, EventKind, Journal, RunId, Secrets, Value, Wish, code, diagnostic,
    journal::{Letter, OpenQuestion, Posted, QuestionFilter, QuestionKind},
    schema, value,
};
use serde_json::json;

use crate::{failure::Failure, store};

/// What a person decided, and what is said with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Yes or no.
    pub verdict: Verdict,
    /// Who decided.
    pub by: Option<String>,
    /// What they say.
    pub note: Option<String>,
    /// The fields of the form; null where there are none.
    pub form: Value,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Approved,
    /// No.
    Rejected,
}

impl Verdict {
    /// Returns the word, which is also the outcome of the block.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }
}

/// Returns the question of a run that a person is to decide; `block` is needed only where several
/// wait.
///
/// # Errors
///
/// Returns a failure if there is no such question, or several.
pub async fn question(
    journal: &dyn Journal,
    run: &RunId,
    block: Option<&str>,
) -> Result<OpenQuestion> {
    let kind = Some(QuestionKind::Approval);
    let filter = QuestionFilter { run: Some(run.clone()), kind, name: None };
    let open = journal.questions(&filter).await.map_err(store::failure)?;
    choose(open, block)
}

fn choose(mut open: Vec<OpenQuestion>, block: Option<&str>) -> Result<OpenQuestion> {
    let names: Vec<String> = open.iter().map(|open| open.block.to_string()).collect();
    if let Some(typed) = block {
        open.retain(|open| open.block.to_string() == *typed);
        if open.is_empty() {
            let message = format!("block `{typed}` of the run waits for no decision");
            let hint = diagnostic::suggest(typed, names.iter().map(String::as_str));
            return Err(Failure { hint, ..Failure::wrong(message) }.into());
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => {
            let message = "several blocks of the run wait for a decision".to_owned();
            Err(Failure::wrong(message).help(format!("say which: {}", names.join(", "))).into())
        }
        (None, _) => {
            let message = "the run waits for no decision".to_owned();
            Err(Failure::wrong(message).help("see: blueprint runs waiting").into())
        }
    }
}

/// Returns the fields of an approval's form, with defaults, judged as it declares them.
///
/// # Errors
///
/// Returns a failure that names every field that does not fit.
pub fn form(open: &OpenQuestion, given: Value) -> Result<Value> {
    let declared = blueprint_syntax::fields_of(&open.question.details)
        .map_err(|faults| Failure::wrong(format!("the form is wrong: {}", faults.join("; "))))?;
    let given = if given.is_null() { json!({}) } else { given };
    let fields = schema::with_defaults(&declared, given);
    let misfits = schema::check(&declared, &fields);
    if misfits.is_empty() {
        return Ok(fields);
    }
    let misfits = misfits
        .iter()
        .map(|it| format!("field `{}` {}", it.path.trim_start_matches('.'), it.message));
    let message = misfits.collect::<Vec<_>>().join("; ");
    Err(Failure::wrong(message).code(code::BAD_INPUTS).into())
}

/// Returns a question for people: handles in it are shown by name.
pub fn as_shown(open: OpenQuestion, secrets: &Secrets) -> OpenQuestion {
    let wish = Wish::Answer(open.question.clone());
    let kind = EventKind::BlockWaiting { at: open.at, block: open.block.clone(), wish };
    let event = shown(Event { run: open.run.clone(), seq: 0, time: open.since, kind }, secrets);
    match event.kind {
        EventKind::BlockWaiting { block, wish: Wish::Answer(question), .. } => {
            OpenQuestion { block, question, ..open }
        }
        _ => open,
    }
}

/// Answers a question with a decision.
///
/// # Errors
///
/// Returns a failure if the store does not take it.
pub async fn decide(
    journal: &dyn Journal,
    open: &OpenQuestion,
    decision: Decision,
) -> Result<Posted> {
    let answer = json!({
        "decision": decision.verdict.as_str(),
        "by": decision.by,
        "note": decision.note,
        "form": decision.form,
    });
    post(journal, open, answer).await
}

/// Sends an event to every run that waits for it, or to one of them; returns the questions that it
/// answered.
///
/// # Errors
///
/// Returns a failure if the store does not take it.
pub async fn send(
    journal: &dyn Journal,
    run: Option<&RunId>,
    event: &str,
    payload: &Value,
) -> Result<Vec<(OpenQuestion, Posted)>> {
    let kind = Some(QuestionKind::Event);
    let filter = QuestionFilter { kind, name: Some(event.into()), run: run.cloned() };
    let mut answered = Vec::new();
    for open in journal.questions(&filter).await.map_err(store::failure)? {
        if value::contains(payload, &open.question.details) {
            let posted = post(journal, &open, payload.clone()).await?;
            answered.push((open, posted));
        }
    }
    Ok(answered)
}

async fn post(journal: &dyn Journal, open: &OpenQuestion, answer: Value) -> Result<Posted> {
    let letter = Letter::Answer { at: open.at, answer: Arc::new(answer) };
    journal.post(&open.run, &letter).await.map_err(store::failure)
}
