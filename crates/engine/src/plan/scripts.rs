//! Scripts: compiled with the plan, their faults placed in the file, their variables looked up.

use std::sync::Arc;

use blueprint_model::{
    Diagnostic, Script, Span,
    block::{FieldKind, FieldSpec},
    blueprint::{FieldNode, FieldValue, Text},
    code,
    diagnostic::suggest,
    script::{Origin, ScriptForm, VariableUse},
};

use super::{
    compile::{Root, SecretSite},
    fields::ROOTS,
    names::DraftNode,
    scope::{Reader, Start, find_root},
};

/// A script as written.
pub(crate) struct Source<'s> {
    pub node: &'s DraftNode<'s>,
    pub field: &'static FieldSpec,
    pub written: &'s FieldNode,
}

/// What a script uses.
pub(crate) enum Found {
    Secret(SecretSite),
    Variable(Arc<str>, Root),
}

/// Compiles a script.
pub(crate) fn compile(
    reader: &Reader<'_>,
    source: &Source<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Script> {
    let text = text_of(source.written)?;
    if let Some(at) = pasted_reference(&text.raw) {
        let place = text.locate_byte(at);
        let span = Span::new(place, place + 2);
        let message = format!("`{}` is code: references are not put into it", source.field.name);
        diagnostics.push(
            Diagnostic::error(code::REFERENCE_IN_CODE, span, message)
                .help(variable_hint(&text.raw[at..])),
        );
        return None;
    }
    let form = match source.field.kind {
        FieldKind::Code => ScriptForm::Code,
        _ => ScriptForm::Expression,
    };
    let wanted = source.node.node.fields.get("language").and_then(|field| text_of(&field.value));
    // An unknown language was reported with the field.
    let language = reader.cx.registry.language(wanted.as_ref().map(|text| text.raw.as_str()))?;
    let origin = origin(reader, &text);
    match Script::compile(language, &text.raw, form, origin) {
        Ok(script) => Some(script),
        Err(fault) => {
            let at = if fault.line == 0 {
                source.written.span.start
            } else {
                text.locate(fault.line, fault.column)
            };
            let span = Span::new(at, at + 1);
            let message = format!("block `{}`: {}", source.node.id, fault.message);
            diagnostics.push(
                Diagnostic::error(code::SCRIPT_SYNTAX, span, message)
                    .at(format!("in this `{}` script", language.name()))
                    .maybe_help(fault.hint),
            );
            None
        }
    }
}

/// Looks up what a script uses.
pub(crate) fn variables(
    reader: &Reader<'_>,
    source: &Source<'_>,
    script: &Script,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Found> {
    let Some(text) = text_of(source.written) else { return Vec::new() };
    let mut found = Vec::new();
    let mut results = Vec::new();
    for used in script.uses() {
        let at = text.locate(used.line, used.column);
        let span = Span::new(at, at + used.name.len());
        if is_own(source, used) {
            continue;
        }
        // In a script a missing result is `()`: the author can look.
        let start = Start { name: &used.name, key: used.key.as_deref(), is_forgiving: true };
        match find_root(reader, &start) {
            Ok(root) => match root.root {
                Root::Vault => found.push(Found::Secret(SecretSite {
                    key: used.key.clone(),
                    is_optional: used.is_optional,
                    field: source.field.name,
                    part: None,
                    span,
                })),
                Root::Results { up, block } => {
                    let id = used.key.as_deref().unwrap_or_default().into();
                    results.push((up, block, id));
                }
                Root::AllResults(all) => results.extend(all.iter().cloned()),
                root => found.push(Found::Variable(used.name.as_str().into(), root)),
            },
            Err(problem) => diagnostics.push(fault(source, used, span, problem)),
        }
    }
    if !results.is_empty() {
        results.sort();
        results.dedup();
        found.push(Found::Variable("results".into(), Root::AllResults(results.into())));
    }
    found
}

/// An expression of a loop sees how the round went, not what led to the loop.
fn is_own(source: &Source<'_>, used: &VariableUse) -> bool {
    let has_body = source.node.spec().is_some_and(blueprint_model::BlockSpec::has_body);
    has_body && ["result", "round", "state"].contains(&used.name.as_str())
}

fn fault(
    source: &Source<'_>,
    used: &VariableUse,
    span: Span,
    problem: super::scope::Problem,
) -> Diagnostic {
    if problem.code != code::UNKNOWN_ROOT {
        return Diagnostic::error(problem.code, span, problem.message).maybe_help(problem.hint);
    }
    let is_elsewhere = ROOTS.contains(&used.name.as_str());
    let why = match is_elsewhere {
        true => problem.message,
        false => format!("`{}` is not defined", used.name),
    };
    let message = format!("block `{}`: {why}", source.node.id);
    let hint = problem.hint.or_else(|| suggest(&used.name, ROOTS).filter(|_| !is_elsewhere));
    Diagnostic::error(code::UNKNOWN_VARIABLE, span, message)
        .at("no variable of the script or of the blueprint")
        .maybe_help(hint)
}

fn origin(reader: &Reader<'_>, text: &Text) -> Origin {
    let source = &reader.cx.blueprint.source;
    Origin {
        file: source.file.to_string(),
        lines: text.lines.iter().map(|byte| source.position(*byte)).collect(),
    }
}

/// Returns the text of a script. A bare `true` or `1` is a script too.
fn text_of(node: &FieldNode) -> Option<Text> {
    match &node.kind {
        FieldValue::Text(text) => Some(text.clone()),
        FieldValue::Scalar(value) if !value.is_null() => {
            Some(Text { raw: value.to_string(), lines: vec![node.span.start], ..Text::default() })
        }
        FieldValue::Scalar(_) | FieldValue::List(_) | FieldValue::Object(_) => None,
    }
}

/// Returns where an author tried to put a reference into code. Rhai has no `@`, so outside of a
/// string it is never meant otherwise; inside one, only a whole reference is taken for it.
fn pasted_reference(code: &str) -> Option<usize> {
    let open = code.find("@{").or_else(|| code.find("@<"))?;
    let close = if code[open..].starts_with("@{") { '}' } else { '>' };
    let name_len = code[open + 2..].find(close)?;
    let is_path = code[open + 2..open + 2 + name_len]
        .chars()
        .all(|c| c.is_alphanumeric() || "._-[]\"'? \\".contains(c));
    (is_path && name_len > 0).then_some(open)
}

fn variable_hint(code: &str) -> String {
    let name: String = code[2..].chars().take_while(|c| !"}>".contains(*c)).collect();
    format!("use the variable itself: `{name}`")
}
