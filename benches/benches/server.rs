//! `blueprint serve` under load: the highest rate at which a run of five blocks is answered in time,
//! what happens above it, and what it costs to do nothing.
//!
//! The server is a process of its own, made from this binary, so that its memory is its own; client
//! and server share the machine.

use std::{
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use benches::load::{self, Load};
use blueprint::{app::App, bench::table::Markdown, start};
use blueprint_project::environment::Environment;
use blueprint_script::memory::CountingAllocator;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: CountingAllocator<MiMalloc> = CountingAllocator(MiMalloc);

/// Set for the process that serves.
const SERVES: &str = "BLUEPRINT_BENCH_SERVES";
/// The time within which 99 of 100 answers shall come.
const IN_TIME: Duration = Duration::from_millis(20);
/// Rates that are tried, in requests a second; the first that is too high ends the search.
const RATES: &[usize] =
    &[250, 500, 750, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000, 5_000, 6_000, 8_000];

const FIVE: &str = "\
name: five
triggers:
  - {type: webhook}
blocks:
  read: {type: set_state, path: order, value: \"@{payload}\", next: check}
  check: {type: if_else, expression: state.order.total > 10, next: {then: price, else: small}}
  price: {type: code, code: 'set_output(state.order.total * 2);', next: keep}
  small: {type: code, code: 'set_output(0);', next: keep}
  keep: {type: set_state, path: price, value: \"@{result}\", next: answer}
  answer: {type: return_value, value: {price: \"@{state.price}\"}}
";

const NESTED: [(&str, &str); 3] = [
    (
        "outer",
        "name: outer\nblocks:\n  \
         call: {type: run_blueprint, blueprint: middle, next: out}\n  \
         out: {type: return_value, value: \"@{result}\"}\n",
    ),
    (
        "middle",
        "name: middle\nblocks:\n  \
         call: {type: run_blueprint, blueprint: inner, next: out}\n  \
         out: {type: return_value, value: \"@{result}\"}\n",
    ),
    (
        "inner",
        "name: inner\nblocks:\n  \
         rest: {type: wait, duration: 50ms, next: out}\n  \
         out: {type: return_value, value: done}\n",
    ),
];

fn main() {
    if std::env::args_os().nth(1).is_some_and(|word| word == blueprint_script::WORKER_WORD) {
        // A process that the server starts for its scripts; it ends there.
        blueprint_script::worker_main(blueprint_vault::derivations());
    }
    if std::env::var_os(SERVES).is_some() {
        serve();
    }
    // As every bench does where it is only tried.
    let is_trial = !std::env::args().any(|word| word == "--bench");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for the client");
    let mut table = Markdown::new(&["what", "figure"]);
    for flush in ["off", "full"] {
        knee(&runtime, flush, is_trial, &mut table);
    }
    flood(&runtime, is_trial, &mut table);
    large_page(&runtime, is_trial, &mut table);
    let text = table.text;
    #[expect(clippy::print_stdout, reason = "the bench's answer")]
    {
        println!("{text}");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    fs::create_dir_all(&folder).expect("a folder for the results");
    fs::write(folder.join("server.md"), &text).expect("the results can be written");
}

/// Is `blueprint serve`, and ends with it.
fn serve() -> ! {
    let mut app = App::new(Environment::of_process());
    let words = ["blueprint", "serve", "--listen", "127.0.0.1:0"];
    let exit = start::run(words.map(OsString::from).to_vec(), &mut app);
    std::process::exit(i32::from(exit.code()));
}

/// A server in a process of its own, over a project of its own.
struct Served {
    process: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Served {
    fn start(settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the project");
        let write = |name: &str, text: &str| {
            let path: PathBuf = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("it is in the folder")).expect("a folder");
            fs::write(path, text).expect("the project can be written");
        };
        write("project.yaml", settings);
        write("blueprints/five.yaml", FIVE);
        for (name, text) in NESTED {
            write(&format!("blueprints/{name}.yaml"), text);
        }
        let binary = std::env::current_exe().expect("this binary has a path");
        let mut process = Command::new(binary)
            .env(SERVES, "1")
            .current_dir(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(process.stderr.take().expect("its stderr")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.strip_prefix("serving on http://")?.split('/').next()?.parse().ok()
        });
        // What else it has to say is not held back.
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.expect("the server says where it listens");
        Self { process, address, folder }
    }

    /// Returns the memory of the process, in MB.
    fn memory_mb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kb = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kb.unwrap_or(0) / 1024
    }

    fn post(&self, path: &str, body: &str) -> Vec<u8> {
        let (host, length) = (self.address, body.len());
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Finds the highest rate at which 99 of 100 answers come in time.
fn knee(runtime: &tokio::runtime::Runtime, flush: &str, is_trial: bool, table: &mut Markdown) {
    let served = Served::start(&format!("store: {{flush: {flush}}}\n"));
    let idle = served.memory_mb();
    table.row(&[format!("memory of the server, idle, flush {flush}"), format!("{idle} MB")]);
    let request = |at: usize| {
        served.post("/hooks/five?wait=10s", &format!("{{\"id\": {at}, \"total\": 21}}"))
    };
    let seconds = if is_trial { 1 } else { 5 };
    let rates = if is_trial { &RATES[..1] } else { RATES };
    let mut best: Option<(usize, Load)> = None;
    for rate in rates {
        let gap = Duration::from_secs(1) / u32::try_from(*rate).expect("a rate is small");
        let load = runtime.block_on(load::run(served.address, rate * seconds, gap, request));
        let is_fine = load.count(200) == rate * seconds && load.quantile(0.99) < IN_TIME;
        #[expect(clippy::print_stderr, reason = "progress of the bench")]
        {
            eprintln!(
                "flush {flush}, {rate}/s: p50 {:?}, p99 {:?}, {} of {} answered with 200",
                load.quantile(0.5),
                load.quantile(0.99),
                load.count(200),
                rate * seconds
            );
        }
        if !is_fine {
            break;
        }
        best = Some((*rate, load));
    }
    let figure = best.map_or("none".into(), |(rate, load)| {
        format!("{rate}/s, p50 {:?}, p99 {:?}", load.quantile(0.5), load.quantile(0.99))
    });
    table.row(&[format!("webhook to answer, 5 blocks, p99 < 20 ms, flush {flush}"), figure]);
}

/// Posts more runs than there is room for, as fast as the client can.
fn flood(runtime: &tokio::runtime::Runtime, is_trial: bool, table: &mut Markdown) {
    let served = Served::start("store: {flush: full}\n");
    let wait = |_| served.post("/api/v1/blueprints/outer/runs?wait=30s", "{}");
    let count = if is_trial { 20 } else { 200 };
    let load = runtime.block_on(load::run(served.address, count, Duration::from_nanos(1), wait));
    table.row(&[
        format!("{count} runs at once, each with two levels of runs in it"),
        format!("{} finished, in {:?}", load.count(200), load.took),
    ]);
    let count = if is_trial { 200 } else { 10_000 };
    let start = |_| served.post("/api/v1/blueprints/outer/runs", "{}");
    let load = runtime.block_on(load::run(served.address, count, Duration::ZERO, start));
    table.row(&[
        format!("{count} runs posted as fast as the client can"),
        format!(
            "{} taken, {} refused with 429, {} lost, {} MB after it",
            load.count(202),
            load.count(429),
            load.lost,
            served.memory_mb()
        ),
    ]);
    assert_eq!(load.count(202) + load.count(429), count, "an answer is neither 202 nor 429");
}

/// Opens the page of a run of 300 blocks, one of which is a loop of 10,000 items.
fn large_page(runtime: &tokio::runtime::Runtime, is_trial: bool, table: &mut Markdown) {
    let (blocks, items) = if is_trial { (30, 100) } else { (300, 10_000) };
    let served = Served::start("store: {flush: off}\n");
    let file = served.folder.path().join("blueprints/large.yaml");
    fs::write(file, large(blocks, items)).expect("the project can be written");
    let run = loop {
        let request = served.post("/api/v1/blueprints/large/runs?wait=50s", "{}");
        let (status, body) = runtime.block_on(load::once(served.address, &request));
        if status == 200 {
            let run = body.split("\"run\":\"").nth(1).and_then(|rest| rest.split('"').next());
            break run.expect("the answer names the run").to_owned();
        }
        // The new file is seen within a second.
        assert_eq!(status, 404, "{body}");
    };
    let get = format!("GET /runs/{run} HTTP/1.1\r\nHost: {}\r\n\r\n", served.address);
    let count = if is_trial { 2 } else { 20 };
    let gap = Duration::from_millis(100);
    let load =
        runtime.block_on(load::run(served.address, count, gap, |_| get.clone().into_bytes()));
    assert_eq!(load.count(200), count, "the page of a run is there");
    table.row(&[
        format!("page of a run, {blocks} blocks, {items} items"),
        format!("p50 {:?}, p99 {:?}", load.quantile(0.5), load.quantile(0.99)),
    ]);
}

/// Returns a blueprint of layers of ten blocks, and a loop at its end.
fn large(blocks: usize, items: usize) -> String {
    let own = blocks - 3;
    let layers = (0..own).map(|at| {
        let next = if at + 10 < own { format!("b{}", at + 10) } else { "list".into() };
        format!("  b{at}: {{type: set_state, path: b{at}, value: {at}, next: {next}}}\n")
    });
    let layers: String = layers.collect();
    format!(
        "name: large\nblocks:\n{layers}  list:\n    type: code\n    \
         code: 'let l = []; for i in 0..{items} {{ l.push(i); }} l'\n    \
         next: each\n  each:\n    type: for_each\n    items: \"@{{result}}\"\n    do:\n      \
         pick: {{type: set_state, path: last, value: \"@{{item}}\", next: give}}\n      \
         give: {{type: return_value, value: \"@{{item}}\"}}\n    next: out\n  \
         out: {{type: return_value, value: done}}\n"
    )
}
