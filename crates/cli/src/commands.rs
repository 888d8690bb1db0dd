//! The commands, one file each, and which one runs.

use anyhow::Result;

use crate::{app::App, args::Command, exit::Exit};

pub mod bench;
pub mod blocks;
pub mod check;
pub mod completions;
pub mod demo;
pub mod doctor;
pub mod explain;
pub mod fmt;
pub mod graph;
pub mod help;
pub mod init;
pub mod new;
pub mod replay;
#[expect(clippy::doc_markdown, reason = "these docs are help texts: shells see no backticks")]
pub mod run;
#[expect(clippy::doc_markdown, reason = "these docs are help texts: shells see no backticks")]
pub mod runs;
pub mod schema;
pub mod serve;
#[expect(clippy::doc_markdown, reason = "these docs are help texts: shells see no backticks")]
pub mod test;
pub mod token;
#[expect(clippy::doc_markdown, reason = "these docs are help texts: shells see no backticks")]
pub mod trigger;
#[expect(clippy::doc_markdown, reason = "these docs are help texts: shells see no backticks")]
pub mod vault;
#[expect(clippy::doc_markdown, reason = "these docs are help texts: shells see no backticks")]
pub mod why;

/// Runs a command.
///
/// # Errors
///
/// Returns a [`blueprint_project::failure::Failure`], or what went wrong in the environment.
pub fn run(command: &Command, app: &mut App) -> Result<Exit> {
    match command {
        Command::Blocks(args) => blocks::run(args, app),
        Command::Explain(args) => explain::run(args, app),
        Command::Vault(args) => vault::run(args, app),
        Command::Serve(args) => serve::run(args, app),
        Command::Trigger(args) => trigger::run(args, app),
        Command::Token(args) => token::run(args, app),
        Command::Bench(args) => bench::run(args, app),
        Command::Doctor(args) => doctor::run(args, app),
        Command::Completions(args) => completions::run(args, app),
        Command::Help(args) => help::run(args, app),
        Command::Init(args) => init::run(args, app),
        Command::New(args) => new::run(args, app),
        Command::Demo(args) => demo::run(args, app),
        Command::Check(args) => check::run(args, app),
        Command::Fmt(args) => fmt::run(args, app),
        Command::Graph(args) => graph::run(args, app),
        Command::Schema(args) => schema::run(args, app),
        Command::Test(args) => test::run(args, app),
        Command::Run(args) => run::run(args, app),
        Command::Runs(args) => runs::run(args, app),
        Command::Why(args) => why::run(args, app),
        Command::Replay(args) => replay::run(args, app),
    }
}
