//! How a block of a run stands, in sign, word and colour: the same on the page and in its stream.

use std::fmt::Write as _;

use blueprint_model::journal::Phase;
use blueprint_project::{drawing::Mark, text};
use serde::Serialize;

use super::fold::{Fold, Row, Waits};
use crate::ui::parts::{self, State};

/// Not decided yet.
const PENDING: State = State { word: "pending", sign: "", class: "s-none" };
/// The run ended before it was decided.
const UNREACHED: State = State { word: "not reached", sign: "", class: "s-none" };
/// An edge that leads to it was not taken.
pub(super) const SKIPPED: State = State { word: "skipped", sign: "–", class: "s-mute skipped" };
/// Before another attempt.
const RETRYING: State = State { word: "retrying", sign: "↻", class: "s-warn" };
/// Ended with an error that an edge handles.
pub(super) const HANDLED: State = State { word: "error handled", sign: "!", class: "s-warn" };

/// Returns how a block stands in a run that stands like this.
pub(in crate::ui) fn state(row: &Row, phase: Phase) -> State {
    let counts = &row.counts;
    let is_live = counts.running > 0 || counts.retrying > 0 || counts.waiting > 0;
    if is_live && phase == Phase::Interrupted {
        return parts::INTERRUPTED;
    }
    if counts.running > 0 {
        return parts::RUNNING;
    }
    if counts.retrying > 0 {
        return RETRYING;
    }
    if counts.waiting > 0 {
        return match row.waits {
            Some(Waits::Until(_) | Waits::Answer) => parts::WAITING,
            Some(Waits::Items | Waits::Round(_) | Waits::Call(_)) | None => parts::RUNNING,
        };
    }
    match () {
        () if counts.bad > 0 => parts::FAILED,
        () if counts.cancelled > 0 && counts.good == 0 => parts::CANCELLED,
        () if counts.handled > 0 => HANDLED,
        () if counts.good > 0 => parts::SUCCEEDED,
        () if counts.skipped > 0 => SKIPPED,
        () if phase.is_ended() => UNREACHED,
        () => PENDING,
    }
}

/// Returns what stands beside a block's type: how far its loop is, how long it took, how often it ran.
pub(in crate::ui) fn meta(row: &Row) -> String {
    let is_live = row.counts.running + row.counts.retrying + row.counts.waiting > 0;
    match (&row.waits, row.items.all) {
        (Some(Waits::Round(round)), _) => return format!("round {round}"),
        (Some(Waits::Items), Some(all)) => {
            return format!("{} / {}", parts::grouped(row.items.done), parts::grouped(all));
        }
        _ => {}
    }
    if row.instances > 1 {
        let ran = row.instances.saturating_sub(row.counts.skipped);
        return format!("× {}", parts::grouped(usize::try_from(ran).unwrap_or(usize::MAX)));
    }
    match (is_live, row.attempt) {
        (true, attempt) if attempt > 1 => format!("attempt {attempt}"),
        (true, _) => String::new(),
        (false, _) if row.until.is_some() && row.since.is_some() => text::duration(row.duration_us),
        (false, _) => String::new(),
    }
}

/// Returns how many of a block are where, in words; empty where there is one.
pub(in crate::ui) fn tally(row: &Row) -> String {
    if row.instances <= 1 {
        return String::new();
    }
    let counts = &row.counts;
    let words = [
        (counts.running, "running"),
        (counts.retrying, "retrying"),
        (counts.waiting, "waiting"),
        (counts.good, "succeeded"),
        (counts.handled, "with a handled error"),
        (counts.bad, "failed"),
        (counts.skipped, "skipped"),
        (counts.cancelled, "cancelled"),
    ];
    let mut out = String::new();
    for (n, word) in words.iter().filter(|(n, _)| *n > 0) {
        let comma = if out.is_empty() { "" } else { ", " };
        let n = parts::grouped(usize::try_from(*n).unwrap_or(usize::MAX));
        // Writing to a string cannot fail.
        let _ = write!(out, "{comma}{n} {word}");
    }
    out
}

/// Returns the outcome by which edges of the graph are shown as taken or not: that of a block that
/// runs once, or an empty one where it was skipped or cancelled.
pub(in crate::ui) fn way(row: &Row) -> Option<String> {
    let counts = &row.counts;
    match row.instances {
        1 if counts.good + counts.handled + counts.bad > 0 => row.outcome.clone(),
        1 if counts.skipped + counts.cancelled > 0 => Some(String::new()),
        _ => None,
    }
}

/// Returns what the graph says about a block.
pub(in crate::ui) fn mark(row: &Row, phase: Phase, href: String, is_selected: bool) -> Mark {
    let state = state(row, phase);
    let selected = if is_selected { " selected" } else { "" };
    Mark {
        href,
        class: format!("{}{selected}", state.class),
        sign: state.sign.into(),
        words: words(row, state),
        meta: meta(row),
        outcome: way(row),
    }
}

fn words(row: &Row, state: State) -> String {
    let tally = tally(row);
    match (&row.outcome, tally.as_str()) {
        (Some(outcome), "") => format!("{} with outcome {outcome}", state.word),
        (_, "") => state.word.into(),
        (_, tally) => tally.into(),
    }
}

/// A message of the stream: what changed since the one before.
#[derive(Debug, Serialize)]
pub(super) struct News {
    /// Where the run stands.
    phase: &'static str,
    sign: &'static str,
    class: &'static str,
    /// Whether it has ended: nothing follows.
    ended: bool,
    /// How many blocks are over, of how many.
    done: u64,
    all: u64,
    /// Blocks that changed.
    rows: Vec<Change>,
}

/// A block that changed.
#[derive(Debug, Serialize)]
struct Change {
    id: String,
    class: &'static str,
    sign: &'static str,
    word: &'static str,
    words: String,
    outcome: Option<String>,
    way: Option<String>,
    meta: String,
    tally: String,
    attempt: u32,
    /// When it began, where it is at work: the page counts on.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

/// Returns what changed after an event.
pub(super) fn news(fold: &Fold, phase: Phase, after: u64) -> News {
    let state = parts::phase(phase);
    let (done, all) = fold.progress();
    let rows = fold.rows.iter().filter(|row| row.changed > after);
    News {
        phase: state.word,
        sign: state.sign,
        class: state.class,
        ended: phase.is_ended(),
        done,
        all,
        rows: rows.map(|row| change(row, phase)).collect(),
    }
}

fn change(row: &Row, phase: Phase) -> Change {
    let state = state(row, phase);
    let is_running = row.counts.running > 0 && row.instances == 1;
    Change {
        id: row.id.clone(),
        class: state.class,
        sign: state.sign,
        word: state.word,
        words: words(row, state),
        outcome: row.outcome.clone(),
        way: way(row),
        meta: meta(row),
        tally: tally(row),
        attempt: row.attempt,
        since: row.since.filter(|_| is_running).map(|since| since.to_string()),
    }
}
