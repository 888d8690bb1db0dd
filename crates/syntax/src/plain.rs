//! Plain YAML without references: project files, test files, and values written out.

use blueprint_model::{
    Diagnostic, Span, Value,
    code::{self, Code},
    schema::Schema,
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::yaml::{self, Repair};

/// Returns the schema of fields that are declared as `inputs` are, or all that is wrong with them.
pub fn fields_of(value: &Value) -> Result<Schema, Vec<String>> {
    // One reader of declarations, so that a form means what inputs mean.
    let text = yaml_of(&json!({"name": "form", "inputs": value, "blocks": {}}));
    let (blueprint, faults) = crate::read::parse("form", &text);
    let faults = faults.into_iter().filter(|fault| fault.code != code::NO_BLOCKS);
    let faults: Vec<String> = faults.map(|fault| fault.message).collect();
    if faults.is_empty() { Ok(blueprint.inputs) } else { Err(faults) }
}

/// Returns the value of a YAML text, within the same bounds as a blueprint.
pub fn value_of(text: &str) -> Result<Value, Box<Diagnostic>> {
    let document = yaml::load(text, Repair::Nothing);
    match document.faults.into_iter().find(Diagnostic::is_error) {
        Some(fault) => Err(Box::new(fault)),
        None => Ok(document.root.map_or(Value::Null, |root| root.to_value())),
    }
}

/// Reads a YAML text as a `T`; a text that does not fit is a fault of this code, with its place.
///
/// An empty text is an empty object, so that a `T` with defaults can be read from it. Messages
/// quote no values.
pub fn read<T: DeserializeOwned>(text: &str, code: Code) -> Result<T, Box<Diagnostic>> {
    let value = value_of(text)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let result =
        if value.is_null() { serde_yaml::from_str("{}") } else { serde_yaml::from_str(text) };
    result.map_err(|err| {
        let at = err.location().map_or(0, |location| location.index().min(text.len()));
        let message = err.to_string();
        // The parser adds the place in words, which the span says better.
        let message = message.split(" at line ").next().unwrap_or(&message);
        Box::new(Diagnostic::error(code, word_at(text, at), without_values(message)))
    })
}

/// Returns a value as YAML.
pub fn yaml_of(value: &Value) -> String {
    serde_yaml::to_string(value).expect("every JSON value can be written as YAML")
}

fn word_at(text: &str, at: usize) -> Span {
    let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let rest = &text[at..];
    let len = rest.find([':', ',', ' ', '\n', '\r', ']', '}']).unwrap_or(rest.len());
    Span::new(at, at + len)
}

/// Takes the value out of serde's words: `invalid type: string "x", expected …`.
fn without_values(message: &str) -> String {
    match (message.find('"'), message.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}{}", message[..first].trim_end(), &message[last + 1..])
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use blueprint_model::code;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Default)]
    #[serde(deny_unknown_fields, default)]
    struct Project {
        name: String,
        env: Vec<String>,
        limits: Limits,
    }

    #[derive(Debug, Deserialize, PartialEq, Default)]
    #[serde(deny_unknown_fields, default)]
    struct Limits {
        depth: usize,
    }

    #[track_caller]
    fn check_fault(text: &str, code: &str, place: &str, words: &str) {
        let fault = read::<Project>(text, code::BAD_PROJECT).unwrap_err();
        assert_eq!(fault.code.as_str(), code, "{fault:?}");
        assert_eq!(&text[fault.span.range()], place, "{fault:?}");
        assert!(fault.message.contains(words), "{fault:?}");
    }

    #[test]
    fn a_project_is_read_with_its_defaults() {
        let project: Project = read("name: x\nlimits: {depth: 3}\n", code::BAD_PROJECT).unwrap();
        assert_eq!((project.name.as_str(), project.limits.depth), ("x", 3));
        assert_eq!(read::<Project>("# nothing\n", code::BAD_PROJECT), Ok(Project::default()));
    }

    #[test]
    fn faults_of_a_project_have_a_place_and_no_value() {
        check_fault("name: x\nnmae: y\n", "BP0801", "nmae", "unknown field `nmae`");
        check_fault("limits:\n  depth: hunter2\n", "BP0801", "hunter2", "string, expected usize");
        check_fault("a: [1\nb: 2", "BP0100", ":", "not expected");
        check_fault("name: x\nname: y\n", "BP0106", "name", "twice");
    }

    #[test]
    fn what_is_written_reads_back() {
        let texts = [
            "",
            " ",
            "no",
            "true",
            "null",
            "~",
            "007",
            "+1",
            "1_000",
            "0x1F",
            "1e3",
            ".5",
            "1.",
            "-",
            "@{x}",
            "a: b",
            "a #b",
            "#a",
            "a\nb\n",
            "a\n\n",
            "\n",
            "'",
            "\"",
            "\\",
            "é",
            "\u{85}",
            "\u{feff}",
            "\t",
            "- a",
            "? a",
            "[a",
            "{a",
            "*a",
            "&a",
            "!a",
            "%a",
            "`a",
            "=",
            "<<",
            ".inf",
            ".nan",
            "12345678901234567890123",
            "2026-11-24",
            "a\r\nb",
            "\u{1}",
            "  a",
            "a  ",
            "---",
            "...",
            "y",
            "Yes",
            "0o7",
            "NULL",
            "1:30",
        ];
        for text in texts {
            for value in [json!(text), json!({ text: text }), json!([text, [text]])] {
                let written = yaml_of(&value);
                assert_eq!(value_of(&written).as_ref(), Ok(&value), "{written:?}");
            }
        }
        let value = json!({"b": [1, -2.5, 1e300, u64::MAX, null, true, {}, []], "a": 1.0});
        assert_eq!(value_of(&yaml_of(&value)), Ok(value));
    }

    #[test]
    fn aliases_are_copied_within_a_bound() {
        assert_eq!(value_of("a: &x {k: 1}\nb: *x\n"), Ok(json!({"a": {"k": 1}, "b": {"k": 1}})));
        let bomb = format!("a: &x {}\nb: [{}]", "x".repeat(1_000_000), "*x, ".repeat(1_000));
        assert_eq!(value_of(&bomb).unwrap_err().code.as_str(), "BP0109");
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let below = format!("*a{}, ", level - 1).repeat(9);
            laughs = format!("{laughs}a{level}: &a{level} [{below}]\n");
        }
        assert_eq!(value_of(&laughs).unwrap_err().code.as_str(), "BP0109");
        assert_eq!(value_of("a: &x [*x]").unwrap_err().code.as_str(), "BP0100");
    }
}
