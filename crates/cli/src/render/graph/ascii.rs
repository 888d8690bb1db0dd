//! A drawing as text: the blocks in file order, with where their outcomes lead.

use std::collections::BTreeMap;

use crate::render::{
    graph::{Drawing, JoinedEdge},
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
            for (n, edge) in edges.iter().enumerate() {
                let corner = if n + 1 == edges.len() { "└─" } else { "├─" };
                let (label, to) = (&edge.label, &drawing.nodes[edge.to].title);
                let line = format!("{indent}{corner} {label} → {to}");
                text::add(&mut lines, format_args!("{}\n", text::safe(&line)));
            }
            continue;
        }
        let node = &drawing.nodes[at];
        let line = format!("{indent}{}  {}", node.title, node.kind);
        text::add(&mut lines, format_args!("{}\n", text::safe(&line)));
        open.push((at, true, depth));
        let body = bodies.get(&at).and_then(|group| members.get(&Some(*group)));
        let inner = body.map_or(&[][..], Vec::as_slice);
        open.extend(inner.iter().rev().map(|at| (*at, false, depth + 1)));
    }
    lines
}
