//! A drawing as text: the blocks in file order, with where their outcomes lead.

use std::collections::BTreeMap;

use crate::{
    drawing::{Drawing, JoinedEdge},
    text,
};

/// Returns the drawing as an indented list.
pub(super) fn render(drawing: &Drawing) -> String {
    let mut lines = format!("{}\n\n", text::safe(&drawing.name));
    let (members, bodies) = (drawing.members(), drawing.bodies());
    let mut leading: BTreeMap<usize, Vec<JoinedEdge>> = BTreeMap::new();
    for edge in drawing.joined_edges() {
        leading.entry(edge.from).or_default().push(edge);
    }
    let roots = members.get(&None).map_or(&[][..], Vec::as_slice);
    // What is still to be written: a block or its edges, and its depth.
    let mut open: Vec<(usize, bool, usize)> =
        roots.iter().rev().map(|at| (*at, false, 0)).collect();
    while let Some((at, is_edges, depth)) = open.pop() {
        let indent = "│ ".repeat(depth);
        if is_edges {
            let edges = leading.get(&at).map_or(&[][..], Vec::as_slice);
            let unhandled = drawing.nodes[at].unhandled_line();
            let mut ways: Vec<String> = edges
                .iter()
                .map(|edge| format!("{} → {}", edge.label, drawing.nodes[edge.to].title))
                .collect();
            ways.extend(unhandled.map(|label| format!("{label} → nothing: its graph fails")));
            for (n, way) in ways.iter().enumerate() {
                let corner = if n + 1 == ways.len() { "└─" } else { "├─" };
                let line = format!("{indent}{corner} {way}");
                text::add(&mut lines, format_args!("{}\n", text::safe(&line)));
            }
            continue;
        }
        let node = &drawing.nodes[at];
        let secrets = node.secrets_line().map_or(String::new(), |names| format!(", uses {names}"));
        let line = format!("{indent}{}  {}{secrets}", node.title, node.kind_line());
        text::add(&mut lines, format_args!("{}\n", text::safe(&line)));
        open.push((at, true, depth));
        let body = bodies.get(&at).and_then(|group| members.get(&Some(*group)));
        let inner = body.map_or(&[][..], Vec::as_slice);
        open.extend(inner.iter().rev().map(|at| (*at, false, depth + 1)));
    }
    lines
}
