//! How much a bench measures, its comparison with one limit, and its tables.

use std::convert::Infallible;

use blueprint::bench::{
    harness::{Contender, Pace, Rounds, Spread},
    table::Markdown,
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

    /// Returns how long a row is measured.
    pub fn pace(self) -> Pace {
        match self {
            Self::Full => Pace::THOROUGH,
            Self::Once => Pace::ONCE,
        }
    }

    /// Returns how many rounds to measure.
    pub fn rounds(self) -> usize {
        self.pace().rounds
    }

    /// Returns `full`, or a size that takes no time.
    pub fn size(self, full: usize, small: usize) -> usize {
        match self {
            Self::Full => full,
            Self::Once => small,
        }
    }
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
///
/// # Panics
///
/// Panics if one of them does.
pub fn compare(
    effort: Effort,
    units: usize,
    mut ours: impl FnMut(),
    mut limit: impl FnMut(),
) -> Compared {
    let mut both: [Contender<'_, Infallible>; 2] = [
        Box::new(|times| {
            (0..times).for_each(|_| ours());
            Ok(())
        }),
        Box::new(|times| {
            (0..times).for_each(|_| limit());
            Ok(())
        }),
    ];
    // The bench itself says how much is one turn, and all rounds count.
    let pace = effort.pace();
    let pace = Pace { turn: std::time::Duration::ZERO, least_rounds: pace.rounds, ..pace };
    let rounds = Rounds::measure(pace, &mut both, || false);
    let rounds = rounds.expect("neither can fail").expect("nobody stops it");
    Compared {
        ours: rounds.per_unit(0, units),
        limit: rounds.per_unit(1, units),
        ratio: rounds.ratio(1, units, units),
    }
}

/// A table that grows row by row, and is printed as Markdown.
pub struct Table(Markdown);

impl Table {
    /// Returns a table with these columns.
    pub fn new(columns: &[&str]) -> Self {
        Self(Markdown::new(columns))
    }

    /// Adds a row.
    pub fn row(&mut self, cells: &[String]) {
        self.0.row(cells);
    }

    /// Prints the table.
    #[expect(clippy::print_stdout, reason = "a bench prints what it measured")]
    pub fn print(&self) {
        println!("{}", self.0.text);
    }
}
