//! A drawing as a part of a page: colours come from the page's sheet, each block is a link.

use crate::{
    drawing::{
        Drawing, JoinedEdge, Node,
        layout::{self, BOX_HEIGHT, Line, Shape},
        svg,
    },
    text,
};

const MARGIN: f64 = 16.0;
/// What sign and duration take beside the type.
const ROOM: f64 = 84.0;

/// What a page says about a block.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mark {
    /// Where its link leads.
    pub href: String,
    /// Classes of its state, and of what was found in it.
    pub class: String,
    /// The sign of its state; may be empty.
    pub sign: String,
    /// Its state and what was found in it, in words, for its accessible name; may be empty.
    pub words: String,
    /// What stands beside its type: how long it took, how many items are done.
    pub meta: String,
    /// The outcome with which it ended; empty where it ended without one.
    pub outcome: Option<String>,
}

/// Returns the drawing as an `svg` element with what `mark` says about each block.
///
/// Blocks carry `data-block`, edges `data-from` and `data-outcomes`, so that scripts find them.
pub fn inline(drawing: &Drawing, mark: &dyn Fn(&Node) -> Mark) -> String {
    let edges = drawing.joined_edges();
    let picture = layout::layout(drawing, &edges, ROOM);
    let marks: Vec<Mark> = drawing.nodes.iter().map(mark).collect();
    let (width, height) = (picture.width + 2.0 * MARGIN, picture.height + 2.0 * MARGIN);
    let name = text::escape_xml(&drawing.name);
    let mut svg = format!(
        "<svg class=\"bp\" role=\"group\" aria-label=\"Graph of {name}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\"><defs>"
    );
    svg::markers(&mut svg);
    text::add(&mut svg, format_args!("</defs><g transform=\"translate({MARGIN} {MARGIN})\">\n"));
    // Bodies lie below the lines in them, the other blocks above.
    let (bodies, leaves): (Vec<&Shape>, Vec<&Shape>) =
        picture.boxes.iter().partition(|shape| shape.has_body);
    bodies.iter().for_each(|it| block(&mut svg, drawing, it, &marks[it.node]));
    picture.lines.iter().for_each(|it| way(&mut svg, drawing, it, &edges[it.edge], &marks));
    leaves.iter().for_each(|it| block(&mut svg, drawing, it, &marks[it.node]));
    // Labels come last, so that no line crosses them.
    picture.lines.iter().for_each(|it| svg::label(&mut svg, drawing, it, &edges[it.edge]));
    svg.push_str("</g></svg>\n");
    svg
}

fn way(svg: &mut String, drawing: &Drawing, line: &Line, edge: &JoinedEdge, marks: &[Mark]) {
    let from = text::escape_xml(&drawing.nodes[edge.from].id);
    let (fate, label) =
        (fate(edge, marks[edge.from].outcome.as_deref()), text::escape_xml(&edge.label));
    text::add(
        svg,
        format_args!("<g class=\"{fate}\" data-from=\"{from}\" data-outcomes=\"{label}\">"),
    );
    svg::line(svg, line, edge);
    svg.push_str("</g>\n");
}

fn fate(edge: &JoinedEdge, outcome: Option<&str>) -> &'static str {
    match outcome {
        None => "way",
        Some(outcome) if edge.label.split(", ").any(|label| label == outcome) => "way taken",
        Some(_) => "way dead",
    }
}

fn block(svg: &mut String, drawing: &Drawing, shape: &Shape, mark: &Mark) {
    let node = &drawing.nodes[shape.node];
    let Shape { x, y, width, height, .. } = shape;
    let body = if shape.has_body { " has-body" } else { "" };
    let (id, href) = (text::escape_xml(&node.id), text::escape_xml(&mark.href));
    let title = text::escape_xml(&layout::shown(&node.title));
    let kind = text::escape_xml(&layout::shown(&node.kind_line()));
    let class = text::escape_xml(&mark.class);
    let name = match mark.words.as_str() {
        "" => format!("{}, {}", node.title, node.kind_line()),
        words => format!("{}, {}, {words}", node.title, node.kind_line()),
    };
    let name = text::escape_xml(&name);
    let (left, first, second) = (x + 14.0, y + BOX_HEIGHT * 0.43, y + BOX_HEIGHT * 0.76);
    let right = x + width - 12.0;
    let (sign, meta) = (text::escape_xml(&mark.sign), text::escape_xml(&mark.meta));
    text::add(
        svg,
        format_args!(
            "<a href=\"{href}\" class=\"node{body} {class}\" data-block=\"{id}\" \
             data-name=\"{title}, {kind}\" aria-label=\"{name}\"><title>{id}</title>\
             <rect class=\"box\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
             height=\"{height:.1}\" rx=\"8\"/>\
             <path class=\"rim\" d=\"M{x:.1} {:.1}a8 8 0 0 1 4 -6.9v{:.1}a8 8 0 0 1 -4 -6.9z\"/>\
             <text class=\"title\" x=\"{left:.1}\" y=\"{first:.1}\">{title}</text>\
             <text class=\"kind\" x=\"{left:.1}\" y=\"{second:.1}\">{kind}</text>\
             <text class=\"sign\" x=\"{right:.1}\" y=\"{first:.1}\">{sign}</text>\
             <text class=\"meta\" x=\"{right:.1}\" y=\"{second:.1}\">{meta}</text>",
            y + 8.0,
            height - 2.2,
        ),
    );
    svg::notes(svg, node, left, second);
    if !node.unhandled.is_empty() {
        svg::stub(svg, shape, &node.unhandled);
    }
    svg.push_str("</a>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_links_with_names_and_edges_tell_what_became_of_them() {
        let drawing = crate::drawing::tests::example();
        let shown = inline(&drawing, &|node| Mark {
            href: format!("?block={}", node.id),
            class: "s-good".into(),
            words: "succeeded".into(),
            outcome: (node.id == "each_city.fetch").then(|| "success".into()),
            ..Mark::default()
        });
        let link = "aria-label=\"fetch, http_request, succeeded\"";
        assert!(
            shown.contains("data-block=\"each_city.fetch\"") && shown.contains(link),
            "{shown}"
        );
        assert!(shown.contains("class=\"way taken\" data-from=\"each_city.fetch\""), "{shown}");
        assert!(shown.contains("class=\"way dead\" data-from=\"each_city.fetch\""), "{shown}");
        assert!(!shown.contains("style=") && !shown.contains("<style"), "{shown}");
    }

    #[test]
    fn texts_cannot_break_out() {
        let mut drawing = crate::drawing::tests::example();
        let evil = "\"'><script>alert(1)</script>";
        drawing.nodes[1].title = evil.into();
        drawing.edges[0].outcome = evil.into();
        drawing.name = evil.into();
        let shown = inline(&drawing, &|_| Mark {
            href: evil.into(),
            words: evil.into(),
            meta: evil.into(),
            ..Mark::default()
        });
        assert!(!shown.contains("<script>") && !shown.contains("\"'>"), "{shown}");
    }
}
