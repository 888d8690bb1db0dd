//! `blueprint runs approve`, `reject` and `send`: answers to what runs wait for.

use std::{path::Path, sync::Arc};

use anyhow::Result;
use blueprint_model::{
    Journal, Value, diagnostic,
    journal::{Letter, OpenQuestion, Posted, QuestionFilter, QuestionKind},
    value,
};
use blueprint_project::{failure::Failure, project::Project, store};
use serde_json::json;

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
    decide(&args.decision, true, &args.input, app)
}

pub(super) fn reject(args: &RejectArgs, app: &mut App) -> Result<Exit> {
    decide(&args.decision, false, &[], app)
}

fn decide(args: &DecisionArgs, approves: bool, given: &[Input], app: &mut App) -> Result<Exit> {
    let project = Project::of_folder(Path::new("."))?;
    let journal = store::open_kept(&project, &app.environment)?;
    let runtime = execute::runtime()?;
    runtime.block_on(async {
        let found = store::find(&*journal, &args.run).await?;
        let kind = Some(QuestionKind::Approval);
        let filter = QuestionFilter { run: Some(found.run), kind, name: None };
        let open = journal.questions(&filter).await.map_err(store::failure)?;
        let open = choose(open, args)?;
        let form = match approves {
            true => form_of(&open, given)?,
            false => Value::Null,
        };
        let answer = json!({
            "decision": if approves { "approved" } else { "rejected" },
            "by": args.by,
            "note": args.note,
            "form": form,
        });
        let word = if approves { "approved" } else { "rejected" };
        let posted = post(&*journal, &open, answer).await?;
        let what = format!("`{}` of run {} is {word}", open.block, open.run.short());
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
        let filter = QuestionFilter {
            kind: Some(QuestionKind::Event),
            name: Some(args.event.clone()),
            run: None,
        };
        let open = journal.questions(&filter).await.map_err(store::failure)?;
        let mut reached = 0;
        for open in open.iter().filter(|open| value::contains(&payload, &open.question.details)) {
            let posted = post(&*journal, open, payload.clone()).await?;
            let what = format!("`{}` of run {} has it", open.block, open.run.short());
            app.out.line(&format!("{what}{}", afterwards(posted, open)))?;
            reached += 1;
        }
        if reached == 0 {
            let message = format!("no run waits for such an event `{}`", args.event);
            return Err(Failure::wrong(message).help("see: blueprint runs waiting").into());
        }
        Ok(Exit::Fine)
    })
}

async fn post(journal: &dyn Journal, open: &OpenQuestion, answer: Value) -> Result<Posted> {
    let letter = Letter::Answer { at: open.at, answer: Arc::new(answer) };
    journal.post(&open.run, &letter).await.map_err(store::failure)
}

fn afterwards(posted: Posted, open: &OpenQuestion) -> String {
    match posted {
        Posted::Delivered => String::new(),
        Posted::Kept => format!("; go on with: blueprint runs resume {}", open.run.short()),
        Posted::Ended | Posted::Unknown => "; the run has ended meanwhile".into(),
    }
}

/// Returns the question that is meant.
fn choose(mut open: Vec<OpenQuestion>, args: &DecisionArgs) -> Result<OpenQuestion> {
    let names: Vec<String> = open.iter().map(|open| open.block.to_string()).collect();
    if let Some(typed) = &args.block {
        open.retain(|open| open.block.to_string() == *typed);
        if open.is_empty() {
            let message = format!("block `{typed}` of the run waits for no decision");
            let hint = diagnostic::suggest(typed, names.iter().map(String::as_str));
            return Err(Failure { hint, ..Failure::wrong(message) }.into());
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => {
            let message = "several blocks of the run wait for a decision".to_owned();
            Err(Failure::wrong(message).help(format!("say which: {}", names.join(", "))).into())
        }
        (None, _) => {
            let message = "the run waits for no decision".to_owned();
            Err(Failure::wrong(message).help("see: blueprint runs waiting").into())
        }
    }
}

/// Reads the fields of the form, typed as it declares them.
fn form_of(open: &OpenQuestion, given: &[Input]) -> Result<Value> {
    crate::commands::run::form(given, &open.question.details)
}
