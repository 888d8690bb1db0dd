//! A drawing as SVG: no scripts, no fonts from elsewhere, light or dark as the reader prefers.

use crate::render::{
    graph::{
        Drawing, JoinedEdge,
        layout::{self, BOX_HEIGHT, Line, Shape},
    },
    text,
};

const MARGIN: f64 = 16.0;

const STYLE: &str = "\
.bp{--back:#fff;--box:#fff;--body:#f5f7fa;--edge:#64748b;--rim:#94a3b8;--text:#0f172a;--soft:#526077;\
--bad:#b42318;font-family:system-ui,sans-serif}
@media (prefers-color-scheme:dark){.bp{--back:#0f1420;--box:#1b2333;--body:#151c2a;--edge:#8b9ab2;\
--rim:#4b5b74;--text:#e8edf5;--soft:#a3b1c6;--bad:#ff8a7a}}
.bp .back{fill:var(--back)}
.bp .box{fill:var(--box);stroke:var(--rim)}
.bp .body{fill:var(--body);stroke:var(--rim)}
.bp .title{font-size:13px;font-weight:600;fill:var(--text)}
.bp .kind{font-size:11px;fill:var(--soft)}
.bp .edge{fill:none;stroke:var(--edge);stroke-width:1.4}
.bp .bad{stroke:var(--bad);stroke-dasharray:5 3}
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
    let picture = layout::layout(drawing, &edges);
    let (width, height) = (picture.width + 2.0 * MARGIN, picture.height + 2.0 * MARGIN);
    let name = escape(&drawing.name);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"bp\" role=\"img\" aria-label=\"{name}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n\
         <title>{name}</title>\n<style>\n{STYLE}</style>\n<defs>\n"
    );
    for (id, class) in [("bp-arrow", "head"), ("bp-arrow-bad", "badhead")] {
        text::add(
            &mut svg,
            format_args!(
                "<marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
                 markerHeight=\"7\" orient=\"auto\"><path class=\"{class}\" d=\"M0 0L8 4L0 8z\"/>\
                 </marker>\n"
            ),
        );
    }
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

fn block(svg: &mut String, drawing: &Drawing, shape: &Shape) {
    let node = &drawing.nodes[shape.node];
    let Shape { x, y, width, height, .. } = shape;
    let class = if shape.has_body { "body" } else { "box" };
    let (id, title, kind) =
        (escape(&node.id), escape(&layout::shown(&node.title)), escape(&layout::shown(&node.kind)));
    let (left, first, second) = (x + 14.0, y + BOX_HEIGHT * 0.43, y + BOX_HEIGHT * 0.76);
    text::add(
        svg,
        format_args!(
            "<g><title>{id}</title><rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" \
             width=\"{width:.1}\" height=\"{height:.1}\" rx=\"8\"/>\
             <text class=\"title\" x=\"{left:.1}\" y=\"{first:.1}\">{title}</text>\
             <text class=\"kind\" x=\"{left:.1}\" y=\"{second:.1}\">{kind}</text></g>\n"
        ),
    );
}

fn line(svg: &mut String, line: &Line, edge: &JoinedEdge) {
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

fn label(svg: &mut String, drawing: &Drawing, line: &Line, edge: &JoinedEdge) {
    let inner = if drawing.nodes[edge.from].group.is_some() { " inner" } else { "" };
    let bad = if edge.is_error { " badlabel" } else { "" };
    let ((x, y), text) = (line.label, escape(&edge.label));
    let y = y + 3.5;
    text::add(
        svg,
        format_args!("<text class=\"label{inner}{bad}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>\n"),
    );
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c if text::is_unsafe(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
