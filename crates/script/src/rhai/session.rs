//! What the run on this thread has beside its variables: the vault's keys, the log, the output.

use std::{cell::RefCell, sync::Arc};

use blueprint_model::block::{Level, LogLine};
use rhai::{Dynamic, EvalAltResult, ImmutableString, Position};

use crate::{
    guard::{self, Stop},
    keys::Keys,
};

/// What a function for scripts gives back.
pub(super) type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// What a run collects.
pub(super) struct Session {
    keys: Arc<Keys>,
    output_left: usize,
    /// What it logged and printed.
    pub(super) log: Vec<LogLine>,
    /// What it gave to `set_output`.
    pub(super) output: Option<Dynamic>,
    /// Whether it was given a secret's value.
    pub(super) has_revealed: bool,
}

thread_local! {
    static SESSION: RefCell<Option<Session>> = const { RefCell::new(None) };
}

/// An error of our own functions.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    /// Why.
    pub(super) text: ImmutableString,
    /// Whether the text quotes nothing that the script computed.
    pub(super) is_plain: bool,
}

/// Returns an error of our own, whose text quotes nothing that the script computed.
pub(super) fn refuse(text: impl Into<ImmutableString>) -> Box<EvalAltResult> {
    refusal(Refusal { text: text.into(), is_plain: true })
}

/// Returns an error of our own, whose text quotes a short word that the script computed.
pub(super) fn refuse_quoting(text: impl Into<ImmutableString>) -> Box<EvalAltResult> {
    refusal(Refusal { text: text.into(), is_plain: false })
}

fn refusal(refusal: Refusal) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(refusal), Position::NONE))
}

/// Returns the error that ends a run for good: scripts cannot catch it.
pub(super) fn stopped(_why: Stop) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE))
}

/// Returns whether so many more bytes may be held.
pub(super) fn room(bytes: usize) -> Fallible<()> {
    guard::room(bytes).map_err(stopped)
}

/// Counts work that no operation counts.
pub(super) fn work(units: usize) -> Fallible<()> {
    guard::work(units).map_err(stopped)
}

/// Opens the session of this thread.
pub(super) fn open(keys: &Arc<Keys>, output: usize) {
    let session = Session {
        keys: keys.clone(),
        output_left: output,
        log: Vec::new(),
        output: None,
        has_revealed: false,
    };
    SESSION.with_borrow_mut(|slot| *slot = Some(session));
}

/// Closes it and returns what it collected.
pub(super) fn close() -> Option<Session> {
    SESSION.with_borrow_mut(Option::take)
}

/// Calls `use_it` with the keys of the running block.
pub(super) fn with_keys<T>(use_it: impl FnOnce(&Keys) -> Fallible<T>) -> Fallible<T> {
    SESSION.with_borrow(|slot| match slot {
        Some(session) => use_it(&session.keys),
        None => Err(refuse("secrets exist only while a script runs")),
    })
}

/// Notes that the script was given a secret's value.
pub(super) fn note_reveal() {
    with(|session| session.has_revealed = true);
}

/// Sets the output.
pub(super) fn set_output(value: Dynamic) {
    with(|session| session.output = Some(value));
}

/// Adds a line to the log, within the bound on output.
pub(super) fn log(level: Level, text: &str) {
    with(|session| match session.output_left.checked_sub(text.len().max(1)) {
        Some(left) => {
            session.output_left = left;
            session.log.push(LogLine { level, text: text.into() });
        }
        None => guard::stop(Stop::Output),
    });
}

fn with(change: impl FnOnce(&mut Session)) {
    SESSION.with_borrow_mut(|slot| {
        if let Some(session) = slot {
            change(session);
        }
    });
}
