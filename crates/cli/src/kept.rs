//! A kept run for commands: the one that a person named, and its tree as it was shown while it ran.

use std::path::Path;

use anyhow::Result;
use blueprint_model::RunRecord;
use blueprint_project::{
    history::Kept,
    project::Project,
    store::{self, Pinned},
};

use crate::{
    app::App,
    execute,
    render::tree::{self, Tree},
    terminal::Paint,
};

/// Returns the run of the project in this folder that a person named.
///
/// # Errors
///
/// Returns a failure if there is no store, no such run, or what is kept of it is damaged.
pub fn open(typed: &str, app: &App) -> Result<(Project, Kept)> {
    let project = Project::of_folder(Path::new("."))?;
    let journal = store::open_kept(&project, &app.environment)?;
    let kept = execute::runtime()?.block_on(Kept::read(&*journal, typed))?;
    Ok((project, kept))
}

/// Returns a run's tree, as it was shown while it ran.
pub fn tree(record: &RunRecord, pinned: Option<&Pinned>, paint: Paint) -> Tree {
    let known = pinned.map_or_else(tree::outline::Outline::default, |pinned| {
        execute::known_blocks(&pinned.plan, &pinned.library)
    });
    let file = record.sources.first().map_or("", |source| source.file.as_str());
    Tree::new(file, known, paint)
}
