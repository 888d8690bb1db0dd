//! Figures as pictures: what a block costs against how many there are, as SVG for light and dark pages.

use blueprint_project::text;

use crate::bench::{limits::Limit, report::Report, table};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 52.0;

/// The least distance between the names at the ends of lines.
const APART: f64 = 15.0;

const STYLE: &str = "\
.bp{--back:#fff;--grid:#e2e8f0;--text:#0f172a;--soft:#526077;--ours:#0b62c4;--l0:#64748b;--l1:#b45309;\
font-family:system-ui,sans-serif}
@media (prefers-color-scheme:dark){.bp{--back:#0f1420;--grid:#263248;--text:#e8edf5;--soft:#a3b1c6;\
--ours:#6cb2ff;--l0:#8b9ab2;--l1:#f0b860}}
.bp .back{fill:var(--back)}
.bp .grid{stroke:var(--grid)}
.bp .title{font-size:14px;font-weight:600;fill:var(--text)}
.bp .axis{font-size:11px;fill:var(--soft)}
.bp .end{font-size:12px;font-weight:600}
.bp .line{fill:none;stroke-width:2}
.bp .ours{stroke:var(--ours)}.bp .l0{stroke:var(--l0);stroke-dasharray:5 3}\
.bp .l1{stroke:var(--l1);stroke-dasharray:2 3}
.bp .ours-text{fill:var(--ours)}.bp .l0-text{fill:var(--l0)}.bp .l1-text{fill:var(--l1)}
";

/// A picture: lines over sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What it says above.
    pub title: String,
    /// The lines.
    pub lines: Vec<Line>,
}

/// A line of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Its name, and how it is drawn: `ours`, `l0` or `l1`.
    pub name: &'static str,
    /// The class that draws it.
    pub class: &'static str,
    /// Sizes with nanoseconds, the smallest first; at least one.
    pub points: Vec<(f64, f64)>,
}

impl Chart {
    /// Returns the picture of a shape of one kind in memory; `None` if fewer than two sizes of it were
    /// measured.
    pub fn of(report: &Report, shape: &str, kind: &str) -> Option<Self> {
        let mut rows: Vec<_> = report
            .rows
            .iter()
            .filter(|row| (row.shape.as_str(), row.kind.as_str()) == (shape, kind))
            .filter(|row| row.durability == "none")
            .collect();
        rows.sort_by_key(|row| row.blocks);
        let limit = |limit: Limit| {
            let points = rows
                .iter()
                .filter_map(|row| Some((row.blocks as f64, row.against(limit)?.ns.median)));
            points.collect()
        };
        let ours = rows.iter().map(|row| (row.blocks as f64, row.ns.median)).collect();
        let lines = vec![
            Line { name: "Blueprint", class: "ours", points: ours },
            Line { name: "L0 bare loop", class: "l0", points: limit(Limit::Loop) },
            Line { name: "L1 a task each", class: "l1", points: limit(Limit::Tasks) },
        ];
        let title = format!("{shape} of {kind}: time per block");
        (rows.len() > 1).then_some(Self { title, lines })
    }

    /// Returns the picture as a document.
    pub fn to_svg(&self) -> String {
        let all = || self.lines.iter().flat_map(|line| &line.points);
        let (low, high) = all().fold((f64::INFINITY, 0.0_f64), |(low, high), point| {
            (low.min(point.0), high.max(point.0))
        });
        let most = all().fold(0.0_f64, |most, point| most.max(point.1));
        let step = step(most);
        let axes = Axes { low, high, top: (most / step).ceil().max(1.0) * step };
        let title = text::escape_xml(&self.title);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"bp\" role=\"img\" \
             aria-label=\"{title}\" width=\"{WIDTH:.0}\" height=\"{HEIGHT:.0}\" \
             viewBox=\"0 0 {WIDTH:.0} {HEIGHT:.0}\">\n<title>{title}</title>\n<style>\n{STYLE}\
             </style>\n<rect class=\"back\" width=\"100%\" height=\"100%\"/>\n\
             <text class=\"title\" x=\"16\" y=\"28\">{title}</text>\n"
        );
        axes.draw(&mut svg, step);
        self.lines.iter().for_each(|line| axes.line(&mut svg, line));
        self.names(&mut svg, &axes);
        svg.push_str("</svg>\n");
        svg
    }

    /// Writes the name of each line at its end, none over another.
    fn names(&self, svg: &mut String, axes: &Axes) {
        let mut names: Vec<(f64, &Line)> = self
            .lines
            .iter()
            .filter_map(|line| Some((axes.y(line.points.last()?.1), line)))
            .collect();
        names.sort_by(|a, b| a.0.total_cmp(&b.0));
        let x = WIDTH - RIGHT + 10.0;
        let mut free = f64::NEG_INFINITY;
        for (y, line) in names {
            let y = y.max(free);
            free = y + APART;
            let (at, class, name) = (y + 4.0, line.class, text::escape_xml(line.name));
            text::add(
                svg,
                format_args!(
                    "<text class=\"end {class}-text\" x=\"{x:.1}\" y=\"{at:.1}\">{name}</text>\n"
                ),
            );
        }
    }
}

/// What turns sizes and nanoseconds into places: sizes by their logarithm, time from zero.
struct Axes {
    low: f64,
    high: f64,
    top: f64,
}

impl Axes {
    fn x(&self, size: f64) -> f64 {
        let whole = (self.high / self.low).ln().max(f64::MIN_POSITIVE);
        LEFT + (WIDTH - LEFT - RIGHT) * (size / self.low).ln() / whole
    }

    fn y(&self, ns: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * ns / self.top
    }

    fn draw(&self, svg: &mut String, step: f64) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        let mut ns = 0.0;
        while ns <= self.top + step / 2.0 {
            let (y, label) = (self.y(ns), table::ns(ns));
            let (text_x, text_y) = (LEFT - 8.0, y + 4.0);
            text::add(
                svg,
                format_args!(
                    "<path class=\"grid\" d=\"M{LEFT:.1} {y:.1}H{right:.1}\"/><text class=\"axis\" \
                     x=\"{text_x:.1}\" y=\"{text_y:.1}\" text-anchor=\"end\">{label}</text>\n"
                ),
            );
            ns += step;
        }
        let mut size = 1.0;
        while size <= self.high {
            if size >= self.low {
                let (x, y) = (self.x(size), bottom + 18.0);
                let label = table::thousands(size as usize);
                text::add(
                    svg,
                    format_args!(
                        "<path class=\"grid\" d=\"M{x:.1} {bottom:.1}v5\"/><text class=\"axis\" \
                         x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{label}</text>\n"
                    ),
                );
            }
            size *= 10.0;
        }
        let (x, y) = ((LEFT + right) / 2.0, bottom + 38.0);
        text::add(
            svg,
            format_args!(
                "<text class=\"axis\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">blocks in the \
                 graph; lower is better</text>\n"
            ),
        );
    }

    fn line(&self, svg: &mut String, line: &Line) {
        let places = line.points.iter().map(|(size, ns)| (self.x(*size), self.y(*ns)));
        let path: Vec<String> = places.map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        if path.is_empty() {
            return;
        }
        let (class, path) = (line.class, path.join("L"));
        text::add(svg, format_args!("<path class=\"line {class}\" d=\"M{path}\"/>\n"));
    }
}

/// Returns the distance between the lines of a grid of about five, a round number.
fn step(most: f64) -> f64 {
    let rough = (most / 5.0).max(1e-3);
    let ten = 10.0_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].map(|n| n * ten).into_iter().find(|n| *n >= rough).unwrap_or(ten * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_line_and_a_name_for_each() {
        let line =
            |name, class, ns: f64| Line { name, class, points: vec![(100.0, ns), (1e5, ns)] };
        let lines = vec![line("Blueprint", "ours", 500.0), line("L0 & more", "l0", 498.0)];
        let svg = Chart { title: "a < b".into(), lines }.to_svg();
        assert!(svg.contains("a &lt; b") && svg.contains("L0 &amp; more"), "{svg}");
        assert_eq!(svg.matches("class=\"line").count(), 2);
        assert!(svg.contains(">100,000</text>") && svg.contains(">500 ns</text>"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn grids_are_of_round_numbers() {
        assert_eq!([step(4.9), step(520.0), step(0.0)], [1.0, 200.0, 0.001]);
    }
}
