//! Every file of `suite/` gives the trace beside it, however its tasks are scheduled.
//!
//! `UPDATE=1 cargo test -p tests` writes the traces anew: read the difference. `CASE=joins/diamond`
//! runs one.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use blueprint_model::Value;
use serde_json::json;
use tests::{
    case::Case,
    crash::crash_anywhere,
    run::{CheckedCase, Way, cancel_anywhere, check_folder, trace_of},
    workspace,
};

/// The areas, as folders of `suite/`; `tidy` holds the list against them.
pub(crate) const AREAS: [&str; 11] = [
    "blocks",
    "check",
    "errors",
    "examples",
    "joins",
    "nesting",
    "race",
    "references",
    "scripts",
    "secrets",
    "state",
];

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a knob of the test suite")]
    std::env::var(name).ok()
}

/// Runs every case of an area and reports all that differ.
#[track_caller]
fn check_area(area: &str) {
    let folder = workspace::suite().join(area);
    check_cases(area, &check_folder(&folder), |case| case.path.with_extension("trace"), false);
}

#[track_caller]
fn check_cases(
    area: &str,
    cases: &[CheckedCase],
    trace_path: impl Fn(&Case) -> PathBuf,
    demo: bool,
) {
    let wanted = variable("CASE");
    let mut failures = Vec::new();
    for case in cases {
        let name = format!("{area}/{}", stem(&case.case.path));
        if wanted.as_ref().is_some_and(|wanted| !name.contains(wanted.as_str())) {
            continue;
        }
        let path = trace_path(&case.case);
        let judged = catch_unwind(AssertUnwindSafe(|| check_case(case, &path, area, demo)));
        let failure = match judged {
            Ok(Ok(())) => continue,
            Ok(Err(difference)) => difference,
            Err(panic) => text_of(panic.as_ref()),
        };
        failures.push(format!("{name}: {failure}"));
    }
    assert!(failures.is_empty(), "{} failed\n\n{}", failures.len(), failures.join("\n\n"));
}

fn check_case(case: &CheckedCase, path: &Path, area: &str, demo: bool) -> Result<(), String> {
    let first = trace_of(case, Way::ALL[0], demo);
    if variable("UPDATE").is_some() {
        fs::write(path, &first).map_err(|err| err.to_string())?;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    compare("its trace differs", &expected, &first)?;
    let others = if area == "race" { &[] } else { &Way::ALL[1..] };
    for way in others {
        compare(
            &format!("it depends on scheduling ({way:?})"),
            &first,
            &trace_of(case, *way, demo),
        )?;
    }
    Ok(())
}

fn compare(what: &str, expected: &str, seen: &str) -> Result<(), String> {
    if expected == seen {
        return Ok(());
    }
    Err(format!("{what}\n--- expected\n{expected}--- seen\n{seen}---"))
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").into()
}

#[test]
fn blocks_end_as_their_cases_say() {
    check_area("blocks");
}

#[test]
fn faults_are_found_before_the_run() {
    check_area("check");
}

#[test]
fn errors_go_where_edges_lead_them() {
    check_area("errors");
}

#[test]
fn joins_decide_by_resolved_edges() {
    check_area("joins");
}

#[test]
fn nested_graphs_follow_the_same_rules() {
    check_area("nesting");
}

#[test]
fn the_first_edge_wins_a_race() {
    check_area("race");
}

#[test]
fn references_yield_data() {
    check_area("references");
}

#[test]
fn scripts_compute_with_variables() {
    check_area("scripts");
}

#[test]
fn secrets_are_handles_until_they_leave() {
    check_area("secrets");
}

#[test]
fn changes_of_the_state_apply_together() {
    check_area("state");
}

/// Each case once, at an event that differs from case to case; `CANCELS=all` takes every event.
#[test]
fn every_run_can_be_cancelled_anywhere() {
    let all = variable("CANCELS").is_some();
    let mut failures = Vec::new();
    for area in AREAS.iter().filter(|area| **area != "examples") {
        for (case, at) in check_folder(&workspace::suite().join(area)).iter().zip(1..) {
            let pick = |events: usize| match all {
                true => (1..=events).collect(),
                false => vec![1 + at * 7 % events.max(1)],
            };
            let judged = catch_unwind(AssertUnwindSafe(|| cancel_anywhere(case, pick)));
            if let Err(panic) = judged {
                failures.push(format!("{}: {}", case.case.name(), text_of(panic.as_ref())));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Tokens that a block obtained are kept in memory only: a run that was resumed has none of them, and
/// says so where it needs one.
const OBTAINS: [&str; 2] = ["secrets/secret-outputs", "secrets/secret-outputs-missing"];

/// Every case is ended after each of its events and resumed: after the first few dozen, or all of
/// them with `CRASHES=all`.
fn check_crashes(area: &str) {
    const CRASHES: usize = 50;
    let (all, wanted) = (variable("CRASHES").is_some(), variable("CASE"));
    let mut failures = Vec::new();
    for case in &check_folder(&workspace::suite().join(area)) {
        let name = format!("{area}/{}", stem(&case.case.path));
        let is_wanted = wanted.as_ref().is_none_or(|wanted| name.contains(wanted.as_str()));
        if !is_wanted || OBTAINS.contains(&name.as_str()) {
            continue;
        }
        let pick = |events: usize| match all {
            true => (1..events).collect(),
            false => (1..events.min(CRASHES)).collect(),
        };
        let judged = catch_unwind(AssertUnwindSafe(|| crash_anywhere(case, pick)));
        let failure = match judged {
            Ok(Ok(_)) => continue,
            Ok(Err(difference)) => difference,
            Err(panic) => text_of(panic.as_ref()),
        };
        failures.push(format!("{name}: {failure}"));
    }
    assert!(failures.is_empty(), "{} failed\n\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn blocks_end_the_same_after_a_crash() {
    check_crashes("blocks");
}

#[test]
fn errors_end_the_same_after_a_crash() {
    check_crashes("check");
    check_crashes("errors");
}

#[test]
fn graphs_end_the_same_after_a_crash() {
    check_crashes("joins");
    check_crashes("nesting");
}

#[test]
fn data_ends_the_same_after_a_crash() {
    check_crashes("references");
    check_crashes("scripts");
    check_crashes("state");
}

#[test]
fn secrets_end_the_same_after_a_crash() {
    check_crashes("secrets");
}

#[test]
fn a_fix_mends_what_it_promises() {
    let registry = blueprint_project::wiring::registry();
    for area in AREAS.iter().filter(|area| **area != "examples") {
        for CheckedCase { case, checked } in check_folder(&workspace::suite().join(area)) {
            let mended = blueprint_syntax::apply_fixes(&checked.source.text, &checked.diagnostics);
            let again =
                blueprint_project::project::check_bytes("mended", mended.as_bytes(), &registry);
            for found in checked.diagnostics.iter().filter(|found| found.fix.is_some()) {
                let is_left = again.diagnostics.iter().any(|left| left.message == found.message);
                assert!(!is_left, "{}: still {}", case.name(), found.message);
            }
        }
    }
}

/// What people and events answer to the examples.
fn example_answers() -> Value {
    let form = json!({"cost_centre": "K7"});
    json!({
        "ask": {"decision": "approved", "by": "Ann", "note": null, "form": form},
        "confirmed": {"item": "Desk lamp", "order": 17},
    })
}

#[test]
fn every_example_runs_against_the_mock_api() {
    let traces = workspace::suite().join("examples");
    let mut cases = check_folder(&workspace::examples());
    for case in &mut cases {
        case.case.answers = example_answers();
    }
    let trace = |case: &Case| traces.join(stem(&case.path)).with_extension("trace");
    check_cases("examples", &cases, trace, true);
}
