//! Values as trees that open and close, bounded in size: what is larger is downloaded.

use blueprint_model::Value;
use maud::{Markup, html};

use crate::ui::parts;

/// The most values of a tree.
const MAX_VALUES: usize = 400;
/// The most characters of a text in a tree.
const MAX_TEXT: usize = 2000;
/// Deeper values are only counted.
const MAX_DEPTH: usize = 24;
/// Objects and lists above this depth stand open.
const OPEN_DEPTH: usize = 2;

/// Shows a value as it is shown everywhere, with the references that give its parts; `root` is the
/// reference of the whole, as in `results.fetch`, where there is one.
pub(super) fn tree(value: &Value, root: Option<&str>) -> Markup {
    let mut left = MAX_VALUES;
    let tree = node(value, root, 0, &mut left);
    html! {
        div.tree { (tree) }
        @if left == 0 { p.soft.small { "More than is shown here: download it to see all." } }
    }
}

fn node(value: &Value, path: Option<&str>, depth: usize, left: &mut usize) -> Markup {
    if *left == 0 {
        return html! { span.soft { "…" } };
    }
    *left -= 1;
    match value {
        Value::Object(map) if !map.is_empty() && depth < MAX_DEPTH => {
            let children: Vec<Markup> = map
                .iter()
                .map(|(key, value)| {
                    let path = path.and_then(|it| step(it, key));
                    child(key, value, path.as_deref(), depth, left)
                })
                .collect();
            branch(&format!("{{{}}}", map.len()), &children, path, depth)
        }
        Value::Array(items) if !items.is_empty() && depth < MAX_DEPTH => {
            let mut children = Vec::new();
            for (n, value) in items.iter().enumerate() {
                if *left == 0 {
                    break;
                }
                let path = path.map(|it| format!("{it}[{n}]"));
                children.push(child(&n.to_string(), value, path.as_deref(), depth, left));
            }
            branch(&format!("[{}]", items.len()), &children, path, depth)
        }
        Value::Object(map) if map.is_empty() => html! { span { "{}" } },
        Value::Array(items) if items.is_empty() => html! { span { "[]" } },
        Value::Object(_) | Value::Array(_) => html! { span.soft { "…" } },
        Value::String(text) => leaf_text(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => html! { span.t-plain { (value) } },
    }
}

fn branch(size: &str, children: &[Markup], path: Option<&str>, depth: usize) -> Markup {
    html! {
        details open[depth < OPEN_DEPTH] {
            summary {
                (size)
                @if let Some(path) = path { " " (reference(path)) }
            }
            ul { @for child in children { (child) } }
        }
    }
}

fn child(key: &str, value: &Value, path: Option<&str>, depth: usize, left: &mut usize) -> Markup {
    if *left == 0 {
        return html! {};
    }
    let inner = node(value, path, depth + 1, left);
    let is_leaf = !matches!(value, Value::Object(_) | Value::Array(_));
    html! {
        li {
            span.t-key { (key) } ": " (inner)
            @if is_leaf { @if let Some(path) = path { " " (reference(path)) } }
        }
    }
}

/// Returns the path of a key; `None` where its name cannot stand in a reference.
fn step(path: &str, key: &str) -> Option<String> {
    let is_plain = !key.is_empty()
        && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !key.starts_with(|c: char| c.is_ascii_digit());
    is_plain.then(|| format!("{path}.{key}"))
}

fn reference(path: &str) -> Markup {
    let reference = format!("@{{{path}}}");
    html! {
        button.reference.js-only type="button" data-copy=(reference) title={ "Copy " (reference) } {
            "copy reference"
        }
    }
}

fn leaf_text(text: &str) -> Markup {
    let cut = text.char_indices().nth(MAX_TEXT).map(|(at, _)| at);
    html! {
        span.t-text {
            (&text[..cut.unwrap_or(text.len())])
            @if cut.is_some() { "…" }
        }
        @if cut.is_some() { " " span.soft { "(" (parts::grouped(text.len())) " bytes)" } }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_of_a_value_name_the_reference_that_gives_them() {
        let shown = tree(&json!({"body": {"items": [1]}, "a-b": 2}), Some("results.fetch"));
        let shown = shown.into_string();
        assert!(shown.contains("data-copy=\"@{results.fetch.body.items[0]}\""), "{shown}");
        assert!(!shown.contains("results.fetch.a-b"), "{shown}");
    }

    #[test]
    fn a_large_value_is_cut() {
        let items: Vec<Value> = (0..5000).map(Value::from).collect();
        let shown = tree(&Value::Array(items), None).into_string();
        assert!(shown.len() < 100_000 && shown.contains("download it"));
        let text = tree(&"é".repeat(9000).into(), None).into_string();
        assert!(text.contains("18,000 bytes"), "{text}");
    }

    #[test]
    fn texts_cannot_break_out() {
        let evil = "\"'><script>alert(1)</script>";
        let shown = tree(&json!({(evil): evil, "list": [evil]}), Some(evil)).into_string();
        assert!(!shown.contains("<script>"), "{shown}");
    }
}
