//! What a person reads of a failure, and how the process ends.

use blueprint_project::failure::{Blame, Failure};

use crate::{exit::Exit, terminal::Terminal, terminal::Tone};

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
    Ok(match failure.map(|failure| failure.blame) {
        Some(Blame::Asker) => Exit::Wrong,
        Some(Blame::Environment) | None => Exit::Environment,
    })
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
