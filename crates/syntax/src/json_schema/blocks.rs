//! The schema of a block: what all have, and for each type its own fields and outcomes.

use blueprint_model::{BlockSpec, FieldKind, FieldSpec, Registry, Value, block::Need, value::Map};
use serde_json::json;

use crate::plain;

/// Returns the schema of one block.
pub(crate) fn block(registry: &Registry) -> Value {
    let specs: Vec<&BlockSpec> = registry.blocks().iter().map(|block| block.spec()).collect();
    let kinds: Vec<Value> =
        specs.iter().map(|spec| json!({"const": spec.kind, "description": spec.summary})).collect();
    let cases: Vec<Value> = specs.iter().map(|spec| case(registry, spec)).collect();
    json!({
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"description": "What the block does", "anyOf": kinds}},
        "allOf": cases,
    })
}

/// Returns what holds for blocks of one type.
fn case(registry: &Registry, spec: &BlockSpec) -> Value {
    let mut properties = engine_keys();
    properties.insert("next".into(), next(spec));
    for field in spec.fields {
        properties.insert(field.name.into(), field_schema(registry, field));
    }
    let is_required = |field: &&FieldSpec| field.need == Need::Required;
    let mut required = vec!["type"];
    required.extend(spec.fields.iter().filter(is_required).map(|field| field.name));
    let mut then = json!({
        "description": spec.docs,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    if let Ok(example) = plain::value_of(spec.example) {
        then["examples"] = json!([example]);
    }
    json!({
        "if": {"properties": {"type": {"const": spec.kind}}, "required": ["type"]},
        "then": then,
    })
}

/// Returns the keys that every block may have.
fn engine_keys() -> Map<String, Value> {
    let names = json!({"type": "array", "items": {"type": "string"}});
    let keys = json!({
        "type": {},
        "title": {"type": "string", "description": "A name for people"},
        "note": {"type": "string", "description": "A remark for people"},
        "position": {"description": "Where an editor draws the block"},
        "join": {
            "enum": ["any", "all", "first", "always"],
            "default": "any",
            "description": "When a block with several incoming edges runs",
        },
        "retry": {"$ref": "#/definitions/retry"},
        "timeout": {
            "description": "How long one attempt may take",
            "allOf": [{"$ref": "#/definitions/duration"}],
        },
        "expect": {
            "description": "What the result must look like",
            "allOf": [{"$ref": "#/definitions/input"}],
        },
        "on_resume": {
            "enum": ["retry", "fail"],
            "default": "retry",
            "description": "What a resumed run does with the block when it was in flight",
        },
        "secrets": describe(&names, "Vault keys it may use beyond those it names"),
        "reveal": describe(&names, "Vault keys whose value its script may see"),
        "secret_outputs": describe(&names, "Parts of its result that are secrets from then on"),
        "do": {"$ref": "#/definitions/blocks"},
    });
    match keys {
        Value::Object(keys) => keys,
        _ => Map::new(),
    }
}

/// Returns the schema of `next`: the outcomes of a type, each with what follows.
fn next(spec: &BlockSpec) -> Value {
    let targets = json!({"$ref": "#/definitions/targets"});
    let outcome = |name: &str, summary: &str| (name.to_owned(), describe_by(&targets, summary));
    let outcomes: Map<String, Value> =
        spec.outcomes.iter().map(|known| outcome(known.name, known.summary)).collect();
    if outcomes.is_empty() && spec.outcomes_from.is_none() {
        return json!({"not": {}, "description": "This block ends its graph: nothing follows"});
    }
    let others = if spec.outcomes_from.is_some() { targets.clone() } else { json!(false) };
    json!({
        "description": "Which block follows on which outcome",
        "anyOf": [
            targets,
            {"type": "object", "properties": outcomes, "additionalProperties": others},
        ],
    })
}

fn field_schema(registry: &Registry, field: &FieldSpec) -> Value {
    let mut schema = describe_by(&kind_schema(registry, field.kind), field.summary);
    if let Need::Default(literal) = field.need
        && let Ok(default) = serde_json::from_str::<Value>(literal)
    {
        schema["default"] = default;
    }
    schema
}

/// Returns the schema of a field's value: where texts are templates, a text with a reference is
/// accepted for every type.
fn kind_schema(registry: &Registry, kind: FieldKind) -> Value {
    let scalar = json!(["string", "number", "boolean"]);
    match kind {
        FieldKind::Text | FieldKind::StatePath | FieldKind::Blueprint => json!({"type": scalar}),
        FieldKind::Integer => or_template(&json!({"type": "integer"})),
        FieldKind::Boolean => or_template(&json!({"type": "boolean"})),
        FieldKind::Duration => or_template(&json!({"$ref": "#/definitions/duration"})),
        FieldKind::Size => {
            let text = json!({"type": "string", "pattern": "^ *[0-9.]+ *([KMG]i?)?B? *$"});
            or_template(&json!({"anyOf": [{"type": "integer", "minimum": 0}, text]}))
        }
        FieldKind::Choice(words) => or_template(&json!({"enum": words})),
        FieldKind::List => or_template(&json!({"type": "array"})),
        FieldKind::Collection => or_template(&json!({"type": ["array", "object"]})),
        FieldKind::Object => or_template(&json!({"type": "object"})),
        FieldKind::Form => or_template(&json!({
            "type": "object",
            "additionalProperties": {"$ref": "#/definitions/input"},
        })),
        FieldKind::Texts => {
            let text = json!({"type": ["string", "number", "boolean", "null"]});
            let several = json!({"type": "array", "items": text});
            let texts = json!({"anyOf": [text, several]});
            or_template(&json!({"type": "object", "additionalProperties": texts}))
        }
        FieldKind::Any => json!({}),
        FieldKind::Name => json!({"type": "string"}),
        FieldKind::Language => {
            let names: Vec<&str> =
                registry.languages().iter().map(|language| language.name()).collect();
            json!({"enum": names})
        }
        FieldKind::Code | FieldKind::Expression => json!({"type": scalar}),
        FieldKind::Cases => json!({"type": "object", "additionalProperties": {"type": scalar}}),
        FieldKind::Body => json!({"$ref": "#/definitions/blocks"}),
    }
}

fn or_template(schema: &Value) -> Value {
    json!({"anyOf": [schema, {"$ref": "#/definitions/template"}]})
}

/// Returns a schema with a description.
fn describe(schema: &Value, summary: &str) -> Value {
    let mut described = schema.clone();
    described["description"] = json!(summary);
    described
}

/// Returns a schema with a description that holds beside a `$ref`, which hides its neighbours.
fn describe_by(schema: &Value, summary: &str) -> Value {
    if schema.get("$ref").is_some() {
        return json!({"description": summary, "allOf": [schema]});
    }
    describe(schema, summary)
}
