//! The gate against slow changes: counts the instructions of headline shapes, and fails where one takes
//! more than 3 % more than `benches/instructions.json` says. `--accept` writes that file anew.

use std::{fs, path::PathBuf, process::ExitCode};

use benches::instructions::{self, Counts, HEADLINES};
use blueprint_script::memory::CountingAllocator;
use mimalloc::MiMalloc;

/// As in the program itself.
#[global_allocator]
static ALLOCATOR: CountingAllocator<MiMalloc> = CountingAllocator(MiMalloc);

/// By how much a shape may grow before it is a fault.
const TOLERANCE: f64 = 0.03;

const COMMAND: &str = "cargo run --locked --profile gate -p benches --bin gate";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["--one", name, runs] => {
            instructions::run(name, runs.parse().expect("the gate wrote the number"));
            return ExitCode::SUCCESS;
        }
        [] => compare(),
        ["--accept"] => accept(),
        _ => Err(format!("{COMMAND} [-- --accept]")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            print(&words);
            ExitCode::FAILURE
        }
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}

fn accept() -> Result<(), String> {
    if !instructions::has_valgrind() {
        return Err("error: valgrind is not installed, and nothing else counts".into());
    }
    let mut counts = Counts::new();
    for headline in &HEADLINES {
        let count = instructions::count(headline)?;
        print(&format!("{:16} {count:>9} instructions a block", headline.name));
        counts.insert(headline.name.into(), count);
    }
    let text = serde_json::to_string_pretty(&counts).map_err(|err| err.to_string())?;
    fs::write(path(), format!("{text}\n")).map_err(|err| err.to_string())
}

fn compare() -> Result<(), String> {
    if !instructions::has_valgrind() {
        print("SKIPPED: instructions were not counted, because valgrind is not installed");
        return Ok(());
    }
    let text = fs::read_to_string(path()).map_err(|err| err.to_string())?;
    let accepted: Counts = serde_json::from_str(&text).map_err(|err| err.to_string())?;
    let (mut slower, mut faster) = (Vec::new(), false);
    print("  instructions      accepted       now    change");
    for headline in &HEADLINES {
        let count = instructions::count(headline)?;
        let name = headline.name;
        let Some(before) = accepted.get(name) else {
            slower.push(format!("{name}: no count was accepted yet"));
            continue;
        };
        let change = count as f64 / *before as f64 - 1.0;
        let sign = if change > TOLERANCE { "✗" } else { "✓" };
        print(&format!("{sign} {name:16} {before:>9} {count:>9} {:>+7.2} %", change * 100.0));
        if change > TOLERANCE {
            slower.push(format!("{name}: {before} instructions a block before, {count} now"));
        }
        faster |= change < -TOLERANCE;
    }
    let accept = format!("{COMMAND} -- --accept");
    if faster && slower.is_empty() {
        print(&format!("some take less than before; to hold that: {accept}"));
    }
    if slower.is_empty() {
        return Ok(());
    }
    let lines = slower.join("\n  ");
    Err(format!(
        "error: more than 3 % above what was accepted\n  {lines}\n  if it is meant: {accept}"
    ))
}

#[expect(clippy::print_stdout, reason = "this is how the gate answers")]
fn print(text: &str) {
    println!("{text}");
}
