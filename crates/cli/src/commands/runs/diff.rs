//! `blueprint runs diff`: in what two runs differ.

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    app::App,
    exit::Exit,
    kept,
    render::compare::{self, Difference, Times},
};

/// Shows in what two runs differ: inputs, blocks that ended in another way, value; the first first.
///
/// Next: `blueprint why RUN BLOCK`.
///
/// Examples:
///   blueprint runs diff 7f3k9q @last
///   blueprint runs diff 7f3k9q 81m2xa --times
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct DiffArgs {
    /// Id of the one run
    #[arg(value_name = "RUN")]
    pub one: String,
    /// Id of the other run
    #[arg(value_name = "OTHER")]
    pub other: String,
    /// Show blocks too that took much longer or shorter
    #[arg(long)]
    pub times: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &DiffArgs, app: &mut App) -> Result<Exit> {
    let (_, one) = kept::open(&args.one, app)?;
    let (_, other) = kept::open(&args.other, app)?;
    let times = if args.times { Times::Shown } else { Times::Left };
    let differences = compare::differences(&one, &other, times);
    if args.json {
        let rows: Vec<Value> = differences.iter().map(row).collect();
        let runs = [&one, &other].map(|kept| {
            let summary = &kept.history.summary;
            json!({
                "run": summary.run.as_str(),
                "blueprint": summary.blueprint,
                "status": summary.phase.as_str(),
            })
        });
        let is_same_text = compare::has_same_text(&one, &other);
        let document = json!({"runs": runs, "same_text": is_same_text, "differences": rows});
        app.out.line(&format!("{document:#}"))?;
        return Ok(Exit::Fine);
    }
    let width = if app.out.is_terminal { app.out.size().0 } else { 120 };
    for line in compare::lines(&one, &other, &differences, width, app.out.paint) {
        app.out.line(&line)?;
    }
    Ok(Exit::Fine)
}

fn row(difference: &Difference) -> Value {
    json!({
        "what": difference.what,
        "in": difference.aspect,
        "path": difference.path,
        "one": difference.one,
        "other": difference.other,
    })
}
