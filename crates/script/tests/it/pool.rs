//! Workers: what holds in them, and what becomes of those that die, hang or babble.
#![expect(clippy::disallowed_methods, reason = "what is tested here is real time")]

use std::{
    fs,
    io::Read,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use blueprint_model::script::{ScriptEnd, ScriptError, ScriptStop};
use blueprint_script::{Pool, WORKER_WORD};
use serde_json::{Value, json};

use crate::{
    attacks,
    sandbox::{TIME, slack},
    support::{Run, UNCOUNTED, WORKER, peak_memory, pool, pooled_in},
};

/// Returns a run in a pool of its own.
fn run_in(pool: &Pool) -> Run {
    let mut run = Run::new(pooled_in(pool));
    run.limits.time = TIME;
    run
}

fn own_pool(workers: usize) -> Pool {
    pool(WORKER, WORKER_WORD, workers)
}

#[track_caller]
fn check_one(run: &Run) {
    match run.run("1", &json!({})) {
        Ok(end) => assert_eq!(end.value, json!(1)),
        Err(err) => panic!("{}", err.message),
    }
}

/// Returns the processes that have this text among their arguments.
fn processes_with(argument: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("there is a list of processes");
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes())
    })
    .collect()
}

/// Returns the letter of a process's state: `Z` has ended and nobody has asked how.
fn state_of(id: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Whether a process and all its threads have ended: its pipes are open until then.
fn has_ended(id: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{id}/task")).map_or(0, Iterator::count);
    threads <= 1 && state_of(id) == Some('Z')
}

fn send_signal(signal: &str, id: u32) {
    let status = Command::new("/bin/kill").args([signal, &id.to_string()]).status();
    assert!(status.expect("there is such a program").success());
}

#[track_caller]
fn eventually(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(5));
        thread::yield_now();
    }
}

#[test]
fn what_is_taken_from_a_worker_is_known() {
    let pool = own_pool(1);
    let measures = pool.measures().unwrap();
    println!("{measures:?}");
    // These two depend on how the kernel was built and what contains this process.
    let depends = ["no files by Landlock", "first to go when memory is short"];
    for measure in measures.iter().filter(|measure| !depends.contains(&measure.name)) {
        assert_eq!(measure.is_active, cfg!(target_os = "linux"), "{}", measure.name);
    }
    check_one(&run_in(&pool));
    assert_eq!(pool.workers(), 1);
}

#[test]
#[cfg(target_os = "linux")]
fn a_worker_reaches_nothing() {
    let mut command = Command::new(WORKER);
    command.arg("probe").env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut told = String::new();
    child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(child.wait().unwrap().success());
    let lines: Vec<&str> = told.lines().filter(|line| !line.starts_with("measures")).collect();
    assert_eq!(lines, ["done"]);
}

#[test]
fn a_worker_that_is_killed_costs_its_script_an_error_and_no_other() {
    let pool = own_pool(2);
    let mut run = run_in(&pool);
    run.limits.memory += 1001;
    run.limits.time = Duration::from_secs(20);
    let mark = run.limits.memory.to_string();
    let err = thread::scope(|threads| {
        let running = threads.spawn(|| run.run("loop { }", &json!({})).unwrap_err());
        eventually(|| !processes_with(&mark).is_empty());
        send_signal("-KILL", processes_with(&mark)[0]);
        running.join().unwrap()
    });
    assert_eq!(err.reason, ScriptStop::Limit);
    assert!(err.message.contains("ended its process") && err.message.contains("9"), "{err}");
    check_one(&run);
    // One that dies while it is idle is not even noticed.
    let id = processes_with(&mark)[0];
    send_signal("-KILL", id);
    eventually(|| has_ended(id));
    check_one(&run);
}

#[test]
fn a_worker_that_is_stopped_is_late() {
    let pool = own_pool(1);
    let mut run = run_in(&pool);
    run.limits.memory += 1002;
    check_one(&run);
    send_signal("-STOP", processes_with(&run.limits.memory.to_string())[0]);
    let start = Instant::now();
    let err = run.run("1", &json!({"payload": "x".repeat(1 << 20)})).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(11), "{:?}", start.elapsed());
    assert_eq!(err.reason, ScriptStop::Limit);
    check_one(&run);
}

#[test]
fn a_worker_that_is_stopped_in_the_middle_is_late_by_little() {
    let pool = own_pool(1);
    let mut run = run_in(&pool);
    run.limits.memory += 1003;
    run.limits.time = Duration::from_millis(700);
    let big = json!({"payload": "x".repeat(1 << 20)});
    let source = "payload.len()";
    // The script is known there from now on.
    let compiled = Prepared::new(&run, source);
    compiled.run(&run, &big).unwrap();
    send_signal("-STOP", processes_with(&run.limits.memory.to_string())[0]);
    let start = Instant::now();
    let err = compiled.run(&run, &big).unwrap_err();
    assert!(err.message.contains("`limits.script_time`"), "{err}");
    assert!(start.elapsed() < run.limits.time + slack(), "{:?}", start.elapsed());
}

/// A script that is compiled once.
struct Prepared(blueprint_model::script::Program);

impl Prepared {
    fn new(run: &Run, source: &str) -> Self {
        let compiled = run.language.compile(source, blueprint_model::script::ScriptForm::Code);
        Self(compiled.map_err(|fault| fault.message).expect("it is a script").program)
    }

    fn run(&self, run: &Run, variables: &Value) -> Result<ScriptEnd, ScriptError> {
        run.run_program(&self.0, variables)
    }
}

#[test]
fn a_worker_that_babbles_is_ended() {
    for (mode, part) in [
        ("garbage", "broke the rules"),
        ("ready-then-garbage", "broke the rules"),
        ("loads-then-floods", "broke the rules"),
        ("lies-about-length", "broke the rules"),
        ("many-values", "`limits.script_memory`"),
        ("asks-too-early", "broke the rules"),
        ("asks-for-ever", "`limits.script_time`"),
        ("closes", "ended its process (exit status: 0)"),
        ("silent", "`limits.script_time`"),
    ] {
        let pool = pool(WORKER, mode, 1);
        let mut run = run_in(&pool);
        // Whatever is not about time has enough of it.
        run.limits.time = if part.contains("script_time") { TIME } else { 20 * TIME };
        let start = Instant::now();
        let err = run.run("1", &json!({})).expect_err(mode);
        assert!(err.message.contains(part), "{mode}: {err}");
        assert_eq!(err.reason, ScriptStop::Limit, "{mode}");
        assert!(start.elapsed() < run.limits.time + slack(), "{mode}");
        assert_eq!(pool.workers(), 0, "{mode}");
    }
    assert!(peak_memory() < 1 << 30);
}

#[test]
fn a_program_that_is_no_worker_is_an_error() {
    for program in ["/bin/true", "/nothing/here"] {
        let pool = pool(program, WORKER_WORD, 1);
        let err = run_in(&pool).run("1", &json!({})).unwrap_err();
        assert!(err.message.contains("process"), "{err}");
        assert!(pool.measures().is_err());
    }
}

#[test]
fn a_hundred_scripts_at_once_wait_for_each_other() {
    let pool = own_pool(3);
    let run = Run::new(pooled_in(&pool));
    thread::scope(|threads| {
        for at in 0..100 {
            let run = &run;
            threads.spawn(move || {
                let source = format!("let t = 0; for i in 0..1000 {{ t += {at}; }} t");
                let end = run.run(&source, &json!({})).unwrap();
                assert_eq!(end.value, json!(at * 1000));
            });
        }
    });
    assert!((1..=3).contains(&pool.workers()));
}

#[test]
fn who_waits_for_a_worker_can_be_cancelled() {
    let pool = own_pool(1);
    let (busy, waiting) = (run_in(&pool), run_in(&pool));
    thread::scope(|threads| {
        let endless = threads.spawn(|| busy.run("loop { }", &json!({})));
        eventually(|| pool.workers() == 1);
        let cancelled = threads.spawn(|| waiting.run("1", &json!({})));
        waiting.cancel.cancel();
        assert_eq!(cancelled.join().unwrap().unwrap_err().reason, ScriptStop::Cancelled);
        assert_eq!(endless.join().unwrap().unwrap_err().reason, ScriptStop::Limit);
    });
}

#[test]
fn workers_end_with_their_pool() {
    let pool = own_pool(2);
    let mut run = run_in(&pool);
    run.limits.memory += 1004;
    let mark = run.limits.memory.to_string();
    check_one(&run);
    assert_eq!(processes_with(&mark).len(), 1);
    drop((pool, run));
    eventually(|| processes_with(&mark).is_empty());
}

#[test]
fn a_worker_that_knows_a_secret_gets_no_other_script() {
    let pool = own_pool(1);
    let mut run = run_in(&pool);
    run.limits.memory += 1005;
    let mark = run.limits.memory.to_string();
    check_one(&run);
    let before = processes_with(&mark);
    run.run("vault.TOKEN", &json!({})).unwrap();
    assert_eq!(processes_with(&mark), before);
    assert_eq!(run.run("vault.OPEN", &json!({})).unwrap().value, json!("open-value-42"));
    check_one(&run);
    assert_ne!(processes_with(&mark), before);
}

#[test]
fn secrets_are_asked_for_within_bounds() {
    let pool = own_pool(1);
    let mut run = run_in(&pool);
    run.limits.memory = 1 << 20;
    run.limits.time = Duration::from_secs(10);
    let err = run.run("let i = 0; loop { hex(vault.TOKEN + i); i += 1; }", &json!({}));
    assert!(err.unwrap_err().message.contains("`limits.script_memory`"));
    let end = run.run("let a = []; for i in 0..50 { a.push(vault.TOKEN); } a.len()", &json!({}));
    assert_eq!(end.unwrap().value, json!(50));
}

#[test]
fn variables_that_are_too_big_are_refused_before_they_are_sent() {
    let pool = own_pool(1);
    let mut run = run_in(&pool);
    run.limits.memory = 1 << 20;
    let err = run.run("payload.len()", &json!({"payload": "x".repeat(8 << 20)})).unwrap_err();
    assert!(err.message.contains("`limits.script_memory`"), "{err}");
    check_one(&run);
    // Only what is used is sent.
    let big = json!({"payload": {"big": "x".repeat(8 << 20), "small": 5}});
    assert_eq!(run.run("payload.small", &big).unwrap().value, json!(5));
}

#[test]
fn larger_bounds_get_larger_workers() {
    let pool = own_pool(1);
    let mut run = run_in(&pool);
    run.limits.memory = 8 << 20;
    check_one(&run);
    run.limits.memory = 256 << 20;
    run.limits.time = Duration::from_secs(20);
    let source = "let s = \"x\"; for i in 0..27 { s += s; } s.len()";
    assert_eq!(run.run(source, &json!({})).unwrap().value, json!(1 << 27));
    run.limits.memory = 8 << 20;
    assert_eq!(run.run(source, &json!({})).unwrap_err().reason, ScriptStop::Limit);
}

#[test]
fn scripts_that_nobody_counts_end_at_most_their_worker() {
    let pool = pool(UNCOUNTED, WORKER_WORD, 2);
    let mut run = run_in(&pool);
    run.limits.memory = 4 << 20;
    run.limits.operations = u64::MAX;
    let mut deaths = 0;
    let attacks = attacks::all().into_iter();
    let kinds = attacks.filter(|(kind, _)| ["depth", "memory", "native", "output"].contains(kind));
    for source in kinds.flat_map(|(_, scripts)| scripts) {
        let start = Instant::now();
        let end = run.run(&source, &json!({"payload": {"deep": 1}, "state": {}}));
        let elapsed = start.elapsed();
        deaths += usize::from(end.is_err_and(|err| err.message.contains("ended its process")));
        assert!(elapsed < TIME + slack(), "{source} took {elapsed:?}");
    }
    // Function pointers are outside all of the engine's own bounds.
    run.limits.time = Duration::from_secs(20);
    let source = "let b = []; b.pad(60000, 1); let a = []; loop { a.push(Fn(\"len\").curry(b)); }";
    let err = run.run(source, &json!({})).unwrap_err();
    assert!(err.message.contains("ended its process"), "{err}");
    println!("{deaths} other workers died, peak {} MB", peak_memory() >> 20);
    assert!(peak_memory() < 1 << 30);
    check_one(&run);
}
