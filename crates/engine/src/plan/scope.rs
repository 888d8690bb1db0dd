//! What a name means where it stands: the roots of references, seen from one block.

use std::sync::Arc;

use blueprint_model::{
    Diagnostic, Reference,
    blueprint::FieldValue,
    code::{self, Code},
    diagnostic::{did_you_mean, suggest},
    template::{Fallback, PathPart},
};

use super::{
    compile::{Cx, Root},
    fields::ROOTS,
    names::DraftNode,
};

/// A block that reads.
pub(crate) struct Reader<'r> {
    pub cx: &'r Cx<'r>,
    pub graph: u32,
    pub block: u32,
}

/// A root, and how many steps of the path belong to it.
#[derive(Debug)]
pub(crate) struct FoundRoot {
    pub root: Root,
    pub skip: usize,
}

/// What a path's start means: its first name, its first key, and whether a missing value is fine.
pub(crate) struct Start<'s> {
    pub name: &'s str,
    pub key: Option<&'s str>,
    pub is_forgiving: bool,
}

type Fault = Box<Diagnostic>;

impl<'r> Reader<'r> {
    /// Returns the edges into the block.
    pub(crate) fn incoming(&self) -> Vec<(u32, u32)> {
        self.cx.graphs[self.graph as usize].incoming(self.block)
    }

    /// Returns graph and block that own the graph `up` levels out: the reader itself for 0.
    pub(crate) fn owner_at(&self, up: u32) -> (u32, u32) {
        self.chain().nth(up as usize).unwrap_or((self.graph, self.block))
    }

    /// Returns the reader, then the block whose body it is in, and so on outwards.
    pub(crate) fn chain(&self) -> impl Iterator<Item = (u32, u32)> + use<'r> {
        let graphs = &self.cx.draft.graphs;
        std::iter::successors(Some((self.graph, self.block)), move |(graph, _)| {
            graphs[*graph as usize].owner
        })
    }

    /// Returns whether the edges of the block's graph are all known.
    fn is_wired(&self) -> bool {
        self.cx.draft.graphs[self.graph as usize].is_wired
    }

    pub(crate) fn node(&self, graph: u32, block: u32) -> &'r DraftNode<'r> {
        &self.cx.draft.graphs[graph as usize].nodes[block as usize]
    }
}

/// Finds what a reference begins with.
pub(crate) fn find(reader: &Reader<'_>, written: &Reference) -> Result<FoundRoot, Fault> {
    let start = Start {
        name: &written.root,
        key: written.first_key(),
        is_forgiving: !matches!(written.fallback, Fallback::Error),
    };
    find_root(reader, &start)
        .map_err(|problem| {
            Box::new(
                Diagnostic::error(problem.code, written.span, problem.message)
                    .maybe_help(problem.hint),
            )
        })
        .and_then(|found| match (&found.root, written.path.first()) {
            (Root::Vault, None) => Err(Box::new(
                Diagnostic::error(code::COMPUTED_SECRET, written.span, "`vault` is used whole")
                    .help("name one key: `vault.KEY`"),
            )),
            (Root::Vault, Some(PathPart::Key(_))) if written.path.len() > 1 => Err(Box::new(
                Diagnostic::error(code::BAD_REFERENCE, written.span, "a secret has no parts")
                    .help("store each part under a key of its own"),
            )),
            _ => Ok(found),
        })
}

/// What is wrong with a name.
pub(crate) struct Problem {
    pub code: Code,
    pub message: String,
    pub hint: Option<String>,
}

impl Problem {
    fn new(code: Code, message: String, hint: impl Into<Option<String>>) -> Self {
        Self { code, message, hint: hint.into() }
    }
}

/// Finds what a name means.
pub(crate) fn find_root(reader: &Reader<'_>, start: &Start<'_>) -> Result<FoundRoot, Problem> {
    let plain = |root| Ok(FoundRoot { root, skip: 0 });
    match start.name {
        "vault" => plain(Root::Vault),
        "inputs" => known_input(reader, start).map(|()| FoundRoot { root: Root::Inputs, skip: 0 }),
        "payload" => plain(Root::Payload),
        "state" => known_state(reader, start).map(|()| FoundRoot { root: Root::State, skip: 0 }),
        "run" => plain(Root::Run),
        "context" => plain(Root::Context),
        "session" => plain(Root::Session),
        "env" => listed_variable(reader, start).map(|()| FoundRoot { root: Root::Env, skip: 0 }),
        "message" => message(reader, start),
        "result" => result(reader, start),
        "results" => results(reader, start),
        "item" => loop_level(reader, None, false)
            .map(|up| FoundRoot { root: Root::Item { up }, skip: 0 })
            .ok_or_else(|| no_loop(start)),
        "item_id" => loop_level(reader, None, false)
            .map(|up| FoundRoot { root: Root::ItemId { up }, skip: 0 })
            .ok_or_else(|| no_loop(start)),
        "round" => loop_level(reader, None, true)
            .map(|up| FoundRoot { root: Root::Round { up }, skip: 0 })
            .ok_or_else(|| no_loop(start)),
        name => named_item(reader, name).ok_or_else(|| unknown(reader, start)),
    }
}

fn known_input(reader: &Reader<'_>, start: &Start<'_>) -> Result<(), Problem> {
    let known = &reader.cx.blueprint.inputs.properties;
    let Some(key) = start.key.filter(|key| !known.contains_key(*key)) else { return Ok(()) };
    let hint = suggest(key, known.keys().map(String::as_str))
        .or_else(|| Some(format!("declare it: `inputs: {{{key}: {{type: string}}}}`")));
    Err(Problem::new(code::UNKNOWN_INPUT, format!("there is no input `{key}`"), hint))
}

fn listed_variable(reader: &Reader<'_>, start: &Start<'_>) -> Result<(), Problem> {
    let listed = reader.cx.registry.variables();
    let Some(key) = start.key.filter(|key| !listed.iter().any(|name| name == key)) else {
        return Ok(());
    };
    Err(Problem::new(
        code::UNLISTED_VARIABLE,
        format!("the project does not list the process variable `{key}`"),
        format!("list it in project.yaml: `env: [{key}]`"),
    ))
}

fn known_state(reader: &Reader<'_>, start: &Start<'_>) -> Result<(), Problem> {
    let Some(known) = &reader.cx.state_keys else { return Ok(()) };
    let Some(key) = start.key.filter(|key| !start.is_forgiving && !known.contains(*key)) else {
        return Ok(());
    };
    let hint = did_you_mean(key, known.iter().map(String::as_str))
        .map(|near| format!("did you mean `{near}`?"))
        .unwrap_or_else(|| format!("give it a first value: `state: {{{key}: …}}`"));
    Err(Problem::new(code::UNDECLARED_STATE, format!("nothing sets `state.{key}`"), hint))
}

fn message(reader: &Reader<'_>, start: &Start<'_>) -> Result<FoundRoot, Problem> {
    let graph = &reader.cx.draft.graphs[reader.graph as usize];
    let is_told = reader.incoming().iter().any(|(from, outcome)| {
        let outcome = &graph.nodes[*from as usize].outcomes[*outcome as usize];
        outcome.is_error || *outcome.name == *"partial" || *outcome.name == *"exhausted"
    });
    if is_told || start.is_forgiving || !reader.is_wired() {
        return Ok(FoundRoot { root: Root::Message, skip: 0 });
    }
    Err(Problem::new(
        code::NO_RESULT,
        "no error leads here, so there is no `message`".into(),
        "let an error-like outcome of another block lead here, or write `message?`".to_owned(),
    ))
}

fn result(reader: &Reader<'_>, start: &Start<'_>) -> Result<FoundRoot, Problem> {
    let node = reader.node(reader.graph, reader.block);
    let incoming = reader.incoming();
    if incoming.is_empty() && reader.is_wired() {
        let owner = reader.cx.draft.graphs[reader.graph as usize].owner;
        let owner = owner.map(|(graph, block)| reader.node(graph, block));
        return match owner {
            Some(owner) if is_repeat(owner) => {
                Ok(FoundRoot { root: Root::LastRound { up: 0 }, skip: 0 })
            }
            Some(_) => Err(no_result(node, "use `item`, the loop's item")),
            None => Err(no_result(node, "use `inputs` or `payload`, or let a block lead here")),
        };
    }
    let flow = &reader.cx.flows[reader.graph as usize];
    let Some((a, b)) = flow.pair_together(reader.block).filter(|_| incoming.len() > 1) else {
        return Ok(FoundRoot { root: Root::Result, skip: 0 });
    };
    if node.node.join == blueprint_model::blueprint::Join::First {
        return Ok(FoundRoot { root: Root::Result, skip: 0 });
    }
    let graph = &reader.cx.draft.graphs[reader.graph as usize];
    let name = |place: usize| &graph.nodes[incoming[place].0 as usize].id;
    let mark = if start.is_forgiving { "" } else { "?" };
    Err(Problem::new(
        code::AMBIGUOUS_RESULT,
        format!(
            "`result` could be that of `{}` or of `{}`: both can lead here together",
            name(a),
            name(b)
        ),
        format!("name the block: `results.{}{mark}`", name(a)),
    ))
}

fn is_repeat(node: &DraftNode<'_>) -> bool {
    node.spec().is_some_and(|spec| spec.kind == "repeat")
}

fn no_result(node: &DraftNode<'_>, hint: &str) -> Problem {
    let message = format!("nothing leads to `{}`, so there is no `result`", node.id);
    Problem::new(code::NO_RESULT, message, hint.to_owned())
}

fn results(reader: &Reader<'_>, start: &Start<'_>) -> Result<FoundRoot, Problem> {
    let Some(key) = start.key else {
        return Ok(FoundRoot { root: Root::AllResults(earlier(reader)), skip: 0 });
    };
    for (up, (graph, block)) in reader.chain().enumerate() {
        let Some(found) = reader.cx.draft.graphs[graph as usize].by_id.get(key) else { continue };
        let flow = &reader.cx.flows[graph as usize];
        let up = super::names::index(up);
        let root = Root::Results { up, block: *found };
        let is_known = reader.cx.draft.graphs[graph as usize].is_wired;
        if start.is_forgiving || !is_known || flow.is_sure(*found, block) {
            if *found != block {
                return Ok(FoundRoot { root, skip: 1 });
            }
        } else if *found != block {
            return Err(Problem::new(
                code::UNSURE_RESULT,
                format!(
                    "`{key}` is not sure to have run before `{}`",
                    reader.node(graph, block).id
                ),
                format!(
                    "write `results.{key}…?` or `results.{key}… ?? default` for when it has not"
                ),
            ));
        }
        let who = if up == 0 { "itself" } else { "the loop it is in" };
        return Err(Problem::new(
            code::UNKNOWN_RESULT,
            format!("`{key}` has no result yet: it is the block {who}"),
            None,
        ));
    }
    let known: Vec<&str> = reader
        .chain()
        .flat_map(|(graph, _)| reader.cx.draft.graphs[graph as usize].by_id.keys().copied())
        .collect();
    let hint = suggest(key, known.iter().copied());
    Err(Problem::new(code::UNKNOWN_RESULT, format!("there is no block `{key}` here"), hint))
}

/// Every block of this graph and the outer ones that can have run before the reader.
fn earlier(reader: &Reader<'_>) -> Arc<[(u32, u32, Arc<str>)]> {
    let mut found = Vec::new();
    for (up, (graph, block)) in reader.chain().enumerate() {
        let connected = &reader.cx.graphs[graph as usize];
        let reversed = petgraph::visit::Reversed(&connected.graph);
        let start = petgraph::graph::NodeIndex::new(block as usize);
        let mut search = petgraph::visit::Bfs::new(reversed, start);
        while let Some(node) = search.next(reversed) {
            if node != start {
                let at = super::names::index(node.index());
                found.push((super::names::index(up), at, reader.node(graph, at).id.clone()));
            }
        }
    }
    found.sort();
    found.into()
}

/// Returns how many graphs out the nearest loop is: over items, or in rounds.
fn loop_level(reader: &Reader<'_>, name: Option<&str>, is_round: bool) -> Option<u32> {
    let owners = reader.chain().skip(1);
    let found = owners.enumerate().find(|(_, (graph, block))| {
        let node = reader.node(*graph, *block);
        is_repeat(node) == is_round && name.is_none_or(|name| variable_of(node) == Some(name))
    });
    found.map(|(up, _)| super::names::index(up))
}

fn named_item(reader: &Reader<'_>, name: &str) -> Option<FoundRoot> {
    if let Some(up) = loop_level(reader, Some(name), false) {
        return Some(FoundRoot { root: Root::Item { up }, skip: 0 });
    }
    let up = loop_level(reader, Some(name.strip_suffix("_id")?), false)?;
    Some(FoundRoot { root: Root::ItemId { up }, skip: 0 })
}

/// Returns the name that a loop gives its items by `as`.
fn variable_of<'n>(node: &'n DraftNode<'_>) -> Option<&'n str> {
    match &node.node.fields.get("as")?.value.kind {
        FieldValue::Text(text) => text.template.as_literal(),
        FieldValue::Scalar(_) | FieldValue::List(_) | FieldValue::Object(_) => None,
    }
}

fn no_loop(start: &Start<'_>) -> Problem {
    let kind = if start.name == "round" { "repeat" } else { "for_each" };
    Problem::new(
        code::UNKNOWN_ROOT,
        format!("`{}` is known only in the body of a `{kind}`", start.name),
        None,
    )
}

fn unknown(reader: &Reader<'_>, start: &Start<'_>) -> Problem {
    let name = start.name;
    let is_block = reader
        .chain()
        .any(|(graph, _)| reader.cx.draft.graphs[graph as usize].by_id.contains_key(name));
    let loops: Vec<&str> = reader
        .chain()
        .skip(1)
        .filter_map(|(graph, block)| variable_of(reader.node(graph, block)))
        .collect();
    let roots = ROOTS.into_iter().chain(loops);
    let hint = match did_you_mean(name, roots.clone()) {
        _ if is_block => Some(format!("for the result of block `{name}` write `results.{name}`")),
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if reader.cx.blueprint.inputs.properties.contains_key(name) => {
            Some(format!("for the input write `inputs.{name}`"))
        }
        None => suggest(name, roots),
    };
    Problem::new(code::UNKNOWN_ROOT, format!("`{name}` is not known here"), hint)
}
