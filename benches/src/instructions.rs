//! How many instructions a block takes, counted by valgrind: a figure that a busy machine does not
//! change.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{Arc, atomic::AtomicI64},
};

use blueprint::bench::{
    shapes::{Kind, Shape, blueprint},
    source::{self, Source},
    stage::Stage,
};
use blueprint_engine::{Clock, Engine, Ids};
use blueprint_journal::MemoryJournal;
use blueprint_model::Limits;

/// Instructions per block, by the name of the headline.
pub type Counts = BTreeMap<String, u64>;

/// A shape whose instructions are counted.
pub struct Headline {
    /// Its name.
    pub name: &'static str,
    /// How many runs the first process does; the second does twice as many.
    pub runs: usize,
    source: fn() -> Source,
}

/// What is counted.
pub const HEADLINES: [Headline; 7] = [
    Headline { name: "chain pass", runs: 4, source: || blueprint(Shape::Chain, Kind::PASS, 1_000) },
    Headline { name: "fan pass", runs: 4, source: || blueprint(Shape::Fan, Kind::PASS, 1_000) },
    Headline {
        name: "layers pass",
        runs: 4,
        source: || blueprint(Shape::Layers, Kind::PASS, 1_000),
    },
    Headline { name: "chain code", runs: 2, source: || blueprint(Shape::Chain, Kind::CODE, 1_000) },
    Headline {
        name: "chain if_else",
        runs: 2,
        source: || blueprint(Shape::Chain, Kind::IF_ELSE, 1_000),
    },
    Headline { name: "loop", runs: 4, source: || source::loop_over(1_000, 1) },
    Headline {
        name: "start of a run",
        runs: 500,
        source: || blueprint(Shape::Chain, Kind::PASS, 1),
    },
];

/// Runs a headline so many times, on one thread and with a clock and ids that are the same each time.
///
/// # Panics
///
/// Panics if there is no such headline, or a run fails.
pub fn run(name: &str, runs: usize) {
    let headline = HEADLINES.iter().find(|it| it.name == name).expect("the gate names its own");
    let clock = Clock::Skipping(Arc::new(AtomicI64::new(1_000_000)));
    let journal = Arc::new(MemoryJournal::forgetful());
    let engine = Engine::new(journal, clock, Ids::counted(), Limits::default());
    let stage = Stage::new(&(headline.source)(), engine).expect("it is no larger than a file");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime of one thread").block_on(async {
        for _ in 0..runs {
            stage.once().await.expect("a journal in memory takes all");
        }
    });
}

/// Counts the instructions per block of a headline. What happens once is in both processes and so not
/// in their difference.
///
/// # Errors
///
/// Returns what valgrind said instead of a number.
pub fn count(headline: &Headline) -> Result<u64, String> {
    let once = collected(headline.name, headline.runs)?;
    let twice = collected(headline.name, headline.runs * 2)?;
    let units = (headline.source)().units * headline.runs;
    Ok(twice.saturating_sub(once) / units as u64)
}

/// Returns whether valgrind is there.
pub fn has_valgrind() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

fn collected(name: &str, runs: usize) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|err| err.to_string())?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    command.args(["--one", name, &runs.to_string()]);
    // An allocator that gives memory back by the clock counts differently each time.
    command.env_clear().env("MIMALLOC_PURGE_DELAY", "-1").env("PATH", "/usr/bin:/bin");
    // The C library copies memory with what the processor has: here with what every one has.
    command.env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-ERMS,-FSRM");
    let output = command.output().map_err(|err| err.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    match number(&said) {
        Some(number) if output.status.success() => Ok(number),
        _ => Err(format!("{name}: {said}")),
    }
}

/// Reads `==7== Collected : 1234`.
fn number(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.split_once("Collected : "))?;
    line.1.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_headline_runs_and_its_count_is_read() {
        HEADLINES.iter().for_each(|headline| run(headline.name, 1));
        let said = "==12== \n==12== Events    : Ir\n==12== Collected : 48213377\n==12== \n";
        assert_eq!(number(said), Some(48_213_377));
        assert_eq!(number("valgrind: no such file"), None);
    }
}
