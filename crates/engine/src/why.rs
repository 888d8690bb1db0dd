//! Why a block ran, or did not: what the plan and the events of a run say about it.

mod fold;

use std::sync::Arc;

use blueprint_model::{
    Event, Secrets,
    block::Wish,
    blueprint::Join,
    diagnostic::did_you_mean,
    event::{At, CancelReason},
    journal::{Question, QuestionKind},
};
use jiff::Timestamp;

use self::fold::{Fold, Record};
use crate::{library::Library, plan::Plan};

/// A run as it is kept: what it ran, and what came of it.
pub struct Told<'r> {
    /// The blueprint.
    pub plan: Arc<Plan>,
    /// The blueprints that it may call.
    pub library: Arc<Library>,
    /// How deep blueprints may be nested.
    pub max_depth: usize,
    /// Its events, in order, as they are kept: handles in them are tokens.
    pub events: &'r [Event],
    /// Its handles, by which they are shown.
    pub secrets: &'r Secrets,
}

/// Why a block stands where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// Its path in the run.
    pub block: String,
    /// Its type.
    pub kind: &'static str,
    /// When it runs, as a rule about its edges.
    pub join: Join,
    /// The block whose body or callee it is in.
    pub inside: Option<String>,
    /// Where it stands.
    pub stands: Stands,
    /// The edges that lead to it, in file order, with what became of each.
    pub edges: Vec<EdgeIn>,
    /// Why it was skipped, step by step back to the root cause; else empty.
    pub because: Vec<Link>,
    /// The blocks at work, or due, that decide whether it runs; empty once that is decided.
    pub waits_for: Vec<WaitsFor>,
    /// Its attempts that failed and were followed by another.
    pub failed: Vec<Failed>,
}

/// Where a block stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Stands {
    /// Its join is not decided.
    Pending,
    /// It may start and has not.
    Due,
    /// The run starts at a block from which it cannot be reached.
    LeftOut,
    /// An attempt is at work.
    Running {
        /// Which attempt.
        attempt: u32,
        /// Since when the block is at work.
        since: Timestamp,
    },
    /// The next attempt waits for its time.
    Retrying {
        /// Which attempt comes next.
        attempt: u32,
        /// When.
        at: Timestamp,
    },
    /// It waits for the items of its loop.
    Looping {
        /// How many items there are.
        items: usize,
    },
    /// It waits for a round of its loop, or for the time of it.
    Round {
        /// Which round.
        round: u64,
        /// When the round begins, if it has not.
        not_before: Option<Timestamp>,
    },
    /// It waits for the blueprint that it runs.
    Calling {
        /// Its name.
        blueprint: String,
    },
    /// It waits for a time.
    Sleeping {
        /// Until then.
        until: Timestamp,
    },
    /// It waits for somebody outside.
    Asking {
        /// A decision or an event.
        kind: QuestionKind,
        /// What is asked, or the event's name.
        name: String,
        /// Until then, if not for ever.
        until: Option<Timestamp>,
    },
    /// It ended.
    Ended(Ended),
}

/// How a block ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// With an outcome.
    With {
        /// The outcome.
        outcome: String,
        /// Why, on an error-like outcome.
        message: Option<String>,
        /// From the start of its first attempt, in microseconds.
        duration_us: u64,
        /// In which attempt.
        attempt: u32,
    },
    /// It was skipped.
    Skipped {
        /// The dead edge, as `from.outcome`.
        edge: String,
    },
    /// It was cancelled.
    Cancelled {
        /// Why.
        reason: CancelReason,
        /// By whom.
        by: By,
    },
}

/// Who cancelled a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// A block: it returned, its error was not handled, or its time was up.
    Block(String),
    /// Whoever asked for it.
    Somebody,
    /// The run's deadline.
    Clock,
}

/// An edge that leads to a block.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeIn {
    /// The edge, as `from.outcome`.
    pub edge: String,
    /// The block it comes from, by its path.
    pub from: String,
    /// What became of it.
    pub fate: Fate,
}

/// What became of an edge.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// It was taken. Of several the lowest number was the first.
    Taken(u64),
    /// It was not, because of how its block ended.
    Dead(Ended),
    /// Its block has not ended.
    Open,
}

/// One step from a skipped block to the cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The edge that was not taken, as `from.outcome`.
    pub edge: String,
    /// The block it comes from, by its path.
    pub from: String,
    /// How that block ended.
    pub ended: Ended,
}

/// A block that decides whether another runs.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitsFor {
    /// Its path.
    pub block: String,
    /// Where it stands.
    pub stands: Stands,
}

/// An attempt that failed and was followed by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// Which attempt.
    pub attempt: u32,
    /// The outcome that it would have ended with.
    pub outcome: String,
    /// Why.
    pub message: String,
    /// When it failed.
    pub time: Timestamp,
    /// When the next one was due.
    pub retry_at: Timestamp,
}

/// Why there is nothing to say about a block.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoBlock {
    /// The run has no such block.
    #[error("the run has no block `{typed}`")]
    Unknown {
        /// What was asked for.
        typed: String,
        /// A block that may be meant.
        near: Option<String>,
    },
    /// The block is in a graph that was never begun.
    #[error("`{typed}` was never reached: `{host}` did not begin it")]
    NotReached {
        /// What was asked for.
        typed: String,
        /// The block around it.
        host: String,
    },
}

/// Says why a block, named by its path in the run, ran or did not.
///
/// # Errors
///
/// Returns why there is no such block, with the one that may be meant.
pub fn why(told: &Told<'_>, block: &str) -> Result<Why, NoBlock> {
    let fold = Fold::of(told);
    let at = fold.find(block).ok_or_else(|| no_block(&fold, block))?;
    let step = fold.step(at);
    let edges: Vec<EdgeIn> = step.incoming.iter().map(|edge| edge_in(&fold, at, *edge)).collect();
    let stands = stands(&fold, at);
    let because = match &stands {
        Stands::Ended(Ended::Skipped { edge }) => links(&fold, at, edge),
        _ => Vec::new(),
    };
    let mut waits_for = Vec::new();
    if stands == Stands::Pending {
        gather_open(&fold, at, &mut waits_for);
    }
    Ok(Why {
        block: fold.path(at),
        kind: step.kind.kind,
        join: step.join,
        inside: fold.parent(at).map(|host| fold.path(host)),
        stands,
        edges,
        because,
        waits_for: waits_for
            .into_iter()
            .map(|at| WaitsFor { block: fold.path(at), stands: self::stands(&fold, at) })
            .collect(),
        failed: fold.record(at).map_or_else(Vec::new, |record| record.failed.clone()),
    })
}

fn edge_in(fold: &Fold, at: At, edge: crate::plan::Incoming) -> EdgeIn {
    let from = At { block: edge.from, ..at };
    let step = fold.step(from);
    let outcome = &step.outcomes[edge.outcome as usize].name;
    let fate = match fold.record(from).and_then(|record| record.end.as_ref()) {
        None => Fate::Open,
        Some((seq, Ended::With { outcome: found, .. })) if **found == **outcome => {
            Fate::Taken(*seq)
        }
        Some((_, ended)) => Fate::Dead(ended.clone()),
    };
    EdgeIn { edge: format!("{}.{outcome}", step.id), from: fold.path(from), fate }
}

fn stands(fold: &Fold, at: At) -> Stands {
    if fold.step(at).is_left_out {
        return Stands::LeftOut;
    }
    let Some(record) = fold.record(at) else {
        // A block that nothing leads to starts by itself.
        return if fold.step(at).in_degree == 0 { Stands::Due } else { pending_or_due(fold, at) };
    };
    if let Some((_, ended)) = &record.end {
        return Stands::Ended(ended.clone());
    }
    if let Some(at) = record.retry_at {
        return Stands::Retrying { attempt: record.attempt + 1, at };
    }
    match &record.wish {
        None => Stands::Running { attempt: record.attempt.max(1), since: record.since },
        Some(wish) => waiting(wish, fold),
    }
}

fn waiting(wish: &Wish, fold: &Fold) -> Stands {
    match wish {
        Wish::Items(each) => Stands::Looping { items: each.items.len() },
        Wish::Round { round, not_before, .. } => {
            Stands::Round { round: *round, not_before: *not_before }
        }
        Wish::Call { blueprint, .. } => Stands::Calling { blueprint: blueprint.clone() },
        Wish::Sleep { until } => Stands::Sleeping { until: *until },
        Wish::Answer(Question { kind, name, until, .. }) => {
            Stands::Asking { kind: *kind, name: fold.shown(name), until: *until }
        }
    }
}

/// Tells a block whose join is decided, and which has not started, from one that still waits for it.
fn pending_or_due(fold: &Fold, at: At) -> Stands {
    let step = fold.step(at);
    let fates: Vec<Fate> = step.incoming.iter().map(|edge| edge_in(fold, at, *edge).fate).collect();
    let is_taken = |fate: &Fate| matches!(fate, Fate::Taken(_));
    let all_resolved = !fates.contains(&Fate::Open);
    let is_due = match step.join {
        Join::Any | Join::Always => all_resolved,
        Join::All => all_resolved && fates.iter().all(is_taken),
        Join::First => fates.iter().any(is_taken),
    };
    if is_due { Stands::Due } else { Stands::Pending }
}

fn links(fold: &Fold, mut at: At, edge: &str) -> Vec<Link> {
    let mut links = Vec::new();
    let mut edge = edge.to_owned();
    // Edges of a plan lead forward only, so the way back ends.
    while let Some(from) = fold.source(at, &edge) {
        let Some((_, ended)) = fold.record(from).and_then(|record| record.end.as_ref()) else {
            break;
        };
        links.push(Link { edge, from: fold.path(from), ended: ended.clone() });
        let Ended::Skipped { edge: next } = ended else { break };
        (at, edge) = (from, next.clone());
    }
    links
}

/// Gathers the blocks before this one that are not pending themselves.
fn gather_open(fold: &Fold, at: At, found: &mut Vec<At>) {
    let mut work = vec![at];
    let mut seen = vec![at];
    while let Some(at) = work.pop() {
        for edge in &fold.step(at).incoming {
            let from = At { block: edge.from, ..at };
            let has_ended = fold.record(from).is_some_and(Record::has_ended);
            if has_ended || seen.contains(&from) {
                continue;
            }
            seen.push(from);
            match stands(fold, from) {
                Stands::Pending => work.push(from),
                _ => found.push(from),
            }
        }
    }
    found.sort_unstable();
}

fn no_block(fold: &Fold, typed: &str) -> NoBlock {
    let paths = fold.paths();
    let typed_plainly = without_items(typed);
    let same = paths.iter().find(|path| without_items(path) == typed_plainly);
    if same.is_none()
        && let Some(host) = fold.host_of(typed)
    {
        return NoBlock::NotReached { typed: typed.into(), host };
    }
    let near = same.map(String::as_str);
    let near = near.or_else(|| did_you_mean(typed, paths.iter().map(String::as_str)));
    NoBlock::Unknown { typed: typed.into(), near: near.map(Into::into) }
}

/// Returns a path as the file has it: `each[3].price` is `each.price`.
fn without_items(path: &str) -> String {
    let mut depth = 0_u32;
    let mut plain = String::with_capacity(path.len());
    for c in path.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain
}
