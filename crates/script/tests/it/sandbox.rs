//! What every language's sandbox must withstand. A new language adds its row to [`subjects`].
#![expect(clippy::disallowed_methods, reason = "what is tested here is real time")]

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use blueprint_model::script::{Language, ScriptEnd, ScriptError, ScriptForm, ScriptStop};
use serde_json::{Value, json};

use crate::{
    attacks,
    support::{self, Run},
};

/// A language and how one writes certain things in it.
struct Subject {
    language: Arc<dyn Language>,
    /// Runs for ever without holding anything.
    endless: &'static str,
    /// Runs for ever inside functions that the language brings along.
    endless_inside: &'static str,
    /// Calls itself for ever.
    recursion: &'static str,
    /// Holds more and more.
    hoarder: &'static str,
    /// Prints more and more.
    talker: &'static str,
    /// Throws a value of many megabytes.
    thrower: &'static str,
    /// Reaches for the host.
    reaches: &'static [&'static str],
    /// Gives back `1`.
    one: &'static str,
    /// Whatever else may hurt, by kind.
    attacks: Vec<(&'static str, Vec<String>)>,
}

fn subjects() -> Vec<Subject> {
    support::levels().map(rhai).into()
}

fn rhai(language: Arc<dyn Language>) -> Subject {
    Subject {
        language,
        endless: "loop { }",
        endless_inside: "let a = []; a.pad(50000, 1); loop { a.sort(|x, y| y - x); }",
        recursion: "fn f(n) { f(n + 1) } f(0)",
        hoarder: "let s = \"x\".repeat(2000); let a = []; loop { a.push(s + a.len()); }",
        talker: "loop { print(\"some words\"); }",
        thrower: "let s = \"x\"; for i in 0..20 { s += s; } throw #{a: s, b: [s, s, s]};",
        reaches: attacks::REACHES,
        one: "1",
        attacks: attacks::all(),
    }
}

/// Every attack gets this long.
pub(crate) const TIME: Duration = Duration::from_millis(400);

/// How much later than its deadline a script may be back: a quarter of a second on a machine that does
/// nothing else (`STRICT_TIME=1`), and any time that is no hang on one that is busy.
pub(crate) fn slack() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "a knob of the test suite")]
    let is_strict = std::env::var("STRICT_TIME").is_ok();
    if is_strict { Duration::from_millis(250) } else { Duration::from_secs(10) }
}

pub(crate) fn attack(
    language: &Arc<dyn Language>,
    source: &str,
) -> (Result<ScriptEnd, ScriptError>, Duration) {
    attack_for(TIME, language, source)
}

fn attack_for(
    time: Duration,
    language: &Arc<dyn Language>,
    source: &str,
) -> (Result<ScriptEnd, ScriptError>, Duration) {
    let mut run = Run::new(language.clone());
    run.limits.time = time;
    // Time and memory have to do without its help.
    run.limits.operations = u64::MAX;
    let source = source.to_owned();
    let small = thread::Builder::new().stack_size(2 << 20);
    let attacked = small.spawn(move || {
        let start = Instant::now();
        (run.run(&source, &payload()), start.elapsed())
    });
    attacked.expect("there are threads").join().expect("the thread lives on")
}

fn payload() -> Value {
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    json!({"payload": {"deep": deep, "text": "words ".repeat(1000)}, "state": {"n": 1}})
}

#[track_caller]
fn check_limit(subject: &Subject, source: &str, bound: &str) {
    // On a busy machine time must not be up before the other bounds are met.
    let time = if bound.contains("script_time") { TIME } else { 50 * TIME };
    let (result, elapsed) = attack_for(time, &subject.language, source);
    let err = result.expect_err(source);
    assert_eq!(err.reason, ScriptStop::Limit, "{source}: {}", err.message);
    assert!(err.message.contains(bound), "{source}: {}", err.message);
    assert!(elapsed < time + slack(), "{source}: {elapsed:?}");
}

#[test]
fn every_bound_ends_a_script_and_says_how_to_raise_it() {
    for subject in subjects() {
        check_limit(&subject, subject.endless, "`limits.script_time`");
        check_limit(&subject, subject.endless_inside, "`limits.script_time`");
        check_limit(&subject, subject.recursion, "nested too deep");
        check_limit(&subject, subject.hoarder, "`limits.script_memory`");
        check_limit(&subject, subject.talker, "`limits.script_output`");
    }
}

#[test]
fn operations_are_bounded() {
    for subject in subjects() {
        for most in [10, 300, 5_000] {
            let mut run = Run::new(subject.language.clone());
            run.limits.operations = most;
            let err = run.run(subject.endless, &json!({})).expect_err("it is endless");
            assert_eq!(err.reason, ScriptStop::Limit);
            assert!(err.message.contains("`limits.script_operations`"), "{}", err.message);
        }
    }
}

#[test]
fn size_is_bounded_when_compiling_and_when_running() {
    for subject in subjects() {
        let long = format!("{}{}", subject.one, " ".repeat(1 << 20));
        assert!(subject.language.compile(&long, ScriptForm::Code).is_err());
        let mut run = Run::new(subject.language.clone());
        run.limits.size = 20;
        let err = run.run(&format!("{}{}", subject.one, " ".repeat(30)), &json!({})).unwrap_err();
        assert!(err.message.contains("`limits.script_size`"), "{}", err.message);
    }
}

#[test]
fn messages_are_short_whatever_is_thrown() {
    for subject in subjects() {
        let (result, _) = attack(&subject.language, subject.thrower);
        assert!(result.unwrap_err().message.len() < 400);
    }
}

#[test]
fn cancel_takes_effect() {
    for subject in subjects() {
        for source in [subject.endless, subject.endless_inside] {
            let run = Run::new(subject.language.clone());
            let cancel = run.cancel.clone();
            let source = source.to_owned();
            let running = thread::spawn(move || (run.run(&source, &json!({})), Instant::now()));
            spin(Duration::from_millis(150));
            cancel.cancel();
            let asked = Instant::now();
            let (result, ended) = running.join().unwrap();
            assert_eq!(result.unwrap_err().reason, ScriptStop::Cancelled);
            assert!(ended.duration_since(asked) < slack());
        }
    }
}

pub(crate) fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        thread::yield_now();
    }
}

#[test]
fn a_cancelled_script_does_not_begin() {
    for subject in subjects() {
        let run = Run::new(subject.language.clone());
        run.cancel.cancel();
        let err = run.run(subject.endless, &json!({})).unwrap_err();
        assert_eq!(err.reason, ScriptStop::Cancelled);
    }
}

#[test]
fn nothing_of_the_host_can_be_reached() {
    for subject in subjects() {
        for source in subject.reaches {
            let (result, _) = attack(&subject.language, source);
            assert!(result.is_err(), "{source}");
        }
    }
}

#[track_caller]
fn survives(kind: &str) {
    for subject in subjects() {
        assert!(subject.attacks.iter().map(|(_, scripts)| scripts.len()).sum::<usize>() >= 60);
        let (_, scripts) =
            subject.attacks.iter().find(|(known, _)| *known == kind).expect("it is a kind");
        for source in scripts {
            let (result, elapsed) = attack(&subject.language, source);
            let end = match &result {
                Ok(end) => format!("gave {} bytes", end.value.to_string().len()),
                Err(err) => format!("{:?}: {}", err.reason, err.message),
            };
            assert!(elapsed < TIME + slack(), "{source} took {elapsed:?}");
            assert!(end.len() < 800, "{source}: {end}");
            let (after, _) = attack(&subject.language, subject.one);
            assert_eq!(after.expect("it still works").value, json!(1), "{source}");
            assert!(support::peak_memory() < 1 << 30, "{source}");
        }
    }
}

#[test]
fn loops_are_survived() {
    survives("loop");
}

#[test]
fn depth_is_survived() {
    survives("depth");
}

#[test]
fn hoarding_is_survived() {
    survives("memory");
}

#[test]
fn long_work_inside_functions_is_survived() {
    survives("native");
}

#[test]
fn numbers_at_the_edge_are_survived() {
    survives("number");
}

#[test]
fn floods_of_output_are_survived() {
    survives("output");
}

#[test]
fn values_that_hold_themselves_are_survived() {
    survives("alias");
}

#[test]
fn compiling_is_quick_whatever_the_source() {
    for subject in subjects() {
        for (name, source) in attacks::sources() {
            let start = Instant::now();
            let compiled = subject.language.compile(&source, ScriptForm::Code);
            let elapsed = start.elapsed();
            let is_fine = compiled.is_ok();
            assert!(elapsed < slack(), "{name} ({is_fine}) took {elapsed:?}");
        }
    }
}

#[test]
fn sources_that_nest_deep_are_refused_on_a_small_stack() {
    for subject in subjects() {
        let small = thread::Builder::new().stack_size(2 << 20);
        let compiling = small.spawn(move || {
            for (name, source) in attacks::deep_sources() {
                assert!(subject.language.compile(&source, ScriptForm::Code).is_err(), "{name}");
            }
        });
        compiling.unwrap().join().expect("the thread lives on");
    }
}
