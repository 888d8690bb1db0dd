//! What a running script may know of the vault, and who answers it.
//!
//! In the block's own process its way out answers. In a worker process the question goes back over
//! the pipe, so that no value, no list of keys and no seed of handles is ever there.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use blueprint_model::egress::Egress;
use zeroize::Zeroizing;

/// What a script asks about secrets.
pub(crate) enum Question<'q> {
    /// What `vault.NAME` is.
    Name(&'q str),
    /// Whether a text holds a handle, or a part of one.
    Holds(&'q str),
    /// The handle of a function's result; arguments may hold handles.
    Derive {
        /// The function.
        function: &'q str,
        /// Its arguments.
        arguments: Vec<String>,
    },
}

/// What it is answered.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A handle.
    Handle(String),
    /// The value: the block reveals this key.
    Value(Zeroizing<String>),
    /// The vault has no such key.
    Missing,
    /// The block may not use this key, or there is no such function.
    Unknown,
    /// The vault says no, and why.
    Refused(String),
    /// The text holds a handle.
    Yes,
    /// The text holds none.
    No,
    /// More was asked than the run may hold.
    TooMuch,
}

/// Whoever answers.
pub(crate) enum Keys {
    /// The way out of the block, in this process.
    Own(Egress),
    /// Somebody at the other end of a pipe.
    Lent(Lent),
}

/// What a worker process knows of a block's secrets.
pub(crate) struct Lent {
    /// Hands a question on and waits for the reply.
    ask: fn(&Question<'_>) -> Reply,
    /// Whether the run has secrets: without any, no text holds a handle.
    has_secrets: bool,
    /// Names that were asked for already.
    known: Mutex<BTreeMap<String, Reply>>,
}

impl Keys {
    /// Returns keys that somebody else has.
    pub(crate) fn lent(has_secrets: bool, ask: fn(&Question<'_>) -> Reply) -> Self {
        Self::Lent(Lent { ask, has_secrets, known: Mutex::default() })
    }

    /// Asks.
    pub(crate) fn ask(&self, question: Question<'_>) -> Reply {
        match self {
            Self::Own(egress) => answer(egress, question),
            Self::Lent(lent) => lent.ask(&question),
        }
    }
}

impl Lent {
    fn ask(&self, question: &Question<'_>) -> Reply {
        match question {
            Question::Name(name) => {
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                let asked = || (self.ask)(question);
                known.entry((*name).into()).or_insert_with(asked).clone()
            }
            Question::Holds(_) if !self.has_secrets => Reply::No,
            Question::Holds(_) | Question::Derive { .. } => (self.ask)(question),
        }
    }
}

/// Answers for the way out of a block.
pub(crate) fn answer(egress: &Egress, question: Question<'_>) -> Reply {
    match question {
        Question::Name(name) => look_up(egress, name),
        Question::Holds(text) => match egress.secrets().holds_token(text) {
            true => Reply::Yes,
            false => Reply::No,
        },
        Question::Derive { function, arguments } => {
            let secrets = egress.secrets();
            let known = secrets.derivations().iter().position(|known| known.name == function);
            known.map_or(Reply::Unknown, |at| Reply::Handle(secrets.derive(at, arguments)))
        }
    }
}

fn look_up(egress: &Egress, name: &str) -> Reply {
    match egress.reveal(name) {
        Ok(Some(value)) => return Reply::Value(Zeroizing::new(value.into())),
        Ok(None) => {}
        Err(err) => return Reply::Refused(err.message),
    }
    match egress.handle(name) {
        Some(token) => Reply::Handle(token),
        None if egress.may_name(name) => Reply::Missing,
        None => Reply::Unknown,
    }
}
