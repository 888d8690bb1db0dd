//! `blueprint runs retry`: a kept run once more, with the blueprint as it is today.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use blueprint_project::{earlier, history::Kept, project::Project};

use crate::{
    app::App,
    commands::run::{self, Output},
    exit::Exit,
    kept,
};

/// Starts a new run with the inputs of a kept one and the blueprint as it is today.
///
/// It is checked as with `run`. Blocks that were mocked are mocked again; a key is not taken over.
/// To go on with a run that did not end: `blueprint runs resume RUN`.
///
/// Examples:
///   blueprint runs retry @last
///   blueprint runs retry 7f3k9q --output json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct RetryArgs {
    /// Id of the run
    pub run: String,
    /// What stdout gets
    #[arg(long, short, value_enum, default_value = "auto")]
    pub output: Output,
}

pub(super) fn run(args: &RetryArgs, app: &mut App) -> Result<Exit> {
    let (_, kept) = kept::open(&args.run, app)?;
    let run = &kept.history.summary.run;
    let (project, file) = find(&kept)?;
    let again = earlier::again(&kept)?;
    let text = std::fs::read_to_string(&file).ok();
    let source =
        kept.history.record.sources.first().context("the run was kept without its text")?;
    let since = match text.as_deref() == Some(&*source.text) {
        true => "which has not changed since",
        false => "as it is today; it has changed since",
    };
    if args.output != Output::Quiet {
        let file = blueprint_project::project::tidy(&file);
        app.err.line(&format!("run {} once more with {file}, {since}", run.short()))?;
    }
    run::retry(&again, &project, &file, args.output, app)
}

/// Returns the blueprint's file: by its name in the project, else where it was.
fn find(kept: &Kept) -> Result<(Project, PathBuf)> {
    let here = Path::new(".");
    Project::find(&kept.history.summary.blueprint, here).or_else(|err| {
        let file = Path::new(kept.file());
        let is_it = blueprint_project::project::name_in(file).as_deref()
            == Some(kept.history.summary.blueprint.as_str());
        if is_it { Project::find(kept.file(), here) } else { Err(err) }
    })
}
