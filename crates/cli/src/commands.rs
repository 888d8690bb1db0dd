//! The commands, one file each, and which one runs.

use anyhow::Result;

use crate::{app::App, args::Command, exit::Exit, failure::Failure};

pub mod blocks;
pub mod check;
pub mod completions;
pub mod demo;
pub mod explain;
pub mod graph;
pub mod help;
pub mod init;
pub mod new;
pub mod run;
pub mod vault;

/// Runs a command.
///
/// # Errors
///
/// Returns a [`Failure`], or what went wrong in the environment.
pub fn run(command: &Command, app: &mut App) -> Result<Exit> {
    match command {
        Command::Blocks(args) => blocks::run(args, app),
        Command::Explain(args) => explain::run(args, app),
        Command::Vault(args) => vault::run(args, app),
        Command::Completions(args) => completions::run(args, app),
        Command::Help(args) => help::run(args, app),
        Command::Init(args) => init::run(args, app),
        Command::New(args) => new::run(args, app),
        Command::Demo(_) => Err(unavailable("demo")),
        Command::Check(_) => Err(unavailable("check")),
        Command::Graph(_) => Err(unavailable("graph")),
        Command::Run(_) => Err(unavailable("run")),
    }
}

fn unavailable(command: &str) -> anyhow::Error {
    Failure::environment(format!("`blueprint {command}` is not part of this build")).into()
}
