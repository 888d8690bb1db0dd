//! `blueprint why`: why a block of a run ran, or did not.

use anyhow::Result;
use blueprint_engine::why::{NoBlock, Told, Why};
use blueprint_project::{failure::Failure, history::Kept, project::Project, store};

use crate::{app::App, exit::Exit, kept, render::why};

/// Says why a block of a run ran, was skipped, was cancelled, or waits: by which edges and rules.
///
/// A block in a loop is named with its item in brackets, one of a called blueprint as call/inner: as
/// runs show prints them. Next: blueprint runs show RUN.
///
/// Examples:
///   blueprint why @last alert
///   blueprint why 7f3k9q call_it/inner --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Id of the run, its beginning or end, or @last
    pub run: String,
    /// Path of the block in the run
    pub block: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Says why.
///
/// # Errors
///
/// Returns a failure if there is no such run or block.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    let (project, kept) = kept::open(&args.run, app)?;
    let why = ask(&kept, &project, &args.block)?;
    if args.json {
        app.out.line(&format!("{:#}", why::document(&why)))?;
        return Ok(Exit::Fine);
    }
    for line in why::lines(&why, kept.history.summary.phase, app.out.paint) {
        app.out.line(&line)?;
    }
    Ok(Exit::Fine)
}

fn ask(kept: &Kept, project: &Project, block: &str) -> Result<Why> {
    let pinned = store::pinned(&kept.history.record, &project.registry()?)?;
    let told = Told {
        plan: pinned.plan,
        library: pinned.library,
        max_depth: project.limits().depth,
        events: &kept.history.events,
        secrets: &kept.secrets,
    };
    blueprint_engine::why::why(&told, block).map_err(|fault| {
        let hint = match &fault {
            NoBlock::Unknown { near: Some(near), .. } => format!("did you mean `{near}`?"),
            NoBlock::Unknown { near: None, .. } => {
                format!("see: blueprint runs show {}", kept.history.summary.run.short())
            }
            NoBlock::NotReached { host, .. } => {
                format!("ask: blueprint why {} '{host}'", kept.history.summary.run.short())
            }
        };
        Failure::wrong(fault.to_string()).help(hint).into()
    })
}
