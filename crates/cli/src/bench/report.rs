//! Figures as data: what was measured on which machine, and the same as JSON.

use std::{fs, thread};

use serde_json::{Map, Value, json};

use crate::bench::{harness::Spread, limits::Limit, stage::Keep};

/// Everything that was measured in one process.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Where.
    pub facts: Facts,
    /// What a block costs, shape by shape.
    pub rows: Vec<Row>,
    /// How long whole runs take.
    pub latencies: Vec<Latency>,
}

/// The machine and the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The version of the program.
    pub version: &'static str,
    /// Whether it was built to be fast.
    pub build: &'static str,
    /// The operating system.
    pub os: &'static str,
    /// The instruction set.
    pub arch: &'static str,
    /// How many threads run at once.
    pub cores: usize,
    /// The processor's name, where the system says it.
    pub cpu: Option<String>,
    /// Where the runs of the shapes were kept.
    pub journal: Keep,
}

impl Facts {
    /// Returns the facts of this machine.
    pub fn of_machine(journal: Keep) -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = info.lines().find_map(|line| line.strip_prefix("model name"));
        Self {
            version: env!("CARGO_PKG_VERSION"),
            build: if cfg!(debug_assertions) { "debug" } else { "release" },
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            cores: thread::available_parallelism().map_or(1, Into::into),
            cpu: name.map(|name| name.trim_start_matches(['\t', ' ', ':']).to_owned()),
            journal,
        }
    }
}

/// What a block of some shape costs, beside limits of the machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The shape.
    pub shape: String,
    /// The kind of its blocks.
    pub kind: String,
    /// How many there are.
    pub blocks: usize,
    /// What they are called, in the plural: `blocks`, `items`, `calls`.
    pub unit: &'static str,
    /// Where the run was kept.
    pub journal: Keep,
    /// What a block waits for: `strict`, `behind` or `none`.
    pub durability: &'static str,
    /// How many rounds were measured.
    pub rounds: usize,
    /// Nanoseconds a block.
    pub ns: Spread,
    /// The limits.
    pub limits: Vec<Against>,
}

impl Row {
    /// Returns how many blocks there are in a second.
    pub fn per_second(&self) -> f64 {
        1e9 / self.ns.median.max(f64::MIN_POSITIVE)
    }

    /// Returns what was measured of a limit.
    pub fn against(&self, limit: Limit) -> Option<&Against> {
        self.limits.iter().find(|against| against.limit == limit)
    }
}

/// A limit, measured in turns with a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Against {
    /// The limit.
    pub limit: Limit,
    /// Nanoseconds a block, or a record.
    pub ns: Spread,
    /// The row over the limit.
    pub ratio: Spread,
}

/// How long whole runs take.
#[derive(Debug, Clone, PartialEq)]
pub struct Latency {
    /// The shape.
    pub shape: String,
    /// The kind of its blocks.
    pub kind: String,
    /// Where the runs were kept.
    pub journal: Keep,
    /// How many runs there were at once.
    pub at_once: usize,
    /// How many there were in all.
    pub runs: usize,
    /// How many ended in a second.
    pub runs_per_second: f64,
    /// Microseconds that half of them took at most.
    pub us_p50: f64,
    /// Microseconds that 95 of 100 took at most.
    pub us_p95: f64,
    /// Microseconds that 99 of 100 took at most.
    pub us_p99: f64,
}

impl Report {
    /// Returns a report without figures.
    pub fn new(facts: Facts) -> Self {
        Self { facts, rows: Vec::new(), latencies: Vec::new() }
    }

    /// Returns all of it as one object.
    pub fn to_json(&self) -> Map<String, Value> {
        let facts = &self.facts;
        let mut object = Map::new();
        let facts = [
            ("version", json!(facts.version)),
            ("build", json!(facts.build)),
            ("os", json!(facts.os)),
            ("arch", json!(facts.arch)),
            ("cores", json!(facts.cores)),
            ("cpu", json!(facts.cpu)),
            ("journal", json!(facts.journal.as_str())),
            ("rows", self.rows.iter().map(row).collect()),
            ("latencies", self.latencies.iter().map(latency).collect()),
        ];
        object.extend(facts.map(|(key, value)| (key.to_owned(), value)));
        object
    }
}

fn row(row: &Row) -> Value {
    let limit = |against: &Against| {
        json!({
            "limit": against.limit.as_str(),
            "meaning": against.limit.meaning(),
            "ns_per_unit": spread(against.ns),
            "ratio": spread(against.ratio),
        })
    };
    json!({
        "shape": row.shape,
        "kind": row.kind,
        "units": row.blocks,
        "unit": row.unit,
        "journal": row.journal.as_str(),
        "durability": row.durability,
        "rounds": row.rounds,
        "units_per_second": row.per_second().round(),
        "ns_per_unit": spread(row.ns),
        "limits": row.limits.iter().map(limit).collect::<Vec<_>>(),
    })
}

fn latency(it: &Latency) -> Value {
    json!({
        "shape": it.shape,
        "kind": it.kind,
        "journal": it.journal.as_str(),
        "runs_at_once": it.at_once,
        "runs": it.runs,
        "runs_per_second": it.runs_per_second.round(),
        "us_p50": thousandths(it.us_p50),
        "us_p95": thousandths(it.us_p95),
        "us_p99": thousandths(it.us_p99),
    })
}

fn spread(spread: Spread) -> Value {
    let [p10, median, p90] = [spread.p10, spread.median, spread.p90].map(thousandths);
    json!({"p10": p10, "median": median, "p90": p90})
}

/// More digits would only pretend.
fn thousandths(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}
