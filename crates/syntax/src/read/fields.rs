//! A block's own fields: native YAML, every text read as a template too.

use blueprint_model::{
    Diagnostic, Span, Spanned,
    blueprint::{FieldNode, FieldValue, Text},
    code,
};

use crate::{
    read::reader::{self, Reader},
    template,
    yaml::{Data, Entry, Raw, Tree},
};

/// Returns a value with the places of all its parts. Recursion is bounded by the depth of a
/// document.
pub(crate) fn field(reader: &mut Reader<'_>, tree: Tree) -> FieldNode {
    let span = tree.span;
    let kind = match tree.data {
        Data::Scalar(value) => FieldValue::Scalar(value),
        Data::Text(raw) => FieldValue::Text(to_text(reader, raw, span)),
        Data::List(items) => {
            FieldValue::List(items.into_iter().map(|item| field(reader, item)).collect())
        }
        Data::Map(map) => FieldValue::Object(
            map.into_iter()
                .map(|(key, entry)| {
                    let value = field(reader, entry.value);
                    (Spanned::new(key, entry.key_span), value)
                })
                .collect(),
        ),
    };
    FieldNode { span, kind }
}

/// Returns a text that must be one.
pub(crate) fn text(reader: &mut Reader<'_>, name: &str, entry: &Entry) -> Option<Text> {
    match &entry.value.data {
        Data::Text(raw) => Some(to_text(reader, raw.clone(), entry.value.span)),
        Data::Scalar(_) | Data::List(_) | Data::Map(_) => {
            let fault = reader::wrong_type(name, "text", entry);
            reader.report(fault.help("write text, such as `\"@{vault.KEY}\"`"));
            None
        }
    }
}

fn to_text(reader: &mut Reader<'_>, raw: Raw, span: Span) -> Text {
    let document = reader.document;
    let trace = document.trace(&raw);
    let locate = |byte: usize| document.to_file(trace.locate(byte));
    let (template, mut faults) = template::parse_template(&raw.value, &locate);
    faults.retain(|fault| {
        fault.code != code::REFERENCE_OPEN || !reader.open.contains(&fault.span.start)
    });
    let breaks = raw.value.match_indices('\n').map(|(at, _)| at + 1);
    let lines = std::iter::once(0).chain(breaks).map(locate).collect();
    // The rest of a line can be long, so it is looked at only where it may matter.
    let after = if raw.is_plain() { document.after(&raw) } else { "" };
    if let Some(comment) = comment(after) {
        let open = faults.iter_mut().find(|fault| fault.code == code::REFERENCE_OPEN);
        match open {
            Some(fault) => *fault = cut(fault.span),
            None if template::is_opener(comment, 1) => reader.report(swallowed(span, comment)),
            None => {}
        }
    }
    Text { raw: raw.value, template, faults, lines }
}

/// Returns the comment that follows a value on its line.
fn comment(after: &str) -> Option<&str> {
    let comment = after.trim_start_matches([' ', '\t']);
    if !comment.starts_with('#') {
        return None;
    }
    comment.split(['\n', '\r']).next()
}

fn cut(span: Span) -> Diagnostic {
    let message = "a comment sign cuts this reference off";
    Diagnostic::error(code::REFERENCE_CUT, span, message)
        .help("put single quotes around the whole value: ` #` begins a comment")
}

fn swallowed(span: Span, comment: &str) -> Diagnostic {
    let message = format!("what follows is a comment, with `{}` in it", reader::short(comment));
    Diagnostic::warning(code::REFERENCE_CUT, Span::new(span.end, span.end + 2), message)
        .help("put single quotes around the whole value, or a blank behind `#`")
}
