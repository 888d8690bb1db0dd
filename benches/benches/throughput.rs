//! Blocks per second: shapes, sizes, kinds and journals, beside the limits of the machine. Writes
//! `target/bench/throughput.json`, `throughput.md` and a picture of each shape.

use std::{fs, path::Path, process::Command};

use benches::{
    harness::Effort,
    throughput::{Sizes, Throughput, payload, targets},
};
use blueprint::bench::{
    chart::Chart,
    measure::Bench,
    report::{Facts, Report, Row},
    shapes::Shape,
    stage::{Fault, Keep},
    table::{self, ns},
};
use blueprint_script::memory::CountingAllocator;
use mimalloc::MiMalloc;
use serde_json::Value;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: CountingAllocator<MiMalloc> = CountingAllocator(MiMalloc);

fn main() -> Result<(), Fault> {
    let effort = Effort::of_process();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads for the runtime");
    // Beside the build, since the folder for temporary files may be in memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let bench = Bench {
        runtime: &runtime,
        folder: folder.path(),
        pace: effort.pace(),
        is_stopped: &|| false,
    };
    let sizes = if effort == Effort::Full { Sizes::FULL } else { Sizes::TINY };
    let report = Report::new(Facts::of_machine(Keep::Memory));
    let mut all = Throughput { bench, sizes, report, tell };
    all.all()?;
    let large: &[usize] = match effort {
        Effort::Full => &[1_000, 100_000, 1_000_000, 20_000_000],
        Effort::Once => &[1_000],
    };
    let payloads = payload::measure(&all.bench, large)?;
    let largest = sizes.graphs[sizes.graphs.len() - 1];
    let page = format!(
        "{}\n{}\n{}\n{}",
        heading(&all.report),
        targets::to_markdown(&all.report, sizes.standard, largest),
        table::markdown(&all.report),
        payload::to_markdown(&payloads)
    );
    let mut json = all.report.to_json();
    json.insert("commit".into(), commit().into());
    json.insert("payloads".into(), payload::to_json(&payloads));
    print(&page);
    if effort == Effort::Full {
        write(&all.report, &page, &Value::Object(json))?;
    }
    Ok(())
}

fn write(report: &Report, page: &str, json: &Value) -> Result<(), Fault> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = target.parent().unwrap_or(target).join("bench");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("throughput.json"), format!("{json:#}\n"))?;
    fs::write(folder.join("throughput.md"), page)?;
    for shape in Shape::ALL.map(Shape::as_str) {
        if let Some(chart) = Chart::of(report, shape, "pass") {
            fs::write(folder.join(format!("{shape}.svg")), chart.to_svg())?;
        }
    }
    print(&format!("written to {}", folder.display()));
    Ok(())
}

fn heading(report: &Report) -> String {
    let facts = &report.facts;
    let cpu = facts.cpu.as_deref().unwrap_or(facts.arch);
    let commit = commit();
    format!("{}, commit {commit}; {} × {cpu}, {}\n", facts.version, facts.cores, facts.os)
}

fn commit() -> String {
    let output = Command::new("git").args(["rev-parse", "--short", "HEAD"]).output();
    let hash = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    hash.map_or_else(|| "unknown".into(), |hash| hash.trim().into())
}

#[expect(clippy::print_stderr, reason = "a quarter of an hour without a word is too long")]
fn tell(row: &Row) {
    let ratios =
        row.limits.iter().map(|it| format!(", {:.2} × {}", it.ratio.median, it.limit.as_str()));
    let ratios: String = ratios.collect();
    let (shape, kind, journal) = (&row.shape, &row.kind, row.journal.as_str());
    eprintln!("{shape} of {} {kind}, {journal}: {}{ratios}", row.blocks, ns(row.ns.median));
}

#[expect(clippy::print_stdout, reason = "a bench prints what it measured")]
fn print(text: &str) {
    println!("{text}");
}
