//! The contract of a block type: what it is (data), what it gets, what it gives back.

use std::{
    borrow::Cow,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    egress::{Egress, SecretUse},
    id::{BlockPath, RunId},
    inputs::Inputs,
    journal::Question,
    limits::Limits,
    value::{Shared, Value},
};

/// A type of block.
///
/// A block sees its inputs and a [`BlockCx`]; never the graph, the journal, other blocks or the
/// vault. Dropping its future cancels it, so every `.await` is a place to stop.
#[async_trait]
pub trait Block: Send + Sync {
    /// Returns the type as data. Checker, schema, manual and palette read it.
    fn spec(&self) -> &'static BlockSpec;

    /// Does the work of one attempt.
    async fn run(&self, inputs: &Inputs, cx: &BlockCx) -> Result<Finish, BlockError>;

    /// Goes on after a wish was granted. Only blocks that return [`Finish::Wish`] need it.
    async fn resume(
        &self,
        _inputs: &Inputs,
        _granted: Granted,
        _cx: &BlockCx,
    ) -> Result<Finish, BlockError> {
        Err(BlockError::permanent("this block type has nothing to wait for"))
    }
}

/// A block type as data.
#[derive(Debug)]
pub struct BlockSpec {
    /// The name in a file, as in `type: http_request`.
    pub kind: &'static str,
    /// One line for lists: imperative, without full stop.
    pub summary: &'static str,
    /// A paragraph for the manual.
    pub docs: &'static str,
    /// Its own fields, in the order of the manual.
    pub fields: &'static [FieldSpec],
    /// Fields of which exactly one must be there.
    pub one_of: &'static [&'static str],
    /// The outcomes it can end with, the usual one first. Empty: it ends its graph.
    pub outcomes: &'static [OutcomeSpec],
    /// The field whose object keys are further outcomes (`cases` of `switch`).
    pub outcomes_from: Option<&'static str>,
    /// The outcome when the block fails. It can be handled only if it is among `outcomes`.
    pub failure: &'static str,
    /// Where it runs.
    pub pace: Pace,
    /// What it touches.
    pub reach: Reach,
    /// What its result looks like, for people.
    pub result: &'static str,
    /// A block of this type that works, as YAML: the value of one entry of `blocks`.
    pub example: &'static str,
}

impl BlockSpec {
    /// Returns the field with this name.
    pub fn field(&self, name: &str) -> Option<&'static FieldSpec> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Returns the outcome with this name, dynamic ones aside.
    pub fn outcome(&self, name: &str) -> Option<&'static OutcomeSpec> {
        self.outcomes.iter().find(|outcome| outcome.name == name)
    }

    /// Returns the field that holds the block's graph, if its type has one.
    pub fn has_body(&self) -> bool {
        self.fields.iter().any(|field| field.kind == FieldKind::Body)
    }
}

/// Where a block runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Small bounded work without waiting: on the dispatcher's own turn.
    Instant,
    /// May wait: in a task of its own.
    Waiting,
}

/// What a block touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Nothing but its inputs and the run: running it twice gives the same.
    Inside,
    /// The world outside. It waits for the journal, `defaults` apply to it, and what it brings is
    /// searched for secrets.
    Outside,
    /// Somebody outside, who answers: it sends nothing, waits as long as it takes, and what the
    /// answer brings is searched for secrets. Tests answer in their place.
    Answered,
}

/// A field of a block type.
#[derive(Debug)]
pub struct FieldSpec {
    /// The key in a file.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it may be left out.
    pub need: Need,
    /// One line for the manual: imperative or noun, without full stop.
    pub summary: &'static str,
    /// Whether what it holds leaves the process, so that a secret may become its value there.
    pub is_egress: bool,
}

/// Whether a field may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It must be there.
    Required,
    /// It may be left out and then means nothing.
    Optional,
    /// It may be left out and then is this JSON literal.
    Default(&'static str),
}

/// What a field holds. Literal values are checked before the run, templates when resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Text; numbers and booleans are put into text.
    Text,
    /// A whole number.
    Integer,
    /// A boolean.
    Boolean,
    /// A duration such as `10s`.
    Duration,
    /// A size such as `10MB`, in bytes when resolved.
    Size,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list.
    List,
    /// A list or an object.
    Collection,
    /// An object.
    Object,
    /// An object of declared fields, as `inputs` of a blueprint, for a person to fill in.
    Form,
    /// An object of texts: headers, query parameters. A list of texts gives a name several times.
    Texts,
    /// Any value.
    Any,
    /// A path into the state, as after `state.`.
    StatePath,
    /// A name for a loop's variable; never a template.
    Name,
    /// The name of a script language; never a template.
    Language,
    /// The name of a blueprint.
    Blueprint,
    /// A script; never a template.
    Code,
    /// A script of one expression; never a template.
    Expression,
    /// An object of expressions, the first true one wins; never templates.
    Cases,
    /// A graph of blocks.
    Body,
}

impl FieldKind {
    /// Returns whether texts in it are templates.
    pub fn is_template(self) -> bool {
        !matches!(
            self,
            Self::Name | Self::Language | Self::Code | Self::Expression | Self::Cases | Self::Body
        )
    }

    /// Returns the word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Duration => "duration",
            Self::Size => "size",
            Self::Choice(_) => "choice",
            Self::List => "list",
            Self::Collection => "list or object",
            Self::Object => "object",
            Self::Form => "declared fields",
            Self::Texts => "object of texts",
            Self::Any => "any value",
            Self::StatePath => "path into the state",
            Self::Name => "name",
            Self::Language => "script language",
            Self::Blueprint => "name of a blueprint",
            Self::Code => "code",
            Self::Expression => "expression",
            Self::Cases => "object of expressions",
            Self::Body => "blocks",
        }
    }
}

/// An outcome of a block type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutcomeSpec {
    /// The label of the edge.
    pub name: &'static str,
    /// Whether the run fails when nothing handles it.
    pub is_error: bool,
    /// When it happens: one line, without full stop.
    pub summary: &'static str,
}

/// What an attempt comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Finish {
    /// The block ended.
    End(End),
    /// The block needs something that only the engine can do; it is resumed with what came of it.
    Wish(Wish),
}

/// How a block ended. Effects apply together.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct End {
    /// The outcome's name.
    pub outcome: Cow<'static, str>,
    /// The result.
    pub result: Shared,
    /// Why, on an error-like outcome.
    pub message: Option<String>,
    /// What becomes of the state.
    pub changes: Vec<Change>,
    /// Whether the graph ends here, with the result as its value.
    pub is_return: bool,
    /// For an error-like outcome: whether another attempt may help.
    pub is_transient: bool,
    /// When the other side asks to be tried again, if it said so.
    pub retry_after: Option<Duration>,
}

impl End {
    /// Returns the end with this outcome and result, and nothing else.
    pub fn new(outcome: impl Into<Cow<'static, str>>, result: Value) -> Self {
        Self { outcome: outcome.into(), result: Arc::new(result), ..Self::default() }
    }
}

impl From<End> for Finish {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

/// A change of the state: the value at a path, or its removal.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Keys from the root of the state; a numeric one indexes a list.
    pub path: Vec<String>,
    /// The new value; `None` removes it.
    pub value: Option<Value>,
}

/// What a block asks the engine to do before it goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// Run the body once per item.
    Items(ForEach),
    /// Run the body once.
    Round {
        /// Which round, from 1.
        round: u64,
        /// The value of the round before, which entry blocks see as `result`.
        last: Shared,
        /// Not before this time.
        not_before: Option<Timestamp>,
    },
    /// Run another blueprint.
    Call {
        /// Its name.
        blueprint: String,
        /// Its payload, and its inputs where it is an object.
        payload: Shared,
    },
    /// Wait, holding no task and no thread.
    Sleep {
        /// Until then.
        until: Timestamp,
    },
    /// Wait for an answer from outside, holding no task and no thread. The block's own `timeout`
    /// bounds the wait: the block is then resumed without an answer.
    Answer(Question),
}

/// A loop over items.
#[derive(Debug, Clone, PartialEq)]
pub struct ForEach {
    /// Index or key, and item, in order.
    pub items: Arc<Vec<(Value, Shared)>>,
    /// The name of the loop's variable beside `item`.
    pub name: Option<Arc<str>>,
    /// Most items at once.
    pub concurrency: usize,
    /// Whether the first failed item ends the loop.
    pub stops_on_error: bool,
}

/// What came of a wish.
#[derive(Debug, Clone, PartialEq)]
pub enum Granted {
    /// How each item's body ended, in order of the items. `None`: it never ran.
    Items(Vec<(Value, Option<BodyEnd>)>),
    /// How the round ended.
    Round(u64, BodyEnd),
    /// How the called blueprint ended.
    Call(BodyEnd),
    /// The time has come: the one that was wished for.
    Slept(Timestamp),
    /// The answer; `None` if none came in time.
    Answer(Option<Shared>),
}

/// How a nested graph ended.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyEnd {
    /// With this value.
    Value(Shared),
    /// With an error that nothing handled.
    Failed {
        /// The path of the block that failed.
        block: String,
        /// Why.
        message: String,
    },
}

/// A block's failure as data. The engine branches only on `is_transient`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BlockError {
    /// Why, for people: a lower-case fragment without full stop; never a secret's value.
    pub message: String,
    /// Whether another attempt may help.
    pub is_transient: bool,
}

impl BlockError {
    /// Returns a failure that another attempt would meet again.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_transient: false }
    }

    /// Returns a failure that may pass by itself.
    pub fn transient(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_transient: true }
    }
}

/// Says when to stop; shared by all that must.
#[derive(Debug, Clone)]
pub struct Cancel(Option<Arc<AtomicBool>>);

impl Cancel {
    /// Returns what nobody can stop.
    pub fn never() -> Self {
        Self(None)
    }

    /// Asks to stop.
    pub fn cancel(&self) {
        if let Some(flag) = &self.0 {
            flag.store(true, Ordering::Relaxed);
        }
    }

    /// Returns whether to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self(Some(Arc::default()))
    }
}

/// Facts of a run, for `@{run.…}` and for scripts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts {
    /// The run's id.
    pub id: RunId,
    /// The blueprint's name.
    pub blueprint: String,
    /// When it started.
    pub started_at: Timestamp,
}

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For the record.
    Info,
    /// Somebody should look.
    Warning,
    /// Something went wrong.
    Error,
}

impl Level {
    /// Every level with its name in a file.
    pub const ALL: [(&'static str, Self); 3] =
        [("info", Self::Info), ("warning", Self::Warning), ("error", Self::Error)];

    /// Returns the level with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
    }

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A line for the log of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How loud.
    pub level: Level,
    /// The text.
    pub text: String,
}

/// What a block learns and leaves beside its result.
#[derive(Debug, Default)]
pub struct Notes {
    /// Lines for the log.
    pub log: Vec<LogLine>,
    /// Uses of secrets.
    pub uses: Vec<SecretUse>,
}

/// What a block sees beside its inputs.
pub struct BlockCx {
    /// Facts of the run.
    pub run: Arc<RunFacts>,
    /// The block's own name.
    pub path: BlockPath,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The time when the attempt started.
    pub now: Timestamp,
    /// The state when the attempt started.
    pub state: Shared,
    /// Says when to stop. Blocking code polls it.
    pub cancel: Cancel,
    /// The bounds of this process.
    pub limits: Arc<Limits>,
    /// The one way out for secrets.
    pub egress: Egress,
    /// What it leaves beside its result.
    pub notes: Mutex<Notes>,
}

impl BlockCx {
    /// Returns the idempotency key of this block: the same for every attempt.
    pub fn key(&self) -> String {
        idempotency_key(&self.run.id, &self.path)
    }

    /// Adds a line to the run's log.
    pub fn log(&self, level: Level, text: String) {
        self.with_notes(|notes| notes.log.push(LogLine { level, text }));
    }

    /// Adds a use of a secret to the run's record.
    pub fn note_uses(&self, uses: Vec<SecretUse>) {
        self.with_notes(|notes| notes.uses.extend(uses));
    }

    fn with_notes(&self, change: impl FnOnce(&mut Notes)) {
        change(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Returns the key by which the other side can tell a repeated attempt from a new one.
pub fn idempotency_key(run: &RunId, path: &BlockPath) -> String {
    format!("{run}/{path}")
}
