//! `blueprint runs prune`: forgets runs that have ended.

use std::{path::Path, time::Duration};

use anyhow::Result;
use blueprint_model::{
    RunId,
    journal::{Phase, RunFilter, RunSummary},
    units,
};
use blueprint_project::secrets;
use blueprint_project::{project::Project, store, text};
use jiff::Timestamp;

use crate::{app::App, execute, exit::Exit};

/// Forgets runs that have ended: those that ended too long ago, and those beyond a number.
///
/// Without arguments, runs that ended longer ago than `store.keep` of project.yaml, which is 30 days
/// where it says nothing. Runs that have not ended are never forgotten.
///
/// Examples:
///   blueprint runs prune --dry-run
///   blueprint runs prune --older-than 7d
///   blueprint runs prune --keep 1000
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct PruneArgs {
    /// Those that ended longer ago than this
    #[arg(long, value_name = "DURATION", value_parser = parse_age)]
    pub older_than: Option<Duration>,
    /// All but the newest so many that have ended
    #[arg(long, value_name = "N")]
    pub keep: Option<usize>,
    /// Say how many, and forget none
    #[arg(long)]
    pub dry_run: bool,
}

fn parse_age(text: &str) -> Result<Duration, String> {
    units::parse_duration(text).ok_or_else(|| "write a duration such as `12h` or `30d`".into())
}

pub(super) fn run(args: &PruneArgs, app: &mut App) -> Result<Exit> {
    let project = Project::of_folder(Path::new("."))?;
    let journal = store::open_kept(&project, &app.environment)?;
    let age = match (args.older_than, args.keep) {
        (Some(age), _) => Some(age),
        (None, Some(_)) => None,
        (None, None) => Some(project.settings.store.keep()),
    };
    let runtime = execute::runtime()?;
    let phases = Phase::ALL.into_iter().filter(|phase| phase.is_ended()).collect();
    let filter = RunFilter { phases, ..RunFilter::default() };
    let ended = runtime.block_on(journal.list(&filter)).map_err(store::failure)?;
    let of = ended.len();
    let old = too_old(ended, age, args.keep, secrets::now());
    let (word, n) = match args.dry_run {
        true => ("would forget", old.len()),
        false => {
            let gone = runtime.block_on(journal.remove(&old)).map_err(store::failure)?;
            ("forgot", usize::try_from(gone).unwrap_or(usize::MAX))
        }
    };
    app.out.line(&format!("{word} {n} of {} that had ended", text::count(of, "run")))?;
    Ok(Exit::Fine)
}

/// Returns the runs to forget, of runs that have ended, the newest first.
fn too_old(
    ended: Vec<RunSummary>,
    age: Option<Duration>,
    keep: Option<usize>,
    now: Timestamp,
) -> Vec<RunId> {
    let until = age.map(|age| now.checked_sub(age).unwrap_or(Timestamp::MIN));
    let is_old = |place: usize, summary: &RunSummary| {
        let end = summary.ended.unwrap_or(summary.started);
        until.is_some_and(|until| end < until) || keep.is_some_and(|keep| place >= keep)
    };
    let old = ended.into_iter().enumerate().filter(|(place, summary)| is_old(*place, summary));
    old.map(|(_, summary)| summary.run).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(age: Option<u64>, keep: Option<usize>, expected: &[&str]) {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let run = |id: &str, hours: i64| RunSummary {
            run: RunId::new(id),
            blueprint: "x".into(),
            trigger: "cli".into(),
            phase: Phase::Failed,
            started: now - jiff::SignedDuration::from_hours(1_000),
            ended: Some(now - jiff::SignedDuration::from_hours(hours)),
            wake: None,
            events: 1,
        };
        let ended = vec![run("new", 1), run("old", 30), run("older", 60)];
        let age = age.map(|hours| Duration::from_secs(3_600 * hours));
        let old: Vec<String> =
            too_old(ended, age, keep, now).iter().map(ToString::to_string).collect();
        assert_eq!(old, expected);
    }

    #[test]
    fn either_bound_forgets() {
        check(None, None, &[]);
        check(Some(24), None, &["old", "older"]);
        check(Some(48), None, &["older"]);
        check(None, Some(2), &["older"]);
        check(Some(24), Some(0), &["new", "old", "older"]);
    }
}
