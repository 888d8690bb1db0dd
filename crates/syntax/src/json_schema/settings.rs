//! The schemas of what is the same for all block types.

use blueprint_model::{
    Value,
    blueprint::{Missed, Overlap},
    schema::{Format, SchemaType},
};
use serde_json::json;

/// Returns the schema of a duration.
pub(crate) fn duration() -> Value {
    json!({
        "type": "string",
        "pattern": "^\\s*([0-9.]+(ms|s|m|h|d)\\s*)+$",
        "description": "A duration such as `250ms`, `10s`, `5m`, `1h`",
        "examples": ["10s", "5m"],
    })
}

/// Returns the schema of `retry`.
pub(crate) fn retry() -> Value {
    let duration = json!({"$ref": "#/definitions/duration"});
    json!({
        "type": "object",
        "description": "How a block is tried again",
        "additionalProperties": false,
        "properties": {
            "attempts": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1_000,
                "description": "Attempts in all, the first included",
            },
            "delay": {"description": "Pause before the second attempt", "allOf": [duration]},
            "backoff": {"enum": ["exponential", "fixed"], "description": "How the pause grows"},
            "max_delay": {"description": "Longest pause", "allOf": [duration]},
            "jitter": {"type": "boolean", "description": "Whether the pause is spread at random"},
            "outcomes": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Outcomes that are tried again",
            },
            "statuses": {
                "type": "array",
                "items": {"anyOf": [
                    {"type": "integer", "minimum": 100, "maximum": 599},
                    {"type": "string", "pattern": "^[1-5]([0-9][0-9]|xx)$"},
                ]},
                "description": "HTTP statuses that are tried again, as in `[429, 5xx]`",
            },
        },
    })
}

/// Returns the schema of one entry of `secrets`.
pub(crate) fn secret() -> Value {
    json!({
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": {
            "hosts": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Where the key may go, as in `api.acme.example`",
            },
            "optional": {"type": "boolean", "description": "Whether a run may start without it"},
            "description": {"type": "string", "description": "A sentence for lists"},
        },
    })
}

/// Returns the schema of one trigger.
pub(crate) fn trigger() -> Value {
    let text = json!({"type": "string"});
    let kinds = [
        ("api", json!({}), json!(["type"])),
        (
            "cron",
            json!({
                "schedule": text,
                "timezone": text,
                "missed": {
                    "enum": Missed::ALL.map(|(name, _)| name),
                    "description": "What becomes of a time at which nothing was there to fire",
                },
                "overlap": {
                    "enum": Overlap::ALL.map(|(name, _)| name),
                    "description": "What a firing does while the last run is not over",
                },
            }),
            json!(["type", "schedule"]),
        ),
        ("event", json!({"component": text, "event": text}), json!(["type", "event"])),
        ("webhook", json!({"signing_key": text}), json!(["type"])),
    ];
    let names: Vec<&str> = kinds.iter().map(|(name, ..)| *name).collect();
    let cases: Vec<Value> = kinds
        .iter()
        .map(|(name, keys, required)| {
            let mut properties = json!({
                "type": {},
                "id": {
                    "type": "string",
                    "pattern": "^[a-z][a-z0-9_-]*$",
                    "description": "Its name; without one its type and number, as in `cron-1`",
                },
                "start": {"type": "string", "description": "Runs only what is reachable from here"},
                "inputs": {"type": "object", "description": "Inputs; may take from `payload`"},
                "payload": {"description": "Default payload"},
            });
            for (key, schema) in keys.as_object().into_iter().flatten() {
                properties[key] = schema.clone();
            }
            let then = json!({
                "properties": properties,
                "required": required,
                "additionalProperties": false,
            });
            json!({
                "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
                "then": then,
            })
        })
        .collect();
    json!({
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": names}},
        "allOf": cases,
    })
}

/// Returns the schema of a schema: one input, or `expect`.
pub(crate) fn value_schema() -> Value {
    let types: Vec<&str> = SchemaType::ALL.iter().map(|(name, _)| *name).collect();
    let formats: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
    let kind = json!({"enum": types});
    // `type: null` is the value null for YAML and means the type all the same.
    let kind_or_null = json!({"anyOf": [kind, {"type": "null"}]});
    let length = json!({"type": "integer", "minimum": 0});
    let nested = json!({"$ref": "#/definitions/input"});
    json!({
        "type": ["object", "null"],
        "description": "What a value must look like",
        "additionalProperties": false,
        "properties": {
            "type": {"anyOf": [
                kind,
                {"type": "null"},
                {"type": "array", "items": kind_or_null},
            ]},
            "title": {"type": "string", "description": "A short name for a form"},
            "description": {"type": "string", "description": "A sentence for a form"},
            "default": {"description": "The value when none is given"},
            "required": {
                "anyOf": [
                    {"type": "boolean"},
                    {"type": "array", "items": {"type": "string"}},
                ],
                "description": "Whether it must be given; for an object also the keys it must have",
            },
            "enum": {"type": "array", "minItems": 1, "description": "Accepted values"},
            "minimum": {"type": "number"},
            "maximum": {"type": "number"},
            "minLength": length,
            "maxLength": length,
            "minItems": length,
            "maxItems": length,
            "pattern": {"type": "string", "description": "A regular expression"},
            "format": {"enum": formats},
            "items": nested,
            "properties": {"type": "object", "additionalProperties": nested},
            "additionalProperties": {"type": "boolean"},
        },
    })
}
