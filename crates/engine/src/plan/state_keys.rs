//! What is ever in the state: its first value, and what blocks put there.

use std::collections::BTreeSet;

use blueprint_model::{
    Blueprint, Value,
    block::FieldKind,
    blueprint::{FieldValue, TriggerKind},
};

use super::names::Draft;

/// Returns the first names of everything that is ever in the state, or `None` where that cannot be
/// told: a script may put anything there, a path may be computed, a session may bring its own.
pub(crate) fn of(blueprint: &Blueprint, draft: &Draft<'_>) -> Option<BTreeSet<String>> {
    let has_session =
        blueprint.triggers.iter().any(|trigger| matches!(trigger.kind, TriggerKind::Event { .. }));
    if has_session {
        return None;
    }
    let mut known: BTreeSet<String> = match &blueprint.state {
        Value::Object(map) => map.keys().cloned().collect(),
        _ => BTreeSet::new(),
    };
    for node in draft.graphs.iter().flat_map(|graph| &graph.nodes) {
        for field in node.spec()?.fields {
            let Some(written) = node.node.fields.get(field.name) else { continue };
            match (field.kind, &written.value.kind) {
                (FieldKind::StatePath, FieldValue::Text(text)) => {
                    let path = text.template.as_literal()?;
                    let first = path.split(['.', '[']).next().unwrap_or(path);
                    known.insert(first.to_owned());
                }
                (FieldKind::Code, FieldValue::Text(text)) => known.extend(named_in(&text.raw)?),
                _ => {}
            }
        }
    }
    Some(known)
}

/// Returns the names that follow `state` in a script, or `None` if something else ever does.
fn named_in(code: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("state") {
        let is_part = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.');
        let rest = &code[at + "state".len()..];
        if is_part || rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let (name, after) = match (rest.strip_prefix('.'), rest.strip_prefix("[\"")) {
            (Some(rest), _) => {
                let end =
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                (&rest[..end], &rest[end..])
            }
            (None, Some(rest)) => rest.split_once("\"]")?,
            (None, None) => return None,
        };
        if name.is_empty() || after.trim_start().starts_with('(') {
            return None;
        }
        names.push(name.to_owned());
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: &str, expected: Option<&[&str]>) {
        let names = named_in(code);
        let names: Option<Vec<&str>> =
            names.as_ref().map(|names| names.iter().map(String::as_str).collect());
        assert_eq!(names.as_deref(), expected, "{code}");
    }

    #[test]
    fn only_literal_names_can_be_told() {
        check("state.n += 1; state[\"m\"] = 2", Some(&["n", "m"]));
        check("let estate = 1; x.state = 2; state_2", Some(&[]));
        check("state[key] = 1", None);
        check("state.remove(\"n\")", None);
        check("state = #{}", None);
    }
}
