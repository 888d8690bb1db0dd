//! Fields: whether they are there, and whether what is literal in them fits.

use blueprint_model::{
    Diagnostic, Registry, Value,
    block::{BlockSpec, FieldKind, FieldSpec, Need},
    blueprint::{FieldNode, FieldValue},
    code,
    diagnostic::{did_you_mean, suggest},
    id, units, value,
};

use super::names::DraftNode;

/// Names of references that a loop's variable must not hide.
pub(crate) const ROOTS: [&str; 14] = [
    "vault", "inputs", "payload", "state", "result", "results", "message", "item", "item_id",
    "run", "context", "session", "env", "round",
];

/// Judges the value of a field that the type has.
pub(crate) fn judge(
    block: &str,
    field: &FieldSpec,
    node: &FieldNode,
    registry: &Registry,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if field.kind.is_template() {
        node.visit_texts(&mut |text, _| diagnostics.extend(text.faults.iter().cloned()));
    }
    let is_whole_reference = match &node.kind {
        FieldValue::Text(text) => text.template.as_literal().is_none(),
        FieldValue::Scalar(_) | FieldValue::List(_) | FieldValue::Object(_) => false,
    };
    if field.kind.is_template() && is_whole_reference {
        return; // Judged when resolved.
    }
    if let Some(problem) = misfit(field, node, registry) {
        let message = format!("block `{block}`: `{}` {}", field.name, problem.message);
        let mut diagnostic =
            Diagnostic::error(problem.code, node.span, message).maybe_help(problem.hint);
        if let Some(fix) = problem.fix {
            diagnostic = diagnostic.fix(node.span, fix);
        }
        diagnostics.push(diagnostic);
    }
}

/// Reports fields that must be there and are not.
pub(crate) fn judge_missing(
    node: &DraftNode<'_>,
    spec: &'static BlockSpec,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for field in spec.fields.iter().filter(|field| field.need == Need::Required) {
        let is_there = match field.kind {
            FieldKind::Body => node.node.body.is_some(),
            _ => node.node.fields.contains_key(field.name),
        };
        if is_there {
            continue;
        }
        let (code, hint) = match field.kind {
            FieldKind::Body => (
                code::MISSING_BODY,
                format!("add `{}:` with the blocks to run each time", field.name),
            ),
            _ => (code::MISSING_FIELD, format!("add `{}:` ({})", field.name, field.summary)),
        };
        let message = format!("block `{}`: a `{}` needs `{}`", node.id, spec.kind, field.name);
        diagnostics.push(Diagnostic::error(code, node.node.id_span, message).help(hint));
    }
}

/// Reports a block that has none, or several, of fields of which it needs exactly one.
pub(crate) fn judge_choice(
    node: &DraftNode<'_>,
    spec: &'static BlockSpec,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let given = spec.one_of.iter().filter(|name| node.node.fields.contains_key(**name)).count();
    if spec.one_of.is_empty() || given == 1 {
        return;
    }
    let names: Vec<String> = spec.one_of.iter().map(|name| format!("`{name}`")).collect();
    let names = names.join(" or ");
    let message = format!("block `{}`: a `{}` needs either {names}", node.id, spec.kind);
    let hint = if given == 0 { "add one of them" } else { "remove all but one" };
    diagnostics.push(Diagnostic::error(code::MISSING_FIELD, node.node.id_span, message).help(hint));
}

struct Problem {
    code: code::Code,
    message: String,
    hint: Option<String>,
    fix: Option<String>,
}

impl Problem {
    fn wrong_type(wanted: &str, node: &FieldNode) -> Self {
        let given = match &node.kind {
            FieldValue::Scalar(value) => value::type_name(value),
            FieldValue::Text(_) => "text",
            FieldValue::List(_) => "a list",
            FieldValue::Object(_) => "an object",
        };
        Self {
            code: code::WRONG_TYPE,
            message: format!("must be {wanted}, not {given}"),
            hint: None,
            fix: None,
        }
    }

    fn bad_value(message: String, hint: Option<String>) -> Self {
        Self { code: code::BAD_VALUE, message, hint, fix: None }
    }

    fn help(mut self, hint: &str) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

fn misfit(field: &FieldSpec, node: &FieldNode, registry: &Registry) -> Option<Problem> {
    if matches!(&node.kind, FieldValue::Scalar(Value::Null)) && field.need != Need::Required {
        return None;
    }
    let text = literal_text(node);
    let wrong = |wanted: &str| Some(Problem::wrong_type(wanted, node));
    match field.kind {
        FieldKind::Any | FieldKind::Body => None,
        FieldKind::Text => (!is_scalar(node)).then(|| Problem::wrong_type("text", node)),
        FieldKind::Code | FieldKind::Expression => match &node.kind {
            FieldValue::Text(_) | FieldValue::Scalar(Value::Bool(_) | Value::Number(_)) => None,
            _ => wrong("a script")
                .map(|problem| problem.help("write it after `|` on lines of its own")),
        },
        FieldKind::Integer => {
            (!is_integer(node)).then(|| Problem::wrong_type("a whole number", node))
        }
        FieldKind::Boolean => match &node.kind {
            FieldValue::Scalar(Value::Bool(_)) => None,
            _ if text.is_some_and(|text| text == "true" || text == "false") => None,
            _ => wrong("`true` or `false`"),
        },
        FieldKind::Duration => match text.map(units::parse_duration) {
            Some(Some(_)) => None,
            _ => wrong("a duration")
                .map(|problem| problem.help("give it a unit: `250ms`, `10s`, `5m`, `1h`")),
        },
        FieldKind::Size => match (&node.kind, text.map(units::parse_size)) {
            (FieldValue::Scalar(Value::Number(_)), _) | (_, Some(Some(_))) => None,
            _ => wrong("a size").map(|problem| problem.help("give it a unit: `64KiB`, `10MB`")),
        },
        FieldKind::Choice(words) => choice(words, text, node),
        FieldKind::List => (!is_list(node)).then(|| Problem::wrong_type("a list", node)),
        FieldKind::Collection => (!is_list(node) && !is_object(node))
            .then(|| Problem::wrong_type("a list or an object", node)),
        FieldKind::Object | FieldKind::Form | FieldKind::Texts | FieldKind::Cases => {
            (!is_object(node)).then(|| Problem::wrong_type("an object", node))
        }
        FieldKind::StatePath => state_path(text, node),
        FieldKind::Name => loop_name(text, node),
        FieldKind::Language => language(text, node, registry),
        FieldKind::Blueprint => match text {
            Some(name) if id::is_blueprint_name(name) => None,
            Some(name) => {
                Some(Problem::bad_value(format!("is no name of a blueprint: `{name}`"), None))
            }
            None => wrong("the name of a blueprint"),
        },
    }
}

fn choice(words: &[&'static str], text: Option<&str>, node: &FieldNode) -> Option<Problem> {
    let Some(text) = text else { return Some(Problem::wrong_type("one of its words", node)) };
    if words.contains(&text) {
        return None;
    }
    let mut problem =
        Problem::bad_value(format!("cannot be `{text}`"), suggest(text, words.iter().copied()));
    problem.fix = did_you_mean(text, words.iter().copied()).map(Into::into);
    Some(problem)
}

fn state_path(text: Option<&str>, node: &FieldNode) -> Option<Problem> {
    let Some(text) = text else { return Some(Problem::wrong_type("a path into the state", node)) };
    if let Some(rest) = text.strip_prefix("state.") {
        let mut problem =
            Problem::bad_value("begins after `state.`".into(), Some(format!("write `{rest}`")));
        problem.fix = Some(rest.into());
        return Some(problem);
    }
    let is_path = !text.is_empty() && text.split('.').all(|part| !part.trim().is_empty());
    (!is_path).then(|| {
        Problem::bad_value(
            "is no path".into(),
            Some("write names with dots between: `orders.count`".into()),
        )
    })
}

fn loop_name(text: Option<&str>, node: &FieldNode) -> Option<Problem> {
    let Some(text) = text else { return Some(Problem::wrong_type("a name", node)) };
    if ROOTS.contains(&text) {
        return Some(Problem::bad_value(
            format!("cannot be `{text}`: that name means something else"),
            Some("choose another name, such as the singular of the list".into()),
        ));
    }
    (!id::is_block_id(text)).then(|| {
        Problem::bad_value(
            format!("is no name: `{text}`"),
            Some("small letters, digits and `_`, beginning with a letter".into()),
        )
    })
}

fn language(text: Option<&str>, node: &FieldNode, registry: &Registry) -> Option<Problem> {
    let Some(text) = text else { return Some(Problem::wrong_type("the name of a language", node)) };
    if registry.language(Some(text)).is_some() {
        return None;
    }
    let known = registry.languages().iter().map(|language| language.name());
    Some(Problem {
        code: code::UNKNOWN_LANGUAGE,
        message: format!("`{text}` is not known"),
        hint: suggest(text, known),
        fix: None,
    })
}

fn literal_text(node: &FieldNode) -> Option<&str> {
    match &node.kind {
        FieldValue::Text(text) => text.template.as_literal(),
        FieldValue::Scalar(_) | FieldValue::List(_) | FieldValue::Object(_) => None,
    }
}

fn is_scalar(node: &FieldNode) -> bool {
    matches!(&node.kind, FieldValue::Scalar(_) | FieldValue::Text(_))
}

fn is_integer(node: &FieldNode) -> bool {
    match &node.kind {
        FieldValue::Scalar(value) => value.is_i64() || value.is_u64(),
        _ => literal_text(node).is_some_and(|text| text.trim().parse::<i64>().is_ok()),
    }
}

fn is_list(node: &FieldNode) -> bool {
    matches!(&node.kind, FieldValue::List(_))
}

fn is_object(node: &FieldNode) -> bool {
    matches!(&node.kind, FieldValue::Object(_))
}
