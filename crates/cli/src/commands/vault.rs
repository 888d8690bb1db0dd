//! `blueprint vault`: secrets, of which nothing here ever shows a value.

mod act;
mod audit;
mod backup;
mod policy;
mod rotate;
mod status;
#[cfg(test)]
mod tests;
mod usage;

use std::path::{Path, PathBuf};

use anyhow::Result;
use blueprint_model::code;
use clap::Subcommand;

pub use self::{
    audit::AuditArgs,
    backup::{ExportArgs, ImportArgs, ImportFormat},
    policy::PolicyArgs,
    rotate::RotateKeyArgs,
    status::StatusArgs,
    usage::UsageArgs,
};
use blueprint_project::{failure::Failure, project::Project};

use crate::{app::App, exit::Exit};

/// Keeps secrets: encrypted in a file, named in blueprints as `vault.KEY`, never shown again.
///
/// There is no `vault get`: whoever needs a value back needs the place it came from.
/// Next: `blueprint vault init`, then `blueprint vault set KEY`.
///
/// Examples:
///   blueprint vault init
///   blueprint vault set ACME_KEY
///   blueprint vault list
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment, arg_required_else_help = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do with the vault.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "docs here would hide those of the arguments from the help")]
pub enum Command {
    Init(InitArgs),
    Set(SetArgs),
    List(ListArgs),
    Delete(DeleteArgs),
    Rename(RenameArgs),
    Policy(PolicyArgs),
    Usage(UsageArgs),
    Audit(AuditArgs),
    Import(ImportArgs),
    Export(ExportArgs),
    RotateKey(RotateKeyArgs),
    Status(StatusArgs),
}

/// Makes the vault of this project and the key that opens it, and says where both are.
///
/// Without an option, the key is a file in your configuration folder that only you can read.
/// Next: `blueprint vault set KEY`.
///
/// Examples:
///   blueprint vault init
///   blueprint vault init --passphrase
///   blueprint vault init --key-file /run/secrets/blueprint.key
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct InitArgs {
    /// Keep the key in this file
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase")]
    pub key_file: Option<PathBuf>,
    /// Derive the key from a passphrase, which is asked for
    #[arg(long)]
    pub passphrase: bool,
}

/// Stores a secret. The value is asked for, or read from stdin, a file or a variable.
///
/// It is never an argument: arguments are in the shell's history and in lists of processes.
/// Next: use it in a blueprint as `vault.KEY`.
///
/// Examples:
///   blueprint vault set ACME_KEY
///   pass show acme | blueprint vault set ACME_KEY
///   blueprint vault set ACME_KEY --from-env ACME
///   blueprint vault set ACME_KEY --host api.acme.example
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct SetArgs {
    /// The name: letters, digits, `_` and `-`
    pub key: String,
    /// Accepted only to be refused with an explanation.
    #[arg(hide = true, allow_hyphen_values = true, num_args = 0.., help = "A secret is no argument")]
    pub refused: Vec<String>,
    /// Read the value from this file, without its last line end
    #[arg(long, value_name = "FILE", conflicts_with = "from_env")]
    pub from_file: Option<PathBuf>,
    /// Read the value from this process variable
    #[arg(long, value_name = "NAME")]
    pub from_env: Option<String>,
    /// Let the value go to this host only; may be given several times
    #[arg(long = "host", value_name = "HOST")]
    pub hosts: Vec<String>,
    /// Store a value that is too short or plain to be searched for in texts
    #[arg(long)]
    pub force: bool,
}

/// Lists the names in the vault, with version, age and policy; never values.
///
/// Names of all sources of this project are shown, the first source first.
/// Next: `blueprint vault set KEY`.
///
/// Examples:
///   blueprint vault list
///   blueprint vault list --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct ListArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Deletes a secret from the vault, for good.
///
/// Blueprints that use it are refused until it is there again.
/// Next: revoke it where it came from.
///
/// Examples:
///   blueprint vault delete ACME_KEY
///   blueprint vault delete ACME_KEY --yes
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct DeleteArgs {
    /// The name
    pub key: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Renames a secret; value and policy stay.
///
/// A name that is already there is not overwritten.
/// Next: `blueprint check`, which finds blueprints that use the old name.
///
/// Examples:
///   blueprint vault rename ACME_KEY ACME_PROD_KEY
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct RenameArgs {
    /// The name it has
    pub old: String,
    /// The name it gets
    pub new: String,
}

/// Does what was asked for with the vault.
///
/// # Errors
///
/// Returns an error if a value was given as an argument, or the vault refuses.
pub fn run(args: &Args, app: &mut App) -> Result<Exit> {
    if let Command::Set(set) = &args.command {
        refuse_value(set)?;
    }
    let project = Project::of_folder(Path::new("."))?;
    act_on(&args.command, &project, app)
}

fn act_on(command: &Command, project: &Project, app: &mut App) -> Result<Exit> {
    match command {
        Command::Init(args) => act::init(args, project, app),
        Command::Set(args) => act::set(args, project, app),
        Command::List(args) => act::list(args, project, app),
        Command::Delete(args) => act::delete(args, project, app),
        Command::Rename(args) => act::rename(args, project, app),
        Command::Policy(args) => policy::run(args, project, app),
        Command::Usage(args) => usage::run(args, project, app),
        Command::Audit(args) => audit::run(args, project, app),
        Command::Import(args) => backup::import(args, project, app),
        Command::Export(args) => backup::export(args, project, app),
        Command::RotateKey(args) => rotate::run(args, project, app),
        Command::Status(args) => status::run(args, project, app),
    }
}

/// Refuses a value among the arguments: `KEY VALUE` and `KEY=VALUE`. The value is not repeated.
///
/// # Errors
///
/// Returns the refusal.
pub fn refuse_value(args: &SetArgs) -> Result<(), Failure> {
    if args.refused.is_empty() && !args.key.contains('=') {
        return Ok(());
    }
    let key = args.key.split('=').next().unwrap_or("KEY");
    let failure = Failure::wrong("a secret must not be an argument; nothing was stored");
    Err(failure.code(code::SECRET_IN_ARGUMENT).help(format!(
        "the value is now in the history of your shell, and other users could see it in the list \
         of\nprocesses: replace it where it came from (rotate it), then store the new one with \
         one of\n\
         blueprint vault set {key}                    asks for it, hidden\n\
         PROGRAM | blueprint vault set {key}          reads it from stdin\n\
         blueprint vault set {key} --from-file FILE   reads it from a file"
    )))
}
