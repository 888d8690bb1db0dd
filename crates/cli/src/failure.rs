//! Why a command did not do its work: what a person reads, and how the process ends.

use blueprint_model::{code::Code, diagnostic};

use crate::{exit::Exit, terminal::Terminal, terminal::Tone};

/// A command's failure. It travels inside `anyhow::Error`; any other error there means that the
/// environment is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// The kind of fault, if it has a page of its own.
    pub code: Option<Code>,
    /// What is wrong: a lower-case fragment without full stop; never a secret's value.
    pub message: String,
    /// What to do; best a command to type.
    pub hint: Option<String>,
}

impl Failure {
    /// Returns the failure for wrong arguments, blueprints or inputs.
    pub fn wrong(message: impl Into<String>) -> Self {
        Self::new(Exit::Wrong, message)
    }

    /// Returns the failure for a broken environment.
    pub fn environment(message: impl Into<String>) -> Self {
        Self::new(Exit::Environment, message)
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

    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, code: None, message: message.into(), hint: None }
    }
}

/// Writes an error for people and returns how the process ends.
///
/// # Errors
///
/// Returns an error if the terminal cannot be written to.
pub fn report(error: &anyhow::Error, terminal: &mut Terminal) -> std::io::Result<Exit> {
    let failure = error.downcast_ref::<Failure>();
    let code = failure.and_then(|failure| failure.code);
    let title = match code {
        Some(code) => format!("error[{code}]"),
        None => "error".into(),
    };
    let title = terminal.paint.paint(Tone::Bad, &title);
    terminal.line(&format!("{title}: {error}"))?;
    for cause in error.chain().skip(1) {
        terminal.line(&format!("  caused by: {cause}"))?;
    }
    if let Some(hint) = failure.and_then(|failure| failure.hint.as_deref()) {
        terminal.line(&format!("  help: {}", hint.replace('\n', "\n        ")))?;
    }
    if let Some(code) = code {
        terminal.line(&format!("  more: blueprint explain {code}"))?;
    }
    Ok(failure.map_or(Exit::Environment, |failure| failure.exit))
}

#[cfg(test)]
mod tests {
    use blueprint_model::code;

    use super::*;

    #[track_caller]
    fn check(error: impl Into<anyhow::Error>, exit: Exit, expected: &str) {
        let mut terminal = Terminal::memory();
        assert_eq!(report(&error.into(), &mut terminal).unwrap(), exit);
        assert_eq!(terminal.text(), expected);
    }

    #[test]
    fn a_failure_ends_with_what_to_do() {
        check(
            Failure::wrong("there is no file `x.yaml`").code(code::NO_FILE).help("try\nagain"),
            Exit::Wrong,
            "error[BP0802]: there is no file `x.yaml`\n  help: try\n        again\n  \
             more: blueprint explain BP0802\n",
        );
        check(
            Failure::unknown("topic", "exit-code", ["exit-codes", "references"]),
            Exit::Wrong,
            "error: there is no topic `exit-code`\n  help: did you mean `exit-codes`?\n",
        );
    }

    #[test]
    fn any_other_error_is_the_environment() {
        let error = anyhow::Error::from(std::io::Error::other("disk full")).context("cannot write");
        check(error, Exit::Environment, "error: cannot write\n  caused by: disk full\n");
    }
}
