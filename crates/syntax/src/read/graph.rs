//! Blocks: the keys that the engine reserves, the edges, and everything else as fields.

use std::sync::Arc;

use blueprint_model::{
    Diagnostic, Spanned,
    blueprint::{Edge, Field, Graph, Join, Node, OnResume},
    code, id,
};
use indexmap::IndexMap;

use crate::{
    read::{
        fields,
        reader::{self, Reader},
        respelled, schemas, settings,
    },
    yaml::{Data, Entry, Map},
};

const ON_RESUME: &[(&str, OnResume)] = &[("retry", OnResume::Retry), ("fail", OnResume::Fail)];

/// The keys that the engine reserves.
const RESERVED: &[&str] = &[
    "type",
    "title",
    "note",
    "position",
    "next",
    "join",
    "retry",
    "timeout",
    "expect",
    "on_resume",
    "secrets",
    "reveal",
    "secret_outputs",
    "do",
];

/// The advice for a `next` in a wrong shape.
const NEXT: &str = "write `next: parse`, `next: [parse, audit]` or `next: {success: parse}`";

/// Reads `blocks`, or `do`. Recursion is bounded by the depth of a document.
///
/// Each part of the tree is freed when it was read: the two together would be twice as large.
pub(crate) fn graph(reader: &mut Reader<'_>, name: &str, entry: Entry) -> Graph {
    let mut graph = Graph { nodes: IndexMap::new(), span: entry.place() };
    if entry.value.is_null() {
        return graph;
    }
    let map = match entry.value.data {
        Data::Map(map) => map,
        Data::Scalar(_) | Data::Text(_) | Data::List(_) => {
            no_graph(reader, name, &entry);
            return graph;
        }
    };
    // Blocks are large: growing would hold them twice.
    graph.nodes.reserve_exact(map.len());
    for (id, entry) in map {
        if reader.is_full() {
            break;
        }
        check_id(reader, &id, &entry);
        let node = block(reader, &id, entry);
        graph.nodes.insert(Arc::from(id), node);
    }
    graph
}

fn no_graph(reader: &mut Reader<'_>, name: &str, entry: &Entry) {
    let fault = reader::wrong_type(name, "an object of blocks", entry);
    reader.report(fault.help("write each block under its id: `fetch: {type: http_request, …}`"));
}

fn check_id(reader: &mut Reader<'_>, id: &str, entry: &Entry) {
    if id::is_block_id(id) {
        return;
    }
    let message = format!("`{}` cannot be the id of a block", reader::short(id));
    let fault = Diagnostic::error(code::BAD_ID, entry.key_span, message);
    let better = respelled(id, '_');
    reader.report(if id::is_block_id(&better) {
        fault.help(format!("write `{better}`: small letters, digits and `_`"))
    } else {
        fault.help("an id is made of small letters, digits and `_`, and begins with a letter")
    });
}

fn block(reader: &mut Reader<'_>, id: &str, entry: Entry) -> Node {
    let mut node = Node {
        id_span: entry.key_span,
        span: entry.place(),
        kind: Spanned::new(String::new(), entry.key_span),
        title: None,
        note: None,
        next: Vec::new(),
        join: Join::default(),
        retry: None,
        timeout: None,
        expect: None,
        on_resume: OnResume::default(),
        secrets: Vec::new(),
        reveal: Vec::new(),
        secret_outputs: Vec::new(),
        fields: IndexMap::new(),
        body: None,
    };
    let map = match entry.value.data {
        Data::Map(map) => map,
        Data::Scalar(_) | Data::Text(_) | Data::List(_) => {
            reader.report(no_block(id, &entry));
            return node;
        }
    };
    if !map.contains_key("type") {
        reader.report(no_type(id, &map, &node));
    }
    node.fields.reserve_exact(map.keys().filter(|key| !RESERVED.contains(&key.as_str())).count());
    for (key, entry) in map {
        if key == "do" {
            node.body = Some(Box::new(graph(reader, &key, entry)));
        } else if !reserved(reader, &mut node, &key, &entry) {
            let value = fields::field(reader, entry.value);
            node.fields.insert(key, Field { key_span: entry.key_span, value });
        }
    }
    node
}

/// Reads a key that the engine reserves, but for `do`; returns whether it is one.
fn reserved(reader: &mut Reader<'_>, node: &mut Node, key: &str, entry: &Entry) -> bool {
    match key {
        "type" => {
            if let Some(kind) = reader.text(key, entry) {
                node.kind = kind;
            }
        }
        "title" => node.title = reader.text(key, entry).map(|text| text.value),
        "note" => node.note = reader.text(key, entry).map(|text| text.value),
        // Where an editor draws the block; nothing here depends on it.
        "position" => {}
        "next" => node.next = next(reader, entry),
        "join" => node.join = reader.choice(key, entry, &Join::ALL).unwrap_or_default(),
        "retry" => node.retry = settings::retry(reader, entry).map(Box::new),
        "timeout" => node.timeout = reader.duration(key, entry),
        "expect" => node.expect = Some(Box::new(schemas::schema(reader, key, entry))),
        "on_resume" => node.on_resume = reader.choice(key, entry, ON_RESUME).unwrap_or_default(),
        "secrets" => node.secrets = reader.texts(key, entry),
        "reveal" => node.reveal = reader.texts(key, entry),
        "secret_outputs" => node.secret_outputs = reader.texts(key, entry),
        _ => return false,
    }
    true
}

fn no_block(id: &str, entry: &Entry) -> Diagnostic {
    let id = reader::short(id);
    if entry.value.is_null() {
        let message = format!("block `{id}` is empty");
        return Diagnostic::error(code::MISSING_TYPE, entry.key_span, message)
            .help("a block has at least a `type`, as in `{type: return_value}`");
    }
    let fault = reader::wrong_type(&format!("block `{id}`"), "an object", entry);
    match entry.value.as_text().filter(|text| id::is_block_id(text)) {
        Some(kind) => fault.help(format!("write `{{type: {kind}}}`")),
        None => fault.help("a block has at least a `type`, as in `{type: return_value}`"),
    }
}

fn no_type(id: &str, map: &Map, node: &Node) -> Diagnostic {
    let message = format!("block `{}` has no `type`", reader::short(id));
    let is_meant = |key: &str| key == "kind" || strsim::osa_distance(key, "type") == 1;
    let meant = map.iter().find(|(key, entry)| is_meant(key) && entry.value.as_text().is_some());
    match meant {
        Some((key, entry)) => Diagnostic::error(code::MISSING_TYPE, entry.key_span, message)
            .help(format!("did you mean `type` where `{key}` stands?"))
            .fix(entry.key_span, "type"),
        None => Diagnostic::error(code::MISSING_TYPE, node.id_span, message)
            .help("say what it does, as in `type: http_request`"),
    }
}

fn next(reader: &mut Reader<'_>, entry: &Entry) -> Vec<Edge> {
    match &entry.value.data {
        Data::Map(map) => map
            .iter()
            .flat_map(|(outcome, entry)| {
                let outcome = Spanned::new(outcome.clone(), entry.key_span);
                edges(reader, Some(&outcome), entry)
            })
            .collect(),
        Data::Scalar(_) | Data::Text(_) | Data::List(_) => edges(reader, None, entry),
    }
}

/// Reads the block or the blocks that follow on one outcome.
fn edges(reader: &mut Reader<'_>, outcome: Option<&Spanned<String>>, entry: &Entry) -> Vec<Edge> {
    let targets = match &entry.value.data {
        Data::Text(raw) => vec![Spanned::new(raw.value.clone(), entry.value.span)],
        Data::List(_) => reader.texts("next", entry),
        Data::Scalar(_) | Data::Map(_) => {
            let name = outcome.map_or("next".to_owned(), |outcome| reader::short(&outcome.value));
            let fault = reader::wrong_type(&name, "the id of a block, or a list of them", entry);
            reader.report(fault.help(NEXT));
            return Vec::new();
        }
    };
    targets.into_iter().map(|target| Edge { outcome: outcome.cloned(), target }).collect()
}
