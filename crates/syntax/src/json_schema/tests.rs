//! The schema accepts what the reader accepts, and refuses what it can know to be wrong.

use std::sync::Arc;

use blueprint_model::{
    Block, BlockCx, BlockError, BlockSpec, FieldKind, FieldSpec, Finish, Inputs,
    block::{Need, OutcomeSpec, Pace, Reach},
    schema::{self as values, Pattern, Schema},
};

use super::*;
use crate::value_of;

const EXAMPLE: &str = include_str!("../read/example.yaml");

struct Fake(&'static BlockSpec);

#[async_trait::async_trait]
impl Block for Fake {
    fn spec(&self) -> &'static BlockSpec {
        self.0
    }

    async fn run(&self, _: &Inputs, _: &BlockCx) -> Result<Finish, BlockError> {
        Err(BlockError::permanent("a fake"))
    }
}

const fn field(name: &'static str, kind: FieldKind, need: Need) -> FieldSpec {
    FieldSpec { name, kind, need, summary: "Something", is_egress: false }
}

const fn outcome(name: &'static str) -> OutcomeSpec {
    OutcomeSpec { name, is_error: false, summary: "When it happens" }
}

const fn spec(
    kind: &'static str,
    fields: &'static [FieldSpec],
    outcomes: &'static [OutcomeSpec],
) -> BlockSpec {
    BlockSpec {
        kind,
        summary: "Does something",
        docs: "It does something.",
        fields,
        outcomes,
        one_of: &[],
        outcomes_from: None,
        failure: "error",
        pace: Pace::Instant,
        reach: Reach::Inside,
        result: "a value",
        example: "type: code\ncode: 1 + 1\n",
    }
}

const DONE: &[OutcomeSpec] = &[outcome("success"), outcome("error")];
const HTTP: &[OutcomeSpec] =
    &[outcome("success"), outcome("response_error"), outcome("connection_error")];

static SPECS: &[BlockSpec] = &[
    spec(
        "for_each",
        &[
            field("items", FieldKind::Collection, Need::Required),
            field("as", FieldKind::Name, Need::Optional),
            field("concurrency", FieldKind::Integer, Need::Default("1")),
            field("on_item_error", FieldKind::Choice(&["stop", "continue"]), Need::Optional),
            field("do", FieldKind::Body, Need::Required),
        ],
        DONE,
    ),
    spec(
        "http_request",
        &[
            field("url", FieldKind::Text, Need::Required),
            field("headers", FieldKind::Texts, Need::Optional),
            field("follow", FieldKind::Boolean, Need::Default("true")),
            field("max", FieldKind::Size, Need::Optional),
            field("body", FieldKind::Any, Need::Optional),
        ],
        HTTP,
    ),
    spec("code", &[field("code", FieldKind::Code, Need::Required)], DONE),
    spec("return_value", &[field("value", FieldKind::Any, Need::Optional)], &[]),
    BlockSpec {
        one_of: &[],
        outcomes_from: Some("cases"),
        ..spec("switch", &[field("cases", FieldKind::Cases, Need::Required)], DONE)
    },
];

fn registry() -> Registry {
    let blocks = SPECS.iter().map(|spec| Arc::new(Fake(spec)) as Arc<dyn Block>).collect();
    Registry::new(blocks, Vec::new())
}

/// Returns whether a value satisfies the part of JSON Schema that is used here.
fn accepts(root: &Value, schema: &Value, value: &Value) -> bool {
    let Value::Object(schema) = schema else { return schema == &Value::Bool(true) };
    schema.iter().all(|(word, rule)| match (word.as_str(), rule) {
        ("$ref", Value::String(path)) => {
            accepts(root, root.pointer(&path[1..]).expect("a definition"), value)
        }
        ("type", Value::String(name)) => is_type(name, value),
        ("type", Value::Array(names)) => names.iter().any(|n| is_type(n.as_str().unwrap(), value)),
        ("const", rule) => rule == value,
        ("enum", Value::Array(words)) => words.contains(value),
        ("pattern", Value::String(source)) => {
            let pattern = Some(Pattern::parse(source).unwrap());
            values::check(&Schema { pattern, ..Schema::default() }, value).is_empty()
        }
        ("minimum", rule) => value.as_f64().is_none_or(|n| n >= rule.as_f64().unwrap()),
        ("maximum", rule) => value.as_f64().is_none_or(|n| n <= rule.as_f64().unwrap()),
        ("anyOf", Value::Array(rules)) => rules.iter().any(|rule| accepts(root, rule, value)),
        ("allOf", Value::Array(rules)) => rules.iter().all(|rule| accepts(root, rule, value)),
        ("not", rule) => !accepts(root, rule, value),
        ("if", rule) => !accepts(root, rule, value) || accepts(root, &schema["then"], value),
        ("items", rule) => {
            value.as_array().is_none_or(|list| list.iter().all(|item| accepts(root, rule, item)))
        }
        ("required", Value::Array(names)) => value
            .as_object()
            .is_none_or(|map| names.iter().all(|name| map.contains_key(name.as_str().unwrap()))),
        ("properties", Value::Object(rules)) => value.as_object().is_none_or(|map| {
            rules
                .iter()
                .all(|(name, rule)| map.get(name).is_none_or(|value| accepts(root, rule, value)))
        }),
        ("propertyNames", rule) => value
            .as_object()
            .is_none_or(|map| map.keys().all(|name| accepts(root, rule, &json!(name)))),
        ("additionalProperties", rule) => value.as_object().is_none_or(|map| {
            let known = schema.get("properties").and_then(Value::as_object);
            map.iter()
                .filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name)))
                .all(|(_, value)| accepts(root, rule, value))
        }),
        ("minItems", _) => value.as_array().is_none_or(|list| !list.is_empty()),
        ("then" | "description" | "title" | "default" | "examples" | "$schema", _) => true,
        ("definitions", _) => true,
        other => panic!("{other:?} is not known to this test"),
    })
}

fn is_type(name: &str, value: &Value) -> bool {
    match name {
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    }
}

#[track_caller]
fn check(text: &str, expected: bool) {
    let schema = schema(&registry());
    let value = value_of(text).unwrap();
    assert_eq!(accepts(&schema, &schema, &value), expected, "{text}");
}

/// Checks a file with these keys of a block of this type.
#[track_caller]
fn check_block(kind: &str, keys: &str, expected: bool) {
    check(&format!("name: x\nblocks: {{a: {{type: {kind}, {keys}}}}}"), expected);
}

#[test]
fn the_example_is_accepted() {
    check(EXAMPLE, true);
}

#[test]
fn keys_of_a_file_are_known() {
    check("name: x\nblocks: {}", true);
    check("name: X\nblocks: {}", false);
    check("blocks: {}", false);
    check("name: x\nblocks: {}\nnmae: y", false);
    check("name: x\nblocks: {}\ntimeout: 1m30s", true);
    check("name: x\nblocks: {}\ntimeout: 90", false);
    check("name: x\nblocks: {}\ninputs: {a: {type: [string, null], required: true}, b: }", true);
    check("name: x\nblocks: {}\ninputs: {a: {typ: string}}", false);
    check("name: x\nblocks: {}\nsecrets: {A: , B: {hosts: [x.example]}}", true);
    check("name: x\nblocks: {}\ntriggers: [{type: webhook, signing_key: x, start: a}]", true);
    check("name: x\nblocks: {}\ntriggers: [{type: cron}]", false);
    let cron =
        "name: x\nblocks: {}\ntriggers: [{type: cron, schedule: '* * * * *', overlap: OVERLAP}]";
    check(&cron.replace("OVERLAP", "queue"), true);
    check(&cron.replace("OVERLAP", "wait"), false);
    check("name: x\nblocks: {}\ntriggers: [{type: api, schedule: x}]", false);
    check("name: x\nblocks: {A: {type: return_value}}", false);
}

#[test]
fn types_have_their_fields() {
    check_block("code", "code: x, join: all, retry: {attempts: 2, statuses: [429, 5xx]}", true);
    check_block("code", "cdoe: x", false);
    check_block("code", "title: x", false);
    check_block("cod", "code: x", false);
    check_block("http_request", "url: x, follow: false, max: 10MB, headers: {a: 1, b: [x]}", true);
    check_block("http_request", "url: x, follow: maybe", false);
    check_block("http_request", "url: x, max: big", false);
    check_block("for_each", "items: [1], do: {}, on_item_error: stop", true);
    check_block("for_each", "items: [1], do: {}, on_item_error: go", false);
    check_block("for_each", "items: 1, do: {}", false);
}

#[test]
fn a_template_is_accepted_for_every_type() {
    check_block("http_request", "url: x, follow: '@{a}', max: '@<b>', headers: '@{c}'", true);
    check_block(
        "for_each",
        "items: '@{a}', concurrency: '@{b}', on_item_error: '@{c}', do: {}",
        true,
    );
}

#[test]
fn types_have_their_outcomes() {
    check_block("code", "code: x, next: b", true);
    check_block("code", "code: x, next: [b, c]", true);
    check_block("code", "code: x, next: {success: b, error: [c]}", true);
    check_block("code", "code: x, next: {succes: b}", false);
    check_block("return_value", "next: b", false);
    check_block("switch", "cases: {big: x > 1}, next: {big: b}", true);
}

#[test]
fn what_an_editor_shows_comes_from_the_spec() {
    let schema = schema(&registry());
    let case = &schema["definitions"]["block"]["allOf"][0]["then"];
    assert_eq!(case["properties"]["concurrency"]["default"], json!(1));
    assert_eq!(case["properties"]["concurrency"]["description"], json!("Something"));
    assert_eq!(case["examples"], json!([{"type": "code", "code": "1 + 1"}]));
    assert_eq!(case["required"], json!(["type", "items", "do"]));
}
