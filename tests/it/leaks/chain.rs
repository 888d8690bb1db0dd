//! Blueprints that do one thing after another, whatever comes of it.

use std::fmt::Write as _;

/// Blocks in a row: each is followed by the next, however it ends, and the run gives all results.
#[derive(Default)]
pub(super) struct Chain {
    blocks: Vec<(String, &'static [&'static str])>,
}

impl Chain {
    /// Adds an `http_request` with these fields, as in YAML's braces.
    pub(super) fn request(mut self, url: &str, fields: &str) -> Self {
        let comma = if fields.is_empty() { "" } else { ", " };
        let text = format!("type: http_request, url: {url:?}, timeout: 10s{comma}{fields}");
        self.blocks.push((text, &["success", "response_error", "connection_error"]));
        self
    }

    /// Adds a block whose outcomes are `success` and `error`.
    pub(super) fn block(mut self, fields: &str) -> Self {
        self.blocks.push((fields.into(), &["success", "error"]));
        self
    }

    /// Adds a `code` block.
    pub(super) fn code(self, fields: &str, code: &str) -> Self {
        let code = code.replace('\'', "''");
        self.block(&format!("type: code{fields}, code: '{code}'"))
    }

    /// Returns the blueprint. Every result and every message is logged and returned.
    pub(super) fn blueprint(&self, name: &str) -> String {
        let mut text = format!("name: {name}\nblocks:\n");
        let ids = 0..self.blocks.len();
        for (id, (fields, outcomes)) in ids.clone().zip(&self.blocks) {
            let to = |outcome: &&str| match *outcome {
                "success" => format!("success: b{}", id + 1),
                bad => format!("{bad}: m{id}"),
            };
            let next: Vec<String> = outcomes.iter().map(to).collect();
            writeln!(text, "  b{id}: {{{fields}, next: {{{}}}}}", next.join(", ")).unwrap();
            writeln!(
                text,
                "  m{id}: {{type: log_message, level: error, message: \"b{id}: @{{message}}\", \
                 next: b{}}}",
                id + 1
            )
            .unwrap();
        }
        let results: Vec<String> = ids.map(|id| format!("\"@{{results.b{id}}}\"")).collect();
        let results = results.join(", ");
        let last = self.blocks.len();
        writeln!(
            text,
            "  b{last}: {{type: log_message, message: [{results}], next: end}}\n  end: {{type: \
             return_value, value: [{results}]}}"
        )
        .unwrap();
        text
    }
}
