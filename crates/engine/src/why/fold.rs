//! What the events say about every block, with the graphs that were begun.

use std::{collections::BTreeMap, sync::Arc};

use blueprint_model::{
    Event, EventKind, Secrets,
    block::Wish,
    event::{At, CancelReason},
};
use jiff::Timestamp;

use super::{By, Ended, Failed, Told};
use crate::{
    outline,
    plan::{Plan, Step},
    state::RunState,
};

/// What the events of a run say.
pub(super) struct Fold {
    secrets: Secrets,
    /// Every graph that was begun, by its number.
    scopes: Vec<Begun>,
    records: BTreeMap<At, Record>,
    /// Where it returned, and where errors were not handled, in order.
    returned: Vec<At>,
    unhandled: Vec<At>,
}

/// A graph that was begun.
struct Begun {
    plan: Arc<Plan>,
    graph: u32,
    parent: Option<At>,
    /// What the paths of its blocks begin with, as shown.
    prefix: String,
}

/// What is known of a block that has at least one event.
pub(super) struct Record {
    pub(super) since: Timestamp,
    pub(super) attempt: u32,
    pub(super) failed: Vec<Failed>,
    pub(super) retry_at: Option<Timestamp>,
    pub(super) wish: Option<Wish>,
    /// How it ended, and as which fact.
    pub(super) end: Option<(u64, Ended)>,
}

impl Record {
    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
    }
}

impl Fold {
    pub(super) fn of(told: &Told<'_>) -> Self {
        let mut fold = Self {
            secrets: told.secrets.clone(),
            scopes: Vec::new(),
            records: BTreeMap::new(),
            returned: Vec::new(),
            unhandled: Vec::new(),
        };
        let mut state = RunState::new(told.plan.clone(), told.library.clone(), told.max_depth);
        for event in told.events {
            fold.take(event);
            // The same fold as in the run numbers the graphs; it forgets those that are over.
            state.apply(&event.kind, event.time);
            for number in u32::try_from(fold.scopes.len()).unwrap_or(u32::MAX)..state.opened() {
                let scope = state.scope(number);
                fold.scopes.push(Begun {
                    plan: scope.plan.clone(),
                    graph: scope.graph,
                    parent: scope.parent.map(|(parent, _)| parent),
                    prefix: fold.shown(&scope.prefix),
                });
            }
        }
        fold
    }

    pub(super) fn record(&self, at: At) -> Option<&Record> {
        self.records.get(&at)
    }

    pub(super) fn step(&self, at: At) -> &Step {
        let begun = &self.scopes[at.scope as usize];
        &begun.plan.graphs[begun.graph as usize].steps[at.block as usize]
    }

    pub(super) fn path(&self, at: At) -> String {
        format!("{}{}", self.scopes[at.scope as usize].prefix, self.step(at).id)
    }

    pub(super) fn parent(&self, at: At) -> Option<At> {
        self.scopes[at.scope as usize].parent
    }

    /// Returns a text as people see it: handles by name.
    pub(super) fn shown(&self, text: &str) -> String {
        self.secrets.view_text(text).unwrap_or_else(|| text.into())
    }

    /// Returns the block with this path. A path that was begun twice, by a second attempt, is the last.
    pub(super) fn find(&self, path: &str) -> Option<At> {
        let found = (0..self.scopes.len()).rev().find_map(|number| {
            let begun = &self.scopes[number];
            let id = path.strip_prefix(begun.prefix.as_str())?;
            let steps = &begun.plan.graphs[begun.graph as usize].steps;
            let block = steps.iter().position(|step| *step.id == *id)?;
            Some((number, block))
        });
        let (scope, block) = found?;
        Some(At { scope: u32::try_from(scope).ok()?, block: u32::try_from(block).ok()? })
    }

    /// Returns the paths of all blocks in graphs that were begun.
    pub(super) fn paths(&self) -> Vec<String> {
        let of = |begun: &Begun| {
            let prefix = begun.prefix.clone();
            let steps = begun.plan.graphs[begun.graph as usize].steps.iter();
            steps.map(move |step| format!("{prefix}{}", step.id)).collect::<Vec<_>>()
        };
        self.scopes.iter().flat_map(of).collect()
    }

    /// Returns the block of the same graph that an edge, as `from.outcome`, comes from.
    pub(super) fn source(&self, at: At, edge: &str) -> Option<At> {
        let incoming = self.step(at).incoming.iter();
        incoming.map(|edge| (edge, At { block: edge.from, ..at })).find_map(|(into, from)| {
            let step = self.step(from);
            let outcome = &step.outcomes[into.outcome as usize].name;
            (format!("{}.{outcome}", step.id) == edge).then_some(from)
        })
    }

    /// Returns the block around `path`, if its graph has that block and was never begun.
    pub(super) fn host_of(&self, path: &str) -> Option<String> {
        let cut = path.rfind(['.', '/'])?;
        let (graph, id) = (&path[..cut], &path[cut + 1..]);
        let host =
            graph.strip_suffix(']').and_then(|graph| graph.rfind('[').map(|at| &graph[..at]));
        let host = self.find(host.unwrap_or(graph))?;
        let (begun, step) = (&self.scopes[host.scope as usize], self.step(host));
        let body = step.body.map(|body| &begun.plan.graphs[body as usize].steps);
        let is_known = match body {
            Some(steps) => steps.iter().any(|step| *step.id == *id),
            None => outline::callee(step).is_some() && path[cut..].starts_with('/'),
        };
        is_known.then(|| self.path(host))
    }

    fn take(&mut self, event: &Event) {
        let Some((at, _)) = event.kind.block() else { return };
        let record = self.records.entry(at).or_insert_with(|| Record {
            since: event.time,
            attempt: 0,
            failed: Vec::new(),
            retry_at: None,
            wish: None,
            end: None,
        });
        let ended = match &event.kind {
            EventKind::BlockStarted { attempt, .. } => {
                record.attempt = *attempt;
                (record.retry_at, record.wish) = (None, None);
                return;
            }
            EventKind::AttemptFailed { attempt, outcome, message, retry_at, .. } => {
                record.attempt = *attempt;
                (record.retry_at, record.wish) = (Some(*retry_at), None);
                let message = self.secrets.view_text(message).unwrap_or_else(|| message.clone());
                record.failed.push(Failed {
                    attempt: *attempt,
                    outcome: outcome.to_string(),
                    message,
                    time: event.time,
                    retry_at: *retry_at,
                });
                return;
            }
            EventKind::BlockWaiting { wish, .. } => {
                (record.retry_at, record.wish) = (None, Some(wish.clone()));
                return;
            }
            EventKind::BlockFinished {
                outcome, message, is_return, duration_us, attempt, ..
            } => {
                if *is_return {
                    self.returned.push(at);
                } else if self.step(at).is_unhandled(self.step(at).position(outcome), false) {
                    self.unhandled.push(at);
                }
                Ended::With {
                    outcome: outcome.to_string(),
                    message: message.as_deref().map(|message| self.shown(message)),
                    duration_us: *duration_us,
                    attempt: *attempt,
                }
            }
            EventKind::BlockSkipped { edge, .. } => Ended::Skipped { edge: edge.clone() },
            EventKind::BlockCancelled { reason, .. } => {
                Ended::Cancelled { reason: *reason, by: self.by(at, *reason) }
            }
            EventKind::RunStarted { .. }
            | EventKind::AnswerReceived { .. }
            | EventKind::StateChanged { .. }
            | EventKind::SecretUsed { .. }
            | EventKind::SecretDerived { .. }
            | EventKind::Log { .. }
            | EventKind::RunResumed { .. }
            | EventKind::CancelRequested { .. }
            | EventKind::RunFinished { .. } => return,
        };
        if let Some(record) = self.records.get_mut(&at) {
            record.end = Some((event.seq, ended));
        }
    }

    /// Returns who cancelled a block: whatever made its graph, or one around it, wind down.
    fn by(&self, at: At, reason: CancelReason) -> By {
        let named = |at: Option<At>| at.map_or(By::Somebody, |at| By::Block(self.path(at)));
        let around = std::iter::successors(Some(at), |at| self.parent(*at));
        let first_in = |list: &[At], scope: u32| list.iter().copied().find(|at| at.scope == scope);
        match reason {
            CancelReason::Requested => By::Somebody,
            CancelReason::Deadline => By::Clock,
            CancelReason::Returned => {
                named(around.into_iter().find_map(|at| first_in(&self.returned, at.scope)))
            }
            CancelReason::Timeout => {
                named(around.into_iter().find(|at| self.step(*at).timeout.is_some()))
            }
            CancelReason::Failed => named(around.into_iter().find_map(|at| {
                first_in(&self.unhandled, at.scope).or_else(|| self.failed_beside(at.scope))
            })),
        }
    }

    /// Returns the error in another item of the same loop.
    fn failed_beside(&self, scope: u32) -> Option<At> {
        let parent = self.scopes[scope as usize].parent?;
        let is_beside = |at: &At| self.scopes[at.scope as usize].parent == Some(parent);
        self.unhandled.iter().copied().find(is_beside)
    }
}
