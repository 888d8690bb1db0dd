//! Forms made from what a blueprint or a question asks for, and values made from what was typed.

use std::collections::BTreeMap;

use blueprint_model::{
    Value,
    schema::{Schema, SchemaType},
    value::Map,
};
use maud::{Markup, html};

/// What names of fields begin with, so that they meet no name of ours.
const PREFIX: &str = "in.";

/// A field of a form.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    name: String,
    label: String,
    hint: Option<String>,
    kind: Kind,
    is_required: bool,
    default: Option<Value>,
}

/// What is typed into a field.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    /// One of these.
    Choice(Vec<Value>),
    /// JSON: an array, an object, or anything.
    Json,
}

/// What was typed, by the names of the fields; a mark that is not set sends nothing.
pub(super) type Typed = BTreeMap<String, String>;

/// What is wrong, by the names of the fields; under an empty name what is about none.
pub(super) type Faults = BTreeMap<String, Vec<String>>;

/// Returns the fields of a blueprint's inputs.
pub(super) fn of_schema(schema: &Schema) -> Vec<Field> {
    let field = |(name, property): (&String, &Schema)| Field {
        name: name.clone(),
        label: property.title.clone().unwrap_or_else(|| name.clone()),
        hint: property.description.clone(),
        kind: kind(&property.types, &property.allowed),
        is_required: schema.required.contains(name) && property.default.is_none(),
        default: property.default.clone(),
    };
    schema.properties.iter().map(field).collect()
}

/// Returns the fields that a question asks for: an object of fields, as a block of type `approval`
/// writes them.
pub(super) fn of_question(details: &Value) -> Vec<Field> {
    let Value::Object(fields) = details else { return Vec::new() };
    let field = |(name, spec): (&String, &Value)| {
        let text = |key: &str| spec.get(key).and_then(Value::as_str).map(str::to_owned);
        let types: Vec<SchemaType> =
            text("type").and_then(|name| SchemaType::parse(&name)).into_iter().collect();
        let allowed = spec.get("enum").and_then(Value::as_array).cloned().unwrap_or_default();
        Field {
            name: name.clone(),
            label: text("title").unwrap_or_else(|| name.clone()),
            hint: text("description"),
            kind: kind(&types, &allowed),
            is_required: spec.get("required") == Some(&Value::Bool(true)),
            default: spec.get("default").cloned(),
        }
    };
    fields.iter().map(field).collect()
}

fn kind(types: &[SchemaType], allowed: &[Value]) -> Kind {
    if !allowed.is_empty() {
        return Kind::Choice(allowed.to_vec());
    }
    match types {
        [SchemaType::String] => Kind::Text,
        [SchemaType::Integer] => Kind::Integer,
        [SchemaType::Number] => Kind::Number,
        [SchemaType::Boolean] => Kind::Boolean,
        _ => Kind::Json,
    }
}

/// Returns what was typed, out of the pairs of a form or of an address.
pub(super) fn typed(pairs: &[(String, String)]) -> Typed {
    let ours = |(name, text): &(String, String)| {
        Some((name.strip_prefix(PREFIX)?.to_owned(), text.clone()))
    };
    pairs.iter().filter_map(ours).collect()
}

/// Returns the object that was typed, and what cannot be read of it. What is empty is left out: then
/// the default holds.
pub(super) fn read(fields: &[Field], typed: &Typed) -> (Value, Faults) {
    let mut values = Map::new();
    let mut faults = Faults::new();
    for field in fields {
        let text = typed.get(&field.name).map_or("", String::as_str);
        let value = match field.kind {
            Kind::Boolean => Ok(Some(Value::Bool(!text.is_empty()))),
            _ if text.trim().is_empty() => Ok(None),
            Kind::Text => Ok(Some(text.replace("\r\n", "\n").into())),
            Kind::Integer => whole(text.trim()).map(Some).ok_or("must be a whole number".into()),
            Kind::Number => number(text.trim()).map(Some).ok_or("must be a number".into()),
            Kind::Choice(_) | Kind::Json => serde_json::from_str(text)
                .map(Some)
                .map_err(|err| format!("must be JSON: {err}; text stands in quotes")),
        };
        match value {
            Ok(Some(value)) => drop(values.insert(field.name.clone(), value)),
            Ok(None) if field.is_required => {
                faults.entry(field.name.clone()).or_default().push("is needed".into());
            }
            Ok(None) => {}
            Err(fault) => faults.entry(field.name.clone()).or_default().push(fault),
        }
    }
    (Value::Object(values), faults)
}

fn whole(text: &str) -> Option<Value> {
    text.parse::<i64>().ok().map(Value::from).or_else(|| text.parse::<u64>().ok().map(Value::from))
}

fn number(text: &str) -> Option<Value> {
    if let Some(whole) = whole(text) {
        return Some(whole);
    }
    serde_json::Number::from_f64(text.parse().ok()?).map(Value::Number)
}

/// Sorts what a check says to the fields that it names, as in ``input `cities[2]` must be …``.
pub(super) fn sort(fields: &[Field], misfits: Vec<String>) -> Faults {
    let mut faults = Faults::new();
    for misfit in misfits {
        let path = misfit.split('`').nth(1).unwrap_or_default();
        let name = path.split(['.', '[']).next().unwrap_or_default();
        let name = if fields.iter().any(|field| field.name == name) { name } else { "" };
        faults.entry(name.to_owned()).or_default().push(misfit);
    }
    faults
}

/// Shows the fields; where something was typed, that, else the defaults.
pub(super) fn fields(fields: &[Field], typed: Option<&Typed>, faults: &Faults) -> Markup {
    html! {
        @for field in fields {
            @let wrong = faults.get(&field.name);
            @let text = typed.map(|typed| typed.get(&field.name).cloned().unwrap_or_default());
            (one(field, text, wrong.map_or(&[], Vec::as_slice)))
        }
    }
}

fn one(field: &Field, typed: Option<String>, wrong: &[String]) -> Markup {
    let id = format!("{PREFIX}{}", field.name);
    let about = format!("about-{id}");
    let invalid = (!wrong.is_empty()).then_some("true");
    let is_on = match &typed {
        Some(text) => !text.is_empty(),
        None => field.default == Some(Value::Bool(true)),
    };
    let text = typed.unwrap_or_else(|| written(field));
    let rows = text.lines().count().clamp(3, 12);
    let label = html! {
        label for=(id) {
            (field.label)
            @if field.is_required { span.soft { " (needed)" } }
        }
    };
    let class = if field.kind == Kind::Boolean { "field check" } else { "field" };
    html! {
        div class=(class) {
            @match &field.kind {
                Kind::Boolean => {
                    input type="checkbox" id=(id) name=(id) value="true" checked[is_on]
                        aria-describedby=(about) aria-invalid=[invalid];
                    (label)
                }
                Kind::Choice(allowed) => {
                    (label)
                    select id=(id) name=(id) aria-describedby=(about) aria-invalid=[invalid] {
                        @if field.default.is_none() { option value="" { "" } }
                        @for value in allowed {
                            @let written = value.to_string();
                            option value=(written) selected[text == written] { (plain(value)) }
                        }
                    }
                }
                Kind::Json => {
                    (label)
                    textarea id=(id) name=(id) rows=(rows) spellcheck="false"
                        aria-describedby=(about) aria-invalid=[invalid] { "\n" (text) }
                }
                Kind::Text if text.contains('\n') => {
                    (label)
                    textarea id=(id) name=(id) rows=(rows) aria-describedby=(about)
                        aria-invalid=[invalid] { "\n" (text) }
                }
                Kind::Text | Kind::Integer | Kind::Number => {
                    (label)
                    input id=(id) name=(id) value=(text) type="text" autocomplete="off"
                        inputmode=[(field.kind != Kind::Text).then_some("decimal")]
                        aria-describedby=(about) aria-invalid=[invalid];
                }
            }
            div id=(about) {
                @for fault in wrong { p.wrong { "✕ " (fault) } }
                @if let Some(hint) = &field.hint { p.hint { (hint) } }
                @if field.kind == Kind::Json { p.hint { "JSON" } }
            }
        }
    }
}

/// Returns the default as it is typed.
fn written(field: &Field) -> String {
    match (&field.default, &field.kind) {
        (None, _) => String::new(),
        (Some(value), Kind::Json) => format!("{value:#}"),
        (Some(value), Kind::Choice(_)) => value.to_string(),
        (Some(value), Kind::Text | Kind::Integer | Kind::Number | Kind::Boolean) => plain(value),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn example() -> Vec<Field> {
        of_question(&json!({
            "city": {"type": "string", "required": true},
            "days": {"type": "integer", "default": 3},
            "share": {"type": "number"},
            "loud": {"type": "boolean", "default": true},
            "units": {"enum": ["metric", "imperial"]},
            "tags": {"type": "array"},
        }))
    }

    #[test]
    fn what_is_typed_becomes_values_of_the_right_types() {
        let pairs = [
            ("in.city", "Oslo"),
            ("in.days", " 4 "),
            ("in.share", "0.5"),
            ("in.units", "\"metric\""),
            ("in.tags", "[1]"),
            ("_csrf", "x"),
        ];
        let pairs = pairs.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let (value, faults) = read(&example(), &typed(&pairs));
        let units = "metric";
        let expected = json!({
            "city": "Oslo", "days": 4, "share": 0.5, "loud": false, "units": units, "tags": [1],
        });
        assert_eq!((value, faults), (expected, Faults::new()));
    }

    #[test]
    fn what_cannot_be_read_is_said_beside_its_field_and_kept() {
        let typed = Typed::from([("days".into(), "many".into()), ("tags".into(), "[".into())]);
        let (_, faults) = read(&example(), &typed);
        let names: Vec<&str> = faults.keys().map(String::as_str).collect();
        assert_eq!(names, ["city", "days", "tags"]);
        let shown = fields(&example(), Some(&typed), &faults).into_string();
        assert!(shown.contains("value=\"many\"") && shown.contains("must be a whole number"));
        assert!(shown.contains("aria-invalid=\"true\""));
    }

    #[test]
    fn misfits_go_to_the_fields_that_they_name() {
        let said = vec!["input `tags[1]` must be string".into(), "input `x` is unknown".into()];
        let faults = sort(&example(), said);
        assert!(faults["tags"][0].starts_with("input `tags[1]`") && faults.contains_key(""));
    }

    #[test]
    fn texts_cannot_break_out() {
        let evil = "</textarea>\"'><script>alert(1)</script>";
        let fields_of = of_question(&json!({
            (evil): {"type": "string", "title": evil, "description": evil, "default": evil},
            "choice": {"enum": [evil]},
            "data": {"type": "object", "default": {(evil): evil}},
        }));
        let faults = Faults::from([(evil.into(), vec![evil.into()])]);
        let shown = fields(&fields_of, None, &faults).into_string();
        assert!(!shown.contains("<script>") && !shown.contains("</textarea>\""), "{shown}");
    }
}
