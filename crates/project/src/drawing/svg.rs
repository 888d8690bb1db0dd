//! A drawing as SVG: no scripts, no fonts from elsewhere, light or dark as the reader prefers.

use crate::{
    drawing::{
        Drawing, JoinedEdge, Node,
        layout::{self, BOX_HEIGHT, Line, NOTE_HEIGHT, Shape},
    },
    text,
};

const MARGIN: f64 = 16.0;

const STYLE: &str = "\
.bp{--back:#fff;--box:#fff;--body:#f5f7fa;--edge:#64748b;--rim:#94a3b8;--text:#0f172a;--soft:#526077;\
--bad:#b42318;--key:#8a5a00;font-family:system-ui,sans-serif}
@media (prefers-color-scheme:dark){.bp{--back:#0f1420;--box:#1b2333;--body:#151c2a;--edge:#8b9ab2;\
--rim:#4b5b74;--text:#e8edf5;--soft:#a3b1c6;--bad:#ff8a7a;--key:#f0b860}}
.bp .back{fill:var(--back)}
.bp .box{fill:var(--box);stroke:var(--rim)}
.bp .body{fill:var(--body);stroke:var(--rim)}
.bp .title{font-size:13px;font-weight:600;fill:var(--text)}
.bp .kind{font-size:11px;fill:var(--soft)}
.bp .secret{font-size:10.5px;fill:var(--key)}
.bp .key{fill:none;stroke:var(--key);stroke-width:1.3;stroke-linecap:round}
.bp .loose{font-size:10.5px;fill:var(--bad)}
.bp .edge{fill:none;stroke:var(--edge);stroke-width:1.4}
.bp .bad{stroke:var(--bad);stroke-dasharray:5 3}
.bp .bar{stroke:var(--bad)}
.bp .head{fill:var(--edge)}
.bp .badhead{fill:var(--bad)}
.bp .label{font-size:10.5px;fill:var(--soft);text-anchor:middle;paint-order:stroke;\
stroke:var(--back);stroke-width:4px;stroke-linejoin:round}
.bp .inner{stroke:var(--body)}
.bp .badlabel{fill:var(--bad)}
";

/// Returns the drawing as a document.
pub(super) fn render(drawing: &Drawing) -> String {
    let edges = drawing.joined_edges();
    let picture = layout::layout(drawing, &edges, 0.0);
    let (width, height) = (picture.width + 2.0 * MARGIN, picture.height + 2.0 * MARGIN);
    let name = text::escape_xml(&drawing.name);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"bp\" role=\"img\" aria-label=\"{name}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n\
         <title>{name}</title>\n<style>\n{STYLE}</style>\n<defs>\n"
    );
    markers(&mut svg);
    text::add(
        &mut svg,
        format_args!(
            "</defs>\n<rect class=\"back\" width=\"100%\" height=\"100%\"/>\n\
             <g transform=\"translate({MARGIN} {MARGIN})\">\n"
        ),
    );
    picture.boxes.iter().for_each(|shape| block(&mut svg, drawing, shape));
    picture.lines.iter().for_each(|it| line(&mut svg, it, &edges[it.edge]));
    // Labels come last, so that no line crosses them.
    picture.lines.iter().for_each(|it| label(&mut svg, drawing, it, &edges[it.edge]));
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// Writes the heads of arrows.
pub(super) fn markers(svg: &mut String) {
    for (id, class) in [("bp-arrow", "head"), ("bp-arrow-bad", "badhead")] {
        text::add(
            svg,
            format_args!(
                "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
                 markerHeight=\"7\" orient=\"auto\"><path class=\"{class}\" d=\"M0 0L8 4L0 8z\"/>\
                 </marker>\n"
            ),
        );
    }
}

fn block(svg: &mut String, drawing: &Drawing, shape: &Shape) {
    let node = &drawing.nodes[shape.node];
    let Shape { x, y, width, height, .. } = shape;
    let class = if shape.has_body { "body" } else { "box" };
    let (id, title) = (text::escape_xml(&node.id), text::escape_xml(&layout::shown(&node.title)));
    let kind = text::escape_xml(&layout::shown(&node.kind_line()));
    let (left, first, second) = (x + 14.0, y + BOX_HEIGHT * 0.43, y + BOX_HEIGHT * 0.76);
    text::add(
        svg,
        format_args!(
            "<g><title>{id}</title><rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" \
             width=\"{width:.1}\" height=\"{height:.1}\" rx=\"8\"/>\
             <text class=\"title\" x=\"{left:.1}\" y=\"{first:.1}\">{title}</text>\
             <text class=\"kind\" x=\"{left:.1}\" y=\"{second:.1}\">{kind}</text>"
        ),
    );
    notes(svg, node, left, second);
    if !node.unhandled.is_empty() {
        stub(svg, shape, &node.unhandled);
    }
    svg.push_str("</g>\n");
}

/// Writes the lines about secrets and errors below the type.
pub(super) fn notes(svg: &mut String, node: &Node, left: f64, above: f64) {
    for (n, note) in layout::notes(node).iter().enumerate() {
        let y = above + NOTE_HEIGHT * (n + 1) as f64;
        let text = text::escape_xml(&layout::shown_note(&note.text));
        if note.is_error {
            text::add(
                svg,
                format_args!("<text class=\"loose\" x=\"{left:.1}\" y=\"{y:.1}\">{text}</text>"),
            );
            continue;
        }
        // A key: a ring, a shaft and two teeth.
        let (ring, shaft, behind) = (y - 3.5, left + 5.0, left + 15.0);
        text::add(
            svg,
            format_args!(
                "<path class=\"key\" d=\"M{left:.1} {ring:.1}a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0\
                 M{shaft:.1} {ring:.1}h6v2.5m-2.5 -2.5v2\"/>\
                 <text class=\"secret\" x=\"{behind:.1}\" y=\"{y:.1}\">{text}</text>"
            ),
        );
    }
}

/// Draws errors that lead nowhere: a short dashed line with an end.
pub(super) fn stub(svg: &mut String, shape: &Shape, unhandled: &[String]) {
    let (x, y) = (shape.x + shape.width - 14.0, shape.y + shape.height);
    let (left, end) = (x - 4.0, y + 11.0);
    let names = text::escape_xml(&unhandled.join(", "));
    text::add(
        svg,
        format_args!(
            "<path class=\"edge bad\" d=\"M{x:.1} {y:.1}V{end:.1}\">\
             <title>nothing handles {names}</title></path>\
             <path class=\"edge bar\" d=\"M{left:.1} {end:.1}h8\"/>"
        ),
    );
}

/// Writes the line of an edge.
pub(super) fn line(svg: &mut String, line: &Line, edge: &JoinedEdge) {
    let mut path = String::new();
    let mut last: Option<(f64, f64)> = None;
    for (x, top, bottom) in &line.pieces {
        match last {
            None => text::add(&mut path, format_args!("M{x:.1} {top:.1}")),
            Some((before, y)) if (before - x).abs() < 0.5 => {
                text::add(&mut path, format_args!("L{x:.1} {top:.1}"));
                debug_assert!(y.is_finite(), "columns and rows are finite");
            }
            Some((before, y)) => {
                let middle = (y + top) / 2.0;
                text::add(
                    &mut path,
                    format_args!("C{before:.1} {middle:.1} {x:.1} {middle:.1} {x:.1} {top:.1}"),
                );
            }
        }
        if bottom > top {
            text::add(&mut path, format_args!("V{bottom:.1}"));
        }
        last = Some((*x, *bottom));
    }
    let (class, marker) =
        if edge.is_error { ("edge bad", "bp-arrow-bad") } else { ("edge", "bp-arrow") };
    text::add(
        svg,
        format_args!("<path class=\"{class}\" marker-end=\"url(#{marker})\" d=\"{path}\"/>\n"),
    );
}

/// Writes the outcomes of an edge.
pub(super) fn label(svg: &mut String, drawing: &Drawing, line: &Line, edge: &JoinedEdge) {
    let inner = if drawing.nodes[edge.from].group.is_some() { " inner" } else { "" };
    let bad = if edge.is_error { " badlabel" } else { "" };
    let ((x, y), text) = (line.label, text::escape_xml(&edge.label));
    let y = y + 3.5;
    text::add(
        svg,
        format_args!("<text class=\"label{inner}{bad}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>\n"),
    );
}
