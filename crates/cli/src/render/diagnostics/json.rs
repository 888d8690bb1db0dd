//! Diagnostics as a list of objects.

use blueprint_model::{Diagnostic, Span};
use serde_json::{Value, json};

use crate::render::diagnostics::{Report, places, places::Places};

/// Returns the diagnostics as a JSON array.
pub(super) fn render(reports: &[Report<'_>]) -> Value {
    let mut found = Vec::new();
    for report in reports {
        let places = places(report);
        found.extend(report.diagnostics.iter().map(|it| object(it, &report.source.file, &places)));
    }
    Value::Array(found)
}

fn object(diagnostic: &Diagnostic, file: &str, places: &Places) -> Value {
    let mut object = json!({
        "code": diagnostic.code.as_str(),
        "severity": diagnostic.severity.as_str(),
        "message": diagnostic.message,
        "file": file,
    });
    let fix = diagnostic.fix.as_ref().map(|fix| {
        let mut range = range(fix.span, places);
        range["text"] = fix.text.as_str().into();
        range
    });
    if let (Value::Object(object), Value::Object(range)) =
        (&mut object, range(diagnostic.span, places))
    {
        object.extend(range);
        object.insert("hint".into(), json!(diagnostic.hint));
        object.insert("fix".into(), json!(fix));
    }
    object
}

fn range(span: Span, places: &Places) -> Value {
    let (start, end) = (places.get(span.start), places.get(span.end));
    json!({
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
    })
}
