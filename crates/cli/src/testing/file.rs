//! The format of a test file, `NAME.test.yaml`.

use std::collections::BTreeMap;

use blueprint_model::{
    Diagnostic, Value,
    code::{self, Code},
    value::Map,
};
use serde::{Deserialize, Deserializer};

/// A file of cases.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestFile {
    /// The blueprint's file, beside this one; without it, the file of the same name.
    #[serde(default)]
    pub blueprint: Option<String>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One run, and what is expected of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it is about.
    pub name: String,
    /// The inputs.
    #[serde(default)]
    pub inputs: Map<String, Value>,
    /// What the trigger brings; without it, the inputs.
    #[serde(default, deserialize_with = "present")]
    pub payload: Option<Value>,
    /// Process variables that the blueprint may see.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Values of secrets, never real ones; null leaves one out. Others get a value of their own.
    #[serde(default)]
    pub secrets: BTreeMap<String, Option<String>>,
    /// What blocks answer, by their paths without items.
    #[serde(default)]
    pub mocks: Map<String, Value>,
    /// What is expected.
    #[serde(default)]
    pub expect: Option<Expected>,
}

/// What is expected of a run. What is not said is not looked at, but for the status.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expected {
    /// `succeeded`, `failed`, `cancelled`, or `refused` because of the inputs; without it and
    /// `error`, `succeeded`.
    pub status: Option<String>,
    /// How each block ended, in order: `fetch success`, `alert skipped`.
    pub trace: Option<Vec<String>>,
    /// What the run returns.
    #[serde(deserialize_with = "present")]
    pub value: Option<Value>,
    /// The state at the end.
    #[serde(deserialize_with = "present")]
    pub state: Option<Value>,
    /// Why it failed: the message, or an object of `block`, `outcome` and `message`.
    #[serde(deserialize_with = "present")]
    pub error: Option<Value>,
}

/// The code of faults in test files: they are configuration.
const CODE: Code = code::BAD_PROJECT;

/// Reads a test file.
///
/// # Errors
///
/// Returns the first fault, with its place.
pub fn read(text: &str) -> Result<TestFile, Box<Diagnostic>> {
    blueprint_syntax::read(text, CODE)
}

/// A key that is there is something, also where its value is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_is_a_value_and_absence_is_none() {
        let file = read("cases:\n  - {name: a, expect: {value: }}\n  - {name: b}\n").unwrap();
        let expected = file.cases[0].expect.as_ref().unwrap();
        assert_eq!((expected.value.clone(), expected.state.clone()), (Some(json!(null)), None));
        assert_eq!(file.cases[1].expect, None);
    }

    #[test]
    fn faults_have_their_place() {
        let fault = read("cases:\n  - {name: a, expct: {}}\n").unwrap_err();
        assert!(fault.message.contains("unknown field `expct`"), "{}", fault.message);
        assert!(read("cases: 1").is_err() && read("").is_err());
    }
}
