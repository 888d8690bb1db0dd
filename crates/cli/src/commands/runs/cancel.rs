//! `blueprint runs cancel`: also of a run in another process, or in none.

use std::path::Path;

use anyhow::Result;
use blueprint_model::journal::{Letter, Posted};
use blueprint_project::{
    failure::Failure,
    project::Project,
    store::{self, Rebuilder},
};

use crate::{app::App, commands::runs::resume, execute, exit::Exit};

/// Cancels a run: in another process, parked, or one whose process is gone.
///
/// Blocks with `join: always` still run: in the run's own process, or here where there is none.
///
/// Examples:
///   blueprint runs cancel 7f3k9q
///   blueprint runs cancel @last
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct CancelArgs {
    /// Id of the run
    pub run: String,
}

pub(super) fn run(args: &CancelArgs, app: &mut App) -> Result<Exit> {
    let project = Project::of_folder(Path::new("."))?;
    let journal = store::open_kept(&project, &app.environment)?;
    let runtime = execute::runtime()?;
    let exit = runtime.block_on(async {
        let found = store::find(&*journal, &args.run).await?;
        let run = &found.run;
        match journal.post(run, &Letter::Cancel).await.map_err(store::failure)? {
            Posted::Delivered => {
                app.out.line(&format!("run {} is being cancelled by its process", run.short()))?;
            }
            Posted::Kept => {
                let rebuilder = Rebuilder::new(&project, &app.environment)?;
                let engine = execute::engine(journal.clone(), rebuilder.limits.clone());
                resume::go_on(&engine, run, &rebuilder, app).await?;
                app.out.line(&format!("run {} is cancelled", run.short()))?;
            }
            Posted::Ended => {
                let message = format!("run {} has ended", run.short());
                let hint = format!("blueprint runs show {}", run.short());
                return Err(Failure::wrong(message).help(hint).into());
            }
            Posted::Unknown => {
                return Err(Failure::wrong(format!("there is no run {}", run.short())).into());
            }
        }
        Ok(Exit::Fine)
    });
    runtime.shutdown_background();
    exit
}
