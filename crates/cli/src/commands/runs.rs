//! `blueprint runs`: runs that are kept in the project's store.

mod answer;
mod cancel;
mod diff;
mod events;
mod list;
mod prune;
mod resume;
mod retry;
mod show;
mod waiting;

use anyhow::Result;
use clap::Subcommand;

pub use self::{
    answer::{ApproveArgs, RejectArgs, SendArgs},
    cancel::CancelArgs,
    diff::DiffArgs,
    events::EventsArgs,
    list::ListArgs,
    prune::PruneArgs,
    resume::ResumeArgs,
    retry::RetryArgs,
    show::ShowArgs,
    waiting::WaitingArgs,
};
use crate::{app::App, exit::Exit};

/// Shows runs that are kept, and goes on with them.
///
/// RUN is an id, its beginning or end, or `@last`.
/// Next: `blueprint runs list`, and `blueprint runs waiting` for what runs wait for.
///
/// Examples:
///   blueprint runs list --state failed
///   blueprint runs show @last
///   blueprint runs resume @last
///   blueprint runs approve 7f3k9q
///   blueprint runs cancel 7f3k9q
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with runs.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "docs here would hide those of the arguments from the help")]
pub enum Command {
    List(ListArgs),
    Show(ShowArgs),
    Events(EventsArgs),
    Diff(DiffArgs),
    Resume(ResumeArgs),
    Retry(RetryArgs),
    Cancel(CancelArgs),
    Prune(PruneArgs),
    Waiting(WaitingArgs),
    Approve(ApproveArgs),
    Reject(RejectArgs),
    Send(SendArgs),
}

/// Does what was asked with runs.
///
/// # Errors
///
/// Returns a failure if there is no such run or no store, or the store cannot be read.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    match &args.command {
        Command::List(args) => list::run(args, app),
        Command::Show(args) => show::run(args, app),
        Command::Events(args) => events::run(args, app),
        Command::Diff(args) => diff::run(args, app),
        Command::Retry(args) => retry::run(args, app),
        Command::Prune(args) => prune::run(args, app),
        Command::Resume(args) => resume::run(args, app),
        Command::Cancel(args) => cancel::run(args, app),
        Command::Waiting(args) => waiting::run(args, app),
        Command::Approve(args) => answer::approve(args, app),
        Command::Reject(args) => answer::reject(args, app),
        Command::Send(args) => answer::send(args, app),
    }
}
