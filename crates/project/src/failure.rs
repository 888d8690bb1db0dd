//! Why something could not be done: whose fault it is, what a person reads, and what to do.

use blueprint_model::{code::Code, diagnostic};

/// What a command or a request failed with. It travels inside `anyhow::Error`; any other error there
/// means that the environment is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Whose fault it is.
    pub blame: Blame,
    /// The kind of fault, if it has a page of its own.
    pub code: Option<Code>,
    /// What is wrong: a lower-case fragment without full stop; never a secret's value.
    pub message: String,
    /// What to do; best a command to type.
    pub hint: Option<String>,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Of who asked: wrong arguments, blueprints or inputs.
    Asker,
    /// Of what is around: the vault is locked, the disk is full.
    Environment,
}

impl Failure {
    /// Returns the failure for wrong arguments, blueprints or inputs.
    pub fn wrong(message: impl Into<String>) -> Self {
        Self::new(Blame::Asker, message)
    }

    /// Returns the failure for a broken environment.
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Blame::Environment, message)
    }

    /// Returns the failure for a name that is not known, with the nearest one or the list.
    pub fn unknown<'n>(
        what: &str,
        typed: &str,
        known: impl IntoIterator<Item = &'n str> + Clone,
    ) -> Self {
        Self {
            hint: diagnostic::suggest(typed, known),
            ..Self::wrong(format!("there is no {what} `{typed}`"))
        }
    }

    /// Adds the kind of fault.
    #[must_use]
    pub fn code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn new(blame: Blame, message: impl Into<String>) -> Self {
        Self { blame, code: None, message: message.into(), hint: None }
    }
}
