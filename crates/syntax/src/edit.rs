//! Changes of single values in a YAML text: all else, comments included, stays as it is written.

use blueprint_model::{Value, value::Map as JsonMap};

use crate::{
    plain,
    yaml::{self, Data, Map, Repair, Tree},
};

/// A step of a path into a YAML text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'s> {
    /// The value of a key.
    Key(&'s str),
    /// An item of a list, counted from 0.
    Item(usize),
}

/// The longest line that a value is written on.
const MAX_LINE: usize = 80;

/// Returns the text with another value under `key` of the object at `path`; a key that is not there
/// is added behind the others.
///
/// `None` where that cannot be done without touching anything else: the text is no YAML, there is
/// no object at the path, or the object is written in braces and has no such key.
pub fn set_value(text: &str, path: &[Step<'_>], key: &str, value: &Value) -> Option<String> {
    let document = yaml::load(text, Repair::Nothing);
    let mut wanted = document.root.as_ref()?.to_value();
    let map = map_at(document.root.as_ref()?, path)?;
    object_at(&mut wanted, path)?.insert(key.to_owned(), value.clone());
    // What an anchor, a comment behind or a strange layout would break is found here.
    let is_right = |edited: &String| plain::value_of(edited).is_ok_and(|value| value == wanted);
    let Some(entry) = map.get(key) else {
        return add(text, map, key, value).filter(is_right);
    };
    let after_key = entry.key_span.end;
    let colon = after_key + text.get(after_key..)?.find(':')?;
    let is_in_braces = is_in_braces(text, entry.key_span.start, map);
    let indent = column(text, entry.key_span.start);
    let end = entry.value.span.end.max(colon + 1);
    let new = written(value, is_in_braces, indent, text.get(colon + 1..end)?);
    let with = |new: &str| format!("{}{new}{}", &text[..=colon], &text[end..]);
    let edited = Some(with(&new)).filter(is_right);
    edited.or_else(|| Some(with(&format!(" {}", flow_of(value)))).filter(is_right))
}

fn map_at<'t>(root: &'t Tree, path: &[Step<'_>]) -> Option<&'t Map> {
    let mut here = root;
    for step in path {
        here = match (step, &here.data) {
            (Step::Key(key), Data::Map(map)) => &map.get(*key)?.value,
            (Step::Item(at), Data::List(items)) => items.get(*at)?,
            (Step::Key(_) | Step::Item(_), _) => return None,
        };
    }
    match &here.data {
        Data::Map(map) => Some(map),
        Data::Scalar(_) | Data::Text(_) | Data::List(_) => None,
    }
}

fn object_at<'v>(root: &'v mut Value, path: &[Step<'_>]) -> Option<&'v mut JsonMap<String, Value>> {
    let mut here = root;
    for step in path {
        here = match step {
            Step::Key(key) => here.get_mut(*key)?,
            Step::Item(at) => here.get_mut(*at)?,
        };
    }
    here.as_object_mut()
}

/// Adds a key behind the last one of an object that is written on lines of its own.
fn add(text: &str, map: &Map, key: &str, value: &Value) -> Option<String> {
    let (_, first) = map.first()?;
    let (_, last) = map.last()?;
    if is_in_braces(text, first.key_span.start, map) {
        return None;
    }
    let end = last.value.span.end.max(last.key_span.end);
    let line_end = end + text.get(end..)?.find('\n').unwrap_or(text.len() - end);
    let indent = column(text, first.key_span.start);
    let new = written(value, false, indent, "");
    let blanks = " ".repeat(indent);
    Some(format!("{}\n{blanks}{key}:{new}{}", &text[..line_end], &text[line_end..]))
}

/// Returns whether an object is written in braces: its keys do not begin their lines.
fn is_in_braces(text: &str, key: usize, map: &Map) -> bool {
    let before = |at: usize| &text[text[..at].rfind('\n').map_or(0, |at| at + 1)..at];
    let is_first = map.first().is_some_and(|(_, entry)| entry.key_span.start == key);
    // The first key of an item of a list stands behind its dash.
    let dashes = if is_first { before(key).trim_start_matches([' ', '-']) } else { before(key) };
    !dashes.trim().is_empty() || text[..key].trim_end().ends_with(['{', ','])
}

fn column(text: &str, at: usize) -> usize {
    let line = text[..at].rfind('\n').map_or(0, |at| at + 1);
    text[line..at].chars().count()
}

/// Returns a value as it stands behind a colon, on one line or on lines of its own. What was on
/// one line stays there if it fits, what was on lines of its own stays there.
fn written(value: &Value, is_in_braces: bool, indent: usize, old: &str) -> String {
    let was_one_line = !old.contains('\n');
    let is_one_line =
        !is_nested(value) && !is_lines(value) || was_one_line && is_short(value, indent);
    match (is_in_braces, is_one_line) {
        (true, _) => format!(" {}", flow_of(value)),
        (false, true) => format!(" {}", line_of(value)),
        (false, false) => block_of(value, indent),
    }
}

/// Returns a value on lines of its own, which begin behind the colon of a key in this column.
fn block_of(value: &Value, indent: usize) -> String {
    let blanks = " ".repeat(indent + 2);
    match value {
        Value::Object(map) if !map.is_empty() => map
            .iter()
            .map(|(key, value)| {
                let key = flow_of(&Value::from(key.as_str()));
                format!("\n{blanks}{key}:{}", behind(value, indent + 2))
            })
            .collect(),
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .map(|item| match is_short(item, indent + 4) || !item.is_object() {
                true => format!("\n{blanks}- {}", line_of(item)),
                // Its first key stands behind the dash.
                false => {
                    format!("\n{blanks}- {}", block_of(item, indent + 2).trim_start())
                }
            })
            .collect(),
        Value::String(_) if is_lines(value) => {
            // The header of a text of several lines stays behind the colon.
            let text = plain::yaml_of(value);
            let (header, lines) = text.split_once('\n').unwrap_or((&text, ""));
            let lines = lines.trim_end_matches('\n').lines();
            let lines = lines.map(|line| match line {
                "" => "\n".to_owned(),
                line => format!("\n{blanks}{}", line.strip_prefix("  ").unwrap_or(line)),
            });
            format!(" {header}{}", lines.collect::<String>())
        }
        other => format!(" {}", line_of(other)),
    }
}

fn behind(value: &Value, indent: usize) -> String {
    let is_one_line = !is_lines(value) && (!is_nested(value) || is_short(value, indent));
    if is_one_line { format!(" {}", line_of(value)) } else { block_of(value, indent) }
}

fn is_nested(value: &Value) -> bool {
    match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Returns whether a value is a text of several lines.
fn is_lines(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains('\n'))
}

/// Returns whether a value reads well on one line: lists of sentences do not.
fn is_short(value: &Value, indent: usize) -> bool {
    let is_sentence = |item: &Value| item.as_str().is_some_and(|text| text.contains(' '));
    let has_sentences = match value {
        Value::Array(items) => items.len() > 1 && items.iter().any(is_sentence),
        _ => false,
    };
    !has_sentences && indent + flow_of(value).len() < MAX_LINE
}

/// Returns a value on one line, outside of braces, where a text seldom needs quotes.
fn line_of(value: &Value) -> String {
    let is_safe = |c: char| c.is_alphanumeric() || "_-./ [](){},!?'`<>=+*".contains(c);
    match value {
        Value::String(text)
            if text.starts_with(|c: char| c.is_ascii_alphabetic())
                && text.chars().all(is_safe)
                && !text.ends_with(' ')
                && plain::value_of(text).is_ok_and(|value| value == *text) =>
        {
            text.clone()
        }
        other => flow_of(other),
    }
}

/// Returns a value on one line, as people write it inside of braces.
fn flow_of(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow_of).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| {
                format!("{}: {}", flow_of(&Value::from(key.as_str())), flow_of(value))
            };
            let entries: Vec<String> = map.iter().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::String(text) if is_plain(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// Returns whether a text needs no quotes anywhere: it is what YAML reads it as.
fn is_plain(text: &str) -> bool {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "_-./ ".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    begins
        && text.chars().all(is_safe)
        && !text.ends_with(' ')
        && plain::value_of(text).is_ok_and(|value| value == *text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "\
# cases
cases:
  - name: one   # the first
    expect:
      status: failed   # for now
      value:           # what comes
        a: 1
        b: [1, 2]

      # at the end
      trace:
      - x success
  - {name: two, expect: {value: 1, status: x}}
";

    #[track_caller]
    fn check(item: usize, key: &str, value: &Value, old: &str, new: &str) {
        let path = [Step::Key("cases"), Step::Item(item), Step::Key("expect")];
        let edited = set_value(TEXT, &path, key, value);
        assert_eq!(edited.as_deref(), Some(TEXT.replacen(old, new, 1).as_str()));
    }

    #[test]
    fn only_the_value_changes() {
        check(0, "status", &json!("succeeded"), "status: failed ", "status: succeeded ");
        check(1, "value", &json!({"a": [true]}), "{value: 1,", "{value: {a: [true]},");
        check(
            0,
            "trace",
            &json!(["a b", "c d"]),
            "\n      - x success",
            "\n        - a b\n        - c d",
        );
        check(
            0,
            "value",
            &json!({"c": "no"}),
            "           # what comes\n        a: 1\n        b: [1, 2]",
            "\n        c: no",
        );
    }

    #[test]
    fn a_missing_key_is_added_behind_the_others() {
        check(0, "state", &json!({"n": 1}), "- x success", "- x success\n      state: {n: 1}");
        let path = [Step::Key("cases"), Step::Item(1), Step::Key("expect")];
        assert_eq!(set_value(TEXT, &path, "state", &json!(1)), None);
        assert_eq!(set_value(TEXT, &[Step::Key("cases")], "state", &json!(1)), None);
    }

    #[test]
    fn every_text_reads_back() {
        for text in
            ["", "no", "1", "a: b", "a #b", "@{x}", "a\nb", "a\n\nb\n", "\"", "'", "é", " a"]
        {
            for value in [json!(text), json!({"k": text}), json!([text, [text]])] {
                for (item, key) in [(0, "value"), (0, "status"), (1, "value"), (0, "other")] {
                    let path = [Step::Key("cases"), Step::Item(item), Step::Key("expect")];
                    assert!(set_value(TEXT, &path, key, &value).is_some(), "{value} {item} {key}");
                }
            }
        }
    }
}
