//! Figures as tables: for a terminal, and as Markdown.

use blueprint_project::text;

use crate::{
    bench::{
        harness::Spread,
        headline::Figure,
        limits::Limit,
        report::{Latency, Report, Row},
    },
    terminal::{Paint, Tone},
};

/// Returns the headline figures for a person, with what they mean.
pub fn lines(report: &Report, paint: Paint) -> Vec<String> {
    let strong = |text: &str| paint.paint(Tone::Strong, text);
    let facts = &report.facts;
    let cores = text::count(facts.cores, "core");
    let mut lines = vec![paint.paint(
        Tone::Dim,
        &format!("blueprint {} on {} {}, {cores}", facts.version, facts.os, facts.arch),
    )];
    let (durable, shapes): (Vec<&Row>, Vec<&Row>) =
        report.rows.iter().partition(|row| row.against(Limit::Flush).is_some());
    if !shapes.is_empty() {
        let head = ["shape", "size", "blocks/s", "a block", "L0", "× L0", "L1", "× L1"];
        let cells = shapes.iter().map(|row| {
            let [l0, l1] = [Limit::Loop, Limit::Tasks].map(|limit| limit_cells(row, limit));
            let [shape, size, rate, cost] = row_cells(row);
            vec![shape, size, rate, cost, l0.0, l0.1, l1.0, l1.1]
        });
        let journal = facts.journal.as_str();
        lines.extend([String::new(), strong(&format!("Blocks, kept in: {journal}"))]);
        lines.extend(columns(&head, cells.collect(), paint));
    }
    if !report.latencies.is_empty() {
        let head = ["runs", "", "runs/s", "half within", "95 % within", "99 % within"];
        lines.extend([String::new(), strong("Whole runs of three blocks")]);
        lines.extend(columns(&head, report.latencies.iter().map(latency).collect(), paint));
    }
    if !durable.is_empty() {
        let head = ["shape", "size", "blocks/s", "a block", "L4", "× L4"];
        let cells = durable.iter().map(|row| {
            let [_, size, rate, cost] = row_cells(row);
            let (limit, ratio) = limit_cells(row, Limit::Flush);
            vec![row.durability.into(), size, rate, cost, limit, ratio]
        });
        let flush = durable[0].journal.as_str();
        lines.extend([String::new(), strong(&format!("Blocks on the disk, flush {flush}"))]);
        lines.extend(columns(&head, cells.collect(), paint));
    }
    lines.push(String::new());
    lines.extend(legend(report).into_iter().map(|line| paint.paint(Tone::Dim, &line)));
    lines
}

/// The cells that all rows have.
fn row_cells(row: &Row) -> [String; 4] {
    [
        row.shape.clone(),
        format!("{} {}", thousands(row.blocks), row.unit),
        rate(row.per_second()),
        ns(row.ns.median),
    ]
}

fn limit_cells(row: &Row, limit: Limit) -> (String, String) {
    row.against(limit).map_or_else(Default::default, |against| {
        (ns(against.ns.median), format!("{} ×", ratio(against.ratio.median)))
    })
}

fn latency(it: &Latency) -> Vec<String> {
    let how =
        if it.at_once == 1 { "one at a time".into() } else { format!("{} at once", it.at_once) };
    let [p50, p95, p99] = [it.us_p50, it.us_p95, it.us_p99].map(|us| ns(us * 1e3));
    vec![how, format!("{} runs", thousands(it.runs)), rate(it.runs_per_second), p50, p95, p99]
}

/// Returns what the shapes and the limits in a report are.
fn legend(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for figure in Figure::ALL {
        let shown = report.rows.iter().any(|row| {
            let name = if figure.is_durable() { row.durability } else { row.shape.as_str() };
            name == figure.as_str()
        });
        if shown {
            lines.push(format!("  {}{}", text::pad(figure.as_str(), 9), figure.about()));
        }
    }
    for limit in [Limit::Loop, Limit::Tasks, Limit::Flush] {
        if report.rows.iter().any(|row| row.against(limit).is_some()) {
            lines.push(format!("  {}{}", text::pad(limit.as_str(), 9), limit.meaning()));
        }
    }
    lines
}

/// Lays rows out: the first two columns to the left, numbers to the right.
fn columns(head: &[&str], rows: Vec<Vec<String>>, paint: Paint) -> Vec<String> {
    let head: Vec<String> = head.iter().map(|&title| title.into()).collect();
    let all: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let widths: Vec<usize> = (0..all[0].len())
        .map(|at| all.iter().map(|row| text::width(&row[at])).max().unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cell = |(at, cell): (usize, &String)| match at {
            0 | 1 => text::pad(cell, widths[at]),
            _ => format!("{}{cell}", " ".repeat(widths[at] - text::width(cell))),
        };
        let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
        format!("  {}", cells.join("  ").trim_end())
    };
    let mut lines: Vec<String> = all.iter().map(line).collect();
    lines[0] = paint.paint(Tone::Dim, &lines[0]);
    lines
}

/// Returns all of a report as Markdown, with the spread of every ratio.
pub fn markdown(report: &Report) -> String {
    let mut page = Markdown::new(&[
        "shape", "kind", "size", "journal", "blocks/s", "a block", "limit", "× limit", "limit",
        "× limit",
    ]);
    for row in &report.rows {
        let journal = match row.durability {
            "none" => row.journal.as_str().into(),
            durability => format!("{}, {durability}", row.journal.as_str()),
        };
        let [shape, size, rate, cost] = row_cells(row);
        let mut cells = vec![shape, row.kind.clone(), size, journal, rate, cost];
        for at in 0..2 {
            let Some(against) = row.limits.get(at) else {
                cells.extend([String::new(), String::new()]);
                continue;
            };
            cells.push(format!("{} {}", against.limit.as_str(), ns(against.ns.median)));
            cells.push(spread(against.ratio));
        }
        page.row(&cells);
    }
    let mut runs = Markdown::new(&[
        "runs",
        "kind",
        "journal",
        "in all",
        "runs/s",
        "half within",
        "95 % within",
        "99 % within",
    ]);
    for it in &report.latencies {
        let mut cells = latency(it);
        cells.splice(1..1, [it.kind.clone(), it.journal.as_str().into()]);
        runs.row(&cells);
    }
    format!("{}\n{}", page.text, runs.text)
}

/// A table that grows row by row.
pub struct Markdown {
    /// Its text so far.
    pub text: String,
}

impl Markdown {
    /// Returns a table with these columns.
    pub fn new(columns: &[&str]) -> Self {
        let rule: Vec<&str> = columns.iter().map(|_| "---").collect();
        Self { text: format!("| {} |\n| {} |\n", columns.join(" | "), rule.join(" | ")) }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: &[String]) {
        text::add(&mut self.text, format_args!("| {} |\n", cells.join(" | ")));
    }
}

/// Returns a ratio with its spread.
pub fn spread(of: Spread) -> String {
    format!("{} ({}–{})", ratio(of.median), ratio(of.p10), ratio(of.p90))
}

/// Returns nanoseconds for people.
pub fn ns(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e5 => format!("{:.2} µs", n / 1e3),
        n if n < 1e6 => format!("{:.0} µs", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}

/// Returns how many there are in a second, for people.
pub fn rate(per_second: f64) -> String {
    match per_second {
        n if n >= 1e6 => format!("{:.2} M", n / 1e6),
        n => thousands(n.round() as usize),
    }
}

fn ratio(ratio: f64) -> String {
    if ratio < 0.095 { format!("{ratio:.3}") } else { format!("{ratio:.2}") }
}

/// Returns a whole number with its thousands apart.
pub fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        assert_eq!([ns(999.4), ns(1_500.0), ns(2.5e6)], ["999 ns", "1.50 µs", "2.50 ms"]);
        assert_eq!([rate(2_345_678.0), rate(45_600.4)], ["2.35 M", "45,600"]);
        assert_eq!([thousands(0), thousands(999), thousands(1_000_000)], ["0", "999", "1,000,000"]);
        assert_eq!([ratio(0.0123), ratio(1.0)], ["0.012", "1.00"]);
    }

    #[test]
    fn columns_stand_below_each_other() {
        let rows = vec![vec!["chain".into(), "1 block".into(), "7".into()]];
        let lines = columns(&["shape", "size", "blocks/s"], rows, Paint::Plain);
        assert_eq!(lines, ["  shape  size     blocks/s", "  chain  1 block         7"]);
    }
}
