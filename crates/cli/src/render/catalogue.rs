//! The catalogue of block types: a list, and a page for each.

use blueprint_model::{
    BlockSpec, FieldKind, FieldSpec,
    block::{Need, Reach},
};
use blueprint_project::text;
use serde_json::{Value, json};

use crate::terminal::{Paint, Tone};

/// Returns one line per type.
pub fn list(specs: &[&BlockSpec], paint: Paint) -> String {
    let columns = specs.iter().map(|spec| spec.kind.len()).max().unwrap_or(0);
    let line = |spec: &&BlockSpec| {
        let kind = paint.paint(Tone::Strong, &text::pad(spec.kind, columns));
        format!("{kind}  {}\n", spec.summary)
    };
    specs.iter().map(line).collect()
}

/// Returns the page of a type.
pub fn page(spec: &BlockSpec, paint: Paint) -> String {
    let mut page = format!("{}  {}\n", paint.paint(Tone::Strong, spec.kind), spec.summary);
    if !spec.docs.is_empty() {
        text::add(&mut page, format_args!("\n{}\n", spec.docs.trim()));
    }
    let fields = spec.fields.iter().map(|field| (field.name, describe(field)));
    page.push_str(&table("Fields", fields.collect(), paint));
    let mut outcomes: Vec<(&str, String)> =
        spec.outcomes.iter().map(|outcome| (outcome.name, outcome.summary.to_owned())).collect();
    if let Some(field) = spec.outcomes_from {
        outcomes.push(("…", format!("each key of `{field}`")));
    }
    page.push_str(&table("Outcomes", outcomes, paint));
    if !spec.result.is_empty() {
        page.push_str(&table("Result", vec![("", spec.result.to_owned())], paint));
    }
    if !spec.example.is_empty() {
        let lines: String =
            spec.example.trim_end().lines().map(|line| format!("  {line}\n")).collect();
        text::add(&mut page, format_args!("\n{}\n{lines}", paint.paint(Tone::Note, "Example")));
    }
    page
}

/// Returns the list as JSON.
pub fn list_json(specs: &[&BlockSpec]) -> Value {
    specs.iter().map(|spec| json!({"type": spec.kind, "summary": spec.summary})).collect()
}

/// Returns the page of a type as JSON.
pub fn page_json(spec: &BlockSpec) -> Value {
    json!({
        "type": spec.kind,
        "summary": spec.summary,
        "docs": spec.docs,
        "fields": spec.fields.iter().map(field_json).collect::<Value>(),
        "outcomes": spec.outcomes.iter().map(|outcome| json!({
            "name": outcome.name,
            "is_error": outcome.is_error,
            "summary": outcome.summary,
        })).collect::<Value>(),
        "outcomes_from": spec.outcomes_from,
        "reaches_outside": spec.reach != Reach::Inside,
        "result": spec.result,
        "example": spec.example,
    })
}

fn field_json(field: &FieldSpec) -> Value {
    let default = match field.need {
        Need::Default(literal) => serde_json::from_str(literal).unwrap_or(Value::Null),
        Need::Required | Need::Optional => Value::Null,
    };
    let choices = match field.kind {
        FieldKind::Choice(choices) => json!(choices),
        _ => Value::Null,
    };
    json!({
        "name": field.name,
        "kind": field.kind.as_str(),
        "choices": choices,
        "is_required": field.need == Need::Required,
        "default": default,
        "summary": field.summary,
        "is_template": field.kind.is_template(),
    })
}

fn describe(field: &FieldSpec) -> String {
    let kind = match field.kind {
        FieldKind::Choice(choices) => choices.join(" | "),
        other => other.as_str().into(),
    };
    match field.need {
        Need::Required => format!("{kind}, required. {}", field.summary),
        Need::Optional => format!("{kind}. {}", field.summary),
        Need::Default(literal) => format!("{kind}, default {literal}. {}", field.summary),
    }
}

fn table(title: &str, rows: Vec<(&str, String)>, paint: Paint) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let columns = rows.iter().map(|(name, _)| text::width(name)).max().unwrap_or(0);
    let mut table = format!("\n{}\n", paint.paint(Tone::Note, title));
    for (name, about) in rows {
        let gap = if columns == 0 { "" } else { "  " };
        text::add(&mut table, format_args!("  {}{gap}{about}\n", text::pad(name, columns)));
    }
    table
}

#[cfg(test)]
mod tests {
    use blueprint_model::block::{OutcomeSpec, Pace};

    use super::*;

    const SPEC: BlockSpec = BlockSpec {
        kind: "wait",
        summary: "Wait for a time",
        docs: "Holds no thread.",
        fields: &[
            FieldSpec {
                name: "duration",
                kind: FieldKind::Duration,
                need: Need::Required,
                summary: "How long",
                is_egress: false,
            },
            FieldSpec {
                name: "mode",
                kind: FieldKind::Choice(&["a", "b"]),
                need: Need::Default("\"a\""),
                summary: "How",
                is_egress: false,
            },
        ],
        outcomes: &[OutcomeSpec { name: "success", is_error: false, summary: "the time came" }],
        one_of: &[],
        outcomes_from: Some("cases"),
        failure: "error",
        pace: Pace::Waiting,
        reach: Reach::Inside,
        result: "The time it ended",
        example: "type: wait\nduration: 5m\n",
    };

    #[test]
    fn a_page_reads_as_a_manual() {
        let expected = "\
wait  Wait for a time

Holds no thread.

Fields
  duration  duration, required. How long
  mode      a | b, default \"a\". How

Outcomes
  success  the time came
  …        each key of `cases`

Result
  The time it ended

Example
  type: wait
  duration: 5m
";
        assert_eq!(page(&SPEC, Paint::Plain), expected);
    }

    #[test]
    fn json_has_the_same_facts() {
        let page = page_json(&SPEC);
        assert_eq!(page["fields"][1]["default"], "a");
        assert_eq!(page["fields"][0]["is_required"], true);
        assert_eq!(
            list_json(&[&SPEC]).to_string(),
            r#"[{"type":"wait","summary":"Wait for a time"}]"#
        );
    }
}
