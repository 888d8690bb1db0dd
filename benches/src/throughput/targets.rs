//! The figures that have a target, computed from what was measured in one process.

use blueprint::bench::{
    limits::Limit,
    report::{Report, Row},
    table::Markdown,
};

/// A figure beside its target.
struct Figure {
    name: String,
    measured: f64,
    at_most: f64,
    unit: &'static str,
}

/// Returns the targets and what was measured of each, as a table.
pub fn to_markdown(report: &Report, standard: usize, largest: usize) -> String {
    let mut table = Markdown::new(&["figure", "measured", "target, at most", ""]);
    for it in figures(report, standard, largest) {
        let sign = if it.measured <= it.at_most { "✓" } else { "✗" };
        table.row(&[
            it.name,
            format!("{:.2} {}", it.measured, it.unit),
            format!("{} {}", it.at_most, it.unit),
            sign.into(),
        ]);
    }
    table.text
}

fn figures(report: &Report, standard: usize, largest: usize) -> Vec<Figure> {
    let figure = |name: String, measured: Option<f64>, at_most: f64, unit: &'static str| {
        measured.map(|measured| Figure { name, measured, at_most, unit })
    };
    let row = |shape: &str, kind: &str, blocks| find(report, shape, kind, blocks);
    let mut found = Vec::new();
    for shape in ["chain", "fan", "layers"] {
        let at_standard = row(shape, "pass", standard);
        let l1 = at_standard.and_then(|row| Some(row.against(Limit::Tasks)?.ratio.median));
        found.push(figure(format!("`pass` in memory, {shape}"), l1, 1.0, "× L1"));
        let grown = at_standard.zip(row(shape, "pass", largest)).and_then(|(small, large)| {
            let l0 = |row: &Row| Some(row.against(Limit::Loop)?.ns.median);
            Some(large.ns.median / small.ns.median / (l0(large)? / l0(small)?))
        });
        let name = format!("growth from {standard} to {largest} blocks, {shape}");
        found.push(figure(name, grown, 1.15, "× that of L0"));
    }
    let l2 = report.rows.iter().find_map(|row| {
        let is_it = row.kind == "code a + b";
        row.against(Limit::Scripts).filter(|_| is_it).map(|against| against.ns.median)
    });
    let scripts = row("chain", "code a + b", standard).zip(row("chain", "pass", standard));
    let code = scripts.zip(l2).map(|((code, pass), l2)| (code.ns.median - pass.ns.median) / l2);
    found.push(figure("`code` over `pass`, chain".into(), code, 1.5, "× L2"));
    let items = report.rows.iter().filter(|row| row.shape == "loop").max_by_key(|row| row.blocks);
    let looped = items
        .and_then(|items| Some(items.ns.median / row("chain", "pass", items.blocks)?.ns.median));
    found.push(figure("loop, one at a time".into(), looped, 2.0, "× the chain"));
    let durable = |limit: Limit, durability: &str| {
        let mut rows = report.rows.iter().filter(|row| row.journal.as_str() == "full");
        rows.find_map(|row| row.against(limit).filter(|_| row.durability == durability))
    };
    let strict = durable(Limit::Flush, "strict").map(|against| against.ratio.median);
    found.push(figure("durable chain, strict".into(), strict, 1.2, "× L4"));
    let behind = durable(Limit::Writer, "behind").map(|against| against.ratio.median);
    found.push(figure("durable chain, behind".into(), behind, 2.0, "× L3"));
    let three = report.latencies.iter().find(|it| it.at_once == 1 && it.kind == "pass");
    found.push(figure("`three`, half within".into(), three.map(|it| it.us_p50), 20.0, "µs"));
    found.into_iter().flatten().collect()
}

/// Returns a row of blocks in memory beside a bare loop.
fn find<'r>(report: &'r Report, shape: &str, kind: &str, blocks: usize) -> Option<&'r Row> {
    report.rows.iter().find(|row| {
        (row.shape.as_str(), row.kind.as_str(), row.blocks) == (shape, kind, blocks)
            && row.durability == "none"
            && row.against(Limit::Loop).is_some()
    })
}
