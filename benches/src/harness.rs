//! Rounds that alternate: the machine's speed drifts, so only what is measured in turns compares.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

/// How much to measure: all of it under `cargo bench`, once and briefly under `cargo test`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Fifteen rounds after a warm-up.
    Full,
    /// One round: does it still work?
    Once,
}

impl Effort {
    /// Returns the effort that the command line asks for: cargo passes `--bench` to measure.
    pub fn of_process() -> Self {
        if std::env::args().any(|arg| arg == "--bench") { Self::Full } else { Self::Once }
    }

    /// Returns how many rounds to measure.
    pub fn rounds(self) -> usize {
        match self {
            Self::Full => 15,
            Self::Once => 1,
        }
    }

    /// Returns `full`, or a size that takes no time.
    pub fn size(self, full: usize, small: usize) -> usize {
        match self {
            Self::Full => full,
            Self::Once => small,
        }
    }
}

/// The middle of some measurements, and their spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// One in ten is below.
    pub p10: f64,
    /// Half are below.
    pub median: f64,
    /// One in ten is above.
    pub p90: f64,
}

impl Spread {
    /// Returns the spread of samples.
    ///
    /// # Panics
    ///
    /// Panics if there is none.
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let at = |share: f64| samples[((samples.len() - 1) as f64 * share).round() as usize];
        Self { p10: at(0.1), median: at(0.5), p90: at(0.9) }
    }
}

/// Returns how long `work` takes.
#[expect(clippy::disallowed_methods, reason = "the benches measure time")]
pub fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// What was measured: the project, a limit, and their ratio round by round. Times are in
/// nanoseconds per unit.
pub struct Compared {
    /// The project.
    pub ours: Spread,
    /// The limit.
    pub limit: Spread,
    /// Ours over the limit, of the same round.
    pub ratio: Spread,
}

/// Measures the project and a limit in turns. Both do `units` units of work.
pub fn compare(
    effort: Effort,
    units: usize,
    mut ours: impl FnMut(),
    mut limit: impl FnMut(),
) -> Compared {
    if effort == Effort::Full {
        for _ in 0..2 {
            limit();
            ours();
        }
    }
    let per_unit = |took: Duration| took.as_nanos() as f64 / units.max(1) as f64;
    let (mut our_times, mut limit_times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds() {
        let limit_time = per_unit(time(&mut limit));
        let our_time = per_unit(time(&mut ours));
        our_times.push(our_time);
        limit_times.push(limit_time);
        ratios.push(our_time / limit_time.max(f64::MIN_POSITIVE));
    }
    Compared {
        ours: Spread::of(our_times),
        limit: Spread::of(limit_times),
        ratio: Spread::of(ratios),
    }
}

/// A table that grows row by row, and is printed as Markdown.
#[derive(Default)]
pub struct Table(String);

impl Table {
    /// Returns a table with these columns.
    pub fn new(columns: &[&str]) -> Self {
        let rule: Vec<&str> = columns.iter().map(|_| "---").collect();
        Self(format!("| {} |\n| {} |\n", columns.join(" | "), rule.join(" | ")))
    }

    /// Adds a row.
    pub fn row(&mut self, cells: &[String]) {
        // Writing to a `String` cannot fail.
        let _ = writeln!(self.0, "| {} |", cells.join(" | "));
    }

    /// Prints the table.
    #[expect(clippy::print_stdout, reason = "a bench prints what it measured")]
    pub fn print(&self) {
        println!("{}", self.0);
    }
}

/// Returns nanoseconds for people.
pub fn ns(nanoseconds: f64) -> String {
    match nanoseconds {
        n if n < 1_000.0 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.2} µs", n / 1e3),
        n => format!("{:.2} ms", n / 1e6),
    }
}
