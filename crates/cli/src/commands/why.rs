//! `blueprint why`: why a block of a run ran, or did not.

use anyhow::Result;
use blueprint_project::why;

use crate::{app::App, exit::Exit, kept, render};

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
    let why = why::ask(&kept, &project.registry()?, project.limits().depth, &args.block)?;
    if args.json {
        app.out.line(&format!("{:#}", why::document(&why)))?;
        return Ok(Exit::Fine);
    }
    for line in render::why::lines(&why, kept.history.summary.phase, app.out.paint) {
        app.out.line(&line)?;
    }
    Ok(Exit::Fine)
}
