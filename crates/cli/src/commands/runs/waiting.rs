//! `blueprint runs waiting`: what runs wait for.

use std::path::Path;

use anyhow::Result;
use blueprint_model::journal::{OpenQuestion, QuestionFilter, QuestionKind};
use blueprint_project::{answers, project::Project, store};
use serde_json::{Value, json};

use crate::{app::App, execute, exit::Exit};

/// Lists what runs wait for from outside: decisions of people, and events.
///
/// Next: `blueprint runs approve RUN`, `blueprint runs send EVENT`.
///
/// Examples:
///   blueprint runs waiting
///   blueprint runs waiting --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct WaitingArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &WaitingArgs, app: &mut App) -> Result<Exit> {
    let project = Project::of_folder(Path::new("."))?;
    let journal = store::open_kept(&project, &app.environment)?;
    let runtime = execute::runtime()?;
    let mut questions = runtime.block_on(async {
        let all = journal.questions(&QuestionFilter::default()).await.map_err(store::failure)?;
        let mut questions = Vec::new();
        for open in all {
            // A run may have been removed since; a handle in a question is shown by name.
            if let Some(history) = journal.read(&open.run).await.map_err(store::failure)? {
                questions.push(answers::as_shown(open, &store::handles(&history)));
            }
        }
        anyhow::Ok(questions)
    })?;
    if args.json {
        let list: Vec<Value> = questions.iter().map(to_json).collect();
        app.out.line(&format!("{:#}", Value::Array(list)))?;
        return Ok(Exit::Fine);
    }
    if questions.is_empty() {
        app.err.line("no run waits for anybody")?;
    }
    questions.sort_by_key(|open| open.question.kind);
    for open in &questions {
        app.out.line(&line(open))?;
    }
    Ok(Exit::Fine)
}

fn line(open: &OpenQuestion) -> String {
    let (run, block) = (open.run.short(), &open.block);
    let until = open.question.until.map_or(String::new(), |until| format!(", until {until:.0}"));
    let what = match open.question.kind {
        QuestionKind::Approval => format!("a decision: {}", open.question.name),
        QuestionKind::Event => format!("event {}", open.question.name),
    };
    format!("{run}  {}  {block}  waits for {what}{until}", open.blueprint)
}

fn to_json(open: &OpenQuestion) -> Value {
    json!({
        "run": open.run.as_str(),
        "blueprint": open.blueprint,
        "block": open.block.to_string(),
        "for": open.question.kind.as_str(),
        "name": open.question.name,
        "details": *open.question.details,
        "since": open.since.to_string(),
        "until": open.question.until.map(|until| until.to_string()),
    })
}
