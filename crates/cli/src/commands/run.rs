//! `blueprint run`: one run of one blueprint, in this process.

mod dry;
mod inputs;
mod mocks;

use std::{collections::BTreeMap, io::Write as _, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Result;
use blueprint_engine::{RunEnd, StartRun};
use blueprint_model::{
    Value, code,
    event::{CancelReason, RunStatus},
    format, units,
};
use clap::ValueEnum;
use serde_json::json;

pub use self::inputs::{Given, Input};
use crate::{
    app::App,
    commands::check,
    execute::{self, Signal, Watched},
    exit::Exit,
    failure::Failure,
    project::{self, Project},
    secrets,
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
///   blueprint run city-weather --dry-run
///   blueprint run city-weather --mock each_city.fetch=@answer.json
///
/// A mock is a JSON file: any value, which then is the block's result, or an object such as
/// {"outcome": "response_error", "result": {"status_code": 503}, "message": "closed"}.
/// A mocked block does not run, and needs no secrets.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A file, or the name of a blueprint of this project
    #[arg(value_name = "FILE|NAME")]
    pub target: String,
    /// One input, typed by its declaration: `KEY=VALUE`, `KEY=@FILE`, `KEY=@-`, `KEY=@@TEXT`
    #[arg(short = 'i', long = "input", value_name = "KEY=VALUE", value_parser = inputs::parse_input)]
    pub input: Vec<Input>,
    /// All inputs as one object: `@FILE`, `@-` or JSON; each `-i` wins over it
    #[arg(long, value_name = "@FILE|@-|JSON")]
    pub inputs: Option<String>,
    /// Cancel the run after this long, as in `5m`
    #[arg(long, value_name = "DURATION", value_parser = parse_timeout)]
    pub timeout: Option<Duration>,
    /// Say what a run would do, and which secrets it would find; run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Give a block an answer instead of letting it run; may be given several times
    #[arg(long = "mock", value_name = "BLOCK=@FILE", value_parser = inputs::parse_mock)]
    pub mocks: Vec<Input>,
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

/// Runs the blueprint.
///
/// # Errors
///
/// Returns a failure if it cannot start.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let here = PathBuf::from(".");
    let (project, file) = Project::find(&args.target, &here)?;
    let registry = project.registry()?;
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
    let inputs = inputs::gather(args.inputs.as_deref(), &args.input, &plan.inputs)?;
    let given = plan.inputs_from(&inputs).map_err(|misfits| wrong_inputs(&misfits))?;
    let (plan, library) = mocks::put(&args.mocks, plan, linked.library, app)?;
    let env = listed_variables(&project, app);
    if args.dry_run {
        let trial = dry::Trial { plan: &plan, library: &library, inputs: &given, env: &env };
        return dry::run(&trial, &project, args.output, app);
    }
    let start = StartRun {
        secrets: secrets::load(&library.secrets(&plan), &project, app)?,
        env: Arc::new(env),
        payload: inputs.clone(),
        inputs,
        timeout: args.timeout,
        plan,
        library,
    };
    watch(start, &project, args.output, app)
}

fn watch(start: StartRun, project: &Project, output: Output, app: &mut App) -> Result<Exit> {
    let blueprint = start.plan.name.clone();
    let engine = execute::engine(project.limits());
    let runtime = execute::runtime()?;
    let watched = runtime.block_on(execute::watch(&engine, start, output, app))?;
    // A script that ignores its cancel must not keep the process.
    runtime.shutdown_background();
    answer(&blueprint, &watched, output, app)
}

/// The failure for inputs that do not fit, all of them at once.
pub(crate) fn wrong_inputs(misfits: &[String]) -> anyhow::Error {
    let message = match misfits {
        [one] => one.clone(),
        many => format!("the inputs are wrong\n  {}", many.join("\n  ")),
    };
    let first = misfits.first().and_then(|misfit| misfit.split('`').nth(1)).unwrap_or("NAME");
    let name = first.split(['.', '[']).next().unwrap_or(first);
    let hint =
        format!("give it as -i {name}=VALUE, where lists and objects are JSON, or -i {name}=@FILE");
    Failure::wrong(message).code(code::BAD_INPUTS).help(hint).into()
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

fn parse_timeout(text: &str) -> Result<Duration, String> {
    units::parse_duration(text).ok_or_else(|| "write a duration such as `30s` or `5m`".into())
}

#[cfg(test)]
mod tests;
