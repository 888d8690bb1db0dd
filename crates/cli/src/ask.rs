//! How a person gives a passphrase or the value of a secret: hidden, and never as an argument.

use std::{fs, io::Read as _, path::Path};

use anyhow::{Context as _, Result};
use blueprint_model::Secret;
use blueprint_project::failure::Failure;

use crate::app::App;

/// Asks for the passphrase of the vault; `None` where the terminal is gone.
pub fn ask_passphrase(prompt: &str) -> Option<Secret> {
    rpassword::prompt_password(prompt).ok().map(Secret::new)
}

/// Reads a new value: from a file, a variable, a hidden prompt typed twice, or stdin.
///
/// # Errors
///
/// Returns a failure if there is none, or the two differ.
pub fn read_value(
    file: Option<&Path>,
    variable: Option<&str>,
    key: &str,
    app: &mut App,
) -> Result<Secret> {
    let text = match (file, variable) {
        (Some(file), _) => fs::read_to_string(file)
            .map_err(|err| Failure::wrong(format!("cannot read {}: {err}", file.display())))?,
        (None, Some(variable)) => app.environment.take(variable).ok_or_else(|| {
            Failure::wrong(format!("the process variable `{variable}` is not set"))
        })?,
        (None, None) if app.is_interactive => {
            return ask_twice(&format!("Value of {key} (not shown): "));
        }
        (None, None) => read_stdin()?,
    };
    Ok(Secret::new(without_last_line_end(&text).to_owned()))
}

/// Asks for something twice, hidden.
///
/// # Errors
///
/// Returns a failure if the two differ or the terminal is gone.
pub fn ask_twice(prompt: &str) -> Result<Secret> {
    let first = rpassword::prompt_password(prompt).context("cannot read from the terminal")?;
    let second =
        rpassword::prompt_password("Once more: ").context("cannot read from the terminal")?;
    if first != second {
        return Err(Failure::wrong("the two do not match; nothing was stored").into());
    }
    Ok(Secret::new(first))
}

/// Reads all of stdin as text.
///
/// # Errors
///
/// Returns an error if it is not UTF-8 or cannot be read.
pub fn read_stdin() -> Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("cannot read stdin")?;
    Ok(text)
}

/// Returns a text without its last line end.
pub fn without_last_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
