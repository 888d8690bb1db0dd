//! A drawing as Graphviz text.

use crate::{drawing::Drawing, text};

/// Returns the drawing as a directed graph.
pub(super) fn render(drawing: &Drawing) -> String {
    let mut lines = format!("digraph {} {{\n", quote(&drawing.name));
    lines.push_str("  compound=true;\n");
    lines.push_str("  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    lines.push_str("  edge [fontname=\"sans-serif\", fontsize=10];\n");
    let (members, bodies) = (drawing.members(), drawing.bodies());
    let mut is_entry = vec![true; drawing.nodes.len()];
    drawing.edges.iter().for_each(|edge| is_entry[edge.to] = false);
    let roots = members.get(&None).map_or(&[][..], Vec::as_slice);
    // What is still to be written: a node and its depth, or the end of a node's cluster.
    let mut open: Vec<(Item, usize)> = roots.iter().rev().map(|at| (Item::Node(*at), 1)).collect();
    while let Some((item, depth)) = open.pop() {
        let indent = "  ".repeat(depth);
        match item {
            Item::Node(at) => match bodies.get(&at) {
                None => node(&mut lines, drawing, at, &indent),
                Some(group) => {
                    text::add(&mut lines, format_args!("{indent}subgraph cluster_{at} {{\n"));
                    let label = quote(&drawing.nodes[at].detail);
                    text::add(&mut lines, format_args!("{indent}  label={label};\n"));
                    node(&mut lines, drawing, at, &format!("{indent}  "));
                    let inner = members.get(&Some(*group)).map_or(&[][..], Vec::as_slice);
                    let entries = inner.iter().copied().filter(|at| is_entry[*at]).collect();
                    open.push((Item::End(at, entries), depth));
                    open.extend(inner.iter().rev().map(|at| (Item::Node(*at), depth + 1)));
                }
            },
            Item::End(owner, entries) => {
                for entry in entries {
                    text::add(
                        &mut lines,
                        format_args!(
                            "{indent}  n{owner} -> n{entry} [style=dotted, arrowhead=none];\n"
                        ),
                    );
                }
                text::add(&mut lines, format_args!("{indent}}}\n"));
            }
        }
    }
    for edge in drawing.joined_edges() {
        let style = if edge.is_error { ", style=dashed" } else { "" };
        let (from, to, label) = (edge.from, edge.to, quote(&edge.label));
        text::add(&mut lines, format_args!("  n{from} -> n{to} [label={label}{style}];\n"));
    }
    for (at, label) in drawing.unhandled() {
        let label = quote(&label);
        text::add(
            &mut lines,
            format_args!("  n{at} -> f{at} [label={label}, style=dashed, color=\"#b42318\"];\n"),
        );
    }
    lines.push_str("}\n");
    lines
}

enum Item {
    Node(usize),
    /// The end of a node's cluster, with the blocks of it that nothing leads to.
    End(usize, Vec<usize>),
}

fn node(lines: &mut String, drawing: &Drawing, at: usize, indent: &str) {
    let node = &drawing.nodes[at];
    let secrets = node.secrets_line().map_or(String::new(), |names| format!("\nuses {names}"));
    let label = quote(&format!("{}\n{}{secrets}", node.title, node.kind_line()));
    text::add(lines, format_args!("{indent}n{at} [label={label}];\n"));
    if node.unhandled_line().is_some() {
        text::add(lines, format_args!("{indent}f{at} [shape=point, color=\"#b42318\"];\n"));
    }
}

fn quote(label: &str) -> String {
    let mut quoted = String::from("\"");
    for c in label.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if text::is_unsafe(c) => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
