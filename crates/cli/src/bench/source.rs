//! Blueprints that nest, as text: loops, calls within calls, large values; and what a bench runs.

use blueprint_model::Value;
use blueprint_project::text;
use serde_json::json;

use crate::bench::shapes::{HEAD, Kind, Shape, blueprint};

/// How deep the calls of [`nest`] go.
pub const DEPTH: usize = 16;

/// A blueprint to be run again and again.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its text.
    pub text: String,
    /// The texts of those that it calls.
    pub callees: Vec<String>,
    /// What each run starts with.
    pub inputs: Value,
    /// How many units of work a run does: blocks, or calls.
    pub units: usize,
}

impl Source {
    /// Returns a blueprint that calls no other and needs no inputs.
    pub fn new(text: String, units: usize) -> Self {
        Self { text, callees: Vec::new(), inputs: json!({}), units }
    }
}

/// Returns a loop over `items` items, with one block in its body.
pub fn loop_over(items: usize, concurrency: usize) -> Source {
    let numbers: Vec<usize> = (0..items).collect();
    let text = format!(
        "version: 1\nname: bench\ninputs: {{items: {{type: array}}}}\nblocks:\n  \
         each: {{type: for_each, items: \"@{{inputs.items}}\", concurrency: {concurrency}, \
         do: {{one: {{type: pass}}}}}}\n"
    );
    Source { inputs: json!({"items": numbers}), ..Source::new(text, items) }
}

/// Returns a chain of calls, each of which goes [`DEPTH`] blueprints deep; about `calls` in all.
pub fn nest(calls: usize) -> Source {
    let top = calls.div_ceil(DEPTH);
    let mut yaml = String::from(HEAD);
    for at in 0..top {
        let next = if at + 1 < top { format!(", next: b{}", at + 1) } else { String::new() };
        text::add(
            &mut yaml,
            format_args!("  b{at}: {{type: run_blueprint, blueprint: level-1{next}}}\n"),
        );
    }
    let callee = |level: usize| {
        let block = match level {
            DEPTH => "type: pass".into(),
            _ => format!("type: run_blueprint, blueprint: level-{}", level + 1),
        };
        format!("version: 1\nname: level-{level}\nblocks:\n  only: {{{block}}}\n")
    };
    Source { callees: (1..=DEPTH).map(callee).collect(), ..Source::new(yaml, top * DEPTH) }
}

/// Returns 40 blocks that compute, side by side between two that do not.
pub fn forty() -> Source {
    let wide = blueprint(Shape::Fan, Kind::FIB, 42);
    let ends = ["  b0: {", "  b41: {"];
    let lines = wide.text.lines().map(|line| match ends.iter().any(|end| line.starts_with(end)) {
        true => format!("{}\n", line.replace(Kind::FIB.fields, Kind::PASS.fields)),
        false => format!("{line}\n"),
    });
    Source::new(lines.collect(), 40)
}

/// What hands a large value on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// References, which share it.
    References,
    /// Scripts, which get a copy.
    Scripts,
}

/// Returns five blocks that hand a text of `bytes` on, from the inputs to the result.
pub fn payload(bytes: usize, carrier: Carrier) -> Source {
    let mut yaml = String::from(
        "version: 1\nname: bench\ninputs: {data: {type: string}}\nstate: {n: null}\nblocks:\n",
    );
    for at in 0..5 {
        let block = match (carrier, at) {
            (Carrier::References, 0) => "type: set_state, path: n, value: \"@{inputs.data}\"",
            (Carrier::References, _) => "type: set_state, path: n, value: \"@{result}\"",
            (Carrier::Scripts, 0) => "type: code, code: inputs.data",
            (Carrier::Scripts, _) => "type: code, code: result",
        };
        let next = if at < 4 { format!(", next: b{}", at + 1) } else { String::new() };
        text::add(&mut yaml, format_args!("  b{at}: {{{block}{next}}}\n"));
    }
    Source { inputs: json!({"data": "x".repeat(bytes)}), ..Source::new(yaml, 5) }
}
