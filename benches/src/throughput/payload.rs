//! Large values through five blocks: how long, how much memory, and how much is written.

use blueprint::bench::{
    harness::{Spread, Stopwatch},
    measure::Bench,
    source::{Carrier, payload},
    stage::{self, Fault, Keep, Stage},
    table::{Markdown, ns, thousands},
};
use blueprint_journal::Flush;
use serde_json::{Value, json};

use crate::memory;

/// What a large value costs.
pub struct Payload {
    carrier: &'static str,
    bytes: usize,
    run_ns: Spread,
    peak_growth_bytes: u64,
    written_bytes: u64,
}

/// Measures texts of these sizes.
///
/// # Errors
///
/// Returns an error if a store cannot be written.
pub fn measure(bench: &Bench<'_>, sizes: &[usize]) -> Result<Vec<Payload>, Fault> {
    let mut all = Vec::new();
    for (carrier, name) in [(Carrier::References, "references"), (Carrier::Scripts, "scripts")] {
        // What a script holds is bounded by 64 MiB, and it gets a copy of all that it can see.
        let fits = |bytes: &&usize| carrier == Carrier::References || **bytes <= 1_000_000;
        for bytes in sizes.iter().filter(fits) {
            all.push(one(bench, (carrier, name), *bytes)?);
        }
    }
    Ok(all)
}

fn one(
    bench: &Bench<'_>,
    (carrier, name): (Carrier, &'static str),
    bytes: usize,
) -> Result<Payload, Fault> {
    let source = payload(bytes, carrier);
    let stage = Stage::new(&source, stage::engine(Keep::Memory.open(bench.folder)?))?;
    let before = memory::resident();
    memory::forget_peak();
    stage.repeat(bench.runtime, 1)?;
    let peak_growth_bytes = memory::peak().saturating_sub(before);
    let mut took = Vec::new();
    for _ in 0..bench.pace.rounds {
        let start = Stopwatch::start();
        stage.repeat(bench.runtime, 1)?;
        took.push(start.elapsed().as_nanos() as f64);
    }
    let store = tempfile::tempdir_in(bench.folder)?;
    let kept = Stage::new(&source, stage::engine(Keep::Sqlite(Flush::Full).open(store.path())?))?;
    kept.repeat(bench.runtime, 1)?;
    let files = std::fs::read_dir(store.path())?.flatten();
    let written_bytes = files.filter_map(|file| Some(file.metadata().ok()?.len())).sum();
    let run_ns = Spread::of(took);
    Ok(Payload { carrier: name, bytes, run_ns, peak_growth_bytes, written_bytes })
}

/// Returns the figures as JSON.
pub fn to_json(payloads: &[Payload]) -> Value {
    let row = |it: &Payload| {
        json!({
            "carrier": it.carrier,
            "payload_bytes": it.bytes,
            "run_us_median": (it.run_ns.median / 1e3).round(),
            "peak_growth_bytes": it.peak_growth_bytes,
            "written_bytes": it.written_bytes,
        })
    };
    payloads.iter().map(row).collect()
}

/// Returns the figures as a table.
pub fn to_markdown(payloads: &[Payload]) -> String {
    let mut table = Markdown::new(&[
        "payload through five blocks",
        "bytes",
        "a run",
        "memory grew by at most",
        "the store's files",
    ]);
    for it in payloads {
        table.row(&[
            it.carrier.into(),
            thousands(it.bytes),
            ns(it.run_ns.median),
            thousands(it.peak_growth_bytes as usize),
            thousands(it.written_bytes as usize),
        ]);
    }
    table.text
}
