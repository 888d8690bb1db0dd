//! What the events of a run say about each block of its graph: a row each, items counted. Pure; its
//! memory grows with the graph and with what is at work, not with what is over.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use blueprint_model::{
    Event, EventKind,
    block::Wish,
    event::{At, CancelReason, RunError, RunStatus},
};
use jiff::{SignedDuration, Timestamp};

use super::shape::Shape;

/// The most bars of a row in the timeline.
const MAX_BARS: usize = 24;

/// What is known of a run after some of its events.
#[derive(Debug, Clone)]
pub(in crate::ui) struct Fold {
    /// The number of the last event.
    pub(in crate::ui) seq: u64,
    /// The rows: blocks of the graph in its order, then those of blueprints that it runs.
    pub(in crate::ui) rows: Vec<Row>,
    /// When the run began.
    pub(in crate::ui) started: Option<Timestamp>,
    /// The time of the last event.
    pub(in crate::ui) last: Option<Timestamp>,
    /// How it ended.
    pub(in crate::ui) end: Option<End>,
    /// Why it was asked to stop.
    pub(in crate::ui) cancel: Option<CancelReason>,
    shape: Arc<Shape>,
    places: BTreeMap<String, usize>,
    /// Blocks that have begun and not ended.
    live: BTreeMap<At, Live>,
    /// Graphs that have begun and not ended, by their numbers.
    scopes: BTreeMap<u32, Scope>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ui) struct End {
    /// How.
    pub(in crate::ui) status: RunStatus,
    /// Why it failed.
    pub(in crate::ui) error: Option<RunError>,
    /// From start to end, in microseconds.
    pub(in crate::ui) duration_us: u64,
}

/// A block of the graph, all its items together.
#[derive(Debug, Clone, Default)]
pub(in crate::ui) struct Row {
    /// Its path without items.
    pub(in crate::ui) id: String,
    /// Its type; empty for blocks of blueprints that the run calls.
    pub(in crate::ui) kind: String,
    /// The number of the last event that changed it; 0 if none has.
    pub(in crate::ui) changed: u64,
    /// How often it has begun or been resolved: once, but for blocks in loops.
    pub(in crate::ui) instances: u64,
    /// How many are where.
    pub(in crate::ui) counts: Counts,
    /// The outcome of the last that ended.
    pub(in crate::ui) outcome: Option<String>,
    /// The last attempt of the last that began.
    pub(in crate::ui) attempt: u32,
    /// When the first began.
    pub(in crate::ui) since: Option<Timestamp>,
    /// When the last ended.
    pub(in crate::ui) until: Option<Timestamp>,
    /// How long the last took, in microseconds.
    pub(in crate::ui) duration_us: u64,
    /// What is waited for.
    pub(in crate::ui) waits: Option<Waits>,
    /// Items of its loop.
    pub(in crate::ui) items: Items,
    /// Its place in the timeline.
    pub(in crate::ui) bars: Vec<Bar>,
}

/// How many of a block are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::ui) struct Counts {
    /// At work.
    pub(in crate::ui) running: u64,
    /// Before another attempt.
    pub(in crate::ui) retrying: u64,
    /// Waiting for their loop, a blueprint, a time or somebody.
    pub(in crate::ui) waiting: u64,
    /// Ended without an error.
    pub(in crate::ui) good: u64,
    /// Ended with an error that an edge handles.
    pub(in crate::ui) handled: u64,
    /// Ended with an error that none does.
    pub(in crate::ui) bad: u64,
    /// Skipped.
    pub(in crate::ui) skipped: u64,
    /// Cancelled.
    pub(in crate::ui) cancelled: u64,
}

/// The items of a loop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::ui) struct Items {
    /// How many there are; none where that is not known.
    pub(in crate::ui) all: Option<usize>,
    /// How many have begun.
    pub(in crate::ui) begun: usize,
    /// How many are over.
    pub(in crate::ui) done: usize,
    /// How many of these had an error that nothing handled.
    pub(in crate::ui) bad: usize,
}

/// What a block waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ui) enum Waits {
    /// The items of its loop.
    Items,
    /// A round of its loop.
    Round(u64),
    /// A blueprint that it runs.
    Call(String),
    /// A time.
    Until(Timestamp),
    /// Somebody outside.
    Answer,
}

/// A piece of the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ui) struct Bar {
    /// When it begins.
    pub(in crate::ui) from: Timestamp,
    /// When it ends; open while it lasts.
    pub(in crate::ui) to: Option<Timestamp>,
    /// What happens in it.
    pub(in crate::ui) what: Piece,
}

/// What happens in a piece of the timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ui) enum Piece {
    /// An attempt, or many.
    Work,
    /// An attempt that failed.
    Failed,
    /// Waiting for somebody or something.
    Wait,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Live {
    Running,
    Retrying,
    Waiting,
}

/// How a block came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Good,
    Handled,
    Bad,
    Skipped,
    Cancelled,
}

#[derive(Debug, Clone)]
struct Scope {
    /// What the ids of its blocks begin with.
    prefix: String,
    /// The row of the block whose item it is.
    owner: Option<usize>,
    /// How many of its blocks are over, and how many it has.
    resolved: usize,
    size: usize,
    is_bad: bool,
}

impl Fold {
    /// Returns what is known before the first event.
    pub(in crate::ui) fn new(shape: Arc<Shape>) -> Self {
        let row = |(id, kind): &(String, String)| Row {
            id: id.clone(),
            kind: kind.clone(),
            ..Row::default()
        };
        let rows: Vec<Row> = shape.blocks.iter().map(row).collect();
        let places = rows.iter().enumerate().map(|(at, row)| (row.id.clone(), at)).collect();
        Self {
            seq: 0,
            rows,
            started: None,
            last: None,
            end: None,
            cancel: None,
            shape,
            places,
            live: BTreeMap::new(),
            scopes: BTreeMap::new(),
        }
    }

    /// Returns the row with this id.
    pub(in crate::ui) fn row(&self, id: &str) -> Option<&Row> {
        self.places.get(id).map(|at| &self.rows[*at])
    }

    /// Returns how many blocks are over, and how many there are, items counted.
    pub(in crate::ui) fn progress(&self) -> (u64, u64) {
        let over = |counts: &Counts| {
            let Counts { good, handled, bad, skipped, cancelled, .. } = counts;
            good + handled + bad + skipped + cancelled
        };
        let done = self.rows.iter().map(|row| over(&row.counts)).sum();
        let all = self.rows.iter().map(|row| row.instances.max(1)).sum();
        (done, all)
    }

    /// Takes the next event, as it is shown.
    pub(in crate::ui) fn take(&mut self, event: &Event) {
        self.seq = event.seq;
        self.last = Some(event.time);
        match &event.kind {
            EventKind::RunStarted { .. } => self.started = Some(event.time),
            EventKind::CancelRequested { reason } => self.cancel = Some(*reason),
            EventKind::RunFinished { status, error, duration_us, .. } => {
                let (status, error, duration_us) = (*status, error.clone(), *duration_us);
                self.end = Some(End { status, error, duration_us });
            }
            EventKind::BlockStarted { at, attempt, .. } => self.begin(event, *at, *attempt),
            EventKind::AttemptFailed { at, .. } => {
                self.put(event, *at, Live::Retrying);
                self.change(event, *at, |row| {
                    row.close(event.time, Piece::Failed);
                });
            }
            EventKind::BlockWaiting { at, wish, .. } => self.wait(event, *at, wish),
            EventKind::BlockFinished { at, outcome, message, is_return, duration_us, .. } => {
                let id = self.id(event, *at);
                let is_handled = *is_return || self.shape.is_handled(&id, outcome);
                let over = match (message, is_handled) {
                    (None, _) => Over::Good,
                    (Some(_), true) => Over::Handled,
                    (Some(_), false) => Over::Bad,
                };
                self.change(event, *at, |row| {
                    row.outcome = Some(outcome.to_string());
                    row.duration_us = *duration_us;
                });
                self.finish(event, *at, over);
            }
            EventKind::BlockSkipped { at, .. } => self.finish(event, *at, Over::Skipped),
            EventKind::BlockCancelled { at, .. } => self.finish(event, *at, Over::Cancelled),
            EventKind::AnswerReceived { .. }
            | EventKind::StateChanged { .. }
            | EventKind::SecretUsed { .. }
            | EventKind::SecretDerived { .. }
            | EventKind::Log { .. }
            | EventKind::RunResumed { .. } => {}
        }
    }

    fn begin(&mut self, event: &Event, at: At, attempt: u32) {
        self.put(event, at, Live::Running);
        self.change(event, at, |row| {
            row.attempt = attempt;
            row.waits = None;
            row.since.get_or_insert(event.time);
            if attempt > 1 {
                // A loop begins anew.
                row.items = Items::default();
            }
            row.open(event.time, Piece::Work);
        });
    }

    fn wait(&mut self, event: &Event, at: At, wish: &Wish) {
        self.put(event, at, Live::Waiting);
        self.change(event, at, |row| {
            let (waits, piece) = match wish {
                Wish::Items(each) => {
                    let before = row.items.all.unwrap_or(0);
                    row.items.all = Some(before + each.items.len());
                    (Waits::Items, Piece::Work)
                }
                Wish::Round { round, .. } => (Waits::Round(*round), Piece::Work),
                Wish::Call { blueprint, .. } => (Waits::Call(blueprint.clone()), Piece::Work),
                Wish::Sleep { until } => (Waits::Until(*until), Piece::Wait),
                Wish::Answer(_) => (Waits::Answer, Piece::Wait),
            };
            row.waits = Some(waits);
            row.since.get_or_insert(event.time);
            row.open(event.time, piece);
        });
    }

    fn finish(&mut self, event: &Event, at: At, over: Over) {
        let place = self.place(event, at);
        match self.live.remove(&at) {
            Some(live) => self.rows[place].counts.move_out(live),
            None => self.rows[place].instances += 1,
        }
        let row = &mut self.rows[place];
        row.changed = event.seq;
        row.counts.add(over);
        if over != Over::Skipped {
            row.until = Some(event.time);
            let piece = if over == Over::Bad { Piece::Failed } else { Piece::Work };
            row.close(event.time, piece);
        }
        if matches!(over, Over::Good | Over::Handled | Over::Bad) {
            row.fill(event.time, over);
        }
        if row.counts.waiting == 0 {
            row.waits = None;
        }
        self.resolve(event.seq, at, over);
    }

    /// Counts a block of an item as over; with the last one the item is.
    fn resolve(&mut self, seq: u64, at: At, over: Over) {
        let Some(scope) = self.scopes.get_mut(&at.scope) else { return };
        scope.resolved += 1;
        scope.is_bad |= over == Over::Bad;
        if scope.size == 0 || scope.resolved < scope.size {
            return;
        }
        let (owner, is_bad) = (scope.owner, scope.is_bad);
        self.scopes.remove(&at.scope);
        if let Some(owner) = owner {
            let row = &mut self.rows[owner];
            row.changed = seq;
            row.items.done += 1;
            row.items.bad += usize::from(is_bad);
        }
    }

    /// Moves a block to where it is now.
    fn put(&mut self, event: &Event, at: At, live: Live) {
        let place = self.place(event, at);
        let row = &mut self.rows[place];
        match self.live.insert(at, live) {
            Some(before) => row.counts.move_out(before),
            None => row.instances += 1,
        }
        row.counts.move_in(live);
    }

    fn change(&mut self, event: &Event, at: At, change: impl FnOnce(&mut Row)) {
        let place = self.place(event, at);
        self.rows[place].changed = event.seq;
        change(&mut self.rows[place]);
    }

    fn id(&mut self, event: &Event, at: At) -> String {
        let place = self.place(event, at);
        self.rows[place].id.clone()
    }

    /// Returns the row of the event's block; one that the graph does not have gets a new one.
    fn place(&mut self, event: &Event, at: At) -> usize {
        let Some((_, block)) = event.kind.block() else { return 0 };
        if at.scope != 0 && !self.scopes.contains_key(&at.scope) {
            self.open_scope(at.scope, &block.scope, event.seq);
        }
        let prefix = self.scopes.get(&at.scope).map_or("", |scope| scope.prefix.as_str());
        let id = format!("{prefix}{}", block.id);
        if let Some(place) = self.places.get(&id) {
            return *place;
        }
        self.places.insert(id.clone(), self.rows.len());
        self.rows.push(Row { id, ..Row::default() });
        self.rows.len() - 1
    }

    fn open_scope(&mut self, number: u32, scope: &str, seq: u64) {
        let prefix = without_items(scope);
        let owner = prefix.strip_suffix('.').and_then(|owner| self.places.get(owner).copied());
        let size = self.shape.body_size(prefix.trim_end_matches('.'));
        if let Some(owner) = owner {
            self.rows[owner].items.begun += 1;
            self.rows[owner].changed = seq;
        }
        let scope = Scope { prefix, owner, resolved: 0, size, is_bad: false };
        self.scopes.insert(number, scope);
    }
}

impl Row {
    /// Begins a piece of the timeline; one piece holds all where there are many.
    fn open(&mut self, time: Timestamp, what: Piece) {
        if self.instances > 1 || self.bars.len() >= MAX_BARS {
            self.bars.truncate(1);
            match self.bars.first_mut() {
                Some(bar) => (bar.to, bar.what) = (None, Piece::Work),
                None => self.bars.push(Bar { from: time, to: None, what }),
            }
            return;
        }
        if let Some(last) = self.bars.last_mut() {
            if last.to.is_none() && last.what == what {
                return;
            }
            last.to.get_or_insert(time);
        }
        self.bars.push(Bar { from: time, to: None, what });
    }

    /// Gives a block that began and ended in one fact its place in the timeline.
    fn fill(&mut self, time: Timestamp, over: Over) {
        if self.instances > 1 || !self.bars.is_empty() {
            return;
        }
        let took = SignedDuration::from_micros(i64::try_from(self.duration_us).unwrap_or(0));
        let from = time.checked_sub(took).unwrap_or(time);
        let what = if over == Over::Bad { Piece::Failed } else { Piece::Work };
        self.since.get_or_insert(from);
        self.bars.push(Bar { from, to: Some(time), what });
    }

    fn close(&mut self, time: Timestamp, what: Piece) {
        let is_one = self.instances <= 1;
        let is_idle = self.counts.running + self.counts.waiting + self.counts.retrying == 0;
        if let Some(last) = self.bars.last_mut()
            && last.to.is_none()
            && (is_one || is_idle)
        {
            last.to = Some(time);
            if is_one && what == Piece::Failed {
                last.what = what;
            }
        }
    }
}

impl Counts {
    fn slot(&mut self, live: Live) -> &mut u64 {
        match live {
            Live::Running => &mut self.running,
            Live::Retrying => &mut self.retrying,
            Live::Waiting => &mut self.waiting,
        }
    }

    fn move_in(&mut self, live: Live) {
        *self.slot(live) += 1;
    }

    fn move_out(&mut self, live: Live) {
        let slot = self.slot(live);
        *slot = slot.saturating_sub(1);
    }

    fn add(&mut self, over: Over) {
        let slot = match over {
            Over::Good => &mut self.good,
            Over::Handled => &mut self.handled,
            Over::Bad => &mut self.bad,
            Over::Skipped => &mut self.skipped,
            Over::Cancelled => &mut self.cancelled,
        };
        *slot += 1;
    }
}

/// Returns a path without the items in it: `each[12].fetch` becomes `each.fetch`.
pub(in crate::ui) fn without_items(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(open) = rest.find('[') {
        out.push_str(&rest[..open]);
        let inner = &rest[open + 1..];
        // Keys of items may hold brackets; what ends an item is followed by a dot, or nothing.
        let close = inner.find("].").or_else(|| inner.ends_with(']').then(|| inner.len() - 1));
        let Some(close) = close else { return out };
        rest = &inner[close + 1..];
    }
    out.push_str(rest);
    out
}
