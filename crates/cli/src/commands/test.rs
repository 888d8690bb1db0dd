//! `blueprint test`: runs blueprints against canned answers.

mod find;
mod from;
mod report;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use blueprint_model::Source;
use blueprint_project::{
    failure::Failure,
    project::{self, Project, tidy},
};
use blueprint_syntax::Step;
use serde_json::json;

use crate::{
    app::App,
    commands::check,
    exit::Exit,
    testing::{self, Actual, Case, Difference, Subject, TestFile},
};

/// Runs the cases of test files; nothing reaches outside, and waits take no time.
///
/// A test file stands beside its blueprint: hello.yaml is tested by hello.test.yaml.
///
///   blueprint: hello.yaml            # may be left out
///   cases:
///     - name: greets                 # what the case is about
///       inputs: {name: Ada}          # also: payload, env
///       secrets: {KEY: a-dummy}      # never a real one; left out, each gets a dummy; null: none
///       mocks:                       # what a block answers, by its path without items
///         fetch: {status_code: 200, body: {id: 7}}
///         each.ask: [{outcome: error, message: closed}, {result: yes}]   # one after the other
///       expect:                      # what is not said is not looked at
///         status: succeeded          # failed, cancelled, refused (wrong inputs)
///         value: Hello, Ada!
///         trace: [is_formal else, formally skipped, casually success]
///         state: {}
///         error: no such name        # or {block, outcome, message}
///
/// With --from, a kept run becomes a case: what it was answered from outside becomes mocks. No value
/// of a secret is in it.
///
/// A block that reaches outside must be mocked. A mock is the result, or an object of `outcome`,
/// `result` and `message`; a list gives one answer each time. Without `status` and `error`, a run
/// must succeed. Exit code 1 means that a case failed.
/// Next: `blueprint test --update`, then read what changed.
///
/// Examples:
///   blueprint test
///   blueprint test city-weather
///   blueprint test blueprints/hello.test.yaml --update
///   blueprint test --from @last
///   blueprint test --from @last --write
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Test files, blueprints or folders; without one, those of this project
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Write what came into the test files where it is not what is expected
    #[arg(long)]
    pub update: bool,
    /// Write a case that is what this run was: an id, a part of it, or `@last`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["paths", "update"])]
    pub from: Option<String>,
    /// Add the case of `--from` to this file, or to the one beside the blueprint
    #[arg(long, value_name = "FILE", requires = "from", num_args = 0..=1)]
    pub write: Option<Option<PathBuf>>,
}

/// How a case went.
enum Verdict {
    Passed,
    /// With what differs.
    Failed(Vec<Difference>),
    /// The case cannot be judged: why.
    Broken(String),
}

/// How many cases went how.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    passed: usize,
    failed: usize,
    updated: usize,
}

/// Runs the tests.
///
/// # Errors
///
/// Returns a failure if there is no test, or a file cannot be read, checked or written.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    if let Some(run) = &args.from {
        return from::run(run, args.write.as_ref(), app);
    }
    let files = find::files(&args.paths)?;
    let mut tally = Tally::default();
    for file in &files {
        run_file(file, args.update, &mut tally, app)?;
    }
    report::summary(tally, app)?;
    Ok(if tally.failed == 0 { Exit::Fine } else { Exit::RunFailed })
}

fn run_file(file: &Path, may_update: bool, tally: &mut Tally, app: &mut App) -> Result<()> {
    let mut text = fs::read_to_string(file)
        .map_err(|err| Failure::wrong(format!("cannot read {}: {err}", tidy(file))))?;
    let tests = read(file, &text)?;
    let Some(subject) = subject(file, &tests, app)? else {
        let failure = Failure::wrong(format!("{} tests a blueprint with faults", tidy(file)));
        return Err(failure.help("blueprint check").into());
    };
    let before = text.clone();
    for (at, case) in tests.cases.iter().enumerate() {
        let verdict = match testing::run(case, &subject) {
            Err(err) => Verdict::Broken(report::one_line(&err)),
            Ok(actual) => judge(case, &actual, may_update.then_some((&mut text, at)), tally),
        };
        match &verdict {
            Verdict::Passed => tally.passed += 1,
            Verdict::Failed(_) | Verdict::Broken(_) => tally.failed += 1,
        }
        report::case(&subject.plan.name, case, &verdict, app)?;
    }
    if text != before {
        fs::write(file, text).with_context(|| format!("cannot write {}", tidy(file)))?;
    }
    Ok(())
}

/// Holds what came against what is expected; with a text, writes what came into it.
fn judge(
    case: &Case,
    actual: &Actual,
    update: Option<(&mut String, usize)>,
    tally: &mut Tally,
) -> Verdict {
    if !actual.faults.is_empty() {
        return Verdict::Broken(actual.faults.join("\n"));
    }
    let found = match &case.expect {
        Some(expected) => testing::differences(expected, actual),
        None => everything(actual),
    };
    if found.is_empty() {
        return Verdict::Passed;
    }
    let is_written = update.is_some_and(|(text, at)| rewrite(text, at, case, &found));
    if is_written {
        tally.updated += 1;
        return Verdict::Passed;
    }
    Verdict::Failed(found)
}

/// What a case that expects nothing yet is told.
fn everything(actual: &Actual) -> Vec<Difference> {
    let part = |key, actual| Difference { key, expected: None, actual };
    let mut parts = vec![part("status", json!(actual.status))];
    match &actual.error {
        Some(error) => parts.push(part("error", error["message"].clone())),
        None => parts.push(part("value", (*actual.value).clone())),
    }
    if !actual.trace.is_empty() {
        parts.push(part("trace", json!(actual.trace)));
    }
    parts
}

/// Writes what came under `expect` of a case; returns whether all of it could be written.
fn rewrite(text: &mut String, at: usize, case: &Case, found: &[Difference]) -> bool {
    let of_case = [Step::Key("cases"), Step::Item(at)];
    let of_expect = [Step::Key("cases"), Step::Item(at), Step::Key("expect")];
    let mut new = text.clone();
    if case.expect.is_none() {
        let all = found.iter().map(|part| (part.key.to_owned(), part.actual.clone()));
        let all = blueprint_model::Value::Object(all.collect());
        let Some(edited) = blueprint_syntax::set_value(&new, &of_case, "expect", &all) else {
            return false;
        };
        new = edited;
    } else {
        for part in found {
            match blueprint_syntax::set_value(&new, &of_expect, part.key, &part.actual) {
                Some(edited) => new = edited,
                None => return false,
            }
        }
    }
    *text = new;
    true
}

fn read(file: &Path, text: &str) -> Result<TestFile> {
    let tests = testing::file::read(text).map_err(|fault| {
        let (line, column) = Source::new("", text).position(fault.span.start);
        Failure::wrong(format!("{}:{line}:{column}: {}", tidy(file), fault.message))
            .help("blueprint test --help shows the format")
    })?;
    if tests.cases.is_empty() {
        return Err(Failure::wrong(format!("{} has no cases", tidy(file))).into());
    }
    Ok(tests)
}

/// Returns what a file tests, or `None` after the faults of the blueprint were shown.
fn subject(file: &Path, tests: &TestFile, app: &mut App) -> Result<Option<Subject>> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let blueprint = match &tests.blueprint {
        Some(name) => folder.join(name),
        None => find::blueprint_of(file),
    };
    let folder = blueprint.parent().filter(|folder| !folder.as_os_str().is_empty());
    let project = Project::of_folder(folder.unwrap_or(Path::new(".")))?;
    let registry = project.registry()?;
    let mut checked = project::check_file(&blueprint, &registry)?;
    let linked = project.library(&checked, &registry)?;
    checked.diagnostics.extend(linked.diagnostics);
    let (false, Some(plan)) = (checked.is_refused(false), checked.plan.clone()) else {
        check::show(&[&checked], check::Format::Human, &mut app.err)?;
        return Ok(None);
    };
    Ok(Some(Subject { plan, library: linked.library, limits: project.limits() }))
}

#[cfg(test)]
mod tests;
