//! `test --from RUN`: a case that is what a run was.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use blueprint_model::Value;
use blueprint_project::{
    failure::Failure,
    project::{self, Project, tidy},
    store::{self, Pinned},
};

use super::find;
use crate::{
    app::App,
    commands::check,
    execute,
    exit::Exit,
    testing::{self, Case, Difference, Subject, TestFile},
};

/// Writes the case of a run to stdout, or into a test file.
///
/// # Errors
///
/// Returns a failure if there is no such run, it has not ended, or the file cannot take the case.
pub(super) fn run(run: &str, write: Option<&Option<PathBuf>>, app: &mut App) -> Result<Exit> {
    let project = Project::of_folder(Path::new("."))?;
    let journal = store::open_kept(&project, &app.environment)?;
    let history = execute::runtime()?.block_on(store::read(&*journal, run))?;
    let registry = project.registry()?;
    let Pinned { plan, library } = store::pinned(&history.record, &registry)?;
    let limits = project.limits();
    let mut case = testing::case_of(&history, &plan, &library, limits.depth)?;

    let (project, file) = Project::find(&history.record.blueprint, Path::new("."))?;
    let mut checked = project::check_file(&file, &registry)?;
    let linked = project.library(&checked, &registry)?;
    checked.diagnostics.extend(linked.diagnostics);
    let (false, Some(plan)) = (checked.is_refused(false), checked.plan.clone()) else {
        check::show(&[&checked], check::Format::Human, &mut app.err)?;
        return Ok(Exit::Wrong);
    };
    let subject = Subject { plan, library: linked.library, limits };
    if !fit(&mut case, &subject, app)? {
        return Ok(Exit::RunFailed);
    }
    let Some(target) = write else {
        app.out.line(new_file(&case, None).trim_end())?;
        return Ok(Exit::Fine);
    };
    let target = target.clone().unwrap_or_else(|| file.with_extension("test.yaml"));
    add(&case, &target, &file)?;
    app.err.line(&format!("wrote case `{}` to {}", name_of(&case), tidy(&target)))?;
    Ok(Exit::Fine)
}

/// Runs the case and makes it one that passes: parts that are never the same twice, such as times,
/// are left out, and said. Returns false if the run of the case goes another way.
fn fit(case: &mut Value, subject: &Subject, app: &mut App) -> Result<bool> {
    let actual = testing::run(&parse(case)?, subject)?;
    let mut why = actual.faults.clone();
    let expected = parse(case)?.expect.unwrap_or_default();
    let sorted = |trace: &[String]| {
        let mut trace = trace.to_vec();
        trace.sort();
        trace
    };
    let trace = expected.trace.clone().unwrap_or_default();
    if why.is_empty() && sorted(&trace) != sorted(&actual.trace) {
        let other = actual.trace.iter().find(|line| !trace.contains(line));
        let other = other.or_else(|| trace.iter().find(|line| !actual.trace.contains(line)));
        let at = other.map_or(String::new(), |line| format!(" at `{line}`"));
        why.push(format!("a test of it goes another way{at}"));
    }
    if !why.is_empty() {
        for line in why {
            app.err.line(&format!("no case was written: {line}"))?;
        }
        return Ok(false);
    }
    // Branches at the same time end in another order where answers take no time.
    case["expect"]["trace"] = actual.trace.clone().into();
    let expected = parse(case)?.expect.unwrap_or_default();
    for Difference { key, .. } in testing::differences(&expected, &actual) {
        app.err.line(&format!("`{key}` is left out: it is not the same in a test of the run"))?;
        if let Some(expect) = case["expect"].as_object_mut() {
            expect.shift_remove(key);
        }
    }
    if parse(case)?.expect.is_some_and(|expect| expect.trace.as_ref() == Some(&Vec::new()))
        && let Some(expect) = case["expect"].as_object_mut()
    {
        expect.shift_remove("trace");
    }
    Ok(true)
}

fn parse(case: &Value) -> Result<Case> {
    serde_json::from_value(case.clone()).context("the case of the run cannot be read back")
}

fn name_of(case: &Value) -> &str {
    case["name"].as_str().unwrap_or_default()
}

/// Returns a test file with this case alone.
fn new_file(case: &Value, blueprint: Option<&str>) -> String {
    let head = blueprint.map_or(String::new(), |name| {
        format!("blueprint: {}", blueprint_syntax::yaml_of(&name.into()))
    });
    format!("{head}cases:\n{}", item(case, 2))
}

/// Returns the case as an item of a list.
fn item(case: &Value, indent: usize) -> String {
    let text = blueprint_syntax::yaml_of(case);
    let mut lines = String::new();
    for (at, line) in text.lines().enumerate() {
        let lead = if at == 0 { "- " } else { "  " };
        if !line.is_empty() {
            lines.push_str(&" ".repeat(indent));
            lines.push_str(lead);
        }
        lines.push_str(line);
        lines.push('\n');
    }
    lines
}

/// Adds a case behind the others of a file; what is there stays as it is written.
fn add(case: &Value, target: &Path, blueprint: &Path) -> Result<()> {
    let cannot = |what: &str| format!("cannot {what} {}", tidy(target));
    if !target.exists() {
        let own = find::blueprint_of(target);
        let named = (fs::canonicalize(&own).ok() != fs::canonicalize(blueprint).ok())
            .then(|| reference(target, blueprint))
            .transpose()?;
        let text = new_file(case, named.as_deref());
        return fs::write(target, text).with_context(|| cannot("write"));
    }
    let before = fs::read_to_string(target).with_context(|| cannot("read"))?;
    let tests = super::read(target, &before)?;
    refuse_other(&tests, target, blueprint)?;
    let name = name_of(case);
    if tests.cases.iter().any(|known| known.name == name) {
        let message = format!("{} has a case `{name}`", tidy(target));
        return Err(Failure::wrong(message).help("blueprint test --update").into());
    }
    let mut text = before.clone();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&item(case, indent_of(&before)));
    let wanted: Vec<Case> = tests.cases.into_iter().chain([parse(case)?]).collect();
    let is_right = testing::file::read(&text).is_ok_and(|tests| tests.cases == wanted);
    if !is_right {
        let message = format!("no case can be added to {} as it is written", tidy(target));
        let help = "leave --write out, and put in what is printed";
        return Err(Failure::wrong(message).help(help).into());
    }
    fs::write(target, text).with_context(|| cannot("write"))
}

fn refuse_other(tests: &TestFile, target: &Path, blueprint: &Path) -> Result<()> {
    let folder = target.parent().unwrap_or(Path::new(""));
    let own = match &tests.blueprint {
        Some(name) => folder.join(name),
        None => find::blueprint_of(target),
    };
    if fs::canonicalize(&own).ok() == fs::canonicalize(blueprint).ok() {
        return Ok(());
    }
    let message = format!("{} tests {}, and the run is of another", tidy(target), tidy(&own));
    Err(Failure::wrong(message).into())
}

/// Returns how a test file names a blueprint that is not the one beside it.
fn reference(target: &Path, blueprint: &Path) -> Result<String> {
    let full = fs::canonicalize(blueprint).context("the blueprint is gone")?;
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok();
    let beside = folder.filter(|folder| Some(folder.as_path()) == full.parent());
    let name = full.file_name().filter(|_| beside.is_some()).map(PathBuf::from);
    Ok(name.unwrap_or(full).display().to_string())
}

/// Returns how far the cases of a file stand in.
fn indent_of(text: &str) -> usize {
    let lines = text.lines().skip_while(|line| !line.starts_with("cases:")).skip(1);
    let mut items = lines.filter(|line| line.trim_start().starts_with("- "));
    items.next().map_or(2, |line| line.len() - line.trim_start().len())
}
