//! A drawing as Mermaid text.

use crate::{
    drawing::{Drawing, Node},
    text,
};

/// Returns the drawing as a flowchart.
pub(super) fn render(drawing: &Drawing) -> String {
    let mut lines = String::from("flowchart TD\n");
    let (members, bodies) = (drawing.members(), drawing.bodies());
    let roots = members.get(&None).map_or(&[][..], Vec::as_slice);
    // What is still to be written: a node and its depth, or the end of a subgraph.
    let mut open: Vec<(Option<usize>, usize)> =
        roots.iter().rev().map(|node| (Some(*node), 1)).collect();
    while let Some((at, depth)) = open.pop() {
        let indent = "  ".repeat(depth);
        let Some(at) = at else {
            text::add(&mut lines, format_args!("{indent}end\n"));
            continue;
        };
        let label = label(&drawing.nodes[at]);
        match bodies.get(&at) {
            None => {
                text::add(&mut lines, format_args!("{indent}n{at}[\"{label}\"]\n"));
                fails(&mut lines, drawing, at, &indent);
            }
            Some(group) => {
                fails(&mut lines, drawing, at, &indent);
                text::add(&mut lines, format_args!("{indent}subgraph n{at}[\"{label}\"]\n"));
                open.push((None, depth));
                let inner = members.get(&Some(*group)).map_or(&[][..], Vec::as_slice);
                open.extend(inner.iter().rev().map(|node| (Some(*node), depth + 1)));
            }
        }
    }
    for edge in drawing.joined_edges() {
        let arrow = if edge.is_error { "-.->" } else { "-->" };
        let (from, to, label) = (edge.from, edge.to, escape(&edge.label));
        text::add(&mut lines, format_args!("  n{from} {arrow}|\"{label}\"| n{to}\n"));
    }
    for (at, label) in drawing.unhandled() {
        let label = escape(&label);
        text::add(&mut lines, format_args!("  n{at} -.->|\"{label}\"| f{at}\n"));
    }
    lines
}

/// Writes where errors end that nothing handles, in the graph of their block.
fn fails(lines: &mut String, drawing: &Drawing, at: usize, indent: &str) {
    if drawing.nodes[at].unhandled_line().is_some() {
        text::add(lines, format_args!("{indent}f{at}((\"fails\"))\n"));
    }
}

fn label(node: &Node) -> String {
    let secrets = node.secrets_line();
    let secrets = secrets.map_or(String::new(), |names| format!("<br/>uses {}", escape(&names)));
    format!("{}<br/>{}{secrets}", escape(&node.title), escape(&node.kind_line()))
}

/// Writes everything that Mermaid or HTML could take for markup as a numeric entity.
fn escape(label: &str) -> String {
    let mut escaped = String::new();
    for c in label.chars() {
        match c {
            ' ' | '_' | '-' | '.' | ',' | ':' | '/' => escaped.push(c),
            c if c.is_alphanumeric() => escaped.push(c),
            c if text::is_unsafe(c) => escaped.push(' '),
            c => text::add(&mut escaped, format_args!("#{};", u32::from(c))),
        }
    }
    escaped
}
