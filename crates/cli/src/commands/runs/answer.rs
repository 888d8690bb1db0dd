//! `blueprint runs approve`, `reject` and `send`: answers to what runs wait for.

use std::path::Path;

use anyhow::Result;
use blueprint_model::{
    Value,
    journal::{OpenQuestion, Posted},
};
use blueprint_project::{
    answers::{self, Decision, Verdict},
    failure::Failure,
    project::Project,
    store,
};

use crate::{app::App, commands::run::Input, execute, exit::Exit};

/// Approves what a run asks a person: its block `approval` ends with `approved`.
///
/// Next: the run goes on by itself where a process works on it, else `blueprint runs resume RUN`.
///
/// Examples:
///   blueprint runs approve 7f3k9q
///   blueprint runs approve 7f3k9q check_invoice --note 'seen and fine'
///   blueprint runs approve 7f3k9q -i amount=12
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct ApproveArgs {
    /// The run, the block, and what is said
    #[command(flatten)]
    pub decision: DecisionArgs,
    /// A field of the form: `KEY=VALUE`, as with `run -i`
    #[arg(short = 'i', long = "input", value_name = "KEY=VALUE", value_parser = crate::commands::run::parse_input)]
    pub input: Vec<Input>,
}

/// Rejects what a run asks a person: its block `approval` ends with `rejected`.
///
/// Examples:
///   blueprint runs reject 7f3k9q --note 'too expensive'
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct RejectArgs {
    /// The run, the block, and what is said
    #[command(flatten)]
    pub decision: DecisionArgs,
}

/// Which question is answered.
#[derive(Debug, clap::Args)]
pub struct DecisionArgs {
    /// Id of the run
    pub run: String,
    /// Path of the block; needed only where several wait
    pub block: Option<String>,
    /// What to say with it; the blueprint sees it as `note`
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Who decides; the blueprint sees it as `by`
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// Sends an event to every run that waits for it with `wait_event`.
///
/// Examples:
///   blueprint runs send order-paid --payload '{"order": 17}'
///   blueprint runs send order-paid --payload @event.json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct SendArgs {
    /// Name of the event
    pub event: String,
    /// What it brings: `@FILE`, `@-` or JSON
    #[arg(long, value_name = "@FILE|@-|JSON")]
    pub payload: Option<String>,
}

pub(super) fn approve(args: &ApproveArgs, app: &mut App) -> Result<Exit> {
    decide(&args.decision, Verdict::Approved, &args.input, app)
}

pub(super) fn reject(args: &RejectArgs, app: &mut App) -> Result<Exit> {
    decide(&args.decision, Verdict::Rejected, &[], app)
}

fn decide(args: &DecisionArgs, verdict: Verdict, given: &[Input], app: &mut App) -> Result<Exit> {
    let project = Project::of_folder(Path::new("."))?;
    let journal = store::open_kept(&project, &app.environment)?;
    let runtime = execute::runtime()?;
    runtime.block_on(async {
        let found = store::find(&*journal, &args.run).await?;
        let open = answers::question(&*journal, &found.run, args.block.as_deref()).await?;
        let form = match verdict {
            // The fields of the form are typed as it declares them.
            Verdict::Approved => crate::commands::run::form(given, &open.question.details)?,
            Verdict::Rejected => Value::Null,
        };
        let (by, note) = (args.by.clone(), args.note.clone());
        let posted =
            answers::decide(&*journal, &open, Decision { verdict, by, note, form }).await?;
        let what = format!("`{}` of run {} is {}", open.block, open.run.short(), verdict.as_str());
        app.out.line(&format!("{what}{}", afterwards(posted, &open)))?;
        Ok(Exit::Fine)
    })
}

pub(super) fn send(args: &SendArgs, app: &mut App) -> Result<Exit> {
    let project = Project::of_folder(Path::new("."))?;
    let journal = store::open_kept(&project, &app.environment)?;
    let payload = match &args.payload {
        None => Value::Null,
        Some(text) => crate::commands::run::read_json("--payload", text)?,
    };
    let runtime = execute::runtime()?;
    runtime.block_on(async {
        let reached = answers::send(&*journal, None, &args.event, &payload).await?;
        for (open, posted) in &reached {
            let what = format!("`{}` of run {} has it", open.block, open.run.short());
            app.out.line(&format!("{what}{}", afterwards(*posted, open)))?;
        }
        if reached.is_empty() {
            let message = format!("no run waits for such an event `{}`", args.event);
            return Err(Failure::wrong(message).help("see: blueprint runs waiting").into());
        }
        Ok(Exit::Fine)
    })
}

fn afterwards(posted: Posted, open: &OpenQuestion) -> String {
    match posted {
        Posted::Delivered => String::new(),
        Posted::Kept => format!("; go on with: blueprint runs resume {}", open.run.short()),
        Posted::Ended | Posted::Unknown => "; the run has ended meanwhile".into(),
    }
}
