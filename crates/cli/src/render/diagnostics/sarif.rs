//! Diagnostics as SARIF 2.1.0, which code hosts show beside a change.

use std::collections::BTreeMap;

use blueprint_model::{Diagnostic, Severity, Span, code::Code};
use blueprint_project::text;
use serde_json::{Value, json};

use crate::render::{
    diagnostics::{Report, places, places::Places},
    errors,
};

/// Returns the diagnostics as one SARIF log with one run.
pub(super) fn render(reports: &[Report<'_>]) -> Value {
    let all = reports.iter().flat_map(|report| report.diagnostics);
    let mut rules: BTreeMap<Code, usize> = all.map(|it| (it.code, 0)).collect();
    rules.values_mut().enumerate().for_each(|(at, index)| *index = at);
    let mut results = Vec::new();
    for report in reports {
        let (places, uri) = (places(report), uri(&report.source.file));
        results.extend(report.diagnostics.iter().map(|it| result(it, &uri, &places, &rules)));
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "blueprint",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.keys().map(|code| rule(*code)).collect::<Value>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: Code) -> Value {
    let title = errors::title(code.as_str()).unwrap_or(code.as_str());
    let page = errors::page(code.as_str()).unwrap_or_default();
    json!({
        "id": code.as_str(),
        "shortDescription": {"text": title},
        "help": {"text": page},
    })
}

fn result(
    diagnostic: &Diagnostic,
    uri: &str,
    places: &Places,
    rules: &BTreeMap<Code, usize>,
) -> Value {
    let text = match &diagnostic.hint {
        Some(hint) => format!("{}: {hint}", diagnostic.message),
        None => diagnostic.message.clone(),
    };
    let mut result = json!({
        "ruleId": diagnostic.code.as_str(),
        "ruleIndex": rules[&diagnostic.code],
        "level": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Hint => "note",
        },
        "message": {"text": text},
        "locations": [location(diagnostic.span, uri, places)],
    });
    if !diagnostic.related.is_empty() {
        let related = diagnostic.related.iter().enumerate().map(|(at, label)| {
            let mut location = location(label.span, uri, places);
            location["id"] = at.into();
            location["message"] = json!({"text": label.text});
            location
        });
        result["relatedLocations"] = related.collect();
    }
    if let Some(fix) = &diagnostic.fix {
        result["fixes"] = json!([{"artifactChanges": [{
            "artifactLocation": {"uri": uri},
            "replacements": [{
                "deletedRegion": region(fix.span, places),
                "insertedContent": {"text": fix.text},
            }],
        }]}]);
    }
    result
}

fn location(span: Span, uri: &str, places: &Places) -> Value {
    json!({"physicalLocation": {
        "artifactLocation": {"uri": uri},
        "region": region(span, places),
    }})
}

fn region(span: Span, places: &Places) -> Value {
    let (start, end) = (places.get(span.start), places.get(span.end));
    json!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    })
}

/// Returns a path as a reference to a URI; absolute paths become `file:` URIs.
fn uri(file: &str) -> String {
    let path = file.strip_prefix("./").unwrap_or(file);
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte.into());
            }
            b'\\' => uri.push('/'),
            _ => text::add(&mut uri, format_args!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use blueprint_model::{Source, code};

    use super::*;

    #[test]
    fn results_name_their_rule_and_place() {
        let source = Source::new("my files/ä.yaml", "a: 1\nbb: 2\n");
        let diagnostics = [
            Diagnostic::warning(code::UNUSED_SECRET, Span::new(5, 7), "unused").help("delete it"),
            Diagnostic::error(code::TAB, Span::new(0, 1), "tab")
                .related(Span::new(5, 6), "there")
                .fix(Span::new(0, 1), "  "),
        ];
        let log = render(&[Report { source: &source, diagnostics: &diagnostics }]);
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][1]["id"], "BP0416");
        assert_eq!(run["results"][0]["ruleIndex"], 1);
        assert_eq!(run["results"][0]["message"]["text"], "unused: delete it");
        let place = &run["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "my%20files/%C3%A4.yaml");
        assert_eq!(
            place["region"].to_string(),
            r#"{"startLine":2,"startColumn":1,"endLine":2,"endColumn":3}"#
        );
        assert_eq!(run["results"][1]["relatedLocations"][0]["message"]["text"], "there");
        assert!(run["results"][1]["fixes"][0]["artifactChanges"][0]["replacements"].is_array());
    }
}
