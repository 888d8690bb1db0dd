//! `blueprint trigger`: what starts runs, when, and one fired by hand.

use std::{fmt::Write as _, path::Path, sync::Arc};

use anyhow::Result;
use blueprint_engine::{Plan, PlannedKind, PlannedTrigger};
use blueprint_model::Value;
use blueprint_project::{
    failure::Failure,
    project::{self, Project},
    secrets, text,
};
use clap::Subcommand;
use serde_json::json;

use crate::{
    app::App,
    commands::run::{self, Output},
    exit::Exit,
};

/// How many times of a schedule are shown.
const NEXT: usize = 5;

/// Shows what starts runs by itself while `blueprint serve` is there, and fires it by hand.
///
/// Next: `blueprint trigger next` for when schedules fire.
///
/// Examples:
///   blueprint trigger list
///   blueprint trigger next city-weather
///   blueprint trigger fire city-weather/cron-1
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with triggers.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "docs here would hide those of the arguments from the help")]
pub enum Command {
    List(ListArgs),
    Next(NextArgs),
    Fire(FireArgs),
}

/// Lists the triggers of the project's blueprints.
///
/// Examples:
///   blueprint trigger list
///   blueprint trigger list --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Shows when schedules fire next, in their time zones and in UTC.
///
/// Examples:
///   blueprint trigger next
///   blueprint trigger next city-weather
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct NextArgs {
    /// A blueprint of this project; without one, all
    pub name: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Fires a trigger by hand: its inputs, its payload, the block it starts at.
///
/// The run works in this process, as with `blueprint run`.
///
/// Examples:
///   blueprint trigger fire city-weather
///   blueprint trigger fire city-weather/cron-1
///   blueprint trigger fire orders/webhook-1 --payload @call.json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct FireArgs {
    /// A blueprint of this project, and which of its triggers where it has several
    #[arg(value_name = "BLUEPRINT[/ID]")]
    pub trigger: String,
    /// What it brings, instead of its own payload: `@FILE`, `@-` or JSON
    #[arg(long, value_name = "@FILE|@-|JSON")]
    pub payload: Option<String>,
    /// What stdout gets
    #[arg(long, short, value_enum, default_value = "auto")]
    pub output: Output,
}

/// Does what was asked with triggers.
///
/// # Errors
///
/// Returns a failure if there is no such blueprint or trigger, or its run cannot start.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    match &args.command {
        Command::List(args) => list(args, app),
        Command::Next(args) => next(args, app),
        Command::Fire(args) => fire(args, app),
    }
}

fn list(args: &ListArgs, app: &mut App) -> Result<Exit> {
    let plans = plans(None, app)?;
    let all: Vec<(&str, &PlannedTrigger)> = triggers(&plans).collect();
    if args.json {
        let list: Vec<Value> = all.iter().map(|(name, trigger)| to_json(name, trigger)).collect();
        app.out.line(&format!("{:#}", Value::Array(list)))?;
        return Ok(Exit::Fine);
    }
    if all.is_empty() {
        app.err.line("no blueprint here has a trigger")?;
        app.err.line("  help: add `triggers: [{type: cron, schedule: \"0 6 * * *\"}]` to one")?;
    }
    let full = |(name, trigger): &(&str, &PlannedTrigger)| format!("{name}/{}", trigger.id);
    let columns = all.iter().map(|one| text::width(&full(one))).max().unwrap_or_default();
    for one in &all {
        app.out.line(&format!("{}  {}", text::pad(&full(one), columns), about(one.1)))?;
    }
    Ok(Exit::Fine)
}

fn next(args: &NextArgs, app: &mut App) -> Result<Exit> {
    let plans = plans(args.name.as_deref(), app)?;
    let now = secrets::now();
    let mut found = Vec::new();
    for (name, trigger) in triggers(&plans) {
        if let PlannedKind::Cron { schedule, .. } = &trigger.kind {
            for time in schedule.times_after(now).take(NEXT) {
                found.push((time, name, trigger, schedule));
            }
        }
    }
    found.sort_by_key(|(time, name, trigger, _)| (*time, *name, trigger.id.as_str()));
    if args.json {
        let list: Vec<Value> = found
            .iter()
            .map(|(time, name, trigger, schedule)| {
                json!({
                    "blueprint": name,
                    "trigger": trigger.id,
                    "time": time.to_string(),
                    "local": schedule.local(*time),
                })
            })
            .collect();
        app.out.line(&format!("{:#}", Value::Array(list)))?;
        return Ok(Exit::Fine);
    }
    if found.is_empty() {
        app.err.line("no schedule fires here")?;
    }
    for (time, name, trigger, schedule) in found {
        let (utc, local) = (text::moment(time), schedule.local(time));
        let local = if schedule.zone() == "UTC" { String::new() } else { format!("  {local}") };
        let left = text::relative(time, now);
        app.out.line(&format!("{utc}{local}  {name}/{}  {left}", trigger.id))?;
    }
    Ok(Exit::Fine)
}

fn fire(args: &FireArgs, app: &mut App) -> Result<Exit> {
    let (name, id) = match args.trigger.split_once('/') {
        Some((name, id)) => (name, Some(id)),
        None => (args.trigger.as_str(), None),
    };
    let (project, file) = Project::find(name, Path::new("."))?;
    let payload = match &args.payload {
        None => Value::Null,
        Some(text) => run::read_json("--payload", text)?,
    };
    run::fire(&project, &file, run::Shot { id, payload }, args.output, app)
}

/// Returns the faultless blueprints of the project, or the one with this name.
fn plans(name: Option<&str>, app: &mut App) -> Result<Vec<Arc<Plan>>> {
    let project = Project::of_folder(Path::new("."))?;
    let registry = project.registry()?;
    let mut plans = Vec::new();
    for file in project.files()? {
        let checked = project::check_file(&file, &registry)?;
        match checked.plan {
            Some(plan) => plans.push(plan),
            None => {
                let file = file.display();
                app.err.line(&format!("{file} has faults: see blueprint check"))?;
            }
        }
    }
    plans.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(name) = name {
        let known: Vec<String> = plans.iter().map(|plan| plan.name.clone()).collect();
        plans.retain(|plan| plan.name == name);
        if plans.is_empty() {
            let known = known.iter().map(String::as_str);
            return Err(Failure::unknown("blueprint", name, known).into());
        }
    }
    Ok(plans)
}

fn triggers(plans: &[Arc<Plan>]) -> impl Iterator<Item = (&str, &PlannedTrigger)> {
    plans.iter().flat_map(|plan| plan.triggers.iter().map(|trigger| (plan.name.as_str(), trigger)))
}

/// Says what makes a trigger fire.
fn about(trigger: &PlannedTrigger) -> String {
    let mut about = match &trigger.kind {
        PlannedKind::Api => "a call of the API".to_owned(),
        PlannedKind::Cron { schedule, missed, overlap } => {
            let (missed, overlap) = (missed.as_str(), overlap.as_str());
            format!("schedule {schedule}, missed: {missed}, overlap: {overlap}")
        }
        PlannedKind::Event { component: None, event } => format!("event {event}"),
        PlannedKind::Event { component: Some(component), event } => {
            format!("event {event} of {component}")
        }
        PlannedKind::Webhook { signing_key: Some(key) } => format!("a call signed with {key}"),
        PlannedKind::Webhook { signing_key: None } => "a call with a token".to_owned(),
    };
    if let Some(start) = &trigger.start {
        // Writing to a `String` cannot fail.
        let _ = write!(about, ", starts at {start}");
    }
    about
}

fn to_json(blueprint: &str, trigger: &PlannedTrigger) -> Value {
    let mut json = json!({
        "blueprint": blueprint,
        "id": trigger.id,
        "kind": trigger.kind.as_str(),
        "start": trigger.start,
    });
    match &trigger.kind {
        PlannedKind::Api => {}
        PlannedKind::Cron { schedule, missed, overlap } => {
            json["schedule"] = schedule.text().into();
            json["timezone"] = schedule.zone().into();
            json["missed"] = missed.as_str().into();
            json["overlap"] = overlap.as_str().into();
        }
        PlannedKind::Event { component, event } => {
            json["event"] = event.as_str().into();
            json["component"] = component.as_deref().into();
        }
        PlannedKind::Webhook { signing_key } => {
            json["signing_key"] = signing_key.as_ref().map(|key| key.as_str()).into();
        }
    }
    json
}
