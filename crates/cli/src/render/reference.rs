//! A reference read out part by part.

use blueprint_model::{
    Reference,
    template::{Fallback, PathPart, Segment},
};
use blueprint_project::text;

/// Returns what each part of a reference means, one line each, or what is wrong with it; `None` for
/// a bare name, of which there is nothing more to say.
pub fn reading(written: &str) -> Option<String> {
    let written = written.trim();
    let wrapped = match written.starts_with(['@', '\\']) {
        true => written.to_owned(),
        false => format!("@{{{written}}}"),
    };
    let (template, faults) = blueprint_syntax::parse_template(&wrapped, &|byte| byte);
    if let Some(fault) = faults.first() {
        let hint = fault.hint.as_ref().map_or(String::new(), |hint| format!("; {hint}"));
        return Some(format!("It cannot be read: {}{hint}.\n", fault.message));
    }
    let reference = template.segments.iter().find_map(|segment| match segment {
        Segment::Reference(reference) => Some(reference),
        Segment::Text(_) => None,
    })?;
    let rows = rows(reference);
    if rows.len() < 2 {
        return None;
    }
    let columns = rows.iter().map(|(part, _)| text::width(part)).max().unwrap_or(0);
    let mut lines = String::from("Part by part:\n");
    for (part, meaning) in rows {
        text::add(&mut lines, format_args!("  {}  {meaning}\n", text::pad(&part, columns)));
    }
    Some(lines)
}

fn rows(reference: &Reference) -> Vec<(String, String)> {
    let root = reference.root.as_str();
    let names_first = matches!(root, "vault" | "inputs" | "results" | "env");
    let (first, rest) = match reference.path.split_first() {
        Some((PathPart::Key(key), rest)) if names_first => (Some(key), rest),
        _ => (None, reference.path.as_slice()),
    };
    let mut rows = match (root, first) {
        ("vault", Some(key)) => vec![(format!("vault.{key}"), format!("the secret `{key}`"))],
        ("inputs", Some(key)) => vec![(format!("inputs.{key}"), format!("the input `{key}`"))],
        ("results", Some(key)) => {
            vec![(format!("results.{key}"), format!("the result of block `{key}`"))]
        }
        ("env", Some(key)) => vec![(format!("env.{key}"), format!("the variable `{key}`"))],
        _ => vec![(root.to_owned(), "where the path begins".to_owned())],
    };
    rows.extend(rest.iter().map(|part| (part.to_string(), step(part))));
    let fallback = match &reference.fallback {
        Fallback::Error => ("", "a path that leads nowhere is an error".to_owned()),
        Fallback::Null => ("?", "null if the path leads nowhere, and empty inside text".into()),
        Fallback::Literal(value) => ("??", format!("{value} if the path leads nowhere or to null")),
        Fallback::Path(inner) => {
            ("??", format!("what `{inner}` gives if the path leads nowhere or to null"))
        }
    };
    if rows.len() > 1 || !fallback.0.is_empty() {
        rows.push((fallback.0.to_owned(), fallback.1));
    }
    rows
}

fn step(part: &PathPart) -> String {
    match part {
        PathPart::Key(key) => format!("the key `{key}` of that"),
        PathPart::Index(index) if *index < 0 => {
            format!("item {} from the end of that", index.unsigned_abs())
        }
        PathPart::Index(index) => format!("item {index} of that, counted from 0"),
        PathPart::Computed(inner) => format!("the key or item that `{inner}` says"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, expected: Option<&str>) {
        assert_eq!(reading(written).as_deref(), expected);
    }

    #[test]
    fn a_reference_is_read_part_by_part() {
        check(
            "@{results.fetch.body.rows[-1][item_id] ?? \"none\"}",
            Some(
                "Part by part:\n  \
                 results.fetch  the result of block `fetch`\n  \
                 .body          the key `body` of that\n  \
                 .rows          the key `rows` of that\n  \
                 [-1]           item 1 from the end of that\n  \
                 [item_id]      the key or item that `item_id` says\n  \
                 ??             \"none\" if the path leads nowhere or to null\n",
            ),
        );
        check("result", None);
        check("vault.K", None);
    }

    #[test]
    fn a_broken_reference_is_told_so() {
        assert!(reading("@{result..x}").unwrap().starts_with("It cannot be read: "));
    }
}
