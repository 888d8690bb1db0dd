//! One row of figures: a blueprint and the limits that it is held against, measured in turns.

use std::{path::Path, sync::Arc, time::Duration};

use blueprint_journal::Flush;
use tokio::runtime::Runtime;

use crate::bench::{
    flush::{self, Appender},
    harness::{Contender, Pace, Rounds, Stopwatch},
    limits::{self, Limit, Rows},
    report::{Against, Latency, Row},
    shapes::{Kind, Shape, blueprint},
    source::Source,
    stage::{self, Fault, Keep, Stage},
};

/// What measures.
pub struct Bench<'a> {
    /// Where the runs work.
    pub runtime: &'a Runtime,
    /// Where stores are, one after the other.
    pub folder: &'a Path,
    /// How long each row takes.
    pub pace: Pace,
    /// Whether somebody wants it to end.
    pub is_stopped: &'a (dyn Fn() -> bool + Sync),
}

/// What a row is called.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    /// The shape.
    pub shape: &'a str,
    /// The kind of its blocks.
    pub kind: &'a str,
    /// What it counts, in the plural.
    pub unit: &'static str,
}

impl Bench<'_> {
    /// Measures a shape of one kind of block beside a loop and tasks over the same graph.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be written, or somebody stopped it.
    pub fn graph(&self, shape: Shape, kind: Kind, blocks: usize, keep: Keep) -> Result<Row, Fault> {
        let name = Name { shape: shape.as_str(), kind: kind.name, unit: "blocks" };
        self.source(name, &blueprint(shape, kind, blocks), shape, keep)
    }

    /// Measures any blueprint beside a loop and tasks over as many blocks of a shape.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be written, or somebody stopped it.
    pub fn source(
        &self,
        name: Name<'_>,
        source: &Source,
        like: Shape,
        keep: Keep,
    ) -> Result<Row, Fault> {
        let units = source.units;
        let store = tempfile::tempdir_in(self.folder)?;
        let stage = Stage::new(source, stage::engine(keep.open(store.path())?))?;
        let rows = Arc::new(Rows::of(like, units));
        let mut contenders: [Contender<'_, Fault>; 3] = [
            Box::new(|times| stage.repeat(self.runtime, times)),
            Box::new(|times| {
                (0..times).for_each(|_| limits::loop_of_blocks(self.runtime, &rows));
                Ok(())
            }),
            Box::new(|times| {
                limits::tasks(self.runtime, &rows, times);
                Ok(())
            }),
        ];
        let rounds = self.rounds(&mut contenders)?;
        let limits = [(1, Limit::Loop), (2, Limit::Tasks)];
        let limits = limits.map(|(at, limit)| Against {
            limit,
            ns: rounds.per_unit(at, units),
            ratio: rounds.ratio(at, units, units),
        });
        let durability = if keep == Keep::Memory { "none" } else { "behind" };
        Ok(row(name, units, (keep, durability), &rounds, limits.into()))
    }

    /// Measures a chain whose blocks wait for the disk, or run ahead of it, beside as many flushes of
    /// a bare file.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be written, or somebody stopped it.
    pub fn disk(&self, kind: Kind, blocks: usize, to: Flush) -> Result<Row, Fault> {
        let store = tempfile::tempdir_in(self.folder)?;
        let keep = Keep::Sqlite(to);
        let source = blueprint(Shape::Chain, kind, blocks);
        let stage = Stage::new(&source, stage::engine(keep.open(store.path())?))?;
        // As many flushes as a strict chain has, or those of some blocks that run ahead.
        let flushes = blocks.min(100);
        let mut file = Appender::new(store.path(), flush::body())?;
        let mut contenders: [Contender<'_, Fault>; 2] = [
            Box::new(|times| stage.repeat(self.runtime, times)),
            Box::new(|times| Ok(file.flush_each(flushes * times)?)),
        ];
        let rounds = self.rounds(&mut contenders)?;
        let limit = Against {
            limit: Limit::Flush,
            ns: rounds.per_unit(1, flushes),
            ratio: rounds.ratio(1, blocks, flushes),
        };
        let durability = if kind == Kind::OUTSIDE { "strict" } else { "behind" };
        let name = Name { shape: "chain", kind: kind.name, unit: "blocks" };
        Ok(row(name, blocks, (keep, durability), &rounds, vec![limit]))
    }

    /// Measures how long whole runs take, so many side by side.
    ///
    /// # Errors
    ///
    /// Returns an error if the store cannot be written, or somebody stopped it.
    pub fn latency(
        &self,
        name: Name<'_>,
        source: &Source,
        keep: Keep,
        (at_once, times): (usize, usize),
    ) -> Result<Latency, Fault> {
        let store = tempfile::tempdir_in(self.folder)?;
        let stage = Stage::new(source, stage::engine(keep.open(store.path())?))?;
        if (self.is_stopped)() {
            return Err(Fault::Stopped);
        }
        if self.pace != Pace::ONCE {
            stage.latencies(self.runtime, at_once, times.div_ceil(10))?;
        }
        let start = Stopwatch::start();
        let took = stage.latencies(self.runtime, at_once, times)?;
        let seconds = start.elapsed().as_secs_f64().max(f64::MIN_POSITIVE);
        let us = |share: f64| {
            let at = ((took.len() - 1) as f64 * share).round() as usize;
            took.get(at).copied().unwrap_or(Duration::ZERO).as_nanos() as f64 / 1e3
        };
        Ok(Latency {
            shape: name.shape.into(),
            kind: name.kind.into(),
            journal: keep,
            at_once,
            runs: took.len(),
            runs_per_second: took.len() as f64 / seconds,
            us_p50: us(0.5),
            us_p95: us(0.95),
            us_p99: us(0.99),
        })
    }

    /// Measures contenders in turns, as this bench does all of its own.
    ///
    /// # Errors
    ///
    /// Returns what a contender did not do, or that somebody stopped it.
    pub fn rounds(&self, contenders: &mut [Contender<'_, Fault>]) -> Result<Rounds, Fault> {
        Rounds::measure(self.pace, contenders, self.is_stopped)?.ok_or(Fault::Stopped)
    }
}

/// Returns a row of what was measured; the first contender is the project.
pub fn row(
    name: Name<'_>,
    units: usize,
    (journal, durability): (Keep, &'static str),
    rounds: &Rounds,
    limits: Vec<Against>,
) -> Row {
    Row {
        shape: name.shape.into(),
        kind: name.kind.into(),
        blocks: units,
        unit: name.unit,
        journal,
        durability,
        rounds: rounds.count(),
        ns: rounds.per_unit(0, units),
        limits,
    }
}
