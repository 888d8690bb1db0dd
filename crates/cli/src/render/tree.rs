//! The state of a run as a person sees it, folded from events.

use std::collections::{BTreeMap, BTreeSet};

use blueprint_model::{
    BlockPath, Event, EventKind, Value, Wish,
    event::{At, CancelReason, Counts, RunError, RunStatus},
    journal::Question,
    value::Shared,
};
use jiff::Timestamp;

use crate::{render::tree::outline::Outline, terminal::Paint};

pub mod outline;
mod scopes;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use view::reason_text;

/// A run as a tree of blocks. Loops keep only the items that failed.
#[derive(Debug)]
pub struct Tree {
    paint: Paint,
    file: String,
    outline: Outline,
    blueprint: String,
    run: String,
    started_at: Option<Timestamp>,
    end: Option<End>,
    /// What blocks at work are called where nobody works on them any more.
    rest: Option<&'static str>,
    /// Blocks by scope, then in file order.
    nodes: BTreeMap<At, Node>,
    scopes: BTreeMap<u32, Scope>,
    /// Paths of blocks that have, or will have, a graph of their own open.
    hosts: BTreeMap<String, At>,
}

#[derive(Debug)]
struct End {
    status: RunStatus,
    error: Option<RunError>,
    counts: Counts,
    duration_us: u64,
}

#[derive(Debug)]
struct Node {
    id: String,
    path: String,
    /// The path without items, as the outline has it.
    static_path: String,
    started_at: Option<Timestamp>,
    attempt: u32,
    state: State,
    wait: Option<Wait>,
    /// The open or kept graphs in it.
    scopes: BTreeSet<u32>,
}

#[derive(Debug)]
enum State {
    Running,
    Retrying { at: Timestamp, message: String },
    Finished { outcome: String, duration_us: u64, message: Option<String>, answer: Option<Answer> },
    Skipped { edge: String },
    Cancelled { reason: CancelReason },
}

/// What a block waits for.
#[derive(Debug)]
enum Wait {
    Items(Progress),
    Round(u64),
    Call(String),
    Sleep(Timestamp),
    Answer(Question),
}

/// How far a loop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Items in all.
    pub total: usize,
    /// Items that ended.
    pub done: usize,
    /// Items that failed.
    pub failed: usize,
    /// Most items at once.
    pub concurrency: usize,
}

/// What is worth knowing of an HTTP answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) status: u64,
    pub(super) bytes: u64,
}

/// One graph that runs: the blueprint's own, a body at one item or round, a called blueprint.
#[derive(Debug, Default)]
struct Scope {
    host: Option<At>,
    label: String,
    /// What the outline's paths of its blocks begin with.
    static_prefix: String,
    ended: usize,
    failed_at: Option<At>,
}

impl Tree {
    /// Returns the tree of a run that has not begun.
    pub fn new(file: &str, outline: Outline, paint: Paint) -> Self {
        Self {
            paint,
            file: file.into(),
            outline,
            blueprint: String::new(),
            run: String::new(),
            started_at: None,
            end: None,
            rest: None,
            nodes: BTreeMap::new(),
            scopes: BTreeMap::new(),
            hosts: BTreeMap::new(),
        }
    }

    /// Takes an event in.
    pub fn apply(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { blueprint, .. } => {
                self.blueprint = blueprint.clone();
                self.run = event.run.short().into();
                self.started_at = Some(event.time);
            }
            EventKind::BlockStarted { at, block, attempt } => {
                let node = self.node(*at, block);
                node.started_at.get_or_insert(event.time);
                node.attempt = *attempt;
                node.state = State::Running;
            }
            EventKind::AttemptFailed { at, block, message, retry_at, .. } => {
                self.node(*at, block).state =
                    State::Retrying { at: *retry_at, message: message.clone() };
            }
            EventKind::BlockWaiting { at, block, wish } => {
                self.node(*at, block).started_at.get_or_insert(event.time);
                self.wait(*at, block, wish);
            }
            EventKind::BlockFinished {
                at, block, outcome, result, message, duration_us, ..
            } => {
                let state = State::Finished {
                    outcome: (**outcome).into(),
                    duration_us: *duration_us,
                    message: message.clone(),
                    answer: answer(result),
                };
                self.end_block(*at, block, state);
            }
            EventKind::BlockSkipped { at, block, edge } => {
                self.end_block(*at, block, State::Skipped { edge: edge.clone() });
            }
            EventKind::BlockCancelled { at, block, reason } => {
                self.end_block(*at, block, State::Cancelled { reason: *reason });
            }
            EventKind::RunFinished { status, error, counts, duration_us, .. } => {
                let (error, counts) = (error.clone(), *counts);
                self.end = Some(End { status: *status, error, counts, duration_us: *duration_us });
            }
            EventKind::StateChanged { .. }
            | EventKind::SecretUsed { .. }
            | EventKind::SecretDerived { .. }
            | EventKind::AnswerReceived { .. }
            | EventKind::Log { .. }
            | EventKind::RunResumed { .. }
            | EventKind::CancelRequested { .. } => {}
        }
    }

    /// Stands still: blocks that were at work are called this, those that wait for a time or for
    /// somebody are waiting.
    pub fn rest(&mut self, word: &'static str) {
        self.rest = Some(word);
    }

    /// Returns how far a loop is, or was when it ended.
    pub fn progress(&self, at: At) -> Option<Progress> {
        match self.nodes.get(&at)?.wait.as_ref()? {
            Wait::Items(progress) => Some(*progress),
            Wait::Round(_) | Wait::Call(_) | Wait::Sleep(_) | Wait::Answer(_) => None,
        }
    }

    /// Returns the block type, as far as the outline knows it.
    pub fn kind(&self, at: At) -> Option<&str> {
        let node = self.nodes.get(&at)?;
        Some(self.outline.get(&node.static_path)?.kind.as_str())
    }

    fn wait(&mut self, at: At, block: &BlockPath, wish: &Wish) {
        let path = block.to_string();
        let node = self.node(at, block);
        node.state = State::Running;
        node.wait = Some(match wish {
            Wish::Items(each) => Wait::Items(Progress {
                total: each.items.len(),
                done: 0,
                failed: 0,
                concurrency: each.concurrency,
            }),
            Wish::Round { round, .. } => Wait::Round(*round),
            Wish::Call { blueprint, .. } => Wait::Call(blueprint.clone()),
            Wish::Sleep { until } => Wait::Sleep(*until),
            Wish::Answer(question) => Wait::Answer(question.clone()),
        });
        if !matches!(wish, Wish::Sleep { .. } | Wish::Answer(_)) {
            self.hosts.insert(path, at);
        }
    }

    fn end_block(&mut self, at: At, block: &BlockPath, state: State) {
        let node = self.node(at, block);
        node.state = state;
        if let (Some(Wait::Items(progress)), State::Finished { message: None, .. }) =
            (&mut node.wait, &node.state)
        {
            progress.done = progress.total;
        }
        let path = node.path.clone();
        let is_unhandled = self.is_unhandled(at);
        self.hosts.remove(&path);
        self.collapse(at);
        self.end_in_scope(at, is_unhandled);
    }

    fn is_unhandled(&self, at: At) -> bool {
        let Some(node) = self.nodes.get(&at) else { return false };
        match &node.state {
            State::Finished { outcome, message: Some(_), .. } => {
                let known = self.outline.get(&node.static_path);
                !known.is_some_and(|known| known.handles.contains(outcome))
            }
            _ => false,
        }
    }
}

pub(super) fn answer(result: &Shared) -> Option<Answer> {
    let status = result.get("status_code")?.as_u64()?;
    let bytes = match result.get("body")? {
        Value::Null => 0,
        Value::String(text) => text.len() as u64,
        other => json_size(other),
    };
    Some(Answer { status, bytes })
}

/// Returns the size of a value as compact JSON, without writing it down.
fn json_size(value: &Value) -> u64 {
    struct Counter(u64);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value).expect("counting cannot fail");
    counter.0
}
