//! Rules 1 to 4, 6 and 7: how blocks end, how edges resolve, and what joins make of them.

use std::sync::Arc;

use blueprint_model::{
    blueprint::{Join, OnError},
    event::{At, CancelReason, RunError},
    value::Shared,
};

use super::{Due, RunState, Status};
use crate::plan::Step;

impl RunState {
    pub(super) fn finished(
        &mut self,
        at: At,
        outcome: &Arc<str>,
        result: &Shared,
        message: Option<&str>,
        is_return: bool,
    ) {
        self.commit(at);
        self.counts.ran += 1;
        let plan = self.scope(at.scope).plan.clone();
        let step = plan.step(self.scope(at.scope).graph, at.block);
        let outcome_ix = step.position(outcome);
        let is_handled = outcome_ix.is_some_and(|ix| step.is_handled(ix));
        let is_unhandled = step.is_unhandled(outcome_ix, is_return);
        let failure = is_unhandled.then(|| self.failure_of(at, outcome, message));
        let scope = self.scope_mut(at.scope);
        let slot = &mut scope.slots[at.block as usize];
        slot.message = message.map(Into::into);
        if slot.readers > 0 {
            slot.result = Some(result.clone());
        }
        if !is_handled && !is_return {
            scope.leaves += 1;
            scope.leaf = Some(result.clone());
        }
        if is_return && scope.returned.is_none() {
            scope.returned = Some(result.clone());
        }
        if let Some(failure) = failure {
            self.fail(at.scope, failure);
        } else if is_return {
            self.wind_down(at.scope, CancelReason::Returned, OnError::Cancel, Some(at));
        }
        self.end_with(at, step, Status::Finished, outcome_ix);
    }

    pub(super) fn end(&mut self, at: At, status: Status) {
        let plan = self.scope(at.scope).plan.clone();
        let step = plan.step(self.scope(at.scope).graph, at.block);
        self.end_with(at, step, status, None);
    }

    /// Returns the name of an incoming edge, as `from.outcome`.
    pub(super) fn edge_name(&self, at: At, edge: u32) -> String {
        let incoming = &self.step(at).incoming[edge as usize];
        let from = &self.scope(at.scope).graph().steps[incoming.from as usize];
        format!("{}.{}", from.id, from.outcomes[incoming.outcome as usize].name)
    }

    /// Resolves an edge and lets the target's join decide. `edge` is the edge's place among those
    /// that come in.
    fn resolve_edge(&mut self, scope: u32, target: u32, edge: u32, is_taken: bool) {
        let at = At { scope, block: target };
        let step = self.step(at);
        let (join, in_degree) = (step.join, step.in_degree);
        let slot = self.slot_mut(at);
        slot.open_edges -= 1;
        if is_taken {
            slot.taken += 1;
            let from = slot.from.unwrap_or(edge);
            slot.from = Some(if join == Join::First { from } else { from.min(edge) });
        }
        if slot.status != Status::Pending {
            return;
        }
        let all_resolved = slot.open_edges == 0;
        match join {
            Join::Any if all_resolved && slot.taken > 0 => self.make_due(at),
            Join::All if slot.taken == in_degree => self.make_due(at),
            Join::First if slot.taken > 0 => self.make_due(at),
            Join::Always if all_resolved => self.make_due(at),
            Join::Any | Join::First if all_resolved => self.queue.push_back(Due::Skip(at, 0)),
            Join::All if !is_taken => self.queue.push_back(Due::Skip(at, edge)),
            Join::Any | Join::All | Join::First | Join::Always => {}
        }
    }

    pub(super) fn make_due(&mut self, at: At) {
        self.set_status(at, Status::Due);
        self.starts.push_back(at);
    }

    fn end_with(&mut self, at: At, step: &Step, status: Status, outcome: Option<usize>) {
        self.set_status(at, status);
        let slot = self.slot_mut(at);
        slot.wait = None;
        slot.staged = None;
        self.drop_read_results(at.scope, step);
        for edge in &step.edges {
            let is_taken = outcome == Some(edge.outcome as usize);
            self.resolve_edge(at.scope, edge.to, edge.place, is_taken);
        }
        let scope = self.scope_mut(at.scope);
        scope.open -= 1;
        if scope.open == 0 {
            self.close(at.scope);
        }
    }

    /// Drops each result whose last reader has ended, so that a long run stays small.
    fn drop_read_results(&mut self, scope: u32, step: &Step) {
        let scope = self.scope_mut(scope);
        for read in &step.reads {
            let slot = &mut scope.slots[*read as usize];
            slot.readers -= 1;
            if slot.readers == 0 {
                slot.result = None;
            }
        }
    }

    fn failure_of(&self, at: At, outcome: &Arc<str>, message: Option<&str>) -> RunError {
        let message = message.unwrap_or("ended with an error that nothing handles");
        RunError {
            block: self.path(at).to_string(),
            outcome: outcome.to_string(),
            message: message.into(),
        }
    }

    fn fail(&mut self, scope: u32, failure: RunError) {
        let on_error = self.scope(scope).plan.on_error;
        let scope_mut = self.scope_mut(scope);
        scope_mut.failure.get_or_insert(failure);
        self.wind_down(scope, CancelReason::Failed, on_error, None);
    }
}
