//! `blueprint runs diff`: in what two runs differ.

use anyhow::Result;
use blueprint_project::compare::{self, Times};

use crate::{app::App, exit::Exit, kept, render};

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
        let document = compare::document(&one, &other, &differences);
        app.out.line(&format!("{document:#}"))?;
        return Ok(Exit::Fine);
    }
    let width = if app.out.is_terminal { app.out.size().0 } else { 120 };
    for line in render::compare::lines(&one, &other, &differences, width, app.out.paint) {
        app.out.line(&line)?;
    }
    Ok(Exit::Fine)
}
