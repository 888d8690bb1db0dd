//! `blueprint run`: one run of one blueprint, in this process.

use std::{collections::BTreeMap, io::Write as _, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Result;
use blueprint_engine::{RunEnd, StartRun};
use blueprint_model::{
    Value, code,
    event::{CancelReason, RunStatus},
    format,
    schema::{Schema, SchemaType},
    units,
    value::Map,
};
use clap::ValueEnum;
use serde_json::json;

use crate::{
    app::App,
    commands::check,
    execute::{self, Signal, Watched},
    exit::Exit,
    failure::Failure,
    project::{self, Project},
    secrets, wiring,
};

/// Runs a blueprint; its return value goes to stdout, the story to stderr.
///
/// Exit code 1 means that the run failed, 2 that it did not start because something is wrong.
/// Next: `blueprint explain CODE` for what went wrong.
///
/// Examples:
///   blueprint run city-weather
///   blueprint run blueprints/city-weather.yaml -i units=imperial -i cities='["Oslo"]'
///   blueprint run city-weather --inputs @inputs.json > warmest.json
///   blueprint run city-weather --output ndjson
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A file, or the name of a blueprint of this project
    #[arg(value_name = "FILE|NAME")]
    pub target: String,
    /// One input, typed by its declaration: `KEY=VALUE`, `KEY=@FILE`, `KEY=@-`, `KEY=@@TEXT`
    #[arg(short = 'i', long = "input", value_name = "KEY=VALUE", value_parser = parse_input)]
    pub input: Vec<Input>,
    /// All inputs as one object: `@FILE`, `@-` or JSON; each `-i` wins over it
    #[arg(long, value_name = "@FILE|@-|JSON")]
    pub inputs: Option<String>,
    /// Cancel the run after this long, as in `5m`
    #[arg(long, value_name = "DURATION", value_parser = parse_timeout)]
    pub timeout: Option<Duration>,
    /// What stdout gets
    #[arg(long, short, value_enum, default_value = "auto")]
    pub output: Output,
}

/// What stdout gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// The return value as JSON.
    Auto,
    /// One document about the run.
    Json,
    /// The events, one JSON object a line.
    Ndjson,
    /// Nothing; no story on stderr either.
    Quiet,
}

/// One input as given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub key: String,
    /// Where its value is.
    pub value: Given,
}

/// Where the value of an argument is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// Here.
    Text(String),
    /// In a file.
    File(PathBuf),
    /// On stdin.
    Stdin,
}

impl Given {
    /// Reads `@FILE`, `@-`, `@@TEXT` for text that begins with `@`, or text.
    pub fn parse(text: &str) -> Self {
        match text.strip_prefix('@') {
            None => Self::Text(text.into()),
            Some("-") => Self::Stdin,
            Some(rest) if rest.starts_with('@') => Self::Text(rest.into()),
            Some(path) => Self::File(path.into()),
        }
    }

    /// Reads the value. One line end at the end of a file or of stdin is dropped.
    ///
    /// # Errors
    ///
    /// Returns a failure if the file cannot be read.
    pub fn read(&self) -> Result<String> {
        let mut text = match self {
            Self::Text(text) => return Ok(text.clone()),
            Self::Stdin => secrets::read_stdin()?,
            Self::File(path) => std::fs::read_to_string(path).map_err(|err| {
                Failure::wrong(format!("cannot read {}: {err}", path.display())).code(code::NO_FILE)
            })?,
        };
        if text.ends_with('\n') {
            text.truncate(text.len() - 1);
        }
        Ok(text)
    }
}

/// Runs the blueprint.
///
/// # Errors
///
/// Returns a failure if it cannot start.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let registry = wiring::registry();
    let here = PathBuf::from(".");
    let (project, file) = Project::find(&args.target, &here)?;
    let mut checked = project::check_file(&file, &registry)?;
    let linked = project.library(&checked, &registry)?;
    checked.diagnostics.extend(linked.diagnostics);
    let is_refused = checked.is_refused(false);
    if !checked.diagnostics.is_empty() && (is_refused || args.output != Output::Quiet) {
        check::show(&[&checked], check::Format::Human, &mut app.err)?;
    }
    let (false, Some(plan)) = (is_refused, checked.plan) else {
        app.err.line("nothing was run")?;
        return Ok(Exit::Wrong);
    };
    let inputs = gather(args, &plan.inputs)?;
    plan.inputs_from(&inputs).map_err(|misfits| wrong_inputs(&misfits))?;
    let library = Arc::new(linked.library);
    let start = StartRun {
        secrets: secrets::load(&library.secrets(&plan), &project, app)?,
        env: Arc::new(listed_variables(&project, app)),
        payload: inputs.clone(),
        inputs,
        timeout: args.timeout,
        plan,
        library,
    };
    let blueprint = start.plan.name.clone();
    let engine = execute::engine(project.limits());
    let runtime = execute::runtime()?;
    let watched = runtime.block_on(execute::watch(&engine, start, args.output, app))?;
    // A script that ignores its cancel must not keep the process.
    runtime.shutdown_background();
    answer(&blueprint, &watched, args.output, app)
}

/// The failure for inputs that do not fit, all of them at once.
pub(crate) fn wrong_inputs(misfits: &[String]) -> anyhow::Error {
    let message = match misfits {
        [one] => one.clone(),
        many => format!("the inputs are wrong\n  {}", many.join("\n  ")),
    };
    Failure::wrong(message).code(code::BAD_INPUTS).help("give inputs as `-i NAME=VALUE`").into()
}

fn answer(blueprint: &str, watched: &Watched, output: Output, app: &mut App) -> Result<Exit> {
    if let Some(end) = &watched.end {
        match output {
            Output::Auto if end.status == RunStatus::Succeeded => {
                app.out.line(&format!("{:#}", *end.value))?;
            }
            Output::Json => app.out.line(&document(blueprint, end).to_string())?,
            Output::Auto | Output::Ndjson | Output::Quiet => {}
        }
        app.out.flush()?;
    }
    Ok(exit_of(watched))
}

fn exit_of(watched: &Watched) -> Exit {
    let status = watched.end.as_ref().map(|end| (end.status, end.cancelled));
    match (status, watched.signal) {
        (Some((RunStatus::Failed, _)), _) => Exit::RunFailed,
        (_, Some(Signal::Interrupt)) => Exit::Interrupted,
        (_, Some(Signal::Terminate)) => Exit::Terminated,
        (Some((RunStatus::Succeeded, _)), None) => Exit::Fine,
        (Some((RunStatus::Cancelled, Some(CancelReason::Requested))), None) => Exit::Interrupted,
        (Some((RunStatus::Cancelled, _)) | None, None) => Exit::RunFailed,
    }
}

fn document(blueprint: &str, end: &RunEnd) -> Value {
    json!({
        "run": end.run.as_str(),
        "blueprint": blueprint,
        "status": end.status.as_str(),
        "value": *end.value,
        "error": end.error.as_ref().map(|error| json!({
            "block": error.block,
            "outcome": error.outcome,
            "message": error.message,
        })),
        "ran": end.counts.ran,
        "skipped": end.counts.skipped,
        "cancelled": end.counts.cancelled,
        "duration_ms": format::in_ms(end.duration_us),
    })
}

fn listed_variables(project: &Project, app: &App) -> BTreeMap<String, String> {
    let listed = project.settings.env.iter();
    listed.filter_map(|name| Some((name.clone(), app.environment.get(name)?.into()))).collect()
}

/// Gathers the inputs: those of `--inputs`, then each `-i`.
fn gather(args: &Args, declared: &Schema) -> Result<Value> {
    let mut inputs = match &args.inputs {
        None => Map::new(),
        Some(text) => {
            let text = match Given::parse(text) {
                Given::Text(text) => text,
                other => other.read()?,
            };
            match serde_json::from_str(&text) {
                Ok(Value::Object(map)) => map,
                Ok(_) => return Err(bad_input("`--inputs` must be a JSON object".into())),
                Err(err) => return Err(bad_input(format!("`--inputs` is not JSON: {err}"))),
            }
        }
    };
    for input in &args.input {
        let text = input.value.read()?;
        let value = typed(&input.key, text, declared.properties.get(&input.key))?;
        inputs.insert(input.key.clone(), value);
    }
    Ok(Value::Object(inputs))
}

/// Gives a text the type that its input declares. Text that fits no other type stays text and is
/// judged with all inputs.
fn typed(key: &str, text: String, declared: Option<&Schema>) -> Result<Value> {
    let Some(declared) = declared else { return Ok(Value::String(text)) };
    let wants = |kind| declared.types.contains(&kind);
    if declared.types.is_empty() {
        return Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)));
    }
    if wants(SchemaType::String) {
        return Ok(Value::String(text));
    }
    match serde_json::from_str(text.trim()) {
        Ok(value) => Ok(value),
        Err(err) if wants(SchemaType::Array) || wants(SchemaType::Object) => {
            Err(bad_input(format!("input `{key}` is not JSON: {err}")))
        }
        Err(_) => Ok(Value::String(text)),
    }
}

fn bad_input(message: String) -> anyhow::Error {
    Failure::wrong(message).code(code::BAD_INPUTS).into()
}

fn parse_input(text: &str) -> Result<Input, String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    if key.is_empty() {
        return Err("the name before `=` is missing".into());
    }
    Ok(Input { key: key.into(), value: Given::parse(value) })
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    units::parse_duration(text).ok_or_else(|| "write a duration such as `30s` or `5m`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, key: &str, value: Given) {
        assert_eq!(parse_input(text), Ok(Input { key: key.into(), value }));
    }

    #[test]
    fn inputs_come_from_arguments_files_and_stdin() {
        check("a=1", "a", Given::Text("1".into()));
        check("a=", "a", Given::Text(String::new()));
        check("a=b=c", "a", Given::Text("b=c".into()));
        check("a=@x.json", "a", Given::File("x.json".into()));
        check("a=@-", "a", Given::Stdin);
        check("a=@@x", "a", Given::Text("@x".into()));
        assert!(parse_input("a").is_err());
        assert!(parse_input("=a").is_err());
    }
}
