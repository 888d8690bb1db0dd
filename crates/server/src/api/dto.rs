//! What goes over the wire, apart from what the server computes with.

use blueprint_model::{
    Diagnostic, Source, Value,
    event::{self, Counts},
    format,
    journal::{OpenQuestion, RunSummary},
};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{catalogue::Entry, runs::Ended};

/// Why a request was not served (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the code says more.
    pub(crate) r#type: String,
    /// The status in words.
    pub(crate) title: String,
    /// The status.
    pub(crate) status: u16,
    /// What is wrong.
    pub(crate) detail: String,
    /// The kind of fault, if it has a page of its own; see the manual, `errors.md`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "BP0507")]
    pub(crate) code: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// Each thing that is wrong, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) faults: Vec<String>,
    /// The run that failed, where a client waited for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) run: Option<Answer>,
}

/// Whether a blueprint can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// The file as it is now is in force.
    Ok,
    /// The file has errors; what it was before them is in force.
    Stale,
    /// The file has errors and nothing is in force.
    Faulty,
}

impl State {
    /// Returns whether a blueprint can run.
    pub(crate) fn of(entry: &Entry) -> Self {
        match (&entry.plan, entry.is_stale()) {
            (None, _) => Self::Faulty,
            (Some(_), true) => Self::Stale,
            (Some(_), false) => Self::Ok,
        }
    }
}

/// A blueprint.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Blueprint {
    /// Its name.
    #[schema(example = "city-weather")]
    name: String,
    /// A sentence for lists.
    description: Option<String>,
    /// Its file.
    file: String,
    /// Whether it can run.
    state: State,
    /// How many errors the file has.
    errors: usize,
    /// How many warnings the file has.
    warnings: usize,
    /// What the body of a start must look like: a JSON Schema; null where nothing is in force.
    #[schema(value_type = Object, nullable)]
    inputs: Value,
    /// The names of the secrets that it mentions.
    secrets: Vec<String>,
}

impl Blueprint {
    /// Returns what is said of a blueprint.
    pub(crate) fn of(entry: &Entry) -> Self {
        use blueprint_model::Severity;
        let count =
            |severity| entry.diagnostics.iter().filter(|it| it.severity == severity).count();
        let plan = entry.plan.as_ref();
        let needs = plan.map(|plan| plan.secrets()).unwrap_or_default();
        Self {
            name: entry.name.clone(),
            description: entry.description.clone(),
            file: entry.source.file.to_string(),
            state: State::of(entry),
            errors: count(Severity::Error),
            warnings: count(Severity::Warning),
            inputs: plan.map_or(Value::Null, |plan| blueprint_model::schema::to_json(&plan.inputs)),
            secrets: needs.iter().map(|need| need.name.to_string()).collect(),
        }
    }
}

/// Every blueprint of the project.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Blueprints {
    /// By name.
    pub(crate) blueprints: Vec<Blueprint>,
}

/// A fault of a blueprint file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Fault {
    /// Which kind of fault; has a page of its own.
    #[schema(example = "BP0301")]
    code: String,
    /// How bad: `error`, `warning` or `hint`.
    severity: String,
    /// What is wrong.
    message: String,
    /// What to do.
    help: Option<String>,
    /// The line, from 1.
    line: usize,
    /// The column in characters, from 1.
    column: usize,
    /// The line of its end.
    end_line: usize,
    /// The column of its end.
    end_column: usize,
}

impl Fault {
    /// Returns what is said of a fault.
    pub(crate) fn of(diagnostic: &Diagnostic, source: &Source) -> Self {
        let (line, column) = source.position(diagnostic.span.start);
        let (end_line, end_column) = source.position(diagnostic.span.end);
        Self {
            code: diagnostic.code.to_string(),
            severity: diagnostic.severity.as_str().into(),
            message: diagnostic.message.clone(),
            help: diagnostic.hint.clone(),
            line,
            column,
            end_line,
            end_column,
        }
    }
}

/// What checking a blueprint file found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Check {
    /// Whether the blueprint can run.
    pub(crate) state: State,
    /// In file order.
    pub(crate) diagnostics: Vec<Fault>,
}

/// A run in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Run {
    /// Its id.
    run: String,
    /// The blueprint's name.
    blueprint: String,
    /// Where it stands: `running`, `waiting`, `interrupted`, `succeeded`, `failed` or `cancelled`.
    status: String,
    /// What started it: `cli`, `api`, or the kind of a trigger.
    trigger: String,
    /// When it started.
    #[schema(format = DateTime)]
    started: String,
    /// When it ended.
    #[schema(format = DateTime)]
    ended: Option<String>,
    /// When it wakes by itself, if it is parked for a time.
    #[schema(format = DateTime)]
    wakes: Option<String>,
    /// How many events it has.
    events: u64,
}

impl From<&RunSummary> for Run {
    fn from(summary: &RunSummary) -> Self {
        Self {
            run: summary.run.to_string(),
            blueprint: summary.blueprint.clone(),
            status: summary.phase.as_str().into(),
            trigger: summary.trigger.clone(),
            started: time(summary.started),
            ended: summary.ended.map(time),
            wakes: summary.wake.map(time),
            events: summary.events,
        }
    }
}

/// A page of the list of runs, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Runs {
    /// The runs.
    pub(crate) runs: Vec<Run>,
    /// What the next page is asked with as `before`; null on the last page.
    pub(crate) next: Option<String>,
}

/// A run, with all that is known of it but its events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunDetails {
    #[serde(flatten)]
    pub(crate) run: Run,
    /// When it is cancelled, whatever it does.
    #[schema(format = DateTime)]
    pub(crate) deadline: Option<String>,
    /// The run of which it is a retry, or takes answers from.
    pub(crate) retry_of: Option<String>,
    /// How it ended, if it has.
    pub(crate) end: Option<Answer>,
    /// What it waits for from outside.
    pub(crate) questions: Vec<Question>,
}

/// Where a run stands, as who started it is told.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Answer {
    /// Its id.
    pub(crate) run: String,
    /// `running` while it has not ended; then `succeeded`, `failed` or `cancelled`.
    pub(crate) status: String,
    /// Its value, once it has ended.
    #[schema(value_type = Value)]
    pub(crate) value: Value,
    /// Why it failed.
    pub(crate) error: Option<RunError>,
    /// How many blocks ended in which way.
    pub(crate) blocks: Option<Blocks>,
    /// From its start to its end.
    pub(crate) duration_ms: Option<f64>,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct RunError {
    /// The block whose error was not handled.
    block: String,
    /// Its outcome.
    outcome: String,
    /// Why.
    message: String,
}

impl From<&event::RunError> for RunError {
    fn from(error: &event::RunError) -> Self {
        let event::RunError { block, outcome, message } = error.clone();
        Self { block, outcome, message }
    }
}

/// How many blocks ended in which way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub(crate) struct Blocks {
    /// Ended with an outcome.
    ran: u64,
    /// Skipped.
    skipped: u64,
    /// Cancelled.
    cancelled: u64,
}

impl Answer {
    /// Returns the answer about a run that has not ended.
    pub(crate) fn open(run: &str) -> Self {
        Self {
            run: run.into(),
            status: "running".into(),
            value: Value::Null,
            error: None,
            blocks: None,
            duration_ms: None,
        }
    }

    /// Returns the answer about a run that has ended.
    pub(crate) fn ended(run: &str, end: &Ended) -> Self {
        let Counts { ran, skipped, cancelled } = end.counts;
        Self {
            run: run.into(),
            status: end.status.as_str().into(),
            value: (*end.value).clone(),
            error: end.error.as_ref().map(RunError::from),
            blocks: Some(Blocks { ran, skipped, cancelled }),
            duration_ms: Some(format::in_ms(end.duration_us)),
        }
    }
}

/// Something that a run waits for from outside.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Question {
    /// The block that waits.
    block: String,
    /// `approval` or `event`.
    r#for: String,
    /// What is asked, or the event's name.
    name: String,
    /// The fields of the form, or what the event must hold.
    #[schema(value_type = Value)]
    details: Value,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// Until when, if not for ever.
    #[schema(format = DateTime)]
    until: Option<String>,
}

impl From<&OpenQuestion> for Question {
    fn from(open: &OpenQuestion) -> Self {
        Self {
            block: open.block.to_string(),
            r#for: open.question.kind.as_str().into(),
            name: open.question.name.clone(),
            details: (*open.question.details).clone(),
            since: time(open.since),
            until: open.question.until.map(time),
        }
    }
}

/// A page of the events of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Events {
    /// The events, as `blueprint run --output ndjson` writes them.
    #[schema(value_type = Vec<Object>)]
    pub(crate) events: Vec<Value>,
    /// What the next page is asked with as `after`.
    pub(crate) next: u64,
    /// Whether the run has ended and no event comes after these.
    pub(crate) is_last: bool,
}

/// A value.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ValueOf {
    /// The value of the run.
    #[schema(value_type = Value)]
    pub(crate) value: Value,
}

/// What came of a wish.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    /// The run.
    pub(crate) run: String,
    /// What came of it.
    pub(crate) status: String,
}

/// Returns a time as it is written.
pub(crate) fn time(time: Timestamp) -> String {
    format!("{time:.3}")
}
