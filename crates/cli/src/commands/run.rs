//! `blueprint run`: one run of one blueprint, in this process.

mod dry;
mod inputs;
mod known;
pub(crate) mod mocks;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use blueprint_engine::{Library, Origin, Plan, RunEnd, SecretNeed, StartError, StartRun};
use blueprint_model::{
    Journal, RunId, Secrets, Value,
    block::Reach,
    code,
    event::{CancelReason, RunStatus},
    format,
    journal::{Phase, RunFilter},
    units,
};
use blueprint_project::secrets;
use clap::ValueEnum;
use serde_json::json;

pub use self::inputs::{Given, Input};
pub(crate) use self::inputs::{form, parse_input, read_json};
use crate::{
    app::App,
    commands::check,
    execute::{self, Signal, Watched},
    exit::Exit,
    terminal::Tone,
};
use blueprint_project::{
    canned,
    earlier::{self, Again, Earlier},
    failure::Failure,
    project::{self, Project},
    store::{self, Pinned},
    triggers,
};

/// How long a run must have nothing to do to be left.
pub(crate) const PARK_AFTER: Duration = Duration::from_secs(1);

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
///   blueprint run invoice --key order-17
///   blueprint run city-weather --from answer --of @last
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
    /// Begin at this block: what does not follow on it answers as it did in the run of `--of`
    #[arg(long, value_name = "BLOCK", requires = "of")]
    pub from: Option<String>,
    /// The run that `--from` takes answers and inputs from: an id, a part of it, or `@last`
    #[arg(long, value_name = "RUN", requires = "from")]
    pub of: Option<String>,
    /// Give the run a key: the same key gives the same run, and it runs once
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Stop when the run only waits, and leave it: `runs resume` goes on
    #[arg(long)]
    pub park: bool,
    /// Keep nothing of the run: it cannot be resumed or looked at later
    #[arg(long, conflicts_with_all = ["key", "park"])]
    pub forget: bool,
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
    let Some((plan, library)) = checked(&project, &file, args.output, app)? else {
        return Ok(Exit::Wrong);
    };
    let earlier = match (&args.from, &args.of) {
        (Some(block), Some(run)) => Some(earlier(block, run, &plan, &project, app)?),
        (_, _) => None,
    };
    let mut inputs = inputs::gather(args.inputs.as_deref(), &args.input, &plan.inputs)?;
    let mut payload = inputs.clone();
    if let Some(earlier) = &earlier {
        (inputs, payload) = with_earlier(earlier, inputs);
    }
    let given = plan.inputs_from(&inputs).map_err(|misfits| wrong_inputs(&misfits))?;
    let setup = earlier.as_ref().map(|earlier| &earlier.setup);
    let (Pinned { plan, library }, setup) = mocks::put(&args.mocks, setup, plan, library, app)?;
    let env = project.variables(&app.environment);
    if args.dry_run {
        let trial = dry::Trial { plan: &plan, library: &library, inputs: &given, env: &env };
        return dry::run(&trial, &project, args.output, app);
    }
    let start = StartRun {
        secrets: load_secrets(&library.secrets(&plan), earlier.as_ref(), &project, app)?,
        env: Arc::new(env),
        payload,
        inputs,
        timeout: args.timeout,
        origin: Origin { trigger: "cli".into(), key: args.key.clone(), setup },
        plan,
        library,
    };
    let manner = Manner { output: args.output, parks: args.park, is_kept: !args.forget };
    watch(start, &project, manner, app)
}

/// Reads the run that a new one takes answers from.
fn earlier(
    block: &str,
    run: &str,
    plan: &Arc<Plan>,
    project: &Project,
    app: &App,
) -> Result<Earlier> {
    let journal = store::open_kept(project, &app.environment)?;
    let history = execute::runtime()?.block_on(store::read(&*journal, run))?;
    earlier::of(block, run, plan, history)
}

/// Runs a blueprint with what an earlier run had.
///
/// # Errors
///
/// Returns a failure if it cannot start.
pub(crate) fn retry(
    retry: &Again,
    project: &Project,
    file: &Path,
    output: Output,
    app: &mut App,
) -> Result<Exit> {
    let Some((plan, library)) = checked(project, file, output, app)? else {
        return Ok(Exit::Wrong);
    };
    plan.inputs_from(&retry.inputs).map_err(|misfits| wrong_inputs(&misfits))?;
    if let Some(mocks) = retry.setup.get("mocks").and_then(Value::as_object) {
        for block in mocks.keys() {
            app.err.line(&format!("`{block}` is mocked and does not run"))?;
        }
    }
    let Pinned { plan, library } = canned::put_again(&retry.setup, plan, Arc::new(library))?;
    let start = StartRun {
        secrets: secrets::load(&library.secrets(&plan), project, &app.environment)?,
        env: Arc::new(project.variables(&app.environment)),
        payload: retry.payload.clone(),
        inputs: retry.inputs.clone(),
        timeout: None,
        origin: Origin { trigger: "cli".into(), key: None, setup: retry.setup.clone() },
        plan,
        library,
    };
    watch(start, project, Manner { output, parks: false, is_kept: true }, app)
}

/// A trigger of a blueprint that is fired by hand.
pub(crate) struct Shot<'s> {
    /// Which; needed only where there are several.
    pub(crate) id: Option<&'s str>,
    /// What it brings; null for its own payload.
    pub(crate) payload: Value,
}

/// Runs a blueprint as one of its triggers would.
///
/// # Errors
///
/// Returns a failure if there is no such trigger, or the run cannot start.
pub(crate) fn fire(
    project: &Project,
    file: &Path,
    shot: Shot<'_>,
    output: Output,
    app: &mut App,
) -> Result<Exit> {
    let Some((plan, library)) = checked(project, file, output, app)? else {
        return Ok(Exit::Wrong);
    };
    let trigger = triggers::find(&plan, shot.id)?;
    let firing = triggers::firing(trigger, shot.payload, Value::Null)?;
    plan.inputs_from(&firing.inputs).map_err(|misfits| wrong_inputs(&misfits))?;
    let Pinned { plan, library } =
        canned::put_again(&firing.origin.setup, plan, Arc::new(library))?;
    let start = StartRun {
        secrets: secrets::load(&library.secrets(&plan), project, &app.environment)?,
        env: Arc::new(project.variables(&app.environment)),
        payload: firing.payload,
        inputs: firing.inputs,
        timeout: None,
        origin: firing.origin,
        plan,
        library,
    };
    watch(start, project, Manner { output, parks: false, is_kept: true }, app)
}

/// Reads and checks a blueprint and those that it calls, and shows what was found; `None` if that
/// forbids a run.
fn checked(
    project: &Project,
    file: &Path,
    output: Output,
    app: &mut App,
) -> Result<Option<(Arc<Plan>, Library)>> {
    let registry = project.registry()?;
    let mut checked = project::check_file(file, &registry)?;
    let linked = project.library(&checked, &registry)?;
    checked.diagnostics.extend(linked.diagnostics);
    let is_refused = checked.is_refused(false);
    if !checked.diagnostics.is_empty() && (is_refused || output != Output::Quiet) {
        check::show(&[&checked], check::Format::Human, &mut app.err)?;
    }
    let (false, Some(plan)) = (is_refused, checked.plan) else {
        app.err.line("nothing was run")?;
        return Ok(None);
    };
    Ok(Some((plan, linked.library)))
}

/// How a run is watched and kept.
#[derive(Debug, Clone, Copy)]
struct Manner {
    output: Output,
    parks: bool,
    is_kept: bool,
}

/// Returns inputs and payload: those that an earlier run had, with what is given in their place.
fn with_earlier(earlier: &Earlier, given: Value) -> (Value, Value) {
    match given {
        Value::Object(given) if given.is_empty() => {
            (earlier.inputs.clone(), earlier.payload.clone())
        }
        given => {
            let mut inputs = earlier.inputs.clone();
            if let (Some(inputs), Value::Object(given)) = (inputs.as_object_mut(), given) {
                inputs.extend(given);
            }
            (inputs.clone(), inputs)
        }
    }
}

/// Loads what a run needs; handles in answers of an earlier run stand for the same keys as in it.
fn load_secrets(
    needs: &[SecretNeed],
    earlier: Option<&Earlier>,
    project: &Project,
    app: &mut App,
) -> Result<Secrets> {
    let Some((earlier, handles)) =
        earlier.and_then(|earlier| Some((earlier, earlier.handles.as_ref()?)))
    else {
        return secrets::load(needs, project, &app.environment);
    };
    let secrets = secrets::reload(needs, handles, project, &app.environment)?;
    earlier::learn(&json!({"from": earlier.setup}), &secrets);
    Ok(secrets)
}

fn watch(start: StartRun, project: &Project, manner: Manner, app: &mut App) -> Result<Exit> {
    let output = manner.output;
    let (journal, line) = store::for_run(project, manner.is_kept, &app.environment)?;
    let is_kept = line.is_some();
    if !is_kept {
        needs_no_store(&start, manner)?;
    }
    if let Some(line) = line.filter(|_| output != Output::Quiet) {
        app.err.line(&app.err.paint.paint(Tone::Dim, &line))?;
    }
    let blueprint = start.plan.name.clone();
    let mut engine = execute::engine(journal.clone(), project.limits());
    if manner.parks {
        engine = engine.parking(PARK_AFTER);
    }
    let runtime = execute::runtime()?;
    let watched = runtime.block_on(async {
        match execute::watch(&engine, start, output, app).await {
            Err(err) => match err.downcast_ref::<StartError>() {
                Some(StartError::Known(run)) => {
                    known::go_on(&engine, run, project, output, app).await
                }
                Some(_) | None => Err(err),
            },
            Ok(watched) => Ok(watched),
        }
    })?;
    runtime.block_on(tidy_store(&*journal, project));
    // A script that ignores its cancel must not keep the process.
    runtime.shutdown_background();
    answer(&blueprint, &watched, output, app)
}

/// Forgets runs that are older than `store.keep`. A store that cannot do it now does it next time.
async fn tidy_store(journal: &dyn Journal, project: &Project) {
    let Ok(until) = secrets::now().checked_sub(project.settings.store.keep()) else { return };
    let phases = Phase::ALL.into_iter().filter(|phase| phase.is_ended()).collect();
    let filter = RunFilter { phases, until: Some(until), limit: Some(100), ..RunFilter::default() };
    if let Ok(old) = journal.list(&filter).await {
        let runs: Vec<RunId> = old.into_iter().map(|summary| summary.run).collect();
        if !runs.is_empty() {
            drop(journal.remove(&runs).await);
        }
    }
}

/// Refuses what only a kept run can do.
fn needs_no_store(start: &StartRun, manner: Manner) -> Result<()> {
    let all = start.library.plans().chain([&start.plan]);
    let waits = |plan: &Arc<Plan>| {
        plan.blocks().into_iter().find(|block| block.spec.reach == Reach::Answered)
    };
    let mut found = all.filter_map(waits);
    let what = match (found.next(), &start.origin.key) {
        (Some(block), _) => format!("block `{}` waits for an answer from outside", block.path),
        (None, Some(_)) => "`--key` finds the run of an earlier time".into(),
        (None, None) if manner.parks => "`--park` leaves the run for later".into(),
        (None, None) => return Ok(()),
    };
    let message = format!("{what}, and this run is not kept");
    let hint = "run it in a project, without --forget; to make one: blueprint init";
    Err(Failure::wrong(message).help(hint).into())
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

/// Gives stdout what `output` says of a run, and returns how the process ends.
///
/// # Errors
///
/// Returns an error if stdout is gone.
pub(crate) fn answer(
    blueprint: &str,
    watched: &Watched,
    output: Output,
    app: &mut App,
) -> Result<Exit> {
    if let Some((run, wake)) = &watched.parked {
        let until = wake.map_or("an answer comes".into(), |wake| format!("{wake:.0}"));
        let run = run.short();
        app.err.line(&format!("run {run} is parked until {until}"))?;
        app.err.line(&format!("  help: blueprint runs resume {run}"))?;
        return Ok(Exit::Fine);
    }
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

fn parse_timeout(text: &str) -> Result<Duration, String> {
    units::parse_duration(text).ok_or_else(|| "write a duration such as `30s` or `5m`".into())
}

#[cfg(test)]
mod tests;
