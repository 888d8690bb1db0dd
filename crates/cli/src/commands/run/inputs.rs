//! The inputs of a run as a person gives them: arguments, files, stdin.

use blueprint_project::failure::Failure;
use std::path::PathBuf;

use crate::ask;
use anyhow::Result;
use blueprint_model::{
    Value, code,
    schema::{self, Schema, SchemaType},
    value::Map,
};

/// One input as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub key: String,
    /// Where its value is.
    pub value: Given,
}

/// Where the value of an argument is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// Here.
    Text(String),
    /// In a file.
    File(PathBuf),
    /// On stdin.
    Stdin,
}

impl Given {
    /// Reads `@FILE`, `@-`, `@@TEXT` for text that begins with `@`, or text.
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix('@') {
            None => Self::Text(text.into()),
            Some("-") => Self::Stdin,
            Some(rest) if rest.starts_with('@') => Self::Text(rest.into()),
            Some(path) => Self::File(path.into()),
        }
    }

    /// Reads the value. One line end at the end of a file or of stdin is dropped.
    ///
    /// # Errors
    ///
    /// Returns a failure if the file cannot be read.
    pub fn read(&self) -> Result<String> {
        let mut text = match self {
            Self::Text(text) => return Ok(text.clone()),
            Self::Stdin => ask::read_stdin()?,
            Self::File(path) => std::fs::read_to_string(path).map_err(|err| {
                Failure::wrong(format!("cannot read {}: {err}", path.display())).code(code::NO_FILE)
            })?,
        };
        if text.ends_with('\n') {
            text.truncate(text.len() - 1);
        }
        Ok(text)
    }
}

/// Gathers the inputs: those of `--inputs`, then each `-i`.
///
/// # Errors
///
/// Returns a failure if one cannot be read, or is no JSON where it must be.
pub(super) fn gather(all: Option<&str>, single: &[Input], declared: &Schema) -> Result<Value> {
    let mut inputs = match all {
        None => Map::new(),
        Some(text) => {
            let text = match Given::parse(text) {
                Given::Text(text) => text,
                other => other.read()?,
            };
            match serde_json::from_str(&text) {
                Ok(Value::Object(map)) => map,
                Ok(_) => return Err(bad_input("`--inputs` must be a JSON object".into())),
                Err(err) => return Err(bad_input(format!("`--inputs` is not JSON: {err}"))),
            }
        }
    };
    for input in single {
        let text = input.value.read()?;
        let value = typed(&input.key, text, declared.properties.get(&input.key))?;
        inputs.insert(input.key.clone(), value);
    }
    // Without declared inputs everything is payload.
    let known = &declared.properties;
    if let Some(name) = inputs.keys().find(|name| !known.is_empty() && !known.contains_key(*name)) {
        let names = known.keys().map(String::as_str);
        return Err(Failure::unknown("input", name, names).code(code::BAD_INPUTS).into());
    }
    Ok(Value::Object(inputs))
}

/// Reads the fields of a form, typed and judged as it declares them.
///
/// # Errors
///
/// Returns a failure that names every field that does not fit.
pub(crate) fn form(given: &[Input], details: &Value) -> Result<Value> {
    let declared = blueprint_syntax::fields_of(details)
        .map_err(|faults| Failure::wrong(format!("the form is wrong: {}", faults.join("; "))))?;
    let fields = schema::with_defaults(&declared, gather(None, given, &declared)?);
    let misfits = schema::check(&declared, &fields);
    if misfits.is_empty() {
        return Ok(fields);
    }
    let misfits = misfits
        .iter()
        .map(|it| format!("field `{}` {}", it.path.trim_start_matches('.'), it.message));
    Err(bad_input(misfits.collect::<Vec<_>>().join("; ")))
}

/// Reads JSON that an argument gives, or names as `@FILE` or `@-`.
///
/// # Errors
///
/// Returns a failure if it cannot be read or is no JSON.
pub(crate) fn read_json(argument: &str, text: &str) -> Result<Value> {
    let text = Given::parse(text).read()?;
    serde_json::from_str(&text).map_err(|err| bad_input(format!("`{argument}` is not JSON: {err}")))
}

/// Gives a text the type that its input declares. Text that fits no other type stays text and is
/// judged with all inputs.
fn typed(key: &str, text: String, declared: Option<&Schema>) -> Result<Value> {
    let Some(declared) = declared else { return Ok(Value::String(text)) };
    let wants = |kind| declared.types.contains(&kind);
    if declared.types.is_empty() {
        return Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)));
    }
    if wants(SchemaType::String) {
        return Ok(Value::String(text));
    }
    match serde_json::from_str(text.trim()) {
        Ok(value) => Ok(value),
        Err(err) if wants(SchemaType::Array) || wants(SchemaType::Object) => {
            Err(bad_input(format!("input `{key}` is not JSON: {err}")))
        }
        Err(_) => Ok(Value::String(text)),
    }
}

fn bad_input(message: String) -> anyhow::Error {
    Failure::wrong(message).code(code::BAD_INPUTS).into()
}

/// Reads `KEY=VALUE`.
///
/// # Errors
///
/// Returns what is missing.
pub(crate) fn parse_input(text: &str) -> Result<Input, String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    if key.is_empty() {
        return Err("the name before `=` is missing".into());
    }
    Ok(Input { key: key.into(), value: Given::parse(value) })
}

/// Reads `BLOCK=@FILE`.
///
/// # Errors
///
/// Returns what is missing.
pub(super) fn parse_mock(text: &str) -> Result<Input, String> {
    let (key, value) = text.split_once('=').ok_or("write it as BLOCK=@FILE")?;
    if key.is_empty() {
        return Err("the block before `=` is missing".into());
    }
    Ok(Input { key: key.into(), value: Given::parse(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, key: &str, value: Given) {
        assert_eq!(parse_input(text), Ok(Input { key: key.into(), value }));
    }

    #[test]
    fn inputs_come_from_arguments_files_and_stdin() {
        check("a=1", "a", Given::Text("1".into()));
        check("a=", "a", Given::Text(String::new()));
        check("a=b=c", "a", Given::Text("b=c".into()));
        check("a=@x.json", "a", Given::File("x.json".into()));
        check("a=@-", "a", Given::Stdin);
        check("a=@@x", "a", Given::Text("@x".into()));
        assert!(parse_input("a").is_err());
        assert!(parse_input("=a").is_err());
    }
}
