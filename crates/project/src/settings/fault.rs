//! Faults of `project.yaml`, in the words of its author rather than of serde.

use std::fmt;

use blueprint_model::diagnostic;

/// A fault of `project.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ProjectError {
    /// The path of the key; `.` for the file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl ProjectError {
    /// Returns the fault that serde found.
    pub(super) fn of_serde(err: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let message = err.inner().to_string();
        Self { path: err.path().to_string(), hint: nearest_key(&message), message: plain(&message) }
    }

    /// Returns the fault of a value that should be an object; serde would take a list for one.
    pub(super) fn not_an_object(path: &str) -> Self {
        Self { path: path.into(), message: "expected an object".into(), hint: None }
    }
}

impl fmt::Display for ProjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "." => write!(f, "project.yaml: {}", self.message),
            path => write!(f, "project.yaml: `{path}`: {}", self.message),
        }
    }
}

/// Removes the words that serde uses for Rust's types.
fn plain(message: &str) -> String {
    let mut plain = message.to_owned();
    for (rust, word) in [
        ("invalid type: ", "this is "),
        ("invalid value: ", "this is "),
        ("unknown field ", "unknown key "),
        ("unknown variant ", "unknown value "),
        ("missing field ", "missing key "),
        ("expected a sequence", "expected a list"),
        ("expected a map", "expected an object"),
        ("expected usize", "expected a whole number"),
        ("expected u64", "expected a whole number"),
        ("sequence", "list"),
    ] {
        plain = plain.replace(rust, word);
    }
    match plain.find("expected struct ") {
        Some(at) => format!("{}expected an object", &plain[..at]),
        None => plain,
    }
}

fn nearest_key(message: &str) -> Option<String> {
    let (found, known) = message.split_once(", expected ")?;
    let typed = found.strip_prefix("unknown field ").or(found.strip_prefix("unknown variant "))?;
    let names = known.split('`').skip(1).step_by(2);
    let nearest = diagnostic::did_you_mean(typed.trim_matches('`'), names)?;
    Some(format!("did you mean `{nearest}`?"))
}
