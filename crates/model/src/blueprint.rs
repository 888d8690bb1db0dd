//! A blueprint as written: every key with its place, nothing yet judged beyond its shape.

use std::{sync::Arc, time::Duration};

use indexmap::IndexMap;

use crate::{
    diagnostic::{Diagnostic, Span, Spanned},
    schema::Schema,
    source::Source,
    template::Template,
    value::Value,
};

/// One blueprint file.
#[derive(Debug, Clone, Default)]
pub struct Blueprint {
    /// The file it was read from.
    pub source: Source,
    /// The name, unique in a project; empty where the file has none (which is a fault).
    pub name: Spanned<String>,
    /// A sentence for lists.
    pub description: Option<String>,
    /// Input name to what it must look like, in file order. `required` of an input is folded into
    /// [`Schema::required`] of this object schema.
    pub inputs: Schema,
    /// The initial state, an object.
    pub state: Value,
    /// The only vault keys it may use; `None` allows all that the vault's own policy allows.
    pub secrets: Option<IndexMap<String, SecretRule>>,
    /// What starts a run.
    pub triggers: Vec<Trigger>,
    /// For all blocks that reach outside.
    pub defaults: Defaults,
    /// The deadline of a run.
    pub timeout: Option<Duration>,
    /// Most blocks at once.
    pub concurrency: Option<usize>,
    /// What an unhandled error does to blocks that run.
    pub on_error: OnError,
    /// The blocks.
    pub graph: Graph,
}

impl<T: Default> Default for Spanned<T> {
    fn default() -> Self {
        Self::new(T::default(), Span::default())
    }
}

/// What a blueprint says about one of its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecretRule {
    /// Where the key may go: `api.acme.example`, `*.acme.example`, `http://127.0.0.1:8080`.
    /// Empty means that only the vault's own policy limits it.
    pub hosts: Vec<Spanned<String>>,
    /// Whether a run may start without it.
    pub is_optional: bool,
    /// A sentence for lists.
    pub description: Option<String>,
    /// Where the key is written.
    pub span: Span,
}

/// What starts a run, beside a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    /// Its own id; without one it is known by its kind and number.
    pub id: Option<Spanned<String>>,
    /// Which kind, with its own settings.
    pub kind: TriggerKind,
    /// Runs only what is reachable from this block.
    pub start: Option<Spanned<String>>,
    /// Inputs: defaults, and what is taken from the payload by references.
    pub inputs: Vec<(Spanned<String>, FieldNode)>,
    /// Default payload.
    pub payload: Value,
    /// Where it is written.
    pub span: Span,
}

/// The kinds of triggers.
#[derive(Debug, Clone, PartialEq)]
pub enum TriggerKind {
    /// A call of the HTTP API.
    Api,
    /// A schedule.
    Cron {
        /// Five or six fields.
        schedule: Spanned<String>,
        /// An IANA name.
        timezone: Option<Spanned<String>>,
        /// Whether a firing that was missed is made up for.
        missed: Missed,
        /// What happens when it fires while its last run is not over.
        overlap: Overlap,
    },
    /// An event of a page.
    Event {
        /// The component's name.
        component: Option<Spanned<String>>,
        /// The event's name.
        event: Spanned<String>,
    },
    /// A signed call from outside.
    Webhook {
        /// A reference to the key that signs, as written.
        signing_key: Option<Text>,
    },
}

/// What happens to a firing that came while nothing was there to run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missed {
    /// Forgotten.
    #[default]
    Skip,
    /// Made up for, once.
    RunOnce,
}

/// What happens when a schedule fires while the run of its last firing is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlap {
    /// Nothing.
    #[default]
    Skip,
    /// It starts when that run is over; at most one firing waits.
    Queue,
    /// It starts beside that run.
    Parallel,
}

impl Overlap {
    /// Every policy with its name in a file.
    pub const ALL: [(&'static str, Self); 3] =
        [("skip", Self::Skip), ("queue", Self::Queue), ("parallel", Self::Parallel)];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Queue => "queue",
            Self::Parallel => "parallel",
        }
    }
}

impl Missed {
    /// Every policy with its name in a file.
    pub const ALL: [(&'static str, Self); 2] = [("skip", Self::Skip), ("run_once", Self::RunOnce)];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::RunOnce => "run_once",
        }
    }
}

/// Defaults for all blocks that reach outside.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Defaults {
    /// How they are tried again.
    pub retry: Option<Retry>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
}

/// What an unhandled error does to blocks that run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// Cancels them.
    #[default]
    Cancel,
    /// Lets them finish.
    Drain,
}

/// The blocks of a blueprint or of a body.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// Id to block, in file order: the only order that ever breaks a tie.
    pub nodes: IndexMap<Arc<str>, Node>,
    /// Where it is written.
    pub span: Span,
}

/// One block as written. Files have thousands, so what is rare is boxed.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where its id stands.
    pub id_span: Span,
    /// All of it.
    pub span: Span,
    /// Its type; empty where it has none (which is a fault).
    pub kind: Spanned<String>,
    /// A name for people.
    pub title: Option<String>,
    /// A remark for people.
    pub note: Option<String>,
    /// Which block follows on which outcome, in file order.
    pub next: Vec<Edge>,
    /// When it runs, by its incoming edges.
    pub join: Join,
    /// How it is tried again.
    pub retry: Option<Box<Retry>>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// What its result must look like.
    pub expect: Option<Box<Schema>>,
    /// What a resumed run does with it when it was in flight.
    pub on_resume: OnResume,
    /// Vault keys it may use beyond those it names literally.
    pub secrets: Vec<Spanned<String>>,
    /// Vault keys whose value its script may see.
    pub reveal: Vec<Spanned<String>>,
    /// Parts of its result that are secrets from then on: paths.
    pub secret_outputs: Vec<Spanned<String>>,
    /// Its own fields, in file order.
    pub fields: IndexMap<String, Field>,
    /// The graph under `do`.
    pub body: Option<Box<Graph>>,
}

/// An edge as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The outcome; `None` in the short forms, which mean the block's first outcome.
    pub outcome: Option<Spanned<String>>,
    /// The block that follows.
    pub target: Spanned<String>,
}

/// When a block with several incoming edges runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Join {
    /// All edges resolved, at least one taken.
    #[default]
    Any,
    /// All edges taken.
    All,
    /// At the first taken edge.
    First,
    /// All edges resolved, whatever they are.
    Always,
}

impl Join {
    /// Every join with its name in a file.
    pub const ALL: [(&'static str, Self); 4] =
        [("any", Self::Any), ("all", Self::All), ("first", Self::First), ("always", Self::Always)];
}

/// What a resumed run does with a block that was in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnResume {
    /// Runs it again, with the same idempotency key.
    #[default]
    Retry,
    /// Ends it with its error outcome.
    Fail,
}

/// How a block is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// The pause before the second attempt.
    pub delay: Duration,
    /// How the pause grows.
    pub backoff: Backoff,
    /// The longest pause.
    pub max_delay: Duration,
    /// Whether the pause is spread at random, between half and all of it.
    pub has_jitter: bool,
    /// Outcomes that are tried again; empty means every error-like one that is transient.
    pub outcomes: Vec<Spanned<String>>,
    /// HTTP statuses that are tried again: `429`, `5xx`.
    pub statuses: Vec<String>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 1,
            delay: Duration::from_millis(500),
            backoff: Backoff::Exponential,
            max_delay: Duration::from_secs(30),
            has_jitter: true,
            outcomes: Vec::new(),
            statuses: Vec::new(),
        }
    }
}

/// How the pause between attempts grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backoff {
    /// Not at all.
    Fixed,
    /// Doubles.
    Exponential,
}

/// A field of a block as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Where its key stands.
    pub key_span: Span,
    /// Its value.
    pub value: FieldNode,
}

/// A value with the places of all its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldNode {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: FieldValue,
}

/// The shapes of a field's value.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// `null`, a boolean or a number.
    Scalar(Value),
    /// Text: a template, or code, as the block's type decides.
    Text(Text),
    /// A list.
    List(Vec<FieldNode>),
    /// An object; keys are not templates.
    Object(Vec<(Spanned<String>, FieldNode)>),
}

/// A text in both of its readings, with the way back to the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Text {
    /// What YAML gave.
    pub raw: String,
    /// The same as a template.
    pub template: Template,
    /// The faults of the template; they count only where the text is one.
    pub faults: Vec<Diagnostic>,
    /// For each line of `raw`, the byte of the file where it begins.
    pub lines: Vec<usize>,
}

impl Text {
    /// Returns the byte of the file at `line` and `column` of the text, both from 1, `column` in
    /// characters. Exact where YAML has no escapes or folding on that line.
    pub fn locate(&self, line: usize, column: usize) -> usize {
        let line = line.clamp(1, self.lines.len().max(1));
        let text = self.raw.split('\n').nth(line - 1).unwrap_or("");
        let bytes: usize = text.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
        self.lines.get(line - 1).copied().unwrap_or(0) + bytes
    }
}

impl Text {
    /// Returns the byte of the file at a byte of the text; see [`Text::locate`].
    pub fn locate_byte(&self, byte: usize) -> usize {
        let before = self.raw.get(..byte).unwrap_or(&self.raw);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        self.locate(line, before[line_start..].chars().count() + 1)
    }
}

impl FieldNode {
    /// Returns the value if no part of it is a template with references.
    pub fn as_literal(&self) -> Option<Value> {
        match &self.kind {
            FieldValue::Scalar(value) => Some(value.clone()),
            FieldValue::Text(text) => text.template.as_literal().map(Value::from),
            FieldValue::List(items) => items.iter().map(Self::as_literal).collect(),
            FieldValue::Object(entries) => entries
                .iter()
                .map(|(key, node)| Some((key.value.clone(), node.as_literal()?)))
                .collect::<Option<_>>()
                .map(Value::Object),
        }
    }

    /// Calls `visit` for every text in the value, at any depth.
    pub fn visit_texts<'n>(&'n self, visit: &mut dyn FnMut(&'n Text, Span)) {
        match &self.kind {
            FieldValue::Scalar(_) => {}
            FieldValue::Text(text) => visit(text, self.span),
            FieldValue::List(items) => items.iter().for_each(|item| item.visit_texts(visit)),
            FieldValue::Object(entries) => {
                entries.iter().for_each(|(_, node)| node.visit_texts(visit));
            }
        }
    }
}
