//! Files of one megabyte that are made to cost: how long `check` takes, and how much memory.
//!
//! Each is checked and its faults are printed in a process of its own, so that the memory is that of
//! this file alone. Nothing here is an assertion about time: that depends on the machine.

use std::process::Command;

use benches::{
    harness::{Effort, Table},
    memory::peak,
};
use blueprint::bench::{
    harness::{Spread, time},
    table::ns,
};
use blueprint::{app::App, commands::check};
use blueprint_project::{project::check_bytes, wiring};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A shape of file: what it begins with, what is repeated, `§` being its number, and how it ends.
struct Shape(&'static str, &'static str, &'static str, &'static str);

const ONE: &str = "name: x\nblocks:\n  a: {type: log_message, message: \"";
const BLOCKS: &str = "name: x\nblocks:\n";

const SHAPES: &[Shape] = &[
    Shape("commas", "", ",", ""),
    Shape("commas in a list", "a: [", ",", "]"),
    Shape("numbers in a list", "name: x\nstate: {a: [", "1,", "]}\n"),
    Shape("`[`", "", "[", ""),
    Shape("`{`", "", "{", ""),
    Shape("`{a: `", "", "{a: ", ""),
    Shape("`- `", "", "- ", ""),
    Shape("`? `", "", "? ", ""),
    Shape("lines of `-`", "", "-\n", ""),
    Shape("lines of `?`", "", "?\n", ""),
    Shape("lines of `:`", "", ":\n", ""),
    Shape("empty lists", "name: x\nstate: {a: [", "[],", "]}\n"),
    Shape("empty objects", "name: x\nstate: {a: [", "{},", "]}\n"),
    Shape("lists 8 deep", "name: x\nstate: {a: [", "[[[[[[[[]]]]]]]],", "]}\n"),
    Shape("anchors", "", "- &a§ x\n", ""),
    Shape("aliases", "name: x\nstate: {a: &a [1, 2, 3], b: [", "*a,", "]}\n"),
    Shape("unknown aliases", "name: x\nstate: {b: [", "*a,", "]}\n"),
    Shape("merge keys", "name: x\nstate:\n  a: &a {q: 1}\n", "  k§: {<<: *a}\n", ""),
    Shape("a long key", "", "x", ": 1\n"),
    Shape("a long name", "name: ", "x", "\n"),
    Shape("a long type", "name: x\nblocks:\n  a: {type: ", "x", "}\n"),
    Shape("the same key", "name: x\nstate:\n", "  a: 1\n", ""),
    Shape("the same key in `{ }`", "name: x\nstate: {", "a: 1,", "}\n"),
    Shape("short unknown keys", "name: x\n", "k§:\n", ""),
    Shape("short keys", "name: x\nstate: {", "k§:,", "}\n"),
    Shape("unknown keys of inputs", "name: x\ninputs: {", "k§: {typ: x},", "}\n"),
    Shape("inputs of an unknown type", "name: x\ninputs: {", "k§: {type: strin},", "}\n"),
    Shape("a long list of required keys", "name: x\ninputs: {a: {required: [", "k§,", "]}}\n"),
    Shape(
        "patterns that explode",
        "name: x\ninputs:\n",
        "  a§: {type: string, pattern: \"(((a{100}){100}){100})\"}\n",
        "",
    ),
    Shape("triggers", "name: x\ntriggers:\n", "  - {type: schedul}\n", ""),
    Shape("a block of text", "name: x\ndescription: |\n", "  x\n", ""),
    Shape("empty lines in text", "name: x\ndescription: |\n", "\n", ""),
    Shape("folded text", "name: x\ndescription: >\n", "  x\n\n", ""),
    Shape("a plain text of lines", "", "x\n", ""),
    Shape("an open quote", "name: \"", "x\n ", ""),
    Shape("quotes", "", "'", ""),
    Shape("tags", "", "!!str ", ""),
    Shape("tags in a list", "name: x\nstate: [", "!!str x,", "]\n"),
    Shape("tabs", "", "\t", ""),
    Shape("lines of a tab", "name: x\n", "\ta: 1\n", ""),
    Shape("carriage returns", "name: x\r", "a: 1\r", ""),
    Shape("zero bytes", "", "\0", ""),
    Shape("byte-order marks", "", "\u{feff}", ""),
    Shape("blanks", "", " ", ""),
    Shape("empty lines", "", "\n", ""),
    Shape("documents", "", "---\n", ""),
    Shape("ends of documents", "", "...\n", ""),
    Shape("comments", "", "#\n", ""),
    Shape("a comment", "", "#", ""),
    Shape("open references", ONE, "@{", "\"}\n"),
    Shape("open references with names", ONE, "@{a ", "\"}\n"),
    Shape("references in references", ONE, "@{a[@{b}]}", "\"}\n"),
    Shape("short references", ONE, "@{a}", "\"}\n"),
    Shape("references to missing blocks", ONE, "@{results.k§}", "\"}\n"),
    Shape(
        "references in a list",
        "name: x\nblocks:\n  a: {type: log_message, message: [",
        "\"@{a}\",",
        "]}\n",
    ),
    Shape(
        "references that lack quotes",
        "name: x\nblocks:\n  a: {type: log_message, message: [",
        "@{a},",
        "]}\n",
    ),
    Shape("unknown fields", "name: x\nblocks:\n  a: {type: http_request, ", "fild§: 1, ", "}\n"),
    Shape("unknown types", BLOCKS, "  a§: {type: log_mesage}\n", ""),
    Shape("no types", BLOCKS, "  a§:\n", ""),
    Shape(
        "edges to missing blocks",
        BLOCKS,
        "  a§: {type: log_message, message: x, next: b§}\n",
        "",
    ),
    Shape(
        "edges from one block",
        "name: x\nblocks:\n  a: {type: log_message, message: x, next: [",
        "b§,",
        "]}\n",
    ),
    Shape("edges to oneself", BLOCKS, "  a§: {type: log_message, message: x, next: a§}\n", ""),
    Shape(
        "unknown outcomes",
        BLOCKS,
        "  a§: {type: log_message, message: x, next: {succes: a0}}\n",
        "",
    ),
    Shape("missing fields", BLOCKS, "  a§: {type: http_request}\n", ""),
    Shape("broken scripts", BLOCKS, "  a§: {type: code, code: \"let a =\"}\n", ""),
    Shape(
        "broken cases",
        "name: x\nblocks:\n  a: {type: switch, cases: {",
        "c§: \"a ==\",",
        "}}\n",
    ),
    Shape("missing blueprints", BLOCKS, "  a§: {type: run_blueprint, blueprint: b§}\n", ""),
    Shape("a number", "name: x\nstate: {a: ", "9", "}\n"),
    Shape(
        "(a file that is fine)",
        BLOCKS,
        "  a§: {type: log_message, message: \"a message of some length, number §\", next: end}\n",
        "  end: {type: return_value, value: 1}\n",
    ),
];

fn main() {
    let effort = Effort::of_process();
    let args: Vec<String> = std::env::args().collect();
    if let [_, word, shape, size] = args.as_slice()
        && word == "--one"
    {
        let number = |text: &str| text.parse().expect("the number was written by this bench");
        one(&SHAPES[number(shape)], number(size));
        return;
    }
    let mut table = Table::new(&["1 MB of", "time", "memory"]);
    let mut rows: Vec<(f64, f64, &str)> = Vec::new();
    for (at, shape) in SHAPES.iter().enumerate() {
        let size = effort.size(1_000_000, 10_000);
        let (mut times, mut peaks) = (Vec::new(), Vec::new());
        for _ in 0..effort.size(3, 1) {
            let (took, peak) = measure(at, size);
            times.push(took);
            peaks.push(peak);
        }
        rows.push((Spread::of(times).median, Spread::of(peaks).median, shape.0));
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (took, peak, name) in rows {
        table.row(&[name.into(), ns(took), format!("{:.0} MB", peak / 1e6)]);
    }
    table.print();
}

/// Has a process check one file; returns nanoseconds and bytes.
fn measure(shape: usize, size: usize) -> (f64, f64) {
    let own = std::env::current_exe().expect("this process has a file");
    let mut command = Command::new(own);
    let output = command.args(["--one", &shape.to_string(), &size.to_string()]).output();
    let output = output.expect("this program can be started again");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("numbers");
    let numbers: Vec<f64> = said.split_whitespace().flat_map(str::parse).collect();
    let [took, peak] = numbers[..] else { panic!("{said}") };
    (took, peak)
}

#[expect(clippy::print_stdout, reason = "this is how a process of this bench answers")]
fn one(shape: &Shape, size: usize) {
    let text = text_of(shape, size);
    let mut app = App::in_memory();
    let took = time(|| {
        let checked = check_bytes("hostile.yaml", text.as_bytes(), &wiring::registry());
        check::show(&[&checked], check::Format::Human, &mut app.out).expect("memory");
    });
    println!("{} {}", took.as_nanos(), peak());
}

fn text_of(Shape(_, head, unit, tail): &Shape, size: usize) -> String {
    let mut text = String::from(*head);
    let mut number = 0;
    while text.len() + unit.len() + tail.len() < size {
        text.push_str(&unit.replace('§', &number.to_string()));
        number += 1;
    }
    text.push_str(tail);
    text
}
