//! Everything that BENCHMARKS asks of throughput: shapes, sizes, kinds of blocks and journals.

pub mod payload;
pub mod targets;

use blueprint::bench::{
    harness::{Contender, Pace},
    limits::Limit,
    measure::{self, Bench, Name},
    report::{Against, Report, Row},
    shapes::{Kind, Shape, blueprint},
    source,
    stage::{self, Fault, Keep, Stage},
};
use blueprint_journal::Flush;

use crate::{
    disk::Writer,
    scripts::{self, Script},
    server,
};

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// The sizes of graphs, the smallest first.
    pub graphs: &'static [usize],
    /// The size of what is measured at one size.
    pub standard: usize,
    /// The sizes of loops and ladders.
    pub pairs: &'static [usize],
    /// How many runs of three blocks there are.
    pub runs: usize,
}

impl Sizes {
    /// For the record.
    pub const FULL: Self = Self {
        graphs: &[100, 1_000, 10_000, 100_000],
        standard: 1_000,
        pairs: &[100, 10_000],
        runs: 20_000,
    };
    /// Does it still work?
    pub const TINY: Self = Self { graphs: &[5, 20], standard: 20, pairs: &[7], runs: 200 };
}

/// What measures all of it, row by row.
pub struct Throughput<'a> {
    /// Measures a row.
    pub bench: Bench<'a>,
    /// How much.
    pub sizes: Sizes,
    /// What was found.
    pub report: Report,
    /// Is told of each row.
    pub tell: fn(&Row),
}

const DURABLE: [Keep; 2] = [Keep::Sqlite(Flush::Normal), Keep::Sqlite(Flush::Full)];

impl Throughput<'_> {
    /// Measures all of it.
    ///
    /// # Errors
    ///
    /// Returns an error if a store cannot be written.
    pub fn all(&mut self) -> Result<(), Fault> {
        self.graphs()?;
        self.kinds()?;
        self.nested()?;
        self.runs()?;
        self.forty()?;
        self.disk()?;
        self.requests()
    }

    fn add(&mut self, row: Row) {
        (self.tell)(&row);
        self.report.rows.push(row);
    }

    fn graphs(&mut self) -> Result<(), Fault> {
        for shape in Shape::ALL {
            let sizes = if shape == Shape::Ladder { self.sizes.pairs } else { self.sizes.graphs };
            for blocks in sizes {
                let row = self.bench.graph(shape, Kind::PASS, *blocks, Keep::Memory)?;
                self.add(row);
            }
        }
        Ok(())
    }

    fn kinds(&mut self) -> Result<(), Fault> {
        let blocks = self.sizes.standard;
        let graphs = [Shape::Chain, Shape::Fan, Shape::Layers];
        for shape in graphs {
            for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::PASS) {
                let row = self.bench.graph(shape, kind, blocks, Keep::Memory)?;
                self.add(row);
            }
        }
        for keep in DURABLE {
            for (shape, kind) in graphs.map(|shape| (shape, Kind::PASS)).into_iter().chain([
                (Shape::Chain, Kind::SET_STATE),
                (Shape::Chain, Kind::CODE),
                (Shape::Chain, Kind::VAULT),
            ]) {
                let row = self.bench.graph(shape, kind, blocks, keep)?;
                self.add(row);
            }
        }
        Ok(())
    }

    fn nested(&mut self) -> Result<(), Fault> {
        for items in self.sizes.pairs {
            for (concurrency, shape) in
                [(1, "loop"), (8, "loop, 8 at once"), (64, "loop, 64 at once")]
            {
                let name = Name { shape, kind: "pass", unit: "items" };
                let source = source::loop_over(*items, concurrency);
                let row = self.bench.source(name, &source, Shape::Chain, Keep::Memory)?;
                self.add(row);
            }
        }
        let name = Name { shape: "nest", kind: "run_blueprint", unit: "calls" };
        let source = source::nest(self.sizes.standard);
        let row = self.bench.source(name, &source, Shape::Chain, Keep::Memory)?;
        self.add(row);
        Ok(())
    }

    fn runs(&mut self) -> Result<(), Fault> {
        let runs = self.sizes.runs;
        for (kind, keep, runs) in [
            (Kind::PASS, Keep::Memory, runs),
            (Kind::CODE, Keep::Memory, runs),
            (Kind::PASS, Keep::Sqlite(Flush::Normal), runs.div_ceil(10)),
            (Kind::PASS, Keep::Sqlite(Flush::Full), runs.div_ceil(10)),
        ] {
            let source = blueprint(Shape::Chain, kind, 3);
            let name = Name { shape: "three", kind: kind.name, unit: "blocks" };
            for (at_once, times) in [(1, runs), (200, runs.div_ceil(200))] {
                let found = self.bench.latency(name, &source, keep, (at_once, times))?;
                self.report.latencies.push(found);
            }
        }
        Ok(())
    }

    /// Scripts that compute: what is left of the whole beside the language itself is the engine's.
    fn forty(&mut self) -> Result<(), Fault> {
        let name = Name { shape: "forty", kind: Kind::FIB.name, unit: "blocks" };
        let row = self.beside_scripts(name, &source::forty(), scripts::FIB)?;
        self.add(row);
        let blocks = self.sizes.standard;
        let name = Name { shape: "chain", kind: Kind::CODE.name, unit: "blocks" };
        let source = blueprint(Shape::Chain, Kind::CODE, blocks);
        let row = self.beside_scripts(name, &source, scripts::ADD)?;
        self.add(row);
        Ok(())
    }

    /// Measures blocks of scripts beside the language alone.
    fn beside_scripts(
        &self,
        name: Name<'_>,
        source: &source::Source,
        text: &str,
    ) -> Result<Row, Fault> {
        let stage = Stage::new(source, stage::engine(Keep::Memory.open(self.bench.folder)?))?;
        let script = Script::new(text);
        let units = source.units;
        let mut both: [Contender<'_, Fault>; 2] = [
            Box::new(|times| stage.repeat(self.bench.runtime, times)),
            Box::new(|times| {
                script.run(units * times);
                Ok(())
            }),
        ];
        self.beside(name, units, (Keep::Memory, "none"), Limit::Scripts, &mut both)
    }

    fn disk(&mut self) -> Result<(), Fault> {
        let (standard, most) = (self.sizes.standard, self.sizes.pairs[self.sizes.pairs.len() - 1]);
        for flush in [Flush::Normal, Flush::Full] {
            let row = self.bench.disk(Kind::OUTSIDE, standard.min(100), flush)?;
            self.add(row);
            let row = self.beside_writer(most, flush)?;
            self.add(row);
        }
        Ok(())
    }

    /// Measures a chain that runs ahead of the disk beside one thread that only writes its records.
    fn beside_writer(&self, blocks: usize, flush: Flush) -> Result<Row, Fault> {
        let store = tempfile::tempdir_in(self.bench.folder)?;
        let keep = Keep::Sqlite(flush);
        let source = blueprint(Shape::Chain, Kind::PASS, blocks);
        let stage = Stage::new(&source, stage::engine(keep.open(store.path())?))?;
        let mut writer = Writer::new(store.path(), flush, blueprint::bench::flush::body());
        let mut both: [Contender<'_, Fault>; 2] = [
            Box::new(|times| stage.repeat(self.bench.runtime, times)),
            Box::new(|times| {
                writer.write(blocks * times, 1_000);
                Ok(())
            }),
        ];
        let name = Name { shape: "chain", kind: "pass", unit: "blocks" };
        self.beside(name, blocks, (keep, "behind"), Limit::Writer, &mut both)
    }

    fn beside(
        &self,
        name: Name<'_>,
        units: usize,
        kept: (Keep, &'static str),
        limit: Limit,
        both: &mut [Contender<'_, Fault>; 2],
    ) -> Result<Row, Fault> {
        let rounds = self.bench.rounds(both)?;
        let against =
            Against { limit, ns: rounds.per_unit(1, units), ratio: rounds.ratio(1, units, units) };
        Ok(measure::row(name, units, kept, &rounds, vec![against]))
    }

    /// Requests to a server of this process, which answers at once.
    fn requests(&mut self) -> Result<(), Fault> {
        let address = server::serve(200);
        let blocks = if self.bench.pace == Pace::ONCE { 5 } else { 200 };
        for shape in [Shape::Chain, Shape::Fan] {
            let wish = format!("type: http_request, url: \"http://{address}/v1/items\"");
            let mut source = blueprint(shape, Kind::PASS, blocks);
            source.text = source.text.replace(Kind::PASS.fields, &wish);
            let name = Name { shape: shape.as_str(), kind: "http_request", unit: "blocks" };
            let row = self.bench.source(name, &source, shape, Keep::Memory)?;
            self.add(row);
        }
        Ok(())
    }
}
