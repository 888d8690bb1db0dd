//! The headline figures: the few that a person waits for, in half a minute.

use blueprint_journal::Flush;
use clap::ValueEnum;

use crate::bench::{
    measure::{Bench, Name},
    report::Report,
    shapes::{Kind, Shape, blueprint},
    source,
    stage::{Fault, Keep},
};

/// How many blocks a figure has unless somebody says otherwise.
pub const BLOCKS: usize = 1_000;

/// How many a chain has that waits for the disk after each block.
const STRICT_BLOCKS: usize = 100;

/// How many runs there are of three blocks: in a row, and side by side.
const RUNS: usize = 2_000;
const AT_ONCE: usize = 200;

/// A headline figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Figure {
    /// Blocks one after the other
    Chain,
    /// One block, all others side by side, one block
    Fan,
    /// Layers of blocks, each led to by three of the layer before
    Layers,
    /// Conditions whose two ways join again; one of them is not taken
    Ladder,
    /// A chain of scripts that add two numbers
    Code,
    /// A chain of conditions
    #[value(name = "if_else")]
    IfElse,
    /// A loop over items, with one block per item
    Loop,
    /// Calls of other blueprints, 16 deep
    Nest,
    /// Three blocks, run again and again: alone, and 200 runs at once
    Three,
    /// A chain that waits for the disk after each block
    Strict,
    /// A chain that runs ahead of the disk
    Behind,
}

impl Figure {
    /// Every figure, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::Chain,
        Self::Fan,
        Self::Layers,
        Self::Ladder,
        Self::Code,
        Self::IfElse,
        Self::Loop,
        Self::Nest,
        Self::Three,
        Self::Strict,
        Self::Behind,
    ];

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Fan => "fan",
            Self::Layers => "layers",
            Self::Ladder => "ladder",
            Self::Code => "code",
            Self::IfElse => "if_else",
            Self::Loop => "loop",
            Self::Nest => "nest",
            Self::Three => "three",
            Self::Strict => "strict",
            Self::Behind => "behind",
        }
    }

    /// Returns what its blocks do, for people.
    pub fn about(self) -> &'static str {
        match self {
            Self::Chain => "blocks one after the other",
            Self::Fan => "one block, all others side by side, one block",
            Self::Layers => "layers of blocks, each led to by three of the layer before",
            Self::Ladder => "conditions whose two ways join again; one of them is not taken",
            Self::Code => "a chain of scripts that add two numbers",
            Self::IfElse => "a chain of conditions",
            Self::Loop => "a loop over items, with one block per item",
            Self::Nest => "calls of other blueprints, 16 deep",
            Self::Three => "three blocks, run again and again",
            Self::Strict => "a chain that waits for the disk after each block",
            Self::Behind => "a chain that runs ahead of the disk and waits at its end",
        }
    }

    /// Returns whether it measures the disk.
    pub fn is_durable(self) -> bool {
        matches!(self, Self::Strict | Self::Behind)
    }

    /// Measures it and adds what was found.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be written, or somebody stopped it.
    pub fn measure(
        self,
        bench: &Bench<'_>,
        blocks: Option<usize>,
        keep: Keep,
        report: &mut Report,
    ) -> Result<(), Fault> {
        let count = blocks.unwrap_or(BLOCKS);
        let named = |kind, unit| Name { shape: self.as_str(), kind, unit };
        let flush = match keep {
            Keep::Sqlite(flush) => flush,
            Keep::Memory => Flush::Full,
        };
        let row = match self {
            Self::Chain => bench.graph(Shape::Chain, Kind::PASS, count, keep)?,
            Self::Fan => bench.graph(Shape::Fan, Kind::PASS, count, keep)?,
            Self::Layers => bench.graph(Shape::Layers, Kind::PASS, count, keep)?,
            Self::Ladder => bench.graph(Shape::Ladder, Kind::PASS, count, keep)?,
            Self::Code | Self::IfElse => {
                let kind = if self == Self::Code { Kind::CODE } else { Kind::IF_ELSE };
                let source = blueprint(Shape::Chain, kind, count);
                bench.source(named(kind.name, "blocks"), &source, Shape::Chain, keep)?
            }
            Self::Loop => {
                let source = source::loop_over(count, 1);
                bench.source(named("pass", "items"), &source, Shape::Chain, keep)?
            }
            Self::Nest => {
                let source = source::nest(count);
                bench.source(named("run_blueprint", "calls"), &source, Shape::Chain, keep)?
            }
            Self::Three => {
                for (at_once, times) in [(1, RUNS), (AT_ONCE, RUNS / AT_ONCE)] {
                    let source = blueprint(Shape::Chain, Kind::PASS, 3);
                    let name = named("pass", "blocks");
                    let found = bench.latency(name, &source, keep, (at_once, times))?;
                    report.latencies.push(found);
                }
                return Ok(());
            }
            Self::Strict => bench.disk(Kind::OUTSIDE, blocks.unwrap_or(STRICT_BLOCKS), flush)?,
            Self::Behind => bench.disk(Kind::PASS, count, flush)?,
        };
        report.rows.push(row);
        Ok(())
    }
}

/// Returns which figures to measure, each with where its runs are kept.
///
/// Without a journal, the shapes are measured in memory and the durable figures on the disk.
pub fn wanted(figure: Option<Figure>, journal: Option<Keep>) -> Vec<(Figure, Keep)> {
    let all = Figure::ALL.into_iter().filter(|it| figure.is_none_or(|wanted| wanted == *it));
    let all = all.filter(|it| journal != Some(Keep::Memory) || !it.is_durable());
    let keep = |it: Figure| match journal {
        Some(keep) => keep,
        None if it.is_durable() => Keep::Sqlite(Flush::Full),
        None => Keep::Memory,
    };
    all.map(|it| (it, keep(it))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bench::{harness::Pace, report::Facts, table},
        execute,
        terminal::Paint,
    };

    #[test]
    fn every_figure_is_measured_shown_and_explained() {
        let runtime = execute::runtime().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (folder, pace) = (folder.path(), Pace::ONCE);
        let bench = Bench { runtime: &runtime, folder, pace, is_stopped: &|| false };
        let mut report = Report::new(Facts::of_machine(Keep::Memory));
        for (figure, keep) in wanted(None, None) {
            let blocks = (figure != Figure::Three).then_some(5);
            figure.measure(&bench, blocks, keep, &mut report).unwrap();
        }
        assert_eq!((report.rows.len(), report.latencies.len()), (10, 2));
        let shown = table::lines(&report, Paint::Plain).join("\n");
        for figure in Figure::ALL {
            assert!(figure == Figure::Three || shown.contains(figure.about()), "{shown}");
        }
        for words in ["5 blocks", "5 items", "16 calls", "200 at once", "one flush of the disk"] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
        assert!(table::markdown(&report).contains("full, strict"));
        let json = report.to_json();
        assert_eq!(json["rows"][0]["limits"][1]["limit"], "L1");
        assert_eq!(json["rows"][0]["units"], 5);
    }

    #[test]
    fn a_bench_that_is_stopped_says_so() {
        let runtime = execute::runtime().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (folder, pace) = (folder.path(), Pace::ONCE);
        let bench = Bench { runtime: &runtime, folder, pace, is_stopped: &|| true };
        for (figure, keep) in wanted(None, None) {
            let mut report = Report::new(Facts::of_machine(Keep::Memory));
            let stopped = figure.measure(&bench, None, keep, &mut report);
            assert!(matches!(stopped, Err(Fault::Stopped)), "{figure:?}");
        }
    }

    #[test]
    fn the_disk_is_measured_unless_nothing_is_kept() {
        let all = wanted(None, None);
        assert_eq!(all.len(), Figure::ALL.len());
        assert!(all.iter().all(|(it, keep)| it.is_durable() == (*keep != Keep::Memory)));
        assert!(wanted(None, Some(Keep::Memory)).iter().all(|(it, _)| !it.is_durable()));
        assert_eq!(wanted(Some(Figure::Strict), Some(Keep::Memory)), []);
        let normal = Keep::Sqlite(Flush::Normal);
        assert_eq!(wanted(Some(Figure::Chain), Some(normal)), [(Figure::Chain, normal)]);
    }

    #[test]
    fn a_figure_is_typed_as_it_is_shown() {
        for figure in Figure::ALL {
            assert_eq!(Figure::from_str(figure.as_str(), false), Ok(figure));
        }
        assert_eq!(Figure::value_variants(), Figure::ALL);
    }
}
