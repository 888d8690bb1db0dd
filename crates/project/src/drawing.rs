//! Pictures of a blueprint: Mermaid, Graphviz, SVG, text and JSON.

use std::collections::BTreeMap;

use blueprint_engine::Outline;
use serde_json::{Value, json};

mod ascii;
mod dot;
mod inline;
mod layout;
mod mermaid;
mod svg;

pub use self::inline::{Mark, inline};

/// What to draw. Indexes of nodes and groups are positions in these lists.
#[derive(Debug, Clone, Default)]
pub struct Drawing {
    /// The blueprint's name.
    pub name: String,
    /// The blocks, in file order.
    pub nodes: Vec<Node>,
    /// Which outcome leads where.
    pub edges: Vec<Edge>,
    /// The bodies.
    pub groups: Vec<Group>,
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// Its path without items, as in `each_city.fetch`: unique in the drawing.
    pub id: String,
    /// What to call it.
    pub title: String,
    /// Its type.
    pub kind: String,
    /// What to say after the type: how often its body runs, which blueprint it runs. May be empty.
    pub detail: String,
    /// The secrets that it names.
    pub secrets: Vec<String>,
    /// Secrets whose value its script sees.
    pub reveals: Vec<String>,
    /// Error-like outcomes that nothing handles.
    pub unhandled: Vec<String>,
    /// Whether errors are to be expected of it: it reaches outside, or runs other blocks.
    pub is_exposed: bool,
    /// The body it is in; `None` for the blueprint's own graph.
    pub group: Option<usize>,
}

impl Node {
    /// Returns its type, and what to say after it.
    fn kind_line(&self) -> String {
        match self.detail.as_str() {
            "" => self.kind.clone(),
            detail => format!("{}, {detail}", self.kind),
        }
    }

    /// Returns the secrets that it uses, in words; `None` if it uses none.
    fn secrets_line(&self) -> Option<String> {
        let hidden = self.secrets.iter().filter(|name| !self.reveals.contains(name));
        let shown = self.reveals.iter().map(|name| format!("{name} (revealed)"));
        let names: Vec<String> = hidden.cloned().chain(shown).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// Returns the errors that are to be expected of it and that nothing handles.
    fn unhandled_line(&self) -> Option<String> {
        (self.is_exposed && !self.unhandled.is_empty()).then(|| self.unhandled.join(", "))
    }
}

/// A body: the graph in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// The block it belongs to, which is not in the body itself.
    pub owner: usize,
}

/// An edge between two blocks of the same graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The block it starts at.
    pub from: usize,
    /// The block it leads to.
    pub to: usize,
    /// The outcome.
    pub outcome: String,
    /// Whether the outcome is error-like.
    pub is_error: bool,
}

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A picture for browsers, light or dark as the reader prefers.
    Svg,
    /// Text that many sites draw.
    Mermaid,
    /// Text for Graphviz.
    Dot,
    /// Text for people.
    Ascii,
    /// Data.
    Json,
}

/// Returns the drawing as text.
pub fn render(drawing: &Drawing, format: Format) -> String {
    match format {
        Format::Svg => svg::render(drawing),
        Format::Mermaid => mermaid::render(drawing),
        Format::Dot => dot::render(drawing),
        Format::Ascii => ascii::render(drawing),
        Format::Json => format!("{:#}\n", json(drawing)),
    }
}

fn json(drawing: &Drawing) -> Value {
    let id = |node: usize| &drawing.nodes[node].id;
    let nodes = drawing.nodes.iter().map(|node| {
        let body_of = node.group.map(|group| id(drawing.groups[group].owner));
        json!({
            "id": node.id,
            "title": node.title,
            "type": node.kind,
            "body_of": body_of,
            "secrets": node.secrets,
            "reveals": node.reveals,
            "unhandled": node.unhandled,
        })
    });
    let edges = drawing
        .edges
        .iter()
        .map(|edge| json!({"from": id(edge.from), "outcome": edge.outcome, "to": id(edge.to)}));
    json!({
        "name": drawing.name,
        "nodes": nodes.collect::<Value>(),
        "edges": edges.collect::<Value>(),
    })
}

impl Drawing {
    /// Returns what to draw of a plan.
    pub fn of(name: &str, outline: Outline) -> Self {
        let mut drawing = Self { name: name.into(), ..Self::default() };
        let mut work = vec![(String::new(), None, outline)];
        while let Some((prefix, group, Outline { nodes, edges })) = work.pop() {
            let first = drawing.nodes.len();
            let errors: Vec<Vec<String>> = nodes.iter().map(|node| node.errors.clone()).collect();
            for node in nodes {
                let id = format!("{prefix}{}", node.id);
                let detail = match (&node.body, &node.calls) {
                    (Some(_), _) if node.kind == "repeat" => "per round".into(),
                    (Some(_), _) => "per item".into(),
                    (None, calls) => calls.clone().unwrap_or_default(),
                };
                let is_exposed =
                    node.reaches_outside || node.body.is_some() || node.calls.is_some();
                if let Some(body) = node.body {
                    let body_group = drawing.groups.len();
                    drawing.groups.push(Group { owner: drawing.nodes.len() });
                    work.push((format!("{id}."), Some(body_group), body));
                }
                let title = node.title.unwrap_or(node.id);
                let (secrets, reveals, unhandled) = (node.secrets, node.reveals, node.unhandled);
                // A block that is there to fail is not one whose error was forgotten.
                let unhandled = if node.kind == "fail" { Vec::new() } else { unhandled };
                let kind = node.kind.into();
                drawing.nodes.push(Node {
                    id,
                    title,
                    kind,
                    detail,
                    secrets,
                    reveals,
                    unhandled,
                    is_exposed,
                    group,
                });
            }
            drawing.edges.extend(edges.into_iter().map(|edge| Edge {
                is_error: errors[edge.from].contains(&edge.outcome),
                from: first + edge.from,
                to: first + edge.to,
                outcome: edge.outcome,
            }));
        }
        drawing
    }

    /// Returns the nodes of each graph, in file order.
    fn members(&self) -> BTreeMap<Option<usize>, Vec<usize>> {
        let mut members: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
        for (at, node) in self.nodes.iter().enumerate() {
            members.entry(node.group).or_default().push(at);
        }
        members
    }

    /// Returns the body of each node that has one.
    fn bodies(&self) -> BTreeMap<usize, usize> {
        self.groups.iter().enumerate().map(|(at, group)| (group.owner, at)).collect()
    }

    /// Returns the blocks whose errors nothing handles, with these.
    fn unhandled(&self) -> impl Iterator<Item = (usize, String)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter_map(|(at, node)| Some((at, node.unhandled_line()?)))
    }

    /// Returns one entry per pair of blocks, with all outcomes that lead from one to the other.
    fn joined_edges(&self) -> Vec<JoinedEdge> {
        let mut joined: Vec<JoinedEdge> = Vec::new();
        let mut known: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for edge in &self.edges {
            let at = *known.entry((edge.from, edge.to)).or_insert(joined.len());
            match joined.get_mut(at) {
                Some(last) => {
                    last.label = format!("{}, {}", last.label, edge.outcome);
                    last.is_error &= edge.is_error;
                }
                None => joined.push(JoinedEdge {
                    from: edge.from,
                    to: edge.to,
                    label: edge.outcome.clone(),
                    is_error: edge.is_error,
                }),
            }
        }
        joined
    }
}

/// All outcomes that lead from one block to another.
#[derive(Debug)]
struct JoinedEdge {
    from: usize,
    to: usize,
    label: String,
    is_error: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn example() -> Drawing {
        let node = |id: &str, kind: &str, group| {
            let title = id.rsplit('.').next().unwrap_or(id).into();
            Node { id: id.into(), title, kind: kind.into(), group, ..Node::default() }
        };
        let edge = |from, to, outcome: &str| {
            let is_error = outcome.contains("error");
            Edge { from, to, outcome: outcome.into(), is_error }
        };
        Drawing {
            name: "city-weather".into(),
            nodes: vec![
                Node { detail: "per item".into(), ..node("each_city", "for_each", None) },
                Node {
                    secrets: vec!["KEY".into()],
                    unhandled: vec!["timeout".into()],
                    is_exposed: true,
                    ..node("each_city.fetch", "http_request", Some(0))
                },
                node("each_city.pick", "code", Some(0)),
                node("each_city.count", "code", Some(0)),
                node("warmest", "code", None),
            ],
            edges: vec![
                edge(0, 4, "success"),
                edge(1, 2, "success"),
                edge(1, 3, "response_error"),
                edge(1, 3, "connection_error"),
            ],
            groups: vec![Group { owner: 0 }],
        }
    }

    #[track_caller]
    fn check(format: Format, expected: &str) {
        let shown = render(&example(), format);
        assert_eq!(shown, expected, "\n{shown}");
    }

    #[test]
    fn mermaid_draws_bodies_as_subgraphs() {
        check(
            Format::Mermaid,
            "\
flowchart TD
  subgraph n0[\"each_city<br/>for_each, per item\"]
    n1[\"fetch<br/>http_request<br/>uses KEY\"]
    f1((\"fails\"))
    n2[\"pick<br/>code\"]
    n3[\"count<br/>code\"]
  end
  n4[\"warmest<br/>code\"]
  n0 -->|\"success\"| n4
  n1 -->|\"success\"| n2
  n1 -.->|\"response_error, connection_error\"| n3
  n1 -.->|\"timeout\"| f1
",
        );
    }

    #[test]
    fn dot_draws_bodies_as_clusters() {
        check(
            Format::Dot,
            "\
digraph \"city-weather\" {
  compound=true;
  node [shape=box, style=rounded, fontname=\"sans-serif\"];
  edge [fontname=\"sans-serif\", fontsize=10];
  subgraph cluster_0 {
    label=\"per item\";
    n0 [label=\"each_city\\nfor_each, per item\"];
    n1 [label=\"fetch\\nhttp_request\\nuses KEY\"];
    f1 [shape=point, color=\"#b42318\"];
    n2 [label=\"pick\\ncode\"];
    n3 [label=\"count\\ncode\"];
    n0 -> n1 [style=dotted, arrowhead=none];
  }
  n4 [label=\"warmest\\ncode\"];
  n0 -> n4 [label=\"success\"];
  n1 -> n2 [label=\"success\"];
  n1 -> n3 [label=\"response_error, connection_error\", style=dashed];
  n1 -> f1 [label=\"timeout\", style=dashed, color=\"#b42318\"];
}
",
        );
    }

    #[test]
    fn ascii_indents_bodies() {
        check(
            Format::Ascii,
            "\
city-weather

each_city  for_each, per item
│ fetch  http_request, uses KEY
│ ├─ success → pick
│ ├─ response_error, connection_error → count
│ └─ timeout → nothing: its graph fails
│ pick  code
│ count  code
└─ success → warmest
warmest  code
",
        );
    }

    #[test]
    fn json_names_blocks_by_their_paths() {
        let data: Value = serde_json::from_str(&render(&example(), Format::Json)).unwrap();
        assert_eq!(data["nodes"][1]["body_of"], "each_city");
        assert_eq!(data["edges"][2]["to"], "each_city.count");
    }

    #[test]
    fn a_picture_shows_secrets_and_errors_that_nothing_handles() {
        let shown = render(&example(), Format::Svg);
        assert!(shown.contains(">KEY</text>") && shown.contains("unhandled: timeout"), "{shown}");
        assert!(shown.contains("for_each, per item"));
    }

    #[test]
    fn texts_cannot_break_out() {
        let mut drawing = example();
        let evil = "\"]<script>alert(1)</script>&\u{1b}\n\\";
        drawing.nodes[1].title = evil.into();
        drawing.nodes[1].secrets = vec![evil.into()];
        drawing.nodes[1].unhandled = vec![evil.into()];
        drawing.edges[0].outcome = evil.into();
        drawing.name = evil.into();
        for format in [Format::Svg, Format::Mermaid] {
            let shown = render(&drawing, format);
            assert!(!shown.contains("<script>") && !shown.contains('\u{1b}'), "{shown}");
        }
        assert!(render(&drawing, Format::Dot).contains(r#"digraph "\"]<script>"#));
    }
}
