//! `blueprint runs show`: all that is kept of one run.

use anyhow::Result;
use blueprint_engine::state_after;
use blueprint_model::{EventKind, Value, format, journal::Phase};
use blueprint_project::secrets;
use blueprint_project::{
    history::{self, End, Entry, Kept},
    store::Pinned,
};
use serde_json::json;

use crate::{app::App, exit::Exit, kept, render::story};

/// Shows a kept run: its blocks as a tree, failed attempts, results, state, secrets used, log, end.
///
/// Handles of secrets are shown by name. Next: `blueprint why RUN BLOCK`.
///
/// Examples:
///   blueprint runs show @last
///   blueprint runs show 7f3k9q --full
///   blueprint runs show 7f3k9q --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct ShowArgs {
    /// Id of the run
    pub run: String,
    /// Values whole instead of cut to a line
    #[arg(long, conflicts_with = "json")]
    pub full: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &ShowArgs, app: &mut App) -> Result<Exit> {
    let (project, kept) = kept::open(&args.run, app)?;
    let pinned = kept.pinned(&project);
    let entries = history::entries(&kept.events);
    let state = pinned.as_ref().map(|pinned| state(&kept, pinned));
    if args.json {
        app.out.line(&format!("{:#}", document(&kept, &entries, state.as_ref())))?;
        return Ok(Exit::Fine);
    }
    let mut tree = kept::tree(&kept.history.record, pinned.as_ref(), app.out.paint);
    kept.events.iter().for_each(|event| tree.apply(event));
    match kept.history.summary.phase {
        Phase::Interrupted => tree.rest("interrupted"),
        Phase::Running => tree.rest("running"),
        Phase::Waiting | Phase::Succeeded | Phase::Failed | Phase::Cancelled => {
            tree.rest("waiting");
        }
    }
    let page = story::Page {
        kept: &kept,
        entries: &entries,
        state: state.as_ref(),
        now: secrets::now(),
        is_full: args.full,
        width: if app.out.is_terminal { app.out.size().0 } else { 120 },
        paint: app.out.paint,
    };
    let blocks = tree.block_lines(page.width, page.now);
    for line in page.lines(&blocks) {
        app.out.line(&line)?;
    }
    Ok(Exit::Fine)
}

/// Returns the state that the run left, as it is shown.
fn state(kept: &Kept, pinned: &Pinned) -> Value {
    let state = state_after(&pinned.plan, &kept.history.events);
    kept.secrets.view(&state).unwrap_or_else(|| (*state).clone())
}

fn document(kept: &Kept, entries: &[Entry], state: Option<&Value>) -> Value {
    let (summary, record) = (&kept.history.summary, &kept.history.record);
    let time = |time: jiff::Timestamp| format!("{time:.3}");
    let of_kind = |name: &str| -> Vec<Value> {
        let of_kind = kept.events.iter().filter(|event| event.kind.name() == name);
        of_kind.map(format::to_json).collect()
    };
    let ending = kept.ending();
    json!({
        "run": summary.run.as_str(),
        "blueprint": summary.blueprint,
        "status": summary.phase.as_str(),
        "file": kept.file(),
        "trigger": summary.trigger,
        "key": record.key.as_ref().map(|key| &key.key),
        "retry_of": kept.retry_of(),
        "started": time(summary.started),
        "ended": summary.ended.map(time),
        "wakes": summary.wake.map(time),
        "deadline": record.deadline.map(time),
        "resumed": kept.resumed(),
        "events": summary.events,
        "inputs": *kept.inputs(),
        "blocks": entries.iter().map(block).collect::<Vec<_>>(),
        "state": state,
        "secrets": of_kind("secret_used"),
        "log": of_kind("log"),
        "value": ending.map(|(value, _)| (**value).clone()),
        "error": ending.and_then(|(_, error)| error).map(|error| json!({
            "block": error.block,
            "outcome": error.outcome,
            "message": error.message,
        })),
    })
}

fn block(entry: &Entry) -> Value {
    let failed: Vec<Value> = entry
        .failed
        .iter()
        .map(|failed| {
            json!({
                "attempt": failed.attempt,
                "outcome": failed.outcome,
                "message": failed.message,
                "time": format!("{:.3}", failed.time),
            })
        })
        .collect();
    let mut block = json!({
        "block": entry.path,
        "status": status(entry),
        "began": format!("{:.3}", entry.since),
        "attempt": entry.attempt,
        "failed_attempts": failed,
    });
    match &entry.end {
        Some(End::With { outcome, result, message, duration_us }) => {
            block["outcome"] = json!(outcome);
            block["message"] = json!(message);
            block["duration_ms"] = json!(format::in_ms(*duration_us));
            block["result"] = (**result).clone();
        }
        Some(End::Skipped(edge)) => block["edge"] = json!(edge),
        Some(End::Cancelled(reason)) => block["reason"] = json!(reason.as_str()),
        None => block["waits_for"] = waits_for(entry),
    }
    block
}

fn waits_for(entry: &Entry) -> Value {
    let Some(wish) = entry.wish.clone() else { return Value::Null };
    let at = blueprint_model::event::At { scope: 0, block: 0 };
    let block = blueprint_model::BlockPath::parse(&entry.path);
    let event = blueprint_model::Event {
        run: blueprint_model::RunId::new(""),
        seq: 0,
        time: entry.since,
        kind: EventKind::BlockWaiting { at, block, wish },
    };
    let mut json = format::to_json(&event);
    if let Some(map) = json.as_object_mut() {
        for key in ["v", "run", "seq", "time", "kind", "block"] {
            map.shift_remove(key);
        }
    }
    json
}

fn status(entry: &Entry) -> &'static str {
    match (&entry.end, &entry.wish) {
        (Some(End::With { .. }), _) => "finished",
        (Some(End::Skipped(_)), _) => "skipped",
        (Some(End::Cancelled(_)), _) => "cancelled",
        (None, Some(_)) => "waiting",
        (None, None) if !entry.failed.is_empty() && entry.failed.len() as u32 == entry.attempt => {
            "retrying"
        }
        (None, None) => "running",
    }
}
