//! `blueprint runs events`: the facts of a kept run, as they were or as they come.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};
use blueprint_model::{Event, RunId, format, journal::Phase};
use blueprint_project::{project::Project, store, tail::Tail};
use clap::ValueEnum;

use crate::{
    app::App,
    execute,
    exit::Exit,
    kept,
    render::{plain, tree::Tree},
};

/// How many events are read at once.
const PAGE: usize = 500;

/// How often it is looked for new events.
const LOOK: Duration = Duration::from_millis(100);

/// Prints the events of a run, one a line.
///
/// JSON lines are those of `blueprint run --output ndjson`; `blueprint schema event` describes them.
///
/// Examples:
///   blueprint runs events @last
///   blueprint runs events 7f3k9q --output plain
///   blueprint runs events 7f3k9q --follow
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct EventsArgs {
    /// Id of the run
    pub run: String,
    /// Wait for further events until the run ends
    #[arg(long, short)]
    pub follow: bool,
    /// How a line looks
    #[arg(long, short, value_enum, default_value = "ndjson")]
    pub output: Lines,
}

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lines {
    /// A JSON object.
    Ndjson,
    /// As `run` tells its story.
    Plain,
}

pub(super) fn run(args: &EventsArgs, app: &mut App) -> Result<Exit> {
    let project = Project::of_folder(Path::new("."))?;
    let journal = store::open_kept(&project, &app.environment)?;
    execute::runtime()?.block_on(async {
        let run = store::find(&*journal, &args.run).await?.run;
        let opened = Tail::open(&*journal, &run, 0).await.map_err(store::failure)?;
        let (head, mut tail) =
            opened.with_context(|| format!("run {run} was removed meanwhile"))?;
        let pinned = project.registry().and_then(|it| store::pinned(&head.record, &it)).ok();
        let mut tree = kept::tree(&head.record, pinned.as_ref(), app.out.paint);
        let mut said = None;
        loop {
            // Where it stands is read before its events: of a run that has ended, all are there.
            let head = journal.head(&run).await.map_err(store::failure)?;
            let phase = head.map_or(Phase::Cancelled, |head| head.summary.phase);
            loop {
                let events = tail.next(&*journal, PAGE).await.map_err(store::failure)?;
                if events.is_empty() {
                    break;
                }
                for event in &events {
                    print(event, &mut tree, args.output, app)?;
                }
            }
            if !args.follow || phase.is_ended() {
                return Ok(Exit::Fine);
            }
            if said.replace(phase) != Some(phase) {
                say(phase, &run, app)?;
            }
            tokio::time::sleep(LOOK).await;
        }
    })
}

/// Says why no events come.
fn say(phase: Phase, run: &RunId, app: &mut App) -> Result<()> {
    match phase {
        Phase::Interrupted => app.err.line(&format!(
            "nobody works on it; go on with: blueprint runs resume {}",
            run.short()
        ))?,
        Phase::Waiting => app.err.line("it is parked; waiting for it to go on")?,
        Phase::Running | Phase::Succeeded | Phase::Failed | Phase::Cancelled => {}
    }
    Ok(())
}

fn print(event: &Event, tree: &mut Tree, lines: Lines, app: &mut App) -> Result<()> {
    match lines {
        Lines::Ndjson => app.out.line(&format::to_json(event).to_string())?,
        Lines::Plain => {
            tree.apply(event);
            if let Some(line) = plain::line(event, tree) {
                app.out.line(&line)?;
            }
        }
    }
    Ok(())
}
