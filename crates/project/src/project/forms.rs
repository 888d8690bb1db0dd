//! Forms that blueprints declare, judged before the run as far as they are literal.

use blueprint_model::{
    Blueprint, Diagnostic, FieldKind, Registry, Value,
    blueprint::{FieldNode, FieldValue, Graph},
    code,
    value::Map,
};

/// Reports the fields of forms that are no declarations. What is computed is judged when it is asked.
pub(super) fn judge(blueprint: &Blueprint, registry: &Registry, diagnostics: &mut Vec<Diagnostic>) {
    graph(&blueprint.graph, registry, diagnostics);
}

/// Recursion is bounded by the depth of a document.
fn graph(graph: &Graph, registry: &Registry, diagnostics: &mut Vec<Diagnostic>) {
    for node in graph.nodes.values() {
        let block = registry.block(&node.kind.value);
        let fields = block.map_or(&[][..], |block| block.spec().fields);
        for field in fields.iter().filter(|field| field.kind == FieldKind::Form) {
            if let Some(written) = node.fields.get(field.name) {
                form(&written.value, diagnostics);
            }
        }
        if let Some(body) = &node.body {
            self::graph(body, registry, diagnostics);
        }
    }
}

fn form(written: &FieldNode, diagnostics: &mut Vec<Diagnostic>) {
    let FieldValue::Object(fields) = &written.kind else { return };
    for (name, node) in fields {
        let Some(declared) = node.as_literal() else { continue };
        let alone = Value::Object(Map::from_iter([(name.value.clone(), declared)]));
        for fault in blueprint_syntax::fields_of(&alone).err().unwrap_or_default() {
            diagnostics.push(Diagnostic::error(code::BAD_SCHEMA, node.span, fault));
        }
    }
}
