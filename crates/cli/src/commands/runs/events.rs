//! `blueprint runs events`: the facts of a kept run, as they were or as they come.

use std::{path::Path, time::Duration};

use anyhow::Result;
use blueprint_engine::shown;
use blueprint_model::{
    Event, Journal, format,
    journal::{Phase, RunFilter},
};
use blueprint_project::{history::Kept, project::Project, store};
use clap::ValueEnum;

use crate::{
    app::App,
    execute,
    exit::Exit,
    kept,
    render::{plain, tree::Tree},
};

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
        let kept = Kept::read(&*journal, &args.run).await?;
        let mut tree = kept::tree(&kept, kept.pinned(&project).as_ref(), app.out.paint);
        for event in &kept.events {
            print(event, &mut tree, args.output, app)?;
        }
        if args.follow && !kept.history.summary.phase.is_ended() {
            follow(&*journal, &kept, &mut tree, args.output, app).await?;
        }
        Ok(Exit::Fine)
    })
}

async fn follow(
    journal: &dyn Journal,
    kept: &Kept,
    tree: &mut Tree,
    lines: Lines,
    app: &mut App,
) -> Result<()> {
    let run = &kept.history.summary.run;
    let filter = RunFilter { id: Some(run.to_string()), limit: Some(1), ..RunFilter::default() };
    let mut told = kept.events.len();
    let mut said = None;
    loop {
        let summary = journal.list(&filter).await.map_err(store::failure)?.pop();
        let Some(summary) = summary else { return Ok(()) };
        if summary.events as usize > told
            && let Some(history) = journal.read(run).await.map_err(store::failure)?
        {
            let handles = store::handles(&history);
            for event in history.events.iter().skip(told) {
                print(&shown(event.clone(), &handles), tree, lines, app)?;
            }
            told = history.events.len();
            continue;
        }
        if summary.phase.is_ended() {
            return Ok(());
        }
        if said != Some(summary.phase) {
            said = Some(summary.phase);
            match summary.phase {
                Phase::Interrupted => app.err.line(&format!(
                    "nobody works on it; go on with: blueprint runs resume {}",
                    run.short()
                ))?,
                Phase::Waiting => app.err.line("it is parked; waiting for it to go on")?,
                Phase::Running | Phase::Succeeded | Phase::Failed | Phase::Cancelled => {}
            }
        }
        tokio::time::sleep(LOOK).await;
    }
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
