//! The JSON Schema of a blueprint file, for editors: generated from the block types, so that it
//! cannot differ from them.

mod blocks;
mod settings;

use blueprint_model::{Registry, Value};
use serde_json::json;

/// Returns the JSON Schema (draft 7, which editors' YAML servers know) of a blueprint file.
///
/// It accepts what [`crate::parse`] accepts, and knows for each block type its fields and outcomes.
/// What no schema can say (whether a block in `next` exists) is left to the checker.
pub fn schema(registry: &Registry) -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Blueprint",
        "description": "A graph of blocks that an engine runs",
        "type": "object",
        "required": ["name", "blocks"],
        "additionalProperties": false,
        "properties": {
            "version": {"const": 1, "description": "Version of the format"},
            "name": {
                "type": "string",
                "pattern": "^[a-z][a-z0-9-]{0,127}$",
                "description": "Name of the blueprint, unique in a project",
            },
            "description": {"type": "string", "description": "A sentence for lists"},
            "inputs": {
                "type": ["object", "null"],
                "description": "Inputs by name, checked before the first block runs",
                "additionalProperties": {"$ref": "#/definitions/input"},
            },
            "state": {"type": ["object", "null"], "description": "Initial state of a run"},
            "secrets": {
                "type": ["object", "null"],
                "description": "The only vault keys that this blueprint may use",
                "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_-]{0,127}$"},
                "additionalProperties": {"$ref": "#/definitions/secret"},
            },
            "triggers": {
                "type": "array",
                "description": "What starts a run, beside a person",
                "items": {"$ref": "#/definitions/trigger"},
            },
            "defaults": {
                "type": "object",
                "description": "For all blocks that reach outside",
                "additionalProperties": false,
                "properties": {
                    "retry": {"$ref": "#/definitions/retry"},
                    "timeout": {"$ref": "#/definitions/duration"},
                },
            },
            "timeout": {
                "description": "Deadline of a run",
                "allOf": [{"$ref": "#/definitions/duration"}],
            },
            "concurrency": {
                "type": "integer",
                "minimum": 1,
                "maximum": 100_000,
                "description": "Most blocks at once",
            },
            "on_error": {
                "enum": ["cancel", "drain"],
                "default": "cancel",
                "description": "What an unhandled error does to blocks that run",
            },
            "blocks": {"$ref": "#/definitions/blocks"},
        },
        "definitions": definitions(registry),
    })
}

fn definitions(registry: &Registry) -> Value {
    json!({
        "blocks": {
            "type": "object",
            "description": "Blocks by id",
            "propertyNames": {"pattern": "^[a-z][a-z0-9_]{0,127}$"},
            "additionalProperties": {"$ref": "#/definitions/block"},
        },
        "block": blocks::block(registry),
        "targets": {
            "description": "The block that follows, or several",
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}},
            ],
        },
        "template": {
            "type": "string",
            "pattern": "@[{<]",
            "description": "A reference, as in `@{inputs.city}`",
        },
        "duration": settings::duration(),
        "retry": settings::retry(),
        "secret": settings::secret(),
        "trigger": settings::trigger(),
        "input": settings::value_schema(),
    })
}

#[cfg(test)]
mod tests;
