//! `blueprint runs list`: which runs are kept.

use std::path::Path;

use anyhow::Result;
use blueprint_model::journal::{Phase, QuestionFilter, RunFilter, RunSummary};
use blueprint_project::secrets;
use blueprint_project::{project::Project, store};
use clap::{ValueEnum, builder::PossibleValue};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    app::App,
    exit::Exit,
    render::runs::{self, Line},
};

/// How many runs are shown where nothing says how many.
const SHOWN: usize = 20;

/// Lists the runs that are kept, the newest first: where each stands and what it waits for.
///
/// Next: `blueprint runs show RUN`.
///
/// Examples:
///   blueprint runs list
///   blueprint runs list --state failed --state interrupted
///   blueprint runs list --blueprint invoice --since 2h
///   blueprint runs list --limit 1000 --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Only runs that stand so; may be given several times
    #[arg(long = "state", value_enum, value_name = "STATE")]
    pub states: Vec<State>,
    /// Only runs of this blueprint
    #[arg(long, value_name = "NAME")]
    pub blueprint: Option<String>,
    /// Only runs that this started: `cli`, or the kind of a trigger
    #[arg(long, value_name = "TRIGGER")]
    pub trigger: Option<String>,
    /// Only runs that started since: this long ago, or at a time as in `2026-11-24T07:00:00Z`
    #[arg(long, value_name = "DURATION|TIME", value_parser = When::parse)]
    pub since: Option<When>,
    /// Only runs that started before: this long ago, or at a time
    #[arg(long, value_name = "DURATION|TIME", value_parser = When::parse)]
    pub until: Option<When>,
    /// The newest so many runs
    #[arg(long, value_name = "N", default_value_t = SHOWN)]
    pub limit: usize,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(pub Phase);

impl ValueEnum for State {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [State; 6] = {
            let [a, b, c, d, e, f] = Phase::ALL;
            [State(a), State(b), State(c), State(d), State(e), State(f)]
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.as_str()))
    }
}

/// A time, as a person gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// So long ago.
    Ago(std::time::Duration),
    /// Then.
    At(Timestamp),
}

impl When {
    /// Reads `2h` or `2026-11-24T07:00:00Z`.
    ///
    /// # Errors
    ///
    /// Returns how to write it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(ago) = blueprint_model::units::parse_duration(text) {
            return Ok(Self::Ago(ago));
        }
        text.parse().map(Self::At).map_err(|_| {
            "write a duration such as `2h`, or a time such as `2026-11-24T07:00:00Z`".into()
        })
    }

    /// Returns the time. Longer ago than time itself is the beginning of it.
    pub fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
            Self::At(time) => time,
        }
    }
}

pub(super) fn run(args: &ListArgs, app: &mut App) -> Result<Exit> {
    let project = Project::of_folder(Path::new("."))?;
    let now = secrets::now();
    let mut lines = match store::path(&project, &app.environment).exists() {
        true => lines(args, &project, now, app)?,
        false => Vec::new(),
    };
    let is_cut = lines.len() > args.limit;
    lines.truncate(args.limit);
    if args.json {
        let rows: Vec<Value> = lines.iter().map(row).collect();
        app.out.line(&format!("{:#}", Value::Array(rows)))?;
    } else {
        let width = if app.out.is_terminal { app.out.size().0 } else { usize::MAX };
        for line in runs::table(&lines, now, width, app.out.paint) {
            app.out.line(&line)?;
        }
    }
    if is_cut {
        let more = args.limit.saturating_mul(10).max(SHOWN);
        app.err.line(&format!("only the newest {} are shown; more: --limit {more}", args.limit))?;
    } else if lines.is_empty() && args.limit > 0 {
        app.err.line(match is_filtered(args) {
            true => "no kept run is like that; see all: blueprint runs list",
            false => "no run was kept yet; start one: blueprint run NAME",
        })?;
    }
    Ok(Exit::Fine)
}

fn lines(args: &ListArgs, project: &Project, now: Timestamp, app: &App) -> Result<Vec<Line>> {
    let filter = RunFilter {
        id: None,
        phases: args.states.iter().map(|state| state.0).collect(),
        blueprint: args.blueprint.clone(),
        trigger: args.trigger.clone(),
        since: args.since.map(|when| when.from(now)),
        until: args.until.map(|when| when.from(now)),
        before: None,
        limit: Some(args.limit.saturating_add(1)),
    };
    let journal = store::open(project, &app.environment)?;
    crate::execute::runtime()?.block_on(async {
        let found = journal.list(&filter).await.map_err(store::failure)?;
        let questions = journal.questions(&QuestionFilter::default()).await;
        let questions = questions.map_err(store::failure)?;
        let line = |summary: RunSummary| {
            let asks = questions.iter().filter(|open| open.run == summary.run);
            Line { asks: asks.map(|open| open.block.to_string()).collect(), summary }
        };
        let mut lines: Vec<Line> = found.into_iter().map(line).collect();
        // The path of a block in a loop may hold a handle.
        for line in lines.iter_mut().filter(|line| !line.asks.is_empty()) {
            let history = journal.read(&line.summary.run).await.map_err(store::failure)?;
            let Some(handles) = history.map(|history| store::handles(&history)) else { continue };
            for block in &mut line.asks {
                if let Some(view) = handles.view_text(block) {
                    *block = view;
                }
            }
        }
        Ok(lines)
    })
}

fn is_filtered(args: &ListArgs) -> bool {
    !args.states.is_empty()
        || args.blueprint.is_some()
        || args.trigger.is_some()
        || args.since.is_some()
        || args.until.is_some()
}

fn row(line: &Line) -> Value {
    let summary = &line.summary;
    let time = |time: Option<Timestamp>| time.map(|time| format!("{time:.3}"));
    json!({
        "run": summary.run.as_str(),
        "blueprint": summary.blueprint,
        "status": summary.phase.as_str(),
        "trigger": summary.trigger,
        "started": time(Some(summary.started)),
        "ended": time(summary.ended),
        "wakes": time(summary.wake),
        "asks": line.asks,
        "events": summary.events,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_duration_or_a_moment() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let hour = When::parse("2h").unwrap();
        assert_eq!(hour.from(now).to_string(), "2026-11-24T10:00:00Z");
        let moment = When::parse("2026-11-24T07:00:00+01:00").unwrap();
        assert_eq!(moment.from(now).to_string(), "2026-11-24T06:00:00Z");
        assert!(When::parse("yesterday").unwrap_err().contains("2h"));
        assert_eq!(When::parse("900000000d").unwrap().from(now), Timestamp::MIN);
    }
}
