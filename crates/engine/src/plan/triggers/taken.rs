//! What a trigger's inputs take from the payload: references, judged and looked up.

use blueprint_model::{
    Diagnostic, Reference, Template, Value,
    blueprint::{FieldNode, FieldValue},
    code,
    template::{Fallback, PathPart, Segment},
    value::{self, Step},
};

use crate::resolve::missing;

/// Reports faults of the texts in an input, and references to anything but the payload.
pub(super) fn judge(node: &FieldNode, diagnostics: &mut Vec<Diagnostic>) {
    node.visit_texts(&mut |text, _| {
        diagnostics.extend(text.faults.iter().cloned());
        for reference in text.template.references() {
            if reference.root != "payload" {
                let message =
                    format!("a trigger knows only its `payload`, and no `{}`", reference.root);
                diagnostics.push(
                    Diagnostic::error(code::BAD_TRIGGER, reference.span, message)
                        .help("write `@{payload.NAME}`, or name it in a block"),
                );
            }
        }
    });
}

/// Returns the value of an input; `None` if it is one reference that may lead nowhere, and does.
pub(super) fn value(node: &FieldNode, payload: &Value) -> Result<Option<Value>, String> {
    if let FieldValue::Text(text) = &node.kind
        && let Some(reference) = text.template.as_whole()
    {
        let value = whole(reference, payload)?;
        let may_lack = !matches!(reference.fallback, Fallback::Error);
        return Ok((!may_lack || !value.is_null()).then_some(value));
    }
    resolve(node, payload).map(Some)
}

fn resolve(node: &FieldNode, payload: &Value) -> Result<Value, String> {
    match &node.kind {
        FieldValue::Scalar(value) => Ok(value.clone()),
        FieldValue::Text(text) => match text.template.as_whole() {
            Some(reference) => whole(reference, payload),
            None => text_of(&text.template, payload).map(Value::String),
        },
        FieldValue::List(items) => items.iter().map(|item| resolve(item, payload)).collect(),
        FieldValue::Object(entries) => entries
            .iter()
            .map(|(key, node)| Ok((key.value.clone(), resolve(node, payload)?)))
            .collect::<Result<_, _>>()
            .map(Value::Object),
    }
}

fn text_of(template: &Template, payload: &Value) -> Result<String, String> {
    let mut text = String::new();
    for segment in &template.segments {
        match segment {
            Segment::Text(literal) => text.push_str(literal),
            Segment::Reference(reference) => {
                match (whole(reference, payload)?, &reference.fallback) {
                    (Value::Null, Fallback::Error) => {
                        return Err(format!("`{reference}` is null, which has no text"));
                    }
                    (value, _) => text.push_str(&value::to_text(&value).unwrap_or_default()),
                }
            }
        }
    }
    Ok(text)
}

/// Returns what a reference leads to, with its type.
fn whole(reference: &Reference, payload: &Value) -> Result<Value, String> {
    let found = find(reference, payload)?;
    if let Ok(value) = found
        && !value.is_null()
    {
        return Ok(value.clone());
    }
    match (&reference.fallback, found) {
        (Fallback::Error, Err(part)) => Err(missing(&reference.to_string(), part)),
        (Fallback::Error, Ok(_)) | (Fallback::Null, _) => Ok(Value::Null),
        (Fallback::Literal(value), _) => Ok(value.clone()),
        (Fallback::Path(inner), _) => whole(inner, payload),
    }
}

/// Follows a path; the inner error is the number of the part that is not there.
fn find<'p>(reference: &Reference, payload: &'p Value) -> Result<Result<&'p Value, usize>, String> {
    let mut found = payload;
    for (part, place) in reference.path.iter().enumerate() {
        let computed;
        let step = match place {
            PathPart::Key(key) => Step::Key(key),
            PathPart::Index(index) => Step::Index(*index),
            PathPart::Computed(inner) => {
                computed = whole(inner, payload)?;
                match (&computed, computed.as_i64()) {
                    (Value::String(key), _) => Step::Key(key),
                    (_, Some(index)) => Step::Index(index),
                    (other, None) => {
                        let kind = value::type_name(other);
                        return Err(format!("an index must be text or a whole number, not {kind}"));
                    }
                }
            }
        };
        match value::step(found, &step) {
            Some(next) => found = next,
            None => return Ok(Err(part + 1)),
        }
    }
    Ok(Ok(found))
}
